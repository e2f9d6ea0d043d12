# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of names share: a daemon that answers on the internet too, documents, name servers as clients see them, and made-up ones."""
import contextlib
import errno
import json
import select
import socket
import struct
import threading
import time

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

import daemon
from net import V4, V6
from networks import Networks, doc

EVERYWHERE = "168.63.129.16"  # a resolver address of every network
PORT = 53
NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM)


def zone(name, domain, records=(), public=False, **fields):
    """records: (name, type, value...) each."""
    return doc("zone", name, domain=domain, visibility="public" if public else "private",
               records=[{"name": n, "type": t, "values": list(v)} for n, t, *v in records], **fields)


def link(name, where, fall_through=None, **fields):
    """Of a zone; fields: cluster=, site=."""
    d = doc("zone-link", "%s-%s" % (name, where), **fields)
    if "cluster" not in fields:
        d["zone"] = name
    if "site" not in fields:
        d["network"] = where
    if fall_through is not None:
        d["fallThrough"] = fall_through
    return d


class Names(Networks):
    """A daemon that the internet may ask for names, too."""

    def __init__(self, *options, dns=2, **kw):
        self.dns_port = daemon.free_port()
        for a in (V4, "[%s]" % V6):
            options += ("--dns-listen", "%s:%d" % (a, self.dns_port))
        self.n_dns = dns
        super().__init__("--dns", str(dns), *options, **kw)

    def is_up(self):
        s = super().is_up()
        return s and len(s["dns"]) == self.n_dns and s

    def dns_pids(self):
        return [d["pid"] for d in self.status()["dns"] if d["pid"]]

    def dns_counter(self, name):
        return self.metrics().get("dns_" + name, 0)

    def internet(self, client, address=V4, **kw):
        return Server(client, address, self.dns_port, **kw)

    def resolver(self, host, address=EVERYWHERE, **kw):
        """The resolver of a host's network."""
        return Server(self.place(host), address, **kw)

    def remove(self, *documents, force=False):
        self.cli("delete", *(["--force"] if force else []), "-f", "-", stdin=self.stream(documents))

    def document_of(self, kind, name):
        return json.loads(self.cli("-o", "json", "get", kind, name).stdout)


# --- clients -------------------------------------------------------------------------------------------------------------


def query(name, type_="A", rd=True, **edns):
    """A query as dnspython makes it; edns: use_edns, payload, options, want_dnssec, ..."""
    m = dns.message.make_query(name, type_, **edns)
    if not rd:
        m.flags &= ~dns.flags.RD
    return m


def recv_message(sock):
    """One message of a TCP stream, or None at its end."""
    def exactly(n):
        data = b""
        while len(data) < n:
            more = sock.recv(n - len(data))
            if not more:
                return None
            data += more
        return data
    head = exactly(2)
    return head and exactly(struct.unpack("!H", head)[0])


def framed(wire):
    return struct.pack("!H", len(wire)) + wire


class Server:
    """A name server as a client sees it from where it stands."""

    def __init__(self, place, address, port=PORT, timeout=5):
        self.place, self.address, self.port, self.timeout = place, address, port, timeout

    def socket(self, tcp=False):
        if tcp:
            return self.place.connect(self.address, self.port, timeout=self.timeout)
        s = self.place.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(self.timeout)
        s.connect((self.address, self.port))
        return s

    def send(self, wire, tcp=False):
        """The octets that come back, or None if nothing does: silence, refused, closed, no route."""
        try:
            with self.socket(tcp) as s:
                s.sendall(framed(wire) if tcp else wire)
                return recv_message(s) if tcp else s.recv(65535)
        except OSError as e:
            if isinstance(e, (socket.timeout, ConnectionError)) or e.errno in NO_WAY:
                return None
            raise

    def ask(self, name, type_="A", tcp=False, **kw):
        q = query(name, type_, **kw)
        wire = self.send(q.to_wire(), tcp)
        assert wire is not None, "no answer at %s to %s %s" % (self.address, name, type_)
        r = dns.message.from_wire(wire)
        assert q.is_response(r), r
        return r

    def answer(self, name, type_="A", **kw):
        """(rcode, sorted texts of the answer's data of that type)"""
        r = self.ask(name, type_, **kw)
        return dns.rcode.to_text(r.rcode()), sorted(data_of(r.answer, type_))

    def is_silent(self, name, tcp=False):
        """Nobody answers, however the question is put."""
        return self.send(query(name).to_wire(), tcp) is None


def data_of(section, type_):
    t = dns.rdatatype.from_text(type_)
    return [rr.to_text() for s in section if s.rdtype == t for rr in s]


def sets_of(section):
    """A section as a set of record sets: (name, type, ttl, data)"""
    return {(s.name.to_text().lower(), dns.rdatatype.to_text(s.rdtype), s.ttl, tuple(sorted(rr.to_text().lower() for rr in s)))
            for s in section}


def errors_of(r):
    """The extended DNS errors of an answer: [(code, text)]"""
    return [(int(o.code), o.text) for o in r.options if isinstance(o, dns.edns.EDEOption)]


NX, NOTHING = ("NXDOMAIN", []), ("NOERROR", [])


def found(*data):
    return "NOERROR", sorted(data)


# --- servers ---------------------------------------------------------------------------------------------------------------


class Upstream:
    """
    A name server of somebody else's. handler(query, wire, transport) gives the messages to send, in their order: octets, or what has
    to_wire(); or a number of seconds to wait. By UDP each may also be (octets, socket to send by).
    """

    def __init__(self, place, address, port=PORT, handler=None):
        self.place, self.address, self.port = place, address, port
        self.handler = handler or (lambda q, wire, transport: [])
        self.asked = []  # (name, type, transport)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with place.entered():
            self.udp = socket.socket(family, socket.SOCK_DGRAM)
            self.udp.bind((address, port))
            self.tcp = socket.create_server((address, port), family=family, backlog=64)
        self.at = "[%s]:%d" % (address, port) if ":" in address else "%s:%d" % (address, port)
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self._serve_udp, self._serve_tcp)]
        for t in self.threads:
            t.start()

    def _messages(self, wire, transport):
        q = dns.message.from_wire(wire)
        self.asked.append((q.question[0].name.to_text().lower(), dns.rdatatype.to_text(q.question[0].rdtype), transport))
        for m in self.handler(q, wire, transport):
            if isinstance(m, (int, float)):
                time.sleep(m)
            else:
                yield m if isinstance(m, (bytes, tuple)) else m.to_wire(max_size=65535)

    def _serve_udp(self):
        with contextlib.suppress(OSError):
            while True:
                wire, client = self.udp.recvfrom(4096)
                if client is None:  # closed
                    return
                threading.Thread(target=self._answer_udp, args=(wire, client), daemon=True).start()

    def _answer_udp(self, wire, client):
        for m in self._messages(wire, "udp"):
            data, sock = m if isinstance(m, tuple) else (m, self.udp)
            with contextlib.suppress(OSError):
                sock.sendto(data, client)

    def _serve_tcp(self):
        with contextlib.suppress(OSError):
            while True:
                s, _ = self.tcp.accept()
                threading.Thread(target=self._answer_tcp, args=(s,), daemon=True).start()

    def _answer_tcp(self, s):
        with contextlib.suppress(OSError), s:
            while wire := recv_message(s):
                for m in self._messages(wire, "tcp"):
                    s.sendall(framed(m))

    def close(self):
        for s in (self.udp, self.tcp):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
        for t in self.threads:  # a port is free when nobody waits on its socket any more
            t.join()
        for s in (self.udp, self.tcp):
            s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def says(records, **flags):
    """A handler that knows these: {(name, type): [texts]}; a name that is not there at all is NXDOMAIN. CNAMEs are not followed."""
    known = {(n.rstrip(".") + ".").lower() for n, _ in records}

    def handler(q, _wire, _transport):
        r = dns.message.make_response(q, recursion_available=True)
        name, type_ = q.question[0].name, dns.rdatatype.to_text(q.question[0].rdtype)
        key = name.to_text().lower().rstrip(".")
        for t in (type_, "CNAME"):
            if (key, t) in records:
                r.answer.append(dns.rrset.from_text(name, 77, "IN", t, *records[key, t]))
                break
        else:
            r.set_rcode(dns.rcode.NOERROR if key + "." in known else dns.rcode.NXDOMAIN)
        return [r]
    return handler


class Flood:
    """
    Questions without end from one socket, as many outstanding as `window`, while the context lasts. check(q, r) is called for each
    answer, in the thread; what it raises ends the flood and is raised at the end.
    """

    def __init__(self, server, questions, check=None, window=64):
        self.server, self.questions, self.check, self.window = server, questions, check, window
        self.sent = self.answered = 0
        self.problem = None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            with self.server.socket() as s:
                s.setblocking(False)
                self._pump(s)
        except Exception as e:  # noqa: BLE001  told at the end
            self.problem = e

    def _pump(self, s):
        waiting, number = {}, 0
        while not self.ending.is_set():
            while len(waiting) < self.window:
                q = self.questions[number % len(self.questions)]
                number += 1
                wire = struct.pack("!H", number & 0xffff) + q.to_wire()[2:]
                with contextlib.suppress(OSError):
                    s.send(wire)
                waiting[number & 0xffff] = q
                self.sent += 1
            ready, _, _ = select.select([s], [], [], 0.05)
            if not ready:
                waiting.clear()  # lost, or late: whatever comes of them is no answer to what is asked from now on
                continue
            with contextlib.suppress(OSError):  # what a send before it came to is told here: lost
                while True:
                    wire = s.recv(4096)
                    q = waiting.pop(struct.unpack("!H", wire[:2])[0], None)
                    self.answered += 1
                    if q is not None and self.check:
                        self.check(q, dns.message.from_wire(wire))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ending.set()
        self.thread.join()
        if kind is None and self.problem:
            raise self.problem
