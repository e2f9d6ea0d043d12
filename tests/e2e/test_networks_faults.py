# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks under faults: netd killed, the daemon killed, what others break; and random landscapes, explained and tried."""
import os
import random
import signal
import threading

import pytest

import net
from daemon import cluster, wait_until
from networks import NOTHING, Networks, Pair, connects, doc, host, network
from peers import Line
from test_networks import ENDPOINT, L1, R1, landscape

SEED = int(os.environ.get("POSTERN_SEED", "1"))
KILLS = int(os.environ.get("POSTERN_KILLS", "5"))  # the pause before each restart is twice the last one
LANDSCAPES = int(os.environ.get("POSTERN_LANDSCAPES", "4"))


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
    """A daemon with the usual landscape, and what it makes of it; nothing is left."""
    wait_until("the daemon up", _daemon.is_up)
    _daemon.cli_apply(*landscape())
    yield _daemon
    wait_until("the daemon up", _daemon.is_up)
    _daemon.cli_delete(*landscape())
    wait_until("nothing left", lambda: _daemon.remains() == NOTHING)


# --- netd and the daemon are killed ------------------------------------------------------------------------------------


def kill_netd(d):
    pid = d.netd_pid()
    os.kill(pid, signal.SIGKILL)
    return pid


def test_netd_killed_under_change_and_traffic(nets):
    """At any moment of a change: what was open stays open, what was accepted comes about."""
    whole = nets.snapshot()
    rng = random.Random(SEED)
    extra = network("extra", 7) + [host("e1", "extra-1", 7, 1, 10), doc("peering", "le", networks=["left", "extra"])]
    with Pair(nets.place("r1"), nets.place("l1"), L1[4]) as v4, Pair(nets.place("l1"), nets.place("r1"), R1[6]) as v6:
        for i in range(KILLS):
            change = nets.cli_delete if i % 2 else nets.cli_apply
            timer = threading.Timer(rng.uniform(0, 0.08), kill_netd, (nets,))
            timer.start()
            change(*extra, check=False)
            timer.join()
            v4.ping()
            v6.ping()
        nets.cli_apply(*extra)
        wait_until("the new host", lambda: "%s.host.e1" % nets.prefix_name in nets.namespaces())
        assert wait_connects(nets, "l1", "e1", "10.7.1.10")
        nets.cli_delete(*extra)
        wait_until("the state as before", lambda: nets.snapshot() == whole)
        v4.ping()
        v6.ping()


def wait_connects(d, client, server, address):
    return wait_until("%s to %s" % (client, server),
                      lambda: connects(d.place(client), d.place(server), address) is True)


def test_netd_comes_back(nets):
    whole = nets.snapshot()
    old = kill_netd(nets)
    wait_until("another netd", lambda: [p for p in nets.netd_pids() if p != old])
    nets.cli_apply(host("late", "left-1", 1, 1, 77))
    assert connects(nets.place("late"), nets.place("r1"), R1[4]) is True
    nets.cli("delete", "host", "late")
    assert nets.snapshot() == whole


def test_endpoint_stays_while_netd_is_away(nets, upstream):
    """Its listening sockets are not netd's: connections that are open go on, new ones come in."""
    nets.cli_apply(endpoint_cluster(upstream))
    with Line(nets.place("r1"), nets, "api.example.org", ENDPOINT[4], 443) as line:
        for _ in range(2):
            kill_netd(nets)
            line.ping()
            with Line(nets.place("l1"), nets, "api.example.org", ENDPOINT[6], 443) as another:
                another.ping()
            wait_until("another netd", nets.netd_pids)
    nets.cli("delete", "cluster", "api")


def endpoint_cluster(upstream):
    return cluster("api", [upstream.at], private={"kind": "private-link", "placements": [
        {"subnet": "left-1", "addresses": [ENDPOINT[4], ENDPOINT[6]]}]})


def test_gate_killed_endpoint_comes_back(nets, upstream):
    nets.cli_apply(endpoint_cluster(upstream))
    for index in range(2):
        os.kill(nets.gate_pid(index), signal.SIGKILL)

    def reaches():
        try:
            with Line(nets.place("r1"), nets, "api.example.org", ENDPOINT[4], 443) as line:
                line.ping()
                return True
        except (OSError, EOFError):
            return False
    wait_until("the endpoint answers", reaches)
    wait_until("the daemon up", nets.is_up)
    nets.cli("delete", "cluster", "api")


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_daemon_again(upstream, how):
    """The networks outlive the daemon; started again, it finds them as they should be and cuts nothing between hosts."""
    net.own_run()
    d = Networks()
    try:
        d.start()
        d.cli_apply(*landscape(), endpoint_cluster(upstream))
        whole = d.snapshot()
        with Pair(d.place("r1"), d.place("l1"), L1[4]) as pair:
            getattr(d, how)()
            wait_until("its children gone", lambda: not d.netd_pids())
            pair.ping()
            d.start()
            pair.ping()
            assert d.snapshot() == whole
            with Line(d.place("r1"), d, "api.example.org", ENDPOINT[4], 443) as line:
                line.ping()
            d.cli_delete(*landscape(), endpoint_cluster(upstream))
            assert d.remains() == NOTHING
    finally:
        d.close()


# --- drift -------------------------------------------------------------------------------------------------------------


def router(d, name="net.left"):
    return net.Namespace("%s.%s" % (d.prefix_name, name))


def some_route(d):
    lines = router(d).run("ip", "-4", "route", "show", "table", "main", "proto", "196").splitlines()
    return next(line for line in lines if "dev" in line).split()


DRIFT = {
    "a route": lambda d: router(d).run("ip", "route", "del", *some_route(d)[:1]),
    "every route": lambda d: router(d).run("ip", "route", "flush", "table", "all", "proto", "196"),
    "an address of a host": lambda d: d.place("l1").run("ip", "addr", "flush", "dev", _link(d, "l1")),
    "a link of a host": lambda d: d.place("l1").run("ip", "link", "del", _link(d, "l1")),
    "a link set down": lambda d: d.place("l1").run("ip", "link", "set", _link(d, "l1"), "down"),
    "the rules": lambda d: router(d).run("nft", "flush", "table", "inet", d.prefix_name),
    "the table": lambda d: router(d).run("nft", "delete", "table", "inet", d.prefix_name),
}


def _link(d, name):
    import json
    return next(l["ifname"] for l in json.loads(d.place(name).run("ip", "-j", "link")) if l["ifname"] != "lo")


@pytest.mark.parametrize("what", sorted(DRIFT))
def test_drift_is_mended(nets, what):
    whole = nets.snapshot()
    assert whole["%s.net.left" % nets.prefix_name]["routes"]
    # It mends faster than we can look: held while we break things, so that they are seen broken.
    netd = nets.netd_pid()
    os.kill(netd, signal.SIGSTOP)
    try:
        DRIFT[what](nets)
        assert nets.snapshot() != whole, "nothing was broken"
    finally:
        os.kill(netd, signal.SIGCONT)
    wait_until("mended", lambda: _safe_snapshot(nets) == whole)
    assert connects(nets.place("l1"), nets.place("r1"), R1[4]) is True


def test_drift_is_mended_after_changes_that_are_no_networks(nets, upstream):
    """netd is told nothing of them, and looks after its networks all the same."""
    nets.cli_apply(cluster("other", [upstream.at]))
    whole = nets.snapshot()
    router(nets).run("ip", "route", "flush", "table", "all", "proto", "196")
    wait_until("mended", lambda: _safe_snapshot(nets) == whole)
    nets.cli("delete", "cluster", "other", "--force")


def _safe_snapshot(d):
    """None while a namespace is on its way."""
    try:
        return d.snapshot()
    except (AssertionError, OSError):
        return None


def test_what_is_not_ours_is_left_alone(nets):
    """Addresses, routes and rules that somebody else adds stay."""
    r = router(nets)
    r.run("ip", "route", "add", "192.0.2.77/32", "dev", "lo", "proto", "static")
    r.run("nft", "add", "table", "inet", "theirs")
    nets.cli_apply(host("late", "left-1", 1, 1, 77))
    nets.cli("delete", "host", "late")
    assert "192.0.2.77" in r.run("ip", "route")
    assert "theirs" in r.run("nft", "list", "tables")
    r.run("nft", "delete", "table", "inet", "theirs")
    r.run("ip", "route", "del", "192.0.2.77/32")


# --- random landscapes: what explain says is what packets do ----------------------------------------------------------------


class Random:
    """A small landscape by chance: up to four networks, joined somehow, guarded somehow, with two clusters."""

    def __init__(self, seed, upstreams):
        self.r = random.Random(seed)
        self.docs, self.hosts, self.subnets, self.groups = [], [], [], {}
        self.networks = ["n%d" % i for i in range(1, self.r.randint(2, 4) + 1)]
        for i, name in enumerate(self.networks, 1):
            self.network(name, i)
        self.joints()
        self.clusters = [self.cluster("c%d" % i, u) for i, u in enumerate(upstreams, 1)]
        self.docs += self.clusters

    def chance(self, p):
        return self.r.random() < p

    def prefixes(self):
        n = self.r.randint(1, len(self.networks))
        return self.r.choice([["0.0.0.0/0", "::/0"], ["10.%d.0.0/16" % n, "fd00:0:%d::/48" % n],
                              ["10.%d.%d.0/24" % (n, self.r.randint(1, 2))], ["fd00:0:%d::/48" % n]])

    def rule(self):
        return {"protocol": self.r.choice(["tcp", "tcp", "any", "udp"]), "ranges": self.prefixes()} if self.chance(0.5) else \
            {"protocol": "tcp", "ports": self.r.choice([443, "400-500", 80]), "ranges": self.prefixes()}

    def network(self, name, n):
        routes = []
        if self.chance(0.6):
            self.docs += [doc("internet-gateway", name, network=name)]
            routes = [{"to": p, "via": {"internetGateway": name}} for p in ("0.0.0.0/0", "::/0")]
        if self.chance(0.3):
            routes += [{"to": "10.%d.0.0/16" % self.r.choice([m for m in range(1, 6) if m != n]), "via": {"drop": True}}]
        self.docs += [doc("route-table", name, network=name, routes=routes)]
        g = name + "-g"
        self.docs += [doc("security-group", g, network=name, ingress=[self.rule() for _ in range(self.r.randint(0, 2))])]
        if self.chance(0.3):
            self.docs[-1]["egress"] = [self.rule() for _ in range(self.r.randint(0, 2))]
        self.groups[name] = g
        subnets = self.r.randint(1, 2)
        self.docs += network(name, n, subnets=range(1, subnets + 1), table=name if self.chance(0.7) else None)
        self.subnets += ["%s-%d" % (name, s) for s in range(1, subnets + 1)]
        for s in range(1, subnets + 1):
            h = host("h%d%d" % (n, s), "%s-%d" % (name, s), n, s, 10)
            if self.chance(0.4):
                h["securityGroups"] = [g]
            if self.chance(0.5):
                self.docs += [doc("public-address", h["name"])]
                h["publicAddress"] = h["name"]
            self.docs.append(h)
            self.hosts.append(h["name"])

    def joints(self):
        for i, a in enumerate(self.networks):
            for b in self.networks[i + 1:]:
                if self.chance(0.4):
                    self.docs += [doc("peering", "%s-%s" % (a, b), networks=[a, b],
                                      routes="none" if self.chance(0.2) else "automatic")]
        if self.chance(0.5):
            joined = {n for d in self.docs if d["kind"] == "peering" for n in d["networks"]}
            alone = [n for n in self.networks if n not in joined]
            self.docs += [doc("hub", "h", attachments=[{"network": n} for n in alone])]
        self.docs += [doc("site", "s", addressSpace=["172.20.0.0/16"],
                          connections=[{"network": self.r.choice(self.networks)}] if self.chance(0.8) else []),
                      doc("host", "s1", site="s", addresses=["172.20.0.10"])]
        self.hosts.append("s1")

    def cluster(self, name, upstream):
        c = cluster(name, [upstream.at], self.r.choice([None, ["198.51.100.128/26"], ["2001:db8:f::/64"], []]),
                    enabled=self.chance(0.7))
        at = self.r.choice(self.subnets)
        c["private"] = {"kind": "private-link", "enabled": self.chance(0.9), "placements": [{"subnet": at}]}
        if self.chance(0.5):
            c["private"]["securityGroups"] = [self.groups[at.split("-")[0]]]
        if self.chance(0.3):
            c["private"]["ranges"] = self.prefixes()
        if not c["private"]["enabled"]:
            c["public"]["enabled"] = True
        return c


def tried(d, place, name):
    """By real packets: does a client there reach the cluster by its name? With what it tried."""
    out = d.cli("exec", place, "--", "getent", "ahosts", name, check=False).stdout
    addresses = list(dict.fromkeys(line.split()[0] for line in out.splitlines()))
    how = []
    for a in addresses:
        public = a in (net.V4, net.V6)
        try:
            with Line(d.place(place), d, name, a, d.port if public else 443):
                return True, how + ["%s: reached" % a]
        except (OSError, EOFError) as e:
            how.append("%s: %s" % (a, e))
    return False, how


@pytest.mark.parametrize("n", range(LANDSCAPES))
def test_explained_as_packets_go(_daemon, n):
    from peers import Upstream, echo
    with Upstream(echo) as one, Upstream(echo) as two:
        world = Random(SEED * 1000 + n, (one, two))
        _daemon.cli_apply(*world.docs)
        try:
            wrong = []
            for c in world.clusters:
                for place in world.hosts:
                    said = _daemon.explain_host(c["name"], place)
                    reached, how = tried(_daemon, place, c["public"]["fqdn"])
                    if said["reached"] != reached:
                        wrong.append((c["name"], place, said.get("rule"), how))
            assert not wrong, (SEED * 1000 + n, wrong)
        finally:
            _daemon.cli_delete(*world.docs, force=True)
        wait_until("nothing left", lambda: _daemon.remains() == NOTHING)
