# SPDX-License-Identifier: GPL-3.0-or-later
"""
A stub of the API on a Unix socket, and the CLI run against it: no daemon, no rights.

The stub answers each (method, path) with what the test laid down, in order; the last answer stays.
"""
import http.server
import json
import os
import socketserver
import subprocess
import threading
import urllib.parse

import pytest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.path.abspath(os.environ.get("POSTERN_BUILD", os.path.join(ROOT, "build")))
POSTERN = os.path.join(BUILD, "src/postern/postern")

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
OLD = "2026-01-02T03:04:05.678Z"
DOCUMENT = {"kind": "cluster", "name": "prod", "upstreams": [{"address": "10.0.0.5"}],
            "public": {"fqdn": "prod.example.org", "ranges": ["203.0.113.0/24", "198.51.100.0/24"]}}
STATUS = {"version": "9.9", "revision": 17, "generation": 17, "store": "ok", "tables": "ok", "startedAt": OLD,
          "profile": "open", "listeners": ["0.0.0.0:443", "[::]:443"], "clusters": 1, "connections": 2,
          "gates": [{"index": 0, "pid": 11, "state": "up", "generation": 17, "connections": 2, "acceptedTotal": 7,
                     "restarts": 0},
                    {"index": 1, "pid": 12, "state": "up", "generation": 17, "connections": 0, "acceptedTotal": 0,
                     "restarts": 1}]}


def cluster(document=DOCUMENT, revision=17, **status):
    upstreams = [{"address": u["address"], "port": u.get("port", 6443), "state": "up", "connections": 2, "failures": 0}
                 for u in document["upstreams"]]
    return {"kind": "cluster", "name": document["name"], "id": 1, "revision": revision, "createdAt": OLD,
            "updatedAt": OLD, "document": document,
            "status": {"connections": 2, "admitted": 7, "refused": 3, "cut": 1, "bytesUp": 2048, "bytesDown": 5 << 20,
                       "upstreams": upstreams, **status}}


def thing(kind, name, status=None, **fields):
    """An object of any other kind."""
    return {"kind": kind, "name": name, "id": 2, "revision": 5, "createdAt": OLD, "updatedAt": OLD,
            "document": {"kind": kind, "name": name, **fields}, **({"status": status} if status else {})}


def operation(**over):
    return {"id": "17", "status": "succeeded", "revision": 17, "acceptedAt": OLD, "enforcedMs": 1.94, "judged": 2,
            "cut": 1, "draining": 0, "waitingFor": [], **over}


def result(*changes, op="done", dry=False):
    changes = [{"kind": "cluster", "diff": [], **c} for c in changes]
    return {"dryRun": dry, "revision": 17, "changes": changes, "operation": operation() if op == "done" else op}


def error(code, message, path=""):
    return {"error": {"code": code, "path": path, "message": message}}


class Api:
    """What the stub answers and what it was asked."""

    def __init__(self, path):
        self.path = path
        self.answers = {}
        self.requests = []
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                url = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                api.requests.append({"method": self.command, "path": url.path, "body": body, "headers": self.headers,
                                     "query": dict(urllib.parse.parse_qsl(url.query))})
                laid = api.answers.get((self.command, url.path))
                status, answer, headers = (404, error("not-found", "there is nothing at this path"), {})
                if laid:
                    status, answer, headers = laid.pop(0) if len(laid) > 1 else laid[0]
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer

            def address_string(self):
                return "socket"

            def log_message(self, *args):
                pass

        self.server = socketserver.ThreadingUnixStreamServer(path, Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def on(self, method, path, answer, status=200, **headers):
        self.answers.setdefault((method, path), []).append(
            (status, answer, {k.replace("_", "-"): v for k, v in headers.items()}))

    def asked(self, method):
        return [r for r in self.requests if r["method"] == method]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def api(tmp_path):
    a = Api(str(tmp_path / "api.sock"))
    yield a
    a.close()


@pytest.fixture
def cli(api):
    def run(*words, stdin="", env=None):
        return subprocess.run([POSTERN, *words], input=stdin, capture_output=True, text=True, timeout=30,
                              env={"PATH": os.environ["PATH"], "POSTERN_SOCKET": api.path, "TERM": "xterm",
                                   **(env or {})})
    return run
