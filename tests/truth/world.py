# SPDX-License-Identifier: GPL-3.0-or-later
"""
What one mode runs in: a little internet with two clients, an API server's stand-in, and a posternd that makes the landscape.

    I+  203.0.113.10    ──┐                            ┌── netd's networks, hosts, sites: uplinks into the same internet
                          ├── the internet ────────────┤
    I-  198.51.100.200  ──┘  192.0.2.1:443, names :53  └── 10.0.0.5:6443 the API server (TLS, GET /version)

The internet is this process's own network namespace (tests/e2e/net.py); /run is its own too, so that namespaces have their
usual names and nobody else sees them. All of it is gone with the last process in it.
"""
import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import dns.message  # noqa: E402
import dns.rcode  # noqa: E402

import net  # noqa: E402
import landscape  # noqa: E402
import rows  # noqa: E402

IS_ROOT = None
PROBE = os.path.join(HERE, "probe.py")
TIMEOUT = 1.5  # seconds of silence that count as an answer; only where a packet may vanish
POOL = ["198.51.100.0/25", "2001:db8:f::/64"]


def enter():
    """Into an internet of our own; while this process has one thread."""
    global IS_ROOT
    IS_ROOT = net.enter()
    net.own_run()
    net.forward()
    # The internet knows nothing of private ranges, and says so; as routers there do.
    for prefix in ("10.0.0.0/8", "172.16.0.0/12"):
        net.run("ip", "route", "add", "unreachable", prefix, "metric", "4000")
    net.run("ip", "-6", "route", "add", "unreachable", "fc00::/7", "metric", "4000")


class Mismatch(AssertionError):
    """Something is not as the row says."""


def check(condition, text, *args):
    if not condition:
        raise Mismatch(text % args if args else text)


def wait_for(what, condition, timeout=20):
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, "never happened: %s", what)
        time.sleep(0.01)


# --- the API server's stand-in ---------------------------------------------------------------------------------------


def make_certificate(directory, names, addresses):
    cert = os.path.join(directory, "server.pem")
    san = ",".join(["DNS:" + n for n in names] + ["IP:" + a for a in addresses])
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", "/CN=upstream", "-addext", "subjectAltName=" + san, "-keyout", cert, "-out", cert + ".crt"],
                   check=True, capture_output=True)
    with open(cert + ".crt", encoding="ascii") as f, open(cert, "a", encoding="ascii") as out:
        out.write(f.read())
    os.chmod(cert + ".crt", 0o644)
    return cert


class Upstream:
    """Answers GET /version over TLS, as often as it is asked on one connection; GET /echo turns the stream around."""

    def __init__(self, cert, cluster, address, port):
        self.cluster, self.at, self.accepted = cluster, (address, port), 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert)
        self.sock = socket.create_server((address, port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            s, _ = self.sock.accept()
            self.accepted += 1
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        with contextlib.suppress(OSError, ValueError), s:
            with self.context.wrap_socket(s, server_side=True) as t:
                pending = b""
                while True:
                    while b"\r\n\r\n" not in pending:
                        more = t.recv(65536)
                        if not more:
                            return
                        pending += more
                    head, pending = pending.split(b"\r\n\r\n", 1)
                    if head.startswith(b"GET /echo "):
                        self._echo(t, pending)
                        return
                    t.sendall(self._version())

    def _version(self):
        body = json.dumps({"major": "1", "minor": "29", "gitVersion": "v1.29.0", "cluster": self.cluster}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    @staticmethod
    def _echo(t, data):
        t.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        while True:
            if data:
                t.sendall(data)
            data = t.recv(65536)
            if not data:
                return


# --- a DNS server of people's own ----------------------------------------------------------------------------------------


class NameRelay:
    """On a host: what it is asked on port 53 it asks its network's resolver, and gives back what that answers."""

    def __init__(self, place, addresses, server):
        self.asked = 0
        for address in addresses:
            sock = place.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((address, 53))
            threading.Thread(target=self._serve, args=(place, sock, server), daemon=True).start()

    def _serve(self, place, sock, server):
        while True:
            query, client = sock.recvfrom(4096)
            self.asked += 1
            with contextlib.suppress(OSError), place.socket(socket.AF_INET, socket.SOCK_DGRAM) as up:
                up.settimeout(5)
                up.connect((server, 53))
                up.send(query)
                sock.sendto(up.recv(4096), client)


def first(by_server):
    """What the first of the servers that a name was asked of answered."""
    return next(iter(by_server.values()))


# --- places ------------------------------------------------------------------------------------------------------------


class HostPlace(net.Namespace):
    """A host of the landscape: commands run by `postern exec`, sockets are opened in its namespace."""

    def __init__(self, world, name):
        super().__init__("%s.host.%s" % (world.prefix, name))
        self.world, self.host = world, name

    def command(self, argv):
        return self.world.cli("exec", self.host, "--", *argv)


class InternetPlace(net.Client):
    def __init__(self, world, place):
        super().__init__(place, rows.SOURCES[place][4], rows.SOURCES[place][6])
        self.world = world

    def command(self, argv):
        p = self.popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        out, err = p.communicate(timeout=60)
        return subprocess.CompletedProcess(argv, p.returncode, out, err)


class Line:
    """An open TLS connection that asks again and again on the same stream."""

    def __init__(self, world, place, address, server_name=landscape.FQDN, timeout=10):
        context = ssl.create_default_context(cafile=world.ca)
        context.check_hostname = False
        self.sock = context.wrap_socket(world.place(place).connect(address, landscape.PORT, timeout=timeout),
                                        server_hostname=server_name)
        self.sock.settimeout(timeout)
        self.cluster = self.ask()

    def ask(self):
        self.sock.sendall(b"GET /version HTTP/1.1\r\nHost: api\r\n\r\n")
        answer = b""
        while b"}" not in answer:
            more = self.sock.recv(65536)
            check(more, "an open connection has ended")
            answer += more
        return json.loads(answer[answer.index(b"{"):])["cluster"]

    def is_open(self):
        try:
            self.ask()
            return True
        except OSError:
            return False

    def end(self):
        """How it has ended, already: nothing is sent to find out, and no more than a moment waited. "reset" it should be."""
        # Below TLS, whose library makes one thing of a reset and an end.
        raw = socket.socket(fileno=os.dup(self.sock.fileno()))
        raw.settimeout(2)
        try:
            with raw:
                while raw.recv(65536):
                    pass
            return "closed"
        except ConnectionResetError:
            return "reset"
        except socket.timeout:
            return "still open"
        except OSError as e:
            return repr(e)

    def close(self):
        self.sock.close()


class World:
    """One posternd and what is around it."""

    prefix = "postern"
    dns = None  # the section of the cluster's document in this mode

    def __init__(self, directory, upstreams=((landscape.NAME,) + landscape.UPSTREAM,)):
        import daemon  # after enter(): it knows the internet's addresses
        daemon.Posternd.separate_users = IS_ROOT
        self.dir = directory
        addresses = [a for of in (landscape.ENDPOINTS, landscape.VIP, landscape.OWN) for f in rows.FAMILIES for a in of[f]]
        names = [landscape.FQDN, rows.SYSTEM_NAME, rows.INTEGRATED_NAME, rows.OWN_NAME]
        names += ["twin-%s.k8s.example.org" % t for t in "ab"]
        self.cert = make_certificate(directory, names, addresses + landscape.at(1, 1, 20))
        self.ca = self.cert + ".crt"
        self.upstreams = {name: Upstream(self.cert, name, address, port) for name, address, port in upstreams}
        options = [o for pool in POOL for o in ("--public-pool", pool)]
        options += [o for a in (net.V4, "[%s]" % net.V6) for o in ("--dns-listen", a + ":53")]
        self.d = daemon.Posternd("--netns-prefix", self.prefix, *options, directory=directory, gates=2,
                                 listen=["%s:%d" % (a, landscape.PORT) for a in (net.V4, "[%s]" % net.V6)])
        self.places = {}

    def start(self):
        self.d.start()
        return self

    def close(self):
        self.d.close()

    # --- changes: by the CLI, as people make them

    def cli(self, *argv, check_=True, stdin=None):
        return self.d.cli(*argv, check=check_, stdin=stdin)

    def apply(self, *documents):
        return self.cli("apply", "-f", "-", stdin="\n".join(json.dumps(d) for d in documents))

    def refuses(self, *argv, says, stdin=None):
        p = self.cli(*argv, check_=False, stdin=stdin)
        check(p.returncode != 0, "postern %s was accepted: %s", " ".join(argv), p.stdout)
        check(says in p.stderr.lower(), "postern %s does not speak of %s: %s", " ".join(argv), says, p.stderr)

    def set(self, *argv):
        return self.cli("cluster", "set", landscape.NAME, *argv)

    def delete(self, *documents, force=False):
        text = "\n".join(json.dumps(d) for d in documents)
        return self.cli("delete", *(["--force"] if force else []), "-f", "-", stdin=text)

    # --- looks

    def place(self, place):
        if place not in self.places:
            made = InternetPlace(self, place) if place in rows.INTERNET else HostPlace(self, landscape.host_name(place))
            self.places[place] = made
        return self.places[place]

    def servers(self, place):
        """Whom a client there asks: [[address, transport]]"""
        if place in rows.INTERNET:
            return [[net.V4, "udp"], [net.V6, "udp"], [net.V6, "tcp"]]
        at = landscape.resolvers(place) if place in landscape.STANDS else landscape.at(1, 1, 2)
        return [[a, "udp"] for a in at] + [[at[0], "tcp"]]

    def probe(self, place, tries, names=None):
        """Names and tries as seen from a place (probe.py). names: {kind: name}"""
        names = names or {}
        request = {"names": names, "servers": self.servers(place), "system": True, "port": landscape.PORT, "ca": self.ca,
                   "timeout": TIMEOUT, "tries": [{"id": i, "family": f, "host": h, "kind": n, "name": names.get(n, landscape.FQDN)}
                                                 for i, f, h, n in tries]}
        p = self.place(place).command(["/usr/bin/python3", PROBE, json.dumps(request)])
        check(p.returncode == 0, "the client at %s ended with %d: %s", place, p.returncode, p.stderr)
        return json.loads(p.stdout)

    def reach(self, place, family, host=None, name=landscape.FQDN):
        """One try; what came of it."""
        return self.probe(place, [("t", family, host, "name")], {"name": name} if host is None else {})["tries"]["t"]

    def expect(self, place, family, reached, host=None, name=landscape.FQDN):
        r = self.reach(place, family, host, name)
        check(r["reached"] == reached, "%s by %s: %s", place, host or name, r["how"])
        return r

    def answers(self, place, name, type_=None):
        """What its resolver says there, asked by a socket of ours: (rcode, sorted texts of the answer's data)."""
        server, _ = self.servers(place)[0]
        query = dns.message.make_query(name, type_ or "A")
        with self.place(place).socket(kind=socket.SOCK_DGRAM) as sock:
            sock.connect((server, 53))
            sock.settimeout(5)
            sock.send(query.to_wire())
            r = dns.message.from_wire(sock.recv(4096))
        return dns.rcode.to_text(r.rcode()), sorted(rr.to_text() for s in r.answer for rr in s)

    def name_is(self, place, name, family, addresses):
        """addresses: those of that family; None: there is no such name."""
        rcode, got = self.answers(place, name, "A" if family == 4 else "AAAA")
        want = ("NXDOMAIN", []) if addresses is None else ("NOERROR", sorted(addresses))
        check((rcode, got) == want, "%s answers %s %s at %s, not %s %s", name, rcode, got, place, *want)

    def told(self, place, names):
        """What `postern names` tells a host of these names: {kind: {"4": [..], "6": [..]}}"""
        found = json.loads(self.cli("names", landscape.host_name(place), "-o", "json").stdout)["names"]
        by_name = {n["name"]: n["addresses"] for n in found}
        return {kind: {f: [a for a in by_name.get(name, []) if (":" in a) == (f == "6")] for f in "46"} for kind, name in names.items()}

    def serve_names(self):
        """A DNS server on the host N, where H's and O's networks may ask (landscape.forwarding())."""
        NameRelay(self.place("N"), landscape.DNS_SERVER.values(), landscape.resolvers("N")[0])

    def explain(self, place, family, cluster=landscape.NAME, address=None):
        """The explanation's JSON object; address: of a connection to this one, instead of by name."""
        who = [rows.SOURCES[place][family]] if place in rows.INTERNET else ["--host", landscape.host_name(place)]
        if address:
            who += ["--address", address]
        p = self.cli("explain", cluster, *who, "-o", "json", check_=False)
        check(p.stdout.startswith("{"), "postern explain %s: %s%s", " ".join(who), p.stdout, p.stderr)
        return json.loads(p.stdout)

    def line(self, place, address, **kw):
        return Line(self, place, address, **kw)

    def accepted(self):
        return sum(u.accepted for u in self.upstreams.values())


@contextlib.contextmanager
def temporary(keep):
    d = tempfile.mkdtemp(prefix="postern-truth.")
    os.chmod(d, 0o755)
    try:
        yield d
    finally:
        if not keep:
            import shutil
            shutil.rmtree(d, ignore_errors=True)
