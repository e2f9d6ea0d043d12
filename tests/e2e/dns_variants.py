# SPDX-License-Identifier: GPL-3.0-or-later
"""
Variants of one query in flags, opcodes and EDNS, after the list of ISC's compliance tester, and what a server has to make of each: for any
server with authority for `zone`, an apex with SOA and NS. VARIANTS: (name, function of the zone: octets, check(r, wire)); check None: no
answer at all. r is the parsed answer, wire its octets; r.edns is -1 without OPT.
"""
import struct

import dns.flags
import dns.rcode

SOA, ANY, AXFR, A = 6, 255, 252, 1
NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 3, 4, 5, 16
QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010
COOKIE, NSID, ECS = 10, 3, 8
ID = 0x1234


def name(text):
    return b"".join(bytes([len(l)]) + l.encode() for l in text.rstrip(".").split(".") if l) + b"\0"


def question(zone, type_=SOA, class_=1):
    return name(zone) + struct.pack("!HH", type_, class_)


def opt(size=1232, version=0, flags=0, options=b"", rcode=0):
    return b"\0" + struct.pack("!HHBBHH", 41, size, rcode, version, flags, len(options)) + options


def option(code, data=b""):
    return struct.pack("!HH", code, len(data)) + data


def message(*, flags=0, opcode=0, questions=(), additional=(), counts=None):
    counts = counts or (len(questions), 0, 0, len(additional))
    return struct.pack("!HHHHHH", ID, flags | opcode << 11, *counts) + b"".join(questions) + b"".join(additional)


def mixed(text):
    return "".join(c.upper() if i % 2 else c for i, c in enumerate(text))


def plain(flags=0, opcode=0, type_=SOA):
    return lambda z: message(flags=flags, opcode=opcode, questions=[question(z, type_)])


def edns(type_=SOA, **kw):
    return lambda z: message(questions=[question(z, type_)], additional=[opt(**kw)])


def is_soa(r, has_edns=False):
    """The SOA, with authority, and an OPT only where one was sent."""
    return r.rcode() == NOERROR and len(r.answer) == 1 and r.flags & dns.flags.AA and (r.edns == 0) == has_edns


def with_edns(r, *_):
    return is_soa(r, True)


def refused_version(r, _wire):
    return r.rcode() == BADVERS and r.edns == 0 and not r.answer


def has_cookie(r, _wire):
    back = [o for o in r.options if o.otype == COOKIE]
    return with_edns(r) and len(back) == 1 and 16 <= len(back[0].data) <= 40 and back[0].data[:8] == b"12345678"


def says(rcode):
    return lambda r, _wire: r.rcode() == rcode and not r.answer


def cleared(flag):
    return lambda r, _wire: is_soa(r) and not r.flags & flag


VARIANTS = [
    ("plain", plain(), lambda r, _: is_soa(r)),
    ("AA set", plain(AA), lambda r, _: is_soa(r)),
    ("AD set", plain(AD), cleared(dns.flags.AD)),
    ("CD set", plain(CD), lambda r, _: is_soa(r)),
    ("RA set", plain(RA), cleared(dns.flags.RA)),
    ("RD set", plain(RD), lambda r, _: is_soa(r) and r.flags & dns.flags.RD),
    ("TC set", plain(TC), cleared(dns.flags.TC)),
    ("Z set", plain(Z), lambda r, w: is_soa(r) and not w[3] & Z),
    ("opcode 2", plain(opcode=2), says(NOTIMP)),
    ("opcode 1", plain(opcode=1), says(NOTIMP)),
    ("type 666", plain(type_=666), lambda r, _: r.rcode() == NOERROR and not r.answer and r.authority),
    ("EDNS", edns(), with_edns),
    ("EDNS version 1", edns(version=1), refused_version),
    ("EDNS version 1 with an option", edns(version=1, options=option(100)), refused_version),
    ("unknown option", edns(options=option(100, b"abc")), lambda r, _: with_edns(r) and not [o for o in r.options if o.otype == 100]),
    ("unknown flags", edns(flags=0x0080), lambda r, _: with_edns(r) and not r.ednsflags & 0x7fff),
    ("DO set", edns(flags=0x8000), lambda r, _: with_edns(r) and r.ednsflags & 0x8000),
    ("size 512", edns(size=512), lambda r, w: with_edns(r) and len(w) <= 512),
    ("size 0", edns(size=0), lambda r, w: with_edns(r) and len(w) <= 512),
    ("cookie", edns(options=option(COOKIE, b"12345678")), has_cookie),
    ("cookie too short", edns(options=option(COOKIE, b"123")), says(FORMERR)),
    ("NSID", edns(options=option(NSID)), with_edns),
    ("client subnet", edns(options=option(ECS, b"\0\1\x18\0\x0a\0\0")), with_edns),
    ("two OPT", lambda z: message(questions=[question(z)], additional=[opt(), opt()]), says(FORMERR)),
    ("no question", lambda z: message(), says(FORMERR)),
    ("two questions", lambda z: message(questions=[question(z), question(z)]), says(FORMERR)),
    ("class CH", lambda z: message(questions=[question(z, SOA, 3)]), says(REFUSED)),
    ("letters in both cases", lambda z: message(questions=[question(mixed(z))]),
     lambda r, w: is_soa(r) and w[12:].startswith(question(mixed(r.question[0].name.to_text().lower())))),
    ("no such name", lambda z: message(questions=[question("nope." + z, A)]), lambda r, _: r.rcode() == NXDOMAIN and r.authority),
    ("ANY", plain(type_=ANY), lambda r, _: r.rcode() == NOERROR and r.answer),
    ("AXFR by UDP", plain(type_=AXFR), lambda r, _: not r.answer),
    ("an answer", plain(QR), None),
]
