#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A client of an API server, run where it stands: probe.py REQUEST, a JSON object

    names    {kind: name}: the cluster's names; each is asked for, A and AAAA
    servers  [[address, "udp" or "tcp"]]: whom they are asked of, on port 53, by sockets of our own
    system   also as every program here resolves them (glibc, as getent ahosts does)
    port, ca
    tries    [{id, family, host, kind, name}]: host is an address, or null: the addresses of that family of the name of that kind, as the
             first of the servers answered it; name is what TLS and HTTP call it
    timeout  seconds until silence counts as an answer; refusals are quick

Prints {"names": {kind: {server: {"4": {"rcode", "addresses"}, "6": ...}}}, "tries": {id: {"reached", "how", "bytes", "address"}}}. The
server "system" has no rcode. A try by name takes the addresses in turn, as clients do; it is reached if one of them is. `how` is "reached",
"reset", "refused", "no route", "silence", "no address", or what else went wrong; `bytes` is what came in before it did.
"""
import errno
import json
import os
import socket
import ssl
import sys

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

TYPES = {"4": dns.rdatatype.A, "6": dns.rdatatype.AAAA}

NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL)


def system(name):
    """As programs see it."""
    found = {"4": [], "6": []}
    try:
        infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror:
        infos = []
    for family, _, _, _, address in infos:
        key = "6" if family == socket.AF_INET6 else "4"
        if address[0] not in found[key]:
            found[key].append(address[0])
    return {f: {"rcode": None, "addresses": found[f]} for f in found}


def ask(server, transport, name, type_, timeout):
    """What one server says of a name."""
    query = dns.message.make_query(name, type_)
    by = dns.query.udp if transport == "udp" else dns.query.tcp
    try:
        r = by(query, server, timeout=timeout)
    except (OSError, EOFError, dns.exception.DNSException) as e:
        return {"rcode": why(e), "addresses": []}
    found = [rr.address for rrset in r.answer if rrset.rdtype == type_ for rr in rrset]
    return {"rcode": dns.rcode.to_text(r.rcode()), "addresses": found, "aa": bool(r.flags & dns.flags.AA)}


def resolve(request):
    names = {}
    for kind, name in request["names"].items():
        names[kind] = {"%s/%s" % (server, transport): {
            f: ask(server, transport, name, t, request["timeout"]) for f, t in TYPES.items()}
            for server, transport in request["servers"]}
        if request.get("system"):
            names[kind]["system"] = system(name)
    return names


def why(e):
    if isinstance(e, (socket.timeout, dns.exception.Timeout)):
        return "silence"
    if isinstance(e, (ConnectionResetError, BrokenPipeError)):
        return "reset"
    if isinstance(e, ConnectionRefusedError):
        return "refused"
    if isinstance(e, OSError) and e.errno in NO_ROUTE:
        return "no route"
    return "%s: %s" % (type(e).__name__, e)


class Counting:
    """TLS over a socket by memory buffers, to know how many bytes the other end has said."""

    def __init__(self, sock, context, server_name):
        self.sock, self.count = sock, 0
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=server_name)

    def _do(self, what, *args):
        while True:
            try:
                result = what(*args)
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                data = self.sock.recv(65536)
                self.count += len(data)
                if not data:
                    raise ConnectionError("closed after %d bytes" % self.count) from None
                self.incoming.write(data)

    def _flush(self):
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)

    def get_version(self, host):
        self._do(self.tls.do_handshake)
        self._do(self.tls.write, b"GET /version HTTP/1.1\r\nHost: " + host.encode() + b"\r\nConnection: close\r\n\r\n")
        answer = b""
        while b"}" not in answer:
            more = self._do(self.tls.read, 65536)
            if not more:
                break
            answer += more
        return answer


def attempt(address, name, by_name, request):
    """One connection: how it went."""
    context = ssl.create_default_context(cafile=request["ca"])
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(request["timeout"])
    result = {"reached": False, "how": None, "bytes": 0, "address": address}
    tls = None
    try:
        sock.connect((address, request["port"]))
        # By address there is no server name to send; the certificate must carry the address then.
        tls = Counting(sock, context, name if by_name else address)
        answer = tls.get_version(name)
        result["reached"] = b'"gitVersion"' in answer
        result["how"] = "reached" if result["reached"] else "answered %r" % answer[:80]
        if result["reached"]:
            result["cluster"] = json.loads(answer[answer.index(b"{"):].decode()).get("cluster")
    except (OSError, ValueError) as e:
        result["how"] = why(e)
    finally:
        sock.close()
    result["bytes"] = tls.count if tls else 0
    return result


def try_(t, names, request):
    if t.get("host"):
        addresses = [t["host"]]
    else:
        addresses = next(iter(names[t["kind"]].values()))[str(t["family"])]["addresses"]
    result = {"reached": False, "how": "no address", "bytes": 0, "address": None}
    for address in addresses:
        result = attempt(address, t["name"], not t.get("host"), request)
        if result["reached"]:
            break
    return result


def main():
    request = json.loads(sys.argv[1])
    names = resolve(request)
    tries = {t["id"]: try_(t, names, request) for t in request["tries"]}
    print(json.dumps({"names": names, "tries": tries, "netns": os.readlink("/proc/self/ns/net")}))


if __name__ == "__main__":
    main()
