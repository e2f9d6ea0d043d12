# SPDX-License-Identifier: GPL-3.0-or-later
"""
Name server processes killed under a flood, daemons restarted, tables damaged, connections by the thousand, malformed packets: whoever gets an
answer gets the right one, and afterwards nobody is without.
"""
import contextlib
import os
import random
import resource
import signal
import socket
import struct
import time

import dns.flags
import dns.message
import dns.rcode
import pytest

import net
from daemon import LONG, wait_until
from dns_variants import VARIANTS, message, opt, question
from names import EVERYWHERE, Flood, Names, Server, data_of, found, framed, link, query, recv_message, zone
from networks import host, network

SEED = int(os.environ.get("POSTERN_SEED", "0")) or random.randrange(1, 1 << 31)
IDLE = 10000


def documents():
    shown = zone("shown", "shown.test", [("a%d" % i, "A", "192.0.2.%d" % i) for i in range(1, 100)], public=True)
    hidden = zone("hidden", "hidden.test", [("a%d" % i, "A", "10.9.9.%d" % i) for i in range(1, 100)] + [
        ("mark", "TXT", '"damage-me-0123456789"')])
    return network("main", 1) + [host("a", "main-1", 1, 1, 30), shown, hidden, link("hidden", "main")]


def make(**kw):
    net.own_run()
    return Names("--dns-rate", "0", **kw)


@pytest.fixture(scope="module")
def postern():
    with make() as d:
        d.cli_apply(*documents())
        yield d


QUESTIONS = {d: [query("a%d.%s" % (i, d)) for i in range(1, 100)] + [query("nope%d.%s" % (i, d)) for i in range(20)]
             for d in ("shown.test", "hidden.test")}
BASE = {"shown.test.": "192.0.2.", "hidden.test.": "10.9.9."}


def is_right(q, r):
    """The answer of documents()."""
    first, domain = q.question[0].name.to_text().split(".", 1)
    if first.startswith("nope"):
        assert r.rcode() == dns.rcode.NXDOMAIN and not r.answer, r
    else:
        assert r.rcode() == dns.rcode.NOERROR and data_of(r.answer, "A") == [BASE[domain] + first[1:]], r


def is_right_or_failed(q, r):
    if r.rcode() != dns.rcode.SERVFAIL:
        is_right(q, r)


def servers(d, alice):
    return [(d.internet(alice), "shown.test"), (Server(d.place("a"), "10.1.1.2"), "hidden.test"),
            (Server(d.place("a"), EVERYWHERE), "hidden.test")]


def none_is_lost(d, alice, n=100):
    """One question after the other, by UDP and TCP: each has its answer, at the first try."""
    for server, domain in servers(d, alice):
        for tcp in (False, True):
            for i in range(n):
                q = QUESTIONS[domain][i % len(QUESTIONS[domain])]
                wire = server.send(q.to_wire(), tcp)
                assert wire is not None, "no answer to question %d at %s" % (i, server.address)
                is_right(q, dns.message.from_wire(wire))


@contextlib.contextmanager
def floods(d, alice, check):
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(Flood(s, QUESTIONS[domain], check)) for s, domain in servers(d, alice)]
        yield running


def all_up(d):
    return wait_until("every process up", d.is_up)


# --- kills and restarts --------------------------------------------------------------------------------------------------


def test_killed_under_a_flood(postern, alice):
    """Killed at random moments: answers are right or not there, those of the other process go on, and afterwards none is lost."""
    r = random.Random(SEED)
    with floods(postern, alice, is_right) as running:
        for signal_ in (signal.SIGKILL, signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT, signal.SIGKILL):
            pids = wait_until("a name server", postern.dns_pids)
            with contextlib.suppress(ProcessLookupError):
                os.kill(r.choice(pids), signal_)
            answered = [f.answered for f in running]
            wait_until("answers go on", lambda: all(f.answered > n + 50 or f.problem for f, n in zip(running, answered)))
        all_up(postern)
        for pid in postern.dns_pids():  # all of them at once
            os.kill(pid, signal.SIGKILL)
        all_up(postern)
    none_is_lost(postern, alice, 50)


def test_one_that_hangs_keeps_nobody(postern, alice):
    """A stopped process: what the other one takes from the sockets is answered."""
    pid = postern.dns_pids()[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        with floods(postern, alice, is_right) as running:
            wait_until("answers", lambda: all(f.answered > 500 or f.problem for f in running))
    finally:
        os.kill(pid, signal.SIGCONT)
    all_up(postern)
    none_is_lost(postern, alice, 20)


def test_done_is_what_every_process_answers(postern, alice):
    """A change is not called enforced while a process might still tell what was before."""
    late = zone("late", "late.test", [("a", "A", "192.0.2.250")], public=True)
    pid = postern.dns_pids()[1]
    os.kill(pid, signal.SIGSTOP)
    try:
        p = postern.cli("apply", "--wait", "1", "-f", "-", stdin=postern.stream([late]), check=False)
        assert p.returncode == 8 and "not yet enforced" in p.stdout and "1" in p.stdout.split("waiting for")[1], p.stdout
    finally:
        os.kill(pid, signal.SIGCONT)
    postern.cli("operation", str(postern.status()["revision"]), "--wait", "30")
    assert postern.internet(alice).answer("a.late.test") == found("192.0.2.250")
    postern.remove(late)


def test_control_and_netd_killed(postern, alice):
    """Names are told by the tables that there are, whoever else is away."""
    with floods(postern, alice, is_right) as running:
        for pid in (postern.control_pid(), postern.netd_pid()):
            os.kill(pid, signal.SIGKILL)
            answered = [f.answered for f in running]
            wait_until("answers go on", lambda: all(f.answered > n + 200 or f.problem for f, n in zip(running, answered)))
            all_up(postern)
    none_is_lost(postern, alice, 20)


def test_daemon_restarted_under_a_flood(alice):
    with make() as d:
        d.cli_apply(*documents())
        with floods(d, alice, is_right_or_failed) as running:
            for how in ("kill", "stop"):
                getattr(d, how)()
                d.start()
                answered = [f.answered for f in running]
                wait_until("answers go on", lambda: all(f.answered > n or f.problem for f, n in zip(running, answered)))
        none_is_lost(d, alice, 50)


# --- tables --------------------------------------------------------------------------------------------------------------


def flip(path, marker):
    """One bit of each copy of these octets; how many there were. Who has the file mapped sees it."""
    with open(path, "r+b") as f:
        data, at, n = f.read(), -1, 0
        while (at := data.find(marker, at + 1)) >= 0:
            f.seek(at + 3)
            f.write(bytes([data[at + 3] ^ 0x20]))
            n += 1
    return n


MARKED = "mark.hidden.test"


def damaged():
    """A daemon with a zone that was damaged before anybody has asked for it."""
    d = make().start()
    d.cli_apply(*documents())
    assert flip(os.path.join(d.state, "tables", "data.mdb"), b"damage-me")
    return d


def test_a_damaged_zone_is_not_told(alice):
    """Its names fail until it is made anew; those of others are right."""
    with contextlib.closing(damaged()) as d:
        server = Server(d.place("a"), "10.1.1.2")
        for _ in range(10):
            for name_, type_ in ((MARKED, "TXT"), ("a1.hidden.test", "A"), ("nope.hidden.test", "A")):
                r = server.ask(name_, type_)
                assert r.rcode() == dns.rcode.SERVFAIL and not r.answer, r
        assert server.answer("a1.shown.test") == found("192.0.2.1")
        assert d.dns_counter("tables_unreadable_total") > 0
        hidden = next(x for x in documents() if x["name"] == "hidden")
        hidden["records"][-1]["values"] = ['"whole-again"']
        d.cli_apply(hidden)
        assert server.answer(MARKED, "TXT") == found('"whole-again"')
        none_is_lost(d, alice, 20)


def test_damage_that_starting_processes_find(alice):
    """They tell nothing from damaged tables; control, when it starts, finds it too and makes them anew for everybody."""
    with contextlib.closing(damaged()) as d:
        with floods(d, alice, is_right_or_failed):
            for pid in d.dns_pids():
                os.kill(pid, signal.SIGKILL)
            os.kill(d.control_pid(), signal.SIGKILL)
            all_up(d)
        assert Server(d.place("a"), "10.1.1.2").answer(MARKED, "TXT") == found('"damage-me-0123456789"')
        none_is_lost(d, alice, 20)


def test_tables_erased_while_it_runs(alice):
    """Control finds them damaged, and makes others: the name servers that read the old ones begin anew with them."""
    with contextlib.closing(damaged()) as d:
        with floods(d, alice, is_right_or_failed):
            os.kill(d.control_pid(), signal.SIGKILL)
            all_up(d)
        assert "tables.rebuilt" in d.read_log()
        d.cli_apply(zone("late", "late.test", [("a", "A", "192.0.2.250")], public=True))
        for _ in range(20):
            assert d.internet(alice).answer("a.late.test") == found("192.0.2.250")
        assert Server(d.place("a"), "10.1.1.2").answer(MARKED, "TXT") == found('"damage-me-0123456789"')
        none_is_lost(d, alice, 20)


@pytest.mark.parametrize("damage", ["garbage", "truncated", "missing"])
def test_tables_made_anew_under_questions(alice, damage):
    """Control finds them damaged, erases them, and makes them from the store: nobody is told anything wrong meanwhile."""
    with make() as d:
        d.cli_apply(*documents())
        data = os.path.join(d.state, "tables", "data.mdb")
        d.stop()
        if damage == "missing":
            os.unlink(data)
        else:
            with open(data, "r+b") as f:
                f.truncate(5000) if damage == "truncated" else f.write(os.urandom(os.path.getsize(data)))
        with floods(d, alice, is_right_or_failed):
            d.start()
        none_is_lost(d, alice, 20)


# --- connections -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def crowd(bob):
    """Many addresses at bob's: 100.66.0.0/16."""
    link_name = net.run("ip", "-o", "route", "get", bob.v4).split(" dev ")[1].split()[0]
    net.run("ip", "route", "replace", "100.66.0.0/16", "via", bob.v4, "dev", link_name, "onlink")
    bob.run("ip", "route", "replace", "local", "100.66.0.0/16", "dev", "lo")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE + 1000:
        pytest.skip("the descriptor limit of %d is too low for %d connections" % (hard, IDLE))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, IDLE + 4000)), hard))
    yield bob
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def resident_kb(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def test_ten_thousand_idle_connections(postern, crowd, alice):
    """From 100 addresses: others are served meanwhile, at once; when they go nothing of them is left."""
    before = {pid: resident_kb(pid) for pid in postern.dns_pids()}
    idle = []
    try:
        for i in range(IDLE):
            s = crowd.socket()
            s.bind(("100.66.0.%d" % (i % 100 + 1), 0))
            s.settimeout(LONG)
            s.connect((net.V4, postern.dns_port))
            idle.append(s)
            if i % 1000 == 0:
                assert postern.internet(alice).answer("a7.shown.test", tcp=i % 2000 == 0) == found("192.0.2.7")
        most = postern.dns_counter("tcp_connections")
        none_is_lost(postern, alice, 20)
        assert most > IDLE / 2, "so many were kept"
        for pid, kb in before.items():
            assert resident_kb(pid) - kb < 64 << 10, "an idle connection costs next to nothing"
        # Those that are still open are good connections.
        served = 0
        for s in idle[-50:]:
            with contextlib.suppress(OSError):
                s.sendall(framed(query("a7.shown.test").to_wire()))
                served += recv_message(s) is not None
        assert served > 40
    finally:
        for s in idle:
            s.close()
    wait_until("all closed", lambda: postern.dns_counter("tcp_connections") == 0)
    none_is_lost(postern, alice, 20)


def test_one_source_has_not_all_connections(postern, crowd, alice):
    opened = []
    try:
        for _ in range(1500):
            opened.append(crowd.connect(net.V4, postern.dns_port))
        assert postern.dns_counter("tcp_connections") < 1100
        none_is_lost(postern, alice, 10)
    finally:
        for s in opened:
            s.close()
    wait_until("all closed", lambda: postern.dns_counter("tcp_connections") == 0)


def test_slow_connections(postern, alice, bob):
    """A query octet by octet is answered; half a one keeps nobody; many at once on one connection are all answered."""
    server = postern.internet(bob)
    wire = framed(query("a9.shown.test").to_wire())
    with server.socket(tcp=True) as drip, server.socket(tcp=True) as half:
        half.sendall(wire[:7])
        drip.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in wire:
            drip.sendall(bytes([octet]))
            none_is_lost(postern, alice, 1)
        assert data_of(dns.message.from_wire(recv_message(drip)).answer, "A") == ["192.0.2.9"]
        half.sendall(wire[7:])
        assert data_of(dns.message.from_wire(recv_message(half)).answer, "A") == ["192.0.2.9"]


def test_many_on_one_connection(postern, bob):
    """Pipelined, answered each with its number; whole answers also if the client reads late, and the end of his half is none of the answers'."""
    with postern.internet(bob).socket(tcp=True) as s:
        wires = b"".join(framed(struct.pack("!H", i) + QUESTIONS["shown.test"][i % 99].to_wire()[2:]) for i in range(400))
        s.sendall(wires)
        s.shutdown(socket.SHUT_WR)
        seen = set()
        while m := recv_message(s):
            r = dns.message.from_wire(m)
            is_right(QUESTIONS["shown.test"][r.id % 99], r)
            seen.add(r.id)
        assert seen == set(range(400))


def test_one_who_does_not_read(postern, alice, bob):
    """He asks and asks and takes no answer: he is not listened to any more, and costs no memory."""
    pids = postern.dns_pids()
    before = sum(map(resident_kb, pids))
    with postern.internet(bob).socket(tcp=True) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.setblocking(False)
        wires, sent = framed(query("a5.shown.test").to_wire()) * 1000, 0
        with contextlib.suppress(OSError):
            while sent < 64 << 20:
                sent += s.send(wires)
        assert sent < 64 << 20, "he was listened to all the while"
        none_is_lost(postern, alice, 10)
        assert sum(map(resident_kb, pids)) - before < 32 << 10
    assert postern.dns_pids() == pids


# --- malformed -------------------------------------------------------------------------------------------------------------


def corpus(domain):
    """Good queries and odd ones, as octets."""
    queries = [make_(domain) for _, make_, _ in VARIANTS]
    queries += [query(n + domain, t, use_edns=0, want_dnssec=True).to_wire() for n, t in (
        ("a1.", "A"), ("nope.", "MX"), ("", "SOA"), ("", "AXFR"), ("", "IXFR"), ("a1.", "ANY"))]
    update = message(opcode=5, questions=[question(domain, 6)], additional=[opt()])
    return queries + [update, message(opcode=4, questions=[question(domain, 6)])]


LOOPS = [
    ("to itself", b"\xc0\x0c"), ("to the header", b"\xc0\x00"), ("two that meet", b"\xc0\x0e\xc0\x0c"), ("ahead", b"\xc0\x20" + bytes(30)),
    ("behind the end", b"\xff\xff"), ("label, then to it", b"\x01a\xc0\x0c"), ("half a pointer", b"\xc0"),
    ("label of 64", b"\x40" + b"a" * 64 + b"\0"), ("label of 128", b"\x80" + b"a" * 20 + b"\0"), ("no end", b"\x3f" + b"a" * 63),
    ("too long", (b"\x3f" + b"a" * 63) * 4 + b"\0"), ("256 octets", b"\x01a" * 127 + b"\x01a\0"), ("128 labels", b"\x01a" * 128 + b"\0"),
]


@pytest.mark.parametrize("wire", [l[1] for l in LOOPS], ids=[l[0].replace(" ", "-") for l in LOOPS])
def test_names_that_are_none(postern, alice, wire):
    for server, _ in servers(postern, alice)[:2]:
        server.timeout = 0.1
        for tail in (b"\0\1\0\1", b""):
            for tcp in (False, True):
                back = server.send(message(questions=[wire + tail]), tcp)
                # The 253 octets that a name may have are a name; what comes of it is another matter.
                if back is not None:
                    rcode = back[3] & 15
                    assert rcode == dns.rcode.FORMERR or (wire.endswith(b"\0") and rcode in (3, 5)), (rcode, wire)
                    assert len(back) < 600


def test_malformed_packets(postern, alice):
    """Every query cut at every octet, and with bits flipped; nobody dies, and the next good question is answered."""
    r, pids = random.Random(SEED), postern.dns_pids()
    for server, domain in servers(postern, alice)[:2]:
        with server.socket() as s:
            s.setblocking(False)
            sent = 0
            for wire in corpus(domain):
                cut = [wire[:n] for n in range(len(wire))]
                flipped = []
                for bit in range(8 * len(wire)):
                    w = bytearray(wire)
                    w[bit // 8] ^= 1 << bit % 8
                    flipped.append(bytes(w))
                longer = [wire + r.randbytes(r.randrange(1, 200)) for _ in range(5)]
                nonsense = [wire[:12] + r.randbytes(r.randrange(0, 400)) for _ in range(20)]
                for w in cut + r.sample(flipped, min(len(flipped), 250)) + longer + nonsense:
                    with contextlib.suppress(OSError):
                        s.send(w)
                    sent += 1
                    if sent % 32 == 0:  # whatever comes back is a message of ours
                        drain(s)
                        is_right(QUESTIONS[domain][0], server.ask("a1." + domain))
    assert postern.dns_pids() == pids
    none_is_lost(postern, alice, 10)


def drain(s):
    with contextlib.suppress(BlockingIOError, ConnectionError):
        while True:
            wire = s.recv(65535)
            assert len(wire) >= 12 and wire[2] & 0x80, wire


def test_malformed_streams(postern, alice):
    """By TCP: wrong lengths, no query, ends in between."""
    r, pids = random.Random(SEED), postern.dns_pids()
    for server, domain in servers(postern, alice)[:2]:
        for wire in corpus(domain):
            for length in (0, 1, 11, len(wire) - 1, len(wire) + 1, 65535):
                with contextlib.suppress(OSError), server.socket(tcp=True) as s:
                    s.sendall(struct.pack("!H", length) + wire)
                    if r.random() < 0.5:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert postern.dns_pids() == pids
    none_is_lost(postern, alice, 10)
    wait_until("all closed", lambda: postern.dns_counter("tcp_connections") == 0)


def test_answers_are_not_answered(postern, alice):
    """Else two name servers would talk without end."""
    for server, domain in servers(postern, alice)[:2]:
        r = server.ask("a1." + domain)
        server.timeout = 0.2
        assert server.send(r.to_wire()) is None
