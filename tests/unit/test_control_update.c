/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What control makes of updates that a dns process hands on: nothing is believed, names of the system stay, the answer comes when the
 * change is enforced, and one that comes twice changes nothing.
 */
#include "change_rig.h"

#include "base/cleanup.h"
#include "control/secret.h"
#include "control/update.h"
#include "model/document.h"
#include "model/update.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define BASE64 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

#define WORLD                                                                               \
	"kind: tsig-key\nname: k\nsecret: " BASE64 "\n---\n"                                \
	"kind: tsig-key\nname: t\nsecret: " BASE64 "\n---\n"                                \
	"kind: network\nname: n\naddressSpace: [10.0.0.0/16]\n---\n"                        \
	"kind: subnet\nname: s\nnetwork: n\nranges: [10.0.0.0/24]\n---\n"                   \
	"kind: zone\nname: z\ndomain: example.org\nvisibility: private\nupdate: [k]\n"      \
	"transfer: [t]\nrecords: [{name: a, type: A, values: [10.0.0.80]}]\n---\n"          \
	"kind: zone\nname: y\ndomain: example.com\nvisibility: private\n---\n"              \
	"kind: cluster\nname: own\nupstreams: [{address: 127.0.0.1}]\n"                     \
	"public: {fqdn: api.example.net}\n"                                                 \
	"private: {kind: private-link, placements: [{subnet: s, addresses: [10.0.0.9]}]}\n" \
	"dns: {zone: own, ownZone: z, privateFqdn: api.example.org}\n"

static int process; /* the dns process's end of its link */
static uint64_t requests;

static void must_apply_text(const char *yaml)
{
	json_t *docs = NULL;
	struct err e = {0};

	assert_int_equal(document_parse(yaml, strlen(yaml), DOCUMENT_YAML, &docs, &e), 0);
	assert_true(apply(&any, docs) > 0);
}

static void enforce(void)
{
	c->gates.gate[0].generation = c->dns.gate[0].generation = c->netd.generation =
		c->generation;
	control_operations_check(c);
}

static int update_setup(void **state)
{
	int r = setup(state), ends[2];

	assert_int_equal(r, 0);
	control_updates_init(&c->updates);
	assert_int_equal(loop_init(&c->loop, NULL), 0);
	c->netd.is_up = true;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	process = ends[0];
	c->dns.gate[0].source.fd = ends[1];
	c->dns.gate[0].is_up = c->dns.gate[0].has_greeted = true;
	c->dns.gate[0].pid = 77;
	c->gates.gate[0].is_up = c->gates.gate[0].has_greeted = true;
	must_apply_text(WORLD);
	return 0;
}

static int update_teardown(void **state)
{
	close(process);
	close(c->dns.gate[0].source.fd);
	control_updates_done(&c->updates);
	loop_done(&c->loop);
	return teardown(state);
}

/* --- messages ------------------------------------------------------------------------------------------------- */

static uint8_t message[4096];
static size_t message_len;

static void put_name(const char *text)
{
	int n = dname_parse(text, strlen(text), NULL, message + message_len, NULL);

	assert_true(n > 0);
	message_len += (size_t)n;
}

static void begin(const char *zone)
{
	static uint16_t id;

	memset(message, 0, sizeof(message));
	message[0] = (uint8_t)(++id >> 8);
	message[1] = (uint8_t)id;
	message[2] = 5 << 3;
	message[5] = 1;
	message_len = 12;
	put_name(zone);
	memcpy(message + message_len, "\0\6\0\1", 4);
	message_len += 4;
}

/* section 6: prerequisites, 8: changes */
static void put_record(int section, const char *name, uint16_t type, uint16_t class, uint8_t ttl,
		       const uint8_t *data, uint8_t len)
{
	const uint8_t fixed[] = {(uint8_t)(type >> 8),
				 (uint8_t)type,
				 (uint8_t)(class >> 8),
				 (uint8_t) class,
				 0,
				 0,
				 0,
				 ttl,
				 0,
				 len};

	message[section + 1]++;
	put_name(name);
	memcpy(message + message_len, fixed, sizeof(fixed));
	message_len += sizeof(fixed);
	if (len)
		memcpy(message + message_len, data, len);
	message_len += len;
}

static void sign(const char *key_name, const char *secret)
{
	uint8_t name[DNAME_MAX];
	const struct tsig_secret key = {name, TSIG_HMAC_SHA256, (const uint8_t *)secret, 32};
	struct tsig_chain chain;

	assert_true(dname_parse(key_name, strlen(key_name), NULL, name, NULL) > 0);
	tsig_chain_begin(&chain, NULL, NULL);
	message_len = tsig_sign(message, message_len, sizeof(message), &key, &chain, TSIG_FINE, 0);
	assert_true(message_len > 0);
}

static const uint8_t address[] = {10, 0, 0, 81};

static void add(const char *name)
{
	begin("example.org");
	put_record(8, name, 1, 1, 60, address, 4);
	sign("k", SECRET);
}

static uint32_t zone_id(const char *name)
{
	return landscape_find(c->landscape, OBJECT_ZONE, name)->id;
}

static int hand_on(uint32_t zone)
{
	struct msg m = {.type = MSG_UPDATE};
	struct msg_update u = {.request = ++requests, .len = (uint32_t)message_len, .zone = zone};

	m.body = &u;
	m.records = message;
	m.n_records = (uint32_t)((message_len + 7) / 8);
	return update_on_msg(c, &c->dns.gate[0], &m);
}

/* What came back; -1: nothing has. */
static int answered(uint64_t *ret_request)
{
	static struct msg m;
	const struct msg_updated *u;
	int r, rcode;

	do
		r = msg_recv(process, ROLE_CONTROL, ROLE_DNS, &m);
	while (r == 0 && m.type == MSG_BELL_D);
	if (r == -EAGAIN)
		return -1;
	assert_int_equal(r, 0);
	assert_int_equal(m.type, MSG_UPDATED);
	u = m.body;
	*ret_request = u->request;
	rcode = (int)u->rcode;
	msg_done(&m);
	return rcode;
}

static int rcode_now(void)
{
	uint64_t request;
	int rcode = answered(&request);

	if (rcode >= 0)
		assert_int_equal(request, requests);
	return rcode;
}

static json_t *records(void)
{
	struct store_object o = {0};
	json_t *r;

	assert_int_equal(store_get(c->store, "zone", "z", &o, NULL), 0);
	r = json_incref(json_object_get(o.body, "records"));
	store_object_done(&o);
	return r;
}

static size_t n_records(void)
{
	json_t *r = records();
	size_t n = json_array_size(r);

	json_decref(r);
	return n;
}

/* --- tests ---------------------------------------------------------------------------------------------------- */

static int note_change(const struct store_change *ch, void *arg)
{
	snprintf(arg, 128, "%s %s %s", ch->name, ch->actor, ch->via);
	return 0;
}

static void test_done_when_enforced(void **state)
{
	char last[128] = "";
	bool gap;

	enforce();
	add("b.example.org");
	assert_int_equal(hand_on(zone_id("z")), 0);
	assert_int_equal(n_records(), 2);
	assert_int_equal(rcode_now(), -1);
	enforce();
	assert_int_equal(rcode_now(), UPDATE_FINE);
	assert_int_equal(rcode_now(), -1);
	assert_int_equal(
		store_history(c->store, 0, "zone", "z", 0, false, note_change, last, &gap, NULL),
		0);
	assert_string_equal(last, "z tsig-key:k update");
	/* Nothing to do: at once. */
	add("b.example.org");
	assert_int_equal(hand_on(zone_id("z")), 0);
	assert_int_equal(rcode_now(), UPDATE_FINE);
	assert_int_equal(c->updates.n, 0);
}

static void test_twice(void **state)
{
	uint64_t generation, first;

	enforce();
	add("b.example.org");
	assert_int_equal(hand_on(zone_id("z")), 0);
	generation = c->generation;
	/* Again before it is enforced: both wait. */
	assert_int_equal(hand_on(zone_id("z")), 0);
	assert_int_equal(rcode_now(), -1);
	assert_int_equal(c->updates.n, 2);
	enforce();
	assert_int_equal(answered(&first), UPDATE_FINE);
	assert_int_equal(first, requests - 1);
	assert_int_equal(rcode_now(), UPDATE_FINE);
	assert_int_equal(c->generation, generation);
	/* Deleted by somebody, and then the old message once more. */
	{
		uint8_t old[sizeof(message)];
		size_t old_len = message_len;

		memcpy(old, message, sizeof(old));
		begin("example.org");
		put_record(8, "b.example.org", 1, 255, 0, NULL, 0);
		sign("k", SECRET);
		assert_int_equal(hand_on(zone_id("z")), 0);
		enforce();
		assert_int_equal(rcode_now(), UPDATE_FINE);
		assert_int_equal(n_records(), 1);
		memcpy(message, old, sizeof(old));
		message_len = old_len;
		assert_int_equal(hand_on(zone_id("z")), 0);
		assert_int_equal(rcode_now(), UPDATE_FINE);
		assert_int_equal(n_records(), 1);
	}
}

/* The process may be anybody's by now: it is not believed. */
static void test_not_believed(void **state)
{
	const uint32_t z = zone_id("z"), y = zone_id("y");

	add("b.example.org");
	assert_int_equal(hand_on(y), 0); /* no key of that zone */
	assert_int_equal(rcode_now(), UPDATE_REFUSED);
	assert_int_equal(hand_on(999), 0);
	assert_int_equal(rcode_now(), UPDATE_REFUSED);
	assert_int_equal(hand_on(landscape_find(c->landscape, OBJECT_CLUSTER, "own")->id), 0);
	assert_int_equal(rcode_now(), UPDATE_REFUSED);
	begin("example.org");
	put_record(8, "b.example.org", 1, 1, 60, address, 4);
	assert_int_equal(hand_on(z), 0); /* unsigned */
	assert_int_equal(rcode_now(), UPDATE_REFUSED);
	sign("k", "another secret of the same size.");
	assert_int_equal(hand_on(z), 0);
	assert_int_equal(rcode_now(), UPDATE_REFUSED);
	begin("example.org");
	put_record(8, "b.example.org", 1, 1, 60, address, 4);
	sign("t", SECRET); /* may transfer */
	assert_int_equal(hand_on(z), 0);
	assert_int_equal(rcode_now(), UPDATE_REFUSED);
	begin("example.com"); /* signed well, for another zone */
	put_record(8, "b.example.com", 1, 1, 60, address, 4);
	sign("k", SECRET);
	assert_int_equal(hand_on(z), 0);
	assert_int_equal(rcode_now(), UPDATE_NOTAUTH);
	assert_int_equal(n_records(), 1);
}

static void test_contract(void **state)
{
	struct msg m = {.type = MSG_UPDATE, .records = message, .n_records = 2};
	struct msg_update u = {.request = 1, .len = 0};

	m.body = &u;
	assert_int_equal(update_on_msg(c, &c->dns.gate[0], &m), -EBADMSG);
	u.len = 17;
	assert_int_equal(update_on_msg(c, &c->dns.gate[0], &m), -EBADMSG);
	u.len = 8;
	assert_int_equal(update_on_msg(c, &c->dns.gate[0], &m), -EBADMSG);
	u.len = 12;
	assert_int_equal(update_on_msg(c, &c->dns.gate[0], &m), 0);
	requests = 1;
	assert_int_equal(rcode_now(), UPDATE_REFUSED);
}

static void test_names_of_the_system(void **state)
{
	const uint32_t z = zone_id("z");

	add("api.example.org");
	assert_int_equal(hand_on(z), 0);
	assert_int_equal(rcode_now(), UPDATE_REFUSED);
	begin("example.org"); /* it is there, and what it is */
	put_record(6, "api.example.org", 1, 1, 0, (const uint8_t[]){10, 0, 0, 9}, 4);
	put_record(6, "api.example.org", 28, 254, 0, NULL, 0);
	sign("k", SECRET);
	assert_int_equal(hand_on(z), 0);
	assert_int_equal(rcode_now(), UPDATE_FINE);
	begin("example.org");
	put_record(6, "api.example.org", 255, 254, 0, NULL, 0);
	sign("k", SECRET);
	assert_int_equal(hand_on(z), 0);
	assert_int_equal(rcode_now(), UPDATE_YXDOMAIN);
}

static void test_codes(void **state)
{
	const uint32_t z = zone_id("z");

	begin("example.org");
	put_record(6, "none.example.org", 255, 255, 0, NULL, 0);
	sign("k", SECRET);
	assert_int_equal(hand_on(z), 0);
	assert_int_equal(rcode_now(), UPDATE_NXDOMAIN);
	begin("example.org");
	put_record(8, "x.example.net", 1, 1, 60, address, 4);
	sign("k", SECRET);
	assert_int_equal(hand_on(z), 0);
	assert_int_equal(rcode_now(), UPDATE_NOTZONE);
	begin("example.org"); /* NS at a wildcard: the document's own rules say no */
	put_record(8, "*.example.org", 2, 1, 60, (const uint8_t[]){1, 'a', 0}, 3);
	sign("k", SECRET);
	assert_int_equal(hand_on(z), 0);
	assert_int_equal(rcode_now(), UPDATE_REFUSED);
	begin("example.org"); /* an address of three octets */
	put_record(8, "x.example.org", 1, 1, 60, address, 3);
	sign("k", SECRET);
	assert_int_equal(hand_on(z), 0);
	assert_int_equal(rcode_now(), UPDATE_FORMERR);
	assert_int_equal(n_records(), 1);
}

/* The process ended meanwhile: whoever has its place now did not ask. */
static void test_process_gone(void **state)
{
	enforce();
	add("b.example.org");
	assert_int_equal(hand_on(zone_id("z")), 0);
	c->dns.gate[0].pid = 78;
	enforce();
	assert_int_equal(rcode_now(), -1);
	assert_int_equal(c->updates.n, 0);
	assert_int_equal(n_records(), 2);
}

/* A secret that the document leaves out is made, and kept. */
static void test_secret(void **state)
{
	struct store_object a = {0}, b = {0};

	must_apply_text("kind: tsig-key\nname: made\n");
	assert_int_equal(store_get(c->store, "tsig-key", "made", &a, NULL), 0);
	assert_int_equal(json_string_length(json_object_get(a.body, "secret")), 44);
	must_apply_text("kind: tsig-key\nname: made\nalgorithm: hmac-sha512\n");
	assert_int_equal(store_get(c->store, "tsig-key", "made", &b, NULL), 0);
	assert_true(
		json_equal(json_object_get(a.body, "secret"), json_object_get(b.body, "secret")));
	assert_false(json_equal(a.body, b.body));
	store_object_done(&a);
	store_object_done(&b);
}

/* Lookers see no secret, neither of objects nor in comparisons. */
static void test_secret_hidden(void **state)
{
	static const struct peer stranger = {.uid = 1000, .gid = 1000};
	struct request r = {.control = c, .peer = root};
	json_t *doc = json_pack("{s:s, s:s, s:s}", "kind", "tsig-key", "name", "k", "secret",
				BASE64),
	       *other =
		       json_pack("{s:s, s:s, s:s}", "kind", "tsig-key", "name", "k", "secret", "x"),
	       *seen = secret_hide(&r, "tsig-key", "k", doc), *before, *after;
	struct change_item item = {.kind = kind_find("tsig-key"), .before = doc, .after = other};

	assert_true(json_equal(seen, doc));
	json_decref(seen);
	r.peer = stranger;
	seen = secret_hide(&r, "tsig-key", "k", doc);
	assert_null(json_object_get(seen, "secret"));
	json_decref(seen);
	secret_mask(&item, &before, &after);
	assert_string_equal(json_string_value(json_object_get(before, "secret")), "(secret)");
	assert_string_equal(json_string_value(json_object_get(after, "secret")),
			    "(another secret)");
	json_decref(before);
	json_decref(after);
	item.after = doc;
	secret_mask(&item, &before, &after);
	assert_true(json_equal(before, after));
	json_decref(before);
	json_decref(after);
	json_decref(doc);
	json_decref(other);
}

/* What the store has and cannot be read is left out of the landscape: nobody has such a key. */
static void test_key_that_is_not_there(void **state)
{
	const uint32_t id = zone_id("z");
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:[s]}", "kind", "zone", "name", "z",
				"domain", "example.org", "visibility", "private", "update", "gone");
	uint64_t request;
	struct object *o;
	struct err e;

	landscape_begin(c->landscape);
	assert_int_equal(landscape_put(c->landscape, OBJECT_ZONE, id, doc, &o, &e), 0);
	landscape_commit(c->landscape);
	json_decref(doc);
	add("b.example.org");
	assert_int_equal(hand_on(id), 0);
	assert_int_equal(answered(&request), UPDATE_REFUSED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, update_setup, update_teardown)
	const struct CMUnitTest tests[] = {
		T(test_done_when_enforced),
		T(test_twice),
		T(test_not_believed),
		T(test_contract),
		T(test_codes),
		T(test_names_of_the_system),
		T(test_process_gone),
		T(test_secret),
		T(test_secret_hidden),
		T(test_key_that_is_not_there),
	};

	log_init(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_TEXT, LOG_ERROR, "test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
