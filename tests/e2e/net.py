# SPDX-License-Identifier: GPL-3.0-or-later
"""
A little internet of our own, made of network namespaces that nobody else sees.

    alice 203.0.113.10, 2001:db8:a::10 ──veth──┐
    bob   198.51.100.20, 2001:db8:b::20 ─veth──┤  router: where posternd and the upstreams run
    lb    100.64.9.9,    2001:db8:c::9 ──veth──┘  192.0.2.1, 2001:db8::1, 10.0.0.5 ... 10.0.0.12

The router is this process's own network namespace, left behind with the last process in it. The clients are held by a
descriptor only, without a name in the file system. So there is nothing to clean up, however the run ends.
"""
import contextlib
import ctypes
import json
import os
import socket
import subprocess

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
V4, V6 = "192.0.2.1", "2001:db8::1"
UPSTREAMS = ["10.0.0.%d" % i for i in range(5, 13)]

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        e = ctypes.get_errno()
        raise OSError(e, "%s: %s" % (what, os.strerror(e)))


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def setns(fd):
    _check(_libc.setns(fd, CLONE_NEWNET), "setns")


def run(*argv, **kw):
    p = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **kw)
    assert p.returncode == 0, "%s: %s%s" % (" ".join(map(str, argv)), p.stdout, p.stderr)
    return p.stdout


def enter():
    """Move this process, while it has one thread, into the router. True if it has real root rights."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        unshare(CLONE_NEWNS | CLONE_NEWNET)
    else:
        unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET)
        for name, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid), ("gid_map", "0 %d 1" % gid)):
            with open("/proc/self/" + name, "w", encoding="ascii") as f:
                f.write(text)
    run("mount", "--make-rprivate", "/")
    run("ip", "link", "set", "lo", "up")
    for a in [V4] + UPSTREAMS:
        run("ip", "addr", "add", a + "/32", "dev", "lo")
    run("ip", "addr", "add", V6 + "/128", "dev", "lo", "nodad")
    return uid == 0


def own_run():
    """A /run of our own, for namespaces with names; once, and before anything is in it."""
    if not os.path.exists("/run/of-the-tests"):
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        with open("/run/of-the-tests", "w", encoding="ascii"):
            pass


def forward():
    """The router forwards, and says so where it knows no way: what a private range has on the internet."""
    for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        with open("/proc/sys/" + name, "w", encoding="ascii") as f:
            f.write("1")


def mac(runner, link):
    return json.loads(runner("ip", "-j", "link", "show", "dev", link))[0]["address"]


class Client:
    """A place to connect from: a namespace with an address of each family and a default route to the router."""

    count = 0

    def __init__(self, name, v4, v6):
        self.name, self.v4, self.v6 = name, v4, v6
        Client.count += 1
        link = "c%d" % Client.count
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        unshare(CLONE_NEWNET)
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        setns(own)
        os.close(own)

        ns = "/proc/%d/fd/%d" % (os.getpid(), self.fd)
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", ns)
        run("ip", "link", "set", link, "addrgenmode", "none")
        self.run("ip", "link", "set", "eth0", "addrgenmode", "none")
        run("ip", "addr", "add", "fe80::1/64", "dev", link, "nodad")
        run("ip", "link", "set", link, "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "addr", "add", v4 + "/32", "dev", "eth0")
        self.run("ip", "addr", "add", v6 + "/128", "dev", "eth0", "nodad")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", "default", "dev", "eth0")
        self.run("ip", "-6", "route", "add", "fe80::1", "dev", "eth0")
        self.run("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
        run("ip", "route", "add", v4 + "/32", "dev", link)
        run("ip", "-6", "route", "add", v6 + "/128", "dev", link)
        # The kernel has one neighbour table for all namespaces, and the tests fill it: these are in it for good.
        router, client = mac(run, link), mac(self.run, "eth0")
        for address in (V4, "fe80::1"):
            self.run("ip", "neigh", "replace", address, "lladdr", router, "dev", "eth0", "nud", "permanent")
        for address in (v4, v6):
            run("ip", "neigh", "replace", address, "lladdr", client, "dev", link, "nud", "permanent")

    @contextlib.contextmanager
    def entered(self):
        """This thread inside the namespace: what it opens belongs there for good."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            setns(self.fd)
            yield
        finally:
            setns(own)
            os.close(own)

    def listen(self, host, port):
        with self.entered():
            return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        with self.entered():
            return socket.socket(family, kind)

    def connect(self, host=V4, port=443, timeout=15):
        s = self.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        s.settimeout(timeout)
        try:
            s.connect((host, port))
        except OSError:
            s.close()
            raise
        return s

    def popen(self, argv, **kw):
        with self.entered():
            return subprocess.Popen([str(a) for a in argv], **kw)

    def run(self, *argv, **kw):
        with self.entered():
            return run(*argv, **kw)


class Namespace(Client):
    """A place that others make, by its name in /run/netns: entered anew each time."""

    def __init__(self, name):  # pylint: disable=super-init-not-called
        self.name = name

    @contextlib.contextmanager
    def entered(self):
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = -1
        try:
            there = os.open("/run/netns/" + self.name, os.O_RDONLY)
            setns(there)
            yield
        finally:
            setns(own)
            for fd in (own, there):
                if fd >= 0:
                    os.close(fd)


class Router(Client):
    """The router itself as a place to connect from."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.name, self.v4, self.v6 = "router", V4, V6

    @contextlib.contextmanager
    def entered(self):
        yield
