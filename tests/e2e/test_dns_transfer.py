# SPDX-License-Identifier: GPL-3.0-or-later
"""
Transfers and updates beside other people's name servers: Knot and BIND take our zones as secondaries, their tools update them.
"""
import base64
import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import time

import pytest

import dns_tsig as tsig
import net
from daemon import LONG, ApiError, cluster, free_port, wait_until
from networks import Networks, doc, host, network

SECRET = {"relay": base64.b64encode(b"the relay's secret, 32 octets lo").decode(),
          "editor": base64.b64encode(b"the editor's secret of a length of 48 octets....").decode(),
          "other": base64.b64encode(b"another zone's secret, 32 octets").decode()}
ALGORITHM = {"relay": "hmac-sha256", "editor": "hmac-sha384", "other": "hmac-sha256"}
KEYS = [{"kind": "tsig-key", "name": k, "keyName": k + ".example.net", "algorithm": ALGORITHM[k], "secret": SECRET[k]}
        for k in SECRET]
CORP = {"kind": "zone", "name": "corp", "domain": "corp.example", "visibility": "public", "ttl": 60,
        "transfer": ["relay"], "update": ["editor"],
        "records": [{"name": "@", "type": "MX", "values": ["10 mail.corp.example"]},
                    {"name": "www", "type": "A", "values": ["192.0.2.80", "192.0.2.81"]},
                    {"name": "a.b", "type": "TXT", "values": ["\"semi;colon\" \"two\""]},
                    {"name": "*.wild", "type": "CNAME", "values": ["www.corp.example"]},
                    {"name": "_k._tcp", "type": "SRV", "values": ["0 5 443 www.corp.example"]},
                    {"name": "sub", "type": "NS", "values": ["ns.sub.corp.example"]},
                    {"name": "ns.sub", "type": "A", "values": ["192.0.2.53"]}]}
ELSEWHERE = {"kind": "zone", "name": "elsewhere", "domain": "elsewhere.example", "visibility": "public",
             "transfer": ["other"], "update": ["other"]}
HOST = "127.0.0.1"


class Server:
    """The daemon with a name server, and questions to it."""

    def __init__(self, d):
        self.daemon, self.port = d, int(d.options[d.options.index("--dns-listen") + 1].rsplit(":", 1)[1])

    def kdig(self, *words, key=None):
        argv = ["kdig", "@" + HOST, "-p", str(self.port), "+retry=0", "+time=%d" % LONG]
        if key:
            argv += ["-y", "%s:%s.example.net:%s" % (ALGORITHM[key], key, SECRET[key])]
        p = subprocess.run(argv + list(words), capture_output=True, text=True, timeout=LONG * 2)
        return p.stdout + re.sub("^", ";", p.stderr, flags=re.M)

    def short(self, name, rtype="A", port=None):
        out = subprocess.run(["kdig", "@" + HOST, "-p", str(port or self.port), "+short", "+retry=0",
                              "+time=%d" % (1 if port else LONG), name, rtype],
                             capture_output=True, text=True, timeout=LONG).stdout
        return sorted(out.split("\n")[:-1])

    def update(self, key, zone, *lines, tool="nsupdate", tcp=False):
        """(exit status, output) of a tool that people use."""
        text = ["server %s %d" % (HOST, self.port), "zone " + zone]
        if key:
            text.append("key %s:%s.example.net %s" % (ALGORITHM[key], key, SECRET[key]))
        text += list(lines) + ["send", "answer" if tool == "nsupdate" else "", ""]
        argv = [tool] + (["-v"] if tcp else []) + (["-t", str(LONG)])
        p = subprocess.run(argv, input="\n".join(text), capture_output=True, text=True, timeout=LONG * 2)
        return p.returncode, p.stdout + p.stderr

    def ask(self, wire, way="udp"):
        return getattr(tsig, way)(HOST, self.port, wire)

    def zone(self, name="corp"):
        return self.daemon.call("GET", "/v1/zones/" + name)


@pytest.fixture
def server(make_postern):
    port = free_port()
    d = make_postern("--dns-listen", "%s:%d" % (HOST, port), "--networks", "off", "--dns-rate", "0").start()
    d.apply(*KEYS, CORP, ELSEWHERE, wait=LONG)
    return Server(d)


def signed(key, wire, **kw):
    return tsig.sign(wire, key + ".example.net", SECRET[key], ALGORITHM[key], **kw)


def axfr(zone="corp.example"):
    return tsig.message(tsig.QUERY, zone, tsig.AXFR)


def records_of(text):
    """Lines of a transfer, without comments, each with single spaces."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line and not line.startswith(";")]
    return [line for line in lines if " TSIG " not in line]


# --- transfers ------------------------------------------------------------------------------------------


def test_axfr(server):
    lines = records_of(server.kdig("corp.example", "AXFR", "+tcp", key="relay"))
    assert " SOA " in lines[0] and lines[0] == lines[-1] and sum(" SOA " in l for l in lines) == 2
    assert sorted(lines[1:-1]) == sorted([
        "corp.example. 60 IN NS ns.corp.example.",
        "corp.example. 60 IN MX 10 mail.corp.example.",
        "www.corp.example. 60 IN A 192.0.2.80",
        "www.corp.example. 60 IN A 192.0.2.81",
        'a.b.corp.example. 60 IN TXT "semi;colon" "two"',
        "*.wild.corp.example. 60 IN CNAME www.corp.example.",
        "_k._tcp.corp.example. 60 IN SRV 0 5 443 www.corp.example.",
        "sub.corp.example. 60 IN NS ns.sub.corp.example.",
        "ns.sub.corp.example. 60 IN A 192.0.2.53"])
    assert server.daemon.metrics()["dns_transfers_total"] == 1


def test_who_may_transfer(server):
    def refused(key, *words, expect):
        out = server.kdig("corp.example", *words, "+tcp", key=key)
        assert expect in out and not any(" SOA " in l for l in records_of(out)), out

    refused(None, "AXFR", expect="REFUSED")
    refused("editor", "AXFR", expect="REFUSED")  # it may update, not transfer
    refused("other", "AXFR", expect="BADKEY")  # of another zone
    wrong = subprocess.run(["kdig", "@" + HOST, "-p", str(server.port), "+tcp", "corp.example", "AXFR", "-y",
                            "hmac-sha256:relay.example.net:" + SECRET["other"]], capture_output=True, text=True)
    assert "BADSIG" in wrong.stdout + wrong.stderr and " SOA " not in wrong.stdout
    # Below a zone, or where there is none, there is nothing to transfer.
    for zone, error in (("www.corp.example", 0), ("nowhere.example", 17)):
        a = server.ask(signed("relay", axfr(zone)), "tcp")
        assert (a.rcode, a.error) == (9, error)
    a = server.ask(axfr("nowhere.example"), "tcp")
    assert (a.rcode, a.error) == (9, None)


def test_signatures(server):
    now = time.time()
    for key, kw, rcode, error, is_signed in (
            ("relay", {}, 0, 0, True),
            ("relay", {"at": now - 290}, 0, 0, True),
            ("relay", {"at": now - 400}, 9, 18, True),  # BADTIME is signed, so that a clock can be set right
            ("relay", {"at": now + 400}, 9, 18, True),
            ("relay", {"mac_len": 31}, 9, 22, False),
            ("relay", {"mac_len": 16}, 9, 22, False),
            ("relay", {"mac_len": 8}, 1, None, False),
            ("other", {}, 9, 17, False)):
        a = server.ask(signed(key, tsig.message(tsig.QUERY, "corp.example", tsig.SOA), **kw))
        assert (a.rcode, a.error, a.signed) == (rcode, error, is_signed), (key, kw)
    # The key's name in any case; any key of the zone signs questions; by TCP the same.
    wire = tsig.message(tsig.QUERY, "corp.example", tsig.SOA)
    a = server.ask(tsig.sign(wire, "RELAY.Example.net", SECRET["relay"]))
    assert (a.rcode, a.error, a.signed) == (0, 0, True)
    a = server.ask(signed("editor", tsig.message(tsig.QUERY, "www.corp.example", tsig.A)), "tcp")
    assert (a.rcode, a.counts[0], a.signed) == (0, 2, True)
    a = server.ask(signed("relay", tsig.message(tsig.QUERY, "none.corp.example", tsig.A)))
    assert (a.rcode, a.signed) == (3, True)
    # NOTIFY is not for us; transfers by UDP there are none.
    assert server.ask(tsig.message(tsig.NOTIFY, "corp.example", tsig.SOA)).rcode == 4
    assert server.ask(signed("relay", axfr())).rcode == 1
    assert server.daemon.metrics()["dns_tsig_failures_total"] >= 6


def test_axfr_of_many_messages(server):
    n = 5000
    server.daemon.apply({**CORP, "records": [
        {"name": "h%d.x%d" % (i, i % 7), "type": "TXT", "values": ["\"%s\"" % ("t" * 100), "\"%d\"" % i]}
        for i in range(n)]}, wait=LONG)
    lines = records_of(server.kdig("corp.example", "AXFR", "+tcp", key="relay"))
    assert len(lines) == 2 * n + 3 and len(set(lines)) == 2 * n + 2
    soas = []

    def until(answers):
        soas.append(answers[-1].types.count(tsig.SOA))
        return sum(soas) == 2
    answers = tsig.tcp_all(HOST, server.port, signed("relay", axfr()), until=until)
    assert len(answers) > 10
    assert all(a.signed and a.error == 0 and len(a.wire) <= 16384 for a in answers)
    # More at a time than are served: each gets its zone, or is told so.
    runs = [subprocess.Popen(["kdig", "@" + HOST, "-p", str(server.port), "+tcp", "corp.example", "AXFR", "-y",
                              "hmac-sha256:relay.example.net:" + SECRET["relay"]], stdout=subprocess.PIPE, text=True)
            for _ in range(12)]
    whole = [sum(" SOA " in l for l in records_of(r.communicate(timeout=LONG * 2)[0])) for r in runs]
    assert set(whole) <= {0, 2} and whole.count(2) >= 4


def secondary(kind, port, master, directory):
    """The command line of a secondary of corp.example."""
    if kind == "knot":
        with open(os.path.join(directory, "conf"), "w", encoding="ascii") as f:
            f.write("""
server:
  rundir: "%(d)s"
  pidfile: "%(d)s/pid"
  listen: "%(h)s@%(p)d"
log:
  - target: stderr
    any: info
database:
  storage: "%(d)s"
key:
  - id: relay.example.net
    algorithm: hmac-sha256
    secret: "%(s)s"
remote:
  - id: postern
    address: "%(h)s@%(m)d"
    key: relay.example.net
template:
  - id: default
    storage: "%(d)s"
zone:
  - domain: corp.example
    master: postern
    refresh-min-interval: 2
    refresh-max-interval: 2
""" % {"d": directory, "h": HOST, "p": port, "m": master, "s": SECRET["relay"]})
        return ["knotd", "-c", os.path.join(directory, "conf")]
    with open(os.path.join(directory, "conf"), "w", encoding="ascii") as f:
        f.write("""
options { directory "%(d)s"; pid-file "%(d)s/pid"; session-keyfile "%(d)s/session"; lock-file none; listen-on port %(p)d { %(h)s; };
  listen-on-v6 { none; }; recursion no; min-refresh-time 1; max-refresh-time 1; notify no; };
controls { };
key relay.example.net { algorithm hmac-sha256; secret "%(s)s"; };
server %(h)s { keys relay.example.net; };
zone corp.example { type secondary; primaries { %(h)s port %(m)d key relay.example.net; }; file "corp"; masterfile-format text; };
""" % {"d": directory, "h": HOST, "p": port, "m": master, "s": SECRET["relay"]})
    return ["named", "-g", "-n", "1", "-c", os.path.join(directory, "conf")]


@pytest.mark.parametrize("kind", ["knot", "named"])
def test_secondary(server, kind, tmp_path):
    port = free_port()
    argv = secondary(kind, port, server.port, str(tmp_path))
    with open(tmp_path / "log", "w", encoding="ascii") as log:
        p = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        def served(name, rtype, want):
            assert p.poll() is None, (tmp_path / "log").read_text()
            return server.short(name, rtype, port) == want
        wait_until("%s serves the zone" % kind, lambda: served("www.corp.example", "A", ["192.0.2.80", "192.0.2.81"]))
        assert server.short("x.wild.corp.example", "A", port) == ["192.0.2.80", "192.0.2.81", "www.corp.example."]
        # It asks again by itself.
        status, out = server.update("editor", "corp.example", "add new.corp.example 60 A 192.0.2.99")
        assert status == 0, out
        wait_until("%s has the change" % kind, lambda: served("new.corp.example", "A", ["192.0.2.99"]))
    finally:
        p.send_signal(signal.SIGTERM)
        p.wait(LONG)


# --- updates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tool,tcp", [("nsupdate", False), ("nsupdate", True), ("knsupdate", False)])
def test_update(server, tool, tcp):
    status, out = server.update("editor", "corp.example", "prereq nxdomain new.corp.example" if tool == "nsupdate" else "nxdomain new.corp.example",
                                "add new.corp.example 30 A 192.0.2.1",
                                "add new.corp.example 30 A 192.0.2.2", "del www.corp.example A 192.0.2.80", tool=tool, tcp=tcp)
    assert status == 0, out
    # There when the answer is.
    assert server.short("new.corp.example") == ["192.0.2.1", "192.0.2.2"]
    assert server.short("www.corp.example") == ["192.0.2.81"]
    sets = {(r["name"], r["type"]): r for r in server.zone()["document"]["records"]}
    assert sets["new", "A"] == {"name": "new", "type": "A", "ttl": 30, "values": ["192.0.2.1", "192.0.2.2"]}
    assert sets["www", "A"]["values"] == ["192.0.2.81"]
    assert sets["_k._tcp", "SRV"]["values"] == ["0 5 443 www.corp.example"]  # as it was written
    change = server.daemon.history(kind="zone", name="corp")[-1]
    assert (change["actor"], change["via"]) == ("tsig-key:editor", "update")
    assert change["enforcedMs"] is not None
    assert server.daemon.metrics()["dns_updates_total"] == 1
    # Gone again.
    status, out = server.update("editor", "corp.example", "del new.corp.example", tool=tool, tcp=tcp)
    assert status == 0, out
    assert server.short("new.corp.example") == []


def update(*changes, prerequisites=(), zone="corp.example"):
    return tsig.message(tsig.UPDATE, zone, tsig.SOA, prerequisites, changes)


ADD = tsig.record("new.corp.example", tsig.A, tsig.IN, 30, bytes([192, 0, 2, 1]))


def test_who_may_update(server):
    before = server.zone()["revision"]
    now = time.time()
    for wire, rcode, error in (
            (update(ADD), 5, None),
            (signed("relay", update(ADD)), 5, 0),  # it may transfer, not update
            (signed("other", update(ADD)), 9, 17),
            (tsig.sign(update(ADD), "editor.example.net", SECRET["other"], "hmac-sha384"), 9, 16),
            (tsig.sign(update(ADD), "editor.example.net", SECRET["editor"], "hmac-sha256"), 9, 17),
            (signed("editor", update(ADD), at=now - 400), 9, 18),
            (signed("editor", update(ADD), mac_len=24), 9, 22),
            (signed("editor", update(ADD))[:-1], 1, None),
            (signed("editor", update(ADD, zone="sub.corp.example")), 9, 0),
            (signed("editor", update(ADD, zone="nowhere.example")), 9, 17),
            (update(ADD, zone="nowhere.example"), 9, None)):
        for way in ("udp", "tcp"):
            a = server.ask(wire, way)
            assert (a.rcode, a.error, a.opcode) == (rcode, error, tsig.UPDATE), (rcode, error, way)
    assert server.zone()["revision"] == before
    assert server.short("new.corp.example") == []


def test_codes(server):
    def code(*changes, **kw):
        a = server.ask(signed("editor", update(*changes, **kw)))
        assert a.signed and a.error == 0
        return a.rcode
    none = ("none.corp.example", tsig.A)
    www = ("www.corp.example", tsig.A)
    before = server.zone()["revision"]
    assert code(prerequisites=[tsig.record("none.corp.example", tsig.ANY, tsig.ANY_CLASS)]) == 3
    assert code(prerequisites=[tsig.record("www.corp.example", tsig.ANY, tsig.NONE_CLASS)]) == 6
    assert code(prerequisites=[tsig.record(*www, tsig.NONE_CLASS)]) == 7
    assert code(prerequisites=[tsig.record(*none, tsig.ANY_CLASS)]) == 8
    assert code(prerequisites=[tsig.record(*www, tsig.IN, 0, bytes([192, 0, 2, 80]))]) == 8
    assert code(prerequisites=[tsig.record("www.corp.test", tsig.A, tsig.ANY_CLASS)]) == 10
    assert code(prerequisites=[tsig.record(*www, tsig.ANY_CLASS, 5)]) == 1
    assert code(tsig.record("www.corp.test", tsig.A, tsig.IN, 30, bytes(4))) == 10
    assert code(tsig.record("new.corp.example", tsig.AXFR, tsig.IN, 30)) == 1
    assert code(tsig.record("new.corp.example", 99, tsig.IN, 30, b"\1x")) == 5  # a type that documents cannot have
    assert code(tsig.record("*.corp.example", tsig.NS, tsig.IN, 30, tsig.name("a.b"))) == 5  # nor this
    assert code(tsig.record("corp.example", tsig.NS, tsig.ANY_CLASS)) == 0  # ignored
    assert code(prerequisites=[tsig.record(*www, tsig.ANY_CLASS)]) == 0
    assert server.zone()["revision"] == before


def test_replay(server):
    """The same message again is answered as before, and does nothing."""
    wire = signed("editor", update(ADD))
    assert server.ask(wire).rcode == 0
    assert server.short("new.corp.example") == ["192.0.2.1"]
    status, out = server.update("editor", "corp.example", "del new.corp.example A")
    assert status == 0, out
    revision = server.zone()["revision"]
    for way in ("udp", "tcp"):
        assert server.ask(wire, way).rcode == 0
    assert server.short("new.corp.example") == [] and server.zone()["revision"] == revision


def test_private_zone_from_its_network():
    """A host transfers and updates the zone that its network sees, at the resolver; names of clusters stay what they are."""
    net.own_run()
    net.forward()
    d = Networks()
    try:
        d.start()
        d.apply(*KEYS, *network("left", 1), host("l1", "left-1", 1, 1, 10), *network("right", 2), host("r1", "right-1", 2, 1, 10),
                {**CORP, "visibility": "private"}, doc("zone-link", "corp-left", zone="corp", network="left"),
                cluster("api", [("10.0.0.5", 6443)], private={"kind": "private-link", "placements": [
                    {"subnet": "left-1", "addresses": ["10.1.1.100", "fd00:0:1:1::64"]}]},
                        dns={"zone": "own", "ownZone": "corp", "privateFqdn": "api.corp.example"}), wait=LONG)

        def ask(place, wire, way="udp", at="10.1.1.2"):
            with d.place(place).entered():
                return getattr(tsig, way)(at, 53, wire)

        def addresses(name):
            a = ask("l1", tsig.message(tsig.QUERY, name, tsig.A))
            return a.rcode, a.counts[0]
        assert addresses("api.corp.example") == (0, 1)
        for change in (tsig.record("api.corp.example", tsig.A, tsig.IN, 5, bytes(4)),
                       tsig.record("api.corp.example", tsig.TXT, tsig.IN, 5, b"\1x"),
                       tsig.record("api.corp.example", tsig.A, tsig.ANY_CLASS),
                       tsig.record("api.corp.example", tsig.ANY, tsig.ANY_CLASS)):
            a = ask("l1", signed("editor", update(change)))
            assert (a.rcode, a.error, a.signed) == (5, 0, True)
        assert addresses("api.corp.example") == (0, 1)
        for way, at in (("udp", "10.1.1.2"), ("tcp", "fd00:0:1:1::2"), ("udp", "168.63.129.16")):
            assert ask("l1", signed("editor", update(ADD)), way, at).rcode == 0
            assert addresses("new.corp.example") == (0, 1)
            assert ask("l1", signed("editor", update(tsig.record("new.corp.example", tsig.A, tsig.ANY_CLASS)))).rcode == 0
            assert addresses("new.corp.example") == (3, 0)
        with d.place("l1").entered():
            answers = tsig.tcp_all("10.1.1.2", 53, signed("relay", axfr()))
        # The cluster's records go out with the rest.
        assert answers[0].rcode == 0 and answers[0].types.count(tsig.A) == 4 and answers[0].types.count(28) == 1
        # Where the zone is not linked, its key opens nothing.
        for wire in (signed("relay", axfr()), signed("editor", update(ADD))):
            a = ask("r1", wire, "tcp", "10.2.1.2")
            assert (a.rcode, a.error) == (9, 17)
        with contextlib.suppress(ApiError):
            d.cli_delete(*[o["document"] for k in ("cluster", "zone-link", "zone", "host", "subnet", "network")
                           for o in d.call("GET", "/v1/%ss" % k)["items"]], force=True)
    finally:
        d.close()


def test_connections_that_break_off(server):
    """A transfer whose client goes away leaves its place to others."""
    server.daemon.apply({**CORP, "records": [{"name": "h%d" % i, "type": "TXT", "values": ["\"%s\"" % ("t" * 250)]}
                                             for i in range(20000)]}, wait=LONG)
    wire = signed("relay", axfr())
    for _ in range(8):
        with socket.create_connection((HOST, server.port), timeout=LONG) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.sendall(struct.pack(">H", len(wire)) + wire)
            assert len(s.recv(1000)) > 0
    lines = records_of(wait_until("a transfer", lambda: "SERVFAIL" not in (out := server.kdig(
        "corp.example", "AXFR", "+tcp", key="relay")) and out))
    assert len(lines) == 20000 + 3


def test_zone_changes_under_way(server):
    """One version is transferred, whatever is changed meanwhile."""
    big = [{"name": "h%d" % i, "type": "TXT", "values": ["\"%s\"" % ("t" * 250)]} for i in range(20000)]
    server.daemon.apply({**CORP, "records": big}, wait=LONG)
    wire = signed("relay", axfr())
    with socket.create_connection((HOST, server.port), timeout=LONG) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.sendall(struct.pack(">H", len(wire)) + wire)
        data = s.recv(2000)
        server.daemon.apply({**CORP, "records": big[:10]}, wait=LONG)
        n = soas = 0
        while soas < 2:
            while len(data) < 2 or len(data) < 2 + struct.unpack(">H", data[:2])[0]:
                more = s.recv(65536)
                assert more
                data += more
            size = struct.unpack(">H", data[:2])[0]
            a = tsig.Answer(data[2:2 + size])
            data = data[2 + size:]
            n += a.types.count(tsig.TXT)
            soas += a.types.count(tsig.SOA)
        assert n == 20000 and data == b""


def test_control_is_gone(server):
    """Transfers go on; an update is not done, and says so."""
    d = server.daemon
    pid = d.control_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        assert len(records_of(server.kdig("corp.example", "AXFR", "+tcp", key="relay"))) == 11
        wire = signed("editor", update(ADD))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(LONG)
            s.connect((HOST, server.port))
            s.send(wire)
            wait_until("the update with control", lambda: server.short("www.corp.example"))
            os.kill(pid, signal.SIGKILL)
            a = tsig.Answer(s.recv(65535))
            assert a.rcode in (0, 2) and a.signed
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until("control again", lambda: d.is_up() and d.control_pid() != pid)
    # Sent again, it is done, once.
    assert wait_until("the update", lambda: server.ask(signed("editor", update(ADD))).rcode == 0)
    assert server.short("new.corp.example") == ["192.0.2.1"]


def test_keys_change(server):
    """A new secret counts at once, for every zone that names the key; a key in use stays."""
    d = server.daemon
    with pytest.raises(ApiError, match="in use by zone"):
        d.call("DELETE", "/v1/tsig-keys/relay", force="true")
    new = base64.b64encode(os.urandom(64)).decode()
    result = d.apply({**KEYS[0], "secret": new}, wait=LONG)
    assert new not in str(result) and SECRET["relay"] not in str(result)
    assert result["changes"][0]["diff"], result
    wire = tsig.message(tsig.QUERY, "corp.example", tsig.SOA)
    assert server.ask(signed("relay", wire)).error == 16
    assert server.ask(tsig.sign(wire, "relay.example.net", new)).error == 0
    # Taken from the zone: good for nothing there.
    d.apply({**CORP, "transfer": []}, wait=LONG)
    assert server.ask(tsig.sign(wire, "relay.example.net", new)).error == 17


def test_secret_made(server):
    """Left out: one is made, and kept when the document comes again without it."""
    d = server.daemon
    doc = {"kind": "tsig-key", "name": "made"}
    result = d.apply(doc)
    stored = d.call("GET", "/v1/tsig-keys/made")["document"]["secret"]
    assert len(base64.b64decode(stored)) == 32 and stored not in str(result)
    assert d.apply(doc)["changes"][0]["action"] == "unchanged"
    d.apply({**doc, "keyName": "made.example.net"})
    assert d.call("GET", "/v1/tsig-keys/made")["document"]["secret"] == stored
    d.apply({**doc, "name": "made2"})
    assert d.call("GET", "/v1/tsig-keys/made2")["document"]["secret"] != stored
    d.apply({**ELSEWHERE, "update": ["made"]}, wait=LONG)
    a = server.ask(tsig.sign(tsig.message(tsig.QUERY, "elsewhere.example", tsig.SOA), "made.example.net", stored))
    assert (a.rcode, a.error, a.signed) == (0, 0, True)
