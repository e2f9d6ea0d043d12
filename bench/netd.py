# SPDX-License-Identifier: GPL-3.0-or-later
"""What networks cost netd: planning all of them, changing one rule among all of them, memory. No peer does this."""

import json
import os
import subprocess

import lab

PLANNED = (1000, 10)
KERNEL_KIB_PER_NAMESPACE = 400  # generously; what does not fit is left out

PLAN_BAR_S, RULE_BAR_MS, MEMORY_BAR_MIB = 1.0, 20.0, 64.0


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


def measure(bench, names):
    print(f"==> {' '.join(names)}", flush=True)
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
