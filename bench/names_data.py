# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones and queries of the name servers' benchmark; bench/dns_zones.c makes the same zones.

As private clusters of a cloud have them: a zone for each, with SOA, NS, TXT, six A and one CNAME. Queries are for zones at random, so that caches of
answers help as little as they do in a gateway of many tenants: 80 % an A record, 10 % AAAA where there is none, 10 % no such name.
"""

import random

SUFFIX = "privatelink.westeurope.azmk8s.io"
HOSTS = 6
QUERIES = 131072
A, AAAA = 1, 28
TTL, MINIMUM = 300, 30


def domain(i):
    return f"{i * 2654435761 & 0xffffffff:08x}-{i & 0xffff:04x}-4000-8000-{i:012x}.{SUFFIX}"


def address(i, k):
    return f"10.{i >> 8 & 255}.{i & 255}.{k}"


def records(i):
    """(name, type, TTL, value), value in presentation form."""
    yield "@", "TXT", MINIMUM, '"hello, world"'
    for k in range(1, 1 + HOSTS):
        yield f"c{k}", "A", MINIMUM, address(i, k)
    yield "alias", "CNAME", MINIMUM, "c1"


def zone_file(i):
    lines = [f"$ORIGIN {domain(i)}.", f"@ {TTL} SOA ns hostmaster 1 3600 600 86400 {MINIMUM}", f"@ {TTL} NS ns.example."]
    return "\n".join(lines + [f"{name} {ttl} {kind} {value}" for name, kind, ttl, value in records(i)]) + "\n"


def write_zone_files(folder, zones):
    folder.mkdir()
    for i in range(zones):
        (folder / f"{i}.zone").write_text(zone_file(i))


def document(i, visibility, first=None):
    """Ours. first: another address of c1."""
    values = {"c1": first} if first else {}
    return {"kind": "zone", "name": f"z{i}", "domain": domain(i), "visibility": visibility, "records": [
        {"name": name, "type": kind, "ttl": ttl,
         "values": [f"c1.{domain(i)}" if kind == "CNAME" else values.get(name, value)]}
        for name, kind, ttl, value in records(i)]}


def mix(zones, step=1, seed=4):
    """(zone, name, type) without end; of every step-th zone."""
    pick = random.Random(seed)
    while True:
        i, what = pick.randrange(zones // step) * step, pick.randrange(10)
        name = f"{'x' if what == 9 else 'c'}{1 + pick.randrange(HOSTS)}.{domain(i)}"
        yield i, name, AAAA if what == 8 else A


def write_queries(path, zones, targets=1, step=1, count=QUERIES):
    """For dns_blast: zone i is asked of target i % targets."""
    source = mix(zones, step)
    with open(path, "w", encoding="ascii") as f:
        for _ in range(count):
            i, name, kind = next(source)
            f.write(f"{i % targets} {name} {kind}\n")


def write_distinct(path, zones, part, parts):
    """A part of all names that there are, none of which another part has: nobody has them in a cache."""
    names = [f"0 c{k}.{domain(i)} {A}\n" for i in range(part, zones, parts) for k in range(1, 1 + HOSTS)]
    random.Random(part).shuffle(names)
    with open(path, "w", encoding="ascii") as f:
        f.writelines(names)


def write_dnsperf(path, zones, count=QUERIES):
    source = mix(zones)
    with open(path, "w", encoding="ascii") as f:
        for _ in range(count):
            _, name, kind = next(source)
            f.write(f"{name} {'A' if kind == A else 'AAAA'}\n")
