#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Postern beside HAProxy and nginx, and beside name servers, in one run on one machine: `make bench`, or `bench/run.py --help`.

Prints a table and writes one JSON object a line: name, ours, peer, peer_name, ratio (ours/peer), unit and more.
Ratios are what counts; absolute figures are those of this machine on loopback.
"""

import argparse
import os
import pathlib
import platform
import resource
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True  # run as root, it would leave files in the tree that others cannot remove

import changes
import lab
import metrics
import names
import names_peers
import netd
import ours
import peers
import report

ONE_WORKER = ("idle_bytes", "connection_syscalls", "bulk_cpu", "upload_cpu", "request_cpu", "connection_cpu")
TWO_WORKERS = ("connection_cpu_2", "request_cpu_2")
LARGE = ("change_enforced_ms", "revoke_open_ms", "load_policy_ms")
NETWORKS = ("networks_plan_s", "network_rule_ms", "netd_memory_mib", "network_rule_enforced_ms", "networks_made_cpu_s")
METRICS = ONE_WORKER + TWO_WORKERS + LARGE + NETWORKS + names.METRICS
PEERS = (peers.HAProxy, peers.HAProxySplice, peers.Nginx)
SPARE_DESCRIPTORS = 400


class Bench:
    """What all metrics share: where, how long, how often."""

    def __init__(self, args, folder):
        self.args, self.folder, self.quick = args, folder, args.quick
        self.rounds = 1 if args.quick else args.rounds
        self.window_ms = 300 if args.quick else 1200
        self.patience = 0 if args.quick else 1.0
        self.changes = 3 if args.quick else 15
        self.clusters = 20 if args.quick else 100
        self.clusters_large = 200 if args.quick else 10000
        self.congestion = set()
        self.report = report.Report(args.output)
        self.load = lab.Load(args.build)
        self.peers = [p for p in PEERS if not p.missing()] if args.with_peers else []

    def held(self, wanted):
        """So many open connections as descriptors allow: a proxy needs two for each."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return min(500 if self.quick else wanted, (limit - SPARE_DESCRIPTORS) // 2)

    def contestants(self, clusters, workers, pinned=True, splice=True):
        found = [ours.Postern(self.folder, self.args.build, clusters, workers, pinned)]
        for peer in self.peers:
            if splice or peer is not peers.HAProxySplice:
                found.append(peer(self.folder, clusters, workers, pinned))
        return found

    def steady(self, names, workers):
        """Metrics of a proxy whose policy does not change, all contestants running side by side."""
        contestants = self.contestants(self.clusters, workers, splice=workers == 1)
        try:
            running = [c for c in contestants if self.start(c)]
            for name in names:
                print(f"==> {name}", flush=True)
                if name in metrics.CPU:
                    metrics.cpu(name, self, running)
                else:
                    getattr(metrics, name)(self, running)
        finally:
            self.clean(contestants)

    def start(self, contestant):
        contestant.start()
        probe = self.load.client("served", contestant.address, name="c0.k8s.test", milliseconds=20000)
        if probe.finish().get("found"):
            return True
        if contestant.name == "postern":
            raise lab.LabError("posternd does not serve")
        print(f"    {contestant.name} does not serve and is left out; see {contestant.folder}/log")
        return False

    def clean(self, contestants):
        for c in contestants:
            c.stop()
            shutil.rmtree(c.folder, ignore_errors=True)

    def large(self, names):
        print(f"==> {' '.join(names)} ({self.clusters_large} clusters)", flush=True)
        ours_, *others = self.contestants(self.clusters_large, 1, pinned=False, splice=False)
        try:
            changes.Policy(self, ours_, others, set(names)).measure()
        finally:
            self.clean([ours_] + others)

    def soak(self, total):
        """Short connections through two gates: none may be lost."""
        proxy = ours.Postern(self.folder, self.args.build, self.clusters, workers=2)
        try:
            self.start(proxy)
            result = self.load.measure("short", proxy.address, name="k8s.test", names=self.clusters,
                                       connections=64, total=total, milliseconds=max(60000, total * 2))
        finally:
            proxy.stop()
        if result is None:
            return 1
        lost = total - result["units"]
        self.report.add("soak_lost", "connections", lost, None, None, [], bar=0, bar_of="ours",
                        remark=f"of {total}, two gates, {result['errors']} errors, {result['lost']} without progress, "
                        f"{result['units'] / result['seconds']:.0f} a second")
        return 1 if lost else 0


def arguments():
    p = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.split("\n")[0])
    p.add_argument("what", nargs="?", choices=("all", "soak"), default="all")
    p.add_argument("--build", default="build", help="build directory (default: build)")
    p.add_argument("--output", help="JSON lines (default: BUILD/bench.jsonl)")
    p.add_argument("--only", action="append", choices=METRICS, metavar="NAME",
                   help="this metric only; repeatable: " + " ".join(METRICS))
    p.add_argument("--rounds", type=int, default=7, help="rounds of the CPU metrics (default: 7)")
    p.add_argument("--quick", action="store_true", help="one short round and a small policy: does it run at all?")
    p.add_argument("--no-peers", action="store_true", help="ours only")
    p.add_argument("--total", "--soak", type=int, default=1000000, metavar="N",
                   help="connections of the soak (default: 1000000)")
    args = p.parse_args()
    args.with_peers = args.what != "soak" and not args.no_peers
    args.output = args.output or os.path.join(args.build, "bench.jsonl")
    return args


def head(bench):
    one, last, both = lab.cpus()
    print(f"{os.cpu_count()} CPUs, Linux {platform.release()}, foreign load {lab.foreign_load(1.0):.2f} CPU; "
          f"client and server on CPU {one}, proxy on {last}, two workers on {both[0]},{both[-1]}")
    for text in peers.versions() + names_peers.versions() if bench.peers else []:
        print(text)
    for peer in PEERS if bench.args.with_peers else ():
        if peer.missing():
            print(f"{peer.name} is left out: {peer.missing()} is not installed (tools/deps.sh bench)")
    sys.stdout.flush()


def measure(bench):
    chosen = bench.args.only or METRICS
    for group, action in (
        (ONE_WORKER, lambda names: bench.steady(names, 1)),
        (TWO_WORKERS, lambda names: bench.steady(names, 2)),
        (LARGE, bench.large),
        (NETWORKS, lambda chosen: netd.measure(bench, chosen)),
        (names.METRICS, lambda chosen: names.measure(bench, chosen)),
    ):
        wanted = [n for n in group if n in chosen]
        if "connection_syscalls" in wanted and not shutil.which("strace"):
            print("connection_syscalls is left out: strace is not installed (tools/deps.sh bench)")
            wanted.remove("connection_syscalls")
        if wanted:
            action(wanted)
    return 0


def main():
    args = arguments()
    try:
        lab.enter([sys.executable, os.path.abspath(__file__)] + sys.argv[1:])
        lab.set_up_network()
        with tempfile.TemporaryDirectory(prefix="postern-bench-") as folder:
            os.chmod(folder, 0o755)
            bench = Bench(args, pathlib.Path(folder))
            head(bench)
            status = bench.soak(args.total) if args.what == "soak" else measure(bench)
    except lab.LabError as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    print()
    print(bench.report.table())
    if bench.congestion - {"cubic"}:
        print(f"congestion control was {', '.join(bench.congestion)}, not cubic: bulk figures show its pacing")
    print(f"\nratio is ours/peer: below 1 is less than the peer. {args.output} has the same as JSON lines.")
    return status


if __name__ == "__main__":
    sys.exit(main())
