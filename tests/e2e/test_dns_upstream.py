# SPDX-License-Identifier: GPL-3.0-or-later
"""
Forwarding, and those who would have us believe something: made-up servers that say wrong things before the right one, or nothing, or rubbish.
The daemon's own forwarders stand on the internet; the network `own` asks servers of its own, on its host `server`.
"""
import contextlib
import os
import random
import socket
import struct
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest

import net
from daemon import wait_until
from names import NX, Names, Server, Upstream, data_of, errors_of, found, link, query, says, zone
from networks import doc, host, network

FIRST, SECOND = "10.0.0.8", "10.0.0.9"
SERVER = "10.2.1.40"
TRUTH, LIE = "203.0.113.1", "6.6.6.6"
NAME = "www.victim.test"


@pytest.fixture(scope="module")
def postern():
    net.own_run()
    with Names("--dns-forward", FIRST + ":5300", "--dns-forward", SECOND + ":5300") as d:
        own = network("own", 2)
        own[0]["dns"] = {"servers": [SERVER]}
        d.cli_apply(*network("main", 1), host("a", "main-1", 1, 1, 30), *own, host("b", "own-1", 2, 1, 30),
                    host("server", "own-1", 2, 1, 40), zone("corp", "corp.test", [("db", "A", "10.1.1.40")]), link("corp", "main"))
        yield d


@pytest.fixture(params=["daemon", "network"])
def asked(request, postern):
    """(server as a client sees it, function that puts an upstream behind it)"""
    if request.param == "daemon":
        return postern.resolver("a"), lambda handler: Upstream(net.Router(), FIRST, 5300, handler)
    return postern.resolver("b"), lambda handler: Upstream(postern.place("server"), SERVER, handler=handler)


_names = iter("n%d.victim.test" % i for i in range(1, 1 << 20))


def fresh():
    """A name that nobody has failed to find before."""
    return next(_names)


def answer(q, address=TRUTH, **kw):
    r = dns.message.make_response(q, recursion_available=True, **kw)
    r.answer.append(dns.rrset.from_text(q.question[0].name, 60, "IN", "A", address))
    return r


def lie(q):
    return answer(q, LIE).to_wire()


# --- wrong answers -------------------------------------------------------------------------------------------------------


def renamed(q, name, type_="A"):
    other = dns.message.make_query(name, type_)
    other.id = q.id
    return answer(other, LIE)


def swapped(q):
    """The letters in other cases."""
    text = q.question[0].name.to_text()
    return renamed(q, dns.name.from_text(text.swapcase())).to_wire()


def no_question(q):
    r = answer(q, LIE)
    r.question = []
    return r.to_wire()


def cut(q):
    return lie(q)[:-3]


def looped(q):
    """The owner of its record is a pointer to itself."""
    head = lie(q)
    at = 12 + len(q.question[0].name.to_wire()) + 4
    return head[:at] + b"\xc0" + bytes([at]) + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([6, 6, 6, 6])


def with_count(q, at, n):
    w = bytearray(lie(q))
    w[at:at + 2] = struct.pack("!H", n)
    return bytes(w)


LIES = {
    "another-id": lambda q: struct.pack("!H", q.id ^ 1) + lie(q)[2:],
    "another-name": lambda q: renamed(q, "evil.test").to_wire(),
    "another-type": lambda q: renamed(q, q.question[0].name, "AAAA").to_wire(),
    "other-letters": swapped,
    "no-question": no_question,
    "two-questions": lambda q: with_count(q, 4, 2),
    "a-query": lambda q: lie(q)[:2] + bytes([lie(q)[2] & 0x7f]) + lie(q)[3:],
    "another-opcode": lambda q: lie(q)[:2] + bytes([lie(q)[2] | 0x10]) + lie(q)[3:],
    "cut-to-its-header": lambda q: lie(q)[:12],
    "a-byte": lambda q: b"\0",
    "empty": lambda q: b"",
}
BROKEN = {"cut": cut, "a-loop": looped, "too-many-records": lambda q: with_count(q, 6, 9)}


@pytest.mark.parametrize("how", LIES, ids=str)
def test_a_lie_before_the_truth(asked, how):
    """What does not match what was asked is not believed, and what does is, after it."""
    server, upstream = asked
    with upstream(lambda q, wire, transport: [LIES[how](q), LIES[how](q), 0.05, answer(q)]):
        for _ in range(5):
            assert server.answer(fresh()) == found(TRUTH)


@pytest.mark.parametrize("how", BROKEN, ids=str)
def test_a_broken_answer(asked, how):
    """It is from whom it should be, but cannot be read: he is no help, and nothing of it is given on."""
    server, upstream = asked
    with upstream(lambda q, wire, transport: [BROKEN[how](q), answer(q)]):
        assert server.answer(fresh()) in (found(TRUTH), ("SERVFAIL", []))
    with upstream(lambda q, wire, transport: [answer(q)]):
        assert server.answer(fresh()) == found(TRUTH)


@pytest.mark.parametrize("how", ["another port", "another address"])
def test_from_elsewhere(postern, asked, how):
    """Right in every octet, but from a socket that was not asked."""
    server, upstream = asked
    place = net.Router() if server.place.name.endswith(".a") else postern.place("server")
    with place.socket(kind=socket.SOCK_DGRAM) as other:
        if how == "another address":
            other.bind(("10.0.0.7", 5300) if isinstance(place, net.Router) else ("127.0.0.1", 53))
        with upstream(lambda q, wire, transport: [(lie(q), other)] * 3 + [0.05, answer(q)]):
            for _ in range(5):
                assert server.answer(fresh()) == found(TRUTH)


def test_too_many_lies(postern, asked):
    """Somebody guesses: whom one can speak to decides, by TCP."""
    server, upstream = asked
    rejected = postern.dns_counter("forward_rejected_total")

    def handler(q, wire, transport):
        if transport == "tcp":
            return [answer(q)]
        return [struct.pack("!H", random.randrange(65536)) + lie(q)[2:] for _ in range(300)] + [0.3]
    with upstream(handler) as u:
        assert server.answer(fresh()) == found(TRUTH)
        assert "tcp" in [t for _, _, t in u.asked]
    assert postern.dns_counter("forward_rejected_total") > rejected


def test_one_who_guesses(asked):
    """He sees nothing, and sends from the server's own port what might fit, to every port, while the server is slow."""
    server, upstream = asked
    ending = threading.Event()

    def guess(u, name):
        r = random.Random()
        wire = lie(query(name))
        while not ending.is_set():
            with contextlib.suppress(OSError):
                to = SOURCE.get("address")
                if to:
                    u.udp.sendto(struct.pack("!H", r.randrange(65536)) + wire[2:], (to, r.randrange(32768, 61000)))

    SOURCE = {}

    def handler(q, wire, transport):
        SOURCE["address"] = FIRST if server.place.name.endswith(".a") else "10.2.1.2"
        return [0.2, answer(q)]
    names = [fresh() for _ in range(6)]
    with upstream(handler) as u:
        thread = threading.Thread(target=guess, args=(u, names[0]))
        thread.start()
        try:
            for name in names:
                assert server.answer(name) == found(TRUTH)
        finally:
            ending.set()
            thread.join()


def test_what_was_not_asked_is_not_given_on(asked):
    """Records of other names, in whatever section, are nobody's business."""
    server, upstream = asked

    def handler(q, wire, transport):
        r = answer(q)
        for section in (r.answer, r.authority, r.additional):
            section.append(dns.rrset.from_text("db.corp.test.", 60, "IN", "A", LIE))
        return [r]
    with upstream(handler):
        r = server.ask(fresh())
        assert data_of(r.answer, "A") == [TRUTH], r


def test_lies_about_our_own_names(asked, postern):
    """A chain of another's that leads into a zone of ours is ours to go on with."""
    server, upstream = asked

    def handler(q, wire, transport):
        r = dns.message.make_response(q, recursion_available=True)
        r.answer.append(dns.rrset.from_text(q.question[0].name, 60, "IN", "CNAME", "db.corp.test."))
        r.answer.append(dns.rrset.from_text("db.corp.test.", 60, "IN", "A", LIE))
        return [r]
    with upstream(handler):
        if server.place.name.endswith(".a"):
            assert server.answer(fresh()) == found("10.1.1.40")
        else:
            assert server.answer(fresh())[1] in ([LIE], []), "no zone is linked there"


# --- what nobody can guess -----------------------------------------------------------------------------------------------


def test_nothing_is_like_before(asked):
    """Ids, ports and letters."""
    server, upstream = asked
    ids, ports, letters, n = set(), set(), set(), 120

    def handler(q, wire, transport):
        ids.add(q.id)
        letters.add("".join("1" if c.isupper() else "0" for c in q.question[0].name.to_text() if c.isalpha()))
        return [answer(q)]
    with upstream(handler) as u:
        real = u._answer_udp

        def noting(wire, client):
            ports.add(client[1])
            real(wire, client)
        u._answer_udp = noting
        for _ in range(n):
            assert server.answer("some-name-with-letters.%s" % fresh()) == found(TRUTH)
    assert len(ids) > n * 0.95 and len(ports) > n * 0.9 and len(letters) > n * 0.9, (len(ids), len(ports), len(letters))


def test_the_client_gets_his_own_letters(asked):
    server, upstream = asked
    with upstream(lambda q, wire, transport: [answer(q)]):
        for name in ("WwW." + fresh(), "wWw." + fresh().upper()):
            r = server.ask(name)
            assert r.question[0].name.to_text() == name + "." and r.answer[0].name.to_text().lower() == name.lower() + "."


def test_a_server_that_folds(asked):
    """Some give the question back in small letters; they are heard, in the end."""
    server, upstream = asked

    def handler(q, wire, transport):
        r = answer(q)
        w = r.to_wire()
        name = q.question[0].name.to_wire()
        return [w[:12] + name.lower() + w[12 + len(name):]]
    with upstream(handler):
        assert server.answer("a-name-with-letters.%s" % fresh()) == found(TRUTH)


# --- servers that fail -----------------------------------------------------------------------------------------------------


def test_the_second_server(postern):
    """The first is silent, or says that it cannot."""
    server = postern.resolver("a")
    for first in (lambda q, w, t: [], lambda q, w, t: [failing(q, dns.rcode.SERVFAIL)], lambda q, w, t: [failing(q, dns.rcode.REFUSED)]):
        with Upstream(net.Router(), FIRST, 5300, first) as u, Upstream(net.Router(), SECOND, 5300, lambda q, w, t: [answer(q)]) as v:
            assert server.answer(fresh()) == found(TRUTH)
            assert u.asked or v.asked
    with Upstream(net.Router(), SECOND, 5300, lambda q, w, t: [answer(q)]):  # nobody listens at the first
        assert server.answer(fresh()) == found(TRUTH)


def failing(q, rcode):
    r = dns.message.make_response(q)
    r.use_edns(False)
    r.set_rcode(rcode)
    return r


def test_nobody_answers(asked):
    """SERVFAIL, and why; not at once again for the same, but for other names."""
    server, upstream = asked
    with upstream(lambda q, wire, transport: []):
        r = server.ask(fresh(), use_edns=0)
        assert r.rcode() == dns.rcode.SERVFAIL and errors_of(r), r
    with upstream(lambda q, wire, transport: [answer(q)]):
        assert server.answer(fresh()) == found(TRUTH)


def test_servers_that_know_no_edns(asked):
    server, upstream = asked

    def handler(q, wire, transport):
        return [failing(q, dns.rcode.FORMERR)] if q.edns >= 0 else [answer(q)]
    with upstream(handler):
        assert server.answer(fresh()) == found(TRUTH)


def test_truncated(asked):
    """What does not fit into a datagram is fetched by TCP, and given to a client by UDP as far as it fits him."""
    server, upstream = asked

    def handler(q, wire, transport):
        r = dns.message.make_response(q, recursion_available=True)
        if transport == "udp":
            r.flags |= dns.flags.TC
        else:
            n = 300 if b"many" in q.question[0].name.to_text().lower().encode() else 30
            r.answer.append(dns.rrset.from_text(q.question[0].name, 60, "IN", "A", *["10.7.%d.%d" % (i // 250, i % 250) for i in range(n)]))
        return [r]
    with upstream(handler) as u:
        assert len(server.answer(fresh(), payload=1232, use_edns=0)[1]) == 30
        assert server.ask(fresh(), use_edns=False).flags & dns.flags.TC
        name = "many." + fresh()
        assert server.ask(name, use_edns=0, payload=1232).flags & dns.flags.TC
        assert len(server.answer(name, tcp=True)[1]) == 300
        assert {t for _, _, t in u.asked} == {"udp", "tcp"}


@pytest.mark.parametrize("how", ["closes", "half", "long", "lies"])
def test_streams_that_break(asked, how):
    server, upstream = asked
    with upstream(lambda q, wire, transport: [failing_tc(q)] if transport == "udp" else []) as u:
        def broken(s):
            with contextlib.suppress(OSError), s:
                wire = s.recv(4096)
                q = dns.message.from_wire(wire[2:])
                s.sendall({"closes": b"", "half": struct.pack("!H", 500) + answer(q).to_wire(), "long": b"\xff\xff" + os.urandom(70000),
                           "lies": struct.pack("!H", len(lie(q))) + LIES["another-id"](q)}[how])
        u._answer_tcp = broken
        r = server.ask(fresh())
        assert r.rcode() == dns.rcode.SERVFAIL and not r.answer, r
    with upstream(lambda q, wire, transport: [answer(q)]):
        assert server.answer(fresh()) == found(TRUTH)


def failing_tc(q):
    r = dns.message.make_response(q)
    r.flags |= dns.flags.TC
    return r


def test_rubbish(asked, postern):
    """Answers with bits flipped: whatever becomes of each, the name servers live, and no client gets what is no message."""
    server, upstream = asked
    pids, r = postern.dns_pids(), random.Random(1)

    def handler(q, wire, transport):
        good = bytearray(answer(q).to_wire())
        if r.random() < 0.3:
            good = good[:r.randrange(len(good))]
        else:
            good += r.randbytes(r.choice((0, 0, 7, 300)))
            for _ in range(r.randrange(1, 6)):
                good[r.randrange(2, len(good))] ^= 1 << r.randrange(8)
        return [bytes(good), answer(q)]
    with upstream(handler):
        sock, outstanding = server.socket(), 150
        with sock:
            for i in range(outstanding):
                sock.send(struct.pack("!H", i) + query(fresh()).to_wire()[2:])
            sock.settimeout(6)
            for _ in range(outstanding):
                m = dns.message.from_wire(sock.recv(65535))
                assert m.flags & dns.flags.QR and m.id < outstanding
    assert postern.dns_pids() == pids
    with upstream(lambda q, wire, transport: [answer(q)]):
        assert server.answer(fresh()) == found(TRUTH)


# --- many ----------------------------------------------------------------------------------------------------------------


def test_equal_questions_are_asked_once(asked):
    """Each client has an answer of his own."""
    server, upstream = asked
    name, n = fresh(), 60
    with upstream(lambda q, wire, transport: [0.25, answer(q)]) as u:
        with server.socket() as s:
            for i in range(n):
                s.send(struct.pack("!H", 1000 + i) + query(name).to_wire()[2:])
            seen = set()
            for _ in range(n):
                m = dns.message.from_wire(s.recv(4096))
                assert data_of(m.answer, "A") == [TRUTH]
                seen.add(m.id)
        assert seen == set(range(1000, 1000 + n))
        assert len(u.asked) <= 2, "once for each process at most"


def test_a_silent_server_is_no_brake(postern, asked):
    """Thousands of questions that nobody answers: what is ours is answered all the while, and they are all forgotten."""
    server, upstream = asked
    with upstream(lambda q, wire, transport: []):
        with server.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            for i in range(3000):
                with contextlib.suppress(OSError):
                    s.send(query(fresh()).to_wire())
                if i % 100 == 0:
                    assert Server(postern.place("a"), "10.1.1.2").answer("db.corp.test") == found("10.1.1.40")
            assert postern.dns_counter("forward_pending") <= 2 * 4096
            wait_until("all of them over", lambda: postern.dns_counter("forward_pending") == 0)
    with upstream(lambda q, wire, transport: [answer(q)]):
        assert server.answer(fresh()) == found(TRUTH)


def test_killed_with_questions_under_way(postern, asked):
    server, upstream = asked
    with upstream(lambda q, wire, transport: [0.1, answer(q)]):
        with server.socket() as s:
            for _ in range(100):
                s.send(query(fresh()).to_wire())
            for pid in postern.dns_pids():
                os.kill(pid, 9)
            wait_until("every process up", postern.is_up)
        for _ in range(30):
            assert server.answer(fresh()) == found(TRUTH)


def test_networks_that_ask_each_other(postern):
    """A server of one's own that asks the resolver again: it comes to an end, and to rest."""
    resolver = postern.resolver("b")

    def again(q, wire, transport):
        back = Server(postern.place("server"), "10.2.1.2", timeout=8).send(q.to_wire())
        return [struct.pack("!H", q.id) + back[2:]] if back else []
    with Upstream(postern.place("server"), SERVER, handler=again) as u:
        resolver.timeout = 10
        r = resolver.ask(fresh())
        assert r.rcode() == dns.rcode.SERVFAIL, r
        wait_until("nothing under way", lambda: postern.dns_counter("forward_pending") == 0)
        assert len(u.asked) < 200


def test_by_tcp_too(asked):
    """A client's questions on one connection, answered as the answers come."""
    server, upstream = asked
    with upstream(says({(NAME, "A"): [TRUTH], (NAME, "TXT"): ['"x"']})):
        assert server.answer(NAME, tcp=True) == found(TRUTH)
        assert server.answer(NAME, "TXT", tcp=True) == found('"x"')
        assert server.answer(NAME, "TYPE65280", tcp=True) == ("NOERROR", [])
        assert server.answer("no." + NAME, tcp=True) == NX


def test_from_its_own_address(postern):
    """A network's questions come from its resolver's address, so that its servers know whom they answer."""
    seen = set()
    with Upstream(postern.place("server"), SERVER, handler=lambda q, w, t: [answer(q)]) as u:
        real = u._answer_udp

        def noting(wire, client):
            seen.add(client[0])
            real(wire, client)
        u._answer_udp = noting
        for _ in range(20):
            assert postern.resolver("b").answer(fresh()) == found(TRUTH)
    assert seen == {"10.2.1.2"}


def test_other_networks_servers_are_not_asked(postern):
    """The servers of `own` have its addresses; for `main` there is nobody there."""
    with Upstream(postern.place("server"), SERVER, handler=lambda q, w, t: [answer(q)]) as u:
        assert doc("network", "own")["name"] == "own"
        assert postern.resolver("a").ask(fresh()).rcode() == dns.rcode.SERVFAIL
        assert not u.asked
