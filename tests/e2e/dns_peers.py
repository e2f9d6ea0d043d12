# SPDX-License-Identifier: GPL-3.0-or-later
"""Knot DNS and BIND beside us, with the same zones: what they answer is what we have to."""
import contextlib
import os
import subprocess

import daemon
import net
from names import PORT, Server

KNOT, BIND = "10.0.0.10", "10.0.0.11"


class Peer:
    """A name server of another make, in a folder of its own."""

    def __init__(self, directory, address, zones, options=""):
        """zones: {domain: text of its file}; options: lines more for its configuration."""
        self.dir, self.address, self.zones, self.options = directory, address, zones, options
        os.makedirs(directory, exist_ok=True)
        for domain, text in zones.items():
            with open(self.path(domain), "w", encoding="ascii") as f:
                f.write(text)
        self.conf = os.path.join(directory, "conf")
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(self.configuration())
        self.log = open(os.path.join(directory, "log"), "wb")
        self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=directory)

    def path(self, domain):
        return os.path.join(self.dir, domain + ".zone")

    def wait_ready(self):
        server = Server(net.Router(), self.address, timeout=0.2)

        def ready():
            assert self.process.poll() is None, self.said()
            return all(self._has(server, domain) for domain in self.zones)
        daemon.wait_until("%s ready" % type(self).__name__, ready)
        server.timeout = 5
        return server

    @staticmethod
    def _has(server, domain):
        with contextlib.suppress(AssertionError):
            return bool(server.ask(domain, "SOA").answer)
        return False

    def said(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Knot(Peer):
    def argv(self):
        return ["/usr/sbin/knotd", "-c", self.conf]

    def configuration(self):
        lines = ["server:", "    rundir: %s" % self.dir, "    listen: %s@%d" % (self.address, PORT), "    udp-workers: 1",
                 "    tcp-workers: 1", "    background-workers: 2", "    identity: ''", "    version: ''",
                 "log:", "  - target: stderr", "    any: warning",
                 "database:", "    storage: %s" % self.dir, self.options,
                 "template:", "  - id: default", "    storage: %s" % self.dir, "    zonefile-load: whole", "    zonefile-sync: -1",
                 "    journal-content: none", "    semantic-checks: off", "zone:"]
        for domain in self.zones:
            lines += ["  - domain: %s" % domain, "    file: %s" % self.path(domain)]
        return "\n".join(lines) + "\n"


class Bind(Peer):
    def argv(self):
        return ["/usr/sbin/named", "-g", "-4", "-n", "1", "-c", self.conf]

    def configuration(self):
        return """
options {{ directory "{dir}"; pid-file none; session-keyfile none; managed-keys-directory "{dir}"; listen-on port {port} {{ {at}; }};
    listen-on-v6 {{ none; }}; recursion no; minimal-responses yes; minimal-any no; notify no; dnssec-validation no;
    empty-zones-enable no; zero-no-soa-ttl no; check-names primary ignore; check-integrity no; check-mx ignore; check-srv-cname ignore;
    check-sibling no; check-wildcard no; answer-cookie yes; {options} }};
controls {{ }};
""".format(dir=self.dir, port=PORT, at=self.address, options=self.options) + "".join(
            'zone "%s" { type primary; file "%s"; };\n' % (d, self.path(d)) for d in self.zones)
