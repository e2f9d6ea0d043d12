/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Control with a real store and real tables in a folder of its own, without gates, and changes as a caller makes them. */
#pragma once

#include "control/change.h"

#include "base/log.h"
#include "control/tables_keep.h"
#include "model/kind.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct options options;
static struct control *c;
static char dir[64];
static struct peer root;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	struct err e = {0};

	c = calloc(1, sizeof(*c));
	assert_non_null(c);
	memset(&options, 0, sizeof(options));
	c->options = &options;
	c->parent.fd = -1;
	c->is_cold = true;
	c->authz = (struct authz){.options = &options};
	operations_init(&c->operations);
	dumps_init(&c->dumps, c);
	gates_init(&c->gates, c, ROLE_GATE);
	gates_init(&c->dns, c, ROLE_DNS);
	netd_init(&c->netd, c);
	c->gates.n = c->dns.n = 1;
	snprintf(dir, sizeof(dir), "/tmp/postern-change-XXXXXX");
	if (!mkdtemp(dir) || index_init(&c->index, &e) < 0 || events_init(&c->events, &e) < 0)
		return -1;
	snprintf(c->store_path, sizeof(c->store_path), "%s/postern.db", dir);
	snprintf(c->tables_dir, sizeof(c->tables_dir), "%s/tables", dir);
	assert_int_equal(mkdir(c->tables_dir, 0700), 0);
	tables_keep_start(c);
	assert_string_equal(c->store_reason, "");
	assert_true(c->is_ready);
	return 0;
}

static int teardown(void **state)
{
	store_close(c->store);
	tables_close(c->tables);
	landscape_free(c->landscape);
	netd_done(&c->netd);
	operations_done(&c->operations);
	events_done(&c->events);
	index_done(&c->index);
	free(c);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* docs is taken. */
static int apply_as(const struct change_request *how, json_t *docs,
		    struct change_result *ret_result, struct err *e)
{
	struct change_request req = *how;
	int ret;

	req.documents = docs;
	req.is_stream = true;
	req.via = "native";
	req.received_ns = 1;
	if (!req.peer)
		req.peer = &root;
	ret = change_apply(c, &req, ret_result, e);
	json_decref(docs);
	return ret;
}

static const struct change_request any = {.expect = STORE_ANY};
static const struct change_request dry = {.expect = STORE_ANY, .dry_run = true};
static const struct change_request deletes = {.expect = STORE_ANY, .verb = CHANGE_DELETE};

/* The revision after it, or the negative error. */
static int64_t apply(const struct change_request *how, json_t *docs)
{
	struct change_result res;
	struct err e = {0};
	int ret = apply_as(how, docs, &res, &e);
	int64_t revision;

	if (ret < 0)
		return ret;
	revision = (int64_t)res.revision;
	change_result_done(&res);
	return revision;
}
