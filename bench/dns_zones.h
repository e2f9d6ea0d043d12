/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The zones of the name server's benchmark, which names.py has too: number i is <guid made of i>.privatelink.westeurope.azmk8s.io, with SOA,
 * NS, TXT, c1 to c6 (A) and a CNAME.
 */
#pragma once

#include "tables/zone.h"

/* Wire form; its length. */
size_t bench_apex(unsigned i, uint8_t dst[DNAME_MAX]);
/* Within a transaction: the zone, as id i + 1, linked to one router. */
void bench_zone_put(struct tables *t, unsigned i, uint32_t router);
/* Say why and end the process if r is an error. */
void bench_must(int r, const struct err *e);
