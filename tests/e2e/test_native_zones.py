# SPDX-License-Identifier: GPL-3.0-or-later
"""
Zones, links and names of clusters through the API and the CLI: what is declared, and what names_of() makes of it.
"""
import json
import os
import subprocess

import pytest

import net
from daemon import ROOT, ApiError, Posternd, cluster as plain_cluster

EXAMPLE = os.path.join(ROOT, "examples/zone.yaml")
PRIVATE = "ledger.ledger.privatelink.k8s.example.org"


@pytest.fixture(scope="module")
def postern():
    net.own_run()
    looks = [x for glob in ("corp*", "backend") for x in ("--access", "user:65533=view:" + glob)]
    with Posternd("--netns-prefix", "names", *looks) as d:
        yield d


@pytest.fixture
def example(postern):
    postern.cli("apply", "-f", EXAMPLE)
    yield
    postern.cli("delete", "-f", EXAMPLE)
    assert postern.call("GET", "/v1/zones")["items"] == []
    assert postern.call("GET", "/v1/zone-links")["items"] == []


def cluster(postern, **dns):
    document = postern.call("GET", "/v1/clusters/ledger")["document"]
    return {**document, "dns": {**document["dns"], **dns}}


def test_names_follow_links_and_settings(postern, example):
    assert "10.40.1.10 %s\n" % PRIVATE in postern.cli("names", "shop").stdout
    assert " ledger.k8s.example.org" not in postern.cli("names", "shop").stdout
    postern.apply(cluster(postern, publicName=True))
    assert "ledger.k8s.example.org" in postern.cli("names", "shop").stdout
    postern.cli("delete", "zone-link", "ledger-frontend")
    out = postern.cli("names", "shop").stdout
    assert PRIVATE not in out and "ledger.k8s.example.org" in out
    postern.cli("apply", "-f", EXAMPLE)


def resolve(postern, name, **where):
    query = "&".join("%s=%s" % kv for kv in {"name": name, **where}.items())
    return postern.call("GET", "/v1/resolve?" + query)["answers"]


def test_why_a_name_is_answered_so(postern, example):
    """The zone and the link that decide, or why there is no such name."""
    a, = resolve(postern, "DB.corp.example.", type="A", host="shop")
    assert (a["result"], a["values"], a["ttl"], a["name"]) == ("data", ["10.40.1.20"], 60, "db.corp.example")
    step, = a["steps"]
    assert (step["of"], step["by"], step["domain"]) == ("zone/corp", "zone-link/corp-frontend", "corp.example")
    assert [a["result"] for a in resolve(postern, PRIVATE, network="backend")] == ["data", "nodata"]
    assert [a["result"] for a in resolve(postern, "db.corp.example")] == ["refused", "refused"]
    assert resolve(postern, "x.office.example", network="backend")[0]["steps"][0]["servers"] == ["192.0.2.53"]
    postern.cli("delete", "zone-link", "ledger-frontend")
    r = postern.cli("resolve", PRIVATE, "--host", "shop", check=False)
    assert r.returncode == 3 and 'cluster "ledger" is not linked to this network' in r.stdout, r.stdout
    postern.cli("apply", "-f", EXAMPLE)
    r = postern.cli("resolve", PRIVATE, "--host", "host/shop", "-t", "a")
    assert r.stdout.startswith("%s A: data\n  30  10.40.1.10\n" % PRIVATE), r.stdout


def test_what_may_not_be_viewed_is_hidden(postern, example):
    """Who may view a zone is not told what the system keeps in it for clusters that he may not view."""
    if not postern.separate_users:
        pytest.skip("root in a user namespace only: there is no other user")
    postern.cli("delete", "zone-link", "ledger-frontend")
    postern.apply({**cluster(postern), "dns": {"zone": "own", "ownZone": "corp", "privateFqdn": "api.corp.example"}})

    def asked(uid, path):
        code = ("import os, socket, sys\nos.setgroups([]); os.setgid(%d); os.setuid(%d)\ns = socket.socket(socket.AF_UNIX)\n"
                "s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode())\nprint(s.makefile().read())" % (uid, uid))
        request = "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path
        p = subprocess.run(["python3", "-c", code, postern.socket, request], capture_output=True, text=True, timeout=30, check=True)
        return json.loads(p.stdout.split("\n\n", 1)[1])
    path = "/v1/resolve?type=A&network=backend&name="
    a, = resolve(postern, "api.corp.example", type="A", network="backend")
    assert (a["result"], a["values"]) == ("data", ["10.40.1.10"])
    a, = asked(65533, path + "api.corp.example")["answers"]
    assert (a["result"], a["values"], a["ttl"]) == ("hidden", [], 0) and "10.40.1.10" not in json.dumps(a), a
    a, = asked(65533, path + "db.corp.example")["answers"]
    assert (a["result"], a["values"]) == ("data", ["10.40.1.20"])
    assert asked(65533, "/v1/zones/corp")["status"]["systemRecords"] == []
    postern.cli("apply", "-f", EXAMPLE)


@pytest.mark.parametrize("query, status, path", [
    ("", 400, "name"), ("name=a.b&type=SPF", 400, "type"), ("name=a.b&host=shop&network=backend", 400, "network"),
    ("name=a.b&host=nobody", 404, ""), ("name=a..b", 422, "name"), ("name=%2a.b", 422, "name"),
])
def test_bad_questions(postern, example, query, status, path):
    with pytest.raises(ApiError) as e:
        postern.call("GET", "/v1/resolve?" + query)
    assert (e.value.status, e.value.path) == (status, path), e.value


def test_what_the_system_keeps_is_told_apart(postern, example):
    kept = {"name": "ledger", "type": "A", "ttl": 30, "values": ["10.40.1.10"], "cluster": "ledger"}
    status = postern.call("GET", "/v1/clusters/ledger")["status"]
    assert status["zone"] == {"domain": PRIVATE.split(".", 1)[1], "records": [kept]}
    assert postern.call("GET", "/v1/zones/corp")["status"]["systemRecords"] == []
    out = postern.cli("describe", "cluster", "ledger").stdout
    assert "kept by the system" in out and "10.40.1.10" in out


def test_a_zone_goes_out_and_comes_back(postern, example, tmp_path):
    before = postern.call("GET", "/v1/zones/corp")
    path = tmp_path / "corp.zone"
    path.write_text(postern.cli("zone", "export", "corp").stdout)
    assert "SOA\tns hostmaster %d " % before["revision"] in path.read_text()
    postern.cli("zone", "import", "corp", "-f", path, "--domain", "corp.example")
    document = postern.call("GET", "/v1/zones/corp")["document"]

    def sets(d):
        return {(r["name"], r["type"], tuple(v.rstrip(".") for v in r["values"])) for r in d["records"]}
    assert sets(document) == sets(before["document"]) and document["ttl"] == 60
    path.write_text(path.read_text() + "db A 10.0.0\n")
    r = postern.cli("zone", "import", "corp", "-f", path, "--domain", "corp.example", check=False)
    assert r.returncode == 7 and "corp.zone, line %d" % len(path.read_text().splitlines()) in r.stderr
    assert postern.call("GET", "/v1/zones/corp")["document"] == document


@pytest.mark.parametrize("document, path, text", [
    ({"kind": "zone", "name": "corp", "domain": "corp.example", "visibility": "public"}, "visibility", "in use by zone-link"),
    ({"kind": "zone-link", "name": "again", "zone": "corp", "network": "backend"}, "zone", "already, by zone-link"),
    ({"kind": "zone", "name": "x", "domain": "a.b", "visibility": "private",
      "records": [{"name": "a", "type": "A", "values": ["10.0.0"]}]}, "records[0].values[0]", "IPv4"),
    ({"kind": "network", "name": "backend", "addressSpace": ["10.40.0.0/16"], "dns": {"servers": ["10.40.1.2"]}},
     "dns.servers[0]", "ask itself"),
])
def test_refused(postern, example, document, path, text):
    with pytest.raises(ApiError) as e:
        postern.apply(document)
    assert e.value.status == 422 and e.value.path.endswith(path) and text in str(e.value)


def test_the_wrong_configuration(postern, example):
    wrong = {**cluster(postern), "dns": {"publicName": False}}
    with pytest.raises(ApiError) as e:
        postern.apply(wrong)
    assert e.value.path.endswith("dns.publicName") and "without any name" in str(e.value)


def test_in_use(postern, example):
    for kind, name, by in (("zone", "corp", "zone-link"), ("cluster", "ledger", "zone-link"), ("network", "frontend", "")):
        r = postern.cli("delete", kind, name, check=False)
        assert r.returncode == 7 and "in use by " + by in r.stderr
