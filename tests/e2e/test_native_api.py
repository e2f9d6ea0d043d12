# SPDX-License-Identifier: GPL-3.0-or-later
"""The native API and the CLI over it: whole or not at all, compare-and-swap, dry runs, errors that name the field."""
import json
import threading

import pytest

from daemon import ApiError, cluster

UP = [("10.0.0.5", 6443)]


def test_put_get_delete(postern):
    r = postern.put(cluster("api", UP, ["203.0.113.0/24"]))
    assert r["dryRun"] is False and r["changes"][0]["action"] == "create"
    assert r["operation"]["status"] == "succeeded" and r["operation"]["revision"] == r["revision"]
    o = postern.get("api")
    assert o["kind"] == "cluster" and o["name"] == "api" and o["revision"] == r["revision"]
    assert o["document"]["public"]["ranges"] == ["203.0.113.0/24"]
    again = postern.put(cluster("api", UP, ["203.0.113.0/24"]))
    assert again["changes"][0]["action"] == "unchanged" and again["operation"] is None
    assert postern.get("api")["revision"] == r["revision"]
    assert postern.delete("api")["changes"][0]["action"] == "delete"
    with pytest.raises(ApiError) as e:
        postern.get("api")
    assert (e.value.status, e.value.code) == (404, "not-found")


def test_merge_patch(postern):
    postern.put(cluster("mp", UP, ["203.0.113.0/24"], drain=5))
    r = postern.patch("mp", {"public": {"ranges": ["198.51.100.0/24"]}, "drain": None})
    diff = {d["path"]: (d["before"], d["after"]) for d in r["changes"][0]["diff"]}
    assert diff["public.ranges"] == (["203.0.113.0/24"], ["198.51.100.0/24"])
    doc = postern.get("mp")["document"]
    assert doc["public"]["ranges"] == ["198.51.100.0/24"] and doc["public"]["fqdn"] == "mp.example.org"
    assert doc.get("drain", 0) == 0
    postern.patch("mp", {"public": {"ranges": None}})
    assert "ranges" not in postern.get("mp")["document"]["public"]
    postern.patch("mp", {"public": {"ranges": []}})
    assert postern.get("mp")["document"]["public"]["ranges"] == []


def test_compare_and_swap(postern):
    r1 = postern.put(cluster("cas", UP))["revision"]
    r2 = postern.patch("cas", {"drain": 1}, headers={"If-Match": '"%d"' % r1})["revision"]
    assert r2 > r1
    with pytest.raises(ApiError) as e:
        postern.patch("cas", {"drain": 2}, headers={"If-Match": '"%d"' % r1})
    assert (e.value.status, e.value.code) == (409, "conflict")
    assert postern.get("cas")["document"]["drain"] == 1
    status, headers, _ = postern.raw("GET", "/v1/clusters/cas")
    assert status == 200 and headers["ETag"] == '"%d"' % r2


def test_two_writers_one_wins(postern):
    """Racing read-modify-write with If-Match: as many increments as answers that said yes."""
    postern.put(cluster("race", UP, drain=0))
    won = []

    def work():
        for _ in range(25):
            o = postern.get("race")
            try:
                postern.patch("race", {"drain": o["document"].get("drain", 0) + 1},
                              headers={"If-Match": '"%d"' % o["revision"]})
                won.append(1)
            except ApiError as e:
                assert e.code == "conflict"
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert postern.get("race")["document"]["drain"] == len(won) > 0


def test_dry_run_changes_nothing(postern):
    before = postern.status()["revision"]
    r = postern.put(cluster("dry", UP), dryRun="true")
    assert r["dryRun"] is True and r["changes"][0]["action"] == "create" and r["operation"] is None
    assert postern.status()["revision"] == before
    with pytest.raises(ApiError):
        postern.get("dry")


def test_apply_is_all_or_nothing(postern):
    before = postern.status()["revision"]
    bad = cluster("b", UP, ["203.0.113.1/24"])
    with pytest.raises(ApiError) as e:
        postern.apply(cluster("a", UP), bad, cluster("c", UP))
    assert e.value.code == "invalid" and e.value.path == "[1].public.ranges[0]", e.value
    assert postern.status()["revision"] == before and postern.clusters() == []
    r = postern.apply(cluster("a", UP), cluster("b", UP), cluster("c", UP))
    assert [c["action"] for c in r["changes"]] == ["create"] * 3 and r["revision"] == before + 1
    assert {o["revision"] for o in postern.clusters()} == {before + 1}


@pytest.mark.parametrize("change, path", [
    ({"public": {"ranges": ["203.0.113.1/24"]}}, "public.ranges[0]"),
    ({"public": {"ranges": ["203.0.113.0/24", "203.0.113.0/24"]}}, "public.ranges[1]"),
    ({"public": {"ranges": ["300.0.0.0/8"]}}, "public.ranges[0]"),
    ({"public": {"ranges": "203.0.113.0/24"}}, "public.ranges"),
    ({"public": {"fqdn": "-bad-.example.org"}}, "public.fqdn"),
    ({"public": {"fqdn": None}}, "public.fqdn"),
    ({"public": {"names": ["a.*.example.org"]}}, "public.names[0]"),
    ({"public": {"colour": "red"}}, "public.colour"),
    ({"public": {"enabled": False}}, "public.enabled"),
    ({"upstreams": []}, "upstreams"),
    ({"upstreams": [{"address": "host.example.org"}]}, "upstreams[0].address"),
    ({"upstreams": [{"address": "10.0.0.5", "port": 0}]}, "upstreams[0].port"),
    ({"drain": -1}, "drain"),
    ({"drain": 90000}, "drain"),
    ({"private": {"kind": "bridge"}}, "private.kind"),
    ({"command": {"enabled": True}}, "command.enabled"),
    ({"health": {"interval": 0}}, "health.interval"),
    ({"proxyProtocol": "v3"}, "proxyProtocol"),
    ({"limits": {"connections": -5}}, "limits.connections"),
    ({"certificateAuthority": "no pem"}, "certificateAuthority"),
])
def test_bad_field_is_named(postern, change, path):
    postern.put(cluster("bad", UP))
    before = postern.status()["revision"]
    with pytest.raises(ApiError) as e:
        postern.patch("bad", change)
    assert e.value.status == 422 and e.value.path == path, e.value
    assert e.value.message
    assert postern.status()["revision"] == before


@pytest.mark.parametrize("body, kind, statuses", [
    ("{", "application/json", (400, 422)), ("", "application/json", (400, 422)), ("[1,2]", "application/json", (400, 422)),
    ("a: *b", "application/yaml", (400, 422)), ("x" * 100, "text/html", (400, 415, 422)),
    ("[" * 10000, "application/json", (400, 422)), ('{"kind":"cluster","kind":"cluster"}', "application/json", (400, 422)),
], ids=["cut-off", "empty", "array", "alias", "type", "deep", "key-twice"])
def test_bad_bodies(postern, body, kind, statuses):
    with pytest.raises(ApiError) as e:
        postern.call("PUT", "/v1/clusters/x", body, kind=kind)
    assert e.value.status in statuses and e.value.message, e.value


def test_body_over_the_limit(postern):
    status, _, _ = postern.raw("PUT", "/v1/clusters/x", None, {"Content-Length": str(1 << 40), "Content-Type": "application/json"})
    assert status == 413
    assert postern.is_up()


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/v1/nothing", 404), ("GET", "/v2/clusters", 404), ("POST", "/v1/status", 405), ("GET", "/v1/clusters/../x", 404),
    ("GET", "/v1/operations/999999", 404), ("GET", "/v1/operations/abc", 404), ("GET", "/v1/explain?cluster=x&source=1.2.3.4", 404),
    ("GET", "/v1/explain?cluster=x&source=nonsense", None), ("DELETE", "/v1/clusters/none", 404),
    ("PUT", "/v1/clusters/none?wait=abc", None),
])
def test_bad_requests(postern, method, path, status):
    got, _, body = postern.raw(method, path)
    assert got == status if status else 400 <= got < 500, (got, body)
    assert json.loads(body)["error"]["message"]


def test_name_in_path_and_document_must_agree(postern):
    with pytest.raises(ApiError) as e:
        postern.call("PUT", "/v1/clusters/left", cluster("right", UP))
    assert e.value.status == 422 and "name" in e.value.path


def test_no_way_in_needs_force(postern):
    postern.put(cluster("force", UP))
    with pytest.raises(ApiError) as e:
        postern.patch("force", {"public": {"enabled": False}})
    assert "force" in e.value.message
    postern.patch("force", {"public": {"enabled": False}}, force="true")


def test_history_and_operations(postern):
    first = postern.put(cluster("hist", UP))
    postern.patch("hist", {"drain": 7})
    postern.delete("hist")
    h = postern.history(kind="cluster", name="hist", after=first["revision"] - 1)
    assert [c["revision"] for c in h] in ([first["revision"] + i for i in range(3)], [first["revision"] + 2 - i for i in range(3)])
    assert len({c["verb"] for c in h}) >= 2 and all(c["actor"] and c["time"] for c in h)
    op = postern.call("GET", "/v1/operations/" + first["operation"]["id"], wait=5)
    assert op["status"] == "succeeded" and op["waitingFor"] == []


def test_wait_zero_does_not_wait(postern):
    r = postern.put(cluster("nowait", UP), wait="0")
    assert r["operation"]["status"] in ("in-progress", "succeeded")
    op = postern.call("GET", "/v1/operations/" + r["operation"]["id"], wait=20)
    assert op["status"] == "succeeded"


def test_stopped_gate_keeps_an_operation_waiting(make_postern):
    """Succeeded means every gate: one that is stopped holds the operation; it names that gate; then it completes."""
    import os
    import signal
    from daemon import wait_until
    d = make_postern().start()
    pid = d.gate_pid(1)
    os.kill(pid, signal.SIGSTOP)
    try:
        r = d.put(cluster("held", UP), wait="1")
        assert r["operation"]["status"] == "in-progress" and r["operation"]["waitingFor"] == [1]
        wait_until("behind", lambda: d.status()["gates"][1]["state"] == "behind")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert d.call("GET", "/v1/operations/" + r["operation"]["id"], wait=20)["status"] == "succeeded"


def test_cli_round(postern, tmp_path):
    """apply, check, get, set, describe, delete by the CLI, with their exit codes."""
    f = tmp_path / "c.yaml"
    f.write_text("kind: cluster\nname: cli\nupstreams:\n  - address: 10.0.0.5\npublic:\n  fqdn: cli.example.org\n"
                 "  ranges: [203.0.113.0/24]\n", encoding="ascii")
    assert postern.cli("check", "-f", f, "--exit-code", check=False).returncode == 10
    assert "cli" in postern.cli("apply", "-f", f).stdout
    assert postern.cli("check", "-f", f, "--exit-code", check=False).returncode == 0
    assert "cli" in postern.cli("get", "clusters").stdout
    postern.cli("cluster", "set", "cli", "--add-allow", "198.51.100.0/24")
    assert postern.get("cli")["document"]["public"]["ranges"] == ["203.0.113.0/24", "198.51.100.0/24"]
    postern.cli("cluster", "set", "cli", "--remove-allow", "203.0.113.0/24")
    assert postern.get("cli")["document"]["public"]["ranges"] == ["198.51.100.0/24"]
    assert "198.51.100.0/24" in postern.cli("describe", "cluster", "cli").stdout
    assert json.loads(postern.cli("-o", "json", "get", "cluster", "cli").stdout)["name"] == "cli"
    p = postern.cli("cluster", "set", "cli", "--public", "off", check=False)
    assert p.returncode == 7 and "--force" in p.stderr
    assert postern.cli("delete", "cluster", "cli").returncode == 0
    assert postern.cli("get", "cluster", "cli", check=False).returncode == 3
    assert postern.cli("nonsense", check=False).returncode == 2
    p = postern.cli("apply", "-f", "-", check=False, stdin="kind: cluster\nname: x\n")
    assert p.returncode == 7 and p.stderr


def test_cli_without_daemon(tmp_path):
    import subprocess
    from daemon import POSTERN
    p = subprocess.run([POSTERN, "--socket", tmp_path / "none.sock", "status"], capture_output=True, text=True, timeout=30)
    assert p.returncode == 6 and "none.sock" in p.stderr
