# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon a change holds, with a large policy loaded: for new connections, for open ones, and from nothing.

Wall times run from the moment the change is sent (peers: the reload is ordered, its files already written) until a client
sees it, on one clock for all processes.
"""

import statistics
import time

import lab
import policy

PEERS_OPEN = 100  # connections that show that a peer's reload cuts none
RELOAD_PAUSE_US = 10000  # between probes, so that they do not take the CPU that a reload of seconds needs


def until_refused(bench, contestant, i, change, pause_us=0):
    """Milliseconds from change() (which returns its begin) to the end of the first new connection refused."""
    client = bench.load.client("refused", contestant.address, name=policy.name(i), milliseconds=60000,
                               pause=pause_us)
    if not client.line().get("served"):
        client.finish()
        raise lab.LabError(f"{contestant.name}: {policy.name(i)} is refused before the change")
    begun = change()
    result = client.finish()
    return (result["ended_ns"] - begun) / 1e6 if result.get("found") else None


def until_served(bench, address, i, begun):
    result = bench.load.client("served", address, name=policy.name(i), milliseconds=120000).finish()
    return (result["ended_ns"] - begun) / 1e6 if result.get("found") else None


def start_contestant(bench, contestant):
    """Milliseconds from start to the last cluster being served, and CPU milliseconds of all its processes."""
    begun = time.monotonic_ns()
    contestant.launch()
    wall = until_served(bench, contestant.address, contestant.clusters - 1, begun)
    if wall is None:
        raise lab.LabError(f"{contestant.name} does not serve with {contestant.clusters} clusters")
    return wall, lab.cpu_seconds(contestant.pids()) * 1000


class Policy:
    """All measurements with the large policy, in an order that loads it as seldom as possible."""

    def __init__(self, bench, ours, peers, wanted):
        self.bench, self.ours, self.peers, self.wanted = bench, ours, peers, wanted
        self.samples = {}
        self.peers_cut = {}

    def keep(self, name, contestant, value):
        if value is not None:
            self.samples.setdefault(name, {}).setdefault(contestant, []).append(value)

    def measure(self):
        self.measure_ours()
        for peer in self.peers:
            try:
                self.measure_peer(peer)
            except (lab.LabError, OSError) as e:
                print(f"    {peer.name}: {e}", flush=True)
            finally:
                peer.stop()
        self.tell()

    def measure_ours(self):
        ours, bench = self.ours, self.bench
        ours.launch()
        try:
            ours.wait_ready()
            wall, cpu = ours.load_policy()
            self.keep("load_policy_ms", "postern", wall * 1000)
            self.keep("load_policy_cpu_ms", "postern", cpu * 1000)
            if "load_policy_ms" in self.wanted:
                ours.stop()
                wall, cpu = start_contestant(bench, ours)
                self.keep("start_ms", "postern", wall)
                self.keep("start_cpu_ms", "postern", cpu)
                ours.wait_ready()
            if "change_enforced_ms" in self.wanted:
                for k in range(bench.changes):
                    self.change_ours(5 + k)
            if "revoke_open_ms" in self.wanted:
                for _ in range(1 if bench.quick else 3):
                    self.revoke_ours(bench.held(9800))
        finally:
            ours.stop()

    def change_ours(self, i):
        answered = []

        def change():
            answered.extend(self.ours.set_ranges(i, policy.ranges(i, admitted=False)))
            return answered[0]

        wall = until_refused(self.bench, self.ours, i, change)
        self.keep("change_enforced_ms", "postern", wall)
        self.keep("change_answered_ms", "postern", (answered[1] - answered[0]) / 1e6)
        self.keep("change_reported_ms", "postern", answered[2]["enforcedMs"])
        self.ours.set_ranges(i, policy.ranges(i))

    def revoke_ours(self, held):
        i = 3
        client = self.bench.load.client("hold", self.ours.address, name=policy.name(i), connections=held,
                                        milliseconds=30000)
        up = client.line().get("up", 0)
        time.sleep(0.5)
        sent, answered, operation = self.ours.set_ranges(i, policy.ranges(i, admitted=False))
        result = client.line()
        client.process.stdin.close()
        client.process.wait()
        self.ours.set_ranges(i, policy.ranges(i))
        if up != held or result.get("cut") != up:
            raise lab.LabError(f"revoke: {result.get('cut')} of {up} ({held} wanted) connections were cut")
        self.keep("revoke_open_ms", "postern", (result["last_ns"] - sent) / 1e6)
        self.keep("revoke_first_ms", "postern", (result["first_ns"] - sent) / 1e6)
        self.keep("revoke_answered_ms", "postern", (answered - sent) / 1e6)
        self.keep("revoke_reset", "postern", result["resets"])
        self.held = up

    def measure_peer(self, peer):
        peer.configure()
        wall, cpu = start_contestant(self.bench, peer)
        for name in ("load_policy_ms", "start_ms"):
            self.keep(name, peer.name, wall)
        for name in ("load_policy_cpu_ms", "start_cpu_ms"):
            self.keep(name, peer.name, cpu)
        if not {"change_enforced_ms", "revoke_open_ms"} & self.wanted:
            return
        if peer.name == "haproxy":
            for k in range(3):
                self.change_by_cli(peer, 50 + k)
        for k in range(1 if self.bench.quick else 2):
            self.change_peer(peer, 5 + k)

    def change_by_cli(self, peer, i):
        revoked = policy.ranges(i, admitted=False)
        wall = until_refused(self.bench, peer, i, lambda: peer.change_by_cli(i, revoked))
        self.keep("change_enforced_ms", "haproxy-cli", wall)

    def change_peer(self, peer, i):
        client = self.bench.load.client("hold", peer.address, name=policy.name(i), connections=PEERS_OPEN,
                                        milliseconds=120000)
        client.line()
        peer.set_ranges(i, policy.ranges(i, admitted=False))

        def change():
            begun = time.monotonic_ns()
            peer.reload()
            return begun

        wall = until_refused(self.bench, peer, i, change, pause_us=RELOAD_PAUSE_US)
        self.keep("change_enforced_ms", peer.name, wall)
        time.sleep(1)
        result = client.finish()
        self.peers_cut[peer.name] = (result.get("cut", 0), result.get("up", 0))

    def tell(self):
        report, get = self.bench.report, self.samples.get
        size = f"{self.ours.clusters} clusters with 50 ranges"
        if "change_enforced_ms" in self.wanted:
            report.single("change_enforced_ms", "ms", get("change_enforced_ms")["postern"], bar=10,
                          remark=f"sent to first new connection refused, seen by a client; {size}")
            report.single("change_answered_ms", "ms", get("change_answered_ms")["postern"], bar=10,
                          remark="sent to the operation answered as enforced in all gates")
            report.single("change_reported_ms", "ms", get("change_reported_ms")["postern"], bar=10,
                          remark="enforcedMs of the operation")
            self.compare("change_enforced_ms", "ms", {
                "haproxy": "peer reloads", "nginx": "peer reloads",
                "haproxy-cli": "peer's run-time list: new connections only, lost at its restart"})
        if "revoke_open_ms" in self.wanted:
            report.single("revoke_open_ms", "ms", get("revoke_open_ms")["postern"], bar=1000,
                          remark=f"{self.held} open connections of one cluster, sent to the last one's reset; "
                          f"first after {statistics.median(get('revoke_first_ms')['postern']):.1f} ms")
            for name, (cut, up) in self.peers_cut.items():
                report.note("revoke_open_ms", name, f"never: a reload cut {cut} of {up} open connections")
        if "load_policy_ms" in self.wanted:
            for name, what in (
                ("load_policy_ms", "ours: one apply, stored and enforced; peer: start to serving"),
                ("load_policy_cpu_ms", "CPU of all processes for that"),
                ("start_ms", "start with the policy stored, to serving"),
                ("start_cpu_ms", "CPU of all processes for that"),
            ):
                self.compare(name, "ms", dict.fromkeys(("haproxy", "nginx"), f"{what}; {size}"))

    def compare(self, name, unit, remarks):
        """Peers have fewer rounds than we, and not the same ones: medians are compared."""
        samples = {k: [statistics.median(v)] for k, v in self.samples.get(name, {}).items()}
        if not set(remarks) & set(samples) and name != "change_enforced_ms":
            self.bench.report.compare(name, unit, {"postern": samples["postern"]})
        for peer, remark in remarks.items():
            if peer in samples:
                pair = {"postern": samples["postern"], peer: samples[peer]}
                self.bench.report.compare(name, unit, pair, remark=remark)
