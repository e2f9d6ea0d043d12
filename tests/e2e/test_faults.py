# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: kills at random moments, disks that fill or turn read-only, damaged tables, exhausted descriptors, slow clients."""
import contextlib
import os
import random
import resource
import select
import signal
import socket
import threading
import time

import pytest

import net
from daemon import ApiError, cluster, free_port, wait_until
from names import Server, found
from net import V4
from peers import Line, client_hello

KILLS = int(os.environ.get("POSTERN_KILLS", "200"))
SEED = int(os.environ.get("POSTERN_SEED", "1"))
SETTLED = 2.1  # seconds after which a process that dies is started again at once (proc/child.h), and a little
LOST = (ConnectionError, EOFError, OSError)


class Writer:
    """Changes two clusters in one go, over and over, with a number that only grows; keeps what was accepted."""

    def __init__(self, d, upstream):
        self.d, self.upstream = d, upstream
        self.accepted = self.tried = 0
        self.failures = []
        self.ending = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def documents(self, n):
        return [cluster(c, [self.upstream.at], ["203.0.113.0/24", "10.%d.%d.0/24" % (n >> 8 & 255, n & 255)], drain=n)
                for c in ("left", "right")]

    def _run(self):
        while not self.ending:
            self.tried += 1
            try:
                r = self.d.apply(*self.documents(self.tried), wait="0")
                assert r["changes"][0]["action"] != "unchanged"
                self.accepted = self.tried
            except ApiError as e:
                if e.code != "unavailable":
                    self.failures.append(e)
            except Exception:  # noqa: BLE001  the daemon was killed: not accepted, or we do not know
                pass
            time.sleep(0.002)

    def check(self):
        """What can be read now is whole, and nothing accepted is gone."""
        floor = self.accepted
        got = {c["name"]: c for c in self.d.clusters()}
        if floor == 0 and not got:
            return
        left, right = got["left"], got["right"]
        n = left["document"]["drain"]
        assert n == right["document"]["drain"] and left["revision"] == right["revision"], "half a change is visible"
        assert n >= floor, "change %d was accepted, %d is there" % (floor, n)
        assert left["document"]["public"]["ranges"] == self.documents(n)[0]["public"]["ranges"]
        assert not self.failures, self.failures


def line_on(place, d, gate, name):
    """An open connection on this gate."""
    for _ in range(200):
        line = Line(place, d, name)
        with contextlib.suppress(OSError, ApiError):
            for c in d.connections(name.split(".")[0]):
                if c["sourcePort"] == line.local_port and c["gate"] == gate:
                    return line
        line.close()
    raise AssertionError("no connection came to gate %d" % gate)


def test_kills_at_random_moments(make_postern, upstream, alice):
    """kill -9 of control and gates under traffic and changes: no accepted change lost, none half visible, and the
    connections of a gate that was not killed never notice."""
    rng = random.Random(SEED)
    print("POSTERN_SEED=%d, %d kills" % (SEED, KILLS))
    gates = range(4)
    d = make_postern(gates=len(gates)).start()
    writer = Writer(d, upstream)
    d.apply(*writer.documents(0))
    writer.thread.start()
    lines = [line_on(alice, d, g, "left.example.org") for g in gates]
    slowest = 0.0
    born = dict.fromkeys(("control", *gates), time.monotonic())
    kills = 0
    try:
        while kills < KILLS:
            # One that has lived a while: who dies again and again is held back by design, which is not what is asked here.
            ripe = wait_until("a process of age", lambda: [v for v, t in born.items() if time.monotonic() - t > SETTLED])
            victims = rng.sample(ripe, rng.randint(1, len(ripe)) if rng.random() < 0.3 else 1)
            pids = [d.control_pid() if v == "control" else d.gate_pid(v) for v in sorted(victims, key=str)]
            time.sleep(rng.random() * 0.05)  # a random moment of what goes on
            start = time.monotonic()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            kills += len(pids)
            spared = [lines[g] for g in gates if g not in victims]
            for line in spared:
                line.ping()
            wait_until("all up after kill %d, of %s" % (kills, victims), d.is_up)
            slowest = max(slowest, time.monotonic() - start)
            for v in victims:
                born[v] = time.monotonic()
            writer.check()
            for line in spared:
                line.ping()
            for gate in set(gates) & set(victims):
                with pytest.raises(LOST):
                    lines[gate].ping()
                    lines[gate].ping()
                lines[gate].close()
                lines[gate] = line_on(alice, d, gate, "left.example.org")
    finally:
        writer.ending = True
        writer.thread.join(60)
    accepted = writer.accepted
    assert accepted > KILLS
    for end in (d.kill, d.stop):
        end()
        d.start()
        writer.check()
    print("%d changes accepted of %d, slowest return %.0f ms" % (accepted, writer.tried, slowest * 1000))


def test_killed_whole_daemon_under_changes(make_postern, upstream):
    """kill -9 of the parent: a service manager starts it anew; the same promises."""
    rng = random.Random(SEED)
    d = make_postern().start()
    writer = Writer(d, upstream)
    d.apply(*writer.documents(0))
    writer.thread.start()
    d.supervise()
    try:
        for _ in range(15):
            time.sleep(rng.random() * 0.1)
            old = d.process
            old.kill()
            wait_until("another process", lambda o=old: d.process is not o)
            wait_until("up", d.is_up)
            before = writer.accepted
            wait_until("accepted again", lambda b=before: writer.accepted > b)
            writer.check()
    finally:
        writer.ending = True
        writer.thread.join(60)
        d.keep_up = None


def small_fs(path, size):
    if not os.path.isdir(path):
        os.makedirs(path)
    net.run("mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", path)


def test_disk_full(make_postern, upstream, alice):
    """The store's disk fills: changes are refused with 503 and a reason, nothing is half written, traffic goes on; with
    room again all works."""
    d = make_postern(gates=1)
    small_fs(d.state, "24m")
    try:
        d.start()
        d.put(cluster("full", [upstream.at], ["203.0.113.0/24"]))
        line = Line(alice, d, "full.example.org")
        ballast = os.path.join(d.state, "ballast")
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as f:
            while True:
                f.write(bytes(4096))
        accepted, refusal = 0, None
        for n in range(1, 3000):
            try:
                d.patch("full", {"drain": n})
                accepted = n
            except ApiError as e:
                refusal = e
                break
        assert refusal is not None and (refusal.status, refusal.code) == (503, "unavailable"), refusal
        assert refusal.message
        assert d.get("full")["document"].get("drain", 0) == accepted
        line.ping()
        Line(alice, d, "full.example.org").close()
        os.unlink(ballast)
        wait_until("writable again", lambda: attempt(lambda: d.patch("full", {"drain": 4000})))
        assert d.get("full")["document"]["drain"] == 4000
        assert d.is_up()
        d.stop()
        d.start()
        assert d.get("full")["document"]["drain"] == 4000
        line.close()
    finally:
        d.kill() if d.process and d.process.poll() is None else None
        net.run("umount", "-l", d.state)


def attempt(f):
    with contextlib.suppress(ApiError, OSError):
        return f()
    return None


def test_store_turns_read_only(make_postern, upstream, alice):
    d = make_postern(gates=1)
    small_fs(d.state, "64m")
    try:
        d.start()
        d.put(cluster("ro", [upstream.at]))
        line = Line(alice, d, "ro.example.org")
        # SQLite and LMDB hold their files open for writing, so the mount cannot be turned as a whole: the kernel
        # refuses. An immutable store folder does: no journal can be made.
        pid = d.control_pid()
        net.run("mount", "--bind", d.state, d.state)
        net.run("mount", "-o", "remount,bind,ro", d.state)
        os.kill(pid, signal.SIGKILL)
        wait_until("another control", lambda: d.children()["control"] not in ([], [pid]))
        line.ping()
        Line(alice, d, "ro.example.org").close()
        net.run("umount", "-l", d.state)
        wait_until("up and writable", lambda: attempt(lambda: d.patch("ro", {"drain": 9})), timeout=60)
        line.ping()
        line.close()
    finally:
        d.kill() if d.process and d.process.poll() is None else None
        net.run("umount", "-l", d.state)


@pytest.mark.parametrize("damage", ["garbage", "truncated", "empty", "missing", "old"])
def test_damaged_tables_are_made_anew(make_postern, upstream, alice, damage):
    """The tables are made from the store: whatever is there at start, what is enforced is what is declared."""
    d = make_postern(gates=1).start()
    data = os.path.join(d.state, "tables", "data.mdb")
    d.put(cluster("dam", [upstream.at], ["198.51.100.0/24"]))
    with open(data, "rb") as f:
        old = f.read(1 << 20)
    d.put(cluster("dam", [upstream.at], ["203.0.113.0/24"]))
    d.stop()
    size = os.path.getsize(data)
    if damage == "missing":
        os.unlink(data)
    else:
        with open(data, "r+b") as f:
            if damage == "garbage":
                f.write(os.urandom(min(size, 1 << 20)))
            elif damage == "old":
                f.write(old)
            else:
                f.truncate(0 if damage == "empty" else 5000)
    d.start()
    Line(alice, d, "dam.example.org").close()
    assert d.explain("dam", "198.51.100.7")["reached"] is False


def shown_zone(address):
    return {"kind": "zone", "name": "shown", "domain": "shown.test", "visibility": "public",
            "records": [{"name": "www", "type": "A", "values": [address]}]}


def test_tables_deleted_under_a_running_daemon(make_postern, upstream, alice):
    """Somebody deletes the tables' files, and control is started anew: it makes others, and gates and name servers that
    read the deleted ones begin anew with them. What is changed then is enforced, and judges."""
    port = free_port()
    d = make_postern("--dns-listen", "%s:%d" % (V4, port), gates=2).start()
    server = Server(alice, V4, port)
    d.apply(cluster("del", [upstream.at], ["203.0.113.0/24"]), shown_zone("192.0.2.1"))
    assert server.answer("www.shown.test") == found("192.0.2.1")
    readers = [p["pid"] for p in d.status()["gates"] + d.status()["dns"]]
    for name in ("data.mdb", "lock.mdb"):
        os.unlink(os.path.join(d.state, "tables", name))
    pid = d.control_pid()
    os.kill(pid, signal.SIGKILL)
    wait_until("another control", lambda: d.children()["control"] not in ([], [pid]))
    wait_until("the readers end", lambda: not set(readers) & set(d.children()["gate"] + d.children()["dns"]))
    wait_until("up", d.is_up)
    assert "the tables were gone and have been made anew" in d.read_log()
    Line(alice, d, "del.example.org").close()
    r = d.apply(cluster("del", [upstream.at], ["198.51.100.0/24"]), shown_zone("192.0.2.2"))
    assert r["operation"]["status"] == "succeeded", r["operation"]
    for _ in range(10):
        with pytest.raises(LOST):
            Line(alice, d, "del.example.org")
        assert server.answer("www.shown.test") == found("192.0.2.2")


def test_damaged_store_is_said(make_postern, upstream):
    """A store that cannot be read is never taken for an empty one."""
    d = make_postern(gates=1).start()
    d.put(cluster("gone", [upstream.at]))
    d.stop()
    path = os.path.join(d.state, "store", "postern.db")
    for name in os.listdir(os.path.dirname(path)):
        with open(os.path.join(os.path.dirname(path), name), "r+b") as f:
            f.write(os.urandom(max(4096, min(os.path.getsize(f.name), 1 << 20))))
    d.launch()
    wait_until("the store's damage is said", lambda: "store" in d.read_log().split('"', 1)[-1] and (
        d.process.poll() is not None or attempt(lambda: d.status()["store"] != "ok") or "store" in d.read_log()))
    with contextlib.suppress(OSError, ApiError):
        r = d.put(cluster("new", [upstream.at]))
        raise AssertionError("a change was accepted over a damaged store: %s" % r)
    if d.process.poll() is None:
        d.kill()


def test_descriptors_run_out(make_postern, upstream, alice):
    """With few descriptors: accepting pauses, the open ones go on, and all is well when some have ended."""
    d = make_postern(gates=1, prefix=["prlimit", "--nofile=256:256"]).start()
    d.put(cluster("fd", [upstream.at]))
    keep = Line(alice, d, "fd.example.org")
    waiting = []
    for _ in range(300):
        s = alice.connect(V4, d.port)
        s.sendall(client_hello("fd.example.org"))
        waiting.append(s)
    wait_until("exhaustion or the limit noticed", lambda: d.counter("descriptors_exhausted_total") > 0
               or d.counter("connections") >= 60)
    keep.ping()
    for s in waiting:
        s.close()
    wait_until("room again", lambda: d.counter("connections") <= 1)
    with Line(alice, d, "fd.example.org") as line:
        line.ping()
    keep.ping()
    keep.close()
    assert d.is_up()


def test_slow_loris(make_postern, upstream, alice, bob):
    """5,000 connections that drip a byte of a ClientHello now and then: a good client is served all the while, and
    they are ended by time."""
    n = 5000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < n + 1000:
        pytest.skip("the descriptor limit of %d is too low for %d connections" % (hard, n))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, n + 4000)), hard))
    d = make_postern("--hello-timeout", "8").start()
    d.put(cluster("loris", [upstream.at]))
    hello = client_hello("loris.example.org")
    dripping = {}
    poll = select.epoll()
    for _ in range(n):
        s = bob.connect(V4, d.port)
        s.sendall(hello[:1])
        dripping[s.fileno()] = [s, 1]
        poll.register(s.fileno(), select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR)
    served = 0
    end = time.monotonic() + 60
    while dripping and time.monotonic() < end:
        with Line(alice, d, "loris.example.org") as line:
            line.ping()
            served += 1
        for fd, _ in poll.poll(0):
            poll.unregister(fd)
            dripping.pop(fd)[0].close()
        for fd in random.Random(served).sample(sorted(dripping), min(200, len(dripping))):
            entry = dripping[fd]
            with contextlib.suppress(OSError):
                entry[0].send(hello[entry[1]:entry[1] + 1])
            entry[1] += 1
    assert not dripping, "%d are still open" % len(dripping)
    m = d.metrics()
    assert m["gate_refused_hello_timeout_total"] + m.get("gate_refused_hello_evicted_total", 0) == n
    assert served > 10
    print("served %d good clients meanwhile" % served)


def test_flood_of_nonsense(postern, upstream, alice, bob):
    """Random bytes, resets and half handshakes by the thousand: a good client is served, no role dies."""
    rng = random.Random(SEED)
    postern.put(cluster("flood", [upstream.at]))
    pids = sorted(sum(postern.children().values(), []))
    good = client_hello("flood.example.org")
    for i in range(2000):
        s = bob.connect(V4, postern.port)
        data = bytearray(good if i % 2 else rng.randbytes(rng.randrange(1, 600)))
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with contextlib.suppress(OSError):
            s.sendall(data[:rng.randrange(1, len(data) + 1)])
        if i % 3 == 0:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.close()
        if i % 200 == 0:
            Line(alice, postern, "flood.example.org").close()
    assert sorted(sum(postern.children().values(), [])) == pids
    wait_until("all closed", lambda: postern.counter("connections") == 0)


def events(d, name):
    return d.read_log().count('"event":"%s"' % name)


def test_a_restart_begins_by_the_tables_that_are_there(make_postern, upstream, alice):
    """Nobody waits for the store to be read, if this program made the tables, since the machine came up, with these options."""
    d = make_postern(gates=1).start()
    stamp = os.path.join(d.state, "tables", "made-by")
    d.put(cluster("kept", [upstream.at], ["203.0.113.0/24"]))
    assert events(d, "tables.rebuilt") == 1 and events(d, "tables.kept") == 0
    for end in (d.stop, d.kill):
        end()
        d.start()
        Line(alice, d, "kept.example.org").close()
        d.put(cluster("kept", [upstream.at], ["203.0.113.0/24"], drain=events(d, "tables.kept")))
    assert events(d, "tables.rebuilt") == 1 and events(d, "tables.kept") == 2
    with open(stamp) as f:
        ours = f.read()
    assert len(ours.splitlines()) == 4
    for line in ours.splitlines():  # another schema, boot, build, other options
        d.stop()
        with open(stamp, "w") as f:
            f.write(ours.replace(line, line[:-1] + ("1" if line[-1] != "1" else "2")))
        before = events(d, "tables.rebuilt")
        d.start()
        assert events(d, "tables.rebuilt") == before + 1, line
    with open(stamp) as f:
        assert f.read() == ours


def test_what_changed_while_nobody_compiled_is_caught_up(make_postern, upstream, alice):
    """The store is ahead of the tables that are there: they serve for the moment, and what was accepted is enforced then."""
    d = make_postern(gates=1).start()
    d.put(cluster("behind", [upstream.at], ["203.0.113.0/24"]))
    d.stop()
    tables = os.path.join(d.state, "tables")
    saved = {n: open(os.path.join(tables, n), "rb").read() for n in ("data.mdb", "made-by")}
    d.start()
    d.put(cluster("behind", [upstream.at], ["198.51.100.0/24"]))
    d.stop()
    for name, data in saved.items():
        with open(os.path.join(tables, name), "wb") as f:
            f.write(data)
    d.start()
    assert events(d, "tables.kept") == 2
    assert d.explain("behind", "203.0.113.7")["reached"] is False
    with pytest.raises(LOST):
        Line(alice, d, "behind.example.org")
