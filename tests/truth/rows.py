# SPDX-License-Identifier: GPL-3.0-or-later
"""
The specification of who can reach what, as data: modes, the steps of each, and a row for each place.

A mode is a shape of the cluster's document. Its steps change what the rows depend on (ranges, security groups), so that
a row which says "range" is seen both inside and outside of them. A row holds if in every step of its mode, for one
address family, the answer of the name, the reach of real packets and the explanation are what the row says.

    R(places, answer, reached)       by the cluster's public name, as people do; answer is a word, see ANSWERS
    R(places, {name: answer, ...}, reached)
                                     by each of these names: PUBLIC_NAME, PRIVATE_NAME. By one that is not there nobody gets anywhere
    R(..., by="address")             by the private address instead of a name; names are compared if they are given as {name: answer}
    S(text, scenario)                more than one look: a function of scenarios.py
    W(text, waits)                   nothing to try yet

`reached` is one of the rules below; the harness works out from the step's facts what that means for a place.
"""
import collections
import ipaddress

Reach = collections.namedtuple("Reach", "rule text")
YES = Reach("yes", "yes")
NO = Reach("no", "no")
NO_ROUTE = Reach("no", "no: no route")
NOT_TRANSITIVE = Reach("no", "no: peering is not transitive")
CUT_OFF = Reach("no", "no: the cluster is cut off")
OPEN = Reach("internet", "yes")  # whoever has a way to the internet
RANGE = Reach("range", "range: its own public address")
RANGE_NAT = Reach("range", "range: its NAT address")
OWN_WAY = Reach("range", "as its own way to the internet")
GROUPS = Reach("groups", "yes, if the security groups admit it")

# What a name answers: the public listeners, the private addresses, the endpoint in one's own network; NXDOMAIN; or, where its zone is
# linked or forwarded, the private addresses, and NXDOMAIN elsewhere.
PUBLIC_NAME, PRIVATE_NAME = "public name", "private name"
NX, SEEN = "NX", "private if linked or forwarded, else NX"
ANSWERS = ("public", "private", "own endpoint", NX, SEEN)
BOTH_NX = {PRIVATE_NAME: NX, PUBLIC_NAME: NX}
BY_PUBLIC = {PRIVATE_NAME: NX, PUBLIC_NAME: "private"}
BOTH_PRIVATE = {PRIVATE_NAME: "private", PUBLIC_NAME: "private"}

EKS, ARM = "the EKS API", "the ARM API"

FAMILIES = (4, 6)
PUBLIC = {4: ["192.0.2.1"], 6: ["2001:db8::1"]}
# Where the places are seen on the internet. The landscape (landscape.py) gives them these addresses; NODE/P is P, and so on.
# The private names that a cluster has by its section dns; landscape.py has the same landscape.
SYSTEM_NAME = "prod.prod.privatelink.k8s.example.org"
INTEGRATED_NAME = "prod.private.k8s.example.org"
OWN_NAME = "prod.privatelink.k8s.example.org"
SOURCES = {
    "I+": {4: "203.0.113.10", 6: "2001:db8:a::10"},
    "I-": {4: "198.51.100.200", 6: "2001:db8:b::20"},
    "P": {4: "198.51.100.11", 6: "2001:db8:f::11"},
    "N": {4: "198.51.100.12", 6: "2001:db8:f::12"},
    "X": None,
    "PL": {4: "198.51.100.13", 6: "2001:db8:f::13"},
    "PU": {4: "198.51.100.14", 6: "2001:db8:f::14"},
    "PP": None,
    "H": {4: "198.51.100.15", 6: "2001:db8:f::15"},
    "O": {4: "198.51.100.16", 6: "2001:db8:f::16"},
    "U": {4: "198.51.100.17", 6: "2001:db8:f::17"},
    "E": None,
}
PLACES = list(SOURCES)
INTERNET = ("I+", "I-")
HOSTS = [p for p in PLACES if p not in INTERNET]
IN_NETWORK = ["P", "N", "X"]
SAME_NETWORK = {p: IN_NETWORK for p in IN_NETWORK}
NODES = ["NODE/P", "NODE/N", "NODE/X"]
JOINED = ["PL", "PU", "H", "O"]  # routed both ways to the cluster's network
NOT_JOINED = ["PP", "U", "E"]


def stand(place):
    """The place whose host a row's place stands on."""
    return place.split("/")[-1]


def sources(*places):
    return ["%s" % SOURCES[p][f] for p in places for f in FAMILIES]


I_PLUS = ["203.0.113.0/24", "2001:db8:a::/48"]


class Row:
    def __init__(self, places, answers, reached, by="name", note=None):
        self.places = [places] if isinstance(places, str) else list(places)
        if isinstance(answers, dict):
            self.answers, self.name = answers, ", ".join("%s → %s" % a for a in answers.items())
        else:
            self.answers, self.name = {} if by == "address" else {PUBLIC_NAME: answers}, answers
        self.reached, self.by, self.note = reached, by, note

    def text(self):
        name = self.name + (", by private address" if self.by == "address" else "")
        return name, self.reached.text + (" (%s)" % self.note if self.note else "")


class Scenario:
    def __init__(self, text, run, families=FAMILIES):
        self.text, self.run, self.families = text, run, families


class Waiting:
    def __init__(self, text, waits):
        self.text, self.waits = text, waits


R, S, W = Row, Scenario, Waiting


class Step:
    """
    What is set, and the facts from which the rows' rules follow.

    ranges      of the public endpoint; None: open; "off": no public endpoint
    groups      "all": the endpoint's security groups admit every joined network; "nodes": hosts with the group `nodes` only
    endpoint    the private address is there and enabled
    linked      places to whose network the private name's zone is linked
    forwarded   places whose network asks a DNS server in the cluster's network about that zone
    """

    def __init__(self, title, ranges="off", groups="all", endpoint=True, linked=(), forwarded=()):
        self.title, self.ranges, self.groups, self.endpoint = title, ranges, groups, endpoint
        self.linked, self.forwarded = tuple(linked), tuple(forwarded)

    def sees(self, place):
        """Is the private name's zone seen there?"""
        return any(stand(place) in SAME_NETWORK.get(p, (p,)) for p in self.linked) or stand(place) in self.forwarded

    def in_ranges(self, address):
        if self.ranges is None:
            return True
        a = ipaddress.ip_address(address)
        return self.ranges != "off" and any(a in ipaddress.ip_network(r) for r in self.ranges)

    def admitted(self, place):
        return self.groups == "all" or place in ("P", "N")


def expected(row, place, family, step):
    """Does the row say that a client in this place, of this family, gets in?"""
    place = stand(place)
    rule = row.reached.rule
    if rule in ("yes", "no"):
        return rule == "yes"
    if rule == "groups":
        return step.endpoint and step.admitted(place)
    source = SOURCES[place]
    if source is None or step.ranges == "off":
        return False
    return rule == "internet" or step.in_ranges(source[family])


class Mode:
    def __init__(self, id_, cloud, title, private=None, steps=(), rows=(), dns=None, private_name=None, objects=(), network_dns=None):
        """
        private: the cluster's private.kind; None: none. dns: the section of its document, and private_name the name that it has by it.
        objects: further documents, of landscape.py by name. network_dns: the section dns of the cluster's network.
        """
        self.id, self.cloud, self.title, self.private = id_, cloud, title, private
        self.steps, self.rows, self.dns, self.private_name = list(steps), list(rows), dns, private_name
        self.objects, self.network_dns = list(objects), network_dns


MODES = [
    Mode("eks-public", "EKS", "public only", steps=[
        Step("ranges with P, N, PL and O", I_PLUS + sources("P", "N", "PL", "O")),
        Step("ranges with PU, H and U", I_PLUS + sources("PU", "H", "U")),
    ], rows=[
        R("I+", "public", YES), R("I-", "public", NO),
        R("P", "public", RANGE),
        R("N", "public", RANGE_NAT),
        R("X", "public", NO_ROUTE),
        R(["PL", "PU", "H", "O", "U"], "public", OWN_WAY),
        R("NODE/P", "public", RANGE), R("NODE/N", "public", RANGE_NAT), R("NODE/X", "public", NO_ROUTE),
        S("a range taken away: its open connection is reset, others are not touched", "range_cut"),
        S("both endpoints off is refused", "both_off", (4,)),
        W("a change that alters nothing is refused with the documented text", EKS),
    ]),
    Mode("eks-both", "EKS", "public + private", "interfaces", steps=[
        Step("ranges with I+ alone, security groups admit all", I_PLUS, "all"),
        Step("ranges with PL, PU, H, O and U, security groups admit nodes", I_PLUS + sources("PL", "PU", "H", "O", "U"), "nodes"),
    ], rows=[
        R("I+", "public", YES), R("I-", "public", NO),
        R(IN_NETWORK + NODES, "private", GROUPS),
        R(JOINED, "public", OWN_WAY),
        R(JOINED, "private", GROUPS, by="address"),
        R("U", "public", RANGE_NAT),
        S("a security-group rule removed: the open connection that depended on it is reset, others are not touched",
          "group_cut"),
        S("a route removed: the open connection that depended on it is reset, others are not touched", "route_cut"),
        S("public only, both, private only and back, live: addresses stay, forbidden connections are reset, allowed ones "
          "are not touched", "switch_modes"),
    ]),
    Mode("eks-no-dns", "EKS", "public + private, DNS support or DNS hostnames of the VPC off", "interfaces",
         network_dns={"clusterNames": False}, steps=[
        Step("ranges with P", I_PLUS + sources("P"), "all"),
        Step("ranges with N", I_PLUS + sources("N"), "nodes"),
    ], rows=[
        R("I+", "public", YES), R("I-", "public", NO),
        R("P", "public", RANGE), R("N", "public", RANGE_NAT), R("X", "public", NO_ROUTE),
        R("NODE/P", "public", RANGE), R("NODE/N", "public", RANGE_NAT), R("NODE/X", "public", NO_ROUTE),
        R(IN_NETWORK, "public", GROUPS, by="address"),
        S("DNS support off and on again: the name moves at once, open connections are not touched", "dns_support"),
    ]),
    Mode("eks-private", "EKS", "private only", "interfaces", steps=[
        Step("security groups admit all", "off", "all"),
        Step("security groups admit nodes", "off", "nodes"),
    ], rows=[
        R(INTERNET, "private", NO_ROUTE),
        R("U", "private", NO_ROUTE),
        R(IN_NETWORK + NODES, "private", GROUPS),
        R(["PL", "PU"], "private", GROUPS),
        R("PP", "private", NOT_TRANSITIVE),
        R(["H", "O"], "private", GROUPS, note="and routed"),
        S("ranges change while public is off: kept, and effective when it comes back", "ranges_while_off", (4,)),
    ]),
    Mode("aks-open", "AKS", "public, no ranges", steps=[Step("no ranges", None)], rows=[
        R(["I+", "I-", "P", "N"], "public", OPEN),
        S("an empty list of ranges and an absent one are different: [] admits nobody here, the AKS API turns it into none",
          "empty_ranges", (4,)),
    ]),
    Mode("aks-ranges", "AKS", "public, ranges set", steps=[
        Step("ranges with P", I_PLUS + sources("P")),
        Step("ranges with N, the cluster's own outbound address", I_PLUS + sources("N")),
    ], rows=[
        R("I+", "public", YES), R("I-", "public", NO),
        R("P", "public", RANGE), R("N", "public", RANGE_NAT, note="or the cluster's own outbound address"),
        R("X", "public", NO_ROUTE),
        W("the cluster's own outbound address is admitted without being named", ARM),
        W("0.0.0.0/32 alone: the cluster's own outbound addresses alone", ARM),
        W("[] switches ranges off", ARM),
    ]),
    Mode("aks-private", "AKS", "private, zone none, public name on", "private-link", dns={"publicName": True}, steps=[
        Step("private alone")], rows=[
        R(NODES + IN_NETWORK + JOINED, "private", YES),
        R(NOT_JOINED, "private", NO),
        R(INTERNET, "private", NO_ROUTE),
        S("authorized ranges never act on a private endpoint", "ranges_not_private"),
        S("public to private link and back: live, in profile open", "link_live"),
        S("zone none and public name off is refused", "no_name_at_all", (4,)),
        W("public to private link and back: the AKS facade refuses, in profile cloud", ARM),
    ]),
    Mode("aks-zone", "AKS", "private, zone system, public name on", "private-link", objects=["own-endpoint"],
         dns={"zone": "system", "publicName": True}, private_name=SYSTEM_NAME, steps=[
        Step("the zone linked to PL's network", linked=["PL"]),
        Step("the zone linked to the networks of PL, H and O", linked=["PL", "H", "O"]),
        Step("the zone linked to PL's network, H and O forward", linked=["PL"], forwarded=["H", "O"]),
    ], rows=[
        R(NODES + IN_NETWORK + ["PL"], BOTH_PRIVATE, YES),
        R("PU", BY_PUBLIC, YES, note="by the public name"),
        R("PP", BY_PUBLIC, NOT_TRANSITIVE),
        R(["H", "O"], {PRIVATE_NAME: SEEN, PUBLIC_NAME: "private"}, YES, note="if routed"),
        R([*INTERNET, "U"], BY_PUBLIC, NO_ROUTE),
        R("E", {PRIVATE_NAME: "own endpoint", PUBLIC_NAME: "own endpoint"}, YES, note="the endpoint in its own network"),
        S("the endpoint of an unjoined network admits that network alone, and no other address leads out of it",
          "own_endpoint_alone"),
        S("an endpoint's states: pending, rejected and disconnected admit nobody, approved does again", "endpoint_states"),
        S("a link made and deleted: the private name comes and goes at once, the connection stays", "link_moves"),
    ]),
    Mode("aks-name-off", "AKS", "private, zone system, public name off", "private-link", objects=["own-endpoint"],
         dns={"zone": "system", "publicName": False}, private_name=SYSTEM_NAME, steps=[
        Step("the zone linked to PL's network", linked=["PL"]),
    ], rows=[
        R(["PU", "PP", *INTERNET, "U", "H", "O"], BOTH_NX, NO),
        R("PU", BOTH_NX, YES, by="address"),
        R(NODES + IN_NETWORK + ["PL"], {PRIVATE_NAME: "private", PUBLIC_NAME: NX}, YES, note="by the private name"),
        R("E", {PRIVATE_NAME: "own endpoint", PUBLIC_NAME: NX}, YES, note="by the private name"),
        S("enabling and disabling the public name takes effect at once", "public_name_switch"),
        W("disableRunCommand refuses run command", ARM),
    ]),
    Mode("aks-own-zone", "AKS", "private, own zone, public name on", "private-link", objects=["own-zone", "own-endpoint"],
         dns={"zone": "own", "ownZone": "own-zone", "publicName": True}, private_name=OWN_NAME, steps=[
        Step("the zone linked to the networks of the cluster and PL", linked=["N", "PL"]),
        Step("the zone linked to O's alone", linked=["O"]),
    ], rows=[
        R(NODES + IN_NETWORK + JOINED, {PRIVATE_NAME: SEEN, PUBLIC_NAME: "private"}, YES, note="links are the user's"),
        R("PP", BY_PUBLIC, NOT_TRANSITIVE),
        R([*INTERNET, "U"], BY_PUBLIC, NO_ROUTE),
        R("E", {PRIVATE_NAME: "own endpoint", PUBLIC_NAME: "own endpoint"}, YES, note="the endpoint in its own network"),
        S("a private name outside of the own zone is refused, and so is a public zone", "own_zone_refused", (4,)),
        S("the cluster's record is not the user's to write", "own_record_refused", (4,)),
        W("a zone of any other name than privatelink.<region>.azmk8s.io is refused", ARM),
    ]),
    Mode("aks-own-off", "AKS", "private, own zone, public name off", "private-link", objects=["own-zone"],
         dns={"zone": "own", "ownZone": "own-zone", "publicName": False}, private_name=OWN_NAME, steps=[
        Step("the zone linked to the networks of the cluster and PL", linked=["N", "PL"]),
    ], rows=[
        R(NODES + IN_NETWORK + ["PL"], {PRIVATE_NAME: "private", PUBLIC_NAME: NX}, YES, note="by the private name"),
        R(["PU", "PP", *INTERNET, "U"], BOTH_NX, NO),
        R("PU", BOTH_NX, YES, by="address"),
    ]),
    Mode("aks-deleted", "AKS", "private, then its private endpoint deleted", rows=[
        S("the endpoint deleted: NODE, P, N, X and PL are cut off at once, explain says why, a new endpoint heals it",
          "endpoint_deleted"),
        S("the private name is not there any more, and comes back with a new endpoint", "endpoint_deleted_names"),
    ]),
    Mode("aks-integrated", "AKS", "integrated", "integrated", steps=[
        Step("ranges with P and PL", I_PLUS + sources("P", "PL")),
        Step("ranges with N and O", I_PLUS + sources("N", "O")),
    ], rows=[
        R(NODES, "the VIP", YES, by="address"),
        R("I+", "public", YES), R("I-", "public", NO),
        R(IN_NETWORK, "public", OWN_WAY),
        R(IN_NETWORK, "the VIP", YES, by="address"),
        R("PP", "the VIP", NOT_TRANSITIVE, by="address"),
        S("public access removed later and added again: live, both ways, node traffic never interrupted", "integrated_switch"),
    ]),
    Mode("aks-vip-alone", "AKS", "integrated, public access removed", "integrated", private_name=INTEGRATED_NAME,
         dns={"zone": "system", "privateFqdn": INTEGRATED_NAME, "publicName": True}, steps=[
        Step("the zone linked to PL's network", linked=["PL"]),
    ], rows=[
        R(NODES + IN_NETWORK + ["PL"], BOTH_PRIVATE, YES),
        R(NODES, BOTH_PRIVATE, YES, by="address"),
        R("PU", BY_PUBLIC, YES, note="by the public name"),
        R("PP", BY_PUBLIC, NOT_TRANSITIVE),
        R(["H", "O"], {PRIVATE_NAME: SEEN, PUBLIC_NAME: "private"}, YES, note="if routed"),
        R([*INTERNET, "U"], BY_PUBLIC, NO_ROUTE),
        S("public access added again and removed: the names move with it, node traffic never interrupted", "integrated_names"),
    ]),
    Mode("both-twins", "Both", "two networks with the same address space", rows=[
        S("each reaches its own cluster by the same private address, and no other", "twins_apart"),
        S("names do not leak from one to the other", "twins_names"),
        S("zones of one domain, one linked to each: each sees its own alone", "twins_zones"),
        S("a change in one cuts there alone", "twins_cut"),
    ]),
    Mode("both-tls", "Both", "what goes over the wire", "interfaces", steps=[Step("open", None)], rows=[
        S("a private endpoint needs no server name", "no_server_name"),
        S("on the public endpoint, no and an unknown server name are reset before a byte", "public_server_name"),
        S("a ClientHello in segments of one byte is routed rightly", "hello_split"),
        S("a ClientHello with 16 KiB of extensions is routed rightly, or refused cleanly", "hello_large"),
        S("streams both ways, as exec, logs -f, port-forward and watch are", "streams"),
        W("kubectl exec, port-forward with a kubelet behind the API server", "a kubelet in the landscape"),
    ]),
]


def mode(id_):
    return next(m for m in MODES if m.id == id_)
