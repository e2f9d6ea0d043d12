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
ZONES, QUESTIONS = 40, 3000


class Answer:
    """What is compared of an answer."""

    def __init__(self, r):
        self.message = r
        self.rcode, self.is_cut = dns.rcode.to_text(r.rcode()), bool(r.flags & dns.flags.TC)
        self.aa = bool(r.flags & dns.flags.AA)
        self.answer, self.authority = sets_of(r.answer), sets_of(r.authority)

    def differences(self, other):
        return {k for k in ("rcode", "aa", "answer", "authority") if getattr(self, k) != getattr(other, k)}


    def chain(self, name):
        """The aliases that lead on from there, in their order: [(owner, target)]; and whether they go round."""
        aliases = {n: d[0] for n, t, _, d in self.answer if t == "CNAME"}
        found = []
        while name in aliases:
            if name in [n for n, _ in found]:
                return found, True
            found.append((name, aliases[name]))
            name = aliases[name]
        return found, False

    def go_on(self, aliases, other):
        """Of the answer these aliases; the rest is what the other says."""
        owners = [n for n, _ in aliases]
        self.answer = {s for s in self.answer if s[0] in owners and s[1] == "CNAME"} | other.answer
        self.rcode, self.is_cut, self.authority = other.rcode, self.is_cut or other.is_cut, other.authority


def zone_of(name, domains):
    """The one that a name is looked for in: the longest domain."""
    return max((d for d in domains if ("." + name).endswith("." + d + ".")), key=len, default=None)


def asked(ask, q, domains, depth=0):
    """
    What a server says of a question, and where an alias leads into another of its zones, what it says of that. Knot and BIND stop there,
    or look on in the zone where they are even if that of the target is below it; RFC 1034, 4.3.2 begins anew, and so do we.
    """
    a = Answer(dns.message.from_wire(ask(q.to_wire())))
    name, type_ = q.question[0].name.to_text().lower(), q.question[0].rdtype
    if type_ == dns.rdatatype.CNAME or depth == CHAIN:
        return a
    aliases, _ = a.chain(name)
    for i, (owner, target) in enumerate(aliases):
        if zone_of(target, domains) not in (None, zone_of(owner, domains)):
            more = query(target, type_, rd=False, use_edns=0 if q.edns >= 0 else False, payload=q.payload)
            a.go_on(aliases[:i + 1], asked(ask, more, domains, depth + i + 1))
            break
    return a


CHAIN = 8  # aliases that we follow

def goes_round(q, ours, theirs, _domains):
    return ours.chain(name_of(q))[1] and theirs.rcode == "SERVFAIL" and ours.answer == theirs.answer


def is_ds_of_apex(q, ours, _theirs, domains):
    aliases, _ = ours.chain(name_of(q))
    end = aliases[-1][1] if aliases else name_of(q)
    return q.question[0].rdtype == dns.rdatatype.DS and end.rstrip(".") in domains


# (of which peer, function of (question, ours, theirs, domains), why that is right)
KNOWN = [
    ("BIND", goes_round, "aliases that go round: BIND gives up, Knot and we show them"),
    ("both", is_ds_of_apex, "DS at the apex of a zone: the parent would be asked if it is here too; nothing is signed, so the zone itself says "
                            "as well that there is none"),
]


def name_of(q):
    return q.question[0].name.to_text().lower()


def is_known(peer, q, ours, theirs, domains):
    return any(who in (peer, "both") and rule(q, ours, theirs, domains) for who, rule, _ in KNOWN)


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
    """A function that asks it; by UDP always with the same socket."""
    s = None if tcp else server.socket()

    def ask(wire):
        if tcp:
            return server.send(wire, tcp=True)
        s.send(wire)
        return s.recv(65535)
    return ask


def test_random_questions(postern, alice, zones, peers):
    domains, wrong, n = [z["domain"] for z in zones], [], 0
    servers = {"us": postern.internet(alice), **peers}
    by_udp, by_tcp = ({name: asker(p, tcp) for name, p in servers.items()} for tcp in (False, True))
    rcodes = {}
    for q in questions(zones, QUESTIONS):
        mine = Answer(dns.message.from_wire(by_udp["us"](q.to_wire())))
        n += 1
        rcodes[mine.rcode] = rcodes.get(mine.rcode, 0) + 1
        for name in peers:
            other = asked(by_udp[name], q, domains)
            if mine.is_cut or other.is_cut:  # how much fits is everybody's own matter
                mine, other = Answer(dns.message.from_wire(by_tcp["us"](q.to_wire()))), asked(by_tcp[name], q, domains)
            differences = mine.differences(other)
            if differences and not is_known(name, q, mine, other, domains):
                wrong.append("%s, otherwise than %s: %s\n--- ours\n%s\n--- theirs\n%s" % (
                    q.question[0], name, ", ".join(sorted(differences)), mine.message, other.message))
    assert not wrong, "POSTERN_SEED=%d: %d of %d\n%s" % (SEED, len(wrong), n, "\n\n".join(wrong[:5]))
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
    # Of one where not every name is there.
    domain = next(z["domain"] for z in zones if "*" not in [rec["name"] for rec in z["records"]])
    wire = server.send(make(domain))
    r = wire and dns.message.from_wire(wire)
    assert r is None if check is None else check(r, wire), "POSTERN_SEED=%d: %s" % (SEED, r)
