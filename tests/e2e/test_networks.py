# SPDX-License-Identifier: GPL-3.0-or-later
"""
Networks made real: what is applied is there, what is deleted is gone, what is refused changes nothing; open connections between
hosts, and those through private endpoints.

    left 10.1 ── peering ── right 10.2        office 172.20 ── connection ── left
"""
import json
import os
import re
import time

import pytest

import net
from daemon import cluster, wait_until
from networks import NOTHING, Networks, Pair, answers_ping, connects, doc, host, network
from peers import Line, is_reset

NAME = "api.example.org"
ENDPOINT = {4: "10.1.1.100", 6: "fd00:0:1:1::64"}
L1 = {4: "10.1.1.10", 6: "fd00:0:1:1::a"}
R1 = {4: "10.2.1.10", 6: "fd00:0:2:1::a"}
OFFICE = {4: "172.20.0.10", 6: "fd00:172:20::a"}
FAMILIES = pytest.mark.parametrize("f", [4, 6])


def landscape():
    return network("left", 1, subnets=(1, 2)) + network("right", 2) + [
        host("l1", "left-1", 1, 1, 10), host("l2", "left-2", 1, 2, 10), host("r1", "right-1", 2, 1, 10),
        doc("peering", "left-right", networks=["left", "right"]),
        doc("site", "office", addressSpace=["172.20.0.0/16", "fd00:172:20::/48"], connections=[{"network": "left"}]),
        doc("host", "o1", site="office", addresses=[OFFICE[4], OFFICE[6]]),
    ]


def api(upstream, **private):
    return cluster("api", [upstream.at], private={
        "kind": "private-link", "placements": [{"subnet": "left-1", "addresses": [ENDPOINT[4], ENDPOINT[6]]}], **private})


@pytest.fixture(scope="module")
def _daemon():
    net.own_run()
    net.forward()
    d = Networks("--public-pool", "198.51.100.128/25", "--public-pool", "2001:db8:f::/64")
    try:
        yield d.start()
    finally:
        d.close()


@pytest.fixture
def nets(_daemon):
    """A daemon with nothing declared."""
    wait_until("the daemon up", _daemon.is_up)
    yield _daemon
    everything = [o["document"] for kind in KINDS for o in _items(_daemon, kind)]
    if everything:
        _daemon.cli_delete(*everything, force=True)


KINDS = ["cluster", "private-endpoint", "host", "security-group", "site", "hub", "peering", "nat-gateway", "public-address",
         "internet-gateway", "subnet", "route-table", "network"]


def _items(d, kind):
    return json.loads(d.cli("-o", "json", "get", kind).stdout)["items"]


# --- apply and delete ------------------------------------------------------------------------------------------------


def test_apply_exec_delete(nets):
    nets.cli_apply(*landscape())
    assert len(nets.namespaces()) == 2 + 1 + 4
    assert nets.cli("exec", "l1", "--", "ip", "-4", "-o", "addr", "show", "scope", "global").stdout.count(L1[4]) == 1
    p = nets.cli("exec", "l1", "--", "sh", "-c", "exit 7", check=False)
    assert p.returncode == 7
    p = nets.cli("exec", "nobody", "--", "true", check=False)
    assert p.returncode != 0 and "nobody" in p.stderr
    nets.cli_delete(*landscape())
    assert nets.remains() == NOTHING


def test_deleted_in_pieces(nets):
    """One object at a time, in an order in which nothing in use goes."""
    nets.cli_apply(*landscape())
    for d in [d for kind in KINDS for d in landscape() if d["kind"] == kind]:
        nets.cli("delete", d["kind"], d["name"])
    assert nets.remains() == NOTHING


def test_applied_again_is_no_change(nets):
    nets.cli_apply(*landscape())
    before = nets.snapshot()
    assert nets.cli("check", "--exit-code", "-f", "-", stdin=nets.stream(landscape()), check=False).returncode == 0
    nets.cli_apply(*landscape())
    assert nets.snapshot() == before


def test_names_on_a_host(nets, upstream):
    nets.cli_apply(*landscape(), api(upstream))
    out = nets.cli("exec", "l1", "--", "getent", "ahosts", "api.example.org").stdout
    assert {line.split()[0] for line in out.splitlines()}, out


@FAMILIES
def test_host_to_host(nets, f):
    nets.cli_apply(*landscape())
    l1, l2, r1, o1 = [nets.place(n) for n in ("l1", "l2", "r1", "o1")]
    for client, server, address in ((l2, l1, L1), (r1, l1, L1), (l1, r1, R1), (o1, l1, L1), (l1, o1, OFFICE)):
        assert connects(client, server, address[f]) is True
        assert answers_ping(client, address[f])
    # Neither a peering nor a site is a way on.
    assert connects(r1, o1, OFFICE[f]) is not True
    assert connects(o1, r1, R1[f]) is not True


def test_nobody_sends_as_somebody_else(nets):
    nets.cli_apply(*landscape())
    l1, l2, r1 = [nets.place(n) for n in ("l1", "l2", "r1")]
    l2.run("ip", "addr", "add", "10.2.1.99/32", "dev", "lo")
    with r1.listen(R1[4], 8080), l2.socket() as s:
        s.settimeout(0.5)
        s.bind(("10.2.1.99", 0))
        with pytest.raises(OSError):
            s.connect((R1[4], 8080))
    assert connects(l1, r1, R1[4]) is True


def test_addresses_are_given_once_and_kept(nets):
    documents = network("left", 1) + [doc("host", "a", subnet="left-1"), doc("host", "b", subnet="left-1")]
    nets.cli_apply(*documents)
    first = {n: nets.document("host", n)["addresses"] for n in "ab"}
    assert {a for n in "ab" for a in first[n]} == {"10.1.1.4", "10.1.1.5", "fd00:0:1:1::4", "fd00:0:1:1::5"}
    nets.cli("delete", "host", "a")
    nets.cli_apply(*documents[:-2], documents[-1])
    assert nets.document("host", "b")["addresses"] == first["b"]
    nets.cli_apply(doc("host", "c", subnet="left-1"))
    assert nets.document("host", "c")["addresses"] == first["a"], "the lowest that is free"


# --- what depended on a rule or a route goes with it ----------------------------------------------------------------


def guarded(*rules):
    return doc("security-group", "web", network="left", ingress=list(rules))


def tcp(*ranges):
    return {"protocol": "tcp", "ports": "8000-8100", "ranges": list(ranges)}


RIGHT, SITE = ["10.2.0.0/16", "fd00:0:2::/48"], ["172.20.0.0/16", "fd00:172:20::/48"]


@FAMILIES
def test_group_rule_removed(nets, f):
    documents = landscape()
    documents[[d["name"] for d in documents].index("l1")]["securityGroups"] = ["web"]
    nets.cli_apply(*documents, guarded(tcp(*RIGHT), tcp(*SITE)))
    l1, r1, o1, l2 = [nets.place(n) for n in ("l1", "r1", "o1", "l2")]
    assert connects(r1, l1, L1[f], 7999) == "Connection refused"
    assert connects(l2, l1, L1[f]) == "Connection refused"
    assert not answers_ping(r1, L1[f])
    with Pair(r1, l1, L1[f]) as gone, Pair(o1, l1, L1[f]) as stays, Pair(l1, r1, R1[f]) as out:
        for p in (gone, stays, out):
            p.ping()
        nets.cli_apply(guarded(tcp(*SITE)))
        assert gone.is_reset()
        stays.ping()
        out.ping()  # answers need no rule
        assert connects(r1, l1, L1[f]) == "Connection refused"
        nets.cli_apply(guarded(tcp(*RIGHT), tcp(*SITE)))
        assert connects(r1, l1, L1[f]) is True


@FAMILIES
def test_group_members_come_and_go(nets, f):
    documents = landscape() + [
        doc("security-group", "clients", network="left", ingress=[]),
        doc("security-group", "web", network="left", ingress=[{"protocol": "tcp", "ports": 8080, "groups": ["clients"]}])]
    by_name = {d["name"]: d for d in documents if d["kind"] == "host"}
    by_name["l1"]["securityGroups"] = ["web"]
    by_name["l2"]["securityGroups"] = ["clients"]
    nets.cli_apply(*documents)
    l1, l2 = nets.place("l1"), nets.place("l2")
    with Pair(l2, l1, L1[f], 8080) as p:
        p.ping()
        nets.cli_apply({k: v for k, v in by_name["l2"].items() if k != "securityGroups"})
        assert p.is_reset()
    assert connects(l2, l1, L1[f]) == "Connection refused"


@FAMILIES
def test_egress_rules(nets, f):
    documents = landscape() + [doc("security-group", "quiet", network="left", ingress=[tcp(*RIGHT)], egress=[])]
    documents[[d["name"] for d in documents].index("l1")]["securityGroups"] = ["quiet"]
    nets.cli_apply(*documents)
    l1, r1 = nets.place("l1"), nets.place("r1")
    assert connects(l1, r1, R1[f]) is not True
    assert connects(r1, l1, L1[f]) is True


@FAMILIES
def test_route_removed(nets, f):
    def table(name, at, *to):
        return doc("route-table", name, network=at, routes=[{"to": t, "via": {"peering": "left-right"}} for t in to])
    documents = [d for d in landscape() if d["kind"] != "peering"]
    for d in documents:
        if d["kind"] == "subnet" and d["name"] in ("left-1", "right-1"):
            d["routeTable"] = d["network"] + "-table"
    documents += [doc("peering", "left-right", networks=["left", "right"], routes="none"),
                  table("left-table", "left", *RIGHT), table("right-table", "right", "10.1.0.0/16", "fd00:0:1::/48")]
    nets.cli_apply(*documents)
    l1, l2, r1, o1 = [nets.place(n) for n in ("l1", "l2", "r1", "o1")]
    assert connects(l2, r1, R1[f]) is not True, "its subnet has no route"
    with Pair(l1, r1, R1[f]) as gone, Pair(o1, l1, L1[f]) as stays, Pair(l2, l1, L1[f]) as local:
        nets.cli_apply(table("left-table", "left"))
        assert gone.is_reset()
        stays.ping()
        local.ping()
    assert connects(l1, r1, R1[f]) is not True


def test_peering_deleted_cuts(nets):
    nets.cli_apply(*landscape())
    l1, r1, o1 = [nets.place(n) for n in ("l1", "r1", "o1")]
    with Pair(r1, l1, L1[4]) as gone, Pair(o1, l1, L1[4]) as stays:
        nets.cli("delete", "peering", "left-right")
        assert gone.is_reset()
        stays.ping()


# --- private endpoints --------------------------------------------------------------------------------------------------


def line(nets, place, f):
    return Line(nets.place(place), nets, "api.example.org", ENDPOINT[f], 443)


def reaches(nets, place, f):
    try:
        with line(nets, place, f):
            return True
    except (OSError, EOFError):
        return False


@FAMILIES
def test_private_switched_live_and_the_address_stays(nets, upstream, f):
    nets.cli_apply(*landscape(), api(upstream))
    given = nets.document("cluster", "api")["private"]["placements"]
    open_line = line(nets, "r1", f)
    nets.cli("cluster", "set", "api", "--private", "off")
    assert is_reset(open_line.sock)
    assert not reaches(nets, "l1", f)
    assert nets.explain_host("api", "l1", "--address", ENDPOINT[f])["reached"] is False
    assert nets.document("cluster", "api")["private"]["placements"] == given
    nets.cli("cluster", "set", "api", "--private", "on")
    assert reaches(nets, "l1", f)
    assert nets.document("cluster", "api")["private"]["placements"] == given
    assert nets.explain_host("api", "l1", "--address", ENDPOINT[f])["reached"] is True


def test_allocated_endpoint_address_stays(nets, upstream):
    c = api(upstream)
    del c["private"]["placements"][0]["addresses"]
    nets.cli_apply(*landscape(), c)
    given = nets.document("cluster", "api")["private"]["placements"]
    assert len(given[0]["addresses"]) == 2
    c["private"]["enabled"] = False
    nets.cli_apply(c)
    nets.cli_apply(doc("host", "greedy", subnet="left-1"))
    c["private"]["enabled"] = True
    nets.cli_apply(c)
    assert nets.document("cluster", "api")["private"]["placements"] == given


@FAMILIES
def test_endpoint_judged_by_groups_and_ranges(nets, upstream, f):
    office = ["172.20.0.0/16", "fd00:172:20::/48"]
    group = doc("security-group", "api", network="left",
                ingress=[{"protocol": "tcp", "ports": 443, "ranges": RIGHT + office}])
    nets.cli_apply(*landscape(), group, api(upstream, securityGroups=["api"]))
    assert [reaches(nets, p, f) for p in ("l1", "r1", "o1")] == [False, True, True]
    nets.cli_apply(api(upstream, securityGroups=["api"], ranges=office))
    assert [reaches(nets, p, f) for p in ("l1", "r1", "o1")] == [False, False, True]
    nets.cli_apply(api(upstream, ranges=[]))
    assert [reaches(nets, p, f) for p in ("l1", "r1", "o1")] == [False, False, False]
    nets.cli_apply(api(upstream))
    assert [reaches(nets, p, f) for p in ("l1", "r1", "o1")] == [True, True, True]


# --- hosts that somebody else made ------------------------------------------------------------------------------------


def test_attached_namespace(nets):
    net.run("ip", "netns", "add", "builder")
    try:
        nets.cli_apply(*landscape(), host("guest", "left-1", 1, 1, 50, attach={"namespace": "builder"}))
        builder = net.Namespace("builder")
        assert connects(builder, nets.place("r1"), R1[4]) is True
        assert connects(nets.place("r1"), builder, "10.1.1.50") is True
        nets.cli("delete", "host", "guest")
        links = [l["ifname"] for l in json.loads(builder.run("ip", "-j", "link"))]
        assert links == ["lo"], "the link is gone, the namespace is not"
    finally:
        net.run("ip", "netns", "del", "builder")


def test_attached_interface(nets):
    """The guest behind the interface has its address of its own making, as a virtual machine would."""
    net.run("ip", "netns", "add", "vm")
    net.run("ip", "link", "add", "tap-guest", "type", "veth", "peer", "name", "eth0", "netns", "vm")
    vm = net.Namespace("vm")
    try:
        vm.run("ip", "link", "set", "eth0", "up")
        vm.run("ip", "addr", "add", "10.1.1.51/32", "dev", "eth0")
        vm.run("ip", "route", "add", "10.1.1.1", "dev", "eth0", "scope", "link")
        vm.run("ip", "route", "add", "default", "via", "10.1.1.1")
        nets.cli_apply(*landscape(), doc("host", "guest", subnet="left-1", addresses=["10.1.1.51"],
                                         attach={"interface": "tap-guest"}))
        assert connects(vm, nets.place("r1"), R1[4]) is True
        nets.cli("delete", "host", "guest")
        assert "tap-guest" in net.run("ip", "-o", "link"), "given back"
    finally:
        net.run("ip", "netns", "del", "vm")


def test_attached_later(nets):
    """A namespace that is not there yet is no failure, and hinders nothing; it is joined when it comes."""
    begin = time.monotonic()
    nets.cli_apply(*landscape(), host("guest", "left-1", 1, 1, 50, attach={"namespace": "late"}))
    nets.cli_apply(host("l3", "left-1", 1, 1, 60))
    assert time.monotonic() - begin < 10
    assert connects(nets.place("l3"), nets.place("r1"), R1[4]) is True
    with pytest.raises(OSError, match="No route to host"):
        nets.place("l3").connect("10.1.1.50", 8080, timeout=5)
    net.run("ip", "netns", "add", "late")
    try:
        wait_until("the namespace joined", lambda: connects(net.Namespace("late"), nets.place("r1"), R1[4]) is True, 5)
    finally:
        net.run("ip", "netns", "del", "late")
    wait_until("both told", lambda: told(nets, "late") == ["host.absent", "host.attached", "host.absent"], 5)


def told(nets, name):
    """One line for each change of what a host is attached to."""
    return re.findall(r"\b(host\.(?:absent|attached))\b.*\b(?:namespace|interface)\"?[=:]\"?%s\b" % name, nets.read_log())


def test_attached_namespace_goes_and_comes_back(nets):
    net.run("ip", "netns", "add", "pod")
    try:
        nets.cli_apply(*landscape(), host("guest", "left-1", 1, 1, 50, attach={"namespace": "pod"}))
        assert connects(net.Namespace("pod"), nets.place("r1"), R1[4]) is True
        net.run("ip", "netns", "del", "pod")
        wait_until("told", lambda: told(nets, "pod") == ["host.absent"], 5)
        nets.cli_apply(host("l3", "left-1", 1, 1, 60))
        assert connects(nets.place("l3"), nets.place("r1"), R1[4]) is True
        net.run("ip", "netns", "add", "pod")
        wait_until("joined again", lambda: connects(net.Namespace("pod"), nets.place("r1"), R1[4]) is True, 5)
        # Another of the same name, while a process keeps the first one.
        keeper = net.Namespace("pod").popen(["sleep", "60"])
        try:
            net.run("ip", "netns", "del", "pod")
            net.run("ip", "netns", "add", "pod")
            wait_until("the new one joined", lambda: connects(net.Namespace("pod"), nets.place("r1"), R1[4]) is True, 5)
        finally:
            keeper.kill()
            keeper.wait()
    finally:
        net.run("ip", "netns", "del", "pod")
        nets.cli("delete", "host", "guest")
    nets.cli_delete(*landscape(), host("l3", "left-1", 1, 1, 60))
    assert nets.remains() == NOTHING


def test_attached_interface_goes_and_comes_back(nets):
    guest = doc("host", "guest", subnet="left-1", addresses=["10.1.1.51"], attach={"interface": "tap-late"})

    def plug():
        net.run("ip", "netns", "add", "vm")
        net.run("ip", "link", "add", "tap-late", "type", "veth", "peer", "name", "eth0", "netns", "vm")
        vm = net.Namespace("vm")
        vm.run("ip", "link", "set", "eth0", "up")
        vm.run("ip", "addr", "add", "10.1.1.51/32", "dev", "eth0")
        vm.run("ip", "route", "add", "10.1.1.1", "dev", "eth0", "scope", "link")
        vm.run("ip", "route", "add", "default", "via", "10.1.1.1")
        wait_until("the interface joined", lambda: connects(vm, nets.place("r1"), R1[4]) is True, 5)

    nets.cli_apply(*landscape(), guest)
    nets.cli_apply(host("l3", "left-1", 1, 1, 60))
    for absences in (1, 2):
        plug()
        net.run("ip", "netns", "del", "vm")
        wait_until("told", lambda n=absences: told(nets, "tap-late").count("host.absent") == n + 1, 5)
        nets.cli_apply(host("l3", "left-1", 1, 1, 60 + absences))
        assert connects(nets.place("l3"), nets.place("r1"), R1[4]) is True
    nets.cli_delete(guest, check=True)


# --- side by side, and without -------------------------------------------------------------------------------------------


def test_two_daemons_side_by_side(nets):
    with Networks() as other:
        for d in (nets, other):
            d.cli_apply(*landscape())
        assert set(nets.namespaces()).isdisjoint(other.namespaces())
        for d in (nets, other):
            assert connects(d.place("l1"), d.place("r1"), R1[4]) is True
        mine = nets.snapshot()
        other.cli_delete(*landscape())
        assert other.namespaces() == []
        assert nets.snapshot() == mine
        assert connects(nets.place("l1"), nets.place("r1"), R1[4]) is True


def test_networks_off():
    net.own_run()
    with Networks("--networks", "off") as d:
        p = d.cli_apply(*network("left", 1), check=False)
        assert p.returncode != 0
        assert "networks" in p.stderr and "off" in p.stderr, p.stderr
        assert d.namespaces() == [] and d.netd_pids() == []
        d.cli_apply(cluster("plain", [("10.0.0.5", 6443)]))


@pytest.mark.parametrize("feature,word", [("nf_tables", "nf_tables"), ("namespaces", "CONFIG_NET_NS")])
def test_a_kernel_that_lacks_something(feature, word):
    """The daemon serves clusters, and says what networks would need."""
    net.own_run()
    with Networks(prefix=["/usr/bin/python3", os.path.join(os.path.dirname(__file__), "lacking.py"), feature]) as d:
        wait_until("netd said what is missing", lambda: d.status()["netd"]["lacks"])
        assert word in d.status()["netd"]["lacks"]
        before = d.status()["revision"]
        p = d.cli_apply(*network("left", 1), check=False)
        assert p.returncode != 0 and word in p.stderr and "kernel" in p.stderr, p.stderr
        assert d.status()["revision"] == before and d.namespaces() == []
        d.cli_apply(cluster("plain", [("10.0.0.5", 6443)]))
