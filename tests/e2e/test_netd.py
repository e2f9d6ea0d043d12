# SPDX-License-Identifier: GPL-3.0-or-later
"""
The kernel is what the records say: whatever was there before, wherever netd was killed, and nothing foreign is touched.
"""
import json
import os
import tempfile

import pytest

import net
from netd_world import apply, at, in_world, lan, link, once, PREFIX, rule, state


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
    killed = 0
    for name, n in moments:
        once(*words(first))
        p = once(*words(last), ok=False, wrap=("strace", "-f", "-o", log, "-e", "trace=" + name,
                                               "-e", "inject=%s:signal=KILL:when=%d" % (name, n)))
        killed += p.returncode != 0
        once(*words(last))
        assert state() == wanted, "killed at %s number %d" % (name, n)
    # A run may need a call less than the one that was counted.
    assert killed >= len(moments) - 3


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
