# SPDX-License-Identifier: GPL-3.0-or-later
"""
The CLI against a stub of the API: what it shows of the answers, and the kubeconfig that it makes.
"""
import base64
import json
import re

import pytest

from cli_stub import CA, DOCUMENT, OLD, STATUS, api, cli, cluster, error, operation, result, thing  # noqa: F401


PLURALS = ["clusters", "networks", "subnets", "route-tables", "internet-gateways", "nat-gateways", "public-addresses",
           "peerings", "hubs", "sites", "security-groups", "hosts", "private-endpoints", "zones", "zone-links", "tsig-keys"]


# --- looking -------------------------------------------------------------------------------------------------------

def test_get_table(cli, api):
    down = cluster({**DOCUMENT, "name": "a", "public": {"fqdn": "a.example.org", "enabled": False},
                    "upstreams": [{"address": "10.0.0.1"}, {"address": "10.0.0.2"}]}, 9)
    down["status"]["upstreams"][1]["state"] = "down"
    many = cluster({**DOCUMENT, "name": "many", "public": {"fqdn": "m", "ranges": ["10.0.0.0/24"] * 5}})
    api.on("GET", "/v1/clusters", {"revision": 17, "items": [down, many]})
    lines = cli("get", "clusters").stdout.splitlines()
    assert lines[0].split() == ["NAME", "PUBLIC", "RANGES", "PRIVATE", "UPSTREAMS", "CONNECTIONS", "REVISION", "AGE"]
    assert re.split(r" {2,}", lines[1])[:7] == ["a", "off", "all", "none", "1/2 up", "2", "9"]
    assert re.split(r" {2,}", lines[2])[:7] == ["many", "on", "10.0.0.0/24,10.0.0.0/24 +3", "none", "1/1 up", "2", "17"]
    assert len({line.index(word) for line, word in zip(lines, ("PUBLIC", "off", "on "))}) == 1


def test_get_yaml_can_be_applied_again(cli, api, tmp_path):
    other = {**DOCUMENT, "name": "other", "certificateAuthority": CA, "drain": 1.5, "proxyProtocol": "off"}
    api.on("GET", "/v1/clusters", {"revision": 17, "items": [cluster(), cluster(other)]})
    api.on("POST", "/v1/apply", result(op=None))
    got = cli("get", "clusters", "-o", "yaml").stdout
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
    r = cli("get", "clusters")
    assert (r.returncode, r.stdout) == (0, "") and "no clusters yet" in r.stderr


# Of each kind an object, and the row that the table shows of it without its age.
KINDS = [
    (thing("network", "shop", {"subnets": 2, "hosts": 3, "endpoints": 1}, addressSpace=["10.0.0.0/16", "fd00::/48"]),
     ["NAME", "SPACE", "SUBNETS", "HOSTS", "ENDPOINTS"], ["shop", "10.0.0.0/16,fd00::/48", "2", "3", "1"]),
    (thing("subnet", "a", {"hosts": 2, "freeAddresses": 249}, network="shop", ranges=["10.0.1.0/24"], routeTable="rt"),
     ["NAME", "NETWORK", "RANGES", "ROUTE TABLE", "DELEGATION", "HOSTS", "FREE"],
     ["a", "shop", "10.0.1.0/24", "rt", "none", "2", "249"]),
    (thing("route-table", "rt", {"usedBy": ["subnet/a"]}, network="shop",
           routes=[{"to": "0.0.0.0/0", "via": {"natGateway": "out"}}, {"to": "10.9.0.0/16", "via": {"drop": True}}]),
     ["NAME", "NETWORK", "ROUTES", "USED BY"],
     ["rt", "shop", "0.0.0.0/0=natGateway/out,10.9.0.0/16=drop", "subnet/a"]),
    (thing("internet-gateway", "igw", network="shop"), ["NAME", "NETWORK"], ["igw", "shop"]),
    (thing("nat-gateway", "out", subnet="a", publicAddress="ip"), ["NAME", "SUBNET", "PUBLIC ADDRESS"],
     ["out", "a", "ip"]),
    (thing("public-address", "ip", {"usedBy": ["nat-gateway/out"]}, addresses=["198.51.100.7"]),
     ["NAME", "ADDRESSES", "USED BY"], ["ip", "198.51.100.7", "nat-gateway/out"]),
    (thing("peering", "p", networks=["shop", "lab"]), ["NAME", "NETWORKS", "ROUTES"], ["p", "shop,lab", "automatic"]),
    (thing("zone", "corp", {"usedBy": ["zone-link/shop"]}, domain="corp.example", visibility="private", records=[{}, {}]),
     ["NAME", "DOMAIN", "VISIBILITY", "RECORDS", "USED BY"], ["corp", "corp.example", "private", "2", "zone-link/shop"]),
    (thing("zone-link", "shop", zone="corp", network="shop"),
     ["NAME", "ZONE", "WHERE", "FALL THROUGH"], ["shop", "zone/corp", "network/shop", "no"]),
    (thing("tsig-key", "relay", {"usedBy": ["zone/corp"]}, keyName="relay.corp.example", secret="MDEyMzQ1Njc4OWFiY2RlZg=="),
     ["NAME", "KEY NAME", "ALGORITHM", "USED BY"], ["relay", "relay.corp.example", "hmac-sha256", "zone/corp"]),
    (thing("zone-link", "office", cluster="prod", site="office", fallThrough=True),
     ["NAME", "ZONE", "WHERE", "FALL THROUGH"], ["office", "cluster/prod", "site/office", "yes"]),
    (thing("hub", "h", attachments=[{"network": "shop"}, {"network": "lab", "routes": "none"}]),
     ["NAME", "ATTACHED", "ROUTES"], ["h", "shop,lab", "-"]),
    (thing("site", "office", {"hosts": 1}, addressSpace=["172.16.0.0/16"], connections=[{"hub": "h"}]),
     ["NAME", "SPACE", "CONNECTED", "PUBLIC ADDRESS", "HOSTS"], ["office", "172.16.0.0/16", "hub/h", "-", "1"]),
    (thing("security-group", "api", {"usedBy": ["cluster/prod"]}, network="shop", ingress=[{}, {}]),
     ["NAME", "NETWORK", "INGRESS", "EGRESS", "USED BY"], ["api", "shop", "2 rules", "everything", "cluster/prod"]),
    (thing("security-group", "shut", network="shop", egress=[]),
     ["NAME", "NETWORK", "INGRESS", "EGRESS", "USED BY"], ["shut", "shop", "nothing", "nothing", "-"]),
    (thing("host", "web", subnet="a", addresses=["10.0.1.9"], securityGroups=["api", "shut"]),
     ["NAME", "WHERE", "ADDRESSES", "GROUPS", "PUBLIC"], ["web", "subnet/a", "10.0.1.9", "api,shut", "-"]),
    (thing("private-endpoint", "pe", cluster="prod", subnet="a", addresses=["10.0.1.8"], state="pending"),
     ["NAME", "CLUSTER", "SUBNET", "ADDRESSES", "STATE", "GROUPS"], ["pe", "prod", "a", "10.0.1.8", "pending", "-"]),
]


@pytest.mark.parametrize("o, titles, row", KINDS, ids=lambda x: x["name"] if isinstance(x, dict) else "")
def test_each_kind_has_its_columns(cli, api, o, titles, row):
    plural = o["kind"] + ("es" if o["kind"].endswith("s") else "s")
    api.on("GET", "/v1/" + plural, {"revision": 5, "items": [o]})
    lines = [re.split(r" {2,}", line) for line in cli("get", o["kind"]).stdout.splitlines()]
    assert lines[0] == titles + ["AGE"] and lines[1][:-1] == row


def test_get_all_has_a_table_for_each_kind_that_has_objects(cli, api):
    for kind in PLURALS:
        api.on("GET", "/v1/" + kind, {"revision": 5, "items": []})
    assert "nothing is declared yet" in cli("get").stderr
    for plural, o in (("networks", KINDS[0][0]), ("hosts", KINDS[-2][0])):
        api.answers.pop(("GET", "/v1/" + plural))
        api.on("GET", "/v1/" + plural, {"revision": 5, "items": [o]})
    out = cli("get", "all").stdout
    assert out == cli("get").stdout
    assert re.findall(r"^(\w+):$", out, re.M) == ["networks", "hosts"] and "\n\nhosts:\nNAME" in out
    both = [KINDS[0][0], KINDS[-2][0]]
    assert json.loads(cli("get", "all", "-o", "json").stdout) == {"items": both}
    api.on("POST", "/v1/apply", result(op=None))
    assert cli("apply", "-f", "-", stdin=cli("get", "-o", "yaml").stdout).returncode == 0
    assert json.loads(api.asked("POST")[0]["body"]) == [o["document"] for o in both]


def test_describe_of_any_kind(cli, api):
    host = thing("host", "web", {"namespace": "/run/netns/postern.host.web", "addresses": ["10.0.1.9", "fd00::9"],
                                 "publicAddresses": ["198.51.100.9"], "usedBy": []}, subnet="a", securityGroups=["api"])
    api.on("GET", "/v1/hosts/web", host)
    api.on("GET", "/v1/history", {"changes": [
        {"revision": 5, "kind": "host", "name": "web", "verb": "create", "actor": "uid:0(root)", "via": "native",
         "time": OLD, "enforcedMs": 2.25}]})
    out = cli("describe", "host/web").stdout
    for text in ("Name:         host/web\n", "Namespace:    /run/netns/postern.host.web\n",
                 "Addresses:    10.0.1.9\n              fd00::9\n", "Public:       198.51.100.9\n",
                 "Used by:      nothing\n", "Document:\n  subnet: a\n  securityGroups:\n", "Last changes:\n"):
        assert text in out, text


def test_describe_shows_the_private_part_of_a_cluster(cli, api):
    doc = {**DOCUMENT, "private": {"kind": "interfaces", "enabled": False, "placements": [{"subnet": "a"}],
                                   "securityGroups": ["api"], "ranges": []}}
    o = cluster(doc, endpoints=[{"address": "10.0.1.7", "port": 443, "network": "shop", "subnet": "a",
                                 "of": "cluster/prod", "state": "off"}])
    api.on("GET", "/v1/clusters/prod", o)
    api.on("GET", "/v1/history", {"changes": []})
    out = cli("describe", "cluster", "prod").stdout
    assert "Private:      interfaces, off\n  Groups:     api\n  Ranges:     nobody\n" in out
    assert re.search(r"^  10\.0\.1\.7 +443 +shop +a +cluster/prod +off$", out, re.M)
    api.on("GET", "/v1/clusters", {"revision": 5, "items": [o]})
    assert re.split(r" {2,}", cli("get", "clusters").stdout.splitlines()[1])[3] == "interfaces, off"


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
         "bytesDown": 0, "why": {"rule": "unknown"}},
        {**base, "id": "0-5", "why": {"rule": "private"}, "source": "10.0.2.9", "via": "10.0.1.7", "network": "prod"},
        {**base, "id": "0-6", "why": {"rule": "draining"}, "state": "draining", "drainLeftMs": 2500, "via": "fd00::7",
         "network": None}]})
    lines = [re.split(r" {2,}", line) for line in cli("connections", "prod").stdout.splitlines()]
    assert api.requests[0]["query"] == {"cluster": "prod"}
    assert lines[0] == ["CLUSTER", "SOURCE", "UPSTREAM", "STATE", "SINCE", "UP", "DOWN", "WHY"]
    assert lines[1][:4] + lines[1][5:] == ["prod", "203.0.113.9:5", "10.0.0.5:6443", "open", "1.5 KiB", "0",
                                           "in 203.0.113.0/24"]
    assert lines[2][1] == "[2001:db8::1]:5" and lines[2][7] == "open to all"
    assert lines[3][3] == "draining" and lines[3][7] == "forbidden, cut in 3 s"
    assert lines[4][:4] == ["-", "192.0.2.1:6", "-", "hello"]
    assert lines[5][7] == "via private endpoint 10.0.1.7 (network prod)"
    assert lines[6][7] == "forbidden, cut in 3 s, via private endpoint fd00::7"


EVENTS = [{"time": OLD, "event": "refused", "gate": 1, "cluster": "prod", "source": "198.51.100.9", "sourcePort": 99,
           "serverName": "prod\x1b[2J", "reason": "not-in-ranges", "rule": "198.51.100.9 is in none of 2 ranges",
           "suppressed": 4},
          {"time": OLD, "event": "closed", "cluster": "prod", "source": "::1", "sourcePort": 7, "bytesUp": 10,
           "bytesDown": 2048, "durationMs": 1500, "upstream": "10.0.0.5:6443"},
          {"time": OLD, "event": "refused", "cluster": "prod", "source": "10.0.2.9", "sourcePort": 8, "via": "10.0.1.7",
           "network": "prod", "reason": "not-admitted", "rule": "nobody may"},
          {"time": OLD, "event": "enforced", "revision": 17, "enforcedMs": 4.3869999999999996}]


def test_events(cli, api):
    stream = "".join(json.dumps(e) + "\n" for e in EVENTS).encode()
    api.on("GET", "/v1/events", stream)
    r = cli("events", "--cluster", "prod", "--accepted", "--last", "5")
    assert r.returncode == 0 and api.requests[0]["query"] == {"cluster": "prod", "accepted": "true", "last": "5"}
    lines = r.stdout.splitlines()
    assert len(lines) == 4 and "\x1b" not in r.stdout
    for text in (OLD + "  refused", " prod ", "198.51.100.9:99", "not-in-ranges: 198.51.100.9 is in none of 2 ranges",
                 'asked for "prod\\x1b[2J"', "(gate 1)", "and 4 like it before"):
        assert text in lines[0], text
    assert "[::1]:7" in lines[1] and "after 1.5 s, 10 B up, 2.0 KiB down" in lines[1]
    assert "10.0.2.9:8" in lines[2] and lines[2].endswith(
        "  via private endpoint 10.0.1.7 (network prod)  not-admitted: nobody may")
    assert lines[3].endswith("revision=17  enforcedMs=4.387")
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


STEPS = {"reached": False, "reason": "no-route", "rule": 'subnet "a" has no route to 203.0.113.1', "range": None,
         "via": "public", "steps": [{"where": 'host "web"', "ok": True, "text": "prod.example.org answers 203.0.113.1"},
                                    {"where": 'subnet "a"', "ok": False, "text": "no \x1b[2Jroute"}]}


def test_explain_of_a_host_shows_each_step(cli, api):
    api.on("GET", "/v1/explain", STEPS)
    r = cli("explain", "cluster/prod", "--host", "host/web", "--address", "public")
    assert api.requests[0]["query"] == {"cluster": "prod", "host": "web", "address": "public"}
    assert (r.returncode, r.stdout) == (0, 'no: host/web does not reach cluster/prod by public: subnet "a" has no route '
                                           'to 203.0.113.1\n'
                                           '  ok  host "web": prod.example.org answers 203.0.113.1\n'
                                           '  NO  subnet "a": no \\x1b[2Jroute\n')
    cli("explain", "prod", "10.0.2.9", "--network", "shop")
    assert api.requests[1]["query"] == {"cluster": "prod", "source": "10.0.2.9", "network": "shop"}
    assert json.loads(cli("explain", "prod", "--host", "web", "-o", "json").stdout) == STEPS


def test_names_are_lines_of_a_hosts_file(cli, api):
    api.on("GET", "/v1/hosts/web/names", {"host": "web", "names": [
        {"name": "prod.example.org", "addresses": ["10.0.1.7", "fd00::7"]}, {"name": "gone", "addresses": []}]})
    r = cli("names", "host/web")
    assert (r.returncode, r.stdout) == (0, "10.0.1.7 prod.example.org\nfd00::7 prod.example.org\n")
    api.answers.clear()
    api.on("GET", "/v1/hosts/web/names", {"host": "web", "names": []})
    assert "no name answers there" in cli("names", "web").stderr


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
