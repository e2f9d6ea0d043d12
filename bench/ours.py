# SPDX-License-Identifier: GPL-3.0-or-later
"""posternd under test: started with a state directory of its own, fed and changed through its API's Unix socket."""

import http.client
import json
import pathlib
import socket
import subprocess
import time

import lab
import policy

APPLY_WAIT = 60
# No accounts of these numbers need exist: the roles only have to be somebody else.
USERS = ["--user-control", "2147480001", "--user-gate", "2147480002", "--user-netd", "2147480003",
         "--user-dns", "2147480004"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Postern:
    name = "postern"
    port = 8100
    extra = ()  # options

    def __init__(self, folder, build, clusters, workers=1, pinned=True):
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir(exist_ok=True)
        self.binary = pathlib.Path(build) / "src/posternd/posternd"
        if not self.binary.exists():
            raise lab.LabError(f"no {self.binary}: build first (make)")
        self.clusters, self.workers, self.pinned = clusters, workers, pinned
        self.address = f"127.0.0.1:{self.port}"
        self.socket = self.folder / "api.sock"
        self.process = None
        self.api = None

    def launch(self):
        """Start the daemon with whatever its state directory holds, not waiting for anything."""
        command = [str(self.binary), "--listen", self.address, "--state-dir", str(self.folder / "state"),
                   "--socket", str(self.socket), "--gates", str(self.workers), *self.extra] + USERS
        if self.pinned and self.workers == 1:
            command = ["taskset", "-c", str(lab.cpus()[1])] + command
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait_ready(self, patience=20):
        end = time.monotonic() + patience
        while time.monotonic() < end and self.process.poll() is None:
            try:
                status = self.call("GET", "/v1/status")
                if all(gate["state"] == "up" for gate in status["gates"]):
                    return
            except (OSError, http.client.HTTPException, lab.LabError):
                pass
            time.sleep(0.02)
        raise lab.LabError(f"posternd does not come up: {self.log_tail()}")

    def log_tail(self):
        return "\n".join((self.folder / "log").read_text().splitlines()[-5:])

    def start(self):
        self.launch()
        self.wait_ready()
        self.load_policy()

    def stop(self):
        if self.api:
            self.api.close()
            self.api = None
        lab.stop(self.process)
        self.process = None

    def pids(self):
        return lab.family(self.process.pid)

    def call(self, method, path, body=None, content_type="application/json"):
        if not self.api:
            self.api = UnixConnection(self.socket, APPLY_WAIT + 10)
        headers = {"Content-Type": content_type} if body is not None else {}
        try:
            self.api.request(method, path, body, headers)
            answer = self.api.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.api.close()
            self.api = None
            raise
        if answer.status not in (200, 202):
            raise lab.LabError(f"{method} {path}: {answer.status} {text[:300].decode(errors='replace')}")
        return json.loads(text)

    def load_policy(self):
        """Declare all clusters in one change. Returns (wall seconds, CPU seconds of all roles)."""
        body = "\n".join(json.dumps(policy.document(i)) for i in range(self.clusters))
        cpu, begun = lab.cpu_seconds(self.pids()), time.monotonic()
        result = self.call("POST", f"/v1/apply?wait={APPLY_WAIT}", body)
        wall = time.monotonic() - begun
        operation = result["operation"]
        if not operation or operation["status"] != "succeeded":
            raise lab.LabError(f"the policy is not enforced after {APPLY_WAIT} s: {operation}")
        return wall, lab.cpu_seconds(self.pids()) - cpu

    def set_ranges(self, i, ranges):
        """Change one cluster. Returns (when the change was sent, when it was answered, the operation)."""
        body = json.dumps({"public": {"ranges": ranges}})
        sent = time.monotonic_ns()
        result = self.call("PATCH", f"/v1/clusters/c{i}?wait=10", body, "application/merge-patch+json")
        answered = time.monotonic_ns()
        operation = result["operation"]
        if not operation or operation["status"] != "succeeded":
            raise lab.LabError(f"a change of c{i} is not enforced after 10 s: {operation}")
        return sent, answered, operation
