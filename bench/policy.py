# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy that every contestant gets: clusters c0, c1, ... with 50 ranges each.

49 ranges are somebody else's networks; the fiftieth is LOADERS, from which the load clients come. Revoking
means taking that one out.
"""

DOMAIN = "k8s.test"
LOADERS = "127.0.0.0/8"
BACKEND_PORT = 9000


def name(i):
    return f"c{i}.{DOMAIN}"


def backend(i):
    """Sixteen addresses of the one load server, so that ports between proxy and server do not run out."""
    return f"127.0.1.{1 + i % 16}"


def ranges(i, admitted=True):
    others = [
        f"{11 + (i * 7 + k) % 110}.{(i * 13 + k * 5) % 256}.{(k * 37 + i) % 256}.0/24"
        for k in range(49)
    ]
    return others + [LOADERS] if admitted else others


def document(i):
    return {
        "kind": "cluster",
        "name": f"c{i}",
        "upstreams": [{"address": backend(i), "port": BACKEND_PORT}],
        "public": {"fqdn": name(i), "ranges": ranges(i)},
        # The peers' configurations check nothing either.
        "health": {"kind": "none"},
    }
