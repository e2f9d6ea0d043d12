# SPDX-License-Identifier: GPL-3.0-or-later
"""
What tests of netd share: a world of its own for each, with real packets:

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
