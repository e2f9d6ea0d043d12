# SPDX-License-Identifier: GPL-3.0-or-later
"""
What was seen, against what the rows say. Pure: no packet is sent here, so that the harness itself can be tested.

A Seen is one place in one step: {"names": as probe.py says, "told": {kind of the name: {"4": [..], "6": [..]}}, what `postern names`
says, or None where it cannot, "said": {kind: [..]}, what `postern explain` says that a name answers, "tries": {key: try of probe.py}, "explained": {key: object of postern explain, or None where it cannot
say}}; keys as key() makes them.
"""
import landscape
import rows

HOLDS, FAILS, WAITS = "holds", "fails", "waits"


class Result:
    """One row, one place (or none), one family."""

    def __init__(self, what, family, place=None):
        self.what, self.family, self.place = what, family, place
        self.problems = []
        self.waits = what.waits if isinstance(what, rows.Waiting) else None
        self.compared = []  # words: name, reach, explain

    def state(self):
        if self.problems:
            return FAILS
        return WAITS if self.waits else HOLDS

    def as_dict(self, index):
        return {"row": index, "place": self.place, "family": self.family, "state": self.state(), "waits": self.waits,
                "problems": self.problems, "compared": sorted(set(self.compared))}


def key(family, what):
    """what: an address, or the kind of a name."""
    return "%d/%s" % (family, what)


def tries_of_row(row, family, kind):
    """What a row tries: [(key, address or None, kind of the name or None)]"""
    if row.by == "name":
        return [(key(family, name), None, name) for name in row.answers]
    return [(key(family, a), a, None) for a in landscape.private_addresses(kind)[family]]


def answer_of(word, mode, place, step):
    """The addresses that a name answers there, by family; rows.NX."""
    if word == rows.SEEN:
        word = "private" if step.sees(place) else rows.NX
    if word == rows.NX:
        return rows.NX
    return {"public": rows.PUBLIC, "private": landscape.private_addresses(mode.private) if mode.private else None,
            "own endpoint": landscape.OWN}[word]


def name_problem(want, got, family):
    """What is wrong with what one server answers of a name, for one family; None."""
    addresses = sorted(want[family]) if want != rows.NX else []
    rcode = "NXDOMAIN" if want == rows.NX else "NOERROR"
    if got["rcode"] not in (rcode, None):
        return "%s %s, not %s" % (got["rcode"], got["addresses"], addresses or rcode)
    if sorted(got["addresses"]) != addresses:
        return "%s, not %s" % (got["addresses"] or "nothing", addresses or rcode)
    return None


def compare_names(result, row, place, seen, mode, step):
    family = result.family
    for name, word in row.answers.items():
        want = answer_of(word, mode, place, step)
        if not seen["names"].get(name):
            result.problems.append("%s: the %s was not asked for" % (step.title, name))
            continue
        result.compared.append("name")
        for server, got in seen["names"][name].items():
            problem = name_problem(want, got[str(family)], family)
            if problem:
                result.problems.append("%s: the %s answers at %s: %s" % (step.title, name, server, problem))
        told = (seen.get("told") or {}).get(name)
        if told is not None and sorted(told[str(family)]) != ([] if want == rows.NX else sorted(want[family])):
            result.problems.append("%s: postern names says of the %s: %s" % (step.title, name, told[str(family)] or "nothing"))
        said = (seen.get("said") or {}).get(name)
        if said is not None and sorted(said) != ([] if want == rows.NX else sorted(want[4] + want[6])):
            result.problems.append("%s: explain says that the %s answers %s" % (step.title, name, said or "nothing"))


def compare_reach(result, row, place, seen, step, mode):
    whole = rows.expected(row, place, result.family, step)
    for k, host, name in tries_of_row(row, result.family, mode.private):
        t = seen["tries"].get(k)
        if t is None:
            result.problems.append("%s: %s was not tried" % (step.title, host or name))
            continue
        is_there = host or answer_of(row.answers[name], mode, place, step) != rows.NX
        want = whole and bool(is_there)
        result.compared.append("reach")
        if t["reached"] != want:
            result.problems.append("%s: by %s: %s, which should %s" % (
                step.title, host or "%s (%s)" % (name, t["address"]), t["how"], "reach" if want else "not reach"))
        elif not want and t["bytes"]:
            result.problems.append("%s: refused, but after %d bytes" % (step.title, t["bytes"]))
        elif not want and is_there and by_gate(row, place, step) and t["how"] != "reset":
            result.problems.append("%s: refused by the gate, yet seen as: %s" % (step.title, t["how"]))
        compare_explained(result, seen, k, want, step)


def by_gate(row, place, step):
    """It is the gate that says no: a reset, not silence and not a missing route."""
    place = rows.stand(place)
    if row.reached.rule == "range" and step.ranges != "off":
        return rows.SOURCES[place] is not None
    return row.reached.rule == "groups" and step.endpoint


def compare_explained(result, seen, k, want, step):
    said = seen["explained"].get(k)
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
                compare_names(r, row, place, s, mode, step)
                compare_reach(r, row, place, s, step, mode)
            if not seen_by_step:
                r.problems.append("no step was taken")
            results.append(r)
    return results


def tries_of(mode):
    """What each place has to try in a step of the mode: {place: [(key, family, address or None, kind of the name or None)]}"""
    wanted = {}
    for row in mode.rows:
        if not isinstance(row, rows.Row):
            continue
        for place in row.places:
            tries = wanted.setdefault(rows.stand(place), {})
            for family in rows.FAMILIES:
                for k, host, name in tries_of_row(row, family, mode.private):
                    tries[k] = (family, host, name)
    return {p: [(k, *t) for k, t in tries.items()] for p, tries in wanted.items()}


def names_of(mode):
    """The names that are asked for in a mode: {kind: name}"""
    private = {rows.PRIVATE_NAME: mode.private_name} if mode.private_name else {}
    return {rows.PUBLIC_NAME: landscape.FQDN, **private}
