# SPDX-License-Identifier: GPL-3.0-or-later
"""
The native API and the CLI over networks: explanations of the way from a host, the names there, the status of every kind. What
is declared, not what the kernel does.
"""
import json
import os

import pytest

from daemon import ApiError

LANDSCAPE = """
kind: host
name: web
subnet: private-a
addresses: [10.0.1.9]
securityGroups: [clients]
---
kind: host
name: peered
subnet: lab-a
addresses: [10.1.0.9]
---
kind: network
name: shop
addressSpace: [10.0.0.0/16]
---
kind: network
name: lab
addressSpace: [10.1.0.0/16]
---
kind: subnet
name: private-a
network: shop
ranges: [10.0.1.0/24]
routeTable: by-nat
---
kind: subnet
name: public-a
network: shop
ranges: [10.0.0.0/24]
routeTable: by-gateway
---
kind: subnet
name: lab-a
network: lab
ranges: [10.1.0.0/24]
---
kind: internet-gateway
name: gateway
network: shop
---
kind: public-address
name: nat-address
addresses: [198.51.100.77]
---
kind: nat-gateway
name: nat
subnet: public-a
publicAddress: nat-address
---
kind: route-table
name: by-nat
network: shop
routes: [{to: 0.0.0.0/0, via: {natGateway: nat}}]
---
kind: route-table
name: by-gateway
network: shop
routes: [{to: 0.0.0.0/0, via: {internetGateway: gateway}}]
---
kind: peering
name: shop-lab
networks: [shop, lab]
---
kind: security-group
name: api
network: shop
ingress: [{protocol: tcp, ports: 443, groups: [clients]}]
---
kind: security-group
name: clients
network: shop
---
kind: cluster
name: private
upstreams: [{address: 127.0.0.1}]
health: {kind: none}
public: {fqdn: private.example.org, ranges: [203.0.113.0/24]}
private:
  kind: interfaces
  placements: [{subnet: private-a, addresses: [10.0.1.7]}]
  securityGroups: [api]
"""


@pytest.fixture
def landscape(postern, tmp_path):
    path = tmp_path / "landscape.yaml"
    path.write_text(LANDSCAPE)
    postern.cli("apply", "-f", path)
    yield str(path)
    postern.cli("delete", "-f", path)  # in one go, whatever the order
    assert postern.call("GET", "/v1/networks")["items"] == []


def explain(postern, **query):
    return postern.call("GET", "/v1/explain", cluster="private", **query)


def test_explain_follows_the_way_from_a_host(postern, landscape):
    a = explain(postern, host="web")
    assert a["reached"] and a["reason"] == "private" and a["via"] == "private 10.0.1.7 in network shop"
    assert (a["host"], a["address"], a["source"]) == ("web", "10.0.1.7", "10.0.1.9")
    assert a["rule"] == 'members of security group "clients"'.join(
        ('10.0.1.9 is admitted by ingress rule 1 of security group "api" (', ")"))
    assert a["steps"][0]["text"] == "private.example.org answers 10.0.1.7 here: private"
    assert all(s["ok"] for s in a["steps"]) and a["steps"][-1]["text"] == a["rule"]
    a = explain(postern, host="web", address="public")
    assert not a["reached"] and a["reason"] == "not-in-ranges" and a["source"] == "198.51.100.77"
    assert a["via"] == "public" and {"where": 'cluster "private"', "ok": False, "text": a["rule"]} in a["steps"]
    assert explain(postern, host="peered")["reason"] == "no-route"
    assert explain(postern, host="peered", address="10.0.1.7")["reason"] == "ingress-group"
    assert explain(postern, source="10.0.1.99", network="shop", address="private")["reason"] == "ingress-group"
    assert explain(postern, source="10.0.1.9", network="shop")["host"] == "web"
    assert explain(postern, source="203.0.113.5") == {
        "reached": True, "reason": "range", "range": "203.0.113.0/24",
        "rule": "203.0.113.5 is in 203.0.113.0/24, the only authorized range"}


@pytest.mark.parametrize("query, status, path, text", [
    ({}, 400, "source", "where from?"),
    ({"host": "web", "source": "10.0.0.1"}, 400, "source", "Exactly one"),
    ({"host": "web", "network": "shop"}, 400, "network", "a host is where it is"),
    ({"source": "192.0.2.1", "address": "public"}, 400, "address", "goes with host or network"),
    ({"host": "web", "address": "10.0.0"}, 400, "address", "is not an IPv4 or IPv6 address"),
    ({"source": "10.9.9.9", "network": "shop"}, 400, "source", 'is in no subnet of network "shop"'),
    ({"source": "10.9.9.9", "network": "none"}, 404, "", 'there is no network "none"'),
    ({"host": "none"}, 404, "", 'there is no host "none"')])
def test_explain_refuses_what_makes_no_sense(postern, landscape, query, status, path, text):
    with pytest.raises(ApiError) as e:
        explain(postern, **query)
    assert (e.value.status, e.value.path) == (status, path) and text in e.value.message


def test_names_of_a_host_as_json_and_as_a_hosts_file(postern, landscape):
    names = postern.call("GET", "/v1/hosts/web/names")
    assert names["host"] == "web"
    assert {"name": "private.example.org", "cluster": "private", "addresses": ["10.0.1.7"]} in names["names"]
    for path, headers in (("/v1/hosts/web/names?format=hosts", {}),
                          ("/v1/hosts/web/names", {"Accept": "text/plain"})):
        status, got, body = postern.raw("GET", path, headers=headers)
        assert status == 200 and got["Content-Type"].startswith("text/plain")
        assert "10.0.1.7 private.example.org" in body.decode().splitlines()
    with pytest.raises(ApiError) as e:
        postern.call("GET", "/v1/hosts/web/names", format="zone")
    assert (e.value.status, e.value.path) == (400, "format")
    with pytest.raises(ApiError) as e:
        postern.call("GET", "/v1/hosts/none/names")
    assert e.value.status == 404
    assert "10.0.1.7 private.example.org\n" in postern.cli("names", "web").stdout


def test_status_of_every_kind(postern, landscape):
    def status(path):
        return postern.call("GET", "/v1/" + path)["status"]
    assert status("networks/shop") == {"hosts": 1, "subnets": 2, "endpoints": 1,
                                       "usedBy": ["internet-gateway/gateway", "peering/shop-lab",
                                                  "route-table/by-gateway", "route-table/by-nat", "security-group/api",
                                                  "security-group/clients", "subnet/private-a", "subnet/public-a"]}
    assert status("subnets/private-a") == {"hosts": 1, "freeAddresses": 256 - 5 - 2,
                                           "usedBy": ["cluster/private", "host/web"]}
    assert status("hosts/web") == {"network": "shop", "namespace": status("hosts/web")["namespace"],
                                   "addresses": ["10.0.1.9"], "publicAddresses": [], "resolvers": ["10.0.1.2"],
                                   "usedBy": []}
    assert os.path.basename(status("hosts/web")["namespace"]).endswith(".host.web")
    assert status("public-addresses/nat-address") == {"usedBy": ["nat-gateway/nat"]}
    assert status("clusters/private")["endpoints"] == [
        {"address": "10.0.1.7", "port": 443, "network": "shop", "subnet": "private-a", "of": "cluster/private",
         "state": "on"}]


def test_the_private_side_is_switched_live(postern, landscape):
    postern.cli("cluster", "set", "private", "--private", "off", "--private-allow", "10.0.0.0/8")
    doc = postern.get("private")["document"]["private"]
    assert doc["enabled"] is False and doc["ranges"] == ["10.0.0.0/8"]
    assert doc["placements"] == [{"subnet": "private-a", "addresses": ["10.0.1.7"]}]
    assert explain(postern, host="web", address="10.0.1.7")["reason"] == "private-off"
    postern.cli("cluster", "set", "private", "--private", "on", "--private-allow", "none")
    assert explain(postern, host="web")["reason"] == "endpoint-ranges"
    postern.cli("cluster", "set", "private", "--private-allow", "all")
    assert explain(postern, host="web")["reached"]


def test_what_the_cli_got_can_be_applied_again(postern, landscape, tmp_path):
    documents = postern.cli("get", "all", "-o", "yaml").stdout
    out = postern.cli("check", "-f", "-", stdin=documents).stdout
    assert out.endswith("nothing would change\n") and "network/shop unchanged" in out
    assert json.loads(postern.cli("get", "all", "-o", "json").stdout)["items"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to enter namespaces")
def test_exec_runs_on_the_host(postern, landscape):
    p = postern.cli("exec", "web", "--", "sh", "-c", "ip -o addr; cat /etc/resolv.conf; getent ahosts private.example.org; exit 3",
                    check=False)
    assert p.returncode == 3, p.stderr
    assert " 10.0.1.9/" in p.stdout and "nameserver 10.0.1.2\n" in p.stdout
    assert "10.0.1.7 " in p.stdout.splitlines()[-1], "by the name server"
    p = postern.cli("exec", "peered", "ip", "-o", "addr")
    assert " 10.1.0.9/" in p.stdout and "10.0.1.9" not in p.stdout
