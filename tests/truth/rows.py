# SPDX-License-Identifier: GPL-3.0-or-later
"""
The specification of who can reach what, as data: modes, the steps of each, and a row for each place.

A mode is a shape of the cluster's document. Its steps change what the rows depend on (ranges, security groups), so that
a row which says "range" is seen both inside and outside of them. A row holds if in every step of its mode, for one
address family, the answer of the name, the reach of real packets and the explanation are what the row says.

    R(places, name, reached)         by name, as people do
    R(..., by="address")             by the private address instead of the name
    R(..., waits=REASON)             what the row is about is not there yet. Its reach is tried by address all the same, where
                                     `by` says so, and must agree
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

NAMESERVER = "the name server"
INTERNET_NAMES = "the name server (the answer on the internet)"
EKS, ARM = "the EKS API", "the ARM API"

FAMILIES = (4, 6)
PUBLIC = {4: ["192.0.2.1"], 6: ["2001:db8::1"]}
# Where the places are seen on the internet. The landscape (landscape.py) gives them these addresses; NODE/P is P, and so on.
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
    def __init__(self, places, name, reached, by="name", waits=None, note=None):
        self.places = [places] if isinstance(places, str) else list(places)
        self.name, self.reached, self.by, self.waits, self.note = name, reached, by, waits, note

    def text(self):
        name = self.name + (", by private address" if self.by == "address" and not self.waits else "")
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
    """

    def __init__(self, title, ranges="off", groups="all", endpoint=True):
        self.title, self.ranges, self.groups, self.endpoint = title, ranges, groups, endpoint

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
    def __init__(self, id_, cloud, title, private=None, steps=(), rows=(), names=None, objects=()):
        """private: the cluster's private.kind; None: none. objects: further documents, of landscape.py by name."""
        self.id, self.cloud, self.title, self.private = id_, cloud, title, private
        self.steps, self.rows, self.names, self.objects = list(steps), list(rows), names, list(objects)


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
        W("P, N, X when the VPC has DNS support or DNS hostnames off: public", NAMESERVER),
        S("a security-group rule removed: the open connection that depended on it is reset, others are not touched",
          "group_cut"),
        S("a route removed: the open connection that depended on it is reset, others are not touched", "route_cut"),
        S("public only, both, private only and back, live: addresses stay, forbidden connections are reset, allowed ones "
          "are not touched", "switch_modes"),
    ]),
    Mode("eks-private", "EKS", "private only", "interfaces", steps=[
        Step("security groups admit all", "off", "all"),
        Step("security groups admit nodes", "off", "nodes"),
    ], rows=[
        R(INTERNET, "private", NO_ROUTE, by="address", waits=INTERNET_NAMES),
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
    Mode("aks-private", "AKS", "private, zone none, public name on", "private-link", steps=[
        Step("private alone")], rows=[
        R(NODES + IN_NETWORK + JOINED, "private", YES),
        R(["PP", "U"], "private", NO),
        R(INTERNET, "private", NO_ROUTE, by="address", waits=INTERNET_NAMES),
        S("authorized ranges never act on a private endpoint", "ranges_not_private"),
        S("public to private link and back: live, in profile open", "link_live"),
        W("public to private link and back: the AKS facade refuses, in profile cloud", ARM),
    ]),
    Mode("aks-zone", "AKS", "private, zone system, public name on", "private-link", objects=["own-endpoint"], steps=[
        Step("private alone")], rows=[
        R(NODES + IN_NETWORK + ["PL"], "private name -> private", YES, by="address", waits=NAMESERVER),
        R("PU", "private name -> NX, public name -> private", YES, by="address", waits=NAMESERVER),
        R("PP", "private name -> NX, public name -> private", NOT_TRANSITIVE, by="address", waits=NAMESERVER),
        R(["H", "O"], "as PL if the zone is linked or forwarded, else as PU", YES, by="address", waits=NAMESERVER),
        R(["I+", "I-", "U"], "private name -> NX, public name -> private", NO_ROUTE, by="address", waits=NAMESERVER),
        R("E", "own endpoint", YES, note="the endpoint in its own network"),
        S("the endpoint of an unjoined network admits that network alone, and no other address leads out of it",
          "own_endpoint_alone"),
        S("an endpoint's states: pending, rejected and disconnected admit nobody, approved does again", "endpoint_states"),
    ]),
    Mode("aks-name-off", "AKS", "private, zone system, public name off", rows=[
        W("PU, PP, I, U: both names -> NX; no by name, PU by address: yes", NAMESERVER),
        W("NODE, P, N, X, PL, E: as with the public name on", NAMESERVER),
        W("enabling and disabling the public name takes effect at once", NAMESERVER),
        W("zone none and public name off: refused", ARM),
        W("own zone: as zone system, links are the user's; a zone of any other name is refused", ARM),
        W("disableRunCommand refuses run command", ARM),
    ]),
    Mode("aks-deleted", "AKS", "private, then its private endpoint deleted", rows=[
        S("the endpoint deleted: NODE, P, N, X and PL are cut off at once, explain says why, a new endpoint heals it",
          "endpoint_deleted"),
        W("the private name -> NX or stale", NAMESERVER),
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
        W("public removed: private.<region>.azmk8s.io zones", NAMESERVER),
    ]),
    Mode("both-twins", "Both", "two networks with the same address space", rows=[
        S("each reaches its own cluster by the same private address, and no other", "twins_apart"),
        S("names do not leak from one to the other", "twins_names", (4,)),
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
