# SPDX-License-Identifier: GPL-3.0-or-later
"""The same networks made by the command line tools: what netd has made is read and written down as `ip -batch` and `nft -f` files.

A batch for each namespace, so that nothing is started more often than it has to be; links first, since those join two. Left out
are settings (forwarding) and the way to the internet: less work than ours.
"""

import json
import pathlib
import resource
import time

import lab


def words(*command):
    return lab.run(list(command))


def in_namespace(name, *command):
    return words("ip", "netns", "exec", name, *command)


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Tools:
    """Networks of a daemon with that prefix, to be made once more under another one."""

    def __init__(self, folder, prefix, other):
        self.folder, self.prefix, self.other = pathlib.Path(folder), prefix, other
        self.names = sorted(p.name for p in pathlib.Path("/run/netns").glob(prefix + ".*"))
        self.links, self.batches, self.rules = [], {}, {}
        self.numbers = {}  # of a namespace -> by its number of another namespace -> that
        for name in self.names:
            self.read(name)

    def renamed(self, name):
        return self.other + name[len(self.prefix):]

    def read(self, name):
        batch = ["link set lo up"]
        for link in json.loads(in_namespace(name, "ip", "-j", "-d", "link")):
            if link["ifname"].startswith(("h-", "to-")):
                self.links.append((name, link))
            if link["ifname"] not in ("lo", "up"):
                batch.append(f"link set {link['ifname']} addrgenmode none up")
        for link in json.loads(in_namespace(name, "ip", "-j", "addr")):
            for a in link["addr_info"]:
                if link["ifname"] != "up" and a["local"] not in ("127.0.0.1", "::1"):
                    batch.append(f"addr add {a['local']}/{a['prefixlen']} dev {link['ifname']}")
        for family in ("-4", "-6"):
            for line in in_namespace(name, "ip", family, "route", "show", "table", "all", "proto", "196").splitlines():
                if " dev up" not in line:
                    batch.append(f"{'-6 ' if family == '-6' else ''}route add {line.replace(' linkdown', '').strip()} proto 196")
        for line in in_namespace(name, "ip", "rule").splitlines():
            pref, _, rest = line.partition(":")
            if int(pref) not in (0, 32766, 32767):
                batch.append(f"rule add pref {pref} {rest.strip().replace('lookup', 'table')}")
        self.batches[name] = "\n".join(batch) + "\n"
        numbers = json.loads(words("ip", "-n", name, "-j", "netns", "list-id") or "[]")
        self.numbers[name] = {n["nsid"]: n["name"] for n in numbers if n.get("name")}
        self.rules[name] = in_namespace(name, "nft", "list", "ruleset")

    def write(self):
        """Everything that the tools read, before anything is measured."""
        at = {}
        for name in self.names:
            for link in json.loads(in_namespace(name, "ip", "-j", "link")):
                at[(name, link["ifindex"])] = link["ifname"]
        (self.folder / "netns").write_text("".join(f"netns add {self.renamed(n)}\n" for n in self.names))
        lines, done = [], set()
        for name, link in self.links:
            other = self.numbers[name].get(link["link_netnsid"])
            if not other or (other, link["link_index"]) in done:
                continue
            done.add((name, link["ifindex"]))
            lines.append(f"link add {link['ifname']} netns {self.renamed(name)} type veth peer name "
                         f"{at[(other, link['link_index'])]} netns {self.renamed(other)}\n")
        (self.folder / "links").write_text("".join(lines))
        for name in self.names:
            (self.folder / (name + ".ip")).write_text(self.batches[name])
            (self.folder / (name + ".nft")).write_text(self.rules[name])

    def make(self):
        """(wall seconds, CPU seconds of all tools)"""
        cpu, begun = cpu_of_children(), time.monotonic()
        words("ip", "-batch", str(self.folder / "netns"))
        words("ip", "-batch", str(self.folder / "links"))
        for name in self.names:
            words("ip", "-n", self.renamed(name), "-batch", str(self.folder / (name + ".ip")))
            if self.rules[name].strip():
                in_namespace(self.renamed(name), "nft", "-f", str(self.folder / (name + ".nft")))
        return time.monotonic() - begun, cpu_of_children() - cpu
