# SPDX-License-Identifier: GPL-3.0-or-later
"""
The same zones and the same random questions at us, Knot DNS and BIND: rcode, the flag AA, answers and authority have to be the same.
Their zone files are our own exports. Where the two differ from us, KNOWN says why that is right; anything else fails.
"""
import os
import random

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

import net
from dns_peers import BIND, KNOT, Bind, Knot
from dns_random import TYPES, random_domains, random_name, random_zone
from dns_variants import VARIANTS
from names import Names, query, sets_of

SEED = int(os.environ.get("POSTERN_SEED", "0")) or random.randrange(1, 1 << 31)
ZONES, QUESTIONS = 40, 4000


class Answer:
    """What is compared of an answer."""

    def __init__(self, r):
        self.message = r
        self.rcode, self.is_cut = dns.rcode.to_text(r.rcode()), bool(r.flags & dns.flags.TC)
        self.aa = bool(r.flags & dns.flags.AA)
        self.answer, self.authority = sets_of(r.answer), sets_of(r.authority)

    def differences(self, other):
        if self.is_cut or other.is_cut:  # how much of it is sent is everybody's own matter
            return {"cut"} if self.is_cut != other.is_cut else set()
        return {k for k in ("rcode", "aa", "answer", "authority") if getattr(self, k) != getattr(other, k)}


def ends_outside(ours, theirs, domains):
    """Our answer has more of a chain that leaves the zone: RFC 1034, 4.3.2 goes on in the zone with the next name."""
    return theirs.answer < ours.answer and any(t == "CNAME" for _, t, _, _ in theirs.answer)


# (of which peer, function of (question, ours, theirs, domains, differences), why)
KNOWN = [
    ("Knot", lambda q, o, t, domains, d: ends_outside(o, t, domains),
     "Knot does not follow an alias into another zone of its own"),
]


def is_known(peer, q, ours, theirs, domains, differences):
    return any(who == peer and rule(q, ours, theirs, domains, differences) for who, rule, _ in KNOWN)


@pytest.fixture(scope="module")
def zones():
    print("POSTERN_SEED=%d" % SEED)
    r = random.Random(SEED)
    domains = random_domains(r, ZONES * 3 // 4)
    return [random_zone(r, i, d, domains) for i, d in enumerate(domains)]


@pytest.fixture(scope="module")
def postern(zones):
    net.own_run()
    with Names("--dns-rate", "0") as d:
        d.cli_apply(*zones)
        yield d


@pytest.fixture(scope="module")
def files(postern, zones):
    return {z["domain"]: postern.cli("zone", "export", z["name"]).stdout for z in zones}


@pytest.fixture(scope="module")
def peers(files, tmp_path_factory):
    d = tmp_path_factory.mktemp("peers")
    with Knot(str(d / "knot"), KNOT, files) as knot, Bind(str(d / "bind"), BIND, files) as bind:
        yield {"Knot": knot.wait_ready(), "BIND": bind.wait_ready()}


def questions(zones, n):
    r = random.Random(SEED + 1)
    domains = [z["domain"] for z in zones]
    for _ in range(n):
        name = random_name(r, r.choice(zones), domains)
        if max(map(len, name.split("."))) > 63 or len(name) > 250:
            continue
        kw = r.choice(({"use_edns": False}, {"use_edns": 0}, {"use_edns": 0, "payload": 512}, {"use_edns": 0, "want_dnssec": True}))
        yield query(name, r.choice(TYPES), rd=r.random() < 0.5, **kw)


def asker(server, tcp=False):
    """A function that asks it, by one socket."""
    s = server.socket(tcp)

    def ask(wire):
        s.send(wire)
        return s.recv(65535)
    return ask


def test_random_questions(postern, alice, zones, peers):
    domains, wrong, asked = [z["domain"] for z in zones], [], 0
    ours, theirs = asker(postern.internet(alice)), {name: asker(p) for name, p in peers.items()}
    rcodes = {}
    for q in questions(zones, QUESTIONS):
        wire = q.to_wire()
        mine = Answer(dns.message.from_wire(ours(wire)))
        asked += 1
        rcodes[mine.rcode] = rcodes.get(mine.rcode, 0) + 1
        for name, ask in theirs.items():
            other = Answer(dns.message.from_wire(ask(wire)))
            differences = mine.differences(other)
            if differences and not is_known(name, q, mine, other, domains, differences):
                wrong.append("%s, otherwise than %s: %s\n--- ours\n%s\n--- theirs\n%s" % (
                    q.question[0], name, ", ".join(sorted(differences)), mine.message, other.message))
    assert not wrong, "POSTERN_SEED=%d: %d of %d\n%s" % (SEED, len(wrong), asked, "\n\n".join(wrong[:5]))
    # The questions were worth asking.
    assert min(rcodes.get(k, 0) for k in ("NOERROR", "NXDOMAIN", "REFUSED")) > QUESTIONS / 50, rcodes


def test_by_tcp_nothing_is_cut(postern, alice, zones, peers):
    """What did not fit into a datagram is whole by TCP, and the same as everybody's."""
    ours, tried = postern.internet(alice), 0
    for z in zones:
        for record in z["records"]:
            if record["type"] != "TXT" or sum(map(len, record["values"])) < 500:
                continue
            name = record["name"].replace("*", "any") + "." + z["domain"] if record["name"] != "@" else z["domain"]
            mine, other = (Answer(s.ask(name, "TXT", tcp=True)) for s in (ours, peers["BIND"]))
            assert not mine.is_cut and not mine.differences(other), mine.message
            tried += 1
    assert tried


@pytest.mark.parametrize("name, make, check", VARIANTS, ids=[v[0].replace(" ", "-") for v in VARIANTS])
def test_the_list_of_variants_is_right(zones, peers, name, make, check):
    """What test_dns_edns.py wants of us is what BIND does."""
    server = peers["BIND"]
    server.timeout = 5 if check else 0.2
    wire = server.send(make(zones[0]["domain"]))
    assert wire is None if check is None else check(dns.message.from_wire(wire), wire)
