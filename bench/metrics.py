# SPDX-License-Identifier: GPL-3.0-or-later
"""What each connection, request and byte costs: CPU time, system calls, memory.

CPU is that of all processes of a contestant, from the scheduler's clock. On loopback the receiving side's work in the
kernel runs within the sender's system call, so it is charged to whoever sends. Rounds are interleaved, and ratios are
taken within a round, since other load on the machine changes from one to the next.
"""

import pathlib
import signal
import subprocess
import threading
import time

import lab
import policy

SHORT = {"connections": 32, "response": 1024}
IDLE_WARM_UP = 200


def bulk(result):
    return result["cpu_ns"] / result["bytes"]  # ns per byte are seconds per GB


def each(result):
    return result["cpu_ns"] / result["units"] / 1000


# name -> (client mode, its options, figure, unit, bars)
CPU = {
    "bulk_cpu": ("bulk", {"connections": 8}, bulk, "CPU-s/GB",
                 {"haproxy": 0.30, "nginx": 0.30, "haproxy-splice": 0.87}),
    "upload_cpu": ("upload", {"connections": 8}, bulk, "CPU-s/GB", {}),
    "request_cpu": ("ping", {"connections": 64, "request": 200, "response": 1024}, each, "us/request",
                    {"haproxy": 1.0, "nginx": 1.0, "haproxy-splice": 0.83}),
    "connection_cpu": ("short", SHORT, each, "us/connection", {"haproxy": 1.0, "nginx": 1.0}),
    "connection_cpu_2": ("short", {**SHORT, "connections": 64}, each, "us/connection",
                         {"haproxy": 1.0, "nginx": 1.0}),
    "request_cpu_2": ("ping", {"connections": 64, "request": 200, "response": 1024}, each, "us/request", {}),
}


def cpu(name, bench, contestants):
    mode, options, value, unit, bars = CPU[name]
    samples = {c.name: [] for c in contestants}
    foreign, trouble = [], set()
    for _ in range(bench.rounds):
        figures = {}
        for c in contestants:
            lab.wait_for_quiet(bench.patience)
            result = bench.load.measure(mode, c.address, name=policy.DOMAIN, names=c.clusters,
                                        milliseconds=bench.window_ms, watch=c.pids(), **options)
            if result is None or not (result["units"] or mode in ("bulk", "upload") and result["bytes"]):
                continue
            figures[c.name] = value(result)
            foreign.append(result["foreign"])
            if result["errors"] or result["lost"]:
                trouble.add(f"{c.name}: {result['errors']} errors, {result['lost']} lost")
            bench.congestion.add(result["congestion"])
        # Ratios are within a round: one that is not whole counts for nobody.
        if len(figures) == len(contestants):
            for key, figure in figures.items():
                samples[key].append(figure)
    remark = "; ".join(sorted(trouble))
    if foreign and max(foreign) > 0.3:
        remark = "; ".join(filter(None, [remark, f"foreign load up to {max(foreign):.1f} CPU"]))
    bench.report.compare(name, unit, samples, bars, remark)


def count_syscalls(bench, contestant, total):
    """System calls of all its processes while `total` short connections pass, by strace."""
    out = contestant.folder / "strace"
    command = ["strace", "-c", "-f", "-o", str(out)]
    for pid in contestant.pids():
        command += ["-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for _ in contestant.pids():
        if "attached" not in tracer.stderr.readline():
            lab.stop(tracer)
            return None
    threading.Thread(target=tracer.stderr.read, daemon=True).start()
    result = bench.load.measure("short", contestant.address, name=policy.DOMAIN, names=contestant.clusters,
                                total=total, milliseconds=60000, **SHORT)
    lab.stop(tracer, signal.SIGINT)
    if result is None or not result["units"]:
        return None
    if pathlib.Path(out).exists():
        (bench.folder / f"strace-{contestant.name}.txt").write_text(out.read_text())
    calls = [line.split() for line in out.read_text().splitlines() if line.endswith(" total")]
    return int(calls[0][3 if len(calls[0]) >= 5 else 2]) / result["units"]


def connection_syscalls(bench, contestants):
    samples = {}
    for c in contestants:
        value = count_syscalls(bench, c, 300 if bench.quick else 3000)
        if value is not None:
            samples[c.name] = [value]
    if "postern" in samples:
        bench.report.limit("connection_syscalls", "calls/connection", samples, 18)


def idle_bytes(bench, contestants):
    samples, held = {}, bench.held(8000)
    for c in contestants:
        if c.name == "haproxy-splice":
            continue  # the same memory as haproxy
        lab_options = {"name": policy.DOMAIN, "names": c.clusters, "connections": held}
        bench.load.measure("short", c.address, name=policy.DOMAIN, names=c.clusters, connections=32,
                           total=IDLE_WARM_UP, milliseconds=10000)
        time.sleep(0.3)
        before = lab.own_memory(c.pids())
        client = bench.load.client("hold", c.address, milliseconds=60000, **lab_options)
        up = client.line().get("up", 0)
        time.sleep(1)
        after = lab.own_memory(c.pids())
        end = client.finish()
        if up != held or end.get("cut"):
            print(f"    idle_bytes {c.name}: {up} of {held} connections came up, {end.get('cut')} were cut")
        if up:
            samples[c.name] = [(after - before) / up]
    if "postern" in samples:
        bench.report.limit("idle_bytes", "bytes/connection", samples, 512,
                           f"{held} connections, without the kernel's part")
