# SPDX-License-Identifier: GPL-3.0-or-later
"""
A router's resolver: who reaches its addresses, and whom it reaches. In place of the name server a thread of the test says by whom it
was asked.
"""
import errno
import selectors
import socket
import threading

import net
from netd_world import apply, at, by_link, family, group, host, in_world, lan, link, network, outside, rule, subnet

EVERYWHERE = "168.63.129.16"
RESOLVERS = [{"addr": "10.1.0.2", "asks": True}, {"addr": "10.1.1.2"}, {"addr": "10.1.2.2"}, {"addr": EVERYWHERE},
             {"addr": "fd00:1::2", "asks": True}]


class Says:
    """Answers what comes to these sockets with a word and the address of who asked."""

    def __init__(self, word, sockets):
        self.word = word
        self.selector = selectors.DefaultSelector()
        self.sockets = list(sockets)
        for s in self.sockets:
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                self.answer(key.fileobj)

    def answer(self, s):
        if s.type == socket.SOCK_DGRAM:
            _, peer = s.recvfrom(512)
            s.sendto(("%s %s" % (self.word, peer[0])).encode(), peer)
            return
        conn, peer = s.accept()
        with conn:
            conn.settimeout(5)
            conn.recv(512)
            conn.sendall(("%s %s" % (self.word, peer[0])).encode())


def both_at(place, address, port=53):
    sockets = []
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with at(place):
            s = socket.socket(family(address), kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        sockets.append(s)
    return sockets


def ask(place, kind, address, port=53, source=None, timeout=5):
    """The answer, or 'refused' (EPERM: it did not even leave), or 'silence'."""
    with at(place):
        s = socket.socket(family(address), kind)
    with s:
        s.settimeout(timeout)
        try:
            if source:
                s.bind((source, 0))
            s.connect((address, port))
            s.send(b"?")
            return s.recv(512).decode()
        except (socket.timeout, TimeoutError):
            return "silence"
        except OSError as e:
            assert e.errno in (errno.EPERM, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES), e
            return "refused"


def asked(*args, **kw):
    """By UDP and by TCP the same comes of it."""
    udp, tcp = ask(args[0], socket.SOCK_DGRAM, *args[1:], **kw), ask(args[0], socket.SOCK_STREAM, *args[1:], **kw)
    assert udp == tcp
    return udp


def tracked(place):
    with at(place), open("/proc/sys/net/netfilter/nf_conntrack_count", encoding="ascii") as f:
        return int(f.read())


def named(**kw):
    """The landscape's one network with resolver addresses; nothing may leave `web`, and nothing come to it."""
    d = lan(groups=[group(is_open=False)], resolvers=RESOLVERS, **kw)
    d["hosts"][0]["groups"] = [0]
    return d


def joined():
    """The same, peered with b (10.2.0.0/16), and with the site s (10.6.0.0/16)."""
    def other(ident, name, kind):
        return {**network(ident, name, "10.%d.0.0/16" % ident, [subnet(ident * 10, ident, "10.%d.0.0/24" % ident)],
                          [host(200 + ident, name, "10.%d.0.10" % ident)], links=[link(1, "a")],
                          routes=[by_link(ident, "10.1.0.0/16", 0)]), "kind": kind,
                "resolvers": [{"addr": "10.%d.0.2" % ident}, {"addr": EVERYWHERE}]}
    a = named(links=[link(2, "b"), link(6, "s", "site")])
    a["routes"] += [by_link(t, "10.%d.0.0/16" % to, i) for t in (21, 22, 1) for i, to in enumerate((2, 6))]
    return [a, other(2, "b", "network"), other(6, "s", "site")]


@in_world
def test_hosts_reach_their_resolver_whatever_their_groups_say():
    second = {**lan(), "id": 9, "name": "z", "hosts": [host(201, "web2", "10.1.0.10")], "nats": [], "uplink": False, "routes": [],
              "resolvers": RESOLVERS}
    apply([named(), second])
    assert apply([named(), second]) == (0, 0)
    Says("a", [s for r in RESOLVERS for s in both_at("net.a", r["addr"])])
    Says("z", [s for r in RESOLVERS for s in both_at("net.z", r["addr"])])
    for r in RESOLVERS:
        six = ":" in r["addr"]
        assert asked("web", r["addr"]) == "a " + ("fd00:1::10" if six else "10.1.0.10")
        if not six:
            assert asked("app", r["addr"]) == "a 10.1.1.10"
            assert asked("iso", r["addr"]) == "a 10.1.2.10", "no way to anywhere else"
            assert asked("web2", r["addr"]) == "z 10.1.0.10", "the same addresses, another network"
    Says("no", both_at("net.a", "10.1.0.2", 54))
    assert asked("app", "10.1.0.2", port=54) == "refused"
    assert asked("web", "10.1.1.10") == "refused", "port 53 of others is as the groups say"
    with at("iso"):
        net.run("ip", "addr", "add", "10.1.0.66/32", "dev", "eth0")
        net.run("ip", "addr", "add", "192.0.2.66/32", "dev", "eth0")
    assert asked("iso", "10.1.2.2", source="10.1.0.66", timeout=0.3) == "silence", "not its own address"
    assert asked("iso", EVERYWHERE, source="192.0.2.66", timeout=0.3) == "silence"


@in_world
def test_nobody_else_reaches_it():
    apply(joined())
    Says("a", [s for r in RESOLVERS for s in both_at("net.a", r["addr"])])
    Says("b", [s for a in ("10.2.0.2", EVERYWHERE) for s in both_at("net.b", a)])
    Says("s", [s for a in ("10.6.0.2", EVERYWHERE) for s in both_at("site.s", a)])
    assert asked("b", "10.2.0.2") == asked("b", EVERYWHERE) == "b 10.2.0.10"
    assert asked("s", "10.6.0.2") == asked("s", EVERYWHERE) == "s 10.6.0.10"
    for place in ("b", "s"):
        for r in ("10.1.0.2", "10.1.1.2"):
            assert asked(place, r) == "refused"
    assert asked("app", "10.2.0.2") == asked("app", "10.6.0.2") == "refused"
    # A packet for a private address, or for the one that is everywhere, that is put on the wire to the router all the same.
    outer = [line.split(":")[1].split("@")[0].strip() for line in net.run("ip", "-o", "link").splitlines() if "-1@" in line][0]
    for to in ("10.1.0.0/16", EVERYWHERE + "/32"):
        net.run("ip", "route", "add", to, "via", "169.254.254.2", "dev", outer, "onlink")
    assert asked(None, "10.1.0.2", timeout=0.3) == asked(None, EVERYWHERE, timeout=0.3) == "silence"


@in_world
def test_questions_leave_nothing_in_the_table_of_flows():
    apply([named()])
    Says("a", [s for r in RESOLVERS for s in both_at("net.a", r["addr"])])
    before = tracked("net.a")
    for _ in range(20):
        for r in ("10.1.0.2", EVERYWHERE, "fd00:1::2"):
            assert asked("web", r).startswith("a ")
    assert tracked("net.a") <= before + 5


@in_world
def test_it_asks_hosts_others_and_the_internet_as_its_subnet_would():
    friend = outside("friend", "203.0.113.10", "203.0.113.1")
    everyone = joined()
    apply(everyone)
    Says("app", both_at("app", "10.1.1.10"))
    Says("bare", both_at("bare", "fd00:1::11"))
    Says("web", both_at("web", "10.1.0.10"))
    Says("b", both_at("b", "10.2.0.10"))
    Says("s", both_at("s", "10.6.0.10"))
    Says("friend", both_at(friend, "203.0.113.10"))

    def from_resolver(address, source="10.1.0.2", **kw):
        return asked("net.a", address, source=source, **kw)
    assert from_resolver("10.1.1.10") == "app 10.1.0.2"
    assert from_resolver("fd00:1::11", source="fd00:1::2") == "bare fd00:1::2"
    assert from_resolver("10.2.0.10") == "b 10.1.0.2"
    assert from_resolver("10.6.0.10") == "s 10.1.0.2", "by the site's connection"
    assert from_resolver("10.1.0.10") == "refused", "its groups let nobody in"
    assert ask("net.a", socket.SOCK_DGRAM, "203.0.113.10", source="10.1.0.2", timeout=0.3) == "refused", "no NAT, no public address"
    assert apply(everyone) == (0, 0)
    # Its groups let the resolver in; its subnet has a NAT.
    everyone[0]["groups"] = [group(rule("in", "10.1.0.2/32", protocol="any"), is_open=False)]
    everyone[0]["nats"].append({"table": 21, "to": "0.0.0.0/0", "address": ["198.51.100.9"]})
    apply(everyone)
    assert from_resolver("10.1.0.10") == "web 10.1.0.2"
    assert from_resolver("203.0.113.10") == "friend 198.51.100.9"
    # No route of its subnet leads there any more.
    everyone[0]["routes"] = [r for r in everyone[0]["routes"] if not (r["table"] == 21 and r["to"] == "10.6.0.0/16")]
    everyone[0]["routes"] = [r for r in everyone[0]["routes"] if not (r["table"] == 21 and r["kind"] == "uplink")]
    apply(everyone)
    assert from_resolver("10.6.0.10") == from_resolver("203.0.113.10") == "refused"


@in_world
def test_an_attached_namespace_with_a_way_of_its_own_reaches_it():
    net.run("ip", "netns", "add", "theirs")
    net.run("ip", "-n", "theirs", "link", "set", "lo", "up")
    net.run("ip", "-n", "theirs", "link", "add", "own", "type", "veth", "peer", "name", "other")
    net.run("ip", "-n", "theirs", "link", "set", "own", "up")
    net.run("ip", "-n", "theirs", "link", "set", "other", "up")
    net.run("ip", "-n", "theirs", "addr", "add", "172.31.0.1/24", "dev", "own")
    net.run("ip", "-n", "theirs", "route", "add", "default", "via", "172.31.0.2", "dev", "own")
    d = named()
    d["hosts"][2] = {**d["hosts"][2], "namespace": "theirs"}
    apply([d])
    Says("a", [s for r in RESOLVERS for s in both_at("net.a", r["addr"])])
    assert asked("/run/netns/theirs", EVERYWHERE) == asked("/run/netns/theirs", "10.1.1.2") == "a 10.1.1.10"
    before = net.run("ip", "-n", "theirs", "route")
    apply([{**d, "resolvers": []}])
    assert EVERYWHERE in before and EVERYWHERE not in net.run("ip", "-n", "theirs", "route")
