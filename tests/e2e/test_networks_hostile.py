# SPDX-License-Identifier: GPL-3.0-or-later
"""
Who is root on a host and means harm: it sends as others, past groups, around the gate, over links that carry no transit.

    a 10.1     a-1 public (p1, p2), a-2 behind a NAT gateway (n1), a-3 without a way out (x1)
    b 10.2     peered with a, its default route leads there (b1)
    twin-1, twin-2   the same 10.9, each with a public host (t1, t2)
"""
import contextlib
import os
import select
import socket
import struct
import subprocess
import time

import pytest

import net
import netd_world
from daemon import wait_until
from networks import Networks, Pair, connects, doc, host, network

ENDPOINT = {4: "10.1.1.100", 6: "fd00:0:1:1::64"}
HOSTS = {"p1": (1, 1, 10), "p2": (1, 1, 11), "n1": (1, 2, 10), "x1": (1, 3, 10), "b1": (2, 1, 10)}
PUBLIC = {"p1": {4: "198.51.100.140", 6: "2001:db8:f::a"}, "p2": {4: "198.51.100.141", 6: "2001:db8:f::b"},
          "nat": {4: "198.51.100.142", 6: "2001:db8:f::c"}, "t1": {4: "198.51.100.143", 6: "2001:db8:f::d"},
          "t2": {4: "198.51.100.144", 6: "2001:db8:f::e"}}
PRIVATE_UPSTREAM = "10.0.0.5"
FAMILIES = pytest.mark.parametrize("f", [4, 6])
SILENCE = 0.4  # seconds; how long nothing has to come


def at(name, f):
    n, s, last = HOSTS[name]
    return "10.%d.%d.%d" % (n, s, last) if f == 4 else "fd00:0:%d:%d::%x" % (n, s, last)


def default(table, net_name, via):
    return doc("route-table", table, network=net_name, routes=[{"to": to, "via": via} for to in ("0.0.0.0/0", "::/0")])


def public(name):
    return doc("public-address", name, addresses=list(PUBLIC[name].values()))


def twin(n):
    name = "twin-%d" % n
    return network(name, 9, table=name) + [
        doc("internet-gateway", name, network=name), default(name, name, {"internetGateway": name}), public("t%d" % n),
        host("t%d" % n, name + "-1", 9, 1, 10, publicAddress="t%d" % n)]


def landscape():
    a = network("a", 1, subnets=(1, 2, 3))
    a[1]["routeTable"], a[2]["routeTable"] = "a-public", "a-nat"
    return a + network("b", 2, table="b") + [
        doc("internet-gateway", "a", network="a"), default("a-public", "a", {"internetGateway": "a"}),
        doc("nat-gateway", "a-nat", subnet="a-1", publicAddress="nat"), default("a-nat", "a", {"natGateway": "a-nat"}),
        doc("peering", "a-b", networks=["a", "b"]), default("b", "b", {"peering": "a-b"}),
    ] + [public(p) for p in ("p1", "p2", "nat")] + [
        host(h, "%s-%d" % ("ab"[n - 1], s), n, s, last, **({"publicAddress": h} if h in PUBLIC else {}))
        for h, (n, s, last) in HOSTS.items()] + twin(1) + twin(2)


@pytest.fixture(scope="module")
def _daemon():
    net.own_run()
    net.forward()
    d = Networks("--public-pool", "198.51.100.128/25", "--public-pool", "2001:db8:f::/64")
    try:
        d.start()
        d.cli_apply(*landscape())
        yield d
    finally:
        d.close()


@pytest.fixture
def nets(_daemon):
    """The landscape as it is described above, whatever the test before has made of it."""
    wait_until("the daemon up", _daemon.is_up)
    _daemon.cli_apply(*landscape())
    yield _daemon


@pytest.fixture
def stranger(alice):
    """On the internet, with a way to more of it than the daemon itself."""
    alice.run("ip", "route", "replace", "default", "via", net.V4, "dev", "eth0", "onlink")
    return alice


# --- tools -----------------------------------------------------------------------------------------------------------


def udp(place, address="", port=0, family=4):
    s = place.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    return s


def heard(sock, timeout=SILENCE):
    """What came, or None. Of what has to come, wait longer."""
    ready, _, _ = select.select([sock], [], [], timeout)
    return sock.recvfrom(2048) if ready else None


@contextlib.contextmanager
def wears(place, address):
    """An address that is not the host's own, as root there can give itself."""
    place.run("ip", "addr", "add", "%s/%d" % (address, 128 if ":" in address else 32), "dev", "lo",
              *(["nodad"] if ":" in address else []))
    try:
        yield
    finally:
        place.run("ip", "addr", "del", "%s/%d" % (address, 128 if ":" in address else 32), "dev", "lo")


def sniffer(place, link="eth0"):
    with place.entered():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        s.bind((link, 3))
    return s


def sees(sock, condition, timeout=SILENCE):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        ready, _, _ = select.select([sock], [], [], max(0, end - time.monotonic()))
        if ready and condition(sock.recv(2048)):
            return True
    return False


def reached(client, server, address, port=8081):
    """As connects(), of an address that is not the server's own."""
    with server.listen("::" if ":" in address else "0.0.0.0", port):
        try:
            client.connect(address, port, timeout=2).close()
            return True
        except OSError as e:
            return e.strerror or "silence"


def raw_v6(place, source, to, next_header, payload, hops=255):
    """A packet made by hand. No other source could be sent by a host of ours than by one that is root in its namespace."""
    head = struct.pack("!IHBB", 6 << 28, len(payload), next_header, hops)
    packet = head + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to) + payload
    with place.entered():
        s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with s:
        s.sendto(packet, (to, 0))


def icmpv6(source, to, kind, body):
    pseudo = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to)
    data = struct.pack("!BBH", kind, 0, 0) + body
    total = sum(struct.unpack("!%dH" % ((len(pseudo) + 8 + len(data)) // 2),
                              pseudo + struct.pack("!II", len(data), 58) + data))
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return struct.pack("!BBH", kind, 0, ~total & 0xffff) + body


def reaches_udp(client, server, address, port=5353, source=None):
    f = 6 if ":" in address else 4
    with udp(server, "", port, f) as there, udp(client, source or "", 0, f) as here:
        try:
            here.sendto(b"x", (address, port))
        except OSError:
            return False
        return heard(there, SILENCE) is not None


# --- sending as somebody else ----------------------------------------------------------------------------------------


@FAMILIES
def test_sends_as_nobody_else(nets, f):
    p1, p2 = nets.place("p1"), nets.place("p2")
    assert reaches_udp(p1, p2, at("p2", f))
    for other in (at("n1", f), at("b1", f), ENDPOINT[f], PUBLIC["p1"][f], PUBLIC["p2"][f]):
        with wears(p1, other):
            assert not reaches_udp(p1, p2, at("p2", f), source=other), other
            assert not reaches_udp(p1, nets.place("b1"), at("b1", f), source=other), other


def test_neighbour_discovery_carries_nothing_on(nets):
    """It is for a link's other end: neither to another host, nor by a source that is not the sender's."""
    p1, p2 = nets.place("p1"), nets.place("p2")
    body = b"\0" * 4 + socket.inet_pton(socket.AF_INET6, at("p2", 6)) + b"a secret"
    with sniffer(p2) as s:
        for source in (at("p1", 6), at("b1", 6)):
            for kind in (133, 134, 135, 136, 137):
                raw_v6(p1, source, at("p2", 6), 58, icmpv6(source, at("p2", 6), kind, body))
        assert not sees(s, lambda d: b"a secret" in d)


def test_no_source_of_a_peer_from_the_internet(nets):
    """A packet that says that it comes from a peered network came from there, or is thrown away."""
    p1, inet = nets.place("p1"), net.Router()
    peers = [{"protocol": "udp", "ranges": ["10.2.0.0/16", "fd00:0:2::/48"]}]
    nets.cli_apply(doc("security-group", "peers", network="a", ingress=peers),
                   host("p1", "a-1", *HOSTS["p1"], publicAddress="p1", securityGroups=["peers"]))
    for f in (4, 6):
        with wears(inet, at("b1", f)):
            assert not reaches_udp(inet, p1, PUBLIC["p1"][f], source=at("b1", f))
        assert reaches_udp(nets.place("b1"), p1, at("p1", f))


def test_settings_of_a_router_are_its_own(nets):
    """What somebody set otherwise is set back: redirects and source routes would lead around the routes."""
    router = net.Namespace(nets.prefix_name + ".net.a")
    router.run("sysctl", "-qw", "net.ipv4.conf.all.accept_source_route=1")
    router.run("ip", "addr", "del", "169.254.254.2/32", "dev", "up")  # settings alone are not heard of
    wait_until("mended", lambda: router.run("sysctl", "-n", "net.ipv4.conf.all.accept_source_route").strip() == "0")
    for name in ("ipv4.conf.all.accept_redirects", "ipv6.conf.all.accept_source_route", "ipv4.conf.all.proxy_arp"):
        assert router.run("sysctl", "-n", "net." + name).strip() == "0", name


# --- the daemon's namespace ------------------------------------------------------------------------------------------


@FAMILIES
@pytest.mark.parametrize("who", ["p1", "n1", "x1", "b1", "t1"])
def test_of_the_daemon_only_the_public_listeners(nets, who, f):
    inet, place = net.Router(), nets.place(who)
    listener = (net.V4 if f == 4 else net.V6)
    if who in ("p1", "n1", "t1"):
        place.connect(listener, nets.port, timeout=3).close()
    for address in {4: [net.V4, PRIVATE_UPSTREAM, "169.254.254.1", "127.0.0.1"], 6: [net.V6, "fe80::1%eth0"]}[f]:
        if address == "127.0.0.1":
            assert connects(place, inet, address, nets.metrics_port) is not True
            continue
        if "%" not in address:
            assert connects(place, inet, address, 6443) is not True, address
            assert not reaches_udp(place, inet, address), address
    assert connects(place, net.Router(), listener, nets.metrics_port) is not True


# --- transit ---------------------------------------------------------------------------------------------------------


@FAMILIES
def test_no_transit(nets, stranger, f):
    b1 = nets.place("b1")
    outside = stranger.v4 if f == 4 else stranger.v6
    assert connects(b1, nets.place("p1"), at("p1", f)) is True
    assert connects(b1, stranger, outside) is not True
    assert reached(b1, nets.place("p2"), PUBLIC["p2"][f]) is not True
    assert connects(nets.place("n1"), stranger, outside) is True
    assert connects(nets.place("x1"), stranger, outside) is not True


@FAMILIES
def test_what_comes_from_the_internet(nets, stranger, f):
    assert reached(stranger, nets.place("p1"), PUBLIC["p1"][f]) is True
    assert reached(stranger, nets.place("n1"), PUBLIC["nat"][f]) is not True
    assert reached(nets.place("p2"), nets.place("p1"), PUBLIC["p1"][f]) is True  # out and in again
    assert reached(stranger, nets.place("p1"), at("p1", f)) is not True
    assert reached(nets.place("t1"), nets.place("t2"), PUBLIC["t2"][f]) is True


# --- what outlives its rule ------------------------------------------------------------------------------------------


@FAMILIES
def test_udp_ends_with_its_rule_in_both_directions(nets, f):
    """Also what comes as an answer."""
    group = doc("security-group", "talk", network="a",
                ingress=[{"protocol": "udp", "ports": 5353, "ranges": ["0.0.0.0/0", "::/0"]}])
    closed = doc("security-group", "shut", network="a", ingress=[])
    members = [host("p1", "a-1", *HOSTS["p1"], publicAddress="p1", securityGroups=["talk"]),
               host("p2", "a-1", *HOSTS["p2"], publicAddress="p2", securityGroups=["shut"])]
    nets.cli_apply(group, closed, *members)
    with udp(nets.place("p1"), "", 5353, f) as server, udp(nets.place("p2"), "", 0, f) as client:
        client.sendto(b"1", (at("p1", f), 5353))
        _, who = heard(server, 5)
        server.sendto(b"2", who)
        assert heard(client, 5)
        nets.cli_apply({**group, "ingress": []})
        client.sendto(b"3", (at("p1", f), 5353))
        assert not heard(server)
        server.sendto(b"4", who)
        assert not heard(client)


@FAMILIES
def test_a_public_address_that_moves_takes_its_flows_along(nets, stranger, f):
    """To another host of the network, while a stranger keeps sending on the flow that it had with the first."""
    p1, p2 = nets.place("p1"), nets.place("p2")
    with udp(p1, "", 5353, f) as one, udp(p2, "", 5353, f) as two, udp(stranger, "", 0, f) as caller:
        caller.sendto(b"1", (PUBLIC["p1"][f], 5353))
        assert heard(one, 5)
        one.sendto(b"2", seen_from(caller, one, f))
        assert heard(caller, 5)
        nets.cli_apply(host("p1", "a-1", *HOSTS["p1"]), host("p2", "a-1", *HOSTS["p2"], publicAddress="p1"))
        caller.sendto(b"3", (PUBLIC["p1"][f], 5353))
        assert not heard(one)
        caller.sendto(b"4", (PUBLIC["p1"][f], 5353))
        assert heard(two, 5)


def seen_from(caller, server, f):
    """Where the caller's packets seem to come from."""
    caller.sendto(b"who", (PUBLIC["p1"][f], 5353))
    return heard(server, 5)[1]


def test_a_public_address_moves_between_networks(nets):
    """In one change, to a router that is made ready before the one that had it."""
    nets.cli_apply(doc("host", "t1", subnet="twin-1-1", addresses=["10.9.1.10", "fd00:0:9:1::a"]),
                   host("p1", "a-1", *HOSTS["p1"], publicAddress="t1"))
    nets.cli_apply(host("p1", "a-1", *HOSTS["p1"]), host("t2", "twin-2-1", 9, 1, 10, publicAddress="p1"))
    nets.cli_apply(*landscape())
    assert "networks.failed" not in nets.read_log()


# --- what netd must not do, and not do in the wrong order ---------------------------------------------------------------


def test_a_forged_mark_brings_nothing_into_the_daemons_namespace(nets):
    """In a router it is the mark of an interface that goes back to the daemon's namespace, by a name of its own."""
    p1 = nets.place("p1")
    p1.run("ip", "link", "add", "evil", "type", "veth", "peer", "name", "evil2")
    p1.run("ip", "link", "set", "evil", "alias", "postern:%s:evil0" % nets.prefix_name)
    wait_until("the mark seen", lambda: "evil:" not in p1.run("ip", "-o", "link").replace("@", ":"))
    assert "evil0" not in net.run("ip", "-o", "link")


@FAMILIES
def test_two_hosts_exchange_their_addresses(nets, f):
    """When the operation is done they have a way, and not a moment later."""
    nets.cli_apply(host("p1", "a-1", *HOSTS["p2"], publicAddress="p1"), host("p2", "a-1", *HOSTS["p1"], publicAddress="p2"))
    assert connects(nets.place("p1"), nets.place("p2"), at("p1", f)) is True
    assert connects(nets.place("n1"), nets.place("p1"), at("p2", f)) is True


def test_a_second_daemon_by_the_same_names_touches_nothing(nets):
    before, mended = nets.snapshot(), nets.read_log().count("drift.mended")
    second = Networks("--public-pool", "198.51.100.64/26", gates=1)
    second.options[second.options.index("--netns-prefix") + 1] = nets.prefix_name
    with Pair(nets.place("p1"), nets.place("p2"), at("p2", 4)) as pair:
        with second:
            p = second.cli_apply(*network("other", 5), check=False)
            assert p.returncode and "--netns-prefix" in p.stderr, p.stderr + p.stdout
            pair.ping()
        assert nets.snapshot() == before
        assert nets.read_log().count("drift.mended") == mended


@contextlib.contextmanager
def owned_table(place=None):
    """Our table's name taken by somebody who does not let go: no ruleset of ours can be made there."""
    with netd_world.at(place):
        p = subprocess.Popen(["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             text=True)
        p.stdin.write("add table inet %s { flags owner; }\n" % netd_world.PREFIX)
        p.stdin.flush()
        wait_until("the table", lambda: netd_world.PREFIX in net.run("nft", "list", "tables"))
    try:
        yield
    finally:
        p.stdin.close()
        p.wait()


@netd_world.in_world
def test_no_ruleset_no_way():
    """A router whose ruleset the kernel refuses forwards nothing, and gets no links; once it can be made, all is made."""
    record = netd_world.network(1, "a", "10.1.0.0/16", [netd_world.subnet(2, 1, "10.1.0.0/24")],
                                [netd_world.host(3, "h3", "10.1.0.10"), netd_world.host(4, "h4", "10.1.0.11")])
    netd_world.apply([{**record, "hosts": []}])
    with netd_world.at("net.a"):
        net.run("nft", "flush", "ruleset")
    with owned_table("net.a"):
        assert "nftables table" in netd_world.apply([record], ok=False)
        with netd_world.at("net.a"):
            with open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as f:
                assert f.read().strip() == "0"
            assert "h-3" not in net.run("ip", "-o", "link")
    netd_world.apply([record])
    with netd_world.at("net.a"), open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as f:
        assert f.read().strip() == "1"


@netd_world.in_world
def test_no_way_into_the_daemons_namespace_before_its_guard():
    record = netd_world.network(1, "a", "10.1.0.0/16", [netd_world.subnet(2, 1, "10.1.0.0/24")],
                                [netd_world.host(3, "h3", "10.1.0.10", public=["198.51.100.1"])], uplink=True,
                                routes=[{"table": 1, "to": "0.0.0.0/0", "kind": "uplink"}])
    with owned_table():
        netd_world.apply([record], ok=False)
        assert not os.path.exists("/run/netns/%s.net.a" % netd_world.PREFIX) or "up@" not in netd_world_links("net.a")
    netd_world.apply([record])
    assert "up@" in netd_world_links("net.a")


def netd_world_links(place):
    with netd_world.at(place):
        return net.run("ip", "-o", "link")
