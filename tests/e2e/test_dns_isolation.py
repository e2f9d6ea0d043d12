# SPDX-License-Identifier: GPL-3.0-or-later
"""
No answer in a network holds data of a zone that is not linked to it. Random sets of networks, zones of few domains (so many have the same one
with other content) and links; random changes; after each the oracle, which is 30 lines, says what every place has to answer.
"""
import os
import random

import dns.flags
import dns.message
import dns.rcode
import pytest

import net
from names import Names, Server, data_of, link, query, zone
from networks import host, network

SEED = int(os.environ.get("POSTERN_SEED", "0")) or random.randrange(1, 1 << 31)
NETWORKS, ZONES, ROUNDS, ASKED = 5, 14, 25, 12
DOMAINS = ["a.test", "b.a.test", "c.b.a.test", "d.test", "a.b.a.test"]
LABELS = ["x", "y", "b", "c", "a", "*"]
INTERNET = 0


def marker(number, version):
    """What the data of one zone can be known by, in any message: octets that are nowhere else."""
    return "zone%03d-%04d" % (number, version)


class Zone:
    def __init__(self, r, number):
        self.number, self.name, self.domain = number, "z%d" % number, r.choice(DOMAINS)
        self.is_public, self.version = False, 0
        self.change(r)

    def change(self, r):
        self.version += 1
        self.names = {"@"} | set(r.sample(LABELS, r.randrange(1, len(LABELS))))

    def document(self):
        return zone(self.name, self.domain, [(n, "TXT", '"%s"' % marker(self.number, self.version)) for n in sorted(self.names)],
                    public=self.is_public)

    def answer(self, name):
        """What is in it of a name of its domain: the marker, or NX."""
        inner = name[:-len(self.domain) - 1] if name != self.domain else "@"
        if inner in self.names:
            return marker(self.number, self.version)
        # The closest encloser that is there has the wildcard; all names are of one label, so that is the apex, or a name below a name.
        closest = inner.split(".")[-1]
        if "*" in self.names and (closest not in self.names or closest == "*"):
            return marker(self.number, self.version)
        return "NX"


class World:
    """What is declared, as the oracle sees it."""

    def __init__(self, r):
        self.zones = [Zone(r, i) for i in range(ZONES)]
        self.links = {}  # (zone's number, network): fall-through

    def of(self, place, name):
        """The zones that a name is looked for in there, the longest domain first, and only that one: [(zone, falls through)]"""
        mine = [(z, self.links[z.number, place]) for z in self.zones if (z.number, place) in self.links]
        mine = [(z, f) for z, f in mine if name == z.domain or name.endswith("." + z.domain)]
        return max(mine, key=lambda m: len(m[0].domain), default=None)

    def public(self, name):
        mine = [z for z in self.zones if z.is_public and (name == z.domain or name.endswith("." + z.domain))]
        return max(mine, key=lambda z: len(z.domain), default=None)

    def answer(self, place, name):
        """A marker, NX or REFUSED."""
        private = self.of(place, name)
        if private:
            zone_, falls_through = private
            said = zone_.answer(name)
            if said != "NX" or not falls_through:
                return said
        shown = self.public(name)
        if shown:
            return shown.answer(name)
        return "NX" if private else "REFUSED"

    def seen(self, place):
        """Numbers of the zones whose data may be in answers there."""
        return {z.number for z in self.zones if z.is_public or (z.number, place) in self.links}

    def may_link(self, z, place):
        return not z.is_public and not any(
            n == place and self.zones[o].domain == z.domain for o, n in self.links if o != z.number)

    def may_show(self, z):
        return not any(o == z.number for o, _ in self.links) and not any(o.is_public and o.domain == z.domain for o in self.zones)


def changed(r, world, d):
    """Some random changes in one apply, or one deletion."""
    documents = []
    for _ in range(r.randrange(1, 6)):
        z, place = r.choice(world.zones), r.randrange(1, NETWORKS + 1)
        what = r.randrange(6)
        if what == 0 and (z.number, place) in world.links:
            del world.links[z.number, place]
            d.cli("delete", "zone-link", "%s-n%d" % (z.name, place))
        elif what == 1:
            z.change(r)
            documents.append(z.document())
        elif what == 2 and (z.is_public or world.may_show(z)):
            z.is_public = not z.is_public
            documents.append(z.document())
        elif world.may_link(z, place):
            world.links[z.number, place] = r.random() < 0.4
            documents.append(link(z.name, "n%d" % place, fall_through=world.links[z.number, place]))
        # One after the other: a link in the stream before it is gone is a link of its own.
        if documents:
            d.cli_apply(*documents)
            documents = []


def names(r):
    domain = r.choice(DOMAINS)
    return r.choice([domain, *("%s.%s" % (l, domain) for l in LABELS if l != "*"), "q.%s" % domain, "q.x.%s" % domain, "q.q.%s" % domain])


def look(r, world, servers, n):
    for place, server in servers.items():
        foreign = [b"zone%03d" % z.number for z in world.zones if z.number not in world.seen(place)]
        for _ in range(n):
            name = names(r)
            wire = server.send(query(name, "TXT").to_wire(), tcp=r.random() < 0.1)
            assert wire is not None, (place, name)
            assert not [f for f in foreign if f in wire], "in network %d: %s" % (place, dns.message.from_wire(wire))
            m = dns.message.from_wire(wire)
            data = data_of(m.answer, "TXT")
            got = data[0].strip('"') if data else {3: "NX", 5: "REFUSED"}.get(m.rcode(), dns.rcode.to_text(m.rcode()))
            assert got == world.answer(place, name), "POSTERN_SEED=%d: in network %d: %s, not %s" % (
                SEED, place, m, world.answer(place, name))


@pytest.fixture(scope="module")
def postern():
    net.own_run()
    with Names("--dns-rate", "0") as d:
        yield d


def test_isolation(postern, alice):
    print("POSTERN_SEED=%d" % SEED)
    r = random.Random(SEED)
    world = World(r)
    documents = [z.document() for z in world.zones]
    for n in range(1, NETWORKS + 1):
        documents += network("n%d" % n, n) + [host("h%d" % n, "n%d-1" % n, n, 1, 30)]
    # Joined, all of them: a route to a network is no way into its names.
    documents += [{"kind": "peering", "name": "p%d" % n, "networks": ["n1", "n%d" % n]} for n in range(2, NETWORKS + 1)]
    postern.cli_apply(*documents)
    servers = {n: Server(postern.place("h%d" % n), "10.%d.1.2" % n) for n in range(1, NETWORKS + 1)}
    servers[INTERNET] = postern.internet(alice)
    for _ in range(ROUNDS):
        changed(r, world, postern)
        look(r, world, servers, ASKED)
    # And as it is for one who starts anew.
    postern.stop()
    postern.start()
    look(r, world, servers, 4 * ASKED)
