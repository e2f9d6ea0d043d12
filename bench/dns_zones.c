/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns_zones.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETS 8

void bench_must(int r, const struct err *e)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "%s\n", e->text);
	exit(1);
}

size_t bench_apex(unsigned i, uint8_t dst[DNAME_MAX])
{
	char text[100];
	struct err e;
	int n;

	(void)snprintf(text, sizeof(text),
		       "%08x-%04x-4000-8000-%012x.privatelink.westeurope.azmk8s.io",
		       i * 2654435761u, i & 0xffff, i);
	n = dname_parse(text, strlen(text), NULL, dst, &e);
	bench_must(n, &e);
	return (size_t)n;
}

void bench_zone_put(struct tables *t, unsigned i, uint32_t router)
{
	static const char *const owners[SETS] = {"@", "c1", "c2", "c3", "c4", "c5", "c6", "alias"};
	uint8_t apex[DNAME_MAX], names[SETS][DNAME_MAX], rdata[SETS][DNAME_MAX];
	struct zone_rdata values[SETS];
	struct zone_set sets[SETS];
	const struct zone_source src = {.id = i + 1,
					.apex = apex,
					.serial = 1,
					.ttl = 300,
					.minimum = 30,
					.sets = sets,
					.n_sets = SETS};
	struct err e;
	bool changed;

	bench_apex(i, apex);
	for (unsigned k = 0; k < SETS; k++) {
		bench_must(dname_parse(owners[k], strlen(owners[k]), apex, names[k], &e), &e);
		memcpy(rdata[k], &(uint8_t[]){10, (uint8_t)(i >> 8), (uint8_t)i, (uint8_t)k}, 4);
		values[k] = (struct zone_rdata){rdata[k], 4};
		sets[k] = (struct zone_set){names[k], RR_A, 30, &values[k], 1};
	}
	memcpy(rdata[0], "\14hello, world", 13);
	values[0].len = 13;
	sets[0].type = RR_TXT;
	values[SETS - 1].len = (uint16_t)dname_size(names[1], DNAME_MAX);
	memcpy(rdata[SETS - 1], names[1], values[SETS - 1].len);
	sets[SETS - 1].type = RR_CNAME;
	bench_must(tables_put_zone(t, &src, &changed, &e), &e);
	bench_must(tables_put_link(t, router, apex, i + 1, 0, &changed, &e), &e);
}
