/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What control knows about the declared objects without asking the store: which cluster has which id and which server
 * names. Filled from the store at start, kept by each change. Also holds what explains a cluster's decisions, made when it
 * is first asked for and dropped when the cluster changes.
 */
#pragma once

#include "base/err.h"
#include "explain/explain.h"
#include "store/store.h"

#include <jansson.h>

struct index_cluster {
	uint32_t id;
	char name[64];
	json_t *server_names;	       /* array of strings, folded */
	struct explain_index *explain; /* NULL: not made yet */
};

struct index {
	json_t *by_name;		 /* cluster name -> id */
	json_t *by_server;		 /* server name -> id */
	struct index_cluster **clusters; /* by id, NULL where there is none */
	size_t cap;
	size_t n_clusters;
};

int index_init(struct index *x, struct err *e) _must_check_;
void index_done(struct index *x);
/* Forget everything, take all clusters from the store. */
int index_load(struct index *x, struct store *s, struct err *e) _must_check_;

/* doc: the normalized document of a cluster; replaces what was known of id. 0 or -ERR_NOMEM. */
int index_put(struct index *x, uint32_t id, const json_t *doc, struct err *e) _must_check_;
void index_delete(struct index *x, uint32_t id);

/* NULL if there is none. Borrowed until the next put, delete or load. */
struct index_cluster *index_get(const struct index *x, uint32_t id);
struct index_cluster *index_find(const struct index *x, const char *name);
/* The cluster that has this server name. */
struct index_cluster *index_find_server(const struct index *x, const char *server_name);

/* The server names that a cluster's document claims. New reference to an array of strings. */
json_t *cluster_server_names(const json_t *doc);
