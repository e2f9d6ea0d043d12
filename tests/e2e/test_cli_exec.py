# SPDX-License-Identifier: GPL-3.0-or-later
"""
postern exec against an API that the test is: where the command runs, and what it sees there.
"""
import os
import subprocess

import pytest

from cli_stub import POSTERN, api, cli, thing  # noqa: F401


def as_root_apart(script, *words, api):
    """Away from this machine's network and mounts; what the script makes is gone with it."""
    return subprocess.run(["unshare", "--mount", "--net", "sh", "-c",
                           "mount -t tmpfs tmpfs /run && mkdir /run/netns && " + script, "-", POSTERN, *words],
                          capture_output=True, text=True, timeout=30,
                          env={"PATH": os.environ["PATH"], "POSTERN_SOCKET": api.path})


def lay_host(api, namespace="/run/netns/postern.host.web", resolvers=("10.0.1.2", "fd00::2")):
    host = thing("host", "web", subnet="a")
    host["status"] = {"namespace": namespace, "resolvers": list(resolvers)} if namespace else {}
    api.on("GET", "/v1/hosts/web", host)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make namespaces")


@needs_root
def test_exec_runs_where_the_host_is_and_has_its_status(api):
    lay_host(api)
    before = open("/etc/hosts").read()
    r = as_root_apart("ip netns add postern.host.web && ip -n postern.host.web addr add 10.77.0.1 dev lo && "
                      '"$@"; s=$?; cat /etc/hosts >&2; ls /tmp/.postern-exec-* >&2; exit $s',
                      "exec", "web", "--", "sh", "-c",
                      "ip -o addr | grep -c 10.77.0.1; cat /etc/hosts; echo \"$1\"; exit 7", "-",
                      "--help", api=api)
    assert r.returncode == 7, r.stderr
    lines = r.stdout.splitlines()
    assert lines[0] == "1" and lines[-1] == "--help"
    local = [line for line in before.splitlines() if line.startswith(("127.", "::1"))]
    assert all(line in lines for line in local)
    assert len(lines) == len(local) + 2, "whatever else the machine's file names"
    assert r.stderr.startswith(before)  # nobody else sees it
    assert "No such file" in r.stderr  # and nothing is left


@needs_root
def test_exec_asks_the_resolver_of_the_network_and_nobody_else(api):
    lay_host(api)
    before = {path: open(path).read() for path in ("/etc/resolv.conf", "/etc/nsswitch.conf")}
    # A name of the machine's own is none of the host's.
    make = "ip netns add postern.host.web && cp /etc/hosts /run/hosts && echo 10.0.0.9 machine >>/run/hosts && mount --bind /run/hosts /etc/hosts && "
    show = ["sh", "-c", "! grep machine /etc/hosts; cat /etc/resolv.conf; grep hosts: /etc/nsswitch.conf"]
    r = as_root_apart(make + '"$@"; cat /etc/resolv.conf /etc/nsswitch.conf >&2', "exec", "web", "--", *show, api=api)
    assert r.stdout == "nameserver 10.0.1.2\nnameserver fd00::2\nhosts: files dns\n"
    assert r.stderr == "".join(before.values())
    # systemd-resolved's file is behind a link; nscd's socket.
    link = "mkdir -p /run/nscd && touch /run/nscd/socket && mount -t tmpfs t /mnt && cp /etc/*.conf /etc/passwd /etc/hosts /mnt && " \
           "mount --bind /mnt /etc && mv /etc/resolv.conf /etc/there && ln -s there /etc/resolv.conf && "
    r = as_root_apart(make + link + '"$@"; cat /etc/there >&2', "exec", "web", "--", "sh", "-c",
                      "cat /etc/resolv.conf; test -c /run/nscd/socket && echo covered", api=api)
    assert r.stdout == "nameserver 10.0.1.2\nnameserver fd00::2\ncovered\n", r.stderr
    assert r.stderr == before["/etc/resolv.conf"]
    r = as_root_apart(make + link + 'rm /etc/there; "$@"', "exec", "web", "--", "echo", "runs", api=api)
    assert r.stdout == "runs\n" and "no /etc/resolv.conf, so that the command asks no resolver" in r.stderr
    api.answers.clear()
    lay_host(api, resolvers=[])
    r = as_root_apart(make + '"$@"', "exec", "web", "--", *show, api=api)
    assert r.stdout.startswith("# The network of this host has no resolver") and "nameserver" not in r.stdout


@needs_root
def test_exec_says_what_is_missing(cli, api):
    lay_host(api)
    r = as_root_apart('"$@"', "exec", "web", "true", api=api)
    assert r.returncode == 6 and "/run/netns/postern.host.web: the network namespace of host/web is not there" in r.stderr
    r = as_root_apart('ip netns add postern.host.web; "$@"', "exec", "host/web", "no-such-command", "-x", api=api)
    assert (r.returncode, r.stderr) == (127, "error: no-such-command: No such file or directory\n")
    r = cli("exec", "none", "true")
    assert r.returncode == 3
    api.answers.clear()
    lay_host(api, None)
    r = as_root_apart('"$@"', "exec", "web", "true", api=api)
    assert r.returncode == 6 and "attached by an interface" in r.stderr


@needs_root
def test_exec_needs_root(api):
    lay_host(api)
    os.chmod(api.path, 0o666)
    for folder in (os.path.dirname(api.path), os.path.dirname(os.path.dirname(api.path)),
                   os.path.dirname(os.path.dirname(os.path.dirname(api.path)))):
        os.chmod(folder, 0o755)
    r = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", POSTERN, "exec", "web", "true"],
                       capture_output=True, text=True, env={"POSTERN_SOCKET": api.path})
    assert r.returncode == 5 and "only root" in r.stderr and "sudo" in r.stderr
