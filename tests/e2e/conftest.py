# SPDX-License-Identifier: GPL-3.0-or-later
"""
End-to-end tests: posternd as built, real packets from clients with addresses of their own, a real kube-apiserver.

POSTERN_BUILD names the build folder (default: build). Tests wait for events and conditions, never for time. A test
waits for the daemon it shares with others to be up again, and names its own clusters, so that any order works.
"""
import os
import subprocess
import tempfile

import pytest

import net

# Before any thread exists: from here on this process lives in the router's network.
IS_ROOT = net.enter()

pytest.register_assert_rewrite("peers", "daemon", "netd_world")

import daemon  # noqa: E402
import peers  # noqa: E402

daemon.Posternd.separate_users = IS_ROOT


def pytest_configure(config):
    if not os.access(daemon.POSTERND, os.X_OK):
        pytest.exit("%s is not there: build it (make), or name the build folder in POSTERN_BUILD" % daemon.POSTERND, 2)


def pytest_report_header(config):
    return "posternd: %s, %s" % (daemon.POSTERND, "root" if IS_ROOT else "user namespace, roles not separated")


@pytest.fixture(scope="session")
def alice():
    return net.Client("alice", "203.0.113.10", "2001:db8:a::10")


@pytest.fixture(scope="session")
def bob():
    return net.Client("bob", "198.51.100.20", "2001:db8:b::20")


@pytest.fixture(scope="session")
def balancer():
    return net.Client("lb", "100.64.9.9", "2001:db8:c::9")


@pytest.fixture(scope="session")
def _shared():
    d = daemon.Posternd("--hello-timeout", "2")
    try:
        yield d.start()
    finally:
        d.close()


@pytest.fixture
def postern(_shared):
    """The shared daemon, up, and with no cluster of an earlier test."""
    daemon.wait_until("the shared daemon up", _shared.is_up)
    for c in _shared.clusters():
        _shared.delete(c["document"]["name"])
    return _shared


@pytest.fixture
def make_postern():
    """Daemons with options of their own."""
    made = []

    def make(*options, **kw):
        made.append(daemon.Posternd(*options, **kw))
        return made[-1]
    yield make
    for d in made:
        d.close()


@pytest.fixture
def upstream():
    """An echo upstream."""
    with peers.Upstream(peers.echo) as u:
        yield u


@pytest.fixture(scope="session")
def tls():
    with tempfile.TemporaryDirectory(prefix="postern-e2e.") as d:
        yield peers.Tls(d)


class Kube:
    """A real kube-apiserver on 10.0.0.5:6443 of the router."""

    address, port, fqdn = "10.0.0.5", 6443, "kube.example.org"

    def __init__(self, directory):
        self.dir = directory
        self.script = os.path.join(daemon.ROOT, "tools/kube-up.sh")
        subprocess.run([self.script, "up", directory, self.address, str(self.port), self.fqdn, net.V4, net.V6],
                       check=True, stdin=subprocess.DEVNULL)
        self.env = {**os.environ, "HOME": directory, "KUBECONFIG": os.path.join(directory, "kubeconfig")}
        for v in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            self.env.pop(v, None)

    def argv(self, d, *words, host=net.V4):
        """kubectl through d's gate: the address is the gate's, the server name the cluster's."""
        return ["kubectl", "--server", "https://%s:%d" % ("[%s]" % host if ":" in host else host, d.port),
                "--tls-server-name", self.fqdn, "--cache-dir", os.path.join(self.dir, "cache"), *words]

    def popen(self, place, d, *words, host=net.V4):
        return place.popen(self.argv(d, *words, host=host), env=self.env, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)

    def kubectl(self, place, d, *words, host=net.V4, timeout=60):
        p = self.popen(place, d, *words, host=host)
        try:
            out, err = p.communicate(timeout=timeout)
        finally:
            p.kill()
        return p.returncode, out, err

    def direct(self, *words):
        return net.run("kubectl", "--cache-dir", os.path.join(self.dir, "cache"), *words, env=self.env)

    def document(self, **kw):
        d = daemon.cluster("kube", [(self.address, self.port)], **kw)
        d["public"]["fqdn"] = self.fqdn
        d["health"] = {"kind": "tls"}
        return d

    def down(self):
        subprocess.run([self.script, "down", self.dir], check=False)


@pytest.fixture(scope="session")
def kube():
    with tempfile.TemporaryDirectory(prefix="postern-kube.") as d:
        k = Kube(d)
        try:
            yield k
        finally:
            k.down()
