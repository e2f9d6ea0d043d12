# SPDX-License-Identifier: GPL-3.0-or-later
"""What the name server costs beside Knot DNS, NSD, BIND and Unbound with the same zones and queries (names_data.py), and a bare echo.

CPU is that of all processes of a contestant, per answer; on loopback it includes the delivery to the client's socket, which is charged to
whoever sends. Rounds are interleaved, ratios are within a round.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import lab
import names_data
import names_ours
import names_peers
import netd

METRICS = ("names_cpu", "names_tcp_cpu", "names_cpu_200", "names_cpu_200_busy", "names_cpu_200_one", "names_cpu_200_netns", "names_forward_cpu", "names_change_ms",
           "names_load_s", "names_start_s", "names_restart_s", "names_memory_mb", "names_change_large_ms")
SMALL = ("names_cpu", "names_tcp_cpu", "names_change_ms")
LARGE = ("names_load_s", "names_start_s", "names_restart_s", "names_memory_mb", "names_change_large_ms")

KNOT_BAR, ECHO_BAR = 0.80, 1.5
MEMORY_BAR_MB, START_BAR_S, CHANGE_BAR_MS = 300, 3, 5
WINDOW, FORWARD_WINDOW, BUSY = 200, 128, 10
FIRST_PATIENCE_MS = 120000  # until a peer answers: some need half a minute for 10^5 zones
UNLIKELY = "192.0.2."  # addresses that c1 is changed to


class Blast:
    """dns_blast on the load's CPU."""

    def __init__(self, bench):
        self.program = pathlib.Path(bench.args.build) / "bench/dns_blast"
        if not self.program.exists():
            raise lab.LabError(f"no {self.program}: build first (make)")

    def command(self, way, targets, watched, options):
        command = [str(self.program), way, "--cpu", str(lab.cpus()[0])]
        for pid in watched:
            command += ["--watch", str(pid)]
        for key, value in options.items():
            command += [f"--{key.replace('_', '-')}"] + ([] if value is True else [str(value)])
        return command + list(targets)

    def load(self, contestant, queries, **options):
        """Figures of one window; None with the reason on standard output."""
        command = self.command("load", contestant.targets, contestant.pids(),
                               {"queries": queries, "sockets": contestant.sockets, **options})
        done = subprocess.run(command, text=True, capture_output=True)
        if done.returncode:
            print(f"    {contestant.name}: {done.stderr.strip()}", flush=True)
            return None
        return json.loads(done.stdout)

    def until(self, target, name, address, patience_ms, pause_us=50):
        return lab.Client(self.command("until", [target], [], {"name": name, "address": address, "milliseconds": patience_ms,
                                                               "pause": pause_us}))

    def first_answer(self, contestant, zone, patience_ms=FIRST_PATIENCE_MS):
        """When the last zone was answered for, in monotonic ns, or None."""
        target = contestant.targets[zone % len(contestant.targets)]
        client = self.until(target, f"c1.{names_data.domain(zone)}", names_data.address(zone, 1), patience_ms, 2000)
        result = client.line()
        if result.get("served"):  # another answer came first
            result = client.line()
        client.finish()
        return result.get("ended_ns") if result.get("found") else None


class Names:
    def __init__(self, bench):
        self.bench, self.blast = bench, Blast(bench)
        self.zones = 200 if bench.quick else 10000
        self.zones_large = 1000 if bench.quick else 100000
        self.views = names_peers.VIEWS
        self.peers = [p for p in names_peers.ALL if not p.missing()] if bench.args.with_peers else []
        for p in names_peers.ALL if bench.args.with_peers else ():
            if p.missing():
                print(f"{p.name} is left out: {p.missing()} is not installed (tools/deps.sh bench)")
        names_peers.set_up_addresses()

    def zone_files(self, zones):
        folder = self.bench.folder / f"zones-{zones}"
        if not folder.exists():
            names_data.write_zone_files(folder, zones)
        return folder

    def queries(self, zones, targets, step=1):
        path = self.bench.folder / f"queries-{zones}-{targets}-{step}"
        if not path.exists():
            names_data.write_queries(path, zones, targets, step)
        return path

    def start(self, contestants, zone):
        """Those that answer for that zone; ours must."""
        running = []
        for c in contestants:
            c.configure()
            c.launch()
        for c in contestants:
            if isinstance(c, names_peers.Echo) or self.blast.first_answer(c, zone):
                running.append(c)
            elif c.name.startswith("postern"):
                raise lab.LabError(f"{c.name} does not answer")
            else:
                print(f"    {c.name} does not answer and is left out: {(c.folder / 'log').read_text()[-300:]}", flush=True)
        return running

    def stop(self, contestants):
        for c in contestants:
            c.stop()
            shutil.rmtree(c.folder, ignore_errors=True)

    def rounds(self, contestants, measure):
        """({contestant: figures of each whole round}, remark). measure(contestant, round): (figure, result of the load), or None."""
        samples, foreign, trouble = {c.name: [] for c in contestants}, [], set()
        for n in range(self.bench.rounds):
            figures = {}
            for c in contestants:
                lab.wait_for_quiet(self.bench.patience)
                found = measure(c, n)
                if found:
                    figures[c.name] = found[0]
                    foreign.append(found[1].get("foreign", 0))
                    trouble |= self.trouble(c, found[1])
            if len(figures) == len(contestants):
                for key, figure in figures.items():
                    samples[key].append(figure)
        if foreign and max(foreign) > 0.3:
            trouble.add(f"foreign load up to {max(foreign):.1f} CPU")
        return samples, "; ".join(sorted(trouble))

    @staticmethod
    def trouble(contestant, result):
        bad = result.get("servfail", 0) + result.get("refused", 0)
        found = {f"{contestant.name}: {bad} SERVFAIL or REFUSED"} if bad else set()
        if result.get("lost", 0) > result.get("answers", 0) / 1000:
            found.add(f"{contestant.name}: {result['lost']} lost")
        return found

    def cpu(self, name, contestants, zones, bars, remark="", each=1):
        """us of CPU per answer, closed loop. each: queries that are out on a socket of a server that has many of them."""
        rates = {}

        def measure(c, _):
            queries = self.queries(zones, len(c.targets), getattr(c, "step", 1))
            result = self.blast.load(c, queries, window=max(WINDOW, each * len(c.targets)), milliseconds=self.bench.window_ms)
            if not result or not result["answers"]:
                return None
            rates.setdefault(c.name, []).append(result["qps"])
            return result["cpu_ns"] / result["answers"] / 1000, result

        samples, trouble = self.rounds(contestants, measure)
        print("    best rates, as an indication: " + ", ".join(f"{k} {max(v) / 1000:.0f} k/s" for k, v in rates.items()), flush=True)
        self.bench.report.compare(name, "us/query", samples, bars, "; ".join(filter(None, [remark, trouble])))

    def tcp(self, name, contestants):
        """us of CPU per answer by TCP: 4 connections, 50 queries out on each, by dnsperf."""
        if not shutil.which("dnsperf"):
            print(f"{name} is left out: dnsperf is not installed (tools/deps.sh bench)")
            return
        queries = self.bench.folder / "queries-dnsperf"
        names_data.write_dnsperf(queries, self.zones)

        def measure(c, _):
            address, port = c.targets[0].split(":")
            cpu = lab.cpu_seconds(c.pids())
            done = subprocess.run(
                ["taskset", "-c", str(lab.cpus()[0]), "dnsperf", "-m", "tcp", "-s", address, "-p", port, "-d", str(queries), "-e",
                 "-c", "4", "-q", str(WINDOW), "-l", str(max(1, self.bench.window_ms // 1000))], text=True, capture_output=True)
            cpu = lab.cpu_seconds(c.pids()) - cpu
            completed = re.search(r"Queries completed:\s+(\d+)", done.stdout)
            if not completed or not int(completed.group(1)):
                print(f"    {c.name}: {done.stderr[-200:]}", flush=True)
                return None
            return cpu * 1e6 / int(completed.group(1)), {}

        samples, trouble = self.rounds(contestants, measure)
        self.bench.report.compare(name, "us/query", samples, {}, "; ".join(filter(None, ["TCP, 4 connections", trouble])))

    def small(self, names):
        """One process, 10^4 zones."""
        files = self.zone_files(self.zones)
        daemon = names_ours.Daemon(self.bench.folder, self.bench.args.build, self.zones)
        peers = [p(self.bench.folder, self.zones, files) for p in self.peers]
        echo = names_peers.Echo(self.bench.folder, self.bench.args.build)
        try:
            daemon.start()
            running = self.start(peers + [echo], self.zones - 1)
            if not self.blast.first_answer(daemon, self.zones - 1, 20000):
                raise lab.LabError("posternd does not answer")
            running = [daemon] + running
            what = f"{self.zones} zones of 10 records"
            if "names_cpu" in names:
                self.cpu("names_cpu", running, self.zones, {"knot": KNOT_BAR, "echo": ECHO_BAR}, what)
            if "names_tcp_cpu" in names:
                self.tcp("names_tcp_cpu", [c for c in running if c is not echo])
            if "names_change_ms" in names:
                unpin(running)
                self.changes("names_change_ms", [c for c in running if c is not echo], what)
        finally:
            self.stop([daemon, echo] + peers)

    def two_hundred(self, names):
        """The same zones spread over 200 networks, and as many sockets."""
        bench, files = self.bench, self.zone_files(self.zones)
        role = names_ours.Role(bench.folder, bench.args.build, self.zones, self.views, 8221)
        peers = [p(bench.folder, self.zones, files) for p in (names_peers.Knot200, names_peers.Unbound200, names_peers.Bind200)
                 if bench.args.with_peers and not p.missing()]
        echo = names_peers.EchoMany(bench.folder, bench.args.build)
        what = f"{self.views} networks, a socket each, with {self.zones // self.views} zones each"
        try:
            running = self.start([role, echo] + peers, self.zones - 1)
            if "names_cpu_200" in names:
                self.cpu("names_cpu_200", running, self.zones, {"knot": KNOT_BAR},
                         f"{what}, all asked, one query out on each; knot: one socket, from {self.views} of clients")
            if "names_cpu_200_busy" in names:
                self.cpu("names_cpu_200_busy", running, self.zones, {"knot": KNOT_BAR},
                         f"{what}, all asked, {BUSY} queries out on each; knot: one socket, {WINDOW} queries out", BUSY)
            if "names_cpu_200_one" in names:
                self.cpu("names_cpu_200_one", [One(c) for c in running], self.zones, {"knot": KNOT_BAR, "echo-sockets": ECHO_BAR},
                         f"{what}, one of which is asked; knot: one socket and all zones")
        finally:
            self.stop([role, echo] + peers)

    def namespaces(self):
        """Real networks: what the kernel forwards is in nobody's CPU time; ours has one host's namespace to cross, the peer none."""
        netd.own_run()
        bench, files = self.bench, self.zone_files(self.zones)
        networks = 10 if bench.quick else self.views
        daemon = names_ours.Networks(bench.folder, bench.args.build, self.zones, networks)
        peers = [names_peers.Knot200(bench.folder, self.zones, files)] if names_peers.Knot in self.peers else []
        try:
            daemon.launch()
            daemon.wait_ready()
            wall, _ = daemon.load_policy()
            running = self.start(peers, self.zones - 1)
            if not self.blast.first_answer(daemon, self.zones - 1, 20000):
                raise lab.LabError(f"{daemon.targets[(self.zones - 1) % networks]} does not answer")
            daemon.name = "postern"
            for each in (1, BUSY):
                self.cpu("names_cpu_200_netns", [daemon] + running, self.zones, {},
                         f"{networks} networks made by netd in {wall:.1f} s with their zones, clients on hosts, {each} out on each; "
                         "knot on loopback", each)
        finally:
            self.stop([daemon] + peers)

    def forward(self):
        """Names that nobody has in a cache, asked of one server (Knot, on the load's CPU)."""
        bench = self.bench
        if names_peers.Knot not in self.peers:
            print("names_forward_cpu is left out: knot is not installed (tools/deps.sh bench)")
            return
        upstream = Upstream(bench.folder, self.zones, self.zone_files(self.zones))
        role = names_ours.Role(bench.folder, bench.args.build, 0, 1, 8222, upstream.address)
        peers = [names_peers.UnboundForwarder(bench.folder, upstream.address)] if names_peers.Unbound in self.peers else []
        parts = 2 * bench.rounds

        def measure(c, n):
            queries = bench.folder / f"distinct-{n}"
            names_data.write_distinct(queries, self.zones, n, parts)
            result = self.blast.load(c, queries, window=FORWARD_WINDOW, once=True)
            if not result or not result["answers"]:
                return None
            return result["cpu_ns"] / result["answers"] / 1000, result

        try:
            self.start([upstream], self.zones - 1)
            running = self.start([role] + peers, self.zones - 1)
            samples, trouble = self.rounds(running, measure)
            bench.report.compare("names_forward_cpu", "us/query", samples, {},
                                 "; ".join(filter(None, ["forwarded, each name once; unbound's cache is cold", trouble])))
        finally:
            self.stop([upstream, role] + peers)

    def change_seen(self, c, address):
        """Milliseconds from the begin of a change to the first answer with it."""
        target = c.targets[names_peers.CHANGED % len(c.targets)]
        client = self.blast.until(target, f"c1.{names_data.domain(names_peers.CHANGED)}", address, 20000)
        if not client.line().get("served"):
            raise lab.LabError(f"{c.name} does not answer before the change")
        begun = c.change(address)
        result = client.line()
        client.finish()
        return (result["ended_ns"] - begun) / 1e6 if result.get("found") else None

    def changes(self, name, contestants, remark):
        samples = {}
        for c in contestants:
            ours = c.name == "postern"
            if ours:
                c.reconnect()
            for k in range(self.bench.changes if ours else min(5, self.bench.changes)):
                try:
                    took = self.change_seen(c, f"{UNLIKELY}{1 + k}")
                except lab.LabError as e:
                    print(f"    {e}", flush=True)
                    break
                if took is not None:
                    samples.setdefault(c.name, []).append(took)
        self.bench.report.single(name, "ms", samples["postern"], bar=CHANGE_BAR_MS,
                                 remark=f"one A record by the API, sent to seen by a client; {remark}")
        self.medians(name, "ms", samples, "peer: by its tool, which starts once or more")

    def medians(self, name, unit, samples, remark):
        for peer, values in samples.items():
            if peer != "postern":
                self.bench.report.add(name, unit, middle(samples["postern"]), middle(values), peer,
                                      [middle(samples["postern"]) / middle(values)], remark=remark)

    def large(self, names):
        """10^5 zones, one contestant after the other, not pinned."""
        bench, samples = self.bench, {n: {} for n in LARGE}
        daemon = names_ours.Daemon(bench.folder, bench.args.build, self.zones_large, pinned=False)
        remarks = {}
        try:
            daemon.launch()
            daemon.wait_ready()
            wall, cpu = daemon.load_policy()
            samples["names_load_s"]["postern"] = [wall]
            remarks["names_load_s"] = f"{self.zones_large} zones by {names_ours.CHUNK} in an apply; {cpu:.0f} s of CPU in all roles"
            daemon.stop()
            samples["names_start_s"]["postern"] = [self.large_start(daemon)]
            samples["names_restart_s"]["postern"] = [self.restart(daemon) for _ in range(3)]
            self.touch(daemon)
            samples["names_memory_mb"]["postern"] = [sum(pss(p, "Pss") for p in daemon.dns_pids())]
            remarks["names_memory_mb"] = (
                f"PSS of the dns process after {names_data.QUERIES} queries, its share of the tables' pages included "
                f"(resident {sum(pss(p, 'Rss') for p in daemon.dns_pids()):.0f}; all roles together {sum(pss(p, 'Pss') for p in daemon.pids()):.0f})")
            if "names_change_large_ms" in names:
                self.large_changes(daemon, samples)
        finally:
            self.stop([daemon])
        for peer in self.peers if set(names) & set(LARGE[1:]) else ():
            self.large_peer(peer, samples, names)
        self.tell_large(names, samples, remarks)

    def large_start(self, c):
        begun = time.monotonic_ns()
        c.launch()
        ended = self.blast.first_answer(c, self.zones_large - 1)
        if not ended:
            raise lab.LabError(f"{c.name} does not answer with {self.zones_large} zones")
        return (ended - begun) / 1e9

    def restart(self, daemon):
        """Seconds from the death of the name server process to the answer of the one that the parent starts, by the tables that are there."""
        daemon.wait_ready(60)
        begun = time.monotonic_ns()
        os.kill(daemon.dns_pids()[0], signal.SIGKILL)
        ended = self.blast.first_answer(daemon, self.zones_large - 1)
        if not ended:
            raise lab.LabError("no name server process comes back")
        return (ended - begun) / 1e9

    def touch(self, c):
        """Ask until all that answers need is in memory."""
        self.blast.load(c, self.queries(self.zones_large, 1), window=WINDOW, once=True)

    def large_changes(self, c, samples):
        if c.name == "postern":
            c.reconnect()
        for k in range(self.bench.changes if c.name == "postern" else min(5, self.bench.changes)):
            took = self.change_seen(c, f"{UNLIKELY}{1 + k}")
            if took is not None:
                samples["names_change_large_ms"].setdefault(c.name, []).append(took)

    def large_peer(self, kind, samples, names):
        peer = kind(self.bench.folder, self.zones_large, self.zone_files(self.zones_large), pinned=False)
        try:
            peer.configure()
            samples["names_start_s"][peer.name] = [self.large_start(peer)]
            self.touch(peer)
            samples["names_memory_mb"][peer.name] = [sum(pss(p, "Pss") for p in peer.pids())]
            if "names_change_large_ms" in names:
                self.large_changes(peer, samples)
        except lab.LabError as e:
            print(f"    {peer.name}: {e}", flush=True)
        finally:
            self.stop([peer])

    def tell_large(self, names, samples, remarks):
        report, what = self.bench.report, f"{self.zones_large} zones of 10 records"
        for name, unit, bar, remark in (
            ("names_load_s", "s", None, remarks["names_load_s"]),
            ("names_start_s", "s", START_BAR_S, f"start of the daemon, stored zones and all, to the last zone's answer; {what}"),
            ("names_restart_s", "s", START_BAR_S, f"name server process killed, to the answer of its successor, tables there; {what}"),
            ("names_memory_mb", "MB", MEMORY_BAR_MB, f"{what}; {remarks['names_memory_mb']}"),
            ("names_change_large_ms", "ms", CHANGE_BAR_MS, f"one A record by the API, sent to seen by a client; {what}"),
        ):
            if name in names and samples[name].get("postern"):
                report.single(name, unit, samples[name]["postern"], bar=bar, remark=remark)
                self.medians(name, unit, samples[name], what)


class One:
    """A server of many views, of which the first is asked, from a few sockets."""

    sockets = 4

    def __init__(self, whole):
        self.name, self.pids = whole.name, whole.pids
        self.targets, self.step = whole.targets[:1], len(whole.targets)


class Upstream(names_peers.Knot):
    """Whom forwarders ask: on the load's CPU."""

    name = "upstream"
    port = 8212

    def launch(self):
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen(["taskset", "-c", str(lab.cpus()[0])] + self.command(), stdout=log, stderr=log)


def pss(pid, field):
    """MB of a process, pages that several have divided among them (Pss) or not (Rss)."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(rf"^{field}:\s+(\d+)", text, re.M).group(1)) * 1024 / 1e6


def unpin(contestants):
    """What takes several processes shall have the whole machine."""
    for pid in [p for c in contestants for p in c.pids()]:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), os.sched_getaffinity(0))


def middle(values):
    return sorted(values)[len(values) // 2]


def measure(bench, names):
    print(f"==> {' '.join(names)}", flush=True)
    run = Names(bench)
    if set(SMALL) & set(names):
        run.small(names)
    if {"names_cpu_200", "names_cpu_200_busy", "names_cpu_200_one"} & set(names):
        run.two_hundred(names)
    if "names_cpu_200_netns" in names:
        run.namespaces()
    if "names_forward_cpu" in names:
        run.forward()
    if set(LARGE) & set(names):
        run.large(names)
