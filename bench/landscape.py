#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A landscape of many networks, the same each time: `bench/landscape.py NETWORKS HOSTS` prints it as documents.

    n0 ── peering ── n1      n2 ── peering ── n3  ...  each with a public and a private subnet, an internet gateway, a route
                                                       table, a security group for all hosts, HOSTS hosts; every tenth network
                                                       has a cluster with a private endpoint
"""

import json
import sys


def space(i):
    return f"10.{i // 256}.{i % 256}"


def group(i, port=443):
    """The network's security group; its port is what changes when one rule does."""
    return {"kind": "security-group", "name": f"n{i}", "network": f"n{i}",
            "ingress": [{"protocol": "tcp", "ports": port, "ranges": ["10.0.0.0/8"]},
                        {"protocol": "icmp", "groups": [f"n{i}"]}]}


def host(i, number):
    subnet = f"n{i}-public" if number % 2 else f"n{i}-private"
    return {"kind": "host", "name": f"n{i}-h{number}", "subnet": subnet, "securityGroups": [f"n{i}"]}


def network(i, hosts):
    name, at = f"n{i}", space(i)
    yield {"kind": "network", "name": name, "addressSpace": [f"{at}.0/24"]}
    yield {"kind": "internet-gateway", "name": name, "network": name}
    yield {"kind": "route-table", "name": name, "network": name,
           "routes": [{"to": "0.0.0.0/0", "via": {"internetGateway": name}}]}
    yield {"kind": "subnet", "name": f"{name}-public", "network": name, "ranges": [f"{at}.0/25"], "routeTable": name}
    yield {"kind": "subnet", "name": f"{name}-private", "network": name, "ranges": [f"{at}.128/25"]}
    yield group(i)
    for number in range(hosts):
        yield host(i, number)
    if i % 10 == 0:
        yield {"kind": "cluster", "name": name, "upstreams": [{"address": "127.0.1.1", "port": 9000}], "health": {"kind": "none"},
               "public": {"fqdn": f"{name}.k8s.test"},
               "private": {"kind": "private-link", "placements": [{"subnet": f"{name}-private"}]}}


def documents(networks, hosts, first=0):
    for i in range(first, first + networks):
        yield from network(i, hosts)
        if i % 2 and i > first:
            yield {"kind": "peering", "name": f"n{i - 1}-n{i}", "networks": [f"n{i - 1}", f"n{i}"]}


def main():
    for d in documents(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(d))


if __name__ == "__main__":
    main()
