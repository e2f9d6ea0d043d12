# SPDX-License-Identifier: GPL-3.0-or-later
"""
The CLI against a stub of the API: what it shows of the answers, and the kubeconfig that it makes.
"""
import base64
import json
import re

from cli_stub import CA, DOCUMENT, OLD, STATUS, api, cli, cluster, error, operation, result  # noqa: F401


# --- looking -------------------------------------------------------------------------------------------------------

def test_get_table(cli, api):
    down = cluster({**DOCUMENT, "name": "a", "public": {"fqdn": "a.example.org", "enabled": False},
                    "upstreams": [{"address": "10.0.0.1"}, {"address": "10.0.0.2"}]}, 9)
    down["status"]["upstreams"][1]["state"] = "down"
    many = cluster({**DOCUMENT, "name": "many", "public": {"fqdn": "m", "ranges": ["10.0.0.0/24"] * 5}})
    api.on("GET", "/v1/clusters", {"revision": 17, "items": [down, many]})
    lines = cli("get", "clusters").stdout.splitlines()
    assert lines[0].split() == ["NAME", "PUBLIC", "RANGES", "UPSTREAMS", "CONNECTIONS", "REVISION", "AGE"]
    assert re.split(r" {2,}", lines[1])[:6] == ["a", "off", "all", "1/2 up", "2", "9"]
    assert re.split(r" {2,}", lines[2])[:6] == ["many", "on", "10.0.0.0/24,10.0.0.0/24 +3", "1/1 up", "2", "17"]
    assert len({line.index(word) for line, word in zip(lines, ("PUBLIC", "off", "on "))}) == 1
    assert cli("get").stdout.splitlines() == lines


def test_get_yaml_can_be_applied_again(cli, api, tmp_path):
    other = {**DOCUMENT, "name": "other", "certificateAuthority": CA, "drain": 1.5, "proxyProtocol": "off"}
    api.on("GET", "/v1/clusters", {"revision": 17, "items": [cluster(), cluster(other)]})
    api.on("POST", "/v1/apply", result(op=None))
    got = cli("get", "-o", "yaml").stdout
    assert got.splitlines().count("---") == 2 and "revision" not in got
    assert cli("apply", "-f", "-", stdin=got).returncode == 0
    assert json.loads(api.asked("POST")[0]["body"]) == [DOCUMENT, other]


def test_get_json_is_the_apis(cli, api):
    everything = {"revision": 17, "items": [cluster()]}
    api.on("GET", "/v1/clusters", everything)
    api.on("GET", "/v1/clusters/prod", cluster())
    assert json.loads(cli("get", "clusters", "-o", "json").stdout) == everything
    assert json.loads(cli("get", "cluster/prod", "-o", "json").stdout) == cluster()


def test_get_nothing(cli, api):
    api.on("GET", "/v1/clusters", {"revision": 0, "items": []})
    r = cli("get")
    assert (r.returncode, r.stdout) == (0, "") and "no clusters yet" in r.stderr


def test_describe(cli, api):
    api.on("GET", "/v1/clusters/prod", cluster({**DOCUMENT, "limits": {"connections": 9}}))
    api.on("GET", "/v1/history", {"changes": [
        {"revision": 3, "kind": "cluster", "name": "prod", "verb": "create", "actor": "uid:0(root)", "via": "native",
         "time": OLD, "enforcedMs": 2.25},
        {"revision": 17, "kind": "cluster", "name": "prod", "verb": "update", "actor": "uid:5(eve)", "via": "native",
         "time": OLD, "enforcedMs": None}]})
    out = cli("describe", "cluster", "prod").stdout
    assert api.asked("GET")[1]["query"] == {"kind": "cluster", "name": "prod", "limit": "10"}
    for text in ("Name:         cluster/prod", "on, 2 authorized ranges:\n              203.0.113.0/24\n",
                 "9 connections, 0 per source", "tls every 5 s, within 2 s", "2 now; 7 admitted, 3 refused, 1 cut",
                 "2.0 KiB up, 5.0 MiB down", "10.0.0.5:6443  up"):
        assert text in out, text
    assert re.search(r"17 +2026-01-02 03:04:05 +update +uid:5\(eve\) +-\n +3 .* create .* 2\.2 ms", out)


def test_status(cli, api):
    api.on("GET", "/v1/status", STATUS)
    lines = cli("status").stdout.splitlines()
    assert lines[0] == "ok: 1 cluster, 2 connections, revision 17 enforced on 2 gates"
    assert "listening on 0.0.0.0:443, [::]:443" in lines[1]
    assert lines[3].split() == ["GATE", "PID", "STATE", "GENERATION", "CONNECTIONS", "ACCEPTED", "RESTARTS"]
    assert lines[5].split() == ["1", "12", "up", "17", "0", "0", "1"]
    api.answers.clear()
    api.on("GET", "/v1/status", {**STATUS, "store": "disk full", "generation": 16,
                                 "gates": [{**STATUS["gates"][0], "state": "behind"}]})
    out = cli("status").stdout
    assert out.startswith("degraded: 1 cluster, 2 connections, revision 17, of which 16 is enforced, 0 gates up of 1\n")
    assert "store: disk full" in out


def test_status_of_netd(cli, api):
    netd = {"state": "up", "pid": 13, "generation": 16, "off": "", "lacks": "", "failure": "", "failuresTotal": 0,
            "operationsTotal": 5, "cutTotal": 0, "restarts": 0}
    api.on("GET", "/v1/status", {**STATUS, "netd": netd})
    assert cli("status").stdout.splitlines()[2] == "netd: up, pid 13, generation 16"
    api.answers.clear()
    api.on("GET", "/v1/status", {**STATUS, "netd": {**netd, "state": "behind", "restarts": 2, "failure": "no veth"}})
    lines = cli("status").stdout.splitlines()
    assert lines[2] == "netd: behind, pid 13, generation 16, 2 restarts"
    assert lines[3] == "networks as declared cannot be made now: no veth"
    api.answers.clear()
    api.on("GET", "/v1/status", {**STATUS, "netd": {**netd, "state": "off", "pid": 0, "off": "no rights"}})
    assert cli("status").stdout.splitlines()[2:4] == ["netd: off", "no networks: no rights"]


def test_connections(cli, api):
    base = {"gate": 0, "cluster": "prod", "source": "203.0.113.9", "sourcePort": 5, "upstream": "10.0.0.5:6443",
            "state": "open", "since": OLD, "bytesUp": 1536, "bytesDown": 0, "drainLeftMs": 0}
    api.on("GET", "/v1/connections", {"connections": [
        {**base, "id": "0-1", "why": {"rule": "range", "range": "203.0.113.0/24"}},
        {**base, "id": "0-2", "why": {"rule": "open"}, "source": "2001:db8::1"},
        {**base, "id": "0-3", "why": {"rule": "draining"}, "state": "draining", "drainLeftMs": 2500},
        {"id": "0-4", "gate": 0, "source": "192.0.2.1", "sourcePort": 6, "state": "hello", "since": OLD, "bytesUp": 0,
         "bytesDown": 0, "why": {"rule": "unknown"}}]})
    lines = [re.split(r" {2,}", line) for line in cli("connections", "prod").stdout.splitlines()]
    assert api.requests[0]["query"] == {"cluster": "prod"}
    assert lines[0] == ["CLUSTER", "SOURCE", "UPSTREAM", "STATE", "SINCE", "UP", "DOWN", "WHY"]
    assert lines[1][:4] + lines[1][5:] == ["prod", "203.0.113.9:5", "10.0.0.5:6443", "open", "1.5 KiB", "0",
                                           "in 203.0.113.0/24"]
    assert lines[2][1] == "[2001:db8::1]:5" and lines[2][7] == "open to all"
    assert lines[3][3] == "draining" and lines[3][7] == "forbidden, cut in 3 s"
    assert lines[4][:4] == ["-", "192.0.2.1:6", "-", "hello"]


EVENTS = [{"time": OLD, "event": "refused", "gate": 1, "cluster": "prod", "source": "198.51.100.9", "sourcePort": 99,
           "serverName": "prod\x1b[2J", "reason": "not-in-ranges", "rule": "198.51.100.9 is in none of 2 ranges",
           "suppressed": 4},
          {"time": OLD, "event": "closed", "cluster": "prod", "source": "::1", "sourcePort": 7, "bytesUp": 10,
           "bytesDown": 2048, "durationMs": 1500, "upstream": "10.0.0.5:6443"},
          {"time": OLD, "event": "enforced", "revision": 17, "enforcedMs": 4.3869999999999996}]


def test_events(cli, api):
    stream = "".join(json.dumps(e) + "\n" for e in EVENTS).encode()
    api.on("GET", "/v1/events", stream)
    r = cli("events", "--cluster", "prod", "--accepted", "--last", "5")
    assert r.returncode == 0 and api.requests[0]["query"] == {"cluster": "prod", "accepted": "true", "last": "5"}
    lines = r.stdout.splitlines()
    assert len(lines) == 3 and "\x1b" not in r.stdout
    for text in (OLD + "  refused", " prod ", "198.51.100.9:99", "not-in-ranges: 198.51.100.9 is in none of 2 ranges",
                 'asked for "prod\\x1b[2J"', "(gate 1)", "and 4 like it before"):
        assert text in lines[0], text
    assert "[::1]:7" in lines[1] and "after 1.5 s, 10 B up, 2.0 KiB down" in lines[1]
    assert lines[2].endswith("revision=17  enforcedMs=4.387")
    assert cli("events", "-o", "json").stdout.encode() == stream


def test_following_events_ends_with_an_error_when_the_daemon_ends(cli, api):
    api.on("GET", "/v1/events", (json.dumps(EVENTS[0]) + "\n").encode())
    r = cli("events", "-f")
    assert api.requests[0]["query"] == {"follow": "true"}
    assert r.returncode == 6 and r.stdout.count("\n") == 1 and "ended the stream" in r.stderr


def test_events_refused(cli, api):
    api.on("GET", "/v1/events", error("forbidden", "uid 5 may not look"), 403)
    r = cli("events", "-f")
    assert (r.returncode, r.stderr) == (5, "error: uid 5 may not look\n")


def test_history(cli, api):
    api.on("GET", "/v1/history", {"changes": [
        {"revision": 3, "kind": "cluster", "name": "prod", "verb": "create", "actor": "uid:0(root)", "via": "native",
         "time": OLD, "enforcedMs": 2.25, "document": DOCUMENT}]})
    lines = cli("history", "cluster", "prod", "--after", "2", "--limit", "7").stdout.splitlines()
    assert api.requests[0]["query"] == {"kind": "cluster", "name": "prod", "after": "2", "limit": "7"}
    assert lines[0].split() == ["REVISION", "TIME", "CHANGE", "OBJECT", "BY", "VIA", "ENFORCED"]
    assert re.split(r" {2,}", lines[1]) == ["3", "2026-01-02 03:04:05", "create", "cluster/prod", "uid:0(root)",
                                            "native", "2.2 ms"]


def test_explain(cli, api):
    api.on("GET", "/v1/explain", {"reached": True, "reason": "range", "rule": "it is in 203.0.113.0/24", "range": "x"})
    r = cli("explain", "prod", "203.0.113.9")
    assert api.requests[0]["query"] == {"cluster": "prod", "source": "203.0.113.9"}
    assert (r.returncode, r.stdout) == (0, "yes: 203.0.113.9 reaches cluster/prod: it is in 203.0.113.0/24\n")
    api.answers.clear()
    api.on("GET", "/v1/explain", {"reached": False, "reason": "not-in-ranges", "rule": "in none of 2 ranges"})
    assert cli("explain", "prod", "192.0.2.1").stdout.startswith("no: 192.0.2.1 does not reach cluster/prod: in none")


def test_operation(cli, api):
    api.on("GET", "/v1/operations/17", operation(draining=2))
    api.on("GET", "/v1/operations/18", operation(id="18", status="in-progress", waitingFor=[0, 1]))
    api.on("GET", "/v1/status", STATUS)
    r = cli("operation", "17", "--wait", "3")
    assert api.requests[0]["query"] == {"wait": "3"}
    assert r.stdout == ("operation 17: revision 17 enforced in 1.9 ms on 2 gates, 1 connection cut, "
                        "2 connections draining\n")
    r = cli("operation", "18")
    assert r.returncode == 8 and "waiting for gates 0, 1" in r.stdout


# --- kubeconfig ----------------------------------------------------------------------------------------------------

def test_kubeconfig(cli, api, tmp_path):
    certificate = tmp_path / "me.crt"
    certificate.write_text(CA)
    api.on("GET", "/v1/clusters/prod", cluster({**DOCUMENT, "certificateAuthority": CA}))
    r = cli("kubeconfig", "prod", "--port", "8443", "--client-certificate", str(certificate), "--client-key",
            str(certificate), "-o", "json")
    assert r.returncode == 0 and r.stderr == ""
    config, pem = json.loads(r.stdout), base64.b64encode(CA.encode()).decode()
    assert config["apiVersion"] == "v1" and config["kind"] == "Config" and config["current-context"] == "prod"
    assert config["clusters"] == [{"name": "prod", "cluster": {"server": "https://prod.example.org:8443",
                                                               "certificate-authority-data": pem}}]
    assert config["contexts"] == [{"name": "prod", "context": {"cluster": "prod", "user": "prod"}}]
    assert config["users"] == [{"name": "prod", "user": {"client-certificate-data": pem, "client-key-data": pem}}]


def test_kubeconfig_without_user_authority_and_ranges_notes_it(cli, api):
    api.on("GET", "/v1/clusters/prod", cluster({**DOCUMENT, "public": {"fqdn": "prod.example.org"}}))
    r = cli("kubeconfig", "prod")
    assert r.returncode == 0 and "server: https://prod.example.org\n" in r.stdout and "users: []" in r.stdout
    notes = r.stderr.splitlines()
    assert len(notes) == 2 and all(n.startswith("note: ") for n in notes)
    assert "certificateAuthority" in notes[0] and "open to every source" in notes[1]
