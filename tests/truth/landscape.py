# SPDX-License-Identifier: GPL-3.0-or-later
"""
The documents of the harness: a landscape with every place of the specification, in both families, and its cluster.

    main  10.1.0.0/16   P public, N behind NAT, X with no default route; endpoints .4, a delegated subnet .5
    near  10.2.0.0/16   PL, peered with main, NAT of its own         far   10.4.0.0/16   PP, peered with near
    beside 10.3.0.0/16  PU, peered with main, internet of its own    spoke 10.5.0.0/16   H, by the hub, NAT
    office 172.20.0.0/16  O, a site connected to main                lonely 10.8.0.0/16  U, NAT, joined to nothing
    own   10.9.0.0/16   E, joined to nothing; its own private endpoint

IPv6 is the same in figures: 10.1.2.0/24 has fd00:10:1:2::/64 beside it.
"""
import rows

NAME, FQDN = "prod", "prod.k8s.example.org"
OWN_DOMAIN = "privatelink.k8s.example.org"
RESOLVER = "168.63.129.16"  # the same in every network
UPSTREAM = ("10.0.0.5", 6443)
PORT = 443
ENDPOINTS = {4: ["10.1.4.10", "10.1.3.20"], 6: ["fd00:10:1:4::a", "fd00:10:1:3::14"]}
VIP = {4: ["10.1.5.10"], 6: ["fd00:10:1:5::a"]}
OWN = {4: ["10.9.1.20"], 6: ["fd00:10:9:1::14"]}
HOST_ADDRESSES = {}
SPACES = {"main": 1, "near": 2, "beside": 3, "far": 4, "spoke": 5, "lonely": 8, "own": 9}
# Of the places' hosts: network or site, and the subnet's number.
STANDS = {"P": ("main", 1), "N": ("main", 2), "X": ("main", 3), "PL": ("near", 2), "PU": ("beside", 1), "PP": ("far", 1),
          "H": ("spoke", 2), "O": ("office", None), "U": ("lonely", 2), "E": ("own", 1)}
DNS_SERVER = {4: "10.1.2.30", 6: "fd00:10:1:2::1e"}  # a DNS server of people's own, on the host N
# As a step of rows.py says: hosts with the group `nodes` are admitted, or everything that is joined.
ADMIT = {
    "nodes": [{"protocol": "tcp", "ports": 443, "groups": ["nodes"]}],
    "all": [{"protocol": "tcp", "ports": 443, "ranges": ["%s/%d" % (a, n) for a, n in (
        ("10.1.0.0", 16), ("10.2.0.0", 16), ("10.3.0.0", 16), ("10.4.0.0", 16), ("10.5.0.0", 16), ("10.8.0.0", 16),
        ("172.20.0.0", 16), ("fd00:10:1::", 48), ("fd00:10:2::", 48), ("fd00:10:3::", 48), ("fd00:10:4::", 48),
        ("fd00:10:5::", 48), ("fd00:10:8::", 48), ("fd00:172:20::", 48))]}],
}


def doc(kind, name, **fields):
    return {"kind": kind, "name": name, **fields}


def space(n):
    return ["10.%d.0.0/16" % n, "fd00:10:%d::/48" % n]


def ranges(n, s, v4_length=24):
    return ["10.%d.%d.0/%d" % (n, s, v4_length), "fd00:10:%d:%d::/64" % (n, s)]


def at(n, s, last):
    return ["10.%d.%d.%d" % (n, s, last), "fd00:10:%d:%d::%x" % (n, s, last)]


def everywhere(via):
    return [{"to": "0.0.0.0/0", "via": via}, {"to": "::/0", "via": via}]


def public(place):
    name = "at-" + host_name(place)
    return doc("public-address", name, addresses=[rows.SOURCES[place][f] for f in rows.FAMILIES])


def host_name(place):
    return rows.stand(place).lower()


def network(name, n, **fields):
    return [doc("network", name, addressSpace=space(n), **fields)]


def router(name, dns=None):
    """The document of a network or site, with a section dns or none."""
    fields = {"dns": dns} if dns is not None else {}
    if name == "office":
        return doc("site", name, addressSpace=["172.20.0.0/16", "fd00:172:20::/48"], publicAddress="at-o",
                   connections=[{"network": "main"}], **fields)
    return network(name, SPACES[name], **fields)[0]


def resolvers(place):
    """The addresses at which a place's network answers questions: of each family its subnet's, and the one of all networks."""
    name, subnet = STANDS[place]
    own = ["172.20.0.2", "fd00:172:20::2"] if name == "office" else at(SPACES[name], subnet, 2)
    return own + [RESOLVER]


def with_internet(name):
    return [doc("internet-gateway", name, network=name),
            doc("route-table", name + "-out", network=name, routes=everywhere({"internetGateway": name}))]


def with_nat(name, place, gateway_subnet):
    return [public(place), doc("nat-gateway", name, subnet=gateway_subnet, publicAddress="at-" + host_name(place)),
            doc("route-table", name + "-nat", network=name, routes=everywhere({"natGateway": name}))]


def host(place, subnet, n, s, **fields):
    return doc("host", host_name(place), subnet=subnet, addresses=at(n, s, 30), **fields)


def main_network():
    return network("main", 1) + with_internet("main") + with_nat("main", "N", "main-public") + [
        doc("subnet", "main-public", network="main", ranges=ranges(1, 1), routeTable="main-out"),
        doc("subnet", "main-private", network="main", ranges=ranges(1, 2), routeTable="main-nat"),
        doc("subnet", "main-isolated", network="main", ranges=ranges(1, 3)),
        doc("subnet", "main-endpoints", network="main", ranges=ranges(1, 4)),
        doc("subnet", "main-delegated", network="main", ranges=ranges(1, 5, 28), delegation="clusters"),
        doc("security-group", "nodes", network="main", ingress=[
            {"protocol": "any", "ranges": ["0.0.0.0/0", "::/0"]}]),
        public("P"),
        host("P", "main-public", 1, 1, publicAddress="at-p", securityGroups=["nodes"]),
        host("N", "main-private", 1, 2, securityGroups=["nodes"]),
        host("X", "main-isolated", 1, 3),
    ]


def natted(name, n, place):
    """A network with one host behind a NAT gateway."""
    return network(name, n) + with_internet(name) + with_nat(name, place, name + "-public") + [
        doc("subnet", name + "-public", network=name, ranges=ranges(n, 1), routeTable=name + "-out"),
        doc("subnet", name + "-private", network=name, ranges=ranges(n, 2), routeTable=name + "-nat"),
        host(place, name + "-private", n, 2)]


def beside_network():
    return network("beside", 3) + with_internet("beside") + [
        doc("subnet", "beside", network="beside", ranges=ranges(3, 1), routeTable="beside-out"),
        public("PU"), host("PU", "beside", 3, 1, publicAddress="at-pu")]


def plain(name, n, place):
    """A network with one host and no way out."""
    return network(name, n) + [doc("subnet", name, network=name, ranges=ranges(n, 1)), host(place, name, n, 1)]


def joints():
    return [
        doc("peering", "main-near", networks=["main", "near"]),
        doc("peering", "main-beside", networks=["main", "beside"]),
        doc("peering", "near-far", networks=["near", "far"]),
        doc("hub", "transit", attachments=[{"network": "main"}, {"network": "spoke"}]),
        public("O"),
        router("office"),
        doc("host", "o", site="office", addresses=["172.20.1.30", "fd00:172:20:1::1e"]),
    ]


def everything():
    return (main_network() + natted("near", 2, "PL") + beside_network() + plain("far", 4, "PP") +
            natted("spoke", 5, "H") + natted("lonely", 8, "U") + plain("own", 9, "E") + joints())


def endpoint_group(admit="all"):
    return doc("security-group", "api", network="main", ingress=ADMIT[admit])


def placements(kind):
    if kind == "integrated":
        return [{"subnet": "main-delegated", "addresses": [VIP[f][0] for f in rows.FAMILIES]}]
    subnets = ["main-endpoints", "main-isolated"]
    if kind == "private-link":
        subnets = subnets[:1]
    return [{"subnet": s, "addresses": [ENDPOINTS[f][i] for f in rows.FAMILIES]} for i, s in enumerate(subnets)]


def private_addresses(kind):
    """The addresses by which a cluster of this kind is reached privately, by family."""
    if kind == "integrated":
        return VIP
    return {f: ENDPOINTS[f][:len(placements(kind))] for f in rows.FAMILIES}


def cluster(kind, step, name=NAME, fqdn=FQDN, upstream=UPSTREAM, dns=None):
    """The cluster's document in a mode's private kind, as a step sets it."""
    d = doc("cluster", name, upstreams=[{"address": upstream[0], "port": upstream[1]}], health={"kind": "none"},
            public={"fqdn": fqdn, "enabled": step.ranges != "off"})
    if step.ranges not in ("off", None):
        d["public"]["ranges"] = step.ranges
    if kind:
        d["private"] = {"kind": kind, "enabled": step.endpoint, "placements": placements(kind)}
        if kind == "interfaces":
            d["private"]["securityGroups"] = ["api"]
    if dns is not None:
        d["dns"] = dns
    return d


def own_endpoint(**fields):
    return doc("private-endpoint", "own", cluster=NAME, subnet="own", addresses=[OWN[f][0] for f in rows.FAMILIES], dns=True,
               **fields)


def own_zone():
    return doc("zone", "own-zone", domain=OWN_DOMAIN, visibility="private")


def link(place, dns):
    """The zone of the cluster's private name is linked to this place's network."""
    name = STANDS[place][0]
    zone = {"zone": dns["ownZone"]} if dns.get("zone") == "own" else {"cluster": NAME}
    return doc("zone-link", "prod-" + name, **zone, **{"site" if name == "office" else "network": name})


def forwarding(place, name):
    """This place's network asks a DNS server in the cluster's network about the private name's domain."""
    return router(STANDS[place][0], {"forward": [{"domain": name.split(".", 1)[1], "servers": list(DNS_SERVER.values())}]})


def main_endpoint(**fields):
    """A private endpoint as an object of its own in the cluster's network."""
    return doc("private-endpoint", "main", cluster=NAME, subnet="main-endpoints",
               addresses=[ENDPOINTS[f][0] for f in rows.FAMILIES], **fields)


def twin(letter, upstream):
    """A network, a host, a cluster and a zone, with the same addresses and domain whatever the letter."""
    name = "twin-" + letter
    return network(name, 1) + [
        doc("zone", name, domain="corp.internal", visibility="private", records=[
            {"name": "who", "type": "A", "values": ["10.1.1.%d" % ord(letter)]},
            {"name": "who", "type": "TXT", "values": [name]},
            {"name": "only-" + letter, "type": "AAAA", "values": ["fd00:10:1:1::%x" % ord(letter)]}]),
        doc("zone-link", name, zone=name, network=name),
        doc("subnet", name, network=name, ranges=ranges(1, 1)),
        doc("host", name, subnet=name, addresses=at(1, 1, 30)),
        doc("cluster", name, upstreams=[{"address": upstream[0], "port": upstream[1]}], health={"kind": "none"},
            public={"fqdn": name + ".k8s.example.org", "enabled": False},
            private={"kind": "private-link", "placements": [{"subnet": name, "addresses": at(1, 1, 20)}]})]
