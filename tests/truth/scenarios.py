# SPDX-License-Identifier: GPL-3.0-or-later
"""
The rows that need more than one look: changes while connections are open, states, and what goes over the wire.

Each is called with the world and a family, sets what it needs first, and raises Mismatch where something is not as its row
says. "Was reset" means already when the command that forbade it has come back.
"""
import contextlib
import json
import os
import socket
import ssl
import sys
import threading

import landscape
import probe
import rows
from rows import I_PLUS, Step, sources
from world import HERE, HostPlace, World, check

sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

QUIET = rows.Scenario("who is not let in learns nothing: not a byte comes back, and the API server sees nobody but those who are "
                      "let in", None)
TWINS = {"a": ("twin-a", "10.0.0.5", 6443), "b": ("twin-b", "10.0.0.6", 6443)}


def make_world(mode, directory):
    if mode.id == "both-twins":
        w = World(directory, TWINS.values())
        w.twins_are_up = False
        return w
    return World(directory)


def settle(w, kind, step, *more):
    """The cluster in this kind and step, as the start of a scenario."""
    w.apply(landscape.endpoint_group(step.groups), landscape.cluster(kind, step, dns=w.dns), *more)


def private(kind, family):
    return landscape.private_addresses(kind)[family][0]


def public(family):
    return rows.PUBLIC[family][0]


@contextlib.contextmanager
def lines(w, *ends):
    """Open connections: (place, address) each."""
    made = []
    try:
        for place, address in ends:
            made.append(w.line(place, address))
        yield made
    finally:
        for line in made:
            line.close()


def reset(line, what):
    how = line.end()
    check(how == "reset", "%s after the change that forbids it: %s", what, how)


def untouched(line, what):
    check(line.is_open(), "%s was cut by a change that allows it", what)


# --- EKS ---------------------------------------------------------------------------------------------------------------


def range_cut(w, f):
    settle(w, None, Step("", I_PLUS + sources("P", "N")))
    with lines(w, ("I+", public(f)), ("P", public(f)), ("N", public(f))) as (i, p, n):
        w.set("--remove-allow", rows.SOURCES["N"][f])
        reset(n, "N's connection")
        untouched(p, "P's connection")
        untouched(i, "I+'s connection")
    w.expect("N", f, False)
    w.expect("P", f, True)


def both_off(w, _family):
    settle(w, None, Step("", None))
    w.refuses("cluster", "set", landscape.NAME, "--public", "off", says="force")
    w.expect("I+", 4, True)


def group_cut(w, f):
    settle(w, "interfaces", Step("", I_PLUS))
    a = private("interfaces", f)
    with lines(w, ("N", a), ("PL", a), ("O", a), ("I+", public(f))) as (n, pl, o, i):
        w.apply(landscape.endpoint_group("nodes"))
        reset(pl, "PL's connection")
        reset(o, "O's connection")
        untouched(n, "N's connection")
        untouched(i, "I+'s connection")
    w.expect("PL", f, False, host=a)
    w.apply(landscape.endpoint_group("all"))
    w.expect("PL", f, True, host=a)


def route_cut(w, f):
    settle(w, "interfaces", Step("", I_PLUS))
    a = private("interfaces", f)
    peering = next(d for d in landscape.joints() if d["name"] == "main-near")
    with lines(w, ("N", a), ("PL", a), ("H", a), ("PU", a)) as (n, pl, h, pu):
        w.delete(peering)
        try:
            reset(pl, "PL's connection")
            for line, place in ((n, "N"), (h, "H"), (pu, "PU")):
                untouched(line, place + "'s connection")
            w.expect("PL", f, False, host=a)
        finally:
            w.apply(peering)
    w.expect("PL", f, True, host=a)


def stored_placements(w):
    out = w.cli("-o", "json", "get", "cluster", landscape.NAME).stdout
    found = json.loads(out)
    found = found["items"][0] if "items" in found else found
    return found["document"]["private"]["placements"]


def switch_modes(w, f):
    settle(w, "interfaces", Step("both", I_PLUS))
    a, before = private("interfaces", f), stored_placements(w)
    with lines(w, ("I+", public(f)), ("N", a)) as (i, n):
        w.set("--public", "off")
        reset(i, "I+'s connection")
        untouched(n, "N's connection")
        w.expect("I+", f, False)
        w.set("--public", "on")
        w.expect("I+", f, True)
        untouched(n, "N's connection")
        with lines(w, ("I+", public(f))) as (again,):
            w.set("--private", "off")
            reset(n, "N's connection")
            untouched(again, "I+'s connection")
            w.expect("N", f, False, host=a)
            check(stored_placements(w) == before, "the addresses did not stay: %s", stored_placements(w))
            w.set("--private", "on")
            w.expect("N", f, True, host=a)
            untouched(again, "I+'s connection")
    check(stored_placements(w) == before, "the addresses did not stay: %s", stored_placements(w))
    check(w.explain("N", f, address=a)["reached"], "explain does not see that it is on again")


def ranges_while_off(w, f):
    settle(w, "interfaces", Step("", "off"))
    w.set("--allow", ",".join(I_PLUS))
    w.expect("I+", f, False)
    w.set("--public", "on")
    w.expect("I+", f, True)
    w.expect("I-", f, False)
    w.set("--public", "off")
    w.expect("I+", f, False)


def dns_support(w, f):
    """Names move in the generation of the change: the very next question is answered anew."""
    settle(w, "interfaces", Step("", I_PLUS))
    a = private("interfaces", f)
    with lines(w, ("N", a), ("I+", public(f))) as (n, i):
        for _ in range(3):
            w.apply(landscape.router("main"))
            w.name_is("N", landscape.FQDN, f, landscape.private_addresses("interfaces")[f])
            w.name_is("PL", landscape.FQDN, f, rows.PUBLIC[f])
            w.apply(landscape.router("main", {"clusterNames": False}))
            w.name_is("N", landscape.FQDN, f, rows.PUBLIC[f])
        untouched(n, "N's connection")
        untouched(i, "I+'s connection")


# --- AKS ---------------------------------------------------------------------------------------------------------------


def empty_ranges(w, f):
    settle(w, None, Step("", []))
    w.expect("I+", f, False)
    check(not w.explain("I+", f)["reached"], "explain lets I+ in")
    settle(w, None, Step("", None))
    w.expect("I+", f, True)


def ranges_not_private(w, f):
    settle(w, "private-link", Step("", I_PLUS))
    for place in ("P", "N", "X", "PL", "O"):
        w.expect(place, f, True, host=private("private-link", f))
    w.expect("I-", f, False)
    settle(w, "private-link", Step("", "off"))


def link_live(w, f):
    settle(w, "private-link", Step("", "off"))
    a = private("private-link", f)
    with lines(w, ("N", a)) as (n,):
        settle(w, None, Step("", I_PLUS))
        reset(n, "N's connection")
    w.expect("N", f, False, host=a)
    w.expect("I+", f, True)
    with lines(w, ("I+", public(f))) as (i,):
        settle(w, "private-link", Step("", "off"))
        reset(i, "I+'s connection")
    w.expect("N", f, True, host=a)


def no_name_at_all(w, _family):
    document = landscape.cluster("private-link", Step("", "off"), dns={"publicName": False})
    w.refuses("apply", "-f", "-", says="without any name", stdin=json.dumps(document))


def link_moves(w, f):
    settle(w, "private-link", Step("", "off"))
    link, a = landscape.link("PL", w.dns), landscape.private_addresses("private-link")[f]
    w.apply(link)
    with lines(w, ("PL", a[0])) as (pl,):
        for _ in range(3):
            w.name_is("PL", rows.SYSTEM_NAME, f, a)
            w.delete(link)
            w.name_is("PL", rows.SYSTEM_NAME, f, None)
            w.name_is("N", rows.SYSTEM_NAME, f, a)
            w.apply(link)
        untouched(pl, "PL's connection")
    w.name_is("PL", rows.SYSTEM_NAME, f, a)


def public_name_switch(w, f):
    a = landscape.private_addresses("private-link")[f]
    for place_answers in (True, False, True, False):
        w.apply(landscape.cluster("private-link", Step("", "off"), dns={**w.dns, "publicName": place_answers}))
        for place in ("I+", "I-", "U", "PU", "N", "PL"):
            w.name_is(place, landscape.FQDN, f, a if place_answers else None)
        w.name_is("N", rows.SYSTEM_NAME, f, a)
        w.expect("PU", f, place_answers)


def own_zone_refused(w, _family):
    def cluster(**dns):
        return json.dumps(landscape.cluster("private-link", Step("", "off"), dns={**w.dns, **dns}))
    w.refuses("apply", "-f", "-", says="is not below", stdin=cluster(privateFqdn="prod.elsewhere.example.org"))
    w.apply(landscape.doc("zone", "open-zone", domain="open.example.org", visibility="public"))
    w.refuses("apply", "-f", "-", says="is public", stdin=cluster(ownZone="open-zone"))


def own_record_refused(w, _family):
    settle(w, "private-link", Step("", "off"))
    zone = {**landscape.own_zone(), "records": [{"name": "prod", "type": "A", "values": ["10.66.66.66"]}]}
    w.refuses("apply", "-f", "-", says="prod", stdin=json.dumps(zone))
    w.apply(landscape.link("N", w.dns))
    for f in rows.FAMILIES:
        w.name_is("N", rows.OWN_NAME, f, landscape.private_addresses("private-link")[f])


def own_endpoint_alone(w, f):
    settle(w, "private-link", Step("", "off"), landscape.own_endpoint())
    own, main = landscape.OWN[f][0], private("private-link", f)
    w.expect("E", f, True, host=own)
    w.expect("E", f, False, host=main)
    for place in ("N", "PL", "U"):
        w.expect(place, f, False, host=own)


def endpoint_states(w, f):
    own = landscape.OWN[f][0]
    for state in ("pending", "rejected", "disconnected"):
        settle(w, "private-link", Step("", "off"), landscape.own_endpoint())
        with lines(w, ("E", own), ("N", private("private-link", f))) as (e, n):
            w.apply(landscape.own_endpoint(state=state))
            reset(e, "E's connection (%s)" % state)
            untouched(n, "N's connection")
        w.expect("E", f, False, host=own)
        check(not w.explain("E", f, address=own)["reached"], "explain lets E in while %s", state)
    w.apply(landscape.own_endpoint(state="approved"))
    w.expect("E", f, True, host=own)


def endpoint_deleted(w, f):
    a = landscape.ENDPOINTS[f][0]
    places = ("P", "N", "X", "PL")
    settle(w, None, Step("", "off"), landscape.main_endpoint())
    for place in places:
        w.expect(place, f, True, host=a)
    with lines(w, *((p, a) for p in places)) as opened:
        w.delete(landscape.main_endpoint(), force=True)
        for place, line in zip(places, opened):
            reset(line, place + "'s connection")
    for place in places:
        w.expect(place, f, False, host=a)
        said = w.explain(place, f)
        check(not said["reached"] and said.get("rule"), "explain at %s: %s", place, said)
    w.apply(landscape.main_endpoint())
    for place in places:
        w.expect(place, f, True, host=a)


def endpoint_deleted_names(w, f):
    """As the cloud makes it: the endpoint is the one of the cluster itself, which its zone names, for the networks that see it."""
    dns = {"zone": "system", "publicName": False}
    a = landscape.private_addresses("private-link")[f]
    w.cli("delete", "--force", "private-endpoint", "main", check_=False)
    w.apply(landscape.cluster("private-link", Step("", "off"), dns=dns), landscape.link("PL", dns))
    for place in ("P", "N", "X", "PL"):
        w.name_is(place, rows.SYSTEM_NAME, f, a)
    gone = landscape.cluster("private-link", Step("", "off", endpoint=False), dns=dns)
    w.cli("apply", "--force", "-f", "-", stdin=json.dumps(gone))
    for place in ("P", "N", "X", "PL"):
        w.name_is(place, rows.SYSTEM_NAME, f, None)
        w.expect(place, f, False, host=a[0])
        said = w.explain(place, f)
        check(not said["reached"] and said.get("rule"), "explain at %s: %s", place, said)
    w.apply(landscape.cluster("private-link", Step("", "off"), dns=dns))
    for place in ("P", "N", "X", "PL"):
        w.name_is(place, rows.SYSTEM_NAME, f, a)
    w.expect("PL", f, True, name=rows.SYSTEM_NAME)
    w.delete(landscape.link("PL", dns))
    w.cli("delete", "--force", "cluster", landscape.NAME)


def integrated_names(w, f):
    vip = landscape.VIP[f]
    settle(w, "integrated", Step("", "off"), landscape.link("PL", w.dns))
    with lines(w, ("N", vip[0]), ("X", vip[0])) as (n, x):
        for _ in range(2):
            settle(w, "integrated", Step("", I_PLUS))
            for place in ("I+", "U", "N", "PL", "PU"):
                w.name_is(place, landscape.FQDN, f, rows.PUBLIC[f])
            w.name_is("N", rows.INTEGRATED_NAME, f, vip)
            w.name_is("PU", rows.INTEGRATED_NAME, f, None)
            w.expect("I+", f, True)
            settle(w, "integrated", Step("", "off"))
            for place in ("I+", "U", "N", "PL", "PU"):
                w.name_is(place, landscape.FQDN, f, vip)
            w.name_is("PL", rows.INTEGRATED_NAME, f, vip)
            w.expect("PL", f, True, name=rows.INTEGRATED_NAME)
        untouched(n, "N's connection")
        untouched(x, "X's connection")


def integrated_switch(w, f):
    settle(w, "integrated", Step("", I_PLUS))
    vip, failures, ending = landscape.VIP[f][0], [], threading.Event()
    with lines(w, ("N", vip), ("X", vip)) as (n, x):
        def keep_asking():
            while not ending.is_set():
                if not n.is_open():
                    failures.append("N's connection was cut")
                    return
        thread = threading.Thread(target=keep_asking)
        thread.start()
        try:
            for _ in range(3):
                with lines(w, ("I+", public(f))) as (i,):
                    w.set("--public", "off")
                    reset(i, "I+'s connection")
                w.expect("I+", f, False)
                w.expect("X", f, True, host=vip)
                w.set("--public", "on")
                w.expect("I+", f, True)
        finally:
            ending.set()
            thread.join()
        check(not failures, "%s", failures)
        untouched(x, "X's connection")


# --- both: two networks with one address space -----------------------------------------------------------------------


def twins_up(w):
    if not w.twins_are_up:
        for letter, (name, address, port) in TWINS.items():
            w.places[letter] = HostPlace(w, name)
            w.apply(*landscape.twin(letter, (address, port)))
        w.twins_are_up = True


def twin_fqdn(letter):
    return "twin-%s.k8s.example.org" % letter


def twin_address(f):
    return landscape.at(1, 1, 20)[rows.FAMILIES.index(f)]


def twins_apart(w, f):
    twins_up(w)
    for letter in TWINS:
        r = w.expect(letter, f, True, host=twin_address(f), name=twin_fqdn(letter))
        check(r["cluster"] == "twin-" + letter, "twin-%s was led to %s", letter, r["cluster"])


def twins_names(w, f):
    twins_up(w)
    for letter, other in (("a", "b"), ("b", "a")):
        seen = w.probe(letter, [("own", f, None, "own")], {"own": twin_fqdn(letter)})
        for server, got in seen["names"]["own"].items():
            check(got[str(f)]["addresses"] == [twin_address(f)], "its own name answers %s at %s", got, server)
        check(seen["tries"]["own"]["cluster"] == "twin-" + letter, "its own name leads to %s", seen["tries"]["own"])
        r = w.reach(letter, f, name=twin_fqdn(other))
        check(r.get("cluster") != "twin-" + other, "the other's name leads to the other's cluster")


def twins_zones(w, _family):
    twins_up(w)
    for letter, other in (("a", "b"), ("b", "a")):
        for name, type_, want in (
                ("who", "A", ("NOERROR", ["10.1.1.%d" % ord(letter)])), ("who", "TXT", ("NOERROR", ['"twin-%s"' % letter])),
                ("only-" + letter, "AAAA", ("NOERROR", ["fd00:10:1:1::%x" % ord(letter)])),
                ("only-" + other, "AAAA", ("NXDOMAIN", []))):
            got = w.answers(letter, name + ".corp.internal", type_)
            check(got == want, "%s %s in twin-%s answers %s, not %s", name, type_, letter, got, want)
    check(w.answers("I+", "who.corp.internal")[1] == [], "the internet sees it")


def twins_cut(w, f):
    twins_up(w)
    a, b = [w.line(t, twin_address(f), server_name=twin_fqdn(t)) for t in "ab"]
    check((a.cluster, b.cluster) == ("twin-a", "twin-b"), "led to %s and %s", a.cluster, b.cluster)
    try:
        w.cli("cluster", "set", "twin-a", "--private", "off", "--force")
        reset(a, "twin-a's connection")
        untouched(b, "twin-b's connection")
        w.expect("a", f, False, host=twin_address(f), name=twin_fqdn("a"))
        w.expect("b", f, True, host=twin_address(f), name=twin_fqdn("b"))
    finally:
        w.cli("cluster", "set", "twin-a", "--private", "on")
        a.close()
        b.close()
    w.expect("a", f, True, host=twin_address(f), name=twin_fqdn("a"))


# --- both: what goes over the wire ------------------------------------------------------------------------------------


class OneByteSocket:
    """Sends every byte as a segment of its own."""

    def __init__(self, sock):
        self.sock = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.recv = sock.recv

    def sendall(self, data):
        for i in range(len(data)):
            self.sock.sendall(data[i:i + 1])


def version_by(w, place, address, server_name, wrap=lambda s: s, alpn=None):
    """GET /version with a ClientHello made to order; its answer. probe.Counting raises where there is none."""
    context = ssl.create_default_context(cafile=w.ca)
    context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(alpn)
    with w.place(place).connect(address, landscape.PORT, timeout=5) as s:
        tls = probe.Counting(wrap(s), context, server_name)
        try:
            return tls.get_version(landscape.FQDN)
        except OSError as e:
            check(tls.count == 0, "ended after %d bytes: %s", tls.count, e)
            raise


def no_server_name(w, f):
    settle(w, "interfaces", Step("", None))
    for place in ("N", "PL"):
        check(b"gitVersion" in version_by(w, place, private("interfaces", f), None), "%s has no answer", place)


def public_server_name(w, f):
    settle(w, "interfaces", Step("", None))
    before = w.accepted()
    for name in (None, "unknown.example.org"):
        try:
            version_by(w, "I+", public(f), name)
            check(False, "an answer for the server name %s", name)
        except ConnectionResetError:
            pass
    check(w.accepted() == before, "the API server heard of it")


def hello_split(w, f):
    settle(w, "interfaces", Step("", None))
    for place, address in (("I+", public(f)), ("N", private("interfaces", f))):
        check(b"gitVersion" in version_by(w, place, address, landscape.FQDN, wrap=OneByteSocket), "%s has no answer", place)


def hello_large(w, f):
    settle(w, "interfaces", Step("", None))
    for place, address in (("I+", public(f)), ("N", private("interfaces", f))):
        try:
            answer = version_by(w, place, address, landscape.FQDN, alpn=["%02d" % i + "x" * 250 for i in range(65)])
            check(b"gitVersion" in answer, "%s has another answer", place)
        except ConnectionResetError:
            pass  # refused cleanly: version_by() has seen that not a byte came


def streams(w, f):
    settle(w, "interfaces", Step("", None))
    for place, address in (("I+", public(f)), ("N", private("interfaces", f)), ("O", private("interfaces", f))):
        with contextlib.closing(w.line(place, address)) as line:
            line.sock.sendall(b"GET /echo HTTP/1.1\r\nHost: api\r\n\r\n")
            seen = b""
            while b"\r\n\r\n" not in seen:
                seen += line.sock.recv(4096)
            for size in (1, 1000, 100000):
                data, back = os.urandom(size), b""
                sender = threading.Thread(target=line.sock.sendall, args=(data,))
                sender.start()
                while len(back) < size:
                    back += line.sock.recv(65536)
                sender.join()
                check(back == data, "%s: %d bytes came back otherwise", place, size)
