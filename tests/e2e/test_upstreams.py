# SPDX-License-Identifier: GPL-3.0-or-later
"""More than one upstream: the next is tried, health is seen, and one that never answers is not waited for twice."""
import contextlib

from daemon import cluster, free_port, wait_until
from net import V4
from peers import Line, Upstream, client_hello, echo, is_reset

FAST = {"kind": "tcp", "interval": 0.2, "timeout": 0.5}


def states(d, name):
    return [u["state"] for u in d.get(name)["status"]["upstreams"]]


def test_spread_over_both(postern, alice):
    with Upstream(echo) as a, Upstream(echo, "10.0.0.6") as b:
        postern.put(cluster("spread", [a.at, b.at]))
        lines = [Line(alice, postern, "spread.example.org") for _ in range(40)]
        assert a.accepted > 0 and b.accepted > 0 and a.accepted + b.accepted == 40
        for line in lines:
            line.close()


def test_refused_upstream_next_is_tried(postern, alice):
    """One of two refuses connections: every client still gets in."""
    with Upstream(echo) as a:
        postern.put(cluster("next", [("10.0.0.6", free_port()), a.at]))
        for _ in range(20):
            with Line(alice, postern, "next.example.org") as line:
                line.ping()
        assert a.accepted == 20


def test_upstream_that_never_answers(postern, alice):
    """It accepts and says nothing: after connectTimeout the next is tried, with the same ClientHello."""
    with Upstream() as mute, Upstream(echo, "10.0.0.6") as good:
        postern.put(cluster("mute", [mute.at, good.at], connectTimeout=0.5))
        for _ in range(4):
            with Line(alice, postern, "mute.example.org") as line:
                line.ping()
        assert good.accepted == 4


def test_upstream_that_resets_before_answering(postern, alice):
    from peers import abort, read_hello

    def rude(s, _):
        read_hello(s)
        abort(s)
    with Upstream(rude) as bad, Upstream(echo, "10.0.0.6") as good:
        postern.put(cluster("rude", [bad.at, good.at]))
        for _ in range(10):
            with Line(alice, postern, "rude.example.org") as line:
                line.ping()
        assert good.accepted == 10


def test_none_reachable(postern, alice):
    postern.put(cluster("none", [("10.0.0.5", free_port()), ("10.0.0.6", free_port())]))
    with postern.events() as ev:
        s = alice.connect(V4, postern.port)
        s.sendall(client_hello("none.example.org"))
        assert is_reset(s)
        assert ev.wait("refused", cluster="none")["reason"] == "no-upstream"
    assert postern.counter("upstream_failures_total") >= 2


def test_killed_upstream_goes_down_and_comes_back(postern, alice):
    a, b = Upstream(echo), Upstream(echo, "10.0.0.6")
    with contextlib.ExitStack() as stack:
        stack.callback(a.close)
        stack.callback(b.close)
        postern.put(cluster("health", [a.at, b.at], health=FAST))
        wait_until("both up", lambda: states(postern, "health") == ["up", "up"])
        with postern.events() as ev:
            with Line(alice, postern, "health.example.org") as line:
                a.close()
                down = ev.wait("upstream-down", cluster="health")
                assert down["upstream"] == "%s:%d" % a.at
                wait_until("first is down", lambda: states(postern, "health") == ["down", "up"])
                before = b.accepted
                for _ in range(10):
                    with Line(alice, postern, "health.example.org") as other:
                        other.ping()
                assert b.accepted >= before + 10
                with contextlib.suppress(OSError, EOFError):
                    line.ping()  # was on a or on b
            back = Upstream(echo, a.address, a.port)
            stack.callback(back.close)
            ev.wait("upstream-up", cluster="health", upstream="%s:%d" % a.at)
        wait_until("both up again", lambda: states(postern, "health") == ["up", "up"])


def test_tls_health_needs_a_tls_answer(postern, tls):
    """kind tls: one that accepts but never answers a ClientHello is down; a TLS server is up."""
    with Upstream() as mute, Upstream(tls.echo, "10.0.0.6") as good:
        postern.put(cluster("htls", [mute.at, good.at], health={"kind": "tls", "interval": 0.2, "timeout": 0.5}))
        wait_until("states", lambda: states(postern, "htls") == ["down", "up"])


def test_all_down_is_tried_all_the_same(postern, alice):
    """Health is advice: with every upstream down a connection is still tried, so a wrong verdict shuts nobody out."""
    a = Upstream(echo)
    postern.put(cluster("alldown", [a.at], health=FAST))
    wait_until("up", lambda: states(postern, "alldown") == ["up"])
    a.close()
    wait_until("down", lambda: states(postern, "alldown") == ["down"])
    # Long interval: no check comes between the upstream's return and our connection.
    postern.patch("alldown", {"health": {"interval": 3600}})
    with Upstream(echo, a.address, a.port):
        with Line(alice, postern, "alldown.example.org") as line:
            line.ping()


def test_upstream_changed_live(postern, alice):
    """New connections go to the new upstream; open ones stay where they are."""
    with Upstream(echo) as a, Upstream(echo, "10.0.0.6") as b:
        postern.put(cluster("move", [a.at]))
        with Line(alice, postern, "move.example.org") as old:
            postern.put(cluster("move", [b.at]))
            with Line(alice, postern, "move.example.org") as new:
                new.ping()
                old.ping()
        assert (a.accepted, b.accepted) == (1, 1)


def test_v6_upstream(postern, alice):
    with Upstream(echo, "2001:db8::1") as u:
        postern.put(cluster("v6up", [u.at]))
        with Line(alice, postern, "v6up.example.org") as line:
            line.ping()
