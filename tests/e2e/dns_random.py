# SPDX-License-Identifier: GPL-3.0-or-later
"""Random zones, and random questions about them: of every shape that a name can have beside what is there."""
import random

from names import zone

WORDS = ["a", "b", "www", "mail", "x1", "_tcp", "_ldap", "very-long-" + "l" * 40, "n" * 63, "0", "zz"]
TYPES = ["A", "AAAA", "CNAME", "TXT", "MX", "SRV", "PTR", "NS", "SOA", "DS", "TYPE65"]
APEX = "@"
NAME_MAX = 240  # of a name, written: room for another short label


def label(r):
    return r.choice(WORDS) if r.random() < 0.7 else "h%d" % r.randrange(40)


def relative(r):
    return ".".join(label(r) for _ in range(r.choice((1, 1, 1, 2, 2, 3, 4))))


def values(r, type_, target):
    """target(): a name, of one zone or another, there or not."""
    one = {"A": lambda: "10.%d.%d.%d" % (r.randrange(256), r.randrange(256), r.randrange(1, 255)),
           "AAAA": lambda: "fd00::%x:%x" % (r.randrange(1, 65536), r.randrange(1, 65536)),
           "TXT": lambda: " ".join('"%s"' % ("t%d" % r.randrange(1000) * r.choice((1, 1, 9, 40))) for _ in range(r.choice((1, 1, 3)))),
           "MX": lambda: "%d %s" % (r.randrange(100), target()),
           "SRV": lambda: "%d %d %d %s" % (r.randrange(9), r.randrange(9), r.randrange(1, 65536), target()),
           "PTR": target, "NS": target}[type_]
    return sorted({one() for _ in range(r.choice((1, 1, 2, 5)))})


def random_zone(r, number, domain, domains):
    """A document: sets under random names, wildcards, aliases that lead anywhere, delegations with and without addresses."""
    sets, alone, cuts = {}, set(), set()

    def target():
        where = r.random()
        if where < 0.5 and sets:
            return absolute(r.choice(sorted(sets))[0], domain).replace("*", "any")
        while True:
            name = "%s.%s" % (relative(r), domain if where < 0.8 else r.choice(domains + ["elsewhere.example"]))
            if len(name) <= NAME_MAX:
                return name

    def is_below_cut(name):
        return any(name == c or name.endswith("." + c) for c in cuts)

    sets["ns", "A"] = ["192.0.2.%d" % (number % 250 + 1)]
    for _ in range(r.randrange(5, 40)):
        name = relative(r)
        what = r.random()
        if what < 0.15:
            name = "*." + name if r.random() < 0.8 else "*"
        if is_below_cut(name) or name == "ns" or name.endswith(".ns") or len(absolute(name, domain)) > NAME_MAX:
            continue
        taken = [t for n, t in sets if n == name]
        if what > 0.92 and not taken and "*" not in name and not any(n.endswith("." + name) for n, _ in sets):
            cuts.add(name)
            alone.add(name)
            sets[name, "NS"] = ["ns1.%s.%s" % (name, domain), "ns.elsewhere.example"][:r.choice((1, 2))]
            if r.random() < 0.7:
                sets["ns1." + name, "A"] = values(r, "A", target)
            continue
        if what > 0.75 and not taken:
            alone.add(name)
            sets[name, "CNAME"] = [target()]
            continue
        if name in alone:
            continue
        for type_ in r.sample(["A", "AAAA", "TXT", "MX", "SRV", "PTR"], r.choice((1, 1, 2, 3))):
            sets[name, type_] = values(r, type_, target)
    for type_ in ("TXT", "MX", "A"):
        if r.random() < 0.4:
            sets[APEX, type_] = values(r, type_, target)
    document = zone("z%d" % number, domain, [(n, t, *v) for (n, t), v in sorted(sets.items())], public=True,
                    ttl=r.randrange(60, 5000), minimum=r.randrange(5, 500))
    for record in document["records"]:
        if r.random() < 0.3:
            record["ttl"] = r.randrange(1, 100000)
    return document


def absolute(name, domain):
    return domain if name == APEX else "%s.%s" % (name, domain)


def mixed(r, name):
    return "".join(c.upper() if r.random() < 0.5 else c for c in name)


def random_name(r, document, domains):
    """Of one of seven shapes."""
    names = sorted({rec["name"] for rec in document["records"]})
    domain = document["domain"]
    there = r.choice(names)
    some = absolute(there, domain)
    shape = r.randrange(7)
    if shape == 0:  # there, a wildcard itself too
        return some
    if shape == 1:  # there, or under a wildcard, in other letters
        return mixed(r, some.replace("*", label(r)))
    if shape == 2:  # below one that is there
        return label(r) + "." + some.replace("*", relative(r))
    if shape == 3:  # above: the apex, empty non-terminals, out of the zone
        labels = some.split(".")
        return ".".join(labels[r.randrange(len(labels)):])
    if shape == 4:  # beside
        labels = some.split(".")
        labels[0] = label(r)
        return ".".join(labels)
    if shape == 5:  # anything in any zone
        return "%s.%s" % (relative(r), r.choice(domains))
    return r.choice([domain, "elsewhere.example", "x" + domain, "*." + domain, "." .join(["d"] * 60) + "." + domain])


def random_domains(r, n):
    """Some are below others."""
    domains = ["d%d.test" % i for i in range(n)]
    for i in range(n // 3):
        domains.append("%s.%s" % (label(r), r.choice(domains)))
    return sorted(d for d in set(domains) if len(d) < 150)
