# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the rulesets, routes and links of netd do to packets.
"""
import contextlib
import os
import socket

import pytest

import net
from netd_world import (apply, at, attempt, by_link, connect, group, host, in_world, is_reset, lan, link,
                        listen, network, outside, PREFIX, rule, seen_from, subnet)


@in_world
def test_ways_to_the_internet():
    friend = outside("friend", "203.0.113.10", "203.0.113.1")
    private = outside("private", "172.16.5.5", "172.16.5.1")
    apply([lan()])
    public = listen(None, "192.0.2.1", 6443)
    listen_other = listen(None, "192.0.2.1", 443)
    far = listen(friend, "203.0.113.10", 80)
    hidden = listen(private, "172.16.5.5", 80)
    assert seen_from("web", public, "192.0.2.1", 6443) == "198.51.100.1"
    assert seen_from("app", public, "192.0.2.1", 6443) == "198.51.100.9"
    assert seen_from("app", far, "203.0.113.10", 80) == "198.51.100.9"
    assert attempt("bare", "192.0.2.1", 6443) == "reset", "no public address"
    assert attempt("iso", "192.0.2.1", 6443) == "unreachable", "no route"
    assert attempt("app", "192.0.2.1", 443) == "reset", "not a public listener"
    assert attempt("app", "172.16.5.5", 80) == "reset", "a private address"
    for s in (listen_other, hidden):
        s.close()

    inner = listen("web", "10.1.0.10", 80)
    assert seen_from(friend, inner, "198.51.100.1", 80) == "203.0.113.10"
    assert seen_from("app", inner, "198.51.100.1", 80) == "198.51.100.9", "round by the internet"
    assert attempt(friend, "198.51.100.9", 80, timeout=0.5) == "silence", "nobody behind a NAT is reached"
    assert attempt(None, "198.51.100.1", 81) == "reset", "the host itself refuses"
    # A packet for a private address that is put on the wire to the router all the same.
    net.run("ip", "route", "add", "10.1.0.0/16", "via", "169.254.254.2", "dev", [
        line.split(":")[1].split("@")[0].strip() for line in net.run("ip", "-o", "link").splitlines() if "-1@" in line][0], "onlink")
    endpoint = listen("net.a", "10.1.1.100", 6443)
    assert attempt(None, "10.1.0.10", 80, timeout=0.5) == "silence"
    assert attempt(None, "10.1.1.100", 6443, timeout=0.5) == "silence"
    endpoint.close()


@in_world
def test_within_a_network_everything_is_local_and_nobody_lies():
    apply([lan()])
    web, web6 = listen("web", "10.1.0.10", 80), listen("web", "fd00:1::10", 80)
    assert seen_from("iso", web, "10.1.0.10", 80) == "10.1.2.10"
    assert seen_from("bare", web6, "fd00:1::10", 80) == "fd00:1::11"
    assert attempt("app", "10.1.5.5", 80) == "unreachable"
    assert attempt("bare", "fd00:1::77", 80) == "unreachable"
    endpoint = listen("net.a", "10.1.1.100", 6443)
    assert seen_from("iso", endpoint, "10.1.1.100", 6443) == "10.1.2.10"
    assert attempt("iso", "10.1.1.100", 22) == "reset"
    assert attempt("iso", "10.1.2.1", 22) == "reset", "the gateway has no services"
    with at("iso"):
        net.run("ip", "addr", "add", "10.1.0.66/32", "dev", "eth0")
        net.run("ip", "addr", "add", "10.1.1.10/32", "dev", "eth0")
    assert attempt("iso", "10.1.0.10", 80, source="10.1.0.66", timeout=0.5) == "silence"
    assert attempt("iso", "10.1.0.10", 80, source="10.1.1.10", timeout=0.5) == "silence"


def joined(transit=False):
    """a - b - c, peered; c - hub - d; site - a. transit: routes as if peering were transitive."""
    def small(ident, name, links=(), routes=()):
        return network(ident, name, "10.%d.0.0/16" % ident, [subnet(ident * 10, ident, "10.%d.0.0/24" % ident)],
                       [host(100 + ident, name, "10.%d.0.10" % ident)], links=list(links), routes=list(routes))
    a = small(1, "a", [link(2, "b"), link(6, "s", "site")], [by_link(1, "10.2.0.0/16", 0), by_link(1, "10.6.0.0/16", 1)])
    b = small(2, "b", [link(1, "a"), link(3, "c")], [by_link(2, "10.1.0.0/16", 0), by_link(2, "10.3.0.0/16", 1)])
    c = small(3, "c", [link(2, "b"), link(4, "h", "hub")], [by_link(3, "10.2.0.0/16", 0), by_link(3, "10.5.0.0/16", 1)])
    d = small(5, "d", [link(4, "h", "hub")], [by_link(5, "10.3.0.0/16", 0)])
    s = {**small(6, "s", [link(1, "a")], [by_link(6, "10.1.0.0/16", 0)]), "kind": "site"}
    hub = {"id": 4, "kind": "hub", "name": "h", "links": [link(3, "c"), link(5, "d")],
           "routes": [by_link(0, "10.3.0.0/16", 0), by_link(0, "10.5.0.0/16", 1)]}
    if transit:
        a["routes"].append(by_link(1, "10.3.0.0/16", 0))
        c["routes"].append(by_link(3, "10.1.0.0/16", 0))
        s["routes"].append(by_link(6, "10.2.0.0/16", 0))
    return [a, b, c, d, s, hub]


@in_world
def test_peering_is_not_transitive_and_a_hub_is():
    apply(joined())
    listeners = {n: listen(n, "10.%d.0.10" % i, 80) for n, i in (("a", 1), ("b", 2), ("c", 3), ("d", 5), ("s", 6))}
    assert seen_from("a", listeners["b"], "10.2.0.10", 80) == "10.1.0.10"
    assert seen_from("b", listeners["a"], "10.1.0.10", 80) == "10.2.0.10"
    assert seen_from("c", listeners["d"], "10.5.0.10", 80) == "10.3.0.10", "by the hub"
    assert seen_from("d", listeners["c"], "10.3.0.10", 80) == "10.5.0.10"
    assert seen_from("s", listeners["a"], "10.1.0.10", 80) == "10.6.0.10"
    assert seen_from("a", listeners["s"], "10.6.0.10", 80) == "10.1.0.10"
    assert attempt("a", "10.3.0.10", 80) == "unreachable"
    assert attempt("s", "10.2.0.10", 80) == "unreachable"
    apply(joined(transit=True))
    assert attempt("a", "10.3.0.10", 80, timeout=0.5) == "silence"
    assert attempt("s", "10.2.0.10", 80, timeout=0.5) == "silence"
    # A link taken away.
    without = joined()
    without[0]["links"], without[0]["routes"] = without[0]["links"][1:], [by_link(1, "10.6.0.0/16", 0)]
    without[1]["links"], without[1]["routes"] = without[1]["links"][1:], [by_link(2, "10.3.0.0/16", 0)]
    with connect("a", "10.2.0.10", 80) as open_one:
        apply(without)
        assert is_reset(open_one)
    assert attempt("a", "10.2.0.10", 80) == "unreachable"
    assert attempt("b", "10.3.0.10", 80) == "open"


def guarded(*rules, **kw):
    d = lan(groups=[group(*rules, **kw)])
    d["hosts"][0]["groups"] = [0]
    return d


@in_world
def test_security_groups():
    apply([guarded(rule("in", "10.1.1.0/24", ports=[80, 80]), rule("in", "0.0.0.0/0", protocol="icmp"))])
    web, web81 = listen("web", "10.1.0.10", 80), listen("web", "10.1.0.10", 81)
    app = listen("app", "10.1.1.10", 80)
    assert attempt("app", "10.1.0.10", 80) == "open"
    assert attempt("iso", "10.1.0.10", 80) == "reset"
    assert attempt("app", "10.1.0.10", 81) == "reset"
    assert attempt("web", "10.1.1.10", 80) == "open", "egress is open"
    apply([guarded(rule("out", "10.1.1.10/32", ports=[6443, 6443]), is_open=False)])
    endpoint = listen("net.a", "10.1.1.100", 6443)
    assert attempt("app", "10.1.0.10", 80) == "reset"
    assert attempt("web", "10.1.1.10", 80) == "reset"
    assert attempt("web", "10.1.1.100", 6443) == "reset", "egress counts for endpoints too"
    apply([guarded(rule("out", "10.1.1.100/32", ports=[6443, 6443]), is_open=False)])
    assert attempt("web", "10.1.1.100", 6443) == "open"
    for s in (web, web81, app, endpoint):
        s.close()


@in_world
def test_a_rule_taken_away_cuts_what_depended_on_it_and_nothing_else():
    both = guarded(rule("in", "10.1.1.0/24", ports=[80, 80]), rule("in", "10.1.2.0/24", ports=[80, 80]))
    apply([both])
    web = listen("web", "10.1.0.10", 80)
    with connect("app", "10.1.0.10", 80) as app, connect("iso", "10.1.0.10", 80) as iso:
        ends = [web.accept()[0], web.accept()[0]]
        ops, cut = apply([guarded(rule("in", "10.1.2.0/24", ports=[80, 80]))])
        assert (ops, cut) == (1, 1)
        assert is_reset(app)
        iso.sendall(b"x")
        received = b""
        for e in ends:
            with contextlib.suppress(OSError):
                received += e.recv(1)
        assert received == b"x"


@in_world
def test_a_host_taken_away_resets_its_connections():
    apply([lan()])
    web = listen("web", "10.1.0.10", 80)
    with connect("app", "10.1.0.10", 80) as app:
        accepted, _ = web.accept()
        _, cut = apply([lan(hosts=lan()["hosts"][1:])])
        assert is_reset(app)
        accepted.close()
    assert attempt("app", "10.1.0.10", 80) == "unreachable"


@in_world
def test_attached_namespaces_and_interfaces():
    net.run("ip", "netns", "add", "theirs")
    net.run("ip", "-n", "theirs", "link", "set", "lo", "up")
    net.run("ip", "link", "add", "tap7", "type", "veth", "peer", "name", "inside")
    net.run("ip", "netns", "add", "machine")
    net.run("ip", "link", "set", "inside", "netns", "machine")
    before = net.run("ip", "-n", "theirs", "addr"), net.run("ip", "-br", "link", "show", "tap7")
    hosts = lan()["hosts"]
    hosts[2] = {**hosts[2], "namespace": "theirs"}
    hosts[3] = {**hosts[3], "interface": "tap7"}
    apply([lan(hosts=hosts)])
    assert apply([lan(hosts=hosts)]) == (0, 0)
    for words in (("link", "set", "inside", "up"), ("link", "set", "lo", "up"), ("addr", "add", "10.1.2.10/32", "dev", "inside"),
                  ("route", "add", "default", "via", "10.1.2.1", "dev", "inside", "onlink")):
        net.run("ip", "-n", "machine", *words)
    web = listen("web", "10.1.0.10", 80)
    assert seen_from("/run/netns/theirs", web, "10.1.0.10", 80) == "10.1.1.10"
    assert seen_from("/run/netns/machine", web, "10.1.0.10", 80) == "10.1.2.10"
    apply([])
    assert net.run("ip", "-n", "theirs", "addr") == before[0]
    assert net.run("ip", "-br", "link", "show", "tap7").split()[0] == before[1].split()[0]
    assert "alias" not in net.run("ip", "link", "show", "tap7")
    assert "there is no network namespace 'nowhere'" in apply(
        [lan(hosts=[{**hosts[2], "namespace": "nowhere"}, hosts[0]])], ok=False)
    assert attempt("web", "10.1.0.10", 80) == "reset", "the others are there"
    assert "there is no interface 'tap8'" in apply([lan(hosts=[{**hosts[3], "interface": "tap8"}])], ok=False)
    for bad in ("../x", "a b", "x" * 300, "", "lo"):
        apply([lan(hosts=[{**hosts[3], "interface": bad}])], ok=False)
        apply([lan(hosts=[{**hosts[2], "namespace": bad}])], ok=False)
    assert sorted(n for n in os.listdir("/run/netns") if not n.startswith(PREFIX)) == ["machine", "theirs"]


@in_world
def test_two_networks_may_have_the_same_addresses():
    second = {**lan(), "id": 2, "name": "z", "hosts": [host(201, "web2", "10.1.0.10"), host(202, "app2", "10.1.1.10", 1)],
              "nats": [{"table": 22, "to": "0.0.0.0/0", "address": ["198.51.100.19"]}]}
    apply([lan(), second])
    web, web2 = listen("web", "10.1.0.10", 80), listen("web2", "10.1.0.10", 80)
    public = listen(None, "192.0.2.1", 6443)
    with connect("app2", "10.1.0.10", 80):
        web2.accept()[0].close()
        web.settimeout(0.1)
        with pytest.raises(socket.timeout):
            web.accept()
    assert seen_from("app2", public, "192.0.2.1", 6443) == "198.51.100.19"
    assert seen_from("app", public, "192.0.2.1", 6443) == "198.51.100.9"
