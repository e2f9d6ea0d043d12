# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes: what dies comes back, what is told to end ends in order, what is forbidden kills."""
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from daemon import POSTERND, ApiError, cluster, free_port, wait_until
from net import V4
from peers import Line


def test_killed_control_comes_back(postern, upstream, alice):
    """Traffic and open connections do not notice; changes work again within a second."""
    postern.put(cluster("kc", [upstream.at]))
    with Line(alice, postern, "kc.example.org") as line:
        old = postern.control_pid()
        start = time.monotonic()
        os.kill(old, signal.SIGKILL)
        Line(alice, postern, "kc.example.org").close()
        line.ping()
        wait_until("control back", lambda: postern.children()["control"] not in ([], [old]) and postern.is_up())
        took = time.monotonic() - start
        line.ping()
        assert postern.put(cluster("kc", [upstream.at], []))["operation"]["cut"] == 1
    print("control back in %.0f ms" % (took * 1000))


def test_killed_gate_comes_back(postern, upstream, alice):
    """The other gate's connections do not notice."""
    postern.put(cluster("kg", [upstream.at]))
    lines = {}
    while len(lines) < 2:
        line = Line(alice, postern, "kg.example.org")
        gate = next(c["gate"] for c in postern.connections("kg") if c["sourcePort"] == line.local_port)
        if gate in lines:
            line.close()
        else:
            lines[gate] = line
    old = postern.gate_pid(0)
    with postern.events() as ev:
        start = time.monotonic()
        os.kill(old, signal.SIGKILL)
        gone = ev.wait("gate-gone", gate=0)
        ev.wait("gate-up", gate=0)
        took = time.monotonic() - start
    assert gone
    wait_until("every gate up", postern.is_up)
    assert postern.gate_pid(0) != old
    lines[1].ping()
    with pytest.raises((ConnectionResetError, EOFError, BrokenPipeError)):
        lines[0].ping()
    for line in lines.values():
        line.close()
    for _ in range(20):
        Line(alice, postern, "kg.example.org").close()
    print("gate back in %.0f ms" % (took * 1000))


def netd_up(postern):
    return wait_until("netd up", lambda: postern.netd()["state"] == "up" and postern.netd())


def needs_netd(postern):
    if postern.netd()["state"] == "off":
        pytest.skip("no rights for networks here: " + postern.netd()["off"])


def test_killed_netd_comes_back(postern, upstream, alice):
    """Traffic, open connections and changes do not notice."""
    needs_netd(postern)
    postern.put(cluster("kn", [upstream.at]))
    old = netd_up(postern)
    with Line(alice, postern, "kn.example.org") as line, postern.events() as ev:
        start = time.monotonic()
        os.kill(old["pid"], signal.SIGKILL)
        ev.wait("netd-gone")
        ev.wait("netd-up")
        took = time.monotonic() - start
        line.ping()
        assert postern.put(cluster("kn", [upstream.at], []))["operation"]["cut"] == 1
    new = netd_up(postern)
    assert new["pid"] != old["pid"] and new["restarts"] == old["restarts"] + 1
    print("netd back in %.0f ms" % (took * 1000))


def test_killed_keeper_is_told_and_the_rest_goes_on(make_postern, upstream, alice):
    d = make_postern().start()
    needs_netd(d)
    pid = netd_up(d)["pid"]
    d.put(cluster("kk", [upstream.at]))
    with Line(alice, d, "kk.example.org") as line:
        os.kill(d.keeper_pid(), signal.SIGKILL)
        wait_until("netd off", lambda: d.netd()["state"] == "off")
        wait_until("netd gone", lambda: not os.path.exists("/proc/%d" % pid))
        assert "restart the service" in d.netd()["off"]
        line.ping()
        assert d.put(cluster("kk", [upstream.at], []))["operation"]["cut"] == 1
    out = d.cli("status").stdout
    assert "netd: off" in out and "restart the service" in out
    # A control that is started again is told as well.
    os.kill(d.control_pid(), signal.SIGKILL)
    wait_until("control back", d.is_up)
    assert "restart the service" in d.netd()["off"]


def test_networks_off(make_postern):
    d = make_postern("--networks", "off").start()
    assert d.netd()["state"] == "off" and "--networks off" in d.netd()["off"]
    assert d.keeper_pid() is None
    out = d.cli("status").stdout
    assert "netd: off" in out and "--networks off" in out
    assert d.metrics()["netd_up"] == 0


def test_connections_during_gate_death_are_served_by_it_later(make_postern, upstream, alice):
    """One gate only, killed: who connects meanwhile waits in the listener's queue and is served, not refused."""
    d = make_postern(gates=1).start()
    d.put(cluster("q", [upstream.at]))
    for _ in range(5):
        os.kill(d.gate_pid(), signal.SIGKILL)
        Line(alice, d, "q.example.org").close()
        wait_until("up", d.is_up)


# --- name server processes -----------------------------------------------------------------------------------------

def ask(port, number, tcp=False):
    """A question for A of www.corp.example by a new socket; the answer's id, code and last octets, None if none came."""
    query = number.to_bytes(2, "big") + b"\x01\x00\0\1\0\0\0\0\0\0" + b"\3www\4corp\7example\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.connect((V4, port))
        s.sendall(len(query).to_bytes(2, "big") + query if tcp else query)
        try:
            answer = s.recv(4096)
        except (TimeoutError, ConnectionError):
            return None
    answer = answer[2:] if tcp else answer
    return (int.from_bytes(answer[:2], "big"), answer[3] & 15, answer[-4:]) if len(answer) >= 12 else None


ZONE = {"kind": "zone", "name": "corp", "domain": "corp.example", "visibility": "public",
        "records": [{"name": "www", "type": "A", "values": ["192.0.2.80"]}]}
WWW = bytes([192, 0, 2, 80])


def test_killed_dns_process_comes_back(make_postern):
    """They share their sockets: no question that comes while one is dead or beginning is lost, and a change waits for none of them."""
    port = free_port()
    d = make_postern("--dns", "2", "--dns-listen", "%s:%d" % (V4, port), "--dns-rate", "0").start()
    assert d.status()["dnsListeners"] == ["%s:%d" % (V4, port)]
    d.apply(ZONE)
    number = 0
    for _ in range(3):
        old = d.status()["dns"][1]["pid"]
        with d.events() as ev:
            os.kill(old, signal.SIGKILL)
            for _ in range(100):
                number += 1
                assert ask(port, number, tcp=number % 10 == 0) == (number, 0, WWW)
            ev.wait("dns-gone", dns=1)
            ev.wait("dns-up", dns=1)
        op = d.put(cluster("dns-%d" % number, [("127.0.0.1", 9)]))["operation"]
        assert op["status"] == "succeeded" and op["waitingForDns"] == []
        wait_until("all up", d.is_up)
        assert d.status()["dns"][1]["pid"] not in (0, old)
    dns = d.status()["dns"]
    assert [p["restarts"] for p in dns] == [0, 3] and sum(p["queriesTotal"] for p in dns) == number
    assert len(d.children()["dns"]) == 2
    text = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % d.metrics_port).read().decode()
    assert 'postern_dns_up{dns="1"} 1\n' in text and 'postern_dns_starts_total{dns="1"} 4\n' in text
    assert d.metrics()["dns_queries_tcp_total"] == number // 10
    shown = d.cli("status").stdout
    assert re.search(r"(?m)^DNS +PID +STATE", shown) and "for DNS on %s:%d" % (V4, port) in shown


def test_a_dns_process_that_hangs_is_ended(make_postern):
    """The other one answers meanwhile; the change that it does not acknowledge waits for it, then for nobody."""
    port = free_port()
    d = make_postern("--dns", "2", "--dns-listen", "%s:%d" % (V4, port)).start()
    d.apply(ZONE)
    pid = d.status()["dns"][0]["pid"]
    with d.events() as ev:
        os.kill(pid, signal.SIGSTOP)
        r = d.put(cluster("hang", [("127.0.0.1", 9)]), wait=1)
        assert r["operation"]["status"] == "in-progress" and r["operation"]["waitingForDns"] == [0]
        ended = ev.wait("dns-ended", dns=0)
        assert "acknowledged" in ended["reason"]
        ev.wait("dns-up", dns=0)
    wait_until("all up", d.is_up)
    assert d.call("GET", "/v1/operations/%s" % r["operation"]["id"])["status"] == "succeeded"
    assert ask(port, 7) == (7, 0, WWW)


def test_a_second_daemon_on_the_same_dns_address_is_refused(make_postern):
    at = "%s:%d" % (V4, free_port())
    make_postern("--dns-listen", at).start()
    second = make_postern("--dns-listen", at)
    second.launch()
    assert second.process.wait(30) == 6
    assert "--dns-listen (UDP): cannot listen on %s: bind: Address already in use" % at in second.read_log()


def test_without_networks_and_address_there_is_no_name_server(make_postern):
    d = make_postern("--networks", "off", "--user-dns", "postern-nobody-has-this").start()
    assert d.status()["dns"] == [] and d.children()["dns"] == []
    with pytest.raises(ApiError) as refused:
        d.apply(ZONE)
    assert refused.value.code == "unavailable" and refused.value.path.endswith("kind")
    assert "start it with --dns-listen, or with networks" in refused.value.message
    d.stop()
    log = d.read_log()
    d = make_postern("--networks", "off", "--dns-listen", "%s:%d" % (V4, free_port()), "--dns", "1").start()
    assert len(d.status()["dns"]) == 1 and "postern_dns" not in log
    assert d.apply(ZONE)["operation"]["status"] == "succeeded"


def test_sigterm_ends_in_order(make_postern, upstream, alice):
    d = make_postern().start()
    d.put(cluster("term", [upstream.at]))
    line = Line(alice, d, "term.example.org")
    pids = sum(d.children().values(), [])
    assert len(pids) == 1 + 2 + len(d.status()["dns"])
    if d.netd()["state"] != "off":
        pids += [d.keeper_pid(), netd_up(d)["pid"]]
    assert d.stop() == 0
    for pid in pids:
        wait_until("process %d gone" % pid, lambda p=pid: not os.path.exists("/proc/%d" % p))
    assert not os.path.exists(d.socket)
    line.close()


def test_state_survives_restart(make_postern, upstream, alice):
    d = make_postern().start()
    r = d.put(cluster("keep", [upstream.at], ["203.0.113.0/24"]))
    before = d.get("keep")
    store = d.status()["storeId"]
    for end in (d.stop, d.kill):
        end()
        d.start()
        after = d.get("keep")
        assert after["document"] == before["document"] and after["revision"] == r["revision"]
        assert d.status()["storeId"] == store
        Line(alice, d, "keep.example.org").close()


def test_killed_parent_takes_all_with_it(make_postern):
    d = make_postern().start()
    pids = sum(d.children().values(), [])
    if d.netd()["state"] != "off":
        pids += [d.keeper_pid(), netd_up(d)["pid"]]
    d.kill()
    for pid in pids:
        wait_until("process %d gone" % pid, lambda p=pid: not os.path.exists("/proc/%d" % p))
    d.start()


def test_second_daemon_on_the_same_state_is_refused(make_postern):
    d = make_postern().start()
    second = make_postern(directory=d.dir)
    second.socket = os.path.join(d.dir, "second.sock")
    p = subprocess.run(second.argv(), capture_output=True, text=True, timeout=30)
    assert p.returncode != 0 and d.state in p.stderr, p.stderr
    assert d.is_up()


@pytest.mark.parametrize("options, word", [
    (["--listen", "nonsense"], "listen"), (["--user-gate", "no-such-user-here"], "sysusers"),
    (["--no-such-option"], "no-such-option"), (["--gates", "x"], "gates"),
    (["--listen", "203.0.113.99:4443"], "203.0.113.99"),
])
def test_bad_options_are_named(make_postern, options, word):
    d = make_postern(*options)
    p = subprocess.run(d.argv(), capture_output=True, text=True, timeout=30)
    assert p.returncode != 0 and word in p.stderr, (p.returncode, p.stderr)


def test_help_and_version():
    for option in ("--help", "--version"):
        p = subprocess.run([POSTERND, option], capture_output=True, text=True, timeout=30)
        assert p.returncode == 0 and "postern" in p.stdout.lower()


FORBIDDEN = {
    "parent": ["ptrace", "bpf", "mount", "module", "socket-packet", "unshare", "io-uring"],
    "control": ["execve", "open", "create", "ptrace", "bpf", "mount", "module", "socket-packet", "socket-raw", "unshare",
                "setuid", "mmap-exec"],
    "keeper": ["execve", "ptrace", "bpf", "module", "socket-packet", "socket-raw", "socket-audit", "unshare", "mount-namespace",
               "io-uring", "chroot", "connect-unix"],
    "netd": ["execve", "fork", "ptrace", "bpf", "module", "socket-packet", "socket-raw", "socket-audit", "unshare",
             "mount-namespace", "setuid", "kill", "io-uring", "chroot", "connect-unix", "mmap-exec"],
    "gate": ["execve", "fork", "open", "create", "ptrace", "bpf", "mount", "module", "socket-packet", "socket-raw",
             "unshare", "setuid", "bind", "listen", "kill", "mmap-exec"],
}


def can_make_networks():
    with open("/proc/self/status", encoding="ascii") as f:
        caps = next(int(line.split()[1], 16) for line in f if line.startswith("CapEff:"))
    return caps >> 12 & 1 and caps >> 21 & 1  # CAP_NET_ADMIN, CAP_SYS_ADMIN


@pytest.mark.parametrize("role, act", [(r, a) for r, acts in FORBIDDEN.items() for a in acts])
def test_forbidden_act(make_postern, role, act):
    """--probe: in the real process, after its set-up, the forbidden act is done. It must kill (SIGSYS) or be refused (77);
    78 would mean that it worked."""
    d = make_postern("--probe", "%s:%s" % (role, act), gates=1)
    if role in ("keeper", "netd") and not can_make_networks():
        pytest.skip("no rights for networks here")
    d.launch()
    assert d.process.wait(30) in (-signal.SIGSYS, 128 + signal.SIGSYS, 77), d.read_log()[-2000:]


def test_roles_have_users_of_their_own_and_no_rights(postern):
    if not postern.separate_users:
        pytest.skip("root in a user namespace only: roles cannot have users of their own")
    users = {}
    for role, pids in postern.children().items():
        for pid in pids:
            with open("/proc/%d/status" % pid, encoding="ascii") as f:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
            assert int(fields["CapEff"], 16) == 0 and int(fields["CapPrm"], 16) == 0, (role, fields["CapEff"])
            assert int(fields["CapBnd"], 16) == 0, (role, fields["CapBnd"])
            assert fields["NoNewPrivs"].strip() == "1" and fields["Seccomp"].strip() == "2", role
            users.setdefault(role, set()).add(fields["Uid"])
    assert users["control"] == {"\t".join(["2147480001"] * 4)}
    assert users["gate"] == {"\t".join(["2147480002"] * 4)}


def test_netd_has_a_user_of_its_own_and_few_rights(postern):
    needs_netd(postern)
    pid = netd_up(postern)["pid"]
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    # DAC_OVERRIDE, NET_BIND_SERVICE, NET_BROADCAST, NET_ADMIN, SYS_ADMIN
    for field in ("CapEff", "CapPrm", "CapBnd"):
        assert int(fields[field], 16) & ~0x201c02 == 0, (field, fields[field])
    assert int(fields["CapEff"], 16) & 0x201000 == 0x201000
    assert fields["NoNewPrivs"].strip() == "1" and fields["Seccomp"].strip() == "2"
    if postern.separate_users:
        assert fields["Uid"] == "\t".join(["2147480003"] * 4)


def test_metrics_address_gives_metrics_only(postern):
    base = "http://127.0.0.1:%d" % postern.metrics_port
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(base + "/metrics", timeout=30) as r:
        text = r.read().decode()
    assert "# TYPE postern_gate_accepted_total counter" in text
    for path in ("/v1/status", "/v1/clusters", "/"):
        with pytest.raises(urllib.error.HTTPError) as e:
            opener.open(base + path, timeout=30)
        assert e.value.code in (403, 404)
    r = urllib.request.Request(base + "/v1/clusters/x", data=b"{}", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as e:
        opener.open(r, timeout=30)
    assert e.value.code in (403, 404, 405)


def test_other_users_may_not_speak_to_the_socket(postern):
    """Who is neither root, nor who started the daemon, nor named by --access is refused, not ignored."""
    if not postern.separate_users:
        pytest.skip("root in a user namespace only: there is no other user")
    code = ("import os, socket, sys\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "s = socket.socket(socket.AF_UNIX)\n"
            "try:\n s.connect(sys.argv[1])\n s.sendall(b'GET /v1/clusters HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n')\n"
            " print(s.recv(100))\nexcept PermissionError: print('EACCES')")
    out = subprocess.run(["python3", "-c", code, postern.socket], capture_output=True, text=True, timeout=30).stdout
    assert "403" in out or "EACCES" in out, out


def test_access_view_and_change(make_postern, upstream):
    """--access uid=view may look and not touch; uid=change:GLOB touches what the pattern names."""
    d = make_postern("--access", "user:65534=change:team-*", "--access", "user:65533=view")
    if not d.separate_users:
        pytest.skip("root in a user namespace only: there is no other user")
    d.start()
    d.put(cluster("team-a", [upstream.at]))
    d.put(cluster("other", [upstream.at]))

    def as_user(uid, method, path, body=""):
        code = ("import os, socket, sys\nos.setgroups([]); os.setgid(%d); os.setuid(%d)\ns = socket.socket(socket.AF_UNIX)\n"
                "s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode())\nprint(s.recv(100).split()[1].decode())") % (uid, uid)
        request = ("%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/merge-patch+json\r\nContent-Length: %d\r\n"
                   "Connection: close\r\n\r\n%s" % (method, path, len(body), body))
        p = subprocess.run(["python3", "-c", code, d.socket, request], capture_output=True, text=True, timeout=30)
        assert p.returncode == 0, p.stderr
        return int(p.stdout)
    assert as_user(65533, "GET", "/v1/clusters") == 200
    assert as_user(65533, "PATCH", "/v1/clusters/team-a", '{"drain":1}') == 403
    assert as_user(65534, "PATCH", "/v1/clusters/team-a", '{"drain":1}') == 200
    assert as_user(65534, "PATCH", "/v1/clusters/other", '{"drain":1}') == 403
    assert as_user(65534, "DELETE", "/v1/clusters/other") == 403
    assert "drain" not in d.get("other")["document"] and d.get("team-a")["document"]["drain"] == 1


def test_listening_sockets_are_shared_fairly_enough(postern, upstream, alice):
    """Both gates take connections."""
    postern.put(cluster("fair", [upstream.at]))
    lines = [Line(alice, postern, "fair.example.org") for _ in range(64)]
    assert {c["gate"] for c in postern.connections("fair")} == {0, 1}
    for line in lines:
        line.close()


def test_port_in_use_is_named(make_postern):
    with socket.create_server((V4, 0)) as s:
        d = make_postern(listen=["%s:%d" % (V4, s.getsockname()[1])])
        p = subprocess.run(d.argv(), capture_output=True, text=True, timeout=30)
        assert p.returncode != 0 and "in use" in p.stderr.lower(), p.stderr
