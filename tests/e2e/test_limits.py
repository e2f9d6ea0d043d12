# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of connections, over all gates together."""
import pytest

from daemon import cluster, wait_until
from net import V4, V6
from peers import Line, client_hello, is_reset


def refused(place, d, name, host=V4):
    s = place.connect(host, d.port)
    s.sendall(client_hello(name))
    return is_reset(s)


@pytest.mark.parametrize("limits, reason", [({"connectionsPerSource": 5}, "source-limit"), ({"connections": 5}, "cluster-limit")],
                         ids=["source", "cluster"])
def test_limit(postern, upstream, alice, limits, reason):
    postern.put(cluster("lim", [upstream.at], limits=limits))
    lines = [Line(alice, postern, "lim.example.org") for _ in range(5)]
    with postern.events() as ev:
        assert refused(alice, postern, "lim.example.org")
        e = ev.wait("refused", cluster="lim")
        assert e["reason"] == reason and e["rule"]
    # Another cluster and the open ones are untouched.
    postern.put(cluster("unlim", [upstream.at]))
    Line(alice, postern, "unlim.example.org").close()
    for line in lines:
        line.ping()
    lines.pop().close()
    wait_until("room again", lambda: len(postern.connections("lim")) == 4)
    lines.append(Line(alice, postern, "lim.example.org"))
    for line in lines:
        line.close()


def test_limit_per_source_counts_sources_apart(postern, upstream, alice, bob):
    postern.put(cluster("apart", [upstream.at], limits={"connectionsPerSource": 1}))
    lines = [Line(p, postern, "apart.example.org", h) for p in (alice, bob) for h in (V4, V6)]
    for p in (alice, bob):
        for h in (V4, V6):
            assert refused(p, postern, "apart.example.org", h)
    for line in lines:
        line.close()


def test_refused_do_not_count(postern, upstream, alice):
    """Connections that the ranges refuse take no place."""
    postern.put(cluster("cnt", [upstream.at], ["198.51.100.0/24"], limits={"connections": 3}))
    for _ in range(20):
        assert refused(alice, postern, "cnt.example.org")
    postern.patch("cnt", {"public": {"ranges": ["203.0.113.0/24"]}})
    lines = [Line(alice, postern, "cnt.example.org") for _ in range(3)]
    assert refused(alice, postern, "cnt.example.org")
    for line in lines:
        line.close()


def test_killed_gate_gives_its_places_back(make_postern, upstream, alice):
    import os
    import signal
    d = make_postern().start()
    d.put(cluster("places", [upstream.at], limits={"connections": 6}))
    lines = [Line(alice, d, "places.example.org") for _ in range(6)]
    assert refused(alice, d, "places.example.org")
    for g in d.status()["gates"]:
        os.kill(g["pid"], signal.SIGKILL)
    for line in lines:
        line.sock.close()
    wait_until("gates back", lambda: d.is_up() and all(g["restarts"] for g in d.status()["gates"]))
    lines = [Line(alice, d, "places.example.org") for _ in range(6)]
    assert refused(alice, d, "places.example.org")
    for line in lines:
        line.close()


def test_max_connections_of_a_gate(make_postern, upstream, alice):
    """--max-connections: the gate stops accepting at its number and goes on when one ends; nobody is cut."""
    d = make_postern("--max-connections", "10", gates=1).start()
    d.put(cluster("max", [upstream.at]))
    lines = [Line(alice, d, "max.example.org") for _ in range(10)]
    extra = alice.connect(V4, d.port)
    extra.sendall(client_hello("max.example.org"))
    for line in lines:
        line.ping()
    lines.pop().close()
    extra.settimeout(30)
    try:
        assert extra.recv(2) in (b"hi", b"")
    except ConnectionResetError:
        pass
    for line in lines:
        line.ping()
        line.close()
    extra.close()
    Line(alice, d, "max.example.org").close()
