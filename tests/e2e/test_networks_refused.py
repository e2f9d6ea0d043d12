# SPDX-License-Identifier: GPL-3.0-or-later
"""Landscapes that cannot be: each is refused with words that say why, and nothing has changed."""
import json

import pytest

import net
from networks import NOTHING, Networks, doc, host, network

LEFT = network("left", 1)
POOL = ["--public-pool", "198.51.100.0/30"]


def subnet(name, *ranges, **fields):
    return doc("subnet", name, network="left", ranges=list(ranges), **fields)


LONG = "x" * 300
# what, the documents, words that the refusal has
REFUSED = [
    ("subnets overlap", LEFT + [subnet("other", "10.1.1.128/25")], ["overlap", "left-1"]),
    ("outside of the network", LEFT + [subnet("far", "10.9.1.0/24")], ["10.9.1.0/24", "left"]),
    ("spaces overlap where joined",
     LEFT + [doc("network", "twin", addressSpace=["10.1.128.0/17"]), doc("peering", "p", networks=["left", "twin"])],
     ["overlap"]),
    ("a hub joins overlapping spaces",
     LEFT + [doc("network", "twin", addressSpace=["10.1.0.0/16"]),
             doc("hub", "h", attachments=[{"network": "left"}, {"network": "twin"}])], ["overlap"]),
    ("a site overlaps", LEFT + [doc("site", "s", addressSpace=["10.1.4.0/24"], connections=[{"network": "left"}])],
     ["overlap"]),
    ("a peering with itself", LEFT + [doc("peering", "p", networks=["left", "left"])], ["left"]),
    ("host bits", [doc("network", "n", addressSpace=["10.1.0.1/16"])], ["10.1.0.1/16"]),
    ("loopback", [doc("network", "n", addressSpace=["127.0.0.0/16"])], ["127.0.0.0/16"]),
    ("too large", [doc("network", "n", addressSpace=["0.0.0.0/0"])], ["0.0.0.0/0"]),
    ("no space at all", [doc("network", "n", addressSpace=[])], ["addressSpace"]),
    ("a subnet too small", LEFT + [subnet("tiny", "10.1.9.0/29")], ["/28"]),
    ("a reserved address", LEFT + [doc("host", "h", subnet="left-1", addresses=["10.1.1.1"])], ["10.1.1.1", "reserve"]),
    ("the last address", LEFT + [doc("host", "h", subnet="left-1", addresses=["10.1.1.255"])], ["10.1.1.255", "reserve"]),
    ("an address outside", LEFT + [doc("host", "h", subnet="left-1", addresses=["10.1.2.9"])], ["10.1.2.9"]),
    ("an address twice", LEFT + [host("a", "left-1", 1, 1, 9), host("b", "left-1", 1, 1, 9)], ["10.1.1.9"]),
    ("a subnet that is not there", [doc("host", "h", subnet="nowhere")], ["nowhere"]),
    ("a host nowhere", [doc("host", "h")], ["subnet"]),
    ("a host in a delegated subnet",
     LEFT + [subnet("api", "10.1.8.0/28", delegation="clusters"), doc("host", "h", subnet="api")], ["api"]),
    ("an integrated endpoint outside of one",
     LEFT + [doc("cluster", "c", upstreams=[{"address": "10.0.0.5"}], public={"fqdn": "c.example.org"},
                 private={"kind": "integrated", "placements": [{"subnet": "left-1"}]})], ["delegat"]),
    ("a route into the network's own space",
     LEFT + [doc("route-table", "t", network="left", routes=[{"to": "10.1.7.0/24", "via": {"drop": True}}])],
     ["10.1.7.0/24"]),
    ("a route twice",
     LEFT + [doc("route-table", "t", network="left", routes=[{"to": "0.0.0.0/0", "via": {"drop": True}}] * 2)],
     ["0.0.0.0/0"]),
    ("two internet gateways", LEFT + [doc("internet-gateway", n, network="left") for n in "ab"], ["left"]),
    ("a rule for nobody", LEFT + [doc("security-group", "g", network="left", ingress=[{"protocol": "tcp"}])], ["ranges"]),
    ("ports of icmp",
     LEFT + [doc("security-group", "g", network="left",
                 ingress=[{"protocol": "icmp", "ports": 80, "ranges": ["10.0.0.0/8"]}])], ["ports"]),
    ("ports the wrong way around",
     LEFT + [doc("security-group", "g", network="left",
                 ingress=[{"protocol": "tcp", "ports": "90-80", "ranges": ["10.0.0.0/8"]}])], ["90-80"]),
    ("a group of another network",
     LEFT + network("right", 2) + [doc("security-group", "g", network="right"),
                                   host("h", "left-1", 1, 1, 9, securityGroups=["g"])], ["right"]),
    ("more than the pool has", [doc("public-address", "p%d" % i) for i in range(9)], ["pool"]),
    ("a public address for two",
     LEFT + [doc("public-address", "p", addresses=["198.51.100.1"])] +
     [host(n, "left-1", 1, 1, 9 + i, publicAddress="p") for i, n in enumerate("ab")], ["p"]),
    ("a listener's address", [doc("public-address", "p", addresses=[net.V4])], [net.V4]),
    ("a subnet full", LEFT + [subnet("small", "10.1.9.0/28")] + [doc("host", "h%d" % i, subnet="small") for i in range(12)],
     ["small"]),
    ("a name that escapes", [doc("network", "../../etc", addressSpace=["10.1.0.0/16"])], ["name"]),
    ("a name with a space", [doc("network", "a b", addressSpace=["10.1.0.0/16"])], ["name"]),
    ("a name of 300 bytes", [doc("network", LONG, addressSpace=["10.1.0.0/16"])], ["name", "63"]),
    ("a name in capitals", [doc("network", "Left", addressSpace=["10.1.0.0/16"])], ["name"]),
    ("a name that is none", [doc("network", "", addressSpace=["10.1.0.0/16"])], ["name"]),
    ("a namespace that escapes", LEFT + [host("h", "left-1", 1, 1, 9, attach={"namespace": "../1/ns/net"})], ["namespace"]),
    ("an interface that escapes", LEFT + [host("h", "left-1", 1, 1, 9, attach={"interface": "../../x"})], ["interface"]),
    ("a field that is not known", [doc("network", "n", addressSpace=["10.1.0.0/16"], cidr="10.1.0.0/16")], ["cidr"]),
    ("an endpoint for no cluster", LEFT + [doc("private-endpoint", "e", cluster="none", subnet="left-1")], ["none"]),
    ("one bad among good", LEFT + network("right", 2) + [doc("peering", "p", networks=["left", "rihgt"])], ["rihgt"]),
]


@pytest.fixture(scope="module")
def refusing():
    net.own_run()
    d = Networks(*POOL, gates=1)
    try:
        yield d.start()
    finally:
        d.close()


def revision(d):
    return d.status()["revision"]


@pytest.mark.parametrize("documents,words", [r[1:] for r in REFUSED], ids=[r[0].replace(" ", "-") for r in REFUSED])
def test_refused(refusing, documents, words):
    before = revision(refusing)
    p = refusing.cli_apply(*documents, check=False)
    assert p.returncode != 0, "accepted: " + p.stdout
    for word in words:
        assert word in p.stderr, p.stderr
    assert len(p.stderr) < 2000
    assert revision(refusing) == before
    assert refusing.remains() == NOTHING


def test_two_to_the_sixteen_hosts(refusing):
    before = revision(refusing)
    p = refusing.cli_apply(*LEFT, *[doc("host", "h%d" % i, subnet="left-1") for i in range(1 << 16)], check=False)
    assert p.returncode != 0 and len(p.stderr) < 2000, p.stderr[:2000]
    assert revision(refusing) == before
    assert refusing.remains() == NOTHING


IN_USE = [("network", "left", "left-1"), ("subnet", "left-1", "h"), ("security-group", "g", "h"),
          ("route-table", "t", "left-1"), ("public-address", "p", "h"), ("internet-gateway", "i", "t")]


def test_in_use(refusing):
    """What is in use stays, and who uses it is named."""
    documents = LEFT[:1] + [dict(LEFT[1], routeTable="t")] + [
        doc("internet-gateway", "i", network="left"),
        doc("route-table", "t", network="left", routes=[{"to": "0.0.0.0/0", "via": {"internetGateway": "i"}}]),
        doc("security-group", "g", network="left"),
        doc("public-address", "p", addresses=["198.51.100.1"]),
        host("h", "left-1", 1, 1, 9, securityGroups=["g"], publicAddress="p")]
    refusing.cli_apply(*documents)
    before, state = revision(refusing), refusing.snapshot()
    for kind, name, user in IN_USE:
        p = refusing.cli("delete", kind, name, check=False)
        assert p.returncode != 0 and user in p.stderr, (kind, p.stderr)
    assert revision(refusing) == before and refusing.snapshot() == state
    refusing.cli_delete(*documents)
    assert refusing.remains() == NOTHING


def test_what_is_there_cannot_be_moved_under_its_users(refusing):
    refusing.cli_apply(*LEFT, host("h", "left-1", 1, 1, 9))
    before = revision(refusing)
    p = refusing.cli_apply(dict(LEFT[0], addressSpace=["10.7.0.0/16"]), check=False)
    assert p.returncode != 0 and "left-1" in p.stderr, p.stderr
    p = refusing.cli_apply(dict(LEFT[1], ranges=["10.1.3.0/24"]), check=False)
    assert p.returncode != 0 and "10.1.1.9" in p.stderr, p.stderr
    assert revision(refusing) == before
    assert json.loads(refusing.cli("-o", "json", "get", "host", "h").stdout)
    refusing.cli_delete(*LEFT, host("h", "left-1", 1, 1, 9))
