#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Who can reach what: every row of the specification with real packets.

    run.py [MODE...] [--jobs N] [--keep] [--list] [--build FOLDER] [--lists PREFIX]

Each mode runs in mount and network namespaces of its own, two at a time. The report goes to the terminal and to truth.md in
the build folder; the last line is "N rows hold, N fail, N wait". --keep leaves a mode's landscape up to look around, until
Enter. --lists writes PREFIX.skips and PREFIX.fails, a row a line, as tools/junit-counts.py does.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import report  # noqa: E402
import rows  # noqa: E402
import verdict  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LONGEST = 200  # seconds for one mode; a mode that takes longer has hung


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("modes", nargs="*", metavar="MODE", help="these alone: %s" % " ".join(m.id for m in rows.MODES))
    p.add_argument("--jobs", type=int, default=2, help="modes at a time (2)")
    p.add_argument("--keep", action="store_true", help="leave the landscape of each mode up until Enter; implies --jobs 1")
    p.add_argument("--list", action="store_true", help="the modes and their rows, and nothing run")
    p.add_argument("--build", default=os.path.join(ROOT, "build"), help="build folder (build)")
    p.add_argument("--lists", metavar="PREFIX", help="write PREFIX.skips and PREFIX.fails")
    o = p.parse_args()
    unknown = [m for m in o.modes if m not in [k.id for k in rows.MODES]]
    if unknown:
        p.error("no mode %s; there are: %s" % (", ".join(unknown), " ".join(m.id for m in rows.MODES)))
    return o


def show_list():
    for m in rows.MODES:
        print("%s: %s, %s" % (m.id, m.cloud, m.title))
        for r in m.rows:
            waits = "   waits for: %s" % r.waits if getattr(r, "waits", None) else ""
            what = "%s: %s, %s" % ((", ".join(r.places),) + r.text()) if isinstance(r, rows.Row) else r.text
            print("    %s%s" % (what, waits))


def run_mode(mode, o, logs):
    """The results of one mode, run as a process of its own."""
    result, log = os.path.join(logs, mode.id + ".json"), os.path.join(logs, mode.id + ".log")
    argv = [sys.executable, os.path.join(HERE, "mode.py"), mode.id, result] + (["--keep"] if o.keep else [])
    env = {**os.environ, "POSTERN_BUILD": os.path.abspath(o.build), "PYTHONDONTWRITEBYTECODE": "1"}
    for v in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "POSTERN_SOCKET"):
        env.pop(v, None)
    began = time.monotonic()
    # However it ends, the process is the first of a process namespace, and all that it started ends with it.
    argv = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *argv] if os.geteuid() == 0 else argv
    with open(log, "wb") as out:
        p = subprocess.Popen(argv, env=env, stdin=None if o.keep else subprocess.DEVNULL,
                             stdout=None if o.keep else out, stderr=None if o.keep else out)
        try:
            status = p.wait(None if o.keep else LONGEST)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
            return report.failed(mode, "the mode took longer than %d s; see %s" % (LONGEST, log))
        except BaseException:
            p.kill()
            raise
    try:
        with open(result, encoding="utf-8") as f:
            answer = json.load(f)
    except (OSError, ValueError):
        return report.failed(mode, "the mode ended with %d and no result; see %s" % (status, log))
    results = report.failed(mode, answer["error"]) if answer["error"] else answer["results"]
    states = [r["state"] for r in results]
    print("%-15s %3d hold, %d fail, %d wait   %.0f s" % (
        (mode.id,) + tuple(states.count(s) for s in (verdict.HOLDS, verdict.FAILS, verdict.WAITS)) +
        (time.monotonic() - began,)), flush=True)
    return results


def write_lists(prefix, all_results):
    skips, fails = [], []
    for mode in rows.MODES:
        for r in all_results.get(mode.id, []):
            if r["state"] == verdict.WAITS:
                skips.append("%s: waits for: %s" % (report.describe(mode, r), r["waits"]))
            elif r["state"] == verdict.FAILS:
                fails.append(report.describe(mode, r))
    for name, lines in (("skips", skips), ("fails", fails)):
        with open("%s.%s" % (prefix, name), "w", encoding="utf-8") as f:
            f.writelines(line + "\n" for line in lines)


def main():
    o = options()
    if o.list:
        show_list()
        return 0
    modes = [m for m in rows.MODES if not o.modes or m.id in o.modes]
    logs = os.path.join(o.build, "truth-logs")
    os.makedirs(logs, exist_ok=True)
    for m in modes:
        for name in (m.id + ".json", m.id + ".log"):
            if os.path.exists(os.path.join(logs, name)):
                os.unlink(os.path.join(logs, name))
    with concurrent.futures.ThreadPoolExecutor(1 if o.keep else max(1, o.jobs)) as pool:
        all_results = dict(zip([m.id for m in modes], pool.map(lambda m: run_mode(m, o, logs), modes)))
    text = report.text(all_results)
    with open(os.path.join(o.build, "truth.md"), "w", encoding="utf-8") as f:
        f.write(text)
    if o.lists:
        write_lists(o.lists, all_results)
    print()
    print(text, end="")
    return 1 if report.counts(all_results)[1] else 0


if __name__ == "__main__":
    sys.exit(main())
