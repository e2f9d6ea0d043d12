# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of networks share: documents, a daemon with a prefix of its own, and what is left of it in the kernel."""
import contextlib
import errno
import itertools
import json
import os
import select
import socket
import struct
import time

import daemon
import net
from peers import recv_exactly

_prefixes = itertools.count(1)
PROTOCOL = "196"  # of every route that is ours


def doc(kind, name, **fields):
    return {"kind": kind, "name": name, **fields}


def network(name, n, *, subnets=(1,), table=None):
    """Network 10.n/16, fd00:0:n::/48 with subnets NAME-1 10.n.1/24, ..."""
    found = [doc("network", name, addressSpace=["10.%d.0.0/16" % n, "fd00:0:%d::/48" % n])]
    for s in subnets:
        found.append(doc("subnet", "%s-%d" % (name, s), network=name,
                         ranges=["10.%d.%d.0/24" % (n, s), "fd00:0:%d:%d::/64" % (n, s)]))
        if table:
            found[-1]["routeTable"] = table
    return found


def host(name, subnet, n, s, last, **fields):
    return doc("host", name, subnet=subnet, addresses=["10.%d.%d.%d" % (n, s, last), "fd00:0:%d:%d::%x" % (n, s, last)],
               **fields)


class Networks(daemon.Posternd):
    """A daemon whose namespaces have names of their own, so that many of them share one /run."""

    def __init__(self, *options, **kw):
        self.prefix_name = "t%d" % next(_prefixes)
        super().__init__("--netns-prefix", self.prefix_name, *options, **kw)

    def is_up(self):
        """As for every daemon, and netd has made what it was told."""
        s = super().is_up()
        return s and s.get("netd", {}).get("state") in ("up", "off") and s

    # --- by the CLI

    def stream(self, documents):
        return "\n".join(json.dumps(d) for d in documents)

    def cli_apply(self, *documents, check=True):
        return self.cli("apply", "-f", "-", stdin=self.stream(documents), check=check)

    def cli_delete(self, *documents, check=True, force=False):
        return self.cli("delete", *(["--force"] if force else []), "-f", "-", stdin=self.stream(documents), check=check)

    def document(self, kind, name):
        found = json.loads(self.cli("-o", "json", "get", kind, name).stdout)
        return (found["items"][0] if "items" in found else found)["document"]

    def explain_host(self, cluster, name, *more):
        p = self.cli("explain", cluster, "--host", name, *more, "-o", "json", check=False)
        assert p.stdout.startswith("{"), p.stdout + p.stderr
        return json.loads(p.stdout)

    # --- in the kernel

    def place(self, name):
        return net.Namespace("%s.host.%s" % (self.prefix_name, name))

    def namespaces(self):
        with contextlib.suppress(FileNotFoundError):
            return sorted(n for n in os.listdir("/run/netns") if n.startswith(self.prefix_name + "."))
        return []

    def netd_pids(self):
        """Of this daemon alone: netd is a descendant of its parent."""
        parents, found = {}, []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, IndexError):
                with open("/proc/%s/stat" % entry, encoding="ascii", errors="replace") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                with open("/proc/%s/cmdline" % entry, "rb") as f:
                    words = f.read().decode(errors="replace").split("\0")
                parents[int(entry)] = int(fields[1])
                if fields[0] != "Z" and ("netd" in words or "--role=netd" in words):
                    found.append(int(entry))

        def is_ours(pid):
            while pid > 1 and pid != self.process.pid:
                pid = parents.get(pid, 0)
            return pid == self.process.pid
        return [pid for pid in found if is_ours(pid)]

    def netd_pid(self):
        return daemon.wait_until("netd", self.netd_pids)[0]

    def remains(self):
        """What of ours is in the kernel outside of namespaces of ours, and which namespaces there are."""
        links = [l["ifname"] for l in json.loads(net.run("ip", "-j", "link"))
                 if l.get("ifalias") == "postern:" + self.prefix_name]
        tables = [o["table"]["name"] for o in json.loads(net.run("nft", "-j", "list", "tables"))["nftables"]
                  if "table" in o and o["table"]["name"] == self.prefix_name]
        routes = []
        if not self.others_route():
            for family in ("-4", "-6"):
                routes += net.run("ip", family, "route", "show", "table", "all", "proto", PROTOCOL).splitlines()
        return {"namespaces": self.namespaces(), "links": links, "tables": tables, "routes": routes}

    def others_route(self):
        """Another daemon's routes are in this namespace too, and look like ours."""
        return any(not n.startswith(self.prefix_name + ".") for n in
                   (os.listdir("/run/netns") if os.path.isdir("/run/netns") else []))

    def snapshot(self):
        """Everything that netd makes, in a form that does not depend on the order in which it was made."""
        return {n: _namespace_state(net.Namespace(n), self.prefix_name) for n in self.namespaces()}


def _namespace_state(ns, prefix):
    addresses = {}
    for link in json.loads(ns.run("ip", "-j", "addr")):
        # Link-local addresses that the kernel makes up are nobody's business.
        found = ["%s/%d" % (a["local"], a["prefixlen"]) for a in link["addr_info"] if a.get("local")
                 and (not a["local"].startswith("fe80:") or a["local"] in ("fe80::1", "fe80::2"))]
        addresses[link["ifname"]] = (sorted(found), "UP" in link["flags"])
    routes = []
    for family in ("-4", "-6"):
        routes += [" ".join(line.split()) for line in
                   ns.run("ip", family, "route", "show", "table", "all", "proto", PROTOCOL).splitlines()]
    rules = ns.run("ip", "rule").splitlines() + ns.run("ip", "-6", "rule").splitlines()
    return {"addresses": addresses, "routes": sorted(routes), "rules": sorted(rules),
            "nft": ns.run("sh", "-c", "nft -s list table inet %s 2>/dev/null || true" % prefix)}


NOTHING = {"namespaces": [], "links": [], "tables": [], "routes": []}


class Pair:
    """A TCP connection between two places, both ends in this process. The server goes on listening, as servers do."""

    ports = itertools.cycle(range(8001, 8080))

    def __init__(self, client, server, address, port=None):
        port = port or next(Pair.ports)
        self.listener = server.listen(address, port)
        self.listener.settimeout(5)
        try:
            self.a = client.connect(address, port, timeout=5)
            self.b, _ = self.listener.accept()
        except OSError:
            self.listener.close()
            raise
        self.b.settimeout(5)

    def ping(self):
        for one, other in ((self.a, self.b), (self.b, self.a)):
            word = os.urandom(8)
            one.sendall(word)
            assert recv_exactly(other, 8) == word

    def is_reset(self):
        """Both ends have been, already: nothing is sent to find out."""
        ready, _, _ = select.select([self.a], [], [], 2)
        if not ready:
            return False
        try:
            self.a.recv(1)
        except ConnectionResetError:
            return True
        except OSError:
            return True
        return False

    def close(self):
        for s in (self.a, self.b, self.listener):
            s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connects(client, server, address, port=8080):
    """True, or why not. Somebody may be listening there already."""
    try:
        listener = server.listen(address, port)
    except OSError as e:
        if e.errno != errno.EADDRINUSE:
            raise
        listener = contextlib.nullcontext()
    with listener:
        try:
            client.connect(address, port, timeout=2).close()
            return True
        except socket.timeout:
            return "silence"
        except OSError as e:
            return e.strerror


def _checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def answers_ping(client, address, timeout=2):
    """An echo request from there, and its reply."""
    v6 = ":" in address
    number = os.getpid() & 0xffff
    head = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, number, 1) + b"pstn"
    if not v6:  # the kernel sums ICMPv6 itself
        head = head[:2] + struct.pack("!H", _checksum(head)) + head[4:]
    with client.entered():
        s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW,
                          socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP)
    with s:
        end = time.monotonic() + timeout
        try:
            s.sendto(head, (address, 0))
            while time.monotonic() < end:
                s.settimeout(max(0.01, end - time.monotonic()))
                data, who = s.recvfrom(2048)
                data = data if v6 else data[(data[0] & 15) * 4:]
                if who[0] == address and data[0] == (129 if v6 else 0) and data[4:6] == head[4:6]:
                    return True
        except OSError:
            pass
    return False
