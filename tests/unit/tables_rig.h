/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of the tables share: a folder of their own for each test, random numbers by seed, records to put.
 */
#pragma once

#include "base/rangeset.h"
#include "tables/tables_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STORE_ID "0123456789abcdef0123456789abcdef"
#define OTHER_ID "fedcba9876543210fedcba9876543210"

static char dir[64];
static uint64_t rng;

static inline uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1du >> 7;
}

static inline size_t below(size_t n)
{
	return (size_t)(rnd() % n);
}

static inline int dir_setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_tables.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static inline int dir_teardown(void **state)
{
	(void)state;
	if (tables_erase(dir, NULL) < 0)
		return -1;
	return rmdir(dir);
}

static inline struct tables *must_open(bool writer)
{
	struct tables *t = NULL;
	struct err e = {0};

	if (tables_open(dir, writer, &t, &e) < 0)
		fail_msg("tables_open: %s", e.text);
	return t;
}

static inline struct tables_cluster make_cluster(uint32_t id, uint64_t generation)
{
	struct tables_cluster c = {.id = id,
				   .generation = generation,
				   .public_enabled = true,
				   .health_kind = 1,
				   .n_upstreams = 2,
				   .drain_s = 7,
				   .max_connections = 1000,
				   .max_per_source = 10,
				   .connect_timeout_ms = 5000,
				   .health_interval_ms = 1000,
				   .health_timeout_ms = 500};

	snprintf(c.name, sizeof(c.name), "cluster-%u", id);
	c.upstreams[0] = (struct tables_upstream){addr_v4(0x0a000000u + id), 6443};
	c.upstreams[1] = (struct tables_upstream){{.hi = 1, .lo = id, .family = ADDR_V6}, 443};
	return c;
}

static inline void put_ranges(struct tables *t, uint32_t id, const struct prefix *p, size_t n)
{
	uint8_t *blob = NULL;
	size_t len = 0;

	assert_int_equal(rangeset_build(p, n, &blob, &len), 0);
	assert_int_equal(tables_put_ranges(t, id, blob, len, NULL), 0);
	free(blob);
}

static inline int find(struct tables_snapshot *s, const char *name)
{
	uint32_t id = 0;
	int r = tables_find_name(s, name, strlen(name), &id);

	return r < 0 ? r : (int)id;
}
