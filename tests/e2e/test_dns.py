# SPDX-License-Identifier: GPL-3.0-or-later
"""
Names as clients get them: zones and links declared, questions asked from inside the networks and from the internet.

    main    10.1/16  host main-a    joined to the site office by a connection     near  10.2/16  host near-a, peered with main
    lonely  10.3/16  host lonely-a  joined to nothing                             office 172.20/16  a site, host desk
"""
import json

import dns.flags
import dns.rcode
import pytest

import net
from daemon import cluster, wait_until
from names import EVERYWHERE, NOTHING, NX, Names, Server, Upstream, data_of, errors_of, found, link, says, sets_of, zone
from networks import doc, host, network

MAIN, MAIN6 = "10.1.1.2", "fd00:0:1:1::2"
OFFICE = "172.20.0.2"
DESK = "172.20.1.30"
FORWARDER = "10.0.0.9"  # of the daemon


def net_doc(name, n, **dns_section):
    d = network(name, n, subnets=())[0]
    if dns_section:
        d["dns"] = dns_section
    return d


def site_doc(**dns_section):
    d = doc("site", "office", addressSpace=["172.20.0.0/16", "fd00:172:20::/48"], connections=[{"network": "main"}])
    if dns_section:
        d["dns"] = dns_section
    return d


def lab():
    documents = []
    for name, n in (("main", 1), ("near", 2), ("lonely", 3)):
        documents += network(name, n) + [host(name + "-a", name + "-1", n, 1, 30)]
    return documents + [doc("peering", "main-near", networks=["main", "near"]), site_doc(),
                        doc("host", "desk", site="office", addresses=[DESK, "fd00:172:20:1::1e"])]


ABROAD = {("www.abroad.test", "A"): ["203.0.113.77"], ("alias.abroad.test", "CNAME"): ["db.corp.test."],
          ("deep.www.corp.test", "A"): ["203.0.113.78"], ("gone.corp.test", "A"): ["203.0.113.79"]}


@pytest.fixture(scope="module")
def outside():
    """The server that the daemon forwards to where a network says nothing."""
    with Upstream(net.Router(), FORWARDER, 5300, says(ABROAD)) as u:
        yield u


@pytest.fixture(scope="module")
def postern(outside):
    net.own_run()
    with Names("--dns-forward", outside.at) as d:
        d.cli_apply(*lab())
        yield d


CORP = zone("corp", "corp.test", [
    ("@", "MX", "10 mail.corp.test", "20 mail2.corp.test"), ("@", "TXT", '"v=spf1 -all"', '"two" "strings"'),
    ("db", "A", "10.1.1.40", "10.1.1.41"), ("db", "AAAA", "fd00:0:1:1::28"), ("mail", "A", "10.1.1.50"),
    ("www", "CNAME", "web.corp.test"), ("web", "A", "10.1.1.60"), ("abroad", "CNAME", "www.abroad.test"),
    ("far", "CNAME", "x.other.test"), ("loop1", "CNAME", "loop2.corp.test"), ("loop2", "CNAME", "loop1.corp.test"),
    ("_ldap._tcp", "SRV", "0 5 389 db.corp.test"), ("a.b.c", "A", "10.1.1.70"), ("*.wild", "A", "10.1.1.80"),
    ("*.wild", "TXT", '"wild"'), ("here.wild", "TXT", '"tame"'), ("sub", "NS", "ns.sub.corp.test"), ("ns.sub", "A", "10.1.1.90"),
    ("big", "TXT", *('"%s"' % (c * 250) for c in "abcdefgh")),
], ttl=123, minimum=17)
REVERSE = zone("reverse", "1.1.10.in-addr.arpa", [("40", "PTR", "db.corp.test")])


@pytest.fixture
def corp(postern):
    postern.cli_apply(CORP, REVERSE, link("corp", "main"), link("reverse", "main"))
    yield postern
    postern.remove(CORP, REVERSE, link("corp", "main"), link("reverse", "main"))


PLAIN = [
    ("db", "A", ["10.1.1.40", "10.1.1.41"]), ("db", "AAAA", ["fd00:0:1:1::28"]), ("DB", "A", ["10.1.1.40", "10.1.1.41"]),
    ("", "MX", ["10 mail.corp.test.", "20 mail2.corp.test."]), ("", "TXT", ['"v=spf1 -all"', '"two" "strings"']),
    ("", "NS", ["ns.corp.test."]), ("_ldap._tcp", "SRV", ["0 5 389 db.corp.test."]), ("www", "CNAME", ["web.corp.test."]),
    ("www", "A", ["10.1.1.60"]), ("x.wild", "A", ["10.1.1.80"]), ("x.y.wild", "TXT", ['"wild"']), ("here.wild", "TXT", ['"tame"']),
]


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("at", [MAIN, MAIN6, EVERYWHERE])
def test_records(corp, at, tcp):
    server = corp.resolver("main-a", at)
    for name, type_, data in PLAIN:
        r = server.ask((name + ".corp.test").lstrip("."), type_, tcp=tcp)
        assert r.rcode() == 0 and sorted(data_of(r.answer, type_)) == sorted(data), r
        assert r.flags & dns.flags.AA and all(s.ttl == 123 for s in r.answer if s.rdtype != dns.rdatatype.NS), r
    assert server.answer("40.1.1.10.in-addr.arpa", "PTR", tcp=tcp) == found("db.corp.test.")


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_what_is_not_there(corp, tcp):
    server = corp.resolver("main-a", MAIN)
    (soa,) = server.ask("corp.test", "SOA", tcp=tcp).answer
    assert soa[0].minimum == 17 and soa[0].mname.to_text() == "ns.corp.test."
    for name, type_, rcode in (("nope", "A", 3), ("nope.db", "A", 3), ("a.a.a.a", "MX", 3),
                               ("db", "MX", 0), ("b.c", "A", 0), ("c", "TXT", 0), ("wild", "A", 0), ("here.wild", "A", 0),
                               ("x.wild", "MX", 0), ("x.here.wild", "A", 3), ("www", "A", None)):
        r = server.ask(name + ".corp.test", type_, tcp=tcp)
        if rcode is None:
            continue
        assert r.rcode() == rcode and not r.answer and r.flags & dns.flags.AA, r
        assert sets_of(r.authority) == {(soa.name.to_text(), "SOA", 17, (soa[0].to_text(),))}, r


def test_below_a_delegation(corp):
    r = corp.resolver("main-a", MAIN).ask("x.sub.corp.test")
    assert r.rcode() == 0 and not r.answer and not r.flags & dns.flags.AA, r
    assert data_of(r.authority, "NS") == ["ns.sub.corp.test."] and data_of(r.additional, "A") == ["10.1.1.90"], r


def test_too_large(corp):
    server = corp.resolver("main-a", MAIN)
    for kw in ({"use_edns": False}, {"use_edns": 0, "payload": 512}, {"use_edns": 0, "payload": 4096}):
        r = server.ask("big.corp.test", "TXT", **kw)
        assert r.flags & dns.flags.TC and not r.answer, r
    assert len(server.answer("big.corp.test", "TXT", tcp=True)[1]) == 8


def test_chains(corp):
    """A chain goes on where the network sees its next name: another zone, or a server of others."""
    server = corp.resolver("main-a", MAIN)
    other = zone("other", "other.test", [("x", "A", "10.1.1.99")])
    assert server.answer("abroad.corp.test") == found("203.0.113.77")
    r = server.ask("far.corp.test")
    assert data_of(r.answer, "CNAME") == ["x.other.test."] and data_of(r.answer, "A") == [], r
    corp.cli_apply(other, link("other", "main"))
    assert server.answer("far.corp.test") == found("10.1.1.99")
    corp.remove(other, link("other", "main"))
    assert server.answer("far.corp.test")[1] == []
    r = server.ask("loop1.corp.test")
    assert r.rcode() in (0, 2) and data_of(r.answer, "A") == [], r
    # A name of others that leads back to a zone of ours.
    assert server.answer("alias.abroad.test") == found("10.1.1.40", "10.1.1.41")


def test_a_zone_is_seen_where_it_is_linked(corp, alice):
    assert corp.resolver("near-a").answer("db.corp.test") == NX  # of whom it is asked: the daemon's forwarder
    corp.cli_apply(link("corp", "near"), link("corp", "office", site="office"))
    for where in ("near-a", "desk", "main-a"):
        assert corp.resolver(where).answer("db.corp.test") == found("10.1.1.40", "10.1.1.41"), where
    corp.remove(link("corp", "near"), link("corp", "office", site="office"))
    for where in ("near-a", "desk"):
        assert corp.resolver(where).answer("db.corp.test") == NX, where
    for name in ("db.corp.test", "corp.test"):
        r = corp.internet(alice).ask(name)
        assert r.rcode() == dns.rcode.REFUSED and not r.answer and not r.authority, r


def test_fall_through(corp):
    server = corp.resolver("main-a", MAIN)
    assert server.answer("gone.corp.test") == NX
    corp.cli_apply(link("corp", "main", fall_through=True))
    assert server.answer("gone.corp.test") == found("203.0.113.79")
    assert server.answer("db.corp.test", "MX") == NOTHING, "the name is there"
    assert server.answer("nope.corp.test") == NX
    # What the internet sees comes before what others know.
    public = zone("shown", "corp.test", [("gone", "A", "192.0.2.200")], public=True)
    corp.cli_apply(public)
    assert server.answer("gone.corp.test") == found("192.0.2.200")
    corp.remove(public)
    corp.cli_apply(link("corp", "main"))
    assert server.answer("gone.corp.test") == NX


def test_the_longest_domain(corp):
    server = corp.resolver("main-a", MAIN)
    inner = [zone("inner", "www.corp.test", [("@", "A", "10.1.2.1"), ("deep", "A", "10.1.2.2")]),
             zone("innermost", "x.deep.www.corp.test", [("@", "A", "10.1.2.3")])]
    corp.cli_apply(inner[0], link("inner", "main"))
    assert server.answer("www.corp.test") == found("10.1.2.1")
    assert server.answer("x.deep.www.corp.test") == NX
    corp.cli_apply(inner[1], link("innermost", "main"))
    assert server.answer("x.deep.www.corp.test") == found("10.1.2.3")
    assert server.answer("y.deep.www.corp.test") == NX
    corp.remove(*inner, link("inner", "main"), link("innermost", "main"))
    assert server.answer("www.corp.test") == found("10.1.1.60")


def test_one_domain_twice(corp):
    mine = zone("mine", "corp.test", [("db", "A", "10.2.1.40"), ("only", "TXT", '"here"')])
    corp.cli_apply(mine, link("mine", "near"))
    assert corp.resolver("near-a").answer("db.corp.test") == found("10.2.1.40")
    assert corp.resolver("near-a").answer("mail.corp.test") == NX
    assert corp.resolver("main-a").answer("db.corp.test") == found("10.1.1.40", "10.1.1.41")
    assert corp.resolver("main-a").answer("only.corp.test", "TXT") == NX
    corp.remove(mine, link("mine", "near"))


def test_the_internet(corp, alice):
    public = zone("shop", "shop.test", [("@", "A", "192.0.2.80"), ("www", "CNAME", "shop.test"), ("out", "CNAME", "db.corp.test")],
                  public=True)
    corp.cli_apply(public)
    for at in (net.V4, net.V6):
        server = corp.internet(alice, at)
        assert server.answer("www.shop.test") == found("192.0.2.80")
        assert server.answer("www.shop.test", tcp=True) == found("192.0.2.80")
        assert server.answer("x.shop.test") == NX
        # A private zone is not in it, not even behind an alias.
        assert data_of(server.ask("out.shop.test").answer, "A") == []
        assert server.ask("www.abroad.test").rcode() == dns.rcode.REFUSED
    for where in ("main-a", "lonely-a", "desk"):
        assert corp.resolver(where).answer("www.shop.test") == found("192.0.2.80"), where
    assert corp.resolver("main-a").answer("out.shop.test") == found("10.1.1.40", "10.1.1.41")
    corp.remove(public)
    assert corp.internet(alice).ask("www.shop.test").rcode() == dns.rcode.REFUSED


def test_the_very_next_question(corp):
    """After apply has come back nobody is told what was before, whichever process is asked."""
    with corp.resolver("main-a", MAIN).socket() as s:
        for i in range(30):
            corp.cli_apply({**CORP, "records": [*CORP["records"], {"name": "moving", "type": "A", "values": ["10.9.9.%d" % i]}]})
            for _ in range(6):
                s.send(dns.message.make_query("moving.corp.test", "A").to_wire())
                assert data_of(dns.message.from_wire(s.recv(4096)).answer, "A") == ["10.9.9.%d" % i]


def test_the_serial_grows(corp):
    def serial():
        return corp.resolver("main-a").ask("corp.test", "SOA").answer[0][0].serial
    before = serial()
    corp.cli_apply(zone("unlike", "unlike.test"))
    assert serial() == before, "nothing of the zone has changed"
    corp.cli_apply({**CORP, "ttl": 124})
    assert serial() > before
    corp.remove(zone("unlike", "unlike.test"))


def test_an_imported_zone(corp, tmp_path):
    path = tmp_path / "corp.zone"
    path.write_text("$TTL 50\n@ SOA ns h 1 2 3 4 5\nimported A 10.1.1.111\n")
    corp.cli("zone", "import", "corp", "-f", path, "--domain", "corp.test")
    server = corp.resolver("main-a")
    assert server.answer("imported.corp.test") == found("10.1.1.111") and server.answer("db.corp.test") == NX
    path.write_text("$TTL 50\nimported A 10.1.1.112\nbad A 10.1\n")
    assert corp.cli("zone", "import", "corp", "-f", path, "--domain", "corp.test", check=False).returncode != 0
    assert server.answer("imported.corp.test") == found("10.1.1.111")


# --- clusters ----------------------------------------------------------------------------------------------------------


PRIVATE_NAME = "c.c.privatelink.k8s.test"
PLACED = {"kind": "interfaces", "placements": [{"subnet": "main-1", "addresses": ["10.1.1.10"]}]}


def cluster_doc(public=True, private=True, **dns_section):
    d = cluster("c", [("10.0.0.5", 6443)], enabled=public)
    d["public"]["fqdn"] = "c.k8s.test"
    if private:
        d["private"] = {**PLACED, "kind": "private-link"} if dns_section else PLACED
    if dns_section:
        d["dns"] = dns_section
    return d


def test_names_of_clusters_move(postern, alice):
    """Each change and, right after it, what its name answers in three networks and on the internet."""
    public, private = found(net.V4), found("10.1.1.10")
    seen = {}
    try:
        for _ in range(3):
            for document, in_main, elsewhere in (
                    (cluster_doc(True, False), public, public), (cluster_doc(True, True), private, public),
                    (cluster_doc(False, True), private, private),
                    (cluster_doc(True, True, zone="none", publicName=True), public, public),
                    (cluster_doc(False, True, zone="none", publicName=True), private, private),
                    (cluster_doc(False, True, zone="system", publicName=False), NX, NX)):
                postern.cli("apply", "--force", "-f", "-", stdin=json.dumps(document))
                seen = {w: postern.resolver(w).answer("c.k8s.test") for w in ("main-a", "near-a", "lonely-a", "desk")}
                seen["internet"] = postern.internet(alice).answer("c.k8s.test")
                assert seen == {"main-a": in_main, **{w: elsewhere for w in ("near-a", "lonely-a", "desk", "internet")}}, document
            assert postern.resolver("main-a").answer(PRIVATE_NAME) == private
            assert postern.resolver("near-a").answer(PRIVATE_NAME) == NX
            postern.cli_apply(link("c", "near", cluster="c"))
            assert postern.resolver("near-a").answer(PRIVATE_NAME) == private
            postern.remove(link("c", "near", cluster="c"))
            assert postern.resolver("near-a").answer(PRIVATE_NAME) == NX
    finally:
        postern.cli("delete", "--force", "cluster", "c", check=False)
    for where in ("main-a", "near-a"):
        assert postern.resolver(where).answer("c.k8s.test") == NX


def test_why_there_is_no_such_name(postern):
    """The extended error says that it is for want of a link."""
    postern.cli_apply(cluster_doc(False, True, zone="system", publicName=True))
    try:
        r = postern.resolver("near-a").ask(PRIVATE_NAME, use_edns=0)
        assert r.rcode() == dns.rcode.NXDOMAIN and any("not linked" in text for _, text in errors_of(r)), r
        assert not errors_of(postern.resolver("main-a").ask(PRIVATE_NAME, use_edns=0))
    finally:
        postern.cli("delete", "--force", "cluster", "c")


def test_cluster_names_off(postern):
    postern.cli_apply(cluster_doc(True, True))
    try:
        assert postern.resolver("main-a").answer("c.k8s.test") == found("10.1.1.10")
        postern.cli_apply(net_doc("main", 1, clusterNames=False))
        assert postern.resolver("main-a").answer("c.k8s.test") == found(net.V4)
    finally:
        postern.cli_apply(net_doc("main", 1))
        postern.cli("delete", "--force", "cluster", "c")


# --- forwarding ----------------------------------------------------------------------------------------------------------


def test_the_default_forwarder(postern, outside):
    before = len(outside.asked)
    server = postern.resolver("lonely-a")
    r = server.ask("www.abroad.test")
    assert data_of(r.answer, "A") == ["203.0.113.77"] and r.flags & dns.flags.RA and not r.flags & dns.flags.AA, r
    assert server.answer("wWw.aBroad.test") == found("203.0.113.77")
    assert server.answer("www.abroad.test", tcp=True) == found("203.0.113.77")
    assert server.answer("nope.abroad.test") == NX
    assert [a[0] for a in outside.asked[before:]] == ["www.abroad.test."] * 3 + ["nope.abroad.test."]
    # Without recursion nobody is asked.
    assert server.ask("www.abroad.test", rd=False).rcode() == dns.rcode.REFUSED
    assert len(outside.asked) == before + 4


def test_nobody_is_asked(postern, outside):
    before = len(outside.asked)
    postern.cli_apply(net_doc("lonely", 3, servers=[]))
    try:
        assert postern.resolver("lonely-a").ask("www.abroad.test").rcode() == dns.rcode.REFUSED
        assert len(outside.asked) == before
    finally:
        postern.cli_apply(net_doc("lonely", 3))


def test_the_networks_own_server_in_a_site(postern, outside):
    """On premises is a server that the network asks, over its own routes."""
    with Upstream(postern.place("desk"), DESK, handler=says({("pc.office.test", "A"): ["172.20.1.99"]})) as desk:
        postern.cli_apply(net_doc("main", 1, servers=[DESK]))
        try:
            before = len(outside.asked)
            assert postern.resolver("main-a").answer("pc.office.test") == found("172.20.1.99")
            assert postern.resolver("main-a").answer("pc.office.test", tcp=True) == found("172.20.1.99")
            assert postern.resolver("main-a").answer("www.abroad.test") == NX
            assert postern.resolver("near-a").answer("www.abroad.test") == found("203.0.113.77")
            assert len(desk.asked) == 3 and len(outside.asked) == before + 1
        finally:
            postern.cli_apply(net_doc("main", 1))
    assert postern.resolver("main-a").answer("www.abroad.test") == found("203.0.113.77")


def test_conditional_forwards(corp, outside):
    """The longest domain decides; a linked zone comes before, what the internet sees after."""
    office = says({("pc.office.test", "A"): ["172.20.1.99"], ("x.lab.office.test", "A"): ["1.1.1.1"],
                   ("db.corp.test", "A"): ["6.6.6.6"], ("www.shop.test", "A"): ["172.20.1.80"]})
    laboratory = says({("x.lab.office.test", "A"): ["172.20.2.99"]})
    shop = zone("shop", "shop.test", [("www", "A", "192.0.2.80")], public=True)
    with Upstream(corp.place("desk"), DESK, handler=office) as desk, \
            Upstream(corp.place("near-a"), "10.2.1.30", handler=laboratory):
        corp.cli_apply(shop, net_doc("main", 1, forward=[
            {"domain": "office.test", "servers": [DESK]}, {"domain": "lab.office.test", "servers": ["10.2.1.30"]},
            {"domain": "test", "servers": [DESK]}]))
        try:
            server = corp.resolver("main-a", MAIN)
            assert server.answer("pc.office.test") == found("172.20.1.99")
            assert server.answer("x.lab.office.test") == found("172.20.2.99")
            assert server.answer("db.corp.test") == found("10.1.1.40", "10.1.1.41")
            assert server.answer("www.shop.test") == found("172.20.1.80")
            assert corp.resolver("near-a").answer("www.shop.test") == found("192.0.2.80")
            assert {a[0] for a in desk.asked} == {"pc.office.test.", "www.shop.test."}
        finally:
            corp.cli_apply(net_doc("main", 1))
            corp.remove(shop)


# --- the resolver's addresses ------------------------------------------------------------------------------------------


def test_every_network_has_one(corp):
    for where, at in (("main-a", MAIN), ("near-a", "10.2.1.2"), ("lonely-a", "10.3.1.2"), ("lonely-a", "fd00:0:3:1::2"),
                      ("desk", OFFICE), ("desk", "fd00:172:20::2"), ("desk", EVERYWHERE)):
        r = corp.resolver(where, at).ask("corp.test", "SOA")
        assert bool(r.answer) == (where == "main-a"), (where, at)


def test_a_new_subnet_has_one_at_once(corp):
    more = [doc("subnet", "main-7", network="main", ranges=["10.1.7.0/24"]), host("main-7a", "main-7", 1, 7, 30)]
    more[1]["addresses"] = more[1]["addresses"][:1]
    corp.cli_apply(*more)
    assert corp.resolver("main-7a", "10.1.7.2").answer("db.corp.test") == found("10.1.1.40", "10.1.1.41")
    corp.remove(*more)


def test_nobody_else_is_answered(corp, alice):
    """A resolver is for its own network: not for peers, not for the internet, not for sites."""
    assert corp.resolver("main-a", MAIN).answer("db.corp.test") != NX
    for where in (corp.place("near-a"), corp.place("desk"), corp.place("lonely-a"), alice, net.Router()):
        for tcp in (False, True):
            server = Server(where, MAIN, timeout=0.3)
            assert server.is_silent("db.corp.test", tcp), where.name
    for where in (alice, net.Router()):
        assert Server(where, EVERYWHERE, timeout=0.3).is_silent("db.corp.test"), where.name


def test_off_and_on(corp):
    try:
        corp.cli_apply(net_doc("main", 1, enabled=False))
        for at in (MAIN, MAIN6, EVERYWHERE):
            assert corp.resolver("main-a", at, timeout=0.3).is_silent("db.corp.test"), at
        assert corp.resolver("near-a").answer("db.corp.test") == NX
    finally:
        corp.cli_apply(net_doc("main", 1))
    for at in (MAIN, MAIN6, EVERYWHERE):
        assert corp.resolver("main-a", at).answer("db.corp.test") == found("10.1.1.40", "10.1.1.41"), at


def test_a_network_that_goes_and_comes(corp):
    sockets = corp.dns_counter("sockets")
    for n in range(3):
        there = network("brief", 7) + [host("brief-a", "brief-1", 7, 1, 30), link("corp", "brief")]
        corp.cli_apply(*there)
        assert corp.resolver("brief-a", "10.7.1.2").answer("db.corp.test") == found("10.1.1.40", "10.1.1.41"), n
        corp.remove(*there)
    wait_until("its sockets closed", lambda: corp.dns_counter("sockets") == sockets)


def test_exec_has_its_resolver(corp):
    out = corp.cli("exec", "main-a", "--", "cat", "/etc/resolv.conf").stdout
    assert {line.split()[1] for line in out.splitlines() if line.startswith("nameserver")} & {MAIN, MAIN6, EVERYWHERE}, out
    out = corp.cli("exec", "main-a", "--", "getent", "ahosts", "db.corp.test").stdout
    assert {line.split()[0] for line in out.splitlines()} == {"10.1.1.40", "10.1.1.41", "fd00:0:1:1::28"}, out
    assert corp.cli("exec", "near-a", "--", "getent", "ahosts", "db.corp.test", check=False).returncode == 2
    assert "10.1.1.40" in corp.cli("exec", "main-a", "--", "getent", "hosts", "10.1.1.40").stdout


# --- life ------------------------------------------------------------------------------------------------------------------


def test_status_and_counters(corp):
    before, questions = corp.metrics(), 20
    for i in range(questions):
        corp.resolver("main-a").answer(("db" if i % 2 else "nope") + ".corp.test", tcp=i % 4 == 0)
    after = wait_until("counters", lambda: corp.metrics())
    grown = {k: after[k] - before.get(k, 0) for k in after if k.startswith("dns_")}
    assert grown["dns_queries_udp_total"] == 15 and grown["dns_queries_tcp_total"] == 5, grown
    assert grown["dns_answers_noerror_total"] == 10 and grown["dns_answers_nxdomain_total"] == 10, grown
    assert len(corp.status()["dns"]) == 2


def test_it_is_there_after_a_restart(corp):
    corp.stop()
    corp.start()
    assert corp.resolver("main-a", MAIN).answer("db.corp.test") == found("10.1.1.40", "10.1.1.41")
    assert corp.resolver("near-a").answer("db.corp.test") == NX
