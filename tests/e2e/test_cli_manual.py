# SPDX-License-Identifier: GPL-3.0-or-later
"""
The manual, the help and the examples say what the code says.
"""
import json
import os
import re

import pytest

from cli_stub import ROOT, api, cli, result  # noqa: F401


def source(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


def test_the_manual_knows_every_command_and_option(cli):
    page = source("doc/man/postern.1")
    for command in re.findall(r"^  ([a-z]+(?: (?:set|import|export))?)  +[A-Z]", cli("help").stdout, re.M):
        entry = re.search(r"^\.It Ic %s\b.*?(?=^\.It Ic|^\.Ss|^\.Sh)" % command, page, re.M | re.S)
        assert entry, command
        for option in re.findall(r"^  (?:-\w, |    )--(\S+)", cli("help", *command.split()).stdout, re.M):
            assert ".It Fl Fl %s" % option in entry[0] or " , Fl Fl %s" % option in entry[0], (command, option)


def test_the_manual_knows_every_daemon_option_counter_and_reason():
    page = source("doc/man/posternd.8")
    ipc = source("src/proc/gate_ipc.h")
    for name in re.findall(r"^  X\((\w+),\s*(?:COUNTER|GAUGE)", ipc, re.M):
        assert ".It Va postern_gate_%s\n" % name in page, name
    for reason in re.findall(r'^  X\(REASON_\w+,\s*"([a-z-]+)"', ipc, re.M):
        assert reason == "none" or ".It %s\n" % reason in page, reason
    for option in re.findall(r'^\t\{"([a-z-]+)", ', source("src/proc/options.c"), re.M):
        assert option in ("help", "version", "help-man", "probe", "names") or ".It Fl Fl %s" % option in page, option


def test_the_manual_knows_every_field():
    page = source("doc/man/postern-cluster.5")
    for field in re.findall(r'^\t\{"(\w+)", SCHEMA_', source("src/model/cluster.c"), re.M):
        assert re.search(r"^\.It Ic (\w+\.)?%s :" % field, page, re.M) or \
            re.search(r"^\.It Ic %s\." % field, page, re.M), field


def test_the_manual_knows_every_field_of_networks():
    page = source("doc/man/postern-network.5")
    cluster = source("doc/man/postern-cluster.5")
    for name in ("gateway", "host", "joint", "network", "private", "route", "security_group"):
        fields = re.findall(r'^\t+\{"(\w+)", SCHEMA_', source("src/model/%s.c" % name), re.M)
        assert fields, name
        for field in fields:
            told = re.search(r"^\.(It )?Ic %s\b" % field, page, re.M)
            assert told or (name == "private" and re.search(r"^\.(It )?Ic (\w+\.)?%s\b" % field, cluster, re.M)), field


def test_the_manual_knows_every_field_of_names():
    page = source("doc/man/postern-dns.5")
    for name in ("zone", "resolver"):
        fields = re.findall(r'^\t+\{"(\w+)", SCHEMA_', source("src/model/%s.c" % name), re.M)
        assert fields, name
        for field in fields:
            assert field in ("kind", "name") or re.search(r"^\.(It )?Ic %s\b" % field, page, re.M), field
    cluster = source("doc/man/postern-cluster.5")
    for field in re.findall(r'^\t+\{"(\w+)", SCHEMA_', source("src/model/cluster_dns.c"), re.M):
        assert re.search(r"^\.It Ic dns\.%s :" % field, cluster, re.M), field


@pytest.mark.parametrize("name", sorted(os.listdir(os.path.join(ROOT, "examples"))))
def test_examples_are_readable_documents(cli, api, name):
    api.on("POST", "/v1/apply", result({"name": "x", "action": "create"}, op=None, dry=True))
    r = cli("check", "-f", os.path.join(ROOT, "examples", name))
    assert r.returncode == 0, r.stderr
    kinds = re.findall(r'X\(OBJECT_\w+, "([a-z-]+)"\)', source("src/model/net.h"))
    documents = json.loads(api.requests[0]["body"])
    assert documents and {d["kind"] for d in documents} <= set(kinds)
    named = [(d["kind"], d["name"]) for d in documents]
    assert len(named) == len(set(named))


def test_the_examples_show_every_kind():
    kinds = set(re.findall(r'X\(OBJECT_\w+, "([a-z-]+)"\)', source("src/model/net.h")))
    shown = set()
    for name in os.listdir(os.path.join(ROOT, "examples")):
        shown |= set(re.findall(r"^kind: ([a-z-]+)$", source("examples/" + name), re.M))
    assert shown == kinds
