# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: the specification's tables with a tick for each row that holds."""
import rows
import scenarios
import verdict

SHOWN = 6  # rows listed under one problem
TICK = {verdict.HOLDS: "✓", verdict.FAILS: "✗", verdict.WAITS: "…"}


def row_of(mode, index):
    return mode.rows[index] if index < len(mode.rows) else scenarios.QUIET


def describe(mode, result):
    """One line that says which row this is."""
    row = row_of(mode, result["row"])
    if isinstance(row, rows.Row):
        text = "%s: name %s, reached %s" % ((result["place"],) + row.text())
    else:
        text = row.text
    return "%s, %s, %s%s" % (mode.cloud, mode.title, text, ", IPv%d" % result["family"] if result["family"] else "")


def failed(mode, error):
    """The results of a mode that did not run: everything that could hold fails."""
    results = []
    for i, row in enumerate(mode.rows):
        places = row.places if isinstance(row, rows.Row) else [None]
        families = [None] if isinstance(row, rows.Waiting) else getattr(row, "families", rows.FAMILIES)
        for place in places:
            for family in families:
                waits = getattr(row, "waits", None) if isinstance(row, rows.Waiting) else None
                results.append({"row": i, "place": place, "family": family, "waits": waits, "compared": [],
                                "state": verdict.WAITS if waits else verdict.FAILS, "problems": [] if waits else [error]})
    return results


def cells(results):
    """The ticks of the families: of one row and place."""
    by_family = {r["family"]: r for r in results}
    if None in by_family:
        return "…", "…"
    return tuple(TICK[by_family[f]["state"]] if f in by_family else "" for f in rows.FAMILIES)


def places_by_cells(results):
    """{(cells): [places]}, so that places which fared alike share a line as they do in the specification."""
    groups = {}
    for place in dict.fromkeys(r["place"] for r in results):
        groups.setdefault(cells([r for r in results if r["place"] == place]), []).append(place)
    return groups


def mode_lines(mode, results):
    yield "| %s | name answers | reached | IPv4 | IPv6 |" % mode.title
    yield "|---|---|---|---|---|"
    for i in range(len(mode.rows) + 1):
        mine = [r for r in results if r["row"] == i]
        if not mine:
            continue
        row = row_of(mode, i)
        for (v4, v6), places in places_by_cells(mine).items():
            if isinstance(row, rows.Row):
                yield "| %s | %s | %s | %s | %s |" % ((", ".join(places),) + row.text() + (v4, v6))
            else:
                waits = " (waits for: %s)" % row.waits if isinstance(row, rows.Waiting) else ""
                yield "| *%s*%s | | | %s | %s |" % (row.text, waits, v4, v6)
    yield from problem_lines(mode, results)


def problem_lines(mode, results):
    """What is wrong, each thing once, with the rows that it is wrong with."""
    by_problem = {}
    for r in results:
        for problem in r["problems"]:
            by_problem.setdefault(problem.strip(), []).append(describe(mode, r))
    for problem, who in by_problem.items():
        yield ""
        yield "✗ " + problem.replace("\n", "\n    ")
        for w in who[:SHOWN]:
            yield "    in: " + w
        if len(who) > SHOWN:
            yield "    and %d more" % (len(who) - SHOWN)


def counts(all_results):
    states = [r["state"] for results in all_results.values() for r in results]
    return tuple(states.count(s) for s in (verdict.HOLDS, verdict.FAILS, verdict.WAITS))


def text(all_results):
    """all_results: {mode id: [result]}"""
    lines = ["# Who can reach what: every row with real packets", "",
             "✓ holds: the answer of the name, the packets and the explanation say what the row says. ✗ fails. … waits for a part that "
             "is not there yet.", ""]
    cloud = None
    for mode in rows.MODES:
        if mode.id not in all_results:
            continue
        if mode.cloud != cloud:
            cloud = mode.cloud
            lines += ["## " + ("The same for both" if cloud == "Both" else cloud), ""]
        lines += [*mode_lines(mode, all_results[mode.id]), ""]
    lines += ["%d rows hold, %d fail, %d wait" % counts(all_results)]
    return "\n".join(lines) + "\n"
