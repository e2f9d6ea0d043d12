# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts of one network: what the kernel is asked once for all of them, and not for each."""
import json

from netd_world import PREFIX, host, in_world, network, once, state, subnet

HOSTS = 12
DELETE = "nlmsg_type=0x11"  # RTM_DELLINK, which strace does not name


def documents(*records):
    with open("/run/records.json", "w", encoding="ascii") as f:
        json.dump({"records": records}, f)
    return "file", "/run/records.json"


def lan(hosts):
    return network(1, "a", "10.1.0.0/16", [subnet(11, 21, "10.1.0.0/24")],
                   [host(100 + i, "h%d" % i, "10.1.0.%d" % (10 + i)) for i in range(hosts)])


def deletes(*words):
    """How often the kernel is asked to delete links, each time waiting for all processors."""
    once(*words, wrap=("strace", "-f", "-v", "-s", "0", "-o", "/run/strace", "-e", "trace=sendto"))
    with open("/run/strace", encoding="utf-8", errors="replace") as f:
        text = f.read()
    return text.count(DELETE) + text.count("nlmsg_type=RTM_DELLINK")


@in_world
def test_links_go_together():
    once(*documents())
    nothing = state()
    once(*documents(lan(2)))
    two = state()
    once(*documents(lan(HOSTS)))
    assert deletes(*documents(lan(2))) == 1
    assert state() == two
    once(*documents(lan(HOSTS)))
    assert deletes(*documents()) == 1
    assert state() == nothing and PREFIX + "." not in nothing
