# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the measurements run: own network and process namespaces, fixed CPUs, the load tools, and what /proc tells.

       CPU 0                          CPU 1 (last)
    load_client ──127.0.0.1:81xx──▶  proxy under test  ──127.0.1.x:9000──▶  load_server (CPU 0)

All that is started here is in one process namespace and ends with it, whatever happens to the bench itself.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

INSIDE = "POSTERN_BENCH_INSIDE"


class LabError(Exception):
    """Something of ours did not work, so there is nothing to measure."""


def enter(argv):
    """Run the bench again inside namespaces of its own and exit with its status, unless already there."""
    # The first process of a namespace gets no signal that it does not ask for; outside it ends the one inside.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if os.environ.get(INSIDE) == "1":
        return
    if os.geteuid() != 0:
        if not shutil.which("sudo"):
            raise LabError("the benchmark makes a network namespace: run it as root")
        os.execvp("sudo", ["sudo"] + argv)
    # Should we be killed, unshare is, and then the first process inside is told to end; with it all the others end.
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--pid", "--fork", "--kill-child=TERM",
               "--mount-proc"]
    inside = subprocess.Popen(command + argv, env={**os.environ, INSIDE: "1"})
    try:
        sys.exit(inside.wait())
    except KeyboardInterrupt:
        inside.kill()  # unshare itself; the one inside has time to clean up
        sys.exit(130)


def set_up_network():
    """Loopback up, many ports, and cubic by route: some kernels default to BBR, whose pacing would be measured."""
    run(["ip", "link", "set", "lo", "up"])
    for key, value in (
        ("net.ipv4.ip_local_port_range", "1024 65535"),
        ("net.ipv4.ip_local_reserved_ports", "8000-9999"),
        ("net.core.somaxconn", "65535"),
        ("net.ipv4.tcp_max_syn_backlog", "65535"),
        ("net.ipv4.tcp_tw_reuse", "1"),
        ("net.ipv4.tcp_max_tw_buckets", "400000"),
    ):
        try:
            pathlib.Path("/proc/sys/" + key.replace(".", "/")).write_text(value)
        except OSError:
            pass  # not in every kernel a namespace may set it; what is wrong then shows as errors of the load
    for route in ("127.0.0.0/8", "127.0.0.1"):
        run(["ip", "route", "replace", "local", route, "dev", "lo", "table", "local", "proto", "kernel",
             "scope", "host", "src", "127.0.0.1", "congctl", "cubic"])


def run(command, **kwargs):
    return subprocess.run(command, check=True, text=True, capture_output=True, **kwargs).stdout


def cpus():
    """(CPU of client and server, CPU of the proxy, CPUs of a proxy with two workers)."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1], usable[-2:]


def machine_busy():
    """Seconds that all processors have been busy."""
    fields = [int(v) for v in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields[i] for i in (0, 1, 2, 5, 6, 7)) / os.sysconf("SC_CLK_TCK")


def foreign_load(seconds=0.25):
    """Processors kept busy by others while we do nothing."""
    busy, begun = machine_busy(), time.monotonic()
    time.sleep(seconds)
    return (machine_busy() - busy) / (time.monotonic() - begun)


def wait_for_quiet(limit=1.0):
    end = time.monotonic() + limit
    while foreign_load(0.2) > 0.12 and time.monotonic() < end:
        pass


def family(pid):
    """A process and all that descend from it."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rsplit(")", 1)[1].split()[1])
    found = [pid]
    for member in found:
        found += [p for p, parent in parents.items() if parent == member]
    return found


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(task.read_text().split()[0])
    return total / 1e9


def own_memory(pids):
    """Bytes of anonymous and shared memory, each page divided by those who share it; files are not counted."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                total += int(line.split()[1]) * 1024
    return total


def stop(process, how=signal.SIGTERM, patience=10):
    if process is None or process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Load:
    """The load server, and clients to run against whatever stands before it."""

    def __init__(self, build):
        self.tools = pathlib.Path(build) / "bench"
        if not (self.tools / "load_client").exists():
            raise LabError(f"no load tools in {self.tools}: build first (make)")
        self.cpu = cpus()[0]
        self.server = subprocess.Popen(
            [self.tools / "load_server", "0.0.0.0:9000", str(self.cpu)], stdout=subprocess.PIPE, text=True)
        if self.server.stdout.readline() != "ready\n":
            raise LabError("the load server does not start")

    def command(self, mode, address, options):
        command = [str(self.tools / "load_client"), mode, "--to", address, "--cpu", str(self.cpu),
                   "--server", str(self.server.pid)]
        for key, value in options.items():
            for one in value if isinstance(value, list) else [value]:
                command += ["--" + key, str(one)]
        return command

    def measure(self, mode, address, **options):
        """Run one client to its end. Its figures, or None with the reason on standard error."""
        done = subprocess.run(self.command(mode, address, options), text=True, capture_output=True)
        if done.returncode:
            print(f"    {mode} against {address}: {done.stderr.strip()}", flush=True)
            return None
        return json.loads(done.stdout)

    def client(self, mode, address, **options):
        return Client(self.command(mode, address, options))


class Client:
    """A client that goes on while something is done to the proxy. Times are those of time.monotonic_ns()."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self):
        """The next thing that it says; empty if it has ended without."""
        text = self.process.stdout.readline()
        return json.loads(text) if text else {}

    def finish(self):
        """Tell it to stop, if it is one that listens, and take its last figures."""
        if self.process.stdin:
            self.process.stdin.close()
        result = self.line()
        self.process.wait()
        return result
