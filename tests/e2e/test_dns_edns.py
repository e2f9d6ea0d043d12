# SPDX-License-Identifier: GPL-3.0-or-later
"""Variants of queries, each with the answer that it has to have; cookies; the limit on answers that are alike."""
import socket
import struct

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

import net
from dns_variants import ECS, VARIANTS, edns, option
from names import Names, Server, link, query, zone
from networks import host, network

DOMAIN = "edns.test"
RATE = 5


@pytest.fixture(scope="module")
def postern():
    net.own_run()
    with Names("--dns-rate", "0") as d:
        d.cli_apply(*network("main", 1), host("a", "main-1", 1, 1, 30), zone("shown", DOMAIN, [("a", "A", "192.0.2.7")], public=True),
                    zone("hidden", "hidden.test"), link("hidden", "main"))
        yield d


def exchange(server, wire, tcp):
    """(octets of the answer, parsed); (None, None)"""
    back = server.send(wire, tcp)
    return back, back and dns.message.from_wire(back)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("name, make, check", VARIANTS, ids=[v[0].replace(" ", "-") for v in VARIANTS])
def test_variants(postern, alice, name, make, check, tcp):
    for server, domain in ((postern.internet(alice), DOMAIN), (postern.resolver("a"), "hidden.test")):
        if check is None:
            server.timeout = 0.3
        wire, r = exchange(server, make(domain), tcp)
        if check is None:
            assert wire is None, r
            continue
        if name.startswith("AXFR") and tcp:
            assert wire is None or not r.answer, r
            continue
        assert wire is not None, "no answer"
        assert wire[:2] == b"\x12\x34" and wire[2] & 0x80 and check(r, wire), r
        if r.question:
            assert wire[12:].startswith(make(domain)[12:12 + len(r.question[0].name.to_wire()) + 4]), "another question"


def test_a_short_message_has_no_answer(postern, alice):
    server = postern.internet(alice, timeout=0.05)
    for n in range(12):
        assert server.send(b"\x12\x34" + bytes(10)[:n - 2] if n > 2 else b"\x12"[:n]) is None, n


def test_client_subnets_are_not_given_on(postern, alice):
    _, r = exchange(postern.internet(alice), edns(options=option(ECS, b"\0\1\x18\0\x0a\0\0"))(DOMAIN), False)
    assert not [o for o in r.options if o.otype == ECS], r


# --- cookies -------------------------------------------------------------------------------------------------------------


def cookie_of(r):
    return next((bytes(o.data) for o in r.options if o.otype == 10), None)


def ask_with(server, cookie, name="a." + DOMAIN):
    return server.ask(name, use_edns=0, options=[dns.edns.GenericOption(10, cookie)])


def test_cookies_are_of_all_processes(postern, alice, bob):
    """A cookie that one process gave is good with each, and for its client alone; it comes back as it was while it is young."""
    server = postern.internet(alice)
    given = cookie_of(ask_with(server, b"abcdefgh"))
    assert len(given) == 24
    # Later connections go to either process.
    assert {cookie_of(ask_with(server, given)) for _ in range(40)} == {given}
    assert cookie_of(ask_with(postern.internet(bob), given)) != given
    assert cookie_of(ask_with(server, b"ABCDEFGH" + given[8:])) != b"ABCDEFGH" + given[8:]
    assert cookie_of(ask_with(server, b"abcdefgh")) is not None
    assert cookie_of(server.ask("a." + DOMAIN, use_edns=0)) is None


# --- the limit -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limited():
    with Names("--dns-rate", str(RATE)) as d:
        d.cli_apply(*network("main", 1), host("a", "main-1", 1, 1, 30), zone("shown", DOMAIN, [
            (n, "A", "192.0.2.7") for n in "abcdefgh"], public=True), zone("hidden", "hidden.test", [("a", "A", "10.0.0.7")]),
            link("hidden", "main"))
        yield d


def volley(server, n, name="a." + DOMAIN, **kw):
    """n equal questions at once: (whole answers, truncated ones)"""
    whole = cut = 0
    with server.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        wire = query(name, **kw).to_wire()
        for i in range(n):
            s.send(struct.pack("!H", i) + wire[2:])
        s.settimeout(0.3)
        try:
            while True:
                r = dns.message.from_wire(s.recv(4096))
                cut += bool(r.flags & dns.flags.TC)
                whole += not r.flags & dns.flags.TC
                assert not (r.flags & dns.flags.TC and r.answer), r
        except socket.timeout:
            return whole, cut


def test_equal_questions_of_one_source_are_limited(limited, alice, bob):
    server, n = limited.internet(alice), 400
    whole, cut = volley(server, n)
    assert whole < n / 4 and n / 5 < cut < n * 3 / 4, (whole, cut)
    assert whole + cut < n, "none was dropped"
    # He who is cut off can come by TCP, or with a cookie; others are not concerned, and neither are answers of another kind.
    assert all(server.answer("a." + DOMAIN, tcp=True)[1] for _ in range(50))
    assert volley(limited.internet(bob), 3)[0] == 3
    assert volley(server, 3, "nope." + DOMAIN)[0] == 3
    given = None
    while given is None:
        wire = server.send(query("a." + DOMAIN, use_edns=0, options=[dns.edns.GenericOption(10, b"abcdefgh")]).to_wire(), tcp=True)
        given = cookie_of(dns.message.from_wire(wire))
    assert volley(server, n, use_edns=0, options=[dns.edns.GenericOption(10, given)]) == (n, 0)
    # A made-up one does not help.
    whole, cut = volley(server, n, use_edns=0, options=[dns.edns.GenericOption(10, given[:16] + b"12345678")])
    assert whole < n / 4 and cut < n * 3 / 4, (whole, cut)
    assert limited.dns_counter("dropped_rate_total") > 0 and limited.dns_counter("slipped_rate_total") > 0


def test_names_do_not_matter(limited, alice):
    """Alike is what is of one zone and kind: else a flood of names would pass."""
    server = limited.internet(alice, net.V6)
    volley(server, 300, "b." + DOMAIN)
    assert volley(server, 100, "c." + DOMAIN)[0] < 50


def test_networks_are_not_limited(limited):
    for at in ("10.1.1.2", "168.63.129.16"):
        assert volley(Server(limited.place("a"), at), 300, "a.hidden.test") == (300, 0)
