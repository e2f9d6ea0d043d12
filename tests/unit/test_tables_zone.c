/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Zones and views in the tables: there and back, kept where nothing changed, label counts that follow the links, random links against a naive
 * list, and damage: each record that is not what was written is refused when the tables are opened.
 */
#include "naive_zone.h"
#include "tables/view_record.h"
#include "tables_rig.h"

static struct tables *t;

static int setup(void **state)
{
	if (dir_setup(state) < 0)
		return -1;
	t = must_open(true);
	assert_int_equal(tables_begin(t, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	tables_close(t);
	return dir_teardown(state);
}

static void commit(uint64_t generation)
{
	assert_int_equal(tables_commit(t, generation, STORE_ID, NULL, 0, NULL), 0);
}

static bool put_zone(uint32_t id, const char *address, uint32_t serial)
{
	uint8_t apex[DNAME_MAX], owner[DNAME_MAX], data[RDATA_MAX];
	struct zone_rdata rdata = {data, 4};
	struct zone_set set = {owner, RR_A, 60, &rdata, 1};
	struct zone_source src = {.id = id,
				  .apex = apex,
				  .serial = serial,
				  .ttl = 300,
				  .minimum = 30,
				  .sets = &set,
				  .n_sets = 1};
	bool changed;

	naive_name("example.org", NULL, apex);
	naive_name("api", apex, owner);
	assert_int_equal(rdata_parse(RR_A, address, strlen(address), NULL, data, NULL), 4);
	assert_int_equal(tables_put_zone(t, &src, &changed, NULL), 0);
	return changed;
}

static void test_zone(void **state)
{
	struct tables_snapshot *s;
	struct zone_node node;
	struct zone z;

	assert_true(put_zone(7, "10.0.0.1", 41));
	assert_false(put_zone(7, "10.0.0.1", 42)); /* the old serial stays */
	commit(1);
	s = tables_acquire(t);
	assert_int_equal(tables_verify(s, NULL), 0);
	assert_int_equal(tables_get_zone(s, 7, true, &z), 0);
	assert_int_equal(z.serial, 41);
	const uint64_t check = zone_check(&z);
	assert_true(zone_find(&z, (const uint8_t *)"\3api", 4, &node));
	assert_int_equal(tables_get_zone(s, 8, true, &z), -ERR_NOT_FOUND);
	assert_null(z.blob);
	tables_release(s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_true(put_zone(7, "10.0.0.2", 43));
	commit(2);
	s = tables_acquire(t);
	assert_int_equal(tables_verify(s, NULL), 0);
	assert_int_equal(tables_get_zone(s, 7, true, &z), 0);
	assert_int_equal(z.serial, 43);
	assert_int_not_equal(zone_check(&z), check);
	tables_release(s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_delete_zone(t, 7, NULL), 0);
	assert_int_equal(tables_delete_zone(t, 7, NULL), 0);
	commit(3);
	s = tables_acquire(t);
	assert_int_equal(tables_get_zone(s, 7, true, &z), -ERR_NOT_FOUND);
	assert_int_equal(tables_verify(s, NULL), 0);
	tables_release(s);
}

static const uint8_t example[] = "\7example\3org", upper[] = "\7EXAMPLE\3org",
		     deep[] = "\1a\1b\3org";

static void test_links(void **state)
{
	struct tables_snapshot *s;
	struct view_config v;
	uint32_t zone, flags;
	bool changed;

	assert_int_equal(tables_put_link(t, 5, upper, 7, 0, &changed, NULL), 0);
	assert_true(changed);
	assert_int_equal(tables_put_link(t, 5, example, 7, 0, &changed, NULL), 0);
	assert_false(changed);
	assert_int_equal(tables_put_link(t, 5, example, 8, VIEW_LINK_FALL_THROUGH, &changed, NULL),
			 0);
	assert_true(changed);
	assert_int_equal(tables_put_link(t, 5, deep, 9, 0, &changed, NULL), 0);
	assert_int_equal(tables_put_link(t, 6, example, 10, 0, &changed, NULL), 0);
	commit(1);
	s = tables_acquire(t);
	assert_int_equal(tables_verify(s, NULL), 0);
	assert_int_equal(tables_get_link(s, 5, example, 13, &zone, &flags), 0);
	assert_true(zone == 8 && flags == VIEW_LINK_FALL_THROUGH);
	assert_int_equal(tables_get_link(s, 6, example, 13, &zone, &flags), 0);
	assert_true(zone == 10 && flags == 0);
	assert_int_equal(tables_get_link(s, 6, deep, 9, &zone, &flags), -ERR_NOT_FOUND);
	assert_int_equal(tables_get_view(s, 5, &v), 0);
	assert_true(view_has_depth(&v, 2) && view_has_depth(&v, 3) && !view_has_depth(&v, 1));
	tables_view_done(&v);
	tables_release(s);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_delete_link(t, 5, upper, &changed, NULL), 0);
	assert_true(changed);
	assert_int_equal(tables_delete_link(t, 5, upper, &changed, NULL), 0);
	assert_false(changed);
	assert_int_equal(tables_delete_view(t, 6, NULL), 0);
	assert_int_equal(tables_delete_view(t, 6, NULL), 0);
	commit(2);
	s = tables_acquire(t);
	assert_int_equal(tables_verify(s, NULL), 0);
	assert_int_equal(tables_get_view(s, 5, &v), 0);
	assert_true(!view_has_depth(&v, 2) && view_has_depth(&v, 3));
	assert_int_equal(tables_get_view(s, 6, &v), -ERR_NOT_FOUND);
	assert_int_equal(tables_get_link(s, 6, example, 13, &zone, &flags), -ERR_NOT_FOUND);
	assert_int_equal(tables_get_link(s, 5, deep, 9, &zone, &flags), 0);
	tables_release(s);
}

static void test_view(void **state)
{
	struct view_forward forwards[] = {
		{.domain = example,
		 .domain_len = 13,
		 .n_servers = 1,
		 .servers = {{addr_v4(1), 53}}},
		{.domain = deep,
		 .domain_len = 9,
		 .n_servers = 2,
		 .servers = {{addr_v4(2), 53}, {addr_v4(3), 54}}},
	};
	struct view_config want = {.router = 5,
				   .n_servers = 2,
				   .servers = {{addr_v4(9), 53},
					       {{.hi = 1, .family = ADDR_V6}, 5353}},
				   .forwards = forwards,
				   .n_forwards = 2},
			   got;
	struct tables_snapshot *s;
	struct err e = {0};
	bool changed;

	assert_int_equal(tables_put_link(t, 5, deep, 9, 0, &changed, NULL), 0);
	assert_int_equal(tables_put_view(t, &want, &changed, NULL), 0);
	assert_true(changed);
	assert_int_equal(tables_put_view(t, &want, &changed, NULL), 0);
	assert_false(changed);
	assert_int_equal(tables_put_link(t, 5, example, 9, 0, &changed, NULL), 0);
	commit(1);
	s = tables_acquire(t);
	assert_int_equal(tables_verify(s, NULL), 0);
	assert_int_equal(tables_get_view(s, 5, &got), 0);
	assert_true(view_has_depth(&got, 2) && view_has_depth(&got, 3));
	assert_int_equal(got.n_servers, 2);
	assert_memory_equal(got.servers, want.servers, 2 * sizeof(got.servers[0]));
	assert_int_equal(got.n_forwards, 2);
	assert_memory_equal(got.forwards[0].domain, deep, 9); /* by domain */
	assert_int_equal(got.forwards[0].n_servers, 2);
	assert_int_equal(got.forwards[0].servers[1].port, 54);
	assert_memory_equal(got.forwards[1].domain, example, 13);
	tables_view_done(&got);
	tables_release(s);

	assert_int_equal(tables_begin(t, NULL), 0);
	want.n_forwards = 0;
	assert_int_equal(tables_put_view(t, &want, &changed, NULL), 0);
	assert_true(changed);
	want.n_servers = 0;
	want.flags = VIEW_DEFAULT_SERVERS;
	assert_int_equal(tables_put_view(t, &want, &changed, NULL), 0);
	commit(2);
	s = tables_acquire(t);
	assert_int_equal(tables_verify(s, NULL), 0);
	assert_int_equal(tables_get_view(s, 5, &got), 0);
	assert_true(got.flags == VIEW_DEFAULT_SERVERS && got.n_servers == 0);
	tables_view_done(&got);
	tables_release(s);
	assert_int_equal(tables_begin(t, NULL), 0);
	want.flags = 0;
	assert_int_equal(tables_put_view(t, &want, &changed, NULL), 0);
	want.n_forwards = 2;
	forwards[1] = forwards[0];
	assert_int_equal(tables_put_view(t, &want, &changed, &e), -ERR_INVALID);
	assert_non_null(strstr(e.text, "twice"));
	forwards[1].n_servers = 0;
	assert_int_equal(tables_put_view(t, &want, &changed, &e), -ERR_INVALID);
	want.n_forwards = VIEW_FORWARDS_MAX + 1;
	assert_int_equal(tables_put_view(t, &want, &changed, &e), -ERR_TOO_LARGE);
	commit(3);
	s = tables_acquire(t);
	assert_int_equal(tables_get_view(s, 5, &got), 0);
	assert_true(got.n_forwards == 0 && !got.forwards && view_has_depth(&got, 3));
	tables_view_done(&got);
	tables_release(s);
}

/* --- random links against a list -------------------------------------------------------------------------------- */

#define MANY 200

struct naive_link {
	uint8_t domain[DNAME_MAX];
	size_t len;
	uint32_t router, zone, flags;
	bool is_there;
};

static struct naive_link naive[MANY];

static int link_seen(const uint8_t *domain, size_t len, uint32_t zone, uint32_t flags, void *arg)
{
	(*(size_t *)arg)++;
	return 0;
}

static void links_compare(struct tables_snapshot *s)
{
	for (size_t i = 0; i < MANY; i++) {
		uint32_t zone, flags;
		int r = tables_get_link(s, naive[i].router, naive[i].domain, naive[i].len, &zone,
					&flags);

		assert_int_equal(r, naive[i].is_there ? 0 : -ERR_NOT_FOUND);
		if (r == 0)
			assert_true(zone == naive[i].zone && flags == naive[i].flags);
	}
	for (uint32_t router = 1; router < 4; router++) {
		struct view_config v;
		size_t n = 0, seen = 0;
		unsigned depths = 0;

		for (size_t i = 0; i < MANY; i++) {
			if (!naive[i].is_there || naive[i].router != router)
				continue;
			n++;
			depths |= 1u << dname_labels(naive[i].domain);
		}
		assert_int_equal(tables_each_link(s, router, link_seen, &seen), 0);
		assert_int_equal(seen, n);
		if (tables_get_view(s, router, &v) == 0)
			assert_int_equal(v.depths[0], depths);
		else
			assert_int_equal(n, 0);
	}
}

static void test_random_links(void **state)
{
	bool changed;

	rng = 99;
	for (size_t i = 0; i < MANY; i++) {
		char text[64];
		uint8_t *d = naive[i].domain;

		snprintf(text, sizeof(text), "%s%s%zu", i % 3 ? "a.b." : "", i % 5 ? "c." : "", i);
		naive[i].len = naive_name(text, NULL, d);
		naive[i].router = 1 + (uint32_t)i % 3;
		naive[i].is_there = false;
	}
	tables_abort(t);
	for (uint64_t g = 1; g < 150; g++) {
		assert_int_equal(tables_begin(t, NULL), 0);
		for (int k = 0; k < 5; k++) {
			struct naive_link *l = &naive[below(MANY)];

			if (below(3)) {
				l->zone = (uint32_t)below(9);
				l->flags = (uint32_t)below(2);
				l->is_there = true;
				assert_int_equal(tables_put_link(t, l->router, l->domain, l->zone,
								 l->flags, &changed, NULL),
						 0);
			} else {
				assert_int_equal(
					tables_delete_link(t, l->router, l->domain, &changed, NULL),
					0);
				assert_int_equal(changed, l->is_there);
				l->is_there = false;
			}
		}
		commit(g);
		struct tables_snapshot *s = tables_acquire(t);
		assert_int_equal(tables_verify(s, NULL), 0);
		links_compare(s);
		tables_release(s);
	}
}

/* --- owners and keys --------------------------------------------------------------------------------------------- */

static void put_name_zone(uint32_t id)
{
	struct zone_source src = {
		.id = id, .apex = example, .ttl = 30, .minimum = 30, .is_denied = true};
	bool changed;

	assert_int_equal(tables_put_zone(t, &src, &changed, NULL), 0);
}

static uint32_t new_zone(void)
{
	uint32_t id;

	assert_int_equal(tables_new_name_zone(t, &id, NULL), 0);
	put_name_zone(id);
	return id;
}

static bool own(uint32_t owner, const struct view_link *links, size_t n)
{
	bool changed;

	assert_int_equal(tables_put_links(t, 5, owner, links, n, &changed, NULL), 0);
	return changed;
}

/* What a commit shows. 0: nothing is linked. */
static uint32_t linked(uint64_t generation)
{
	struct tables_snapshot *s;
	uint32_t zone = 0, flags;
	int r;

	commit(generation);
	s = tables_acquire(t);
	assert_int_equal(tables_verify(s, NULL), 0);
	r = tables_get_link(s, 5, example, 13, &zone, &flags);
	assert_true(r == 0 || r == -ERR_NOT_FOUND);
	tables_release(s);
	assert_int_equal(tables_begin(t, NULL), 0);
	return zone;
}

static size_t count_zones(void)
{
	MDB_stat stat;

	assert_int_equal(mdb_stat(t->write, t->dbi[TABLE_ZONE], &stat), 0);
	return stat.ms_entries;
}

/* The lowest rank is asked; what goes takes nothing of the others along, but its own zone. */
static void test_owners(void **state)
{
	const struct view_link declared = {.domain = upper, .zone = 70};
	struct view_link public = {.domain = example, .rank = VIEW_RANK_NAME},
			 private[] = {{.domain = example, .rank = VIEW_RANK_PRIVATE_NAME},
				      {.domain = deep, .rank = VIEW_RANK_PRIVATE_NAME}};
	uint32_t found;

	public.zone = new_zone();
	assert_int_equal(public.zone, ZONE_NAME_FIRST);
	private[0].zone = new_zone();
	private[1].zone = new_zone();
	put_zone(70, "10.0.0.1", 1);
	assert_true(own(9, private, 2));
	assert_false(own(9, private, 2));
	assert_int_equal(linked(1), private[0].zone);
	assert_true(own(11, &public, 1));
	assert_int_equal(linked(2), public.zone);
	assert_true(own(70, &declared, 1));
	assert_int_equal(linked(3), 70);
	assert_int_equal(tables_find_link(t, 5, 11, &public, &found, NULL), 0);
	assert_int_equal(found, public.zone);
	assert_int_equal(tables_find_link(t, 5, 9, &public, &found, NULL), 0);
	assert_int_equal(found, 0);
	assert_int_equal(count_zones(), 4);

	assert_true(own(11, NULL, 0));
	assert_int_equal(linked(4), 70);
	assert_int_equal(count_zones(), 3);
	assert_true(own(70, NULL, 0));
	assert_int_equal(linked(5), private[0].zone);
	assert_int_equal(count_zones(), 3); /* a declared one is for others to delete */
	assert_true(own(9, private + 1, 1));
	assert_int_equal(linked(6), 0);
	assert_int_equal(count_zones(), 2);
	assert_true(own(9, NULL, 0));
	assert_false(own(9, NULL, 0));
	assert_int_equal(linked(7), 0);
	assert_int_equal(count_zones(), 1);
	for (int i = TABLE_VIEW; i <= TABLE_VIEW_CONFIG; i++) {
		MDB_stat stat;

		assert_int_equal(mdb_stat(t->write, t->dbi[i], &stat), 0);
		assert_int_equal(stat.ms_entries, 0);
	}
}

/* A view that goes takes its own zones along, and no other ones. */
static void test_whole_views(void **state)
{
	struct view_link name = {.domain = example, .rank = VIEW_RANK_NAME};
	bool changed;

	name.zone = new_zone();
	own(9, &name, 1);
	name.zone = new_zone();
	assert_int_equal(tables_put_links(t, 6, 9, &name, 1, &changed, NULL), 0);
	put_zone(70, "10.0.0.1", 1);
	assert_int_equal(tables_delete_view(t, 5, NULL), 0);
	assert_int_equal(linked(1), 0);
	assert_int_equal(count_zones(), 2);
	assert_int_equal(tables_clear_views(t, NULL), 0);
	assert_int_equal(linked(2), 0);
	assert_int_equal(count_zones(), 1);
}

/* Ids go up; once the last one was used, the first free one is taken. */
static void test_name_zone_ids(void **state)
{
	uint32_t id;

	put_name_zone(ZONE_NAME_FIRST);
	put_name_zone(ZONE_NAME_FIRST + 1);
	put_name_zone(ZONE_NAME_FIRST + 5);
	assert_int_equal(tables_new_name_zone(t, &id, NULL), 0);
	assert_int_equal(id, ZONE_NAME_FIRST + 6);
	put_name_zone(ZONE_NAME_LAST);
	assert_int_equal(tables_new_name_zone(t, &id, NULL), 0);
	assert_int_equal(id, ZONE_NAME_FIRST + 2);
}

static struct zone_key key_make(const char *name, uint8_t secret, uint32_t may)
{
	struct zone_key k = {.algorithm = TSIG_HMAC_SHA384, .secret_len = 48, .may = may};

	k.name_len = (uint8_t)naive_name(name, NULL, k.name);
	memset(k.secret, secret, k.secret_len);
	return k;
}

static int get_key(uint32_t zone, const struct zone_key *want)
{
	struct tables_snapshot *s = tables_acquire(t);
	struct zone_key got;
	int r = tables_get_zone_key(s, zone, want->name, want->name_len, &got);

	if (r == 0)
		assert_memory_equal(&got, want, sizeof(got));
	assert_int_equal(tables_verify(s, NULL), 0);
	tables_release(s);
	return r;
}

static void test_zone_keys(void **state)
{
	struct zone_key keys[] = {key_make("a.keys", 1, ZONE_KEY_TRANSFER),
				  key_make("b.keys", 2, ZONE_KEY_UPDATE),
				  key_make("c.keys", 3, ZONE_KEY_TRANSFER | ZONE_KEY_UPDATE)};

	put_zone(7, "10.0.0.1", 1);
	assert_int_equal(tables_put_zone_keys(t, 7, keys, 2, NULL), 0);
	assert_int_equal(tables_put_zone_keys(t, 8, keys, 1, NULL), 0);
	commit(1);
	assert_int_equal(get_key(7, &keys[0]), 0);
	assert_int_equal(get_key(7, &keys[1]), 0);
	assert_int_equal(get_key(7, &keys[2]), -ERR_NOT_FOUND);
	assert_int_equal(get_key(8, &keys[1]), -ERR_NOT_FOUND);
	assert_int_equal(get_key(6, &keys[0]), -ERR_NOT_FOUND);

	assert_int_equal(tables_begin(t, NULL), 0);
	memset(keys[1].secret, 9, keys[1].secret_len);
	assert_int_equal(tables_put_zone_keys(t, 7, keys + 1, 2, NULL), 0);
	commit(2);
	assert_int_equal(get_key(7, &keys[0]), -ERR_NOT_FOUND);
	assert_int_equal(get_key(7, &keys[1]), 0);
	assert_int_equal(get_key(7, &keys[2]), 0);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_delete_zone(t, 7, NULL), 0);
	commit(3);
	assert_int_equal(get_key(7, &keys[1]), -ERR_NOT_FOUND);
	assert_int_equal(get_key(7, &keys[2]), -ERR_NOT_FOUND);
	assert_int_equal(get_key(8, &keys[0]), 0);

	assert_int_equal(tables_begin(t, NULL), 0);
	assert_int_equal(tables_clear(t, NULL), 0);
	commit(4);
	assert_int_equal(get_key(8, &keys[0]), -ERR_NOT_FOUND);
}

/* --- damage ----------------------------------------------------------------------------------------------------- */

static void raw_put(enum table table, const MDB_val *key, const void *bytes, size_t len)
{
	MDB_val k = *key, v = tables_val(bytes, len);
	MDB_txn *txn;

	assert_int_equal(mdb_txn_begin(t->env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_put(txn, t->dbi[table], &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
}

/* What reading says of the record, and the walk over all. */
static void judge(enum table table, int want)
{
	struct tables_snapshot *s = tables_acquire(t);
	struct view_config v;
	const struct zone_key key = key_make("a.keys", 1, 0);
	struct zone_key got;
	uint32_t zone, flags;
	struct zone z;
	int r = 0;

	assert_int_equal(tables_verify(s, NULL), want);
	if (table == TABLE_ZONE)
		r = tables_get_zone(s, 7, true, &z);
	else if (table == TABLE_VIEW)
		r = tables_get_link(s, 5, example, 13, &zone, &flags);
	else if (table == TABLE_ZONE_KEY)
		r = tables_get_zone_key(s, 7, key.name, key.name_len, &got);
	else if (table == TABLE_LINKED)
		r = want; /* only the writer reads it */
	else
		r = tables_get_view(s, 5, &v);
	assert_int_equal(r, want);
	if (table == TABLE_VIEW_CONFIG)
		tables_view_done(&v);
	tables_release(s);
}

/* Every octet of every record in turn, each cut; and the record of one key under another. */
static void damage(enum table table, const MDB_val *key)
{
	MDB_val k = *key, v;
	uint8_t good[4096], bad[4096];
	MDB_txn *txn;
	size_t len;

	assert_int_equal(mdb_txn_begin(t->env, NULL, MDB_RDONLY, &txn), 0);
	assert_int_equal(mdb_get(txn, t->dbi[table], &k, &v), 0);
	len = v.mv_size;
	assert_true(len < sizeof(good));
	memcpy(good, v.mv_data, len);
	mdb_txn_abort(txn);
	judge(table, 0);
	for (size_t at = 0; at < len; at++) {
		memcpy(bad, good, len);
		bad[at] ^= 1;
		raw_put(table, key, bad, len);
		judge(table, -ERR_UNAVAILABLE);
		if (at % 8 == 0) {
			raw_put(table, key, good, at);
			judge(table, -ERR_UNAVAILABLE);
		}
	}
	raw_put(table, key, good, len);
	judge(table, 0);
}

static void test_damage(void **state)
{
	static const struct view_forward f = {.domain = deep,
					      .domain_len = 9,
					      .n_servers = 1,
					      .servers = {{{.lo = 2, .family = ADDR_V4}, 53}}};
	struct view_forward forwards[] = {f};
	const struct view_config v = {.router = 5,
				      .n_servers = 1,
				      .servers = {{addr_v4(1), 53}},
				      .forwards = forwards,
				      .n_forwards = 1};
	const uint32_t zone = 7, router = 5;
	const struct view_link links[] = {{.domain = example, .zone = zone},
					  {.domain = deep, .zone = zone}};
	const struct zone_key key = key_make("a.keys", 1, ZONE_KEY_UPDATE);
	uint8_t link[LINK_KEY_MAX], linked_key[LINKED_KEY_BYTES], zone_key[4 + DNAME_MAX];
	bool changed;

	save_u32(zone_key, zone);
	memcpy(zone_key + 4, key.name, key.name_len);
	linked_key_encode(router, zone, linked_key);
	put_zone(zone, "10.0.0.1", 1);
	assert_int_equal(tables_put_links(t, router, zone, links, 2, &changed, NULL), 0);
	assert_int_equal(tables_put_view(t, &v, &changed, NULL), 0);
	assert_int_equal(tables_put_zone_keys(t, zone, &key, 1, NULL), 0);
	commit(1);
	MDB_val keys[] = {tables_val(&zone, 4),
			  tables_val(link, link_key_encode(5, example, 13, link)),
			  tables_val(&router, 4), tables_val(linked_key, sizeof(linked_key)),
			  tables_val(zone_key, 4u + key.name_len)};
	damage(TABLE_ZONE, &keys[0]);
	damage(TABLE_VIEW, &keys[1]);
	damage(TABLE_VIEW_CONFIG, &keys[2]);
	damage(TABLE_LINKED, &keys[3]);
	damage(TABLE_ZONE_KEY, &keys[4]);
}

/* A zone under the id of another is refused, though it is good itself; so is one that is missing, by the sum of all. */
static void test_wrong_key(void **state)
{
	const uint32_t seven = 7, eight = 8;
	MDB_val from = tables_val(&seven, 4), to = tables_val(&eight, 4), v;
	struct tables_snapshot *s;
	uint8_t copy[4096];
	struct zone z;
	MDB_txn *txn;

	put_zone(7, "10.0.0.1", 1);
	put_zone(8, "10.0.0.2", 1);
	commit(1);
	assert_int_equal(mdb_txn_begin(t->env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_get(txn, t->dbi[TABLE_ZONE], &from, &v), 0);
	memcpy(copy, v.mv_data, v.mv_size);
	v.mv_data = copy;
	assert_int_equal(mdb_put(txn, t->dbi[TABLE_ZONE], &to, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	s = tables_acquire(t);
	assert_int_equal(tables_get_zone(s, 8, false, &z), -ERR_UNAVAILABLE);
	assert_int_equal(tables_verify(s, NULL), -ERR_UNAVAILABLE);
	tables_release(s);
	assert_int_equal(mdb_txn_begin(t->env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_del(txn, t->dbi[TABLE_ZONE], &to, NULL), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	s = tables_acquire(t);
	assert_int_equal(tables_get_zone(s, 7, true, &z), 0);
	assert_int_equal(tables_verify(s, NULL), -ERR_UNAVAILABLE);
	tables_release(s);
}

/* A domain of no octets is none, not even the root, however well its record is summed. */
static void test_no_domain(void **state)
{
	static const struct linked_item items[1];
	const uint8_t domain[1] = {0};
	struct view_forward forward = {.domain = domain, .n_servers = 1};
	const struct view_config view = {.router = 5, .forwards = &forward, .n_forwards = 1};
	const uint32_t counts[VIEW_DEPTHS] = {0}, router = 5;
	uint8_t key_bytes[LINKED_KEY_BYTES], bytes[100];
	MDB_val key = tables_val(key_bytes, sizeof(key_bytes)), v;

	forward.servers[0] = (struct view_server){{.lo = 1, .family = ADDR_V4}, 53};
	linked_key_encode(router, 7, key_bytes);
	linked_record_encode(&key, items, 1, bytes);
	v = tables_val(bytes, linked_record_size(items, 1));
	assert_int_equal(linked_record_check(&key, &v), -ERR_UNAVAILABLE);
	for (forward.domain_len = 0; forward.domain_len < 2; forward.domain_len++) {
		v = tables_val(bytes, view_record_size(&view, counts));
		view_record_encode(&view, counts, bytes, v.mv_size);
		assert_int_equal(view_record_check(&v, router),
				 forward.domain_len ? 0 : -ERR_UNAVAILABLE);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_zone),	T(test_links),	     T(test_view),	    T(test_random_links),
		T(test_owners), T(test_whole_views), T(test_name_zone_ids), T(test_zone_keys),
		T(test_damage), T(test_wrong_key),   T(test_no_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
