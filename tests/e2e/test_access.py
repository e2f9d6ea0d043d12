# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets in: ranges, names, the public switch; and that who does not learns nothing."""
import contextlib
import ipaddress
import socket
import time

import pytest

from daemon import cluster, wait_until
from net import V4, V6
from peers import Line, client_hello, is_reset, recv_exactly

ALICE = ["203.0.113.0/24", "2001:db8:a::/48"]


def reaches(place, d, name, host=V4):
    try:
        with Line(place, d, name, host):
            return True
    except (ConnectionResetError, EOFError):
        return False


def refused(place, d, hello, host=V4):
    """The connection is reset, before any byte."""
    s = place.connect(host, d.port)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        s.sendall(hello)
    return is_reset(s)


@pytest.mark.parametrize("host", [V4, V6])
def test_ranges(postern, upstream, alice, bob, host):
    postern.put(cluster("acc", [upstream.at], ALICE))
    assert reaches(alice, postern, "acc.example.org", host)
    assert refused(bob, postern, client_hello("acc.example.org"), host)


def test_denied_learns_nothing(postern, upstream, bob):
    """Reset before any byte, no upstream connection, an event that says why, a counter."""
    postern.put(cluster("quiet", [upstream.at], ALICE))
    before = postern.counter("refused_ranges_total")
    with postern.events() as ev:
        assert refused(bob, postern, client_hello("quiet.example.org"))
        e = ev.wait("refused", cluster="quiet")
    assert (e["source"], e["serverName"], e["reason"]) == (bob.v4, "quiet.example.org", "not-in-ranges")
    assert e["rule"]
    assert postern.counter("refused_ranges_total") == before + 1
    assert upstream.accepted == 0
    assert postern.get("quiet")["status"]["refused"] >= 1


def test_real_tls_passes_untouched(postern, tls, alice):
    from peers import Upstream
    with Upstream(tls.echo) as u:
        postern.put(cluster("tls", [u.at]))
        with tls.wrap(alice.connect(V4, postern.port), "tls.example.org") as t:
            t.sendall(b"through")
            assert t.recv(7) == b"through"


def test_public_off_and_on(postern, upstream, alice):
    postern.put(cluster("sw", [upstream.at], ALICE))
    assert reaches(alice, postern, "sw.example.org")
    postern.patch("sw", {"public": {"enabled": False}}, force="true")
    with postern.events() as ev:
        assert refused(alice, postern, client_hello("sw.example.org"))
        assert ev.wait("refused", cluster="sw")["reason"] == "public-off"
    assert postern.get("sw")["document"]["public"]["ranges"] == ALICE
    postern.patch("sw", {"public": {"enabled": True}})
    assert reaches(alice, postern, "sw.example.org")


@pytest.mark.parametrize("hello, reason", [
    (client_hello("nobody.example.net"), "unknown-name"),
    (client_hello(None), "no-server-name"),
    (b"GET / HTTP/1.1\r\nHost: acc.example.org\r\n\r\n", "not-tls"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "not-tls"),
    # A handshake record whose message says that it is a ServerHello; one whose lengths contradict each other.
    (b"\x16\x03\x01\x00\x06\x02\x00\x00\x02\x03\x03", None),
    (b"\x16\x03\x01\x00\x2a\x01\x00\x00\x26\x03\x03" + bytes(32) + b"\x21" + bytes(3), "malformed-hello"),
], ids=["unknown-name", "no-name", "http", "ssh", "not-client-hello", "malformed"])
def test_strange_clients_are_reset(postern, upstream, alice, hello, reason):
    postern.put(cluster("strange", [upstream.at]))
    with postern.events() as ev:
        before = postern.metrics()
        assert refused(alice, postern, hello)
        e = ev.wait("refused", source=alice.v4)
    if reason:
        assert e["reason"] == reason
    after = postern.metrics()
    grown = [k for k in after if k.startswith("gate_refused_") and after[k] != before.get(k, 0)]
    assert len(grown) == 1
    assert upstream.accepted == 0


def test_hello_too_large(postern, alice):
    with postern.events() as ev:
        assert refused(alice, postern, client_hello("big.example.org", pad=17000))
        assert ev.wait("refused", source=alice.v4)["reason"] == "hello-too-large"


def test_hello_that_never_ends(postern, alice):
    with postern.events() as ev:
        assert refused(alice, postern, client_hello("slow.example.org")[:40])
        assert ev.wait("refused", source=alice.v4)["reason"] == "hello-timeout"


@pytest.mark.parametrize("pad, split", [(0, 0), (0, 1), (0, 7), (0, 64), (4000, 7), (15000, 0), (15000, 64)])
def test_hello_in_pieces(postern, upstream, alice, pad, split):
    """Over many records, and over many segments that arrive apart."""
    postern.put(cluster("pieces", [upstream.at]))
    hello = client_hello("pieces.example.org", pad=pad, split=split)
    s = alice.connect(V4, postern.port)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    step = 3 if len(hello) < 2000 else 1000
    for i in range(0, len(hello), step):
        s.sendall(hello[i:i + step])
        time.sleep(0)
    assert recv_exactly(s, 2) == b"hi"
    s.close()


def test_wildcard_and_case(postern, upstream, alice):
    postern.put(cluster("wild", [upstream.at], names=["wild.internal", "*.wild.example.org"]))
    for name in ("wild.internal", "a.wild.example.org", "WILD.Example.ORG", "B.wild.EXAMPLE.org"):
        assert reaches(alice, postern, name), name
    for name in ("a.b.wild.example.org", "x.wild.internal", "xwild.example.org"):
        assert refused(alice, postern, client_hello(name)), name


def test_empty_ranges_admit_nobody_absent_ranges_everybody(postern, upstream, alice, bob):
    postern.put(cluster("empty", [upstream.at], []))
    assert refused(alice, postern, client_hello("empty.example.org"))
    assert refused(alice, postern, client_hello("empty.example.org"), V6)
    postern.put(cluster("empty", [upstream.at]))
    for place, host in ((alice, V4), (alice, V6), (bob, V4), (bob, V6)):
        assert reaches(place, postern, "empty.example.org", host)


def test_explain_says_what_the_packets_do(postern, upstream, alice, bob):
    """Every combination of a few ranges: the wire and explain agree with plain arithmetic."""
    pool = ["203.0.113.10/32", "203.0.113.0/28", "198.51.100.0/22", "0.0.0.0/0", "2001:db8:a::/48", "2001:db8::/32", "::/0"]
    for bits in (0, 1, 2, 4, 5, 8, 16, 17, 32, 64, 68, 72):
        ranges = [r for i, r in enumerate(pool) if bits >> i & 1]
        # The host bits of 198.51.100.0/22 are none: it is its own network.
        postern.put(cluster("oracle", [upstream.at], ranges))
        for place in (alice, bob):
            for host, source in ((V4, place.v4), (V6, place.v6)):
                a = ipaddress.ip_address(source)
                expected = any(a in ipaddress.ip_network(r) for r in ranges)
                assert postern.explain("oracle", source)["reached"] == expected, (ranges, source)
                assert reaches(place, postern, "oracle.example.org", host) == expected, (ranges, source)


def test_rules_change_after_success_only_forward(postern, upstream, alice):
    """A request made after the operation says succeeded behaves by the new rules, each time."""
    for i in range(40):
        r = postern.put(cluster("flip", [upstream.at], ALICE if i % 2 else []))
        assert r["operation"]["status"] == "succeeded"
        assert reaches(alice, postern, "flip.example.org") == bool(i % 2)


def test_same_server_name_twice_is_a_conflict(postern, upstream):
    from daemon import ApiError
    postern.put(cluster("one", [upstream.at], names=["shared.example.org"]))
    with pytest.raises(ApiError) as e:
        postern.put(cluster("two", [upstream.at], names=["shared.example.org"]))
    assert e.value.status == 409 and "one" in e.value.message


def test_connection_list_says_why(postern, upstream, alice):
    postern.put(cluster("why", [upstream.at], ALICE))
    with Line(alice, postern, "why.example.org") as line:
        c = wait_until("the connection listed", lambda: postern.connections("why"))[0]
        assert (c["source"], c["sourcePort"], c["state"]) == (alice.v4, line.local_port, "open")
        assert c["upstream"] == "%s:%d" % upstream.at
        assert c["why"] == {"rule": "range", "range": "203.0.113.0/24"}
