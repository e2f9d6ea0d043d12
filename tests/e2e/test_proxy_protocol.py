# SPDX-License-Identifier: GPL-3.0-or-later
"""PROXY protocol: from trusted balancers it names the source that is judged; towards upstreams it carries it on."""
import ipaddress
import socket
import struct

import pytest

from daemon import cluster
from net import V4, V6
from peers import Upstream, client_hello, is_reset, read_hello, recv_exactly

SIG = b"\r\n\r\n\0\r\nQUIT\n"


def v1(source, destination=V4):
    family = "TCP6" if ":" in source else "TCP4"
    return ("PROXY %s %s %s 51000 443\r\n" % (family, source, destination)).encode()


def v2(source, destination=V4, tlv=b"", command=0x21):
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    body = a.packed + b.packed + struct.pack("!HH", 51000, 443) + tlv
    return SIG + bytes([command, 0x11 if a.version == 4 else 0x21]) + struct.pack("!H", len(body)) + body


@pytest.fixture(scope="module")
def trusting():
    from daemon import Posternd
    d = Posternd("--trust-proxy", "100.64.9.9/32", "--trust-proxy", "2001:db8:c::/48", "--hello-timeout", "2")
    try:
        yield d.start()
    finally:
        d.close()


@pytest.fixture
def up(trusting):
    with Upstream(_hi) as u:
        trusting.put(cluster("pp", [u.at], ["203.0.113.0/24", "2001:db8:a::/48"]))
        yield u


def _hi(s, _):
    read_hello(s)
    s.sendall(b"hi")
    s.recv(1)


def ask(place, d, prefix, host=V4, dribble=False):
    s = place.connect(host, d.port)
    data = prefix + client_hello("pp.example.org")
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for i in range(0, len(data), 1 if dribble else len(data)):
            s.sendall(data[i:i + (1 if dribble else len(data))])
        return recv_exactly(s, 2) == b"hi"
    except (ConnectionResetError, BrokenPipeError):
        return False
    finally:
        s.close()


@pytest.mark.parametrize("dribble", [False, True])
@pytest.mark.parametrize("head", [v1, v2])
def test_trusted_balancer_names_the_source(trusting, up, balancer, head, dribble):
    assert ask(balancer, trusting, head("203.0.113.77"), dribble=dribble)
    assert not ask(balancer, trusting, head("198.51.100.1"), dribble=dribble)
    assert ask(balancer, trusting, head("2001:db8:a::77", V6), V6, dribble)
    assert not ask(balancer, trusting, head("2001:db8:b::77", V6), V6, dribble)


def test_source_in_events_is_the_judged_one(trusting, up, balancer):
    with trusting.events() as ev:
        assert not ask(balancer, trusting, v2("198.51.100.1"))
        e = ev.wait("refused", cluster="pp")
    assert (e["source"], e["sourcePort"]) == ("198.51.100.1", 51000)


def test_tlvs_are_passed_over(trusting, up, balancer):
    assert ask(balancer, trusting, v2("203.0.113.77", tlv=b"\x04\x00\x03abc"))


def test_v4_mapped_source_is_its_v4_address(trusting, up, balancer):
    assert ask(balancer, trusting, v2("::ffff:203.0.113.77", "::ffff:192.0.2.1"))


@pytest.mark.parametrize("prefix", [b"", b"PROXY TCP4 203.0.113.77\r\n", b"PROXY " + b"x" * 200 + b"\r\n", SIG + b"\x31\x11\x00\x00",
                                    SIG + b"\x21\x11\x00\x02\x00\x00", v1("203.0.113.77")[:-2]],
                         ids=["none", "v1-short", "v1-endless", "v2-version", "v2-short", "v1-no-end"])
def test_trusted_balancer_must_send_a_valid_header(trusting, up, balancer, prefix):
    before = up.accepted
    with trusting.events() as ev:
        assert not ask(balancer, trusting, prefix)
        assert ev.wait("refused")["reason"] == "proxy-header"
    assert up.accepted == before


def test_untrusted_sender_cannot_claim_a_source(trusting, up, bob, alice):
    """bob says that he is alice: his header is no ClientHello."""
    with trusting.events() as ev:
        for head in (v1("203.0.113.10"), v2("203.0.113.10")):
            assert not ask(bob, trusting, head)
            assert ev.wait("refused", source=bob.v4)["reason"] == "not-tls"
    assert up.accepted == 0
    assert ask(alice, trusting, b"")


@pytest.mark.parametrize("host", [V4, V6])
def test_v2_towards_upstream(postern, alice, host):
    got = []

    def handler(s, _):
        head = recv_exactly(s, 16)
        got.append((head, recv_exactly(s, struct.unpack("!H", head[14:])[0])))
        read_hello(s)
        s.sendall(b"hi")
    with Upstream(handler) as u:
        postern.put(cluster("ppup", [u.at], proxyProtocol="v2"))
        s = alice.connect(host, postern.port)
        source = s.getsockname()
        s.sendall(client_hello("ppup.example.org"))
        assert recv_exactly(s, 2) == b"hi"
        s.close()
    head, body = got[0]
    n = 4 if host == V4 else 16
    assert head[:12] == SIG and head[12] == 0x21 and head[13] == (0x11 if host == V4 else 0x21)
    assert str(ipaddress.ip_address(body[:n])) == source[0]
    assert str(ipaddress.ip_address(body[n:2 * n])) == host
    assert struct.unpack("!HH", body[2 * n:2 * n + 4]) == (source[1], postern.port)


def test_v2_towards_upstream_keeps_the_balancers_word(trusting, balancer):
    got = []

    def handler(s, _):
        head = recv_exactly(s, 16)
        got.append(recv_exactly(s, struct.unpack("!H", head[14:])[0]))
        read_hello(s)
        s.sendall(b"hi")
    with Upstream(handler) as u:
        trusting.put(cluster("pp", [u.at], proxyProtocol="v2"))
        assert ask(balancer, trusting, v1("203.0.113.99"))
    assert str(ipaddress.ip_address(got[0][:4])) == "203.0.113.99"
    assert struct.unpack("!H", got[0][8:10])[0] == 51000


def test_untimely_reset_is_no_crash(trusting, up, balancer):
    """Half a header, then gone."""
    from peers import abort
    for n in (1, 11, 12, 15, 16, 20):
        s = balancer.connect(V4, trusting.port)
        s.sendall(v2("203.0.113.77")[:n])
        abort(s)
    s = balancer.connect(V4, trusting.port)
    s.sendall(v2("203.0.113.77")[:10])
    assert is_reset(s)
    assert ask(balancer, trusting, v2("203.0.113.77"))
