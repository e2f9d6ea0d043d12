# SPDX-License-Identifier: GPL-3.0-or-later
"""
The CLI against a stub of the API: the command line, changes, terminals. What it sends, what it prints, how it exits.
"""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from cli_stub import (DOCUMENT, POSTERN, STATUS, api, cli, cluster, error, operation,  # noqa: F401
                      result, thing)


def on_terminal(api, *words, columns=200, env=None):
    """stdin, stdout and stderr are a terminal of this width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    p = subprocess.Popen([POSTERN, *words], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                         env={"POSTERN_SOCKET": api.path, "TERM": "xterm", **(env or {})})
    os.close(slave)
    out = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    os.close(master)
    return p.wait(timeout=30), out.decode().replace("\r\n", "\n")


def write(folder, name, *documents):
    path = folder / name
    path.write_text(json.dumps(list(documents)))
    return str(path)


# --- the command line ----------------------------------------------------------------------------------------------

def test_help_lists_every_command_and_each_has_its_own(cli):
    overview = cli("help")
    assert overview.returncode == 0 and overview.stdout == cli().stdout == cli("--help").stdout
    for command in ("apply", "check", "get", "describe", "delete", "cluster set", "kubeconfig", "status", "connections",
                    "events", "history", "explain", "operation", "completion", "version", "help"):
        assert re.search(r"^  %s  " % command, overview.stdout, re.M), command
        own = cli("help", *command.split())
        assert own.returncode == 0 and own.stdout == cli(*command.split(), "--help").stdout
        assert "Usage:\n  postern " + command in own.stdout and "Examples:\n" in own.stdout


def test_every_example_in_the_help_is_accepted_by_the_parser(cli, tmp_path):
    """What the help teaches must not be a usage mistake: each example is run, and must get past the parser."""
    listed = re.findall(r"^  ([a-z]+(?: set)?)  +[A-Z]", cli("help").stdout, re.M)
    seen = 0
    for command in listed:
        examples = cli("help", *command.split()).stdout.split("Examples:\n")[1].split('\n\n"')[0]
        for line in examples.splitlines():
            words = re.split(r" {3,}| [|>] |\)", line.strip())[0].replace("source <(", "").replace("watch -n1 ", "")
            r = cli(*words.replace('"$TOKEN"', "t").split()[1:])
            seen += 1
            assert "unknown" not in r.stderr and "needs" not in r.stderr and "too many" not in r.stderr, line
    assert seen > 20


def test_version(cli, api):
    assert re.fullmatch(r"postern \d+\.\d+\.\d+\n", cli("--version").stdout)
    assert not api.requests
    api.on("GET", "/v1/status", STATUS)
    assert cli("version").stdout.endswith("posternd 9.9\n")


@pytest.mark.parametrize("words, text", [
    (["aply"], 'unknown command "aply"; did you mean "apply"?'),
    (["diff"], 'did you mean "check"?'),
    (["rm", "cluster", "x"], 'did you mean "delete"?'),
    (["xyzzy"], '"postern help" lists them'),
    (["cluster"], '"postern cluster" needs more; try "postern cluster set"'),
    (["cluster", "sett", "x"], 'did you mean "cluster set"?'),
    (["help", "evnts"], 'did you mean "events"?'),
    (["apply", "--forse"], "--forse: unknown option; did you mean --force?"),
    (["apply", "--forse=1"], "--forse: unknown option; did you mean --force?"),
    (["status", "-x"], '-x: unknown option; "postern help status" lists them'),
    (["--force", "apply"], "a command's options stand behind the command"),
    (["apply"], "-f: no document given"),
    (["apply", "-f"], "-f: needs a value: FILE"),
    (["apply", "-f", "a.yaml", "b.yaml"], '"b.yaml" is one word too many'),
    (["status", "-o", "xml"], '--output: "xml" is not one of table|json|yaml'),
    (["get", "clutsers"], 'unknown kind "clutsers"; did you mean "cluster"?'),
    (["get", "pods"], 'unknown kind "pods"; there are: '),
    (["describe", "cluster"], '"postern get clusters" lists them'),
    (["describe"], '"postern describe" needs KIND NAME'),
    (["delete"], "nothing to delete"),
    (["delete", "cluster", "x", "-f", "y"], "not both"),
    (["explain"], '"postern explain" needs CLUSTER [SOURCE]'),
    (["explain", "prod"], "Name a SOURCE on the internet, or --host NAME"),
    (["explain", "prod", "192.0.2.1", "--host", "web"], "not both"),
    (["explain", "prod", "192.0.2.1", "--address", "public"], "--address: goes with --host or --network"),
    (["explain", "prod", "--host", "web", "--network", "n"], "--network: a host is where it is"),
    (["exec"], '"postern exec" needs HOST'),
    (["exec", "web"], "postern exec web -- kubectl get ns"),
    (["exec", "web", "--"], "no command"),
    (["names"], '"postern names" needs HOST'),
    (["get", "all", "web"], '"all" is everything'),
    (["cluster", "set", "prod"], "nothing to set"),
    (["cluster", "set", "prod", "--drain", "soon"], '--drain: "soon" is not a whole number'),
    (["cluster", "set", "prod", "--public", "yes"], '"yes" is not one of on|off'),
    (["cluster", "set", "prod", "--allow", "a,,b"], "--allow: an empty part in the list"),
    (["cluster", "set", "prod", "--allow", "all", "--add-allow", "1.2.3.4"], "--allow: replaces the whole list"),
    (["kubeconfig", "prod", "--port", "0"], "--port: a port is a number from 1 to 65535"),
    (["kubeconfig", "prod", "--client-key", "k"], "--client-certificate: missing"),
    (["completion", "fish"], "there is one for bash"),
    (["--socket", "/" + "x" * 200, "status"], "--socket: the path is longer"),
    (["apply", "-f", "/nonexistent/x.yaml"], "/nonexistent/x.yaml: cannot be read: No such file"),
])
def test_usage_mistakes_name_the_way_out(cli, api, words, text):
    r = cli(*words)
    assert r.returncode == 2 and r.stderr.startswith("error: ") and text in r.stderr, r.stderr
    assert r.stdout == "" and r.stderr.count("\n") == 1
    assert not api.requests


def test_options_stand_anywhere_and_in_every_form(cli, api, tmp_path):
    api.on("GET", "/v1/status", STATUS)
    for words in (["-o", "json", "status"], ["status", "-ojson"], ["status", "--output=json"], ["status", "-o=json"]):
        assert json.loads(cli(*words).stdout) == STATUS
    assert cli("status", "--", "-o").returncode == 2  # behind -- it is a word, one too many


def test_completion_is_valid_bash_and_completes(cli, api, tmp_path):
    api.on("GET", "/v1/clusters", {"revision": 17, "items": [cluster()]})
    api.on("GET", "/v1/hosts", {"revision": 17, "items": [thing("host", "web", subnet="a")]})
    (tmp_path / "postern").symlink_to(POSTERN)
    script = tmp_path / "completion.bash"
    script.write_text(cli("completion", "bash").stdout)

    def complete(*words):
        p = subprocess.run(["bash", "-c", 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _postern; '
                            'printf "%s\\n" "${COMPREPLY[@]}"', "-", str(script), "postern", *words],
                           capture_output=True, text=True, check=True,
                           env={"PATH": "%s:%s" % (tmp_path, os.environ["PATH"]), "POSTERN_SOCKET": api.path})
        assert p.stderr == ""
        return p.stdout.split()

    assert complete("ap") == ["apply"]
    assert complete("cluster", "") == ["set"]
    assert complete("cluster", "set", "p") == ["prod"]
    assert complete("cluster", "set", "prod", "--add") == ["--add-allow"]
    assert complete("cluster", "set", "prod", "--public", "") == ["on", "off"]
    assert {"cluster", "host", "subnet", "private-endpoint", "all"} <= set(complete("get", ""))
    assert complete("get", "host", "") == complete("exec", "") == complete("names", "") == ["web"]
    assert complete("explain", "") == ["prod"] and complete("explain", "prod", "--host", "") == ["web"]
    assert complete("get", "cluster", "") == ["prod"]
    assert complete("-o", "json", "desc") == ["describe"]
    assert complete("get", "-o", "y") == ["yaml"]
    assert complete("events", "--cluster", "") == ["prod"]
    assert complete("completion", "") == ["bash"]
    assert "--exit-code" in complete("check", "--")


# --- reaching the daemon -------------------------------------------------------------------------------------------

def test_daemon_unreachable(cli, tmp_path):
    gone = str(tmp_path / "gone.sock")
    r = cli("--socket", gone, "status")
    assert r.returncode == 6 and r.stdout == ""
    assert gone in r.stderr and "No such file" in r.stderr and "start it" in r.stderr and "POSTERN_SOCKET" in r.stderr


def test_socket_option_beats_the_environment_and_proxies_are_ignored(cli, api):
    api.on("GET", "/v1/status", STATUS)
    r = cli("status", "--socket", api.path, env={"POSTERN_SOCKET": "/nowhere", "http_proxy": "http://192.0.2.1:1"})
    assert r.returncode == 0


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.exists("/usr/bin/setpriv"), reason="needs setpriv to be nobody")
def test_permission_denied_on_the_socket(cli, api):
    os.chmod(api.path, 0o600)
    words = [POSTERN, "--socket", api.path, "status"]
    if os.geteuid() == 0:
        for folder in (os.path.dirname(api.path), os.path.dirname(os.path.dirname(api.path)),
                       os.path.dirname(os.path.dirname(os.path.dirname(api.path)))):
            os.chmod(folder, 0o755)
        words = ["setpriv", "--reuid", "65534", "--clear-groups", *words]
    else:
        os.chmod(api.path, 0)
    r = subprocess.run(words, capture_output=True, text=True)
    assert r.returncode == 5 and "permission denied" in r.stderr and "--access" in r.stderr


@pytest.mark.parametrize("code, http_status, status", [
    ("internal", 500, 1), ("usage", 400, 2), ("not-found", 404, 3), ("conflict", 409, 4), ("forbidden", 403, 5),
    ("unavailable", 503, 6), ("invalid", 422, 7), ("timeout", 504, 8), ("too-large", 413, 7), ("unsupported", 422, 7)])
def test_each_api_error_has_its_exit_status_and_its_text(cli, api, code, http_status, status):
    api.on("GET", "/v1/clusters/prod", error(code, "the daemon's own words", "public.ranges[2]"), http_status)
    r = cli("get", "cluster", "prod")
    assert (r.returncode, r.stdout, r.stderr) == (status, "", "error: public.ranges[2]: the daemon's own words\n")


def test_answers_that_are_not_the_apis(cli, api):
    api.on("GET", "/v1/status", b"<html>hello</html>")
    r = cli("status")
    assert r.returncode == 1 and "not JSON" in r.stderr
    api.answers.clear()
    api.on("GET", "/v1/status", b"", 503)
    r = cli("status")
    assert r.returncode == 6 and "HTTP 503" in r.stderr


def test_hostile_text_cannot_reach_the_terminal(cli, api, tmp_path):
    api.on("GET", "/v1/clusters/prod", error("invalid", "bad \x1b[2J\x9b name \x07", "p\x1b"), 422)
    r = cli("get", "cluster", "prod")
    assert "\x1b" not in r.stderr and "\x07" not in r.stderr and "\x9b" not in r.stderr
    r = cli("apply", "-f", "\x1b[2Jx.yaml")
    assert r.returncode == 2 and "\x1b" not in r.stderr
    (tmp_path / "\x1b[2J.json").write_text("[{}]")
    api.on("POST", "/v1/apply", error("invalid", "is required", "[0].kind"), 422)
    r = cli("apply", "-f", str(tmp_path))
    assert r.stderr.endswith("\\x1b[2J.json: kind: is required\n")


# --- apply, check, delete ------------------------------------------------------------------------------------------

def test_apply_sends_all_files_as_one_change(cli, api, tmp_path):
    folder = tmp_path / "clusters"
    folder.mkdir()
    write(folder, "b.json", {"kind": "cluster", "name": "b"})
    (folder / "a.yaml").write_text("kind: cluster\nname: a\n---\nkind: cluster\nname: a2\n")
    (folder / "c.yml").write_text("kind: cluster\nname: c\n")
    (folder / "ignored.txt").write_text("not: read: at all")
    api.on("POST", "/v1/apply", result(*[{"name": n, "action": a} for n, a in
                                         (("a", "create"), ("a2", "unchanged"), ("b", "update"))]))
    api.on("GET", "/v1/status", STATUS)
    r = cli("apply", "-f", str(folder), "-f", "-", "--force", "--wait", "3", stdin="kind: cluster\nname: z\n")
    assert r.returncode == 0, r.stderr
    sent = api.requests[0]
    assert [d["name"] for d in json.loads(sent["body"])] == ["a", "a2", "b", "c", "z"]
    assert sent["query"] == {"force": "true", "wait": "3"}
    assert sent["headers"]["Content-Type"] == "application/json"
    assert r.stdout == ("cluster/a created\ncluster/a2 unchanged\ncluster/b updated\n"
                        "revision 17 enforced in 1.9 ms on 2 gates, 1 connection cut\n")


def test_apply_of_one_document_is_one_line(cli, api, tmp_path):
    api.on("POST", "/v1/apply", result({"name": "prod", "action": "update"}))
    api.on("GET", "/v1/status", STATUS)
    r = cli("apply", "-f", write(tmp_path, "p.json", DOCUMENT))
    assert r.stdout == "cluster/prod updated (revision 17), enforced in 1.9 ms on 2 gates, 1 connection cut\n"
    assert api.requests[0]["query"] == {"wait": "10"}


def test_apply_that_changes_nothing(cli, api, tmp_path):
    api.on("POST", "/v1/apply", result({"name": "prod", "action": "unchanged"}, op=None))
    r = cli("apply", "-f", write(tmp_path, "p.json", DOCUMENT))
    assert (r.returncode, r.stdout) == (0, "cluster/prod unchanged\n") and len(api.requests) == 1


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_apply_not_yet_enforced_exits_8(cli, api, tmp_path, output):
    op = operation(status="in-progress", enforcedMs=None, waitingFor=[1])
    api.on("POST", "/v1/apply", result({"name": "prod", "action": "update"}, op=op), 202)
    r = cli("apply", "-o", output, "-f", write(tmp_path, "p.json", DOCUMENT))
    assert r.returncode == 8
    if output == "table":
        assert "not yet enforced: waiting for gate 1; see: postern operation 17 --wait 30" in r.stdout
    elif output == "json":
        assert json.loads(r.stdout)["operation"]["waitingFor"] == [1]


@pytest.mark.parametrize("gates, dns, text", [
    ([], [1], "not yet enforced: waiting for name server process 1; see:"),
    ([0], [0, 1], "not yet enforced: waiting for gate 0 and for name server processes 0, 1; see:"),
])
def test_apply_that_name_servers_do_not_answer_by_exits_8(cli, api, tmp_path, gates, dns, text):
    op = operation(status="in-progress", enforcedMs=None, waitingFor=gates, waitingForDns=dns)
    api.on("POST", "/v1/apply", result({"name": "prod", "action": "update"}, op=op), 202)
    r = cli("apply", "-f", write(tmp_path, "p.json", DOCUMENT))
    assert r.returncode == 8 and text in r.stdout


@pytest.mark.parametrize("waiting, netd, text", [
    ([], {"state": "behind", "reason": ""}, "not yet enforced: waiting for netd, which is behind; see:"),
    ([], {"state": "behind", "reason": "", "done": 3, "total": 40}, "netd, which is behind (3 of 40 routers done); see:"),
    ([0], {"state": "starting", "reason": ""}, "not yet enforced: waiting for gate 0 and for netd, which is starting; see:"),
    ([], {"state": "behind", "reason": "no \x1b[1mveth"}, "not yet enforced: the networks cannot be made now: no "),
    ([1], {"state": "off", "reason": "off"}, "waiting for gate 1, and the networks cannot be made now: off; see:"),
    ([], None, "not yet enforced; see:"),
])
def test_apply_that_netd_has_not_made_exits_8(cli, api, tmp_path, waiting, netd, text):
    op = operation(status="in-progress", enforcedMs=None, waitingFor=waiting, waitingForNetd=netd)
    api.on("POST", "/v1/apply", result({"name": "prod", "action": "update"}, op=op), 202)
    r = cli("apply", "-f", write(tmp_path, "p.json", DOCUMENT))
    assert r.returncode == 8 and text in r.stdout and "\x1b" not in r.stdout


def test_errors_name_the_file_and_the_document_in_it(cli, api, tmp_path):
    a = write(tmp_path, "a.json", DOCUMENT)
    b = write(tmp_path, "b.json", DOCUMENT, DOCUMENT)
    api.on("POST", "/v1/apply", error("invalid", "must be an array", "[2].public.ranges"), 422)
    r = cli("apply", "-f", a, "-f", b)
    assert r.returncode == 7 and r.stderr == "error: %s, document 2: public.ranges: must be an array\n" % b
    api.answers.clear()
    api.on("POST", "/v1/apply", error("invalid", "is required", "[0].name"), 422)
    assert cli("check", "-f", a, "-f", b).stderr == "error: %s: name: is required\n" % a


def test_syntax_errors_name_the_file_before_anything_is_sent(cli, api, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("kind: cluster\nname: a\n---\nkind: [cluster\n")
    r = cli("apply", "-f", write(tmp_path, "a.json", DOCUMENT), "-f", str(bad))
    assert r.returncode == 7 and str(bad) in r.stderr and "line" in r.stderr and not api.requests
    r = cli("apply", "-f", "-", stdin="\n")
    assert r.returncode == 7 and "no document" in r.stderr and not api.requests


def test_an_empty_folder_is_a_mistake(cli, api, tmp_path):
    (tmp_path / "empty").mkdir()
    r = cli("apply", "-f", str(tmp_path / "empty"))
    assert r.returncode == 2 and "no *.yaml, *.yml or *.json" in r.stderr


def test_terminal_as_input_is_refused_politely(api):
    status, out = on_terminal(api, "apply", "-f", "-", env={"NO_COLOR": "1"})
    assert status == 2 and "standard input is a terminal" in out and not api.requests


def test_check_prints_a_readable_diff_and_changes_nothing(cli, api, tmp_path):
    diff = [{"path": "public.ranges", "before": ["203.0.113.0/24", "192.0.2.0/24"],
             "after": ["192.0.2.0/24", "198.51.100.0/24"]},
            {"path": "drain", "before": 0, "after": 30},
            {"path": "limits", "before": None, "after": {"connections": 5}},
            {"path": "upstreams", "before": [{"address": "10.0.0.5", "port": 6443}], "after": [{"address": "::1"}]},
            {"path": "public.names", "before": ["b", "a"], "after": ["a", "b"]},
            {"path": "certificateAuthority", "before": "x", "after": None}]
    api.on("POST", "/v1/apply", result({"name": "prod", "action": "update", "diff": diff},
                                       {"name": "same", "action": "unchanged"}, op=None, dry=True))
    doc = write(tmp_path, "p.json", DOCUMENT)
    r = cli("check", "-f", doc)
    assert r.returncode == 0 and api.requests[0]["query"] == {"dryRun": "true"}
    assert r.stdout == ("cluster/prod would be updated\n"
                        "  ~ public.ranges: + 198.51.100.0/24  - 203.0.113.0/24\n"
                        "  ~ drain: 0 -> 30\n"
                        "  + limits: {connections: 5}\n"
                        "  ~ upstreams: + [::1]:6443  - 10.0.0.5:6443\n"
                        "  ~ public.names: the same, in another order\n"
                        "  - certificateAuthority: x\n"
                        "cluster/same unchanged\n")
    assert cli("check", "-f", doc, "--exit-code").returncode == 10
    assert cli("check", "-f", doc, "--exit-code", "-o", "json").returncode == 10


def test_check_reads_well_for_networks(cli, api, tmp_path):
    nat = {"to": "0.0.0.0/0", "via": {"natGateway": "out"}}
    drop = {"to": "10.9.0.0/16", "via": {"drop": True}}
    api.on("POST", "/v1/apply", result(
        {"kind": "route-table", "name": "rt", "action": "update", "diff": [
            {"path": "routes", "before": [nat], "after": [nat, drop]}]},
        {"kind": "security-group", "name": "api", "action": "update", "diff": [
            {"path": "egress", "before": None, "after": []},
            {"path": "ingress", "before": [{"protocol": "tcp", "ports": 443, "ranges": ["10.0.0.0/8"]}], "after": []}]},
        {"kind": "cluster", "name": "prod", "action": "update", "diff": [
            {"path": "private.enabled", "before": None, "after": False},
            {"path": "private.placements", "before": None, "after": [{"subnet": "a", "addresses": ["10.0.1.7"]}]}]},
        op=None, dry=True))
    r = cli("check", "-f", write(tmp_path, "p.json", DOCUMENT))
    assert r.stdout == ("route-table/rt would be updated\n"
                        "  ~ routes: + {to: 10.9.0.0/16, via: {drop: true}}\n"
                        "security-group/api would be updated\n"
                        "  + egress: []\n"
                        "  ~ ingress: - {protocol: tcp, ports: 443, ranges: [10.0.0.0/8]}\n"
                        "cluster/prod would be updated\n"
                        "  + private.enabled: false\n"
                        "  + private.placements: + {subnet: a, addresses: [10.0.1.7]}\n")


def test_check_without_difference(cli, api, tmp_path):
    api.on("POST", "/v1/apply", result({"name": "prod", "action": "unchanged"}, op=None, dry=True))
    r = cli("check", "--exit-code", "-f", write(tmp_path, "p.json", DOCUMENT))
    assert r.returncode == 0 and r.stdout.endswith("nothing would change\n")


def test_long_diffs_of_lists_are_whole_when_piped(cli, api, tmp_path):
    ranges = ["10.%d.%d.0/24" % (i // 256, i % 256) for i in range(3000)]
    api.on("POST", "/v1/apply", result({"name": "prod", "action": "update", "diff": [
        {"path": "public.ranges", "before": ranges[:1000], "after": ranges[1:]}]}, op=None, dry=True))
    out = cli("check", "-f", write(tmp_path, "p.json", DOCUMENT)).stdout
    assert re.findall(r"^      \+ (\S+)$", out, re.M) == ranges[1000:]
    assert re.findall(r"^      - (\S+)$", out, re.M) == ranges[:1]


def test_delete(cli, api, tmp_path):
    api.on("DELETE", "/v1/clusters/prod", result({"name": "prod", "action": "delete"}))
    api.on("GET", "/v1/status", STATUS)
    r = cli("delete", "cluster", "prod")
    assert r.stdout == "cluster/prod deleted (revision 17), enforced in 1.9 ms on 2 gates, 1 connection cut\n"
    assert cli("delete", "cluster/prod", "--wait=0").returncode == 0
    assert api.asked("DELETE")[1]["query"] == {"wait": "0"}
    api.on("POST", "/v1/delete", result({"name": "prod", "action": "delete"}))
    assert cli("delete", "-f", write(tmp_path, "p.json", DOCUMENT)).returncode == 0
    assert json.loads(api.asked("POST")[0]["body"])[0]["name"] == "prod"


def test_names_are_encoded_in_the_path(cli, api):
    r = cli("delete", "cluster", "../status?x=1#")
    assert r.returncode == 3 and api.requests[0]["path"] == "/v1/clusters/..%2Fstatus%3Fx%3D1%23"


# --- cluster set ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, patch", [
    (["--allow", "203.0.113.0/24,2001:db8::/32"], {"public": {"ranges": ["203.0.113.0/24", "2001:db8::/32"]}}),
    (["--allow", "all"], {"public": {"ranges": None}}),
    (["--allow", "none", "--public", "on"], {"public": {"ranges": [], "enabled": True}}),
    (["--private", "off", "--private-allow", "10.0.0.0/8,fd00::/8"],
     {"private": {"enabled": False, "ranges": ["10.0.0.0/8", "fd00::/8"]}}),
    (["--private", "on", "--private-allow", "all"], {"private": {"enabled": True, "ranges": None}}),
    (["--public", "off", "--drain", "30"], {"public": {"enabled": False}, "drain": 30}),
    (["--max-connections", "9", "--max-per-source", "0"], {"limits": {"connections": 9, "connectionsPerSource": 0}}),
    (["--proxy-protocol", "v2"], {"proxyProtocol": "v2"}),
    (["--upstream", "10.0.0.5,10.0.0.6:7443,[::1]:1,::2"],
     {"upstreams": [{"address": "10.0.0.5"}, {"address": "10.0.0.6", "port": 7443}, {"address": "::1", "port": 1},
                    {"address": "::2"}]}),
])
def test_cluster_set_sends_a_merge_patch(cli, api, words, patch):
    api.on("PATCH", "/v1/clusters/prod", result({"name": "prod", "action": "update"}))
    r = cli("cluster", "set", "prod", *words)
    assert r.returncode == 0, r.stderr
    sent = api.requests[0]
    assert json.loads(sent["body"]) == patch and sent["headers"]["Content-Type"] == "application/merge-patch+json"
    assert sent["headers"]["If-Match"] is None


def test_ranges_are_edited_on_what_is_there(cli, api):
    api.on("GET", "/v1/clusters/prod", cluster(), ETag='"17"')
    api.on("PATCH", "/v1/clusters/prod", result({"name": "prod", "action": "update"}))
    r = cli("cluster", "set", "prod", "--add-allow", "192.0.2.7,203.0.113.0/24", "--remove-allow", "198.51.100.0/24",
            "--drain", "5")
    assert r.returncode == 0, r.stderr
    sent = api.asked("PATCH")[0]
    assert json.loads(sent["body"]) == {"public": {"ranges": ["203.0.113.0/24", "192.0.2.7"]}, "drain": 5}
    assert sent["headers"]["If-Match"] == '"17"'


def test_a_lost_race_is_run_again_on_the_new_state(cli, api):
    theirs = {**DOCUMENT, "public": {**DOCUMENT["public"], "ranges": ["192.0.2.0/24"]}}
    api.on("GET", "/v1/clusters/prod", cluster(), ETag='"17"')
    api.on("GET", "/v1/clusters/prod", cluster(theirs, 18), ETag='"18"')
    api.on("PATCH", "/v1/clusters/prod", error("conflict", "is at revision 18"), 409)
    api.on("PATCH", "/v1/clusters/prod", result({"name": "prod", "action": "update"}))
    assert cli("cluster", "set", "prod", "--add-allow", "10.9.0.0/16").returncode == 0
    first, second = api.asked("PATCH")
    assert (first["headers"]["If-Match"], second["headers"]["If-Match"]) == ('"17"', '"18"')
    assert json.loads(second["body"])["public"]["ranges"] == ["192.0.2.0/24", "10.9.0.0/16"]


def test_races_are_given_up_after_five(cli, api):
    for revision in range(10):
        api.on("GET", "/v1/clusters/prod", cluster(), ETag='"%d"' % revision)
    api.on("PATCH", "/v1/clusters/prod", error("conflict", "has moved on"), 409)
    r = cli("cluster", "set", "prod", "--add-allow", "10.9.0.0/16")
    assert r.returncode == 4 and "has moved on" in r.stderr and len(api.asked("PATCH")) == 5


def test_other_conflicts_are_not_repeated_for_long(cli, api):
    api.on("GET", "/v1/clusters/prod", cluster(), ETag='"17"')
    api.on("PATCH", "/v1/clusters/prod", error("conflict", "name is taken"), 409)
    assert cli("cluster", "set", "prod", "--add-allow", "10.9.0.0/16").returncode == 4
    assert len(api.asked("PATCH")) == 2


@pytest.mark.parametrize("words, status, text", [
    (["--remove-allow", "203.0.113.128/25"], 3, "203.0.113.0/24 admits it"),
    (["--add-allow", "10.0.0.1/8"], 7, "--add-allow: "),
    (["--add-allow", "10.0.0.0/8", "--remove-allow", "10.0.0.0/8"], 2, "which is it?"),
])
def test_range_edits_that_are_refused_send_nothing(cli, api, words, status, text):
    api.on("GET", "/v1/clusters/prod", cluster(), ETag='"17"')
    r = cli("cluster", "set", "prod", *words)
    assert r.returncode == status and text in r.stderr and not api.asked("PATCH")


def test_adding_to_an_open_cluster_is_refused(cli, api):
    """It would shut everybody else out."""
    api.on("GET", "/v1/clusters/prod", cluster({**DOCUMENT, "public": {"fqdn": "p.example.org"}}), ETag='"17"')
    r = cli("cluster", "set", "prod", "--add-allow", "10.0.0.0/8")
    assert r.returncode == 7 and "open to every source" in r.stderr and not api.asked("PATCH")


def test_removing_the_last_range_says_so(cli, api):
    api.on("GET", "/v1/clusters/prod", cluster(), ETag='"17"')
    api.on("PATCH", "/v1/clusters/prod", result({"name": "prod", "action": "update"}))
    r = cli("cluster", "set", "prod", "--remove-allow", "203.0.113.0/24", "--remove-allow", "198.51.100.0/24")
    assert r.returncode == 0 and json.loads(api.asked("PATCH")[0]["body"]) == {"public": {"ranges": []}}
    assert "note: no range is left" in r.stderr


# --- terminals -----------------------------------------------------------------------------------------------------

def test_colours_only_on_a_terminal_that_wants_them(cli, api):
    api.on("GET", "/v1/status", STATUS)
    assert "\x1b[32mok\x1b[0m" in on_terminal(api, "status")[1]
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_terminal(api, "status", env=env)[1]
    assert "\x1b" not in cli("status").stdout
    assert "\x1b[31merror:\x1b[0m" in on_terminal(api, "nonsense")[1]


def test_tables_fit_a_terminal_and_are_whole_when_piped(cli, api):
    wide = ["2001:db8:%x:1111:2222:3333:4444:5555/128" % i for i in range(2)]
    api.on("GET", "/v1/clusters", {"revision": 1, "items": [
        cluster({**DOCUMENT, "public": {"fqdn": "p.example.org", "ranges": wide}})]})
    out = on_terminal(api, "get", "clusters", columns=80, env={"NO_COLOR": "1"})[1].splitlines()
    assert max(map(len, out)) <= 80 and "..." in out[1]
    assert ",".join(wide) in cli("get").stdout
