# SPDX-License-Identifier: GPL-3.0-or-later
"""TSIG by hand (RFC 8945), so that it can be wrong: old, cut, of another key."""
import base64
import hashlib
import hmac
import os
import socket
import struct
import time

ALGORITHMS = {"hmac-sha256": hashlib.sha256, "hmac-sha384": hashlib.sha384, "hmac-sha512": hashlib.sha512}
A, NS, SOA, TXT, AXFR, ANY, TSIG = 1, 2, 6, 16, 252, 255, 250
IN, NONE_CLASS, ANY_CLASS = 1, 254, 255
QUERY, NOTIFY, UPDATE = 0, 4, 5


def name(text):
    out = b""
    for label in filter(None, text.rstrip(".").split(".")):
        out += bytes([len(label)]) + label.encode()
    return out + b"\0"


def record(owner, rtype, rclass, ttl=0, data=b""):
    return name(owner) + struct.pack(">HHIH", rtype, rclass, ttl, len(data)) + data


def message(opcode, zone, qtype, prerequisites=(), updates=(), ident=None):
    ident = int.from_bytes(os.urandom(2), "big") if ident is None else ident
    head = struct.pack(">HHHHHH", ident, opcode << 11, 1, len(prerequisites), len(updates), 0)
    return head + name(zone) + struct.pack(">HH", qtype, IN) + b"".join(prerequisites) + b"".join(updates)


def sign(wire, key, secret, algorithm="hmac-sha256", at=None, mac_len=None):
    """The message with a TSIG behind it; at: seconds since 1970; mac_len: octets that are left of the MAC."""
    timers = struct.pack(">Q", int(time.time() if at is None else at))[2:] + struct.pack(">H", 300)
    fields = name(key.lower()) + struct.pack(">HI", ANY_CLASS, 0) + name(algorithm) + timers + struct.pack(">HH", 0, 0)
    mac = hmac.new(base64.b64decode(secret), wire + fields, ALGORITHMS[algorithm]).digest()[:mac_len]
    data = name(algorithm) + timers + struct.pack(">H", len(mac)) + mac + wire[:2] + struct.pack(">HH", 0, 0)
    count = struct.unpack(">H", wire[10:12])[0] + 1
    return wire[:10] + struct.pack(">H", count) + wire[12:] + record(key, TSIG, ANY_CLASS, 0, data)


def skip_name(wire, at):
    while wire[at]:
        if wire[at] >= 0xc0:
            return at + 2
        at += wire[at] + 1
    return at + 1


class Answer:
    """rcode, counts, the TSIG's error (None: there is no TSIG), whether it is signed."""

    def __init__(self, wire):
        self.wire = wire
        self.ident, flags, questions, *self.counts = struct.unpack(">HHHHHH", wire[:12])
        self.rcode, self.opcode, self.truncated = flags & 15, flags >> 11 & 15, bool(flags & 0x200)
        self.error, self.signed, self.types = None, False, []
        at = 12
        for _ in range(questions):
            at = skip_name(wire, at) + 4
        for _ in range(sum(self.counts)):
            at = skip_name(wire, at)
            rtype, _, _, size = struct.unpack(">HHIH", wire[at:at + 10])
            at += 10
            self.types.append(rtype)
            if rtype == TSIG:
                p = skip_name(wire, at) + 8
                mac = struct.unpack(">H", wire[p:p + 2])[0]
                self.signed = mac > 0
                self.error = struct.unpack(">H", wire[p + 4 + mac:p + 6 + mac])[0]
            at += size
        assert at == len(wire)


def udp(address, port, wire, timeout=20):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.connect((address, port))
        s.send(wire)
        return Answer(s.recv(65535))


def tcp_all(address, port, wire, timeout=20, until=lambda answers: True):
    """Every message that comes until until(answers) is true."""
    def exactly(n):
        data = b""
        while len(data) < n:
            more = s.recv(n - len(data))
            assert more, "the connection ended"
            data += more
        return data
    answers = []
    with socket.create_connection((address, port), timeout=timeout) as s:
        s.sendall(struct.pack(">H", len(wire)) + wire)
        while not answers or not until(answers):
            answers.append(Answer(exactly(struct.unpack(">H", exactly(2))[0])))
    return answers


def tcp(address, port, wire, **kw):
    return tcp_all(address, port, wire, **kw)[0]
