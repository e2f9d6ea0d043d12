# SPDX-License-Identifier: GPL-3.0-or-later
"""
postern zone import and export: zone files to documents and back, mistakes by line, nothing sent that is wrong.
"""
import json

import pytest

from cli_stub import api, cli, error, result, thing  # noqa: F401

FILE = """$TTL 60
@ SOA ns admin 1 2 3 4 5
  NS ns
www A 10.0.0.1
    A 10.0.0.2
*   300 CNAME www
"""
DOCUMENT = {"kind": "zone", "name": "corp", "domain": "corp.example", "visibility": "private", "ttl": 60, "minimum": 5,
            "records": [{"name": "www", "type": "A", "values": ["10.0.0.1", "10.0.0.2"]},
                        {"name": "*", "type": "CNAME", "ttl": 300, "values": ["www.corp.example."]}]}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "corp.zone"
    path.write_text(FILE)
    return path


def test_import(cli, api, file):
    api.on("POST", "/v1/apply", result({"kind": "zone", "name": "corp", "action": "create"}))
    r = cli("zone", "import", "corp", "-f", str(file), "--domain", "corp.example")
    assert r.returncode == 0, r.stderr
    assert json.loads(api.requests[0]["body"]) in (DOCUMENT, [DOCUMENT])
    assert "zone/corp" in r.stdout


def test_print_sends_nothing(cli, api, file):
    r = cli("zone", "import", "corp", "-f", str(file), "--domain", "corp.example", "--print", "-o", "json",
            "--visibility", "public")
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout) == {**DOCUMENT, "visibility": "public"}
    assert not api.requests


@pytest.mark.parametrize("text, says", [
    ("www A 10.0.0.1\nwww A 10.0.0\n", "line 2"),
    ("www A 10.0.0.1\nwww CNAME b\n", "line 2"),
    ("$INCLUDE /etc/passwd\n", "line 1"),
])
def test_a_mistake_is_named_by_its_line(cli, api, tmp_path, text, says):
    path = tmp_path / "bad.zone"
    path.write_text(text)
    r = cli("zone", "import", "corp", "-f", str(path), "--domain", "corp.example")
    assert r.returncode == 7
    assert "bad.zone, " + says in r.stderr
    assert not api.requests


def test_usage(cli, api, file):
    assert cli("zone", "import", "corp", "--domain", "a.b").returncode == 2
    assert cli("zone", "import", "corp", "-f", str(file)).returncode == 2
    assert cli("zone", "import", "corp", "-f", str(file) + "x", "--domain", "a.b").returncode == 2
    assert not api.requests


def test_export(cli, api):
    api.on("GET", "/v1/zones/corp", thing("zone", "corp", **{k: v for k, v in DOCUMENT.items() if k not in ("kind", "name")}))
    r = cli("zone", "export", "corp")
    assert r.returncode == 0, r.stderr
    assert r.stdout.startswith("$ORIGIN corp.example.\n$TTL 60\n@\t60\tIN\tSOA\tns hostmaster 5 ")
    assert "\n*\t300\tIN\tCNAME\twww.corp.example.\n" in r.stdout


def test_export_of_none(cli, api):
    api.on("GET", "/v1/zones/nope", error("not-found", "zone \"nope\" is not there"), status=404)
    assert cli("zone", "export", "nope").returncode == 3
