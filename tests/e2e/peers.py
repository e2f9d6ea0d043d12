# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ends that Postern stands between: clients with hand-made ClientHellos, and upstreams."""
import contextlib
import os
import socket
import ssl
import struct
import subprocess
import threading

from daemon import LONG, free_port


def _ext(kind, body):
    return struct.pack("!HH", kind, len(body)) + body


def client_hello(name=None, pad=0, split=0):
    """A TLS ClientHello record; pad bytes of padding extension; split > 0: in records of that many bytes."""
    exts = b""
    if name is not None:
        n = name.encode()
        exts += _ext(0, struct.pack("!HBH", len(n) + 3, 0, len(n)) + n)
    exts += _ext(43, b"\x02\x03\x04") + _ext(10, b"\x00\x02\x00\x1d")
    if pad:
        exts += _ext(21, bytes(pad))
    body = (b"\x03\x03" + os.urandom(32) + b"\x20" + os.urandom(32) + b"\x00\x02\x13\x01" + b"\x01\x00" +
            struct.pack("!H", len(exts)) + exts)
    message = b"\x01" + struct.pack("!I", len(body))[1:] + body
    size = split or 16384
    parts = [message[i:i + size] for i in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + struct.pack("!H", len(p)) + p for p in parts)


def recv_exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError("end after %d of %d bytes" % (len(data), n))
        data += more
    return data


def read_hello(s):
    """Take the ClientHello off the stream: every record until the handshake message is whole."""
    raw, message = b"", b""
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4], "big"):
        head = recv_exactly(s, 5)
        body = recv_exactly(s, struct.unpack("!H", head[3:])[0])
        raw += head + body
        message += body
    return raw


def is_reset(s):
    """Wait for the end of the connection; true if it was a reset and not one byte came."""
    s.settimeout(LONG)
    try:
        return s.recv(1) is None
    except ConnectionResetError:
        return True
    finally:
        s.close()


def wait_reset(s):
    """Wait for a reset, whatever bytes come before."""
    s.settimeout(LONG)
    try:
        while s.recv(65536):
            pass
        return False
    except ConnectionResetError:
        return True


def abort(s):
    """Close with a reset."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


class Upstream:
    """A server, a thread per connection. `handler(socket, server)`; without one it accepts and says nothing."""

    def __init__(self, handler=None, address="10.0.0.5", port=None, backlog=256):
        self.address, self.port = address, port or free_port()
        self.handler = handler
        self.accepted = 0
        self.open = set()
        self.lock = threading.Lock()
        self.sock = socket.create_server((address, self.port), backlog=backlog,
                                         family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def at(self):
        return (self.address, self.port)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                s, _ = self.sock.accept()
                with self.lock:
                    self.accepted += 1
                    self.open.add(s)
                if self.handler:
                    threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        try:
            with contextlib.suppress(OSError, EOFError, ssl.SSLError):
                self.handler(s, self)
        finally:
            with self.lock:
                self.open.discard(s)
            with contextlib.suppress(OSError):
                s.close()

    def close(self):
        """Gone: nobody listens, and what is open is reset."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        with self.lock:
            for s in self.open:
                with contextlib.suppress(OSError):
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.shutdown(socket.SHUT_RDWR)
            self.open.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def echo(s, _server):
    """After the ClientHello: says "hi", then everything back. Ends its side when the other ends."""
    read_hello(s)
    s.sendall(b"hi")
    while data := s.recv(65536):
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)


class Tls:
    """A certificate and servers that end TLS with it, echoing lines of bytes."""

    def __init__(self, directory):
        self.cert = os.path.join(directory, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "30", "-subj", "/CN=upstream", "-keyout", self.cert, "-out", self.cert + ".crt"],
                       check=True, capture_output=True)
        with open(self.cert + ".crt", encoding="ascii") as f, open(self.cert, "a", encoding="ascii") as out:
            out.write(f.read())
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(self.cert)
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.load_verify_locations(self.cert + ".crt")
        self.client.check_hostname = False

    def echo(self, s, _server):
        with self.server.wrap_socket(s, server_side=True) as t:
            while data := t.recv(65536):
                t.sendall(data)

    def wrap(self, s, name):
        """The client's side of TLS over a connected socket: proof that nobody in between ends it."""
        return self.client.wrap_socket(s, server_hostname=name)


class Line:
    """An open connection through the gate to an echo() upstream."""

    def __init__(self, place, daemon, name, host=None, port=None):
        from net import V4
        self.sock = place.connect(host or V4, port or daemon.port, timeout=LONG)
        try:
            self.local_port = self.sock.getsockname()[1]
            self.sock.sendall(client_hello(name))
            assert recv_exactly(self.sock, 2) == b"hi"
        except BaseException:
            self.sock.close()
            raise

    def ping(self):
        word = os.urandom(8)
        self.sock.sendall(word)
        assert recv_exactly(self.sock, 8) == word

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
