#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
One mode of the specification, in an internet of its own: mode.py ID RESULT.json [--keep]. Started by run.py.
"""
import concurrent.futures
import json
import os
import re
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True

import world  # noqa: E402

if __name__ == "__main__":
    world.enter()  # before any thread

import landscape  # noqa: E402
import rows  # noqa: E402
import scenarios  # noqa: E402
import verdict  # noqa: E402

AT_ONCE = 4  # places that look
OBJECTS = {"own-endpoint": landscape.own_endpoint, "own-zone": landscape.own_zone}


def note(text):
    print("%s: %s" % (sys.argv[1], text), file=sys.stderr, flush=True)


def put_over(path, text):
    """A file of our own in its place, for all that we start."""
    own = os.path.join(tempfile.mkdtemp(dir="/run"), "file")
    with open(own, "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(os.path.dirname(own), 0o755)
    if os.path.exists(path):
        world.net.run("mount", "--bind", own, path)


def own_names():
    """Clients on the internet ask the daemon's own address for it; hosts have the files that `postern exec` makes them."""
    put_over("/etc/hosts", "127.0.0.1 localhost\n")
    put_over("/etc/resolv.conf", "nameserver %s\noptions timeout:1 attempts:1\n" % rows.PUBLIC[4][0])


def documents(mode, step):
    """(first, last): the cluster refers to the first, the last to the cluster."""
    objects = [OBJECTS[o]() for o in mode.objects]
    first = [landscape.endpoint_group(step.groups)] + [o for o in objects if o["kind"] == "zone"]
    if mode.network_dns is not None:
        first.append(landscape.router("main", mode.network_dns))
    forwarding = [landscape.forwarding(p, mode.private_name) for p in step.forwarded]
    links = [landscape.link(p, mode.dns) for p in step.linked]
    return first + forwarding + [landscape.cluster(mode.private, step, dns=mode.dns)] + links + [
        o for o in objects if o["kind"] != "zone"]


def look(w, place, tries, mode, step):
    """A Seen (verdict.py)."""
    seen = w.probe(place, tries, verdict.names_of(mode))
    seen["explained"] = {k: explained(w, place, f, h, n, seen) for k, f, h, n in tries}
    if place not in rows.INTERNET:
        seen["told"] = w.told(place, verdict.names_of(mode))
        if place in step.forwarded:  # what another server knows nobody tells but that server
            del seen["told"][rows.PRIVATE_NAME]
        seen["said"] = said(w, place, mode)
    return seen


def explained(w, place, family, host, name, seen):
    """What explain says of a try; None where it has no way to be asked."""
    if place in rows.INTERNET:
        return w.explain(place, family) if host is None else None
    if host is None:
        # By name and one family: the addresses of that family, as the name answered them; reached if one of them is.
        answers = [w.explain(place, family, address=a) for a in world.first(seen["names"][name])[str(family)]["addresses"]]
        if not answers:
            return {"reached": False, "rule": "the name has no address of this family"}
        return next((a for a in answers if a["reached"]), answers[0])
    return w.explain(place, family, address=host)


SAID = re.compile(r"(\S+) answers (.*) here")


def said(w, place, mode):
    """What the explanation says that the name answers: {kind: [addresses]}, of the one that it speaks of."""
    steps = w.explain(place, 4)["steps"]
    m = SAID.match(steps[0]["text"]) if steps else None
    kinds = {name: kind for kind, name in verdict.names_of(mode).items()}
    world.check(m and m.group(1) in kinds, "explain does not say what the name answers: %s", steps)
    return {kinds[m.group(1)]: [] if m.group(2) == "nothing" else m.group(2).split(", ")}


def set_step(w, mode, step):
    """What the step before has linked or forwarded, and this one has not, is undone."""
    gone = [landscape.link(p, mode.dns) for s in mode.steps for p in s.linked if p not in step.linked]
    w.apply(*documents(mode, step), *(landscape.router(landscape.STANDS[p][0]) for s in mode.steps for p in s.forwarded
                                      if p not in step.forwarded))
    for document in {d["name"]: d for d in gone}.values():
        w.cli("delete", document["kind"], document["name"], check_=False)


def take_step(w, mode, step, wanted):
    """Set the step and look from every place: ({place: Seen}, what is wrong on the whole)."""
    set_step(w, mode, step)
    seen, accepted = {}, w.accepted()

    def one(place):
        try:
            return look(w, place, wanted[place], mode, step)
        except (AssertionError, OSError, ValueError, KeyError) as e:
            return repr(e)
    for place in wanted:
        w.place(place)  # made by this thread
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        seen.update(zip(wanted, pool.map(one, wanted)))
    came = w.accepted() - accepted
    let_in = sum(t["reached"] for s in seen.values() if isinstance(s, dict) for t in s["tries"].values())
    wrong = [] if came == let_in else ["%s: %d got in, but the API server saw %d" % (step.title, let_in, came)]
    return seen, wrong


def quiet_results(seen_by_step, wrong):
    """The row about who is not let in, over all that this mode has tried."""
    results = []
    for family in rows.FAMILIES:
        r = verdict.Result(scenarios.QUIET, family)
        r.compared.append("reach")
        r.problems += wrong
        for step, seen in seen_by_step:
            for place, s in seen.items():
                tries = s["tries"].items() if isinstance(s, dict) else ()
                r.problems += ["%s: %s heard %d bytes" % (step.title, place, t["bytes"]) for k, t in tries
                               if k.startswith("%d/" % family) and not t["reached"] and t["bytes"]]
        results.append(r)
    return results


def run_scenario(w, mode, row):
    results = []
    for family in row.families:
        r = verdict.Result(row, family)
        began = time.monotonic()
        try:
            getattr(scenarios, row.run)(w, family)
            r.compared.append("reach")
        except Exception as e:  # noqa: BLE001  whatever goes wrong is the row's
            r.problems.append(str(e) or repr(e))
            if not isinstance(e, AssertionError):
                r.problems.append(traceback.format_exc())
        note("%s, IPv%d: %s (%.1f s)" % (row.run, family, r.state(), time.monotonic() - began))
        results.append(r)
    return results


def run(mode, directory):
    """[(index of the row, Result)]; the quiet row has the index len(mode.rows)."""
    w = scenarios.make_world(mode, directory)
    results = []
    try:
        began = time.monotonic()
        w.dns = mode.dns
        w.start()
        if mode.private or mode.steps or mode.id == "aks-deleted":
            w.apply(*landscape.everything())
        note("landscape up after %.1f s" % (time.monotonic() - began))
        wanted = verdict.tries_of(mode)
        seen_by_step, wrong = [], []
        if any(s.forwarded for s in mode.steps):
            w.serve_names()
        for step in mode.steps:
            began = time.monotonic()
            seen, bad = take_step(w, mode, step, wanted)
            seen_by_step.append((step, seen))
            wrong += bad
            silent = ["%s %s" % (p, k) for p, s in seen.items() if isinstance(s, dict) for k, t in s["tries"].items()
                      if t["how"] == "silence"]
            note("%s: %d places seen (%.1f s)%s" % (step.title, len(seen), time.monotonic() - began,
                                                    ", silence at " + ", ".join(silent) if silent else ""))
        for i, row in enumerate(mode.rows):
            if isinstance(row, rows.Row):
                results += [(i, r) for r in verdict.judge_row(row, mode, seen_by_step)]
            elif isinstance(row, rows.Waiting):
                results += [(i, verdict.Result(row, None))]
            else:
                results += [(i, r) for r in run_scenario(w, mode, row)]
        if wanted:
            results += [(len(mode.rows), r) for r in quiet_results(seen_by_step, wrong)]
    finally:
        if "--keep" in sys.argv:
            keep(w)
        log = w.d.read_log()
        w.close()
        with open(sys.argv[2] + ".log", "w", encoding="utf-8") as f:
            f.write(log)
    return results


def keep(w):
    note("kept: nsenter -t %d -m -n, then POSTERN_SOCKET=%s; ends with a line or Ctrl-C here" % (os.getpid(), w.d.socket))
    try:
        sys.stdin.readline()
    except KeyboardInterrupt:
        pass


def main():
    mode = rows.mode(sys.argv[1])
    answer = {"mode": mode.id, "results": [], "error": None}
    own_names()
    try:
        # Rows that wait alone need no landscape.
        if all(isinstance(r, rows.Waiting) for r in mode.rows):
            results = [(i, verdict.Result(r, None)) for i, r in enumerate(mode.rows)]
        else:
            with world.temporary("--keep" in sys.argv) as directory:
                results = run(mode, directory)
        answer["results"] = [r.as_dict(i) for i, r in results]
    except Exception as e:  # noqa: BLE001  told to run.py, which fails every row of the mode
        traceback.print_exc()
        answer["error"] = "the mode did not run: " + str(e)
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        json.dump(answer, f)
    os._exit(0)  # upstream's threads wait in accept


if __name__ == "__main__":
    main()
