# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes pass unchanged, ends pass as ends, resets as resets, and a stalled reader costs no memory."""
import contextlib
import hashlib
import os
import socket
import threading
import time

import pytest

from daemon import cluster, wait_until
from net import V4, V6
from peers import Upstream, abort, client_hello, is_reset, read_hello, recv_exactly

BULK = 50_000_000


def opened(place, d, name, host=V4):
    s = place.connect(host, d.port)
    s.sendall(client_hello(name))
    return s


def test_half_close_by_client(postern, alice):
    """The client ends its side; the upstream sees the end and still answers."""
    def handler(s, _):
        read_hello(s)
        s.sendall(b"hi")
        total = 0
        while data := s.recv(65536):
            total += len(data)
        s.sendall(b"got %d" % total)
    with Upstream(handler) as u:
        postern.put(cluster("half", [u.at]))
        s = opened(alice, postern, "half.example.org")
        assert recv_exactly(s, 2) == b"hi"
        s.sendall(bytes(1000))
        s.shutdown(socket.SHUT_WR)
        assert recv_exactly(s, 8) == b"got 1000"
        assert s.recv(1) == b""
        s.close()


def test_half_close_by_upstream(postern, alice):
    got = []
    done = threading.Event()

    def handler(s, _):
        read_hello(s)
        s.sendall(b"bye")
        s.shutdown(socket.SHUT_WR)
        data = b""
        while more := s.recv(65536):
            data += more
        got.append(data)
        done.set()
    with Upstream(handler) as u:
        postern.put(cluster("halfup", [u.at]))
        s = opened(alice, postern, "halfup.example.org")
        assert recv_exactly(s, 3) == b"bye" and s.recv(1) == b""
        s.sendall(b"still talking")
        s.close()
        assert done.wait(30) and got == [b"still talking"]


@pytest.mark.parametrize("host", [V4, V6])
def test_bulk_both_ways_at_once(postern, alice, host):
    """50 MB up and 50 MB down at the same time, compared by hash."""
    block = os.urandom(1_000_000)
    want = hashlib.sha256()
    for _ in range(BULK // len(block)):
        want.update(block)
    want = want.hexdigest()
    up = []

    def send(s):
        for _ in range(BULK // len(block)):
            s.sendall(block)
        s.shutdown(socket.SHUT_WR)

    def take(s):
        h = hashlib.sha256()
        while data := s.recv(262144):
            h.update(data)
        return h.hexdigest()

    def handler(s, _):
        read_hello(s)
        t = threading.Thread(target=send, args=(s,))
        t.start()
        up.append(take(s))
        t.join()
    with Upstream(handler) as u:
        postern.put(cluster("heavy", [u.at]))
        spliced = postern.counter("spliced_bytes_total")
        s = opened(alice, postern, "heavy.example.org", host)
        t = threading.Thread(target=send, args=(s,))
        t.start()
        down = take(s)
        t.join()
        s.close()
        wait_until("the upstream's hash", lambda: up)
        assert (down, up[0]) == (want, want)
        assert postern.counter("spliced_bytes_total") > spliced
        wait_until("bytes counted", lambda: postern.get("heavy")["status"]["bytesDown"] >= BULK)


def rss(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def test_stalled_readers_cost_no_memory(make_postern, alice):
    """Upstreams that send as fast as they can to clients that do not read: what we hold is bounded by the sockets."""
    sent = [0] * 20

    def flood(s, server):
        read_hello(s)
        i = server.accepted - 1
        with contextlib.suppress(OSError):
            while True:
                sent[i] += s.send(bytes(65536))
    d = make_postern(gates=1).start()
    with Upstream(flood) as u:
        d.put(cluster("stall", [u.at]))
        socks = []
        for i in range(20):
            s = opened(alice, d, "stall.example.org")
            recv_exactly(s, 1)
            socks.append(s)

        def still():
            a = sum(sent)
            time.sleep(0.3)  # two samples apart: the flood has come to a stand
            return a == sum(sent)
        wait_until("the senders to stall", still)
        before = rss(d.gate_pid())
        for s in socks:
            recv_exactly(s, 100_000)
        wait_until("the senders to stall again", still)
        assert rss(d.gate_pid()) - before < 20 * 64
        for s in socks:
            abort(s)


def test_reset_passes_both_ways(postern, alice):
    seen = threading.Event()

    def handler(s, _):
        read_hello(s)
        s.sendall(b"hi")
        try:
            if recv_exactly(s, 1) == b"R":
                abort(s)
                return
            s.recv(1)
        except ConnectionResetError:  # with or without the byte before it: a reset overtakes data
            seen.set()
    with Upstream(handler) as u:
        postern.put(cluster("rst", [u.at]))
        s = opened(alice, postern, "rst.example.org")
        assert recv_exactly(s, 2) == b"hi"
        s.sendall(b"R")
        assert is_reset(s)
        s = opened(alice, postern, "rst.example.org")
        assert recv_exactly(s, 2) == b"hi"
        s.sendall(b"x")
        abort(s)
        assert seen.wait(30)


def test_upgraded_connection(postern, tls, alice):
    """The shape of kubectl exec and port-forward: TLS, HTTP/1.1 with Upgrade, then bytes both ways in no order."""
    def handler(s, _):
        with tls.server.wrap_socket(s, server_side=True) as t:
            while b"\r\n\r\n" not in t.recv(4096):
                pass
            t.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n")
            while data := t.recv(4096):
                t.sendall(data[::-1])
    with Upstream(handler) as u:
        postern.put(cluster("upgrade", [u.at]))
        with tls.wrap(opened_plain(alice, postern), "upgrade.example.org") as t:
            t.sendall(b"POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
            assert b"101" in t.recv(4096)
            for word in (b"abc", b"defg", b"z" * 4000):
                t.sendall(word)
                assert recv_exactly(t, len(word)) == word[::-1]


def opened_plain(place, d):
    return place.connect(V4, d.port)


def test_many_short_connections_leave_nothing(postern, upstream, alice):
    """A thousand connections: counted, gone, no descriptor left behind."""
    postern.put(cluster("short", [upstream.at]))
    fds = [len(os.listdir("/proc/%d/fd" % g["pid"])) for g in postern.status()["gates"]]
    before = postern.counter("admitted_total")
    for _ in range(1000):
        s = opened(alice, postern, "short.example.org")
        assert recv_exactly(s, 2) == b"hi"
        s.close()
    wait_until("all closed", lambda: postern.counter("connections") == 0)
    assert postern.counter("admitted_total") == before + 1000
    for g, n in zip(postern.status()["gates"], fds):
        assert len(os.listdir("/proc/%d/fd" % g["pid"])) <= n + 130  # pipes kept for the next bulk transfer
