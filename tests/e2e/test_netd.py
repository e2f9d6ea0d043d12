# SPDX-License-Identifier: GPL-3.0-or-later
"""
What netd does to the kernel, with real packets, each test in a world of its own:

    a process in fresh mount and network namespaces ("the internet", 192.0.2.1), /run empty
      └ tests/netd/netd_once makes routers and hosts of the records that the test describes

A world is a child of pytest, so what a test leaves behind ends with it.
"""
import contextlib
import errno
import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
import traceback

import pytest

import daemon
import net

BUILD = os.path.dirname(os.path.dirname(os.path.dirname(daemon.POSTERND)))
ONCE = os.path.join(BUILD, "tests/netd/netd_once")
PREFIX = "pt"
REFUSED = {errno.ECONNREFUSED: "reset", errno.EHOSTUNREACH: "unreachable", errno.ENETUNREACH: "unreachable",
           errno.EACCES: "unreachable"}


def in_world(test):
    """Run the test in a child process with namespaces and a /run of its own."""
    @functools.wraps(test)
    def run(*args, **kw):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(read)
                net.unshare(net.CLONE_NEWNS | net.CLONE_NEWNET)
                net.run("mount", "-t", "tmpfs", "tmpfs", "/run")
                net.run("ip", "link", "set", "lo", "up")
                net.run("ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
                test(*args, **kw)
                status = 0
            except BaseException:  # pylint: disable=broad-except
                os.write(write, traceback.format_exc().encode()[-16000:])
            finally:
                sys.stdout.flush()
                os._exit(status)
        os.close(write)
        with os.fdopen(read) as f:
            said = f.read()
        _, status = os.waitpid(pid, 0)
        assert status == 0, said or "ended by %d" % status
    return run


# --- netd_once ---------------------------------------------------------------------------------------------------

def once(*actions, ok=True, wrap=()):
    p = subprocess.run([*wrap, ONCE, PREFIX, *map(str, actions)], capture_output=True, text=True)
    if ok:
        assert p.returncode == 0, p.stderr + p.stdout
    return p


def apply(records, ok=True):
    """(operations, connections cut)."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump({"records": records}, f)
        f.flush()
        p = once("file", f.name, ok=ok)
    if not ok:
        return p.stderr
    words = p.stdout.split()
    return int(words[1]), int(words[3])


def state():
    return once("print").stdout


# --- records -----------------------------------------------------------------------------------------------------

def host(ident, name, address, subnet=0, groups=(), public=(), **kw):
    addresses = [address] if isinstance(address, str) else address
    return {"id": ident, "name": name, "subnet": subnet, "addresses": addresses, "groups": list(groups),
            "public": list(public), **kw}


def subnet(ident, table, *ranges):
    gateways = [r.split("/")[0] + "1" if r.split("/")[0].endswith("::") else r.rsplit(".", 1)[0] + ".1" for r in ranges]
    return {"id": ident, "table": table, "ranges": list(ranges), "gateway": gateways}


def network(ident, name, space, subnets, hosts=(), **kw):
    return {"id": ident, "kind": "network", "name": name, "spaces": space if isinstance(space, list) else [space],
            "subnets": subnets, "hosts": list(hosts), **kw}


def by_link(table, to, target):
    return {"table": table, "to": to, "kind": "link", "target": target}


def link(peer, name, kind="network"):
    return {"peer": peer, "name": name, "kind": kind}


def rule(direction, *ranges, protocol="tcp", ports=None):
    return {"ingress": direction == "in", "protocol": protocol, "ranges": list(ranges), **({"ports": ports} if ports else {})}


def group(*rules, is_open=True):
    return {"id": 1, "open": is_open, "rules": list(rules)}


# --- packets -----------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def at(place):
    """This thread in a host, a router (net.NAME), or, with None, the internet."""
    if place is None:
        yield
        return
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    name = place if "." in place or place.startswith("/") else "host." + place
    path = place if place.startswith("/") else "/run/netns/%s.%s" % (PREFIX, name)
    there = os.open(path, os.O_RDONLY)
    try:
        net.setns(there)
        yield
    finally:
        net.setns(own)
        os.close(own)
        os.close(there)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(place, address, port):
    with at(place):
        s = socket.socket(family(address), socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen()
    s.settimeout(5)
    return s


def connect(place, address, port, source=None, timeout=5):
    with at(place):
        s = socket.socket(family(address), socket.SOCK_STREAM)
    s.settimeout(timeout)
    if source:
        s.bind((source, 0))
    s.connect((address, port))
    return s


def attempt(place, address, port, source=None, timeout=5):
    """'open', 'reset', 'unreachable' or 'silence'."""
    try:
        connect(place, address, port, source, timeout).close()
        return "open"
    except socket.timeout:
        return "silence"
    except OSError as e:
        if e.errno in REFUSED:
            return REFUSED[e.errno]
        raise


def seen_from(place, listener, address, port):
    """The source by which a connection arrives."""
    with connect(place, address, port):
        accepted, peer = listener.accept()
        accepted.close()
        return peer[0]


def is_reset(s):
    try:
        return s.recv(1) == b"never"
    except ConnectionResetError:
        return True
    except ConnectionAbortedError:
        return True


# --- landscapes --------------------------------------------------------------------------------------------------

def lan(**kw):
    """One network with a public, a private and an isolated subnet."""
    d = network(1, "a", ["10.1.0.0/16", "fd00:1::/48"],
                [subnet(11, 21, "10.1.0.0/24", "fd00:1::/64"), subnet(12, 22, "10.1.1.0/24"), subnet(13, 1, "10.1.2.0/24")],
                [host(101, "web", ["10.1.0.10", "fd00:1::10"], 0, public=["198.51.100.1"]),
                 host(102, "bare", ["10.1.0.11", "fd00:1::11"], 0),
                 host(103, "app", "10.1.1.10", 1),
                 host(104, "iso", "10.1.2.10", 2)],
                uplink=True, endpoints=[{"addr": "10.1.1.100", "port": 6443}],
                routes=[{"table": 21, "to": "0.0.0.0/0", "kind": "uplink"}, {"table": 22, "to": "0.0.0.0/0", "kind": "uplink"}],
                nats=[{"table": 22, "to": "0.0.0.0/0", "address": ["198.51.100.9"]}])
    d.update(kw)
    return d


def outside(name, address, neighbour):
    """Somebody on the internet, beyond the daemon's namespace."""
    net.run("ip", "netns", "add", name)
    net.run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
    net.run("ip", "addr", "add", neighbour + "/32", "dev", name)
    net.run("ip", "link", "set", name, "up")
    net.run("ip", "route", "add", address + "/32", "dev", name)
    for words in (("link", "set", "eth0", "up"), ("link", "set", "lo", "up"), ("addr", "add", address + "/32", "dev", "eth0"),
                  ("route", "add", "default", "via", neighbour, "dev", "eth0", "onlink")):
        net.run("ip", "-n", name, *words)
    return "/run/netns/" + name


# --- states ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(1, 9))
def test_the_history_of_a_landscape_leaves_nothing_but_its_last_state(seed):
    last = 12

    @in_world
    def history():
        steps = [w for s in range(last + 1) for w in ("random", seed, s)]
        out = once(*steps, "audit", "print").stdout.splitlines()
        ops = [line for line in out if line.startswith("ops ")]
        assert ops[-1] == "ops 0 cut 0"
        assert once("random", seed, last).stdout == "ops 0 cut 0\n", "another process finds it as it shall be"
        print_to("history", out)

    @in_world
    def fresh():
        print_to("fresh", once("random", seed, last, "print").stdout.splitlines())

    with tempfile.TemporaryDirectory() as folder:
        def print_to(name, lines):
            with open(os.path.join(folder, name), "w", encoding="ascii") as f:
                f.write("\n".join(line for line in lines if not line.startswith("ops ")))
        history()
        fresh()
        texts = [open(os.path.join(folder, n), encoding="ascii").read() for n in ("history", "fresh")]
        assert texts[0] == texts[1]
        assert texts[0].count("\n") > 5


CALLS = "sendto,mount,umount2,unshare,setns,unlink,openat,write,mkdir,socket,close"


@pytest.mark.parametrize("way", ["up", "change", "down"])
@in_world
def test_killed_at_any_call_and_started_again(way):
    first, last = {"up": (None, 3), "change": (3, 9), "down": (9, None)}[way]

    def words(step):
        if step is None:
            with open("/run/nothing.json", "w", encoding="ascii") as f:
                f.write('{"records": []}')
            return ("file", "/run/nothing.json")
        return ("random", 5, step)

    once(*words(last))
    wanted = state()
    once(*words(first))
    log = "/run/strace"
    once(*words(last), wrap=("strace", "-f", "-o", log, "-e", "trace=" + CALLS))
    calls = {}
    with open(log, encoding="utf-8", errors="replace") as f:
        for line in f:
            name = line.split("(")[0].split()[-1]
            # A setting waits for the kernel's lock by being called again and again, as often as it happens to need.
            if name in CALLS.split(",") and "ERESTART" not in line:
                calls[name] = calls.get(name, 0) + 1
    # strace counts each call by itself. Three moments of each, spread over all of them.
    moments = sorted({(name, 1 + n * i // 3) for name, n in calls.items() for i in range(3)})
    assert len(moments) > 15
    for name, n in moments:
        once(*words(first))
        p = once(*words(last), ok=False, wrap=("strace", "-f", "-o", log, "-e", "trace=" + name,
                                               "-e", "inject=%s:signal=KILL:when=%d" % (name, n)))
        assert p.returncode != 0, "was to be killed at %s number %d" % (name, n)
        once(*words(last))
        assert state() == wanted, "killed at %s number %d" % (name, n)


@in_world
def test_nothing_is_left_and_nothing_foreign_is_touched():
    net.run("ip", "netns", "add", "mine")
    net.run("ip", "link", "add", "keep", "type", "veth", "peer", "name", "kept", "netns", "mine")
    net.run("ip", "addr", "add", "10.1.0.99/32", "dev", "keep")
    net.run("ip", "link", "set", "keep", "up")
    net.run("ip", "route", "add", "10.1.0.0/16", "dev", "keep")
    net.run("nft", "add table inet other; add chain inet other c { type filter hook forward priority 5; }")

    def foreign():
        return [net.run("ip", "-br", "link", "show", "dev", "keep"), net.run("ip", "route", "show", "dev", "keep"),
                net.run("ip", "-br", "addr"), net.run("nft", "list table inet other"), net.run("ip", "netns", "list")]
    before = foreign()
    apply([lan()])
    with at("net.a"):
        net.run("ip", "route", "add", "10.77.0.0/16", "dev", "h-101")
        net.run("nft", "add table inet other")
        net.run("ip", "rule", "add", "pref", "500", "from", "10.99.0.0/16", "lookup", "99")
        net.run("ip", "link", "add", "theirs", "type", "veth", "peer", "name", "theirs2")
    apply([lan(hosts=lan()["hosts"][:2])])
    with at("net.a"):
        assert "10.77.0.0/16" in net.run("ip", "route")
        assert "table inet other" in net.run("nft", "list tables")
        assert "10.99.0.0/16" in net.run("ip", "rule")
        net.run("ip", "link", "show", "theirs")
    apply([])
    assert foreign() == before
    assert "table inet " + PREFIX not in net.run("nft", "list tables")
    assert PREFIX + "." not in net.run("ip", "netns", "list")


@in_world
def test_what_somebody_broke_is_mended():
    apply([lan()])
    wanted = state()
    with at("net.a"):
        net.run("ip", "route", "del", "10.1.1.10/32")
        net.run("ip", "rule", "del", "pref", "100")
        net.run("ip", "addr", "del", "10.1.0.1/32", "dev", "h-101")
        net.run("ip", "link", "set", "h-103", "down")
        net.run("ip", "link", "del", "h-104")
        net.run("ip", "route", "replace", "10.1.0.10/32", "dev", "h-102")
        net.run("nft", "delete table inet " + PREFIX)
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as f:
            f.write("0")
    with at("web"):
        net.run("ip", "link", "set", "eth0", "name", "eth9")
    ops, _ = apply([lan()])
    assert ops > 8
    assert state() == wanted
    assert apply([lan()]) == (0, 0)


@in_world
def test_a_rule_that_somebody_took_out_of_our_table_comes_back():
    apply([lan()])
    before = net.run("ip", "netns", "exec", PREFIX + ".net.a", "nft", "list table inet " + PREFIX)
    net.run("ip", "netns", "exec", PREFIX + ".net.a", "nft", "flush chain inet %s passing" % PREFIX)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump({"records": [lan()]}, f)
        f.flush()
        once("file", f.name, "audit")
    assert net.run("ip", "netns", "exec", PREFIX + ".net.a", "nft", "list table inet " + PREFIX) == before


# --- packets -----------------------------------------------------------------------------------------------------

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



# --- the role ----------------------------------------------------------------------------------------------------

class Netd:
    """The role in its sandbox, driven by netd_drive."""

    def __init__(self):
        self.folder = "/run/drive"
        os.mkdir(self.folder)
        self.log = open(self.folder + "/log", "w+", encoding="utf-8")
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([os.path.join(os.path.dirname(ONCE), "netd_drive"), PREFIX, self.folder], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, bufsize=1)
        assert self.answer()[-1].startswith("ack"), self.said()

    def said(self):
        with open(self.folder + "/log", encoding="utf-8") as f:
            return f.read()

    def answer(self):
        lines = []
        while not lines or lines[-1].startswith("endpoint"):
            line = self.process.stdout.readline()
            assert line, self.said()
            lines.append(line.rstrip("\n"))
        return lines

    def tell(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        return self.answer()

    def apply(self, records):
        """(operations, cut, failed, reason)"""
        path = self.folder + "/records.json"
        with open(path, "w", encoding="ascii") as f:
            json.dump({"records": records}, f)
        return self.acknowledged(self.tell("file", path))

    @staticmethod
    def acknowledged(lines):
        words = lines[-1].split(" ", 5)
        assert words[0] == "ack", lines
        return int(words[2]), int(words[3]), words[4] == "1", words[5]

    def events(self, name):
        return [e for e in map(json.loads, self.said().splitlines()) if e["event"] == name]


@in_world
def test_the_role_opens_endpoints_and_gets_them_back():
    netd = Netd()
    ops, _, failed, _ = netd.apply([lan()])
    assert ops > 50 and not failed
    assert netd.tell("listening") == ["endpoint 10.1.1.100:6443", "end"]
    with connect("iso", "10.1.1.100", 6443) as s:
        s.sendall(b"hello")  # an endpoint's socket tells of a connection when its first bytes are there
        assert netd.tell("accept", "10.1.1.100:6443") == ["from 10.1.2.10"]
    with connect("iso", "10.1.1.100", 6443) as s:
        ops, _, failed, _ = netd.acknowledged(netd.tell("restart"))
        assert not failed
        s.sendall(b"hello")
        assert netd.tell("accept", "10.1.1.100:6443") == ["from 10.1.2.10"], "waited for the next netd"
    both = [{"addr": "10.1.1.100", "port": 6443}, {"addr": "fd00:1::100", "port": 443}]
    netd.apply([lan(endpoints=both)])
    assert sorted(netd.tell("listening")) == ["end", "endpoint 10.1.1.100:6443", "endpoint [fd00:1::100]:443"]
    assert attempt("bare", "fd00:1::100", 443) == "open"
    assert netd.apply([lan(endpoints=[])])[2] is False
    assert netd.tell("listening") == ["end"]
    assert attempt("iso", "10.1.1.100", 6443) == "unreachable"
    netd.apply([lan()])
    netd.apply([])
    assert netd.tell("listening") == ["end"]
    assert PREFIX + "." not in net.run("ip", "netns", "list")


@in_world
def test_the_role_mends_within_a_second_and_says_so():
    netd = Netd()
    netd.apply([lan(), {**lan(), "id": 2, "name": "z", "hosts": [host(201, "other", "10.1.0.10")], "nats": []}])
    daemon.wait_until("our own changes looked at", lambda: not netd.events("drift.mended"), 2)
    listener = listen("web", "10.1.0.10", 80)
    for spoil in (["ip", "route", "del", "10.1.0.10/32"], ["ip", "rule", "del", "pref", "100"],
                  ["nft", "flush table inet " + PREFIX], ["ip", "addr", "flush", "dev", "h-101"],
                  ["ip", "link", "set", "h-101", "down"], ["ip", "link", "del", "h-101"]):
        n = len(netd.events("drift.mended"))
        with at("net.a"):
            net.run(*spoil)
        daemon.wait_until("mended: " + " ".join(spoil), lambda n=n: len(netd.events("drift.mended")) > n, 2)
        assert netd.events("drift.mended")[-1]["router"] == 1
        daemon.wait_until("open after " + " ".join(spoil), lambda: attempt("app", "10.1.0.10", 80) == "open", 2)
    outer = [line.split(":")[1].split("@")[0].strip() for line in net.run("ip", "-o", "link").splitlines() if "-1@" in line][0]
    for spoil in (["ip", "route", "del", "198.51.100.1/32"], ["ip", "link", "del", outer], ["nft", "delete table inet " + PREFIX]):
        n = len(netd.events("drift.mended"))
        net.run(*spoil)
        daemon.wait_until("mended: " + " ".join(spoil), lambda n=n: len(netd.events("drift.mended")) > n, 2)
    assert attempt(None, "198.51.100.1", 80) == "open"
    # Somebody else's business.
    n = len(netd.events("drift.mended"))
    net.run("nft", "add table inet other")
    net.run("ip", "route", "add", "10.66.0.0/16", "dev", "lo")
    with at("net.a"):
        net.run("ip", "route", "add", "10.66.0.0/16", "dev", "lo")
    assert netd.apply([lan()])[2] is False
    assert len(netd.events("drift.mended")) == n
    listener.close()


@in_world
def test_the_role_tries_again_what_failed():
    netd = Netd()
    hosts = lan()["hosts"]
    hosts[2] = {**hosts[2], "namespace": "later"}
    _, _, failed, reason = netd.apply([lan(hosts=hosts)])
    assert failed and "there is no network namespace 'later'" in reason
    listener = listen("web", "10.1.0.10", 80)
    assert attempt("bare", "10.1.0.10", 80) == "open"
    net.run("ip", "netns", "add", "later")
    for _ in range(5):
        if not (answer := netd.acknowledged(netd.tell("wait")))[2]:
            break
    assert not answer[2]
    assert attempt("/run/netns/later", "10.1.0.10", 80) == "open"
    listener.close()
