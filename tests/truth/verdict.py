# SPDX-License-Identifier: GPL-3.0-or-later
"""
What was seen, against what the rows say. Pure: no packet is sent here, so that the harness itself can be tested.

A Seen is one place in one step: {"names": {"4": [..], "6": [..]} or None, "tries": {key: try of probe.py},
"explained": {key: object of postern explain, or None where it cannot say}}; keys as key() makes them.
"""
import landscape
import rows

HOLDS, FAILS, WAITS = "holds", "fails", "waits"


class Result:
    """One row, one place (or none), one family."""

    def __init__(self, what, family, place=None):
        self.what, self.family, self.place = what, family, place
        self.problems = []
        self.waits = what.waits if isinstance(what, (rows.Row, rows.Waiting)) else None
        self.compared = []  # words: name, reach, explain

    def state(self):
        if self.problems:
            return FAILS
        return WAITS if self.waits else HOLDS

    def as_dict(self, index):
        return {"row": index, "place": self.place, "family": self.family, "state": self.state(), "waits": self.waits,
                "problems": self.problems, "compared": sorted(set(self.compared))}


def key(family, host=None):
    return "%d/%s" % (family, host or "name")


def hosts_of(row, family, kind):
    """The addresses that a row tries; [None]: the name."""
    if row.by == "name":
        return [None]
    return landscape.private_addresses(kind)[family]


def named(row, kind):
    """What the name answers, by family; None where the row does not say so in addresses that exist without DNS."""
    if row.by != "name":
        return None
    return {"public": rows.PUBLIC, "private": landscape.private_addresses(kind) if kind else None,
            "own endpoint": landscape.OWN}.get(row.name)


def compare_name(result, row, seen, family, kind, title):
    want = named(row, kind)
    if want is None or seen["names"] is None:
        return
    result.compared.append("name")
    got = seen["names"][str(family)]
    if sorted(got) != sorted(want[family]):
        result.problems.append("%s: the name answers %s, not %s" % (title, got or "nothing", want[family]))


def compare_reach(result, row, place, seen, step, kind):
    want = rows.expected(row, place, result.family, step)
    for host in hosts_of(row, result.family, kind):
        t = seen["tries"].get(key(result.family, host))
        if t is None:
            result.problems.append("%s: %s was not tried" % (step.title, host or "the name"))
            continue
        result.compared.append("reach")
        if t["reached"] != want:
            result.problems.append("%s: by %s: %s, which should %s" % (
                step.title, host or t["address"] or "name", t["how"], "reach" if want else "not reach"))
        elif not want and t["bytes"]:
            result.problems.append("%s: refused, but after %d bytes" % (step.title, t["bytes"]))
        elif not want and by_gate(row, place, step) and t["how"] != "reset":
            result.problems.append("%s: refused by the gate, yet seen as: %s" % (step.title, t["how"]))
        compare_explained(result, seen, host, want, step)


def by_gate(row, place, step):
    """It is the gate that says no: a reset, not silence and not a missing route."""
    place = rows.stand(place)
    if row.reached.rule == "range" and step.ranges != "off":
        return rows.SOURCES[place] is not None
    return row.reached.rule == "groups" and step.endpoint


def compare_explained(result, seen, host, want, step):
    said = seen["explained"].get(key(result.family, host))
    if said is None:
        return
    result.compared.append("explain")
    if said.get("reached") != want:
        result.problems.append("%s: explain says %s" % (
            step.title, said.get("rule") or said.get("reason") or said))


def judge_row(row, mode, seen_by_step):
    """A Result for each place and family. seen_by_step: [(step, {place: Seen or text of what went wrong})]"""
    results = []
    for place in row.places:
        for family in rows.FAMILIES:
            r = Result(row, family, place)
            for step, seen in seen_by_step:
                s = seen.get(rows.stand(place))
                if not isinstance(s, dict):
                    r.problems.append("%s: %s" % (step.title, s or "nobody looked"))
                    continue
                compare_name(r, row, s, family, mode.private, step.title)
                compare_reach(r, row, place, s, step, mode.private)
            if not seen_by_step:
                r.problems.append("no step was taken")
            results.append(r)
    return results


def tries_of(mode):
    """What each place has to try in a step of the mode: {place: [(key, family, host)]}"""
    wanted = {}
    for row in mode.rows:
        if not isinstance(row, rows.Row):
            continue
        for place in row.places:
            tries = wanted.setdefault(rows.stand(place), {})
            for family in rows.FAMILIES:
                for host in hosts_of(row, family, mode.private):
                    # Nobody answers for names on the internet yet: the name is what clients there are told, the public address.
                    tries[key(family, host)] = (family, host)
    return {p: [(k, f, h) for k, (f, h) in t.items()] for p, t in wanted.items()}
