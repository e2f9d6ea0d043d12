/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The input is an UPDATE message, as control has it when its signature was good, or before. Properties: a TSIG that is found lies within
 * the message; what an update makes of a zone is a document that can be read again, or one that the check of documents refuses.
 */
#include "control/update_read.h"
#include "model/body.h"
#include "wire/tsig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The compiler must not take the checks away in a release build. */
#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static const char zone_text[] =
	"{\"kind\":\"zone\",\"name\":\"z\",\"domain\":\"corp.example\",\"visibility\":\"private\","
	"\"records\":["
	"{\"name\":\"www\",\"type\":\"A\",\"values\":[\"192.0.2.80\",\"192.0.2.81\"]},"
	"{\"name\":\"c\",\"type\":\"CNAME\",\"values\":[\"a.b\"]},"
	"{\"name\":\"@\",\"type\":\"NS\",\"values\":[\"ns1.a.b\"]}]}";

static const struct record_set owned = {
	.name = "api", .values = "192.0.2.1", .n_values = 1, .type = RECORD_A};

static void signature(const uint8_t *data, size_t size)
{
	const struct tsig_secret key = {(const uint8_t *)"\6editor\7example\3net", TSIG_HMAC_SHA384,
					(const uint8_t *)"0123456789abcdef", 16};
	struct tsig t;

	if (tsig_find(data, size, &t) < 0)
		return;
	CHECK(t.at < size && t.name_len > 0 && t.rdata_at + t.rdata_len == size);
	CHECK(t.mac_at >= t.rdata_at && t.mac_at + t.mac_len <= size);
	CHECK(tsig_check(data, &t, &key) != TSIG_FINE);
}

static void update(const struct update_message *m)
{
	json_t *doc = json_loads(zone_text, 0, NULL), *after;
	struct update_zone z = {.doc = doc, .system = &owned, .n_system = 1, .serial = 7};
	void *body, *again;
	struct err e;
	int r;

	CHECK(doc && body_parse(OBJECT_ZONE, doc, NULL, NULL, &body, &e) == 0);
	z.zone = body;
	r = update_make(&z, &m->update, &after);
	CHECK(r >= 0 && r <= UPDATE_NOTZONE && (r == UPDATE_FINE || !after));
	if (after && body_parse(OBJECT_ZONE, after, NULL, NULL, &again, &e) == 0) {
		size_t n;

		CHECK(!zone_find_sets(again, "api", &n));
		body_free(OBJECT_ZONE, again);
	}
	json_decref(after);
	json_decref(doc);
	body_free(OBJECT_ZONE, body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct update_message m;

	signature(data, size);
	if (update_message_read(data, size, &m) == 0) {
		update(&m);
		update_message_done(&m);
	}
	return 0;
}
