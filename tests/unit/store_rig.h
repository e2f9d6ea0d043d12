/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store in a folder of its own, for the tests of the store; and short words for what they do with it. */
#pragma once

#include "base/cleanup.h"
#include "store/store.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char rig_dir[64], rig_path[80];

static const struct store_change_meta rig_meta = {"uid:0(root)", "native"};

static int rig_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int rig_setup(void **state)
{
	(void)state;
	snprintf(rig_dir, sizeof(rig_dir), "/tmp/postern-store-XXXXXX");
	if (!mkdtemp(rig_dir))
		return -1;
	snprintf(rig_path, sizeof(rig_path), "%s/postern.db", rig_dir);
	return 0;
}

static int rig_teardown(void **state)
{
	(void)state;
	return nftw(rig_dir, rig_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline struct store *rig_open(void)
{
	struct store *s = NULL;
	struct err e = {0};

	if (store_open(rig_path, &s, &e) < 0)
		fail_msg("cannot be opened: %s", e.text);
	return s;
}

static inline void rig_begin(struct store *s)
{
	struct err e = {0};

	if (store_begin(s, &rig_meta, &e) < 0)
		fail_msg("cannot begin: %s", e.text);
}

static inline int rig_put(struct store *s, const char *name, uint64_t expect, int value,
			  uint32_t *ret_id)
{
	json_t *body =
		json_pack("{s:s, s:s, s:i}", "kind", "cluster", "name", name, "value", value);
	struct err e = {0};
	uint32_t id = 0;
	int r = store_put(s, "cluster", name, expect, body, &id, &e);

	json_decref(body);
	if (ret_id)
		*ret_id = id;
	return r;
}

static inline int rig_delete(struct store *s, const char *name, uint64_t expect)
{
	struct err e = {0};
	uint32_t id;

	return store_delete(s, "cluster", name, expect, &id, &e);
}

static inline uint64_t rig_commit(struct store *s)
{
	struct err e = {0};
	uint64_t revision = 0;

	if (store_commit(s, &revision, &e) < 0)
		fail_msg("cannot commit: %s", e.text);
	return revision;
}

/* The value of an object, -1 if it is not there. */
static inline int rig_value(struct store *s, const char *name)
{
	struct store_object o = {0};
	struct err e = {0};
	int r = store_get(s, "cluster", name, &o, &e);
	int value = -1;

	if (r == 0)
		value = (int)json_integer_value(json_object_get(o.body, "value"));
	else
		assert_int_equal(r, -ERR_NOT_FOUND);
	store_object_done(&o);
	return value;
}
