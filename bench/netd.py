# SPDX-License-Identifier: GPL-3.0-or-later
"""What networks cost: planning all of them, changing one rule among all of them, memory; the whole way from the API's call.

No peer does this. Making the same networks by `ip -batch` and `nft -f` is what a script would do, and stands beside ours.
"""

import json
import os
import subprocess
import time

import lab
import landscape
import netd_peer
import ours

PLANNED = (1000, 10)
KERNEL_KIB_PER_NAMESPACE = 400  # generously; what does not fit is left out

PLAN_BAR_S, RULE_BAR_MS, MEMORY_BAR_MIB = 1.0, 20.0, 64.0
ENFORCED_BAR_MS, MADE_BAR = 1000, 1.0
DAEMON_NETWORKS = 100  # of the whole daemon
TOOLS_NETWORKS = 10
CHANGES = 21


class Networks(ours.Postern):
    """The daemon with a landscape instead of a policy."""

    def __init__(self, folder, build, networks, hosts):
        super().__init__(folder, build, clusters=0, workers=1, pinned=False)
        self.networks, self.hosts = networks, hosts

    def load_policy(self):
        return self.apply(landscape.documents(self.networks, self.hosts))

    def apply(self, documents):
        """(wall seconds, CPU seconds of all roles), asked to enforced."""
        body = "\n".join(json.dumps(d) for d in documents)
        cpu, begun = lab.cpu_seconds(self.pids()), time.monotonic()
        operation = self.call("POST", f"/v1/apply?wait={ours.APPLY_WAIT}", body)["operation"]
        if not operation or operation["status"] != "succeeded":
            raise lab.LabError(f"networks are not enforced after {ours.APPLY_WAIT} s: {operation}")
        return time.monotonic() - begun, lab.cpu_seconds(self.pids()) - cpu

    def remove(self, documents):
        body = "\n".join(json.dumps(d) for d in documents)
        self.call("POST", f"/v1/delete?force=true&wait={ours.APPLY_WAIT}", body)


def load(bench, *words):
    """netd_load in network and mount namespaces of its own, which take all that it makes along when it ends."""
    program = os.path.join(bench.args.build, "bench/netd_load")
    p = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh", program, *map(str, words)],
        capture_output=True, text=True, check=False)
    if p.returncode:
        raise lab.LabError("netd_load: " + p.stderr.strip())
    return json.loads(p.stdout)


def available_kib():
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("MemAvailable"))


def networks_present(bench):
    """As many as planned, if the kernel has the memory for that many namespaces."""
    if bench.quick:
        return 10
    fits = available_kib() // 2 // KERNEL_KIB_PER_NAMESPACE // (PLANNED[1] + 1)
    return max(10, min(PLANNED[0], fits))


def own_run():
    """Namespaces are mounted in /run/netns: in one that only this mount namespace has."""
    lab.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])


def enforced(bench):
    daemon = Networks(bench.folder, bench.args.build, 5 if bench.quick else DAEMON_NETWORKS, PLANNED[1])
    try:
        daemon.start()
        took = [daemon.apply([landscape.group(1, 1000 + i)])[0] * 1000 for i in range(CHANGES)]
    finally:
        bench.clean([daemon])
    bench.report.single("network_rule_enforced_ms", "ms", took, bar=ENFORCED_BAR_MS,
                        remark=f"asked to enforced, one rule of {daemon.networks} networks with {PLANNED[1]} hosts")


def made(bench):
    samples = {"postern": [], "ip and nft": []}
    n = 2 if bench.quick else TOOLS_NETWORKS
    for i in range(bench.rounds):
        daemon = Networks(bench.folder, bench.args.build, n, PLANNED[1])
        try:
            daemon.launch()
            daemon.wait_ready()
            samples["postern"].append(daemon.load_policy()[1])
            if bench.args.with_peers:
                tools = netd_peer.Tools(daemon.folder, "postern", f"tools{i}")
                tools.write()
                samples["ip and nft"].append(tools.make()[1])
            daemon.remove(landscape.documents(n, PLANNED[1]))
        finally:
            bench.clean([daemon])
            for p in sorted(os.listdir("/run/netns")):
                if p.startswith("tools"):
                    lab.run(["ip", "netns", "delete", p])
    bench.report.compare("networks_made_cpu_s", "s CPU", samples, bars={"ip and nft": MADE_BAR},
                         remark=f"{n} networks with {PLANNED[1]} hosts; peer: the same by ip -batch and nft -f")


def measure(bench, names):
    print(f"==> {' '.join(names)}", flush=True)
    own_run()
    if "networks_plan_s" in names:
        runs = [load(bench, "plan", *PLANNED) for _ in range(bench.rounds)]
        bench.report.single("networks_plan_s", "s CPU", [r["cpu_s"] for r in runs], bar=PLAN_BAR_S,
                            remark=f"{PLANNED[0]} networks with {PLANNED[1]} hosts, {runs[0]['operations']} operations")
    if {"network_rule_ms", "netd_memory_mib"} & set(names):
        n = networks_present(bench)
        run = load(bench, "apply", n, PLANNED[1])
        remark = f"{n} networks with {PLANNED[1]} hosts present, made in {run['made_s']:.1f} s"
        if "network_rule_ms" in names:
            bench.report.single("network_rule_ms", "ms", run["rule_ms"], bar=RULE_BAR_MS, remark=remark)
        if "netd_memory_mib" in names:
            bench.report.single("netd_memory_mib", "MiB", [run["resident_kib"] / 1024], bar=MEMORY_BAR_MIB, remark=remark)
    if "network_rule_enforced_ms" in names:
        enforced(bench)
    if "networks_made_cpu_s" in names:
        made(bench)
