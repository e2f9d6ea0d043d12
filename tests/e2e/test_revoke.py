# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that forbids an open connection resets it before the change counts as done, and touches no other."""
from daemon import cluster, wait_until
from net import V4, V6
from peers import Line, is_reset, wait_reset

BOTH = ["203.0.113.0/24", "198.51.100.0/24", "2001:db8:a::/48", "2001:db8:b::/48"]
ALICE_ONLY = ["203.0.113.0/24", "2001:db8:a::/48"]


def test_removed_range_cuts_its_connections_only(postern, upstream, alice, bob):
    postern.put(cluster("rev", [upstream.at], BOTH))
    postern.put(cluster("other", [upstream.at], BOTH))
    stay = [Line(alice, postern, "rev.example.org"), Line(alice, postern, "rev.example.org", V6),
            Line(bob, postern, "other.example.org"), Line(bob, postern, "other.example.org", V6)]
    go = [Line(bob, postern, "rev.example.org"), Line(bob, postern, "rev.example.org", V6)]
    with postern.events() as ev:
        r = postern.patch("rev", {"public": {"ranges": ALICE_ONLY}})
        assert r["operation"]["status"] == "succeeded"
        assert r["operation"]["cut"] == 2
        # Enforced means: the resets have been sent. No waiting, only the way of a packet.
        for line in go:
            assert is_reset(line.sock)
        assert {ev.wait("cut", cluster="rev")["source"] for _ in range(2)} == {bob.v4, bob.v6}
    for line in stay:
        line.ping()
        line.close()
    assert postern.get("rev")["status"]["cut"] == 2


def test_public_off_cuts_all(postern, upstream, alice):
    postern.put(cluster("off", [upstream.at]))
    lines = [Line(alice, postern, "off.example.org") for _ in range(20)]
    r = postern.patch("off", {"public": {"enabled": False}}, force="true")
    assert r["operation"]["cut"] == 20
    assert all(is_reset(line.sock) for line in lines)


def test_delete_cuts(postern, upstream, alice):
    postern.put(cluster("del", [upstream.at]))
    line = Line(alice, postern, "del.example.org")
    with postern.events() as ev:
        assert postern.delete("del")["operation"]["cut"] == 1
        assert ev.wait("cut")["reason"] == "deleted"
    assert is_reset(line.sock)


def test_removed_name_cuts_who_came_by_it(postern, upstream, alice):
    postern.put(cluster("nm", [upstream.at], names=["old.example.org", "new.example.org"]))
    old, new = Line(alice, postern, "old.example.org"), Line(alice, postern, "new.example.org")
    assert postern.patch("nm", {"public": {"names": ["new.example.org"]}})["operation"]["cut"] == 1
    assert is_reset(old.sock)
    new.ping()
    new.close()


def test_upstream_learns_of_the_cut(postern, alice):
    """The upstream's side is ended too, not left hanging."""
    import threading
    from peers import Upstream, read_hello
    ended = threading.Event()

    def handler(s, _):
        read_hello(s)
        s.sendall(b"hi")
        try:
            while s.recv(100):
                pass
        finally:
            ended.set()
    with Upstream(handler) as u:
        postern.put(cluster("both", [u.at]))
        line = Line(alice, postern, "both.example.org")
        postern.delete("both")
        assert is_reset(line.sock)
        assert ended.wait(30)


def test_bulk_transfer_is_cut(postern, alice):
    """A connection whose bytes go by splice is cut like any other."""
    from peers import Upstream, read_hello

    def flood(s, _):
        read_hello(s)
        while True:
            s.sendall(bytes(65536))
    with Upstream(flood) as u:
        postern.put(cluster("bulk", [u.at]))
        s = alice.connect(V4, postern.port)
        from peers import client_hello, recv_exactly
        s.sendall(client_hello("bulk.example.org"))
        recv_exactly(s, 5_000_000)
        assert postern.patch("bulk", {"public": {"ranges": []}})["operation"]["cut"] == 1
        assert wait_reset(s)


def test_drain(postern, upstream, alice):
    """With drain a forbidden connection goes on for its seconds, is listed so, and is then cut; new ones are refused at once."""
    postern.put(cluster("drain", [upstream.at], drain=2))
    line = Line(alice, postern, "drain.example.org")
    with postern.events() as ev:
        op = postern.patch("drain", {"public": {"ranges": []}})["operation"]
        assert (op["status"], op["cut"], op["draining"]) == ("succeeded", 0, 1)
        line.ping()
        c = postern.connections("drain")[0]
        assert c["state"] == "draining" and 0 < c["drainLeftMs"] <= 2000 and c["why"]["rule"] == "draining"
        assert not_admitted(alice, postern, "drain.example.org")
        ev.wait("cut", cluster="drain")
    assert is_reset(line.sock)


def test_allowed_again_while_draining(postern, upstream, alice):
    postern.put(cluster("again", [upstream.at], drain=60))
    line = Line(alice, postern, "again.example.org")
    postern.patch("again", {"public": {"ranges": []}})
    postern.patch("again", {"public": {"ranges": ALICE_ONLY}})
    line.ping()
    wait_until("no longer draining", lambda: postern.connections("again")[0]["state"] == "open")
    # And the shortest way to end it: no drain any more and forbidden again.
    postern.patch("again", {"drain": 0, "public": {"ranges": []}})
    assert is_reset(line.sock)


def test_change_that_keeps_the_rules_cuts_nobody(postern, upstream, alice):
    postern.put(cluster("same", [upstream.at], ["203.0.113.0/24"]))
    with Line(alice, postern, "same.example.org") as line:
        for ranges in (["203.0.113.0/25"], ["203.0.113.10/32", "198.51.100.0/24"], None):
            r = postern.patch("same", {"public": {"ranges": ranges}})
            assert r["operation"]["cut"] == 0 and r["operation"]["judged"] >= 1
            line.ping()


def not_admitted(place, d, name):
    from peers import client_hello
    s = place.connect(V4, d.port)
    s.sendall(client_hello(name))
    return is_reset(s)
