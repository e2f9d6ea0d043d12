# SPDX-License-Identifier: GPL-3.0-or-later
"""
The netd role in its sandbox: endpoints, drift, trying again.
"""
import json
import os
import socket
import subprocess
import threading
import time

import daemon
import net
from netd_world import (apply, at, attempt, by_link, connect, group, host, in_world, lan, link, listen, network, ONCE, PREFIX, rule,
                        subnet)


class Netd:
    """The role in its sandbox, driven by netd_drive."""

    def __init__(self, n_dns=0):
        self.folder = "/run/drive"
        os.mkdir(self.folder)
        self.log = open(self.folder + "/log", "w+", encoding="utf-8")
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([os.path.join(os.path.dirname(ONCE), "netd_drive"), PREFIX, self.folder, str(n_dns)], text=True,
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
    # Somebody else's business; a moment for looking at what was mended last.
    time.sleep(0.5)
    n = len(netd.events("drift.mended"))
    net.run("nft", "add table inet other")
    net.run("ip", "route", "add", "10.66.0.0/16", "dev", "lo")
    with at("net.a"):
        net.run("nft", "add table inet other")
        net.run("ip", "route", "add", "10.66.0.0/16", "dev", "lo")
    assert netd.apply([lan()])[2] is False
    time.sleep(0.5)
    assert len(netd.events("drift.mended")) == n
    listener.close()


@in_world
def test_a_ruleset_that_somebody_takes_away_is_back_at_once():
    """What the group refuses is open until then; how long that is, is printed."""
    netd = Netd()
    guarded = lan(groups=[group(rule("in", "10.1.2.0/24", ports=[80, 80]))])
    guarded["hosts"][0]["groups"] = [0]
    netd.apply([guarded])
    windows = []
    for spoil in ("flush table inet ", "delete table inet ") * 4:
        time.sleep(0.3)  # what is looked at this soon after a look is looked at a little later
        n = len(netd.events("drift.mended"))
        with at("net.a"):
            begin = time.monotonic()
            net.run("nft", spoil + PREFIX)
        while len(netd.events("drift.mended")) == n:
            assert time.monotonic() - begin < 5, spoil
            time.sleep(0.001)
        windows.append(round((time.monotonic() - begin) * 1000))
        assert attempt("app", "10.1.0.10", 80) == "reset", "refused"
    print("milliseconds from the command's begin to the end of mending:", windows)


def app_in(namespace):
    hosts = lan()["hosts"]
    hosts[2] = {**hosts[2], "namespace": namespace}
    return lan(hosts=hosts)


@in_world
def test_the_role_tries_again_what_failed():
    netd = Netd()
    netd.apply([lan(endpoints=[])])
    squatter = listen("net.a", "0.0.0.0", 6443)
    _, _, failed, reason = netd.apply([lan()])
    assert failed and "10.1.1.100" in reason, reason
    listener = listen("web", "10.1.0.10", 80)
    assert attempt("bare", "10.1.0.10", 80) == "open"
    squatter.close()
    for _ in range(5):
        if not (answer := netd.acknowledged(netd.tell("wait")))[2]:
            break
    assert not answer[2]
    assert netd.tell("listening") == ["endpoint 10.1.1.100:6443", "end"]
    listener.close()


@in_world
def test_the_role_does_without_what_is_not_there():
    netd = Netd()
    assert netd.apply([app_in("later")])[2] is False
    listener = listen("web", "10.1.0.10", 80)
    assert attempt("bare", "10.1.0.10", 80) == "open"
    assert [e["host"] for e in netd.events("host.absent")] == ["app"]
    assert netd.acknowledged(netd.tell("restart"))[2] is False
    net.run("ip", "netns", "add", "later")
    daemon.wait_until("joined", lambda: netd.events("host.attached"), 3)
    daemon.wait_until("reached", lambda: attempt("/run/netns/later", "10.1.0.10", 80) == "open", 3)
    assert len(netd.events("host.absent")) == 2, "once by each netd"
    listener.close()


@in_world
def test_a_long_change_of_one_router_is_told():
    """Control ends a netd that says nothing: there is a word between namespaces, not only between routers."""
    netd = Netd()
    netd.apply([lan()])
    assert [(e["done"], e["total"]) for e in netd.events("progress")][:1] == [(0, 1)]


@in_world
def test_an_interface_that_goes_from_one_network_to_another_is_there_at_once():
    netd = Netd()
    net.run("ip", "link", "add", "tap7", "type", "veth", "peer", "name", "inside")

    def both(first, second):
        hosts = lan()["hosts"]
        return [lan(hosts=hosts[:3] + ([{**hosts[3], "interface": "tap7"}] if first else [])),
                {**lan(), "id": 2, "name": "z", "nats": [], "endpoints": [],
                 "hosts": [host(201, "other", "10.1.0.10", **({"interface": "tap7"} if second else {}))]}]

    def has(router):
        with at(router):
            return "alias postern:%s:tap7" % PREFIX in net.run("ip", "link")
    for first in (False, True, False):
        assert netd.apply(both(first, not first))[2] is False
        assert (has("net.a"), has("net.z")) == (first, not first)


# --- the resolver ----------------------------------------------------------------------------------------------------------

RESOLVERS = [{"addr": "10.1.0.2", "asks": True}, {"addr": "10.1.1.2"}, {"addr": "168.63.129.16"}, {"addr": "fd00:1::2", "asks": True}]


def named(ident=1, name="a", **kw):
    d = lan(resolvers=RESOLVERS, **kw)
    return d if ident == 1 else {**d, "id": ident, "name": name, "hosts": [host(201, "other", ["10.1.0.10", "fd00:1::10"])], "nats": []}


def sockets_of(netd):
    """{(router, kind, place): slots}"""
    lines = [line.split() for line in netd.tell("names")[:-1]]
    return {(int(w[1]), w[2], w[3]): int(w[4]) for w in lines}


def exchange(s, tries):
    """An answer; a datagram that is lost while netd mends is sent again."""
    for left in reversed(range(tries)):
        try:
            s.send(b"?")
            return s.recv(100).decode()
        except socket.timeout:
            if not left:
                raise


def asked(place, address):
    """What UDP and TCP both get for an answer."""
    answers = []
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with at(place):
            s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        with s:
            s.settimeout(2 if kind == socket.SOCK_STREAM else 0.5)
            try:
                s.connect((address, 53))
                answers.append(exchange(s, 1 if kind == socket.SOCK_STREAM else 4))
            except OSError as e:
                answers.append(type(e).__name__)
    assert answers[0] == answers[1], answers
    return answers[0]


@in_world
def test_the_role_opens_sockets_for_names_and_gets_them_back():
    netd = Netd(n_dns=2)
    assert not netd.apply([named(), named(2, "z")])[2]
    places = ["10.1.0.2:53", "10.1.1.2:53", "168.63.129.16:53", "[fd00:1::2]:53"]
    want = {(r, kind, place): 1 for r in (1, 2) for kind in ("udp", "tcp") for place in places}
    want.update({(r, kind, place): slots for r in (1, 2) for kind, slots in (("ask-udp", 16), ("ask-tcp", 4))
                 for place in ("10.1.0.2:0", "[fd00:1::2]:0")})
    assert sockets_of(netd) == want
    for restarted in (False, True):
        assert netd.tell("serve") == ["serving"]
        for place, router in (("app", 1), ("other", 2)):
            own = "10.1.1.10" if router == 1 else "10.1.0.10"
            for address in ("10.1.0.2", "10.1.1.2", "168.63.129.16"):
                assert asked(place, address) == "%d %s" % (router, own)
        assert asked("web", "fd00:1::2") == "1 fd00:1::10"
        assert asked("other", "fd00:1::2") == "2 fd00:1::10"
        if not restarted:
            netd.tell("restart")
            assert sockets_of(netd) == want
    # No names there any more.
    assert not netd.apply([named(), {**named(2, "z"), "resolvers": []}])[2]
    assert sockets_of(netd) == {k: n for k, n in want.items() if k[0] == 1}
    assert not netd.apply([])[2]
    assert sockets_of(netd) == {}


@in_world
def test_what_a_resolver_needs_comes_back():
    netd = Netd(n_dns=1)
    netd.apply([named()])
    netd.tell("serve")
    assert asked("iso", "168.63.129.16") == asked("iso", "10.1.0.2") == "1 10.1.2.10"
    for spoil in (["ip", "addr", "del", "10.1.0.2/32", "dev", "lo"], ["ip", "addr", "del", "168.63.129.16/32", "dev", "lo"],
                  ["ip", "addr", "flush", "dev", "lo"], ["nft", "flush chain inet %s naming" % PREFIX],
                  ["nft", "flush set inet %s resolvers4" % PREFIX], ["nft", "delete table inet " + PREFIX]):
        n = len(netd.events("drift.mended"))
        with at("net.a"):
            net.run(*spoil)
        daemon.wait_until("mended: " + " ".join(spoil), lambda n=n: len(netd.events("drift.mended")) > n, 2)
        assert asked("iso", "168.63.129.16") == asked("iso", "10.1.0.2") == "1 10.1.2.10", spoil
    # A namespace that somebody took away is another one, with other sockets.
    net.run("ip", "netns", "del", PREFIX + ".net.a")
    daemon.wait_until("made anew", lambda: asked("iso", "10.1.0.2") != "OSError" and netd.tell("serve") and
                      asked("iso", "10.1.0.2") == "1 10.1.2.10", 20)


@in_world
def test_servers_of_a_network_are_asked_by_its_own_ways():
    netd = Netd(n_dns=1)
    site = {**network(6, "s", "10.6.0.0/16", [subnet(60, 6, "10.6.0.0/24")], [host(206, "s", "10.6.0.10")], links=[link(1, "a")],
                      routes=[by_link(6, "10.1.0.0/16", 0)], resolvers=[{"addr": "10.6.0.2"}]), "kind": "site"}
    a = named(links=[link(6, "s", "site")])
    a["routes"] += [by_link(21, "10.6.0.0/16", 0)]
    assert not netd.apply([a, site])[2]
    with at("s"):
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
    udp.bind(("10.6.0.10", 53))
    tcp.bind(("10.6.0.10", 53))
    tcp.listen()
    threading.Thread(target=answer_forever, args=(udp, tcp), daemon=True).start()
    ports = set()
    for kind in ("udp", "tcp"):
        for _ in range(8):
            said = netd.tell("ask 1 %s 10.1.0.2 10.6.0.10 53" % kind)[0].split()
            assert said[:2] == ["said", "10.1.0.2"]
            ports.add((kind, said[2]))
    assert len(ports) > 12, "a new port each time"
    assert netd.tell("ask 1 udp 10.1.0.2 10.6.0.2 53")[0].startswith("refused"), "the site's own resolver is for the site"
    assert not netd.apply([{**a, "routes": a["routes"][:-1]}, site])[2]
    assert netd.tell("ask 1 udp 10.1.0.2 10.6.0.10 53")[0].startswith("refused"), "no route"


def answer_forever(udp, tcp):
    def serve_tcp():
        while True:
            conn, peer = tcp.accept()
            with conn:
                conn.recv(100)
                conn.sendall(("%s %d" % peer).encode())
    threading.Thread(target=serve_tcp, daemon=True).start()
    while True:
        _, peer = udp.recvfrom(100)
        udp.sendto(("%s %d" % peer).encode(), peer)
