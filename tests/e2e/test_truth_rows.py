# SPDX-License-Identifier: GPL-3.0-or-later
"""The truth harness itself: what it makes of what it has seen. No packets; `make truth` sends those."""
import os
import subprocess
import sys

import pytest

TRUTH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "truth")
sys.path.append(TRUTH)

import landscape  # noqa: E402
import rows  # noqa: E402
import verdict  # noqa: E402


def answered(mode, word, place, step):
    """What each server says of a name that answers as this word says."""
    want = verdict.answer_of(word, mode, place, step)
    if want == rows.NX:
        return {f: {"rcode": "NXDOMAIN", "addresses": []} for f in "46"}
    return {str(f): {"rcode": "NOERROR", "addresses": list(want[f])} for f in rows.FAMILIES}


def seen_as_told(mode, step):
    """What a perfect world would show from every place of the mode."""
    seen = {}
    for place in verdict.tries_of(mode):
        s = seen[place] = {"names": {}, "told": {}, "said": {}, "tries": {}, "explained": {}}
        for row in mode.rows:
            if not isinstance(row, rows.Row) or place not in [rows.stand(p) for p in row.places]:
                continue
            for name, word in row.answers.items():
                s["names"][name] = {server: answered(mode, word, place, step) for server in ("a/udp", "b/tcp")}
                addresses = {f: a["addresses"] for f, a in answered(mode, word, place, step).items()}
                s["told"][name], s["said"][name] = addresses, addresses["4"] + addresses["6"]
            for f in rows.FAMILIES:
                for k, host, name in verdict.tries_of_row(row, f, mode.private):
                    reached = rows.expected(row, place, f, step) and (
                        bool(host) or verdict.answer_of(row.answers[name], mode, place, step) != rows.NX)
                    s["tries"][k] = {"reached": reached, "how": "reached" if reached else "reset", "bytes": 0, "address": host}
                    s["explained"][k] = {"reached": reached, "rule": "told"}
    return seen


def judged(mode, change=None):
    """The results of every row, in a perfect world that `change` has spoilt."""
    by_step = [(step, seen_as_told(mode, step)) for step in mode.steps]
    if change:
        change(by_step[0][1])
    return [r for row in mode.rows if isinstance(row, rows.Row) for r in verdict.judge_row(row, mode, by_step)]


WITH_ROWS = [m for m in rows.MODES if m.steps and any(isinstance(r, rows.Row) for r in m.rows)]


@pytest.mark.parametrize("mode", WITH_ROWS, ids=lambda m: m.id)
def test_as_told_holds(mode):
    for r in judged(mode):
        assert r.state() == verdict.HOLDS, r.problems


@pytest.mark.parametrize("mode", WITH_ROWS, ids=lambda m: m.id)
def test_every_comparison_can_fail(mode):
    """Each single thing that is seen otherwise fails the rows of that place and family, and no others."""
    for place, tries in verdict.tries_of(mode).items():
        for k, family, *_ in tries:
            def flip(seen, what):
                entry = seen[place][what][k]
                entry["reached"] = not entry["reached"]
            for what in ("tries", "explained"):
                bad = [r for r in judged(mode, lambda seen: flip(seen, what)) if r.state() == verdict.FAILS]
                assert bad, (place, k, what)
                assert {(rows.stand(r.place), r.family) for r in bad} == {(place, family)}


def bad_of(mode, change):
    return [r for r in judged(mode, change) if r.state() == verdict.FAILS]


def test_a_wrong_name_fails():
    def lie(seen):
        seen["P"]["names"][rows.PUBLIC_NAME]["b/tcp"]["6"]["addresses"] = ["2001:db8::bad"]
    assert {(r.place, r.family) for r in bad_of(rows.mode("eks-public"), lie)} == {("P", 6), ("NODE/P", 6)}


@pytest.mark.parametrize("rcode, addresses", [("NOERROR", []), ("NOERROR", ["10.1.4.10"]), ("SERVFAIL", []), ("silence", [])])
def test_a_name_that_is_there_fails(rcode, addresses):
    """Where a row says NX, nothing else will do: not even that there are no addresses."""
    def lie(seen):
        seen["PU"]["names"][rows.PRIVATE_NAME]["a/udp"]["4"] = {"rcode": rcode, "addresses": addresses}
    assert {(r.place, r.family) for r in bad_of(rows.mode("aks-zone"), lie)} == {("PU", 4)}


def test_other_sayings_of_a_name_fail():
    def lie(what, value):
        def change(seen):
            seen["N"][what][rows.PRIVATE_NAME] = value
        return {rows.stand(r.place) for r in bad_of(rows.mode("aks-zone"), change)}
    assert lie("told", {"4": ["10.1.4.10"], "6": []}) == lie("said", ["10.1.4.10"]) == {"N"}


def test_a_refusal_that_speaks_fails():
    def leak(seen):
        seen["I-"]["tries"]["4/public name"]["bytes"] = 7
    bad = [r for r in judged(rows.mode("eks-public"), leak) if r.state() == verdict.FAILS]
    assert [(r.place, r.family) for r in bad] == [("I-", 4)]


def test_silence_is_no_refusal_by_ranges():
    def lose(seen):
        seen["N"]["tries"]["4/public name"]["how"] = "silence"
    mode = rows.mode("aks-ranges")
    assert not rows.expected(mode.rows[3], "N", 4, mode.steps[0])
    bad = [r for r in judged(mode, lose) if r.state() == verdict.FAILS]
    assert [(r.place, r.family) for r in bad] == [("N", 4)]


def test_a_place_that_nobody_saw_fails():
    def lost(seen):
        seen["PL"] = "postern exec ended with 1"
    bad = [r for r in judged(rows.mode("eks-private"), lost) if r.state() == verdict.FAILS]
    assert {r.place for r in bad} == {"PL"} and len(bad) == 2


def test_ranges_are_seen_from_both_sides():
    """A row that says "range" is tried inside and outside of the ranges: else it proves nothing."""
    for mode in WITH_ROWS:
        for row in mode.rows:
            if isinstance(row, rows.Row) and row.reached.rule == "range":
                for place in row.places:
                    if rows.SOURCES[rows.stand(place)]:
                        outcomes = {rows.expected(row, place, 4, s) for s in mode.steps}
                        assert outcomes == {True, False}, (mode.id, place)


def test_every_place_of_the_specification_is_there():
    hosts = {d["name"] for d in landscape.everything() if d["kind"] == "host"}
    assert {landscape.host_name(p) for p in rows.HOSTS} == hosts
    assert set(landscape.STANDS) == set(rows.HOSTS)
    stood = {rows.stand(p) for m in rows.MODES for r in m.rows if isinstance(r, rows.Row) for p in r.places}
    assert stood == set(rows.PLACES)


def test_every_scenario_is_there():
    with open(os.path.join(TRUTH, "scenarios.py"), encoding="utf-8") as f:
        text = f.read()
    for mode in rows.MODES:
        for row in mode.rows:
            assert not isinstance(row, rows.Scenario) or "\ndef %s(w, " % row.run in text, row.run


def test_the_front_door():
    run = os.path.join(TRUTH, "run.py")
    p = subprocess.run([sys.executable, run, "--list"], capture_output=True, text=True, check=True)
    for mode in rows.MODES:
        assert "\n%s: " % mode.id in "\n" + p.stdout
    assert "waits for: the EKS API" in p.stdout
    p = subprocess.run([sys.executable, run, "eks"], capture_output=True, text=True, check=False)
    assert p.returncode == 2 and "eks-public" in p.stderr
