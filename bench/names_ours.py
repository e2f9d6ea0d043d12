# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours as a name server: the whole daemon, and the role alone with sockets and tables that are given to it (bench/dns_drive.c)."""

import json
import pathlib
import subprocess
import time

import lab
import names_data
import names_peers
import ours

CHUNK = 5000  # documents of one apply
LOAD_WAIT = 300


def pids_of_role(pid, role):
    """Of the processes that descend from this one."""
    found = []
    for p in lab.family(pid):
        try:
            words = pathlib.Path(f"/proc/{p}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--role" in words and words[words.index(b"--role") + 1] == role.encode():
            found.append(p)
    return found


class Daemon(ours.Postern):
    """posternd with public zones, which it answers for at an address of loopback; given by its API."""

    name = "postern"
    port = 8100
    dns_port = 8220
    sockets = 4
    visibility = "public"

    def __init__(self, folder, build, zones, pinned=True):
        super().__init__(folder, build, 0, 1, pinned)
        self.zones = zones
        self.target = f"127.0.0.1:{self.dns_port}"
        self.targets = [self.target]
        self.extra = self.options()

    def options(self):
        return ("--dns", "1", "--networks", "off", "--dns-listen", self.target, "--dns-rate", "0")

    def documents(self):
        for i in range(self.zones):
            yield names_data.document(i, self.visibility)

    def apply(self, documents):
        body = "\n".join(json.dumps(d) for d in documents)
        result = self.call("POST", f"/v1/apply?wait={LOAD_WAIT}", body)
        if not result["operation"] or result["operation"]["status"] != "succeeded":
            raise lab.LabError(f"not enforced after {LOAD_WAIT} s: {result['operation']}")

    def load_policy(self):
        """(wall seconds, CPU seconds of all roles), asked to enforced, over all documents."""
        documents = list(self.documents())
        cpu, begun = lab.cpu_seconds(self.pids()), time.monotonic()
        for at in range(0, len(documents), CHUNK):
            self.apply(documents[at:at + CHUNK])
        return time.monotonic() - begun, lab.cpu_seconds(self.pids()) - cpu

    def reconnect(self):
        """The API closes a connection on which nothing comes for long."""
        if self.api:
            self.api.close()
            self.api = None
        self.call("GET", "/v1/status")

    def change(self, address):
        """c1 of a zone gets another address. Returns when that was begun."""
        body = json.dumps({"records": names_data.document(names_peers.CHANGED, self.visibility, address)["records"]})
        begun = time.monotonic_ns()
        result = self.call("PATCH", f"/v1/zones/z{names_peers.CHANGED}?wait=10", body, "application/merge-patch+json")
        if not result["operation"] or result["operation"]["status"] != "succeeded":
            raise lab.LabError(f"a change of a zone is not enforced after 10 s: {result['operation']}")
        return begun

    def dns_pids(self):
        return pids_of_role(self.process.pid, "dns")


class Networks(Daemon):
    """Real networks, with a host in each; zone i is private, and linked to network i % networks. Clients stand on the hosts."""

    name = "postern-networks"
    sockets = 1
    visibility = "private"
    prefix = "namesbench"

    def __init__(self, folder, build, zones, networks):
        super().__init__(folder, build, zones)
        self.networks = networks
        self.targets = [f"10.{1 + n // 250}.{n % 250}.2:53@/run/netns/{self.prefix}.host.h{n}" for n in range(networks)]

    def options(self):
        return ("--dns", "1", "--netns-prefix", self.prefix)

    def documents(self):
        for n in range(self.networks):
            space = f"10.{1 + n // 250}.{n % 250}.0/24"
            yield {"kind": "network", "name": f"n{n}", "addressSpace": [space]}
            yield {"kind": "subnet", "name": f"s{n}", "network": f"n{n}", "ranges": [space]}
            yield {"kind": "host", "name": f"h{n}", "subnet": f"s{n}"}
        for i, document in enumerate(super().documents()):
            yield document
            yield {"kind": "zone-link", "name": f"l{i}", "zone": f"z{i}", "network": f"n{i % self.networks}"}


class Role:
    """The role alone: networks > 0: as many views, each with an address of its own; 0: the internet's view."""

    sockets = 4

    def __init__(self, folder, build, zones, networks, port, forwarder=None, name="postern"):
        self.folder = pathlib.Path(folder) / f"role-{port}"
        self.folder.mkdir()
        self.name, self.zones, self.forwarder = name, zones, forwarder
        first = names_peers.view_address(0) if networks else "127.0.0.1"
        self.command = [str(pathlib.Path(build) / "bench/dns_drive"), str(self.folder), f"{first}:{port}", str(zones), str(networks),
                        str(lab.cpus()[1])] + ([forwarder] if forwarder else [])
        self.targets = [f"{names_peers.view_address(n)}:{port}" for n in range(networks)] or [f"127.0.0.1:{port}"]
        if networks > 1:
            self.sockets = 1
        self.process = self.pid = None

    def configure(self):
        pass

    def launch(self):
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        words = self.process.stdout.readline().split()
        if len(words) != 2 or words[0] != "ready":
            raise lab.LabError("dns_drive: " + (self.folder / "log").read_text()[-300:])
        self.pid = int(words[1])

    def pids(self):
        return [self.pid]

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(10)
            self.process = None
