# SPDX-License-Identifier: GPL-3.0-or-later
"""Knot DNS, NSD, BIND and Unbound with the same zones, and a bare echo. Authoritative only, one worker on one CPU, minimal answers, no
rate limit, no query log: as their manuals advise for speed.

Only BIND and Unbound know views; with 200 of them each has 1/200 of the zones and an address of its own.
"""

import pathlib
import shutil
import subprocess
import time

import lab
import names_data
import peers

CHANGED = 7  # the zone whose record changes; its file is a server's own
VIEWS = 200


def view_address(v):
    """Not of 127.0.0.0/8, where Unbound has rules of its own."""
    return f"10.99.0.{v + 1}"


def set_up_addresses():
    for v in range(VIEWS):
        lab.run(["ip", "address", "replace", f"{view_address(v)}/32", "dev", "lo"])


class NameServer(peers.Peer):
    """`targets`: what dns_blast is told; zone i is asked of number i % len(targets). `sockets`: of the client, for each target."""

    program = package = ""
    views = 0
    sockets = 4

    def __init__(self, folder, zones, zone_files, pinned=True):
        super().__init__(folder, zones, 1, pinned)
        self.zones, self.zone_files = zones, zone_files
        self.own_zone = self.folder / "changed.zone"
        self.targets = [self.address]
        if self.views:
            self.targets = [f"{view_address(v)}:{self.port}" for v in range(self.views)]
            self.sockets = 1

    @classmethod
    def missing(cls):
        return None if shutil.which(cls.program) else cls.package

    def configure(self):
        self.own_zone.write_text(names_data.zone_file(CHANGED))
        self.write()

    def write(self):
        raise NotImplementedError

    def file_of(self, i):
        return self.own_zone if i == CHANGED else self.zone_files / f"{i}.zone"

    def change(self, address):
        """c1 of zone CHANGED gets another address. Returns when that was begun."""
        raise NotImplementedError

    def tool(self, *command, text=None):
        done = subprocess.run(list(map(str, command)), input=text, text=True, capture_output=True)
        if done.returncode:
            raise lab.LabError(f"{command[0]}: {done.stdout[-200:]}{done.stderr[-200:]}")


class Echo(NameServer):
    name = "echo"
    port = 8205

    def __init__(self, folder, build):
        super().__init__(folder, 0, None)
        self.binary = pathlib.Path(build) / "bench/dns_echo"

    def configure(self):
        pass

    def command(self):
        return [str(self.binary), self.targets[0], str(lab.cpus()[1]), str(len(self.targets))]


class EchoMany(Echo):
    """The same with a socket for each network: there are no batches where each of them has one query out."""

    name = "echo-sockets"
    port = 8207
    views = VIEWS


class Knot(NameServer):
    name = "knot"
    program, package = "knotd", "knot"
    port = 8201

    def write(self):
        loaders = 1 if self.pinned else 2
        zones = "".join(f"  - domain: {names_data.domain(i)}\n    file: {self.file_of(i)}\n" for i in range(self.zones))
        (self.folder / "conf").write_text(
            f"server:\n  rundir: {self.folder}\n  listen: {self.address.replace(':', '@')}\n"
            f"  udp-workers: 1\n  tcp-workers: 1\n  background-workers: {loaders}\n  tcp-reuseport: off\n"
            f"control:\n  listen: {self.folder}/control\ndatabase:\n  storage: {self.folder}\n"
            "log:\n  - target: stderr\n    any: warning\n"
            "template:\n  - id: default\n    zonefile-load: whole\n    zonefile-sync: -1\n    journal-content: none\n"
            "zone:\n" + zones)

    def command(self):
        return ["knotd", "-c", str(self.folder / "conf")]

    def change(self, address):
        zone = names_data.domain(CHANGED)
        begun = time.monotonic_ns()
        for words in (("zone-begin", zone), ("zone-unset", zone, "c1", "A"), ("zone-set", zone, "c1", "30", "A", address),
                      ("zone-commit", zone)):
            self.tool("knotc", "-s", self.folder / "control", *words)
        return begun


class Knot200(Knot):
    """It has no views: one server, asked from as many sockets as networks have."""

    port = 8208
    sockets = VIEWS


class Nsd(NameServer):
    name = "nsd"
    program, package = "nsd", "nsd"
    port = 8202

    def write(self):
        control = f"remote-control:\n  control-enable: yes\n  control-interface: {self.folder}/control\n"
        zones = "".join(f"zone:\n  name: {names_data.domain(i)}\n  zonefile: {self.file_of(i)}\n" for i in range(self.zones))
        (self.folder / "conf").write_text(
            f"server:\n  server-count: 1\n  ip-address: 127.0.0.1\n  port: {self.port}\n  username: \"\"\n  database: \"\"\n"
            f"  zonelistfile: {self.folder}/list\n  xfrdfile: {self.folder}/state\n  xfrdir: {self.folder}\n"
            f"  pidfile: {self.folder}/pid\n  reuseport: yes\n  minimal-responses: yes\n  rrl-ratelimit: 0\n" + control + zones)
        (self.folder / "control.conf").write_text(control)  # the tool would read all zones too

    def command(self):
        return ["nsd", "-d", "-c", str(self.folder / "conf")]

    def change(self, address):
        text = names_data.zone_file(CHANGED).replace(names_data.address(CHANGED, 1) + "\n", address + "\n")
        self.own_zone.write_text(text.replace(" 1 3600 ", f" {time.time_ns() // 1000000 & 0x7fffffff} 3600 "))
        begun = time.monotonic_ns()
        self.tool("nsd-control", "-c", self.folder / "control.conf", "reload", names_data.domain(CHANGED))
        return begun


class Bind(NameServer):
    name = "bind"
    program, package = "named", "bind9"
    port = 8203

    def zone(self, i):
        update = " allow-update { any; };" if i == CHANGED and not self.views else ""
        return f"zone \"{names_data.domain(i)}\" {{ type primary; file \"{self.file_of(i)}\";{update} }};\n"

    def write(self):
        addresses = [view_address(v) for v in range(self.views)] or ["127.0.0.1"]
        out = [
            f"options {{ directory \"{self.folder}\"; pid-file \"pid\"; session-keyfile \"session.key\"; lock-file none;\n"
            f"listen-on port {self.port} {{ {' '.join(a + ';' for a in addresses)} }}; listen-on-v6 {{ none; }};\n"
            "recursion no; minimal-responses yes; notify no; dnssec-validation no; empty-zones-enable no; allow-new-zones no; };\n"
            "logging { channel all { stderr; severity warning; }; category default { all; }; };\ncontrols { };\n"]
        for v in range(self.views):
            mine = "".join(self.zone(i) for i in range(v, self.zones, self.views))
            out.append(f"view v{v} {{ match-destinations {{ {view_address(v)}; }};\n{mine}}};\n")
        if not self.views:
            out += [self.zone(i) for i in range(self.zones)]
        (self.folder / "conf").write_text("".join(out))

    def command(self):
        return ["named", "-f", "-4", "-n", "1", "-c", str(self.folder / "conf")]

    def change(self, address):
        name = f"c1.{names_data.domain(CHANGED)}"
        begun = time.monotonic_ns()
        self.tool("nsupdate", text=f"server 127.0.0.1 {self.port}\nzone {names_data.domain(CHANGED)}\n"
                  f"update delete {name} A\nupdate add {name} 30 A {address}\nsend\n")
        return begun


class Bind200(Bind):
    name = "bind-views"
    port = 8209
    views = VIEWS


class Unbound(NameServer):
    name = "unbound"
    program, package = "unbound", "unbound"
    port = 8204

    @staticmethod
    def zone(i):
        domain = names_data.domain(i)
        data = [("@", "SOA", names_data.TTL, f"ns.{domain} hostmaster.{domain} 1 3600 600 86400 {names_data.MINIMUM}"),
                ("@", "NS", names_data.TTL, "ns.example")]
        data += [(name, kind, ttl, f"{value}.{domain}" if kind == "CNAME" else value)
                 for name, kind, ttl, value in names_data.records(i)]
        return f"  local-zone: \"{domain}\" static\n" + "".join(
            f"  local-data: '{domain if name == '@' else f'{name}.{domain}'} {ttl} {kind} {value}'\n"
            for name, kind, ttl, value in data)

    def head(self):
        return (f"server:\n  num-threads: 1\n  port: {self.port}\n  do-daemonize: no\n  chroot: \"\"\n  username: \"\"\n"
                f"  directory: {self.folder}\n  pidfile: {self.folder}/pid\n  use-syslog: no\n  so-reuseport: yes\n"
                "  module-config: \"iterator\"\n")

    def control(self):
        return (f"remote-control:\n  control-enable: yes\n  control-use-cert: no\n  control-interface: {self.folder}/control\n")

    def write(self):
        if self.views:
            body = "".join(f"  interface: {view_address(v)}\n  interface-view: {view_address(v)} v{v}\n"
                           f"  interface-action: {view_address(v)} allow\n" for v in range(self.views))
            body += self.control() + "".join(
                f"view:\n  name: v{v}\n  view-first: no\n" + "".join(self.zone(i) for i in range(v, self.zones, self.views))
                for v in range(self.views))
        else:
            body = "  interface: 127.0.0.1\n  access-control: 127.0.0.0/8 allow\n"
            body += "".join(self.zone(i) for i in range(self.zones)) + self.control()
        (self.folder / "conf").write_text(self.head() + body)
        (self.folder / "control.conf").write_text(self.control())

    def command(self):
        return ["unbound", "-d", "-c", str(self.folder / "conf")]

    def change(self, address):
        name = f"c1.{names_data.domain(CHANGED)}"
        begun = time.monotonic_ns()
        for words in (("local_data_remove", name), ("local_data", name, "30", "A", address)):
            self.tool("unbound-control", "-c", self.folder / "control.conf", *words)
        return begun


class Unbound200(Unbound):
    name = "unbound-views"
    port = 8210
    views = VIEWS


class UnboundForwarder(Unbound):
    """No zones: everything is asked of one server."""

    name = "unbound"
    port = 8211

    def __init__(self, folder, upstream):
        super().__init__(folder, 0, None)
        self.upstream = upstream

    def write(self):
        (self.folder / "conf").write_text(
            self.head() + "  interface: 127.0.0.1\n  access-control: 127.0.0.0/8 allow\n  do-not-query-localhost: no\n"
            "  use-caps-for-id: yes\n  outgoing-range: 4096\n  num-queries-per-thread: 2048\n  msg-cache-size: 64m\n"
            f"  rrset-cache-size: 128m\nforward-zone:\n  name: \".\"\n  forward-addr: {self.upstream.replace(':', '@')}\n")


ALL = (Knot, Nsd, Bind, Unbound)


def versions():
    found = []
    for command, first in ((["knotd", "--version"], 0), (["nsd", "-v"], 0), (["named", "-v"], 0), (["unbound", "-V"], 0)):
        if shutil.which(command[0]):
            done = subprocess.run(command, text=True, capture_output=True)
            found.append((done.stdout + done.stderr).splitlines()[first].strip())
    return found
