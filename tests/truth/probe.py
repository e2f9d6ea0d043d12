#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A client of an API server, run where it stands: probe.py REQUEST, a JSON object

    name     the cluster's name, which is resolved as every program here resolves it (glibc, as getent ahosts does)
    port, ca
    tries    [{id, family, host}]: host is an address, or null: the name's addresses of that family
    timeout  seconds until silence counts as an answer; refusals are quick

Prints {"names": {"4": [...], "6": [...]}, "tries": {id: {"reached", "how", "bytes", "address"}}}. A try by name takes the
addresses in turn, as clients do; it is reached if one of them is. `how` is "reached", "reset", "refused", "no route",
"silence", "no address", or what else went wrong; `bytes` is what came in before it did.
"""
import errno
import json
import os
import socket
import ssl
import sys

NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL)


def resolve(name):
    found = {"4": [], "6": []}
    try:
        infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return found
    for family, _, _, _, address in infos:
        key = "6" if family == socket.AF_INET6 else "4"
        if address[0] not in found[key]:
            found[key].append(address[0])
    return found


def why(e):
    if isinstance(e, socket.timeout):
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
    addresses = [t["host"]] if t.get("host") else names[str(t["family"])]
    result = {"reached": False, "how": "no address", "bytes": 0, "address": None}
    for address in addresses:
        result = attempt(address, request["name"], not t.get("host"), request)
        if result["reached"]:
            break
    return result


def main():
    request = json.loads(sys.argv[1])
    names = resolve(request["name"])
    tries = {t["id"]: try_(t, names, request) for t in request["tries"]}
    print(json.dumps({"names": names, "tries": tries, "netns": os.readlink("/proc/self/ns/net")}))


if __name__ == "__main__":
    main()
