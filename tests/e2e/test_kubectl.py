# SPDX-License-Identifier: GPL-3.0-or-later
"""The real kubectl against a real kube-apiserver through the gate. There are no nodes here, so exec, logs and port-forward,
which the API server passes on to a kubelet, have nothing to end at; their transport, an upgraded HTTP/1.1 connection, is what
test_relay.py sends by hand."""
import threading

import pytest

from net import V6

ALICE = ["203.0.113.0/24", "2001:db8:a::/48"]
BOTH = ALICE + ["198.51.100.0/24", "2001:db8:b::/48"]


class Watch:
    """kubectl get configmaps -w, its lines as they come."""

    def __init__(self, kube, place, d):
        self.process = kube.popen(place, d, "get", "configmaps", "-w", "-o", "name")
        self.lines, self.changed = [], threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.strip())
                self.changed.notify_all()

    def saw(self, name):
        with self.changed:
            return self.changed.wait_for(lambda: "configmap/" + name in self.lines, 60)

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_get_in_and_out(postern, kube, alice, bob, family):
    host = {"host": V6} if family == "v6" else {}
    postern.put(kube.document(ranges=ALICE))
    code, out, err = kube.kubectl(alice, postern, "get", "namespaces", **host)
    assert code == 0 and "kube-system" in out, err
    code, out, err = kube.kubectl(bob, postern, "get", "--raw", "/version", **host)
    assert code != 0 and not out and "reset" in err, err


def test_watch_is_cut_and_the_other_goes_on(postern, kube, alice, bob):
    postern.put(kube.document(ranges=BOTH))
    watches = [Watch(kube, alice, postern), Watch(kube, bob, postern)]
    try:
        kube.direct("create", "configmap", "first")
        assert all(w.saw("first") for w in watches)
        r = postern.patch("kube", {"public": {"ranges": ALICE}})
        assert r["operation"]["cut"] >= 1
        watches[1].process.wait(60)
        kube.direct("create", "configmap", "second")
        assert watches[0].saw("second")
        assert watches[0].process.poll() is None
        assert "configmap/second" not in watches[1].lines
    finally:
        for w in watches:
            w.end()
        kube.direct("delete", "configmap", "first", "second", "--ignore-not-found")


def test_writes_of_some_size(postern, kube, alice, tmp_path):
    """An object of half a megabyte there and back."""
    postern.put(kube.document(ranges=ALICE))
    (tmp_path / "big").write_text("0123456789abcdef" * 32768, encoding="ascii")
    code, _, err = kube.kubectl(alice, postern, "create", "configmap", "big", "--from-file=" + str(tmp_path / "big"))
    assert code == 0, err
    code, out, err = kube.kubectl(alice, postern, "get", "configmap", "big", "-o", "jsonpath={.data.big}")
    assert code == 0 and out == "0123456789abcdef" * 32768, err
    kube.direct("delete", "configmap", "big")


def test_kubeconfig_of_the_cli(postern, kube, alice, tmp_path):
    """What `postern kubeconfig` prints works with kubectl as it is, given the address that the name has for the client."""
    with open(kube.dir + "/ca.crt", encoding="ascii") as f:
        postern.put(kube.document(certificateAuthority=f.read()))
    text = postern.cli("kubeconfig", "kube", "--port", postern.port, "--client-certificate", kube.dir + "/admin.crt",
                       "--client-key", kube.dir + "/admin.key").stdout
    assert "https://kube.example.org:%d" % postern.port in text
    path = tmp_path / "config"
    path.write_text(text, encoding="ascii")
    # The name's address, as DNS would give it to alice.
    p = alice.popen(["kubectl", "--kubeconfig", path, "--server", "https://192.0.2.1:%d" % postern.port,
                     "--tls-server-name", kube.fqdn, "--cache-dir", tmp_path / "cache", "get", "--raw", "/version"],
                    env=kube.env, stdout=-1, stderr=-1, text=True)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 0 and "gitVersion" in out, err


def test_token_users_get_401_from_the_api_server_itself(postern, kube, alice):
    """Postern decides about networks only: a wrong credential is the API server's answer."""
    postern.put(kube.document(ranges=ALICE))
    env = {**kube.env, "KUBECONFIG": "/dev/null"}
    p = alice.popen(kube.argv(postern, "--certificate-authority", kube.dir + "/ca.crt", "--token", "wrong",
                              "get", "--raw", "/api"), env=env, stdout=-1, stderr=-1, text=True)
    _, err = p.communicate(timeout=60)
    assert p.returncode != 0 and ("Unauthorized" in err or "logged in" in err), err


def test_apiserver_health_is_seen(postern, kube):
    from daemon import wait_until
    postern.put(kube.document(ranges=ALICE))
    wait_until("upstream up", lambda: postern.get("kube")["status"]["upstreams"][0]["state"] == "up")
