#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the seed corpora of the codecs: make_corpus.py [FOLDER], by default corpus/ beside this file.

The hellos are those of the TLS library that Python uses, and variations of them. Their random parts differ from
run to run, so the seeds are kept in the tree and this is run only to add to them.
"""

import ipaddress
import pathlib
import ssl
import struct
import sys

V2 = b"\r\n\r\n\0\r\nQUIT\n"


def hello(name, least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_3, alpn=()):
    """The first flight of a real client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version, context.maximum_version = least, most
    if alpn:
        context.set_alpn_protocols(list(alpn))
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def records(message, size, version=0x0301):
    """A handshake message cut into records of the given size."""
    return b"".join(
        struct.pack("!BHH", 22, version, len(message[i : i + size])) + message[i : i + size]
        for i in range(0, len(message), size)
    )


def message(extensions, session=b""):
    """A small hello with the given extensions, None for no extensions block."""
    body = b"\x03\x03" + bytes(range(32)) + bytes([len(session)]) + session
    body += b"\0\4\x1a\x1a\xc0\x2f" + b"\1\0"
    if extensions is not None:
        block = b"".join(struct.pack("!HH", kind, len(data)) + data for kind, data in extensions)
        body += struct.pack("!H", len(block)) + block
    return b"\1" + len(body).to_bytes(3, "big") + body


def names(*entries):
    """The content of a server_name extension out of (type, name)."""
    listed = b"".join(struct.pack("!BH", kind, len(name)) + name for kind, name in entries)
    return struct.pack("!H", len(listed)) + listed


def client_hellos():
    modern = hello("prod.k8s.example.org", alpn=("h2", "http/1.1"))
    old = hello("prod.k8s.example.org", most=ssl.TLSVersion.TLSv1_2)
    whole = modern[5:]
    yield "openssl-tls13", modern
    yield "openssl-tls12", old
    yield "openssl-no-name", hello(None)
    yield "openssl-half", modern[: len(modern) // 2]
    yield "records-of-1", records(old[5:], 1)
    yield "records-of-3", records(whole, 3)
    yield "records-of-100", records(whole, 100)
    yield "second-record-alert", records(whole, 100)[:105] + b"\x15\3\3\0\2\2\x28"
    yield "second-record-empty", records(whole, 100)[:105] + b"\x16\3\1\0\0"
    yield "followed-by-ccs", modern + b"\x14\3\3\0\1\1"
    yield "grease", records(message([(0x0A0A, b""), (0, names((0, b"a.b"))), (0xFAFA, b"\0")]), 99)
    yield "folded", records(message([(0, names((0, b"API.Example.ORG.")))]), 999)
    yield "address", records(message([(0, names((0, b"10.0.0.1")))]), 999)
    yield "no-extensions", records(message(None, b"s" * 32), 999)
    yield "two-names", records(message([(0, names((0, b"a"), (0, b"b")))]), 999)
    yield "other-name-type", records(message([(0, names((1, b"a"), (0, b"b")))]), 999)
    yield "twice", records(message([(0, names((0, b"a"))), (0, names((0, b"b")))]), 999)
    yield "empty-label", records(message([(0, names((0, b"a..b")))]), 999)
    yield "nul-in-name", records(message([(0, names((0, b"a\0b")))]), 999)
    yield "long-name", records(message([(0, names((0, b"abc." * 63 + b"x")))]), 999)
    yield "large", records(message([(21, b"\0" * 4000), (0, names((0, b"a")))]), 1500)
    yield "too-large", b"\x16\3\1\x40\0\1\0\xff\xff"
    yield "server-hello", b"\x16\3\3\0\4\2\0\0\0"
    yield "alert", b"\x15\3\1\0\2\2\x28"
    yield "http", b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"


def v2(command, kind, block):
    return V2 + struct.pack("!BBH", command, kind, len(block)) + block


def proxy_headers():
    def packed(source, destination):
        both = (ipaddress.ip_address(source), ipaddress.ip_address(destination))
        return both[0].packed + both[1].packed + struct.pack("!HH", 56324, 443)

    ipv4 = packed("192.0.2.1", "198.51.100.2")
    ipv6 = packed("2001:db8::1", "2001:db8::2")
    hello_start = b"\x16\3\1\2\0\1\0\1\xfc"
    longest = b"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    yield "v1-tcp4", b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n" + hello_start
    yield "v1-tcp6", b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"
    yield "v1-mapped", b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 1 2\r\n"
    yield "v1-unknown", b"PROXY UNKNOWN\r\n" + hello_start
    yield "v1-longest", b"PROXY UNKNOWN " + longest + b" " + longest + b" 65535 65535\r\n"
    yield "v1-no-end", b"PROXY UNKNOWN " + b"x" * 150
    yield "v1-part", b"PROXY TCP4 192.0.2."
    yield "v1-lf-only", b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n"
    yield "v1-port", b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 0443\r\n"
    yield "v2-tcp4", v2(0x21, 0x11, ipv4) + hello_start
    yield "v2-tcp6", v2(0x21, 0x21, ipv6)
    yield "v2-mapped", v2(0x21, 0x21, packed("::ffff:192.0.2.1", "2001:db8::2"))
    yield "v2-tlv", v2(0x21, 0x11, ipv4 + b"\2\0\4name\3\0\4\1\2\3\4")
    yield "v2-local", v2(0x20, 0, b"") + hello_start
    yield "v2-local-block", v2(0x20, 0x11, ipv4)
    yield "v2-unspec", v2(0x21, 0, b"anything")
    yield "v2-unix", v2(0x21, 0x31, b"/run/a".ljust(108, b"\0") + b"/run/b".ljust(108, b"\0"))
    yield "v2-udp4", v2(0x21, 0x12, ipv4)
    yield "v2-short", v2(0x21, 0x21, ipv4)
    yield "v2-longest", v2(0x20, 0, b"\0" * 4080)
    yield "v2-too-long", V2 + b"\x20\0\xff\xff"
    yield "v2-part", V2[:9]
    yield "tls", hello_start


def text(s):
    return bytes([len(s)]) + s.encode()


def address(a=None):
    """As in network_record.c: family, then the address in the machine's order."""
    if a is None:
        return b"\0"
    a = ipaddress.ip_address(a)
    if a.version == 4:
        return b"\4" + struct.pack("=I", int(a))
    return b"\6" + struct.pack("=QQ", int(a) >> 64, int(a) & (1 << 64) - 1)


def prefix(p=None):
    if p is None:
        return b"\0"
    base, length = p.split("/")
    return address(base) + bytes([int(length)])


def network(name="n", kind=0, flags=1, **arrays):
    """A network record without its check value; the fuzz target puts the length right."""
    order = "spaces subnets links routes nats hosts host_groups groups rules prefixes endpoints resolvers".split()
    head = struct.pack("=4sIIBBHQ", b"PNR1", 0, 7, kind, flags, 0, 42)
    counts = b"".join(struct.pack("=I", len(arrays.get(a, []))) for a in order)
    return head + counts + text(name) + b"".join(item for a in order for item in arrays.get(a, []))


def network_records():
    subnet = struct.pack("=II", 8, 7) + prefix("10.0.0.0/24") + prefix("fd00::/64") + address("10.0.0.1") + address("fd00::1")

    def host(ident, group=(0, 1), in_subnet=0, attach=0, attach_name=""):
        return (
            struct.pack("=II", ident, in_subnet) + address(f"10.0.0.{ident}") + address() + address() + address()
            + struct.pack("=IIB", *group, attach) + text(f"h{ident}") + text(attach_name)
        )

    whole = {
        "spaces": [prefix("10.0.0.0/16"), prefix("fd00::/48")],
        "subnets": [subnet],
        "links": [struct.pack("=IBB", 3, 0, 0) + text("peer"), struct.pack("=IBB", 9, 1, 1) + text("hub")],
        "routes": [
            struct.pack("=IBI", 7, 2, 1) + prefix("10.9.0.0/16"),
            struct.pack("=IBI", 7, 1, 0) + prefix("0.0.0.0/0"),
            struct.pack("=IBI", 7, 0, 0) + prefix("::/0"),
        ],
        "nats": [struct.pack("=I", 7) + prefix("0.0.0.0/0") + address("192.0.2.1") + address()],
        "hosts": [host(20), host(21, (1, 1), attach=1, attach_name="theirs")],
        "host_groups": [struct.pack("=I", 0), struct.pack("=I", 0)],
        "groups": [struct.pack("=IIIB", 30, 0, 1, 1) + text("web")],
        "rules": [struct.pack("=BBHHII", 1, 1, 443, 443, 0, 2)],
        "prefixes": [prefix("10.0.0.20/32"), prefix("fd00::/64")],
        "endpoints": [address("10.0.0.9") + struct.pack("=H", 443), address("fd00::9") + struct.pack("=H", 443)],
        "resolvers": [address("10.0.0.2") + b"\1", address("168.63.129.16") + b"\0", address("fd00::2") + b"\1"],
    }
    yield "whole", network(**whole)
    yield "empty", network()
    yield "hub", network("hub", 1, 0, links=whole["links"], routes=whole["routes"][:1])
    yield "site", network("site", 2, spaces=whole["spaces"], subnets=[subnet], hosts=[host(5, (0, 0))])
    yield "cut", network(**whole)[:-20]
    yield "rest", network(**whole) + b"\0"
    yield "hosts-not-in-order", network(**{**whole, "hosts": whole["hosts"][::-1]})
    yield "group-past-the-end", network(**{**whole, "hosts": [host(20, (0xFFFFFFFF, 2))]})
    yield "subnet-past-the-end", network(**{**whole, "hosts": [host(20, in_subnet=1)]})
    yield "link-past-the-end", network(**{**whole, "links": whole["links"][:1]})
    yield "host-bits", network(spaces=[prefix("10.0.0.1/16")])
    yield "family-unknown", network(spaces=[b"\5\0\0\0\0\0"])
    yield "no-name", network("")
    yield "resolver-none", network(resolvers=[address() + b"\0"])
    yield "counts-of-everything", network()[:24] + b"\xff" * 48 + text("n")
NETWORK = "kind: network\nname: net\naddressSpace: [10.0.0.0/16, '2001:db8::/48']\n"
SUBNET = "kind: subnet\nname: sub\nnetwork: net\nranges: [10.0.1.0/24, '2001:db8:0:1::/64']\n"
LANDSCAPE = (
    NETWORK,
    SUBNET + "routeTable: table\n",
    "kind: subnet\nname: lent\nnetwork: net\nranges: [10.0.2.0/28]\ndelegation: clusters\n",
    "kind: network\nname: other\naddressSpace: [10.1.0.0/16]\n",
    "kind: subnet\nname: far\nnetwork: other\nranges: [10.1.0.0/28]\n",
    "kind: internet-gateway\nname: gate\nnetwork: net\n",
    "kind: public-address\nname: first\naddresses: [198.51.100.7]\n",
    "kind: public-address\nname: second\n",
    "kind: nat-gateway\nname: nat\nsubnet: sub\npublicAddress: first\n",
    "kind: peering\nname: pair\nnetworks: [net, other]\nroutes: none\n",
    "kind: hub\nname: hub\nattachments: [{network: net}, {network: other, routes: none}]\n"
    "routes: [{to: 172.16.0.0/12, via: {site: office}}, {to: 10.9.0.0/16, via: {drop: true}}]\n",
    "kind: site\nname: office\naddressSpace: [192.168.0.0/24]\npublicAddress: second\n"
    "connections: [{network: net}, {hub: hub}]\n",
    "kind: route-table\nname: table\nnetwork: net\nroutes:\n- {to: 0.0.0.0/0, via: {internetGateway: gate}}\n"
    "- {to: '::/0', via: {natGateway: nat}}\n- {to: 10.1.0.0/16, via: {peering: pair}}\n"
    "- {to: 10.1.2.0/24, via: {hub: hub}}\n- {to: 192.168.0.0/16, via: {site: office}}\n",
    "kind: security-group\nname: web\nnetwork: net\negress: []\ningress:\n"
    "- {protocol: tcp, ports: '8000-8100', ranges: [0.0.0.0/0], groups: [web]}\n- {protocol: icmp, groups: [web]}\n",
    "kind: host\nname: a\nsubnet: sub\naddresses: [10.0.1.9]\nsecurityGroups: [web]\nattach: {namespace: x_1}\n",
    "kind: host\nname: b\nsite: office\nattach: {interface: eth0}\n",
    "kind: cluster\nname: c\nupstreams: [{address: 127.0.0.1}]\npublic: {fqdn: a.b, enabled: false}\n"
    "private: {kind: integrated, placements: [{subnet: lent}], ranges: [], port: 6443}\n",
    "kind: private-endpoint\nname: ep\ncluster: c\nsubnet: far\nstate: approved\nranges: [10.0.0.0/8]\n",
)


def documents():
    """The first byte says YAML."""
    for document in LANDSCAPE:
        yield document.split("name: ")[1].split("\n")[0] + "-alone", b"1" + document.encode()
    yield "landscape", b"1" + "---\n".join(LANDSCAPE).encode()
    yield "landscape-reversed", b"1" + "---\n".join(reversed(LANDSCAPE)).encode()
    yield "overlap", b"1" + "---\n".join((NETWORK, SUBNET, SUBNET.replace("sub", "two"))).encode()
    yield "escape", b"1kind: host\nname: a\nsubnet: ../x\nattach: {namespace: ../../etc}\n"


def question(name, kind=1, klass=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label)
    return labels + struct.pack("!BHH", 0, kind, klass)


def query(asked, flags=0, options=None, counts=(1, 0, 0), version=0, size=1232, more=b""):
    """How it comes (one octet: view 1, who forwards and gives cookies), then the message."""
    opt = b""
    if options is not None:
        opt = struct.pack("!BHHBBHH", 0, 41, size, 0, version, 0x8000, len(options)) + options
    header = struct.pack("!HHHHHH", 0xABCD, flags, *counts, len(opt) > 0)
    return b"\x29" + header + asked + opt + more


def dns_packets():
    """Each view's names, then the variants of flags and EDNS."""
    names = "org api.org API.Org a.b.c.org b.c.org x.b.c.org any.org cut.org a.cut.org l1.org out.org mail.org net www.net"
    names = names.split() + ["deep.net", "_s._tcp.org", "x.fwd.test", "elsewhere.test", ".", "a." * 126 + "b"]
    for name in names:
        for kind in (1, 6, 16, 28, 255):
            yield f"{name[:20] if name != '.' else 'root'}-{kind}", query(question(name, kind), 0x100, b"")
    api = question("api.org")
    cookie = b"\0\x0a\0\x08abcdefgh"
    for view in range(3):
        for how in (0, 4, 8, 0x3C, 0x40):
            yield f"how-{view}-{how}", bytes([view | how]) + query(api, 0x100, cookie)[1:]
    for opcode in range(16):
        yield f"opcode-{opcode}", query(api, opcode << 11)
    for bit in range(16):
        yield f"flag-{bit}", query(api, 1 << bit, b"")
    for size in (0, 100, 512, 4096):
        yield f"size-{size}", query(question("org", 255), 0, b"", size=size)
    yield "plain", query(api)
    yield "version-1", query(api, 0, b"", version=1)
    yield "cookie", query(api, 0, cookie)
    yield "cookie-full", query(api, 0, b"\0\x0a\0\x18" + b"abcdefgh\1\0\0\0\0\0\3\xe8" + bytes(8))
    yield "cookie-bad", query(api, 0, b"\0\x0a\0\3abc")
    yield "cookie-alone", query(b"", 0, cookie, (0, 0, 0))
    yield "options", query(api, 0, b"\0\3\0\0\0\x08\0\7\0\1\x18\0\x0a\0\0\0\x64\0\1x")
    yield "option-cut", query(api, 0, b"\0\3\0")
    yield "two-opt", query(api, 0, b"", more=query(b"", 0, b"")[13:]).replace(b"\0\0\0\0\0\1\3", b"\0\0\0\0\0\2\3", 1)
    yield "questions-0", query(b"", 0, None, (0, 0, 0))
    yield "questions-2", query(api + api, 0, None, (2, 0, 0))
    yield "answers-1", query(api, 0, None, (1, 1, 0))
    yield "class-ch", query(question("api.org", 1, 3))
    yield "axfr", query(question("org", 252))
    yield "ixfr", query(question("org", 251) + question("org", 6), 0, None, (1, 0, 1))
    yield "compressed", query(b"\xc0\x0c\0\1\0\1")
    yield "pointer-loop", query(b"\1a\xc0\x0c\0\1\0\1")
    yield "trailing", query(api, more=b"x")
    yield "tsig", query(api, 0, b"", more=b"")[:11] + b"\0\1" + api + b"\1k\0\0\xfa\0\xff" + bytes(5) + b"\2ab"
    yield "resume", b"\xa9" + b"\0\x0c\1\0\0\1" + query(api)[1:]


def served():
    """Datagrams in both views, then all of them in streams: whole, in pieces, half closed, and with what is no query."""
    packets = {name: data[1:] for name, data in dns_packets() if not name.startswith("resume")}
    for name, packet in packets.items():
        if not name[0].isupper() and "." not in name:
            yield f"udp-{name}", bytes([0 if len(name) % 2 else 2]) + packet
    stream = b"".join(struct.pack("!H", len(packet)) + packet for packet in packets.values())
    one = packets["api.org-1"]
    for step in (0, 1, 2, 7, 31):
        for how in (1, 3, 5, 7):
            yield f"tcp-{step}-{how}", bytes([step << 3 | how]) + stream[: 15000 if step in (0, 31) else 800]
    framed = struct.pack("!H", len(one)) + one
    yield "tcp-empty", b"\5" + framed + b"\0\0" + framed
    yield "tcp-short", b"\5" + framed + b"\0\5hello" + framed
    yield "tcp-long", b"\5\xff\xff" + one
    yield "tcp-response", b"\1" + framed[:4] + b"\x80" + framed[5:] + framed
    yield "tcp-nothing", b"\5"


def wire(name):
    """A name; a label that begins with > is a pointer to that offset instead, and ends it."""
    out = b""
    for label in name.split("."):
        if label.startswith(">"):
            return out + struct.pack("!H", 0xC000 | int(label[1:]))
        if label:
            out += bytes([len(label)]) + label.encode()
    return out + b"\0"


def record(owner, kind, data, ttl=60):
    return wire(owner) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def reply(question, kind, *sections, how=1, flags=0x8180):
    counts = [len(section) for section in sections] + [0] * (3 - len(sections))
    head = struct.pack("!HHHHHH", 0xABCD, flags, 1, *counts)
    return bytes([how]) + head + wire(question) + struct.pack("!HH", kind, 1) + b"".join(b"".join(s) for s in sections)


def replies():
    a, soa = b"\xc0\0\2\1", wire("ns.>16") + wire("me.>16") + bytes(20)
    opt = record("", 41, b"")
    yield "plain", reply("www.test", 1, [record(">12", 1, a)], [], [opt])
    yield "chain", reply("www.test", 1, [record(">12", 5, wire("b.>16")), record("b.test", 5, wire("c.>16")), record("c.test", 1, a)])
    yield "chain-little-room", reply("www.test", 1, [record(">12", 5, wire("b.>16")), record("b.test", 1, a)], how=6)
    yield "nxdomain", reply("www.test", 1, [], [record(">16", 6, soa)], flags=0x8183)
    yield "signed", reply("www.test", 1, [record(">12", 1, a), record(">12", 46, b"\0\1" + bytes(20))], [], [opt])
    yield "proof", reply("www.test", 1, [], [record(">16", 6, soa), record("x.>16", 47, wire("y.test") + b"\0\1\2")])
    yield "mx", reply("test", 15, [record(">12", 15, b"\0\12" + wire("mail.>12")), record(">12", 15, b"\0\5" + wire(">35"))])
    yield "srv", reply("_s._tcp.test", 33, [record(">12", 33, bytes(6) + wire("a.>20"))])
    yield "any", reply("www.test", 255, [record(">12", 1, a), record(">12", 16, b"\2hi"), record(">12", 65280, b"\xc0\x0c")])
    yield "minfo", reply("test", 14, [record(">12", 14, wire("a.>12") + wire("b.>12"))])
    yield "referral", reply("www.test", 1, [], [record(">16", 2, wire("ns.>16"))], [record("ns.test", 1, a)])
    yield "loop", reply("a.test", 1, [record(">12", 5, wire("b.>14")), record("b.test", 5, wire(">12"))])
    yield "truncated", reply("www.test", 1, flags=0x8380)
    yield "self", reply("www.test", 1, [record(">26", 1, a)])
    yield "forward", reply("www.test", 1, [record(">40", 1, a), record("a.test", 1, a)])
    yield "root", reply("", 2, [record("", 2, wire("a.root"))])
    yield "old-ttl", reply("www.test", 1, [record(">12", 1, a, ttl=0xFFFFFFFF)])


def main():
    top = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "corpus"
    seeds_of = {
        "client_hello": client_hellos(),
        "proxy_header": proxy_headers(),
        "network_record": network_records(),
        "document": documents(),
        "dns": dns_packets(),
        "dns_serve": served(),
        "reply": replies(),
    }
    for codec, seeds in seeds_of.items():
        folder = top / codec
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds:
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
