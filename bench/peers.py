# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy and nginx with the same policy: passthrough by server name with a list of ranges for each cluster.

Configured as their manuals advise for speed: deferred accept, no access log, no health checks, one worker on one CPU.
"""

import pathlib
import shutil
import signal
import socket
import subprocess
import time

import lab
import policy

NGINX_STREAM = ("/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/lib64/nginx/modules/ngx_stream_module.so")


class Peer:
    """Start, stop and change one peer. `address` is where it listens."""

    name = ""
    port = 0

    def __init__(self, folder, clusters, workers=1, pinned=True):
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir(exist_ok=True)
        self.clusters, self.workers, self.pinned = clusters, workers, pinned
        self.address = f"127.0.0.1:{self.port}"
        self.process = None

    @classmethod
    def missing(cls):
        """What has to be installed, or None."""
        return None

    def configure(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def start(self):
        self.configure()
        self.launch()

    def launch(self):
        """Start with the configuration that is there, not waiting for anything."""
        command = self.command()
        if self.pinned and self.workers == 1:
            command = ["taskset", "-c", str(lab.cpus()[1])] + command
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self):
        lab.stop(self.process)
        self.process = None

    def pids(self):
        return lab.family(self.process.pid)

    def set_ranges(self, i, ranges):
        """Write down the new ranges of one cluster."""
        raise NotImplementedError

    def reload(self):
        raise NotImplementedError


class HAProxy(Peer):
    name = "haproxy"
    port = 8101
    splice = False
    max_connections = 9900
    reload_signal = signal.SIGUSR2

    @classmethod
    def missing(cls):
        return None if shutil.which("haproxy") else "haproxy"

    def configure(self):
        lists = self.folder / "ranges"
        lists.mkdir(exist_ok=True)
        splice = "  option splice-request\n  option splice-response\n" if self.splice else ""
        affinity = ""
        if self.workers > 1:
            both = lab.cpus()[2]
            affinity = f"  cpu-map auto:1/1-{self.workers} {both[0]}-{both[-1]}\n"
        out = [
            f"global\n  maxconn {self.max_connections}\n  nbthread {self.workers}\n{affinity}"
            f"  stats socket {self.folder}/cli mode 600 level admin\n"
            "  tune.listener.multi-queue on\n"
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
            "  timeout tunnel 1h\n  option tcp-smart-accept\n  option tcp-smart-connect\n" + splice +
            f"frontend f\n  bind {self.address} defer-accept\n  tcp-request inspect-delay 5s\n"
            "  tcp-request content accept if { req_ssl_hello_type 1 }\n"
            f"  use_backend %[req_ssl_sni,lower,map({self.folder}/names)]\n"
        ]
        names = []
        for i in range(self.clusters):
            self.set_ranges(i, policy.ranges(i))
            names.append(f"{policy.name(i)} c{i}\n")
            out.append(
                f"backend c{i}\n  tcp-request content reject unless {{ src -f {lists}/c{i} }}\n"
                f"  server s {policy.backend(i)}:{policy.BACKEND_PORT}\n")
        (self.folder / "names").write_text("".join(names))
        (self.folder / "conf").write_text("".join(out))

    def command(self):
        return ["haproxy", "-W", "-db", "-f", str(self.folder / "conf")]

    def set_ranges(self, i, ranges):
        (self.folder / "ranges" / f"c{i}").write_text("\n".join(ranges) + "\n")

    def reload(self):
        self.process.send_signal(self.reload_signal)

    def cli(self, text):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.folder / "cli"))
            s.sendall(text.encode() + b"\n")
            answer = b""
            while data := s.recv(65536):
                answer += data
        return answer.decode()

    def change_by_cli(self, i, ranges):
        """Replace one list in the running process, as one commit. It is lost with the process, and cuts nothing."""
        listed = [line for line in self.cli("show acl").splitlines() if f"/ranges/c{i})" in line]
        number = listed[0].split()[0]
        begun = time.monotonic_ns()
        version = self.cli(f"prepare acl #{number}").split(":")[-1].strip()
        self.cli(";".join(f"add acl @{version} #{number} {r}" for r in ranges))
        self.cli(f"commit acl @{version} #{number}")
        return begun


class HAProxySplice(HAProxy):
    name = "haproxy-splice"
    port = 8102
    splice = True
    max_connections = 7000  # two pipe ends more for each


class Nginx(Peer):
    name = "nginx"
    port = 8103

    @classmethod
    def missing(cls):
        if not shutil.which("nginx"):
            return "nginx-light"
        return None if cls.module() else "libnginx-mod-stream"

    @staticmethod
    def module():
        return next((m for m in NGINX_STREAM if pathlib.Path(m).exists()), None)

    def configure(self):
        lists = self.folder / "ranges"
        lists.mkdir(exist_ok=True)
        affinity = ""
        if self.pinned:
            chosen = lab.cpus()[2] if self.workers > 1 else [lab.cpus()[1]]
            width = max(chosen) + 1
            affinity = "worker_cpu_affinity " + " ".join(f"{1 << c:0{width}b}" for c in chosen) + ";\n"
        reuse = " reuseport" if self.workers > 1 else ""
        out = [
            f"load_module {self.module()};\nworker_processes {self.workers};\n{affinity}"
            f"worker_rlimit_nofile 20000;\npid {self.folder}/pid;\nerror_log {self.folder}/log error;\n"
            "events { worker_connections 19900; multi_accept on; }\nstream {\n"
            "map_hash_max_size 65536; map_hash_bucket_size 128; variables_hash_max_size 65536;\n"
        ]
        targets = []
        for i in range(self.clusters):
            self.set_ranges(i, policy.ranges(i))
            out.append(f"geo $g{i} {{ default ''; include {lists}/c{i}; }}\n")
            targets.append(f"{policy.name(i)} $g{i};\n")
        out += ["map $ssl_preread_server_name $target { default '';\n"] + targets + [
            f"}}\nserver {{ listen {self.address} backlog=65535{reuse}; ssl_preread on; preread_timeout 5s;\n"
            "proxy_connect_timeout 5s; proxy_timeout 1h; tcp_nodelay on; access_log off;\n"
            "proxy_pass $target; }\n}\n"]
        (self.folder / "conf").write_text("".join(out))

    def command(self):
        return ["nginx", "-e", str(self.folder / "log"), "-c", str(self.folder / "conf"), "-g", "daemon off;"]

    def set_ranges(self, i, ranges):
        target = f"{policy.backend(i)}:{policy.BACKEND_PORT}"
        (self.folder / "ranges" / f"c{i}").write_text("".join(f"{r} {target};\n" for r in ranges))

    def reload(self):
        self.process.send_signal(signal.SIGHUP)


def versions():
    """What is compared with, for the head of the report."""
    found = []
    for command in (["haproxy", "-v"], ["nginx", "-v"]):
        if shutil.which(command[0]):
            done = subprocess.run(command, text=True, capture_output=True)
            found.append((done.stdout + done.stderr).split("\n")[0].strip())
    return found
