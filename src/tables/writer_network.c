/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing networks and endpoints, within the writer's one transaction (writer.c).
 *
 * A record that says what the one in the tables says already is not written and keeps its generation, so that readers
 * see what really changed.
 */
#include "tables/tables_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- networks --------------------------------------------------------------------------------------------------- */

/* The old record is byte for byte what n would be in the old generation. */
static bool network_is_there(struct tables *t, MDB_val *key, const struct tables_network *n,
			     uint8_t *record, size_t len)
{
	MDB_val old;

	if (mdb_get(t->write, t->dbi[TABLE_NETWORK], key, &old) != 0 || old.mv_size != len)
		return false;
	network_record_encode(n, network_record_generation(&old), record, len);
	return memcmp(old.mv_data, record, len) == 0;
}

int tables_put_network(struct tables *t, const struct tables_network *n, uint64_t generation,
		       bool *ret_changed, struct err *e)
{
	const size_t len = network_record_size(n);
	_cleanup_free_ uint8_t *record = NULL;
	MDB_val key = tables_val(&n->id, sizeof(n->id)), v;
	int r;

	assert(t->write);
	if (len > NETWORK_RECORD_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "%s makes a record of %zu bytes; there is room for %u", n->name, len,
			       NETWORK_RECORD_MAX);
	record = malloc(len);
	if (!record)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (network_is_there(t, &key, n, record, len)) {
		*ret_changed = false;
		return 0;
	}
	network_record_encode(n, generation, record, len);
	v = tables_val(record, len);
	r = tables_record_put(t, TABLE_NETWORK, &key, &v, e);
	if (r == 0)
		*ret_changed = true;
	return r;
}

/* --- endpoints -------------------------------------------------------------------------------------------------- */

struct keyed_put {
	uint8_t key[ENDPOINT_KEY_BYTES];
	const struct tables_endpoint_put *put;
};

/* What the puts of one network have in common. */
struct endpoints {
	struct tables *tables;
	uint32_t network;
	uint64_t generation;
	struct keyed_put *puts; /* by key */
	size_t n;
	tables_touched_fn *touched;
	void *arg;
};

static int put_cmp(const void *a, const void *b)
{
	const struct keyed_put *x = a, *y = b;

	return memcmp(x->key, y->key, sizeof(x->key));
}

static int key_cmp(const void *key, const void *b)
{
	const struct keyed_put *y = b;

	return memcmp(key, y->key, sizeof(y->key));
}

static int puts_sort(struct endpoints *all, const struct tables_endpoint_put *puts, struct err *e)
{
	if (all->n == 0)
		return 0;
	all->puts = calloc(all->n, sizeof(*all->puts));
	if (!all->puts)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	for (size_t i = 0; i < all->n; i++) {
		endpoint_key_encode(all->network, &puts[i].endpoint.addr, all->puts[i].key);
		all->puts[i].put = &puts[i];
	}
	qsort(all->puts, all->n, sizeof(*all->puts), put_cmp);
	for (size_t i = 1; i < all->n; i++) {
		if (put_cmp(&all->puts[i - 1], &all->puts[i]) == 0)
			return err_set(e, ERR_INTERNAL, NULL,
				       "two endpoints of a network have one address");
	}
	return 0;
}

/* A record that cannot be read belonged to nobody that we know of. */
static void tell_old(const struct endpoints *all, const MDB_val *key, const MDB_val *old)
{
	struct tables_endpoint ep;
	MDB_val blob;

	if (endpoint_record_decode(key, old, &ep, &blob) == 0)
		all->touched(ep.cluster, all->arg);
}

static bool is_of_network(const struct endpoints *all, const MDB_val *key)
{
	return key->mv_size >= sizeof(uint32_t) && load_u32(key->mv_data) == all->network;
}

static int gone_delete(struct endpoints *all, MDB_cursor *cursor)
{
	struct tables *t = all->tables;
	MDB_val key = tables_val(&all->network, sizeof(all->network)), v;
	int rc = mdb_cursor_get(cursor, &key, &v, MDB_SET_RANGE);

	for (; rc == 0 && is_of_network(all, &key);
	     rc = mdb_cursor_get(cursor, &key, &v, MDB_NEXT)) {
		if (all->n && key.mv_size == ENDPOINT_KEY_BYTES &&
		    bsearch(key.mv_data, all->puts, all->n, sizeof(*all->puts), key_cmp))
			continue;
		tell_old(all, &key, &v);
		t->meta.digest -= record_digest(TABLE_ENDPOINT, &key, &v);
		rc = mdb_cursor_del(cursor,
				    0); /* the next MDB_NEXT gives the record that moved up */
		if (rc)
			return rc;
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int gone_delete_all(struct endpoints *all, struct err *e)
{
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(all->tables->write, all->tables->dbi[TABLE_ENDPOINT], &cursor);

	if (rc)
		return tables_fail(e, rc, "read the tables");
	rc = gone_delete(all, cursor);
	mdb_cursor_close(cursor);
	return rc ? tables_fail(e, rc, "write the tables") : 0;
}

static bool endpoint_is_there(const MDB_val *key, const MDB_val *old, const struct keyed_put *p)
{
	struct tables_endpoint had;
	MDB_val blob;

	if (endpoint_record_decode(key, old, &had, &blob) < 0)
		return false;
	return had.cluster == p->put->endpoint.cluster && had.owner == p->put->endpoint.owner &&
	       had.port == p->put->endpoint.port && had.open == p->put->endpoint.open &&
	       (had.open || (blob.mv_size == p->put->sources_len &&
			     memcmp(blob.mv_data, p->put->sources, blob.mv_size) == 0));
}

static int endpoint_put(const struct endpoints *all, const struct keyed_put *p, struct err *e)
{
	struct tables *t = all->tables;
	MDB_val key = tables_val(p->key, sizeof(p->key)), v, old;
	struct tables_endpoint ep = p->put->endpoint;
	const size_t len = ENDPOINT_RECORD_BYTES + (ep.open ? 0 : p->put->sources_len);
	_cleanup_free_ uint8_t *record = NULL;

	assert(ep.network == all->network);
	assert(ep.open || (p->put->sources && p->put->sources_len >= RANGES_BLOB_MIN));
	if (mdb_get(t->write, t->dbi[TABLE_ENDPOINT], &key, &old) == 0) {
		if (endpoint_is_there(&key, &old, p))
			return 0;
		tell_old(all, &key, &old);
	}
	all->touched(ep.cluster, all->arg);
	record = malloc(len);
	if (!record)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	ep.generation = all->generation;
	endpoint_record_encode(&key, &ep, ep.open ? NULL : p->put->sources, record);
	if (!ep.open)
		memcpy(record + ENDPOINT_RECORD_BYTES, p->put->sources, p->put->sources_len);
	v = tables_val(record, len);
	return tables_record_put(t, TABLE_ENDPOINT, &key, &v, e);
}

int tables_put_endpoints(struct tables *t, uint32_t network, const struct tables_endpoint_put *puts,
			 size_t n, uint64_t generation, tables_touched_fn *touched, void *arg,
			 struct err *e)
{
	struct endpoints all = {.tables = t,
				.network = network,
				.generation = generation,
				.n = n,
				.touched = touched,
				.arg = arg};
	int r;

	assert(t->write);
	r = puts_sort(&all, puts, e);
	if (r == 0)
		r = gone_delete_all(&all, e);
	for (size_t i = 0; i < n && r == 0; i++)
		r = endpoint_put(&all, &all.puts[i], e);
	free(all.puts);
	return r;
}

int tables_delete_network(struct tables *t, uint32_t id, tables_touched_fn *touched, void *arg,
			  struct err *e)
{
	MDB_val key = tables_val(&id, sizeof(id));
	int r = tables_put_endpoints(t, id, NULL, 0, 0, touched, arg, e);

	return r < 0 ? r : tables_record_delete(t, TABLE_NETWORK, &key, e);
}
