# SPDX-License-Identifier: GPL-3.0-or-later
"""posternd under test: started in folders of its own, spoken to by its native API."""
import contextlib
import http.client
import itertools
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

from net import V4, V6

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
POSTERND = os.path.join(BUILD, "src/posternd/posternd")
POSTERN = os.path.join(BUILD, "src/postern/postern")
LONG = 30  # seconds until something that never comes fails the test; nothing waits this long on purpose

_ports = itertools.count(20000)


def free_port():
    """Ports are given out once: the router's addresses are ours alone."""
    return next(_ports)


def wait_until(what, condition, timeout=LONG):
    """Until condition() is true; its value. `what` says what was awaited when it never comes."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "never happened: " + what
        time.sleep(0.005)


class ApiError(Exception):
    def __init__(self, status, body):
        super().__init__("%d %s" % (status, body))
        self.status, self.body = status, body
        self.code = body.get("error", {}).get("code")
        self.path = body.get("error", {}).get("path")
        self.message = body.get("error", {}).get("message")


class _UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Events:
    """The live events of the daemon, from now on; a context manager."""

    def __init__(self, daemon, **query):
        self.http = _UnixHTTP(daemon.socket, None)
        query = {"follow": "true", "accepted": "true", "last": "0", **query}
        self.http.request("GET", "/v1/events?" + urllib.parse.urlencode(query))
        self.response = self.http.getresponse()
        assert self.response.status == 200, self.response.read()
        self.queue = queue.Queue()
        self.seen = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            for line in self.response:
                if line.strip():
                    self.queue.put(json.loads(line))
        self.queue.put(None)

    def wait(self, event, timeout=LONG, **fields):
        """The first event, not taken yet, of this name and with these fields."""
        end = time.monotonic() + timeout
        passed = []
        while True:
            try:
                e = self.queue.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                e = None
            assert e is not None, "no %s %s among %s" % (event, fields, passed[-20:])
            self.seen.append(e)
            if e["event"] == event and all(e.get(k) == v for k, v in fields.items()):
                return e
            passed.append(e)

    def close(self):
        with contextlib.suppress(OSError):
            self.http.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.http.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Posternd:
    """One daemon, with folders, ports and a log of its own."""

    separate_users = True  # conftest: false where we are root in a user namespace only

    def __init__(self, *options, gates=2, listen=None, directory=None, prefix=()):
        self.dir = directory or tempfile.mkdtemp(prefix="postern-e2e.")
        os.chmod(self.dir, 0o711)
        self.own_dir = directory is None
        self.state = os.path.join(self.dir, "state")
        os.makedirs(self.state, exist_ok=True)
        self.socket = os.path.join(self.dir, "api.sock")
        self.log = os.path.join(self.dir, "log")
        self.port = free_port()
        self.metrics_port = free_port()
        self.listen = listen or ["%s:%d" % (V4, self.port), "[%s]:%d" % (V6, self.port)]
        self.gates = gates
        self.options = list(options)
        self.prefix = list(prefix)  # a wrapper that executes its arguments, such as prlimit
        self.process = None
        self.keep_up = None

    # --- life ----------------------------------------------------------------------------------

    def argv(self):
        a = self.prefix + [POSTERND, "--state-dir", self.state, "--socket", self.socket, "--gates", str(self.gates),
                           "--metrics", "127.0.0.1:%d" % self.metrics_port, "--log-format", "json",
                           "--log-level", "debug"]
        for l in self.listen:
            a += ["--listen", l]
        if self.separate_users:
            for option, uid in (("--user-control", "2147480001"), ("--user-gate", "2147480002"),
                                ("--user-netd", "2147480003"), ("--user-dns", "2147480004")):
                a += [] if option in self.options else [option, uid]
        else:
            a += ["--no-separate-users", "--sandbox", "best-effort"]
        return a + [str(o) for o in self.options]

    def launch(self):
        """Start without waiting."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def start(self):
        self.launch()
        return self.wait_ready()

    def wait_ready(self):
        def ready():
            assert self.process.poll() is None, "posternd ended with %s:\n%s" % (
                self.process.returncode, self.read_log())
            return self.is_up()
        wait_until("posternd ready", ready)
        return self

    def is_up(self):
        """Control answers, and every gate and name server process enforces what control holds."""
        with contextlib.suppress(OSError, http.client.HTTPException, ApiError):
            s = self.status(timeout=5)
            return s["store"] == "ok" and len(s["gates"]) == self.gates and all(
                g["state"] == "up" and g["generation"] == s["generation"] for g in s["gates"] + s["dns"]) and s
        return None

    def stop(self):
        """In order: SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LONG)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def supervise(self):
        """Start it again whenever it ends, as a service manager would, until close()."""
        def run():
            while self.keep_up is not None:
                self.process.wait()
                if self.keep_up is not None:
                    self.launch()
        self.keep_up = threading.Thread(target=run, daemon=True)
        self.keep_up.start()

    def close(self):
        self.keep_up = None
        if self.process is not None and self.process.poll() is None:
            self.kill()
        # What a sanitizer found anywhere, in any role, fails the test that made it do so.
        text = self.read_log()
        if self.own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)
        assert "ERROR: AddressSanitizer" not in text and "runtime error:" not in text, text[-6000:]
        assert "Assertion `" not in text, text[-3000:]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def read_log(self):
        with contextlib.suppress(FileNotFoundError), open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()
        return ""

    def children(self):
        """Process ids by role: {"control": [..], "gate": [..], "dns": [..]}"""
        found = {"control": [], "gate": [], "dns": []}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            with contextlib.suppress(OSError):
                with open("/proc/%s/stat" % entry, encoding="ascii", errors="replace") as f:
                    stat = f.read().rsplit(")", 1)[1].split()
                if int(stat[1]) != self.process.pid or stat[0] == "Z":
                    continue
                with open("/proc/%s/cmdline" % entry, "rb") as f:
                    words = f.read().decode().split("\0")
                for role in found:
                    if role in words or "--role=" + role in words:
                        found[role].append(int(entry))
        return found

    def keeper_pid(self):
        """The parent's fork that starts netd; found by its name, since it has the parent's command line."""
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid), encoding="ascii") as f:
            pids = f.read().split()
        for pid in pids:
            with contextlib.suppress(OSError), open("/proc/%s/comm" % pid, encoding="ascii") as f:
                if f.read().strip() == "postern-keeper":
                    return int(pid)
        return None

    def netd(self):
        """What the status says of netd."""
        return self.status()["netd"]

    def control_pid(self):
        return wait_until("a control process", lambda: self.children()["control"])[0]

    def gate_pid(self, index=0):
        return self.status()["gates"][index]["pid"]

    # --- API -----------------------------------------------------------------------------------

    def raw(self, method, path, body=None, headers=None, timeout=LONG):
        """(status, headers, bytes)"""
        h = _UnixHTTP(self.socket, timeout)
        try:
            h.request(method, path, body, headers or {})
            r = h.getresponse()
            return r.status, r.headers, r.read()
        finally:
            h.close()

    def call(self, method, path, body=None, kind="application/json", timeout=LONG, headers=None, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        headers = dict(headers or {})
        if body is not None:
            headers["Content-Type"] = kind
            if not isinstance(body, (str, bytes)):
                body = json.dumps(body)
        status, _, data = self.raw(method, path, body, headers, timeout)
        value = json.loads(data)
        if status >= 300:
            raise ApiError(status, value)
        return value

    def status(self, **kw):
        return self.call("GET", "/v1/status", **kw)

    def put(self, document, **kw):
        return self.call("PUT", "/v1/clusters/" + document["name"], document, **kw)

    def patch(self, name, change, **kw):
        return self.call("PATCH", "/v1/clusters/" + name, change, kind="application/merge-patch+json", **kw)

    def get(self, name):
        return self.call("GET", "/v1/clusters/" + name)

    def delete(self, name, **kw):
        return self.call("DELETE", "/v1/clusters/" + name, **kw)

    def apply(self, *documents, **kw):
        text = "\n---\n".join(json.dumps(d) for d in documents)
        return self.call("POST", "/v1/apply", text, kind="application/yaml", **kw)

    def clusters(self):
        return self.call("GET", "/v1/clusters")["items"]

    def connections(self, name=None):
        return self.call("GET", "/v1/connections", **({"cluster": name} if name else {}))["connections"]

    def explain(self, name, source):
        return self.call("GET", "/v1/explain", cluster=name, source=source)

    def history(self, **kw):
        return self.call("GET", "/v1/history", **kw)["changes"]

    def events(self, **query):
        return Events(self, **query)

    def metrics(self):
        """{name without "postern_", summed over gates}"""
        text = self.raw("GET", "/metrics")[2].decode()
        sums = {}
        for line in text.splitlines():
            m = re.match(r"postern_(\w+)(?:\{[^}]*\})? ([0-9.e+-]+)$", line)
            if m:
                sums[m.group(1)] = sums.get(m.group(1), 0) + float(m.group(2))
        return sums

    def counter(self, name):
        return self.metrics().get("gate_" + name, 0)

    def cli(self, *argv, check=True, stdin=None):
        p = subprocess.run([POSTERN, "--socket", self.socket, *map(str, argv)], input=stdin, capture_output=True,
                           text=True, timeout=LONG)
        if check:
            assert p.returncode == 0, "postern %s: %d\n%s%s" % (argv, p.returncode, p.stdout, p.stderr)
        return p


def cluster(name, upstreams, ranges=None, enabled=True, names=None, **top):
    """A document; upstreams are (address, port) pairs. No health checks unless asked for, so that every connection that
    an upstream sees is one that a client made."""
    public = {"enabled": enabled, "fqdn": name + ".example.org"}
    if ranges is not None:
        public["ranges"] = ranges
    if names is not None:
        public["names"] = names
    return {"kind": "cluster", "name": name, "public": public, "health": {"kind": "none"},
            "upstreams": [{"address": a, "port": p} for a, p in upstreams], **top}
