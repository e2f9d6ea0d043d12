/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/tsig.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "wire/cursor.h"
#include "wire/rdata.h"

#include <assert.h>
#include <string.h>

#include <libknot/errcode.h>
#include <libknot/tsig-op.h>

#define HEADER_BYTES   12
#define CLASS_ANY      255
#define POINTER	       0xc0
#define HALF_MAC(size) ((size) / 2 > 10 ? (size) / 2 : 10) /* RFC 8945 section 5.2.2.1 */

/* As domain names, folded. */
static const char *const algorithm_names[TSIG_ALGORITHM_COUNT] = {
	[TSIG_HMAC_SHA256] = "\013hmac-sha256",
	[TSIG_HMAC_SHA384] = "\013hmac-sha384",
	[TSIG_HMAC_SHA512] = "\013hmac-sha512",
};
static const size_t mac_sizes[TSIG_ALGORITHM_COUNT] = {32, 48, 64};

/* --- reading ----------------------------------------------------------------------------------------------- */

/* A name that may be compressed, into dst, folded. Returns its length; 0: no good name. */
static uint8_t name_take(struct cursor *c, const uint8_t *message, uint8_t dst[DNAME_MAX])
{
	struct cursor at = *c;
	size_t n = 0;
	bool has_jumped = false;
	const uint8_t *label, *limit = c->p;

	for (;;) {
		uint8_t len = cursor_u8(&at);

		if (!at.bad && len >= POINTER) {
			const size_t to = (size_t)(len & 0x3f) << 8 | cursor_u8(&at);

			if (!has_jumped)
				*c = at;
			has_jumped = true;
			/* Always further back: it ends. */
			if (at.bad || to < HEADER_BYTES || message + to >= limit)
				return 0;
			limit = message + to;
			at.p = limit;
			continue;
		}
		label = cursor_take(&at, len);
		if (!label || len > DNAME_LABEL || n + 1 + len > DNAME_MAX - (len ? 1 : 0))
			return 0;
		dst[n] = len;
		memcpy(dst + n + 1, label, len);
		n += 1u + len;
		if (len == 0)
			break;
	}
	if (!has_jumped)
		*c = at;
	dname_fold(dst, n);
	return (uint8_t)n;
}

static void name_skip(struct cursor *c)
{
	for (;;) {
		const uint8_t len = cursor_u8(c);

		if (len >= POINTER) {
			cursor_take(c, 1);
			return;
		}
		if (len > DNAME_LABEL)
			c->bad = true;
		cursor_take(c, len);
		if (len == 0 || c->bad)
			return;
	}
}

static uint16_t record_skip(struct cursor *c)
{
	uint16_t type;

	name_skip(c);
	type = cursor_be16(c);
	cursor_take(c, 6);
	cursor_take(c, cursor_be16(c));
	return type;
}

static int algorithm_of(const uint8_t *name, size_t len)
{
	uint8_t folded[DNAME_MAX];

	memcpy(folded, name, len);
	dname_fold(folded, len);
	for (int a = 0; a < TSIG_ALGORITHM_COUNT; a++)
		if (len == strlen(algorithm_names[a]) + 1 &&
		    memcmp(folded, algorithm_names[a], len) == 0)
			return a;
	return -1;
}

static int rdata_read(struct cursor *c, const uint8_t *message, struct tsig *t)
{
	const size_t size = dname_size(c->p, cursor_left(c));
	const uint8_t *algorithm = cursor_take(c, size), *mac;

	if (size == 0)
		return -ERR_INVALID;
	t->algorithm = algorithm_of(algorithm, size);
	t->time_signed = (uint64_t)cursor_be16(c) << 32;
	t->time_signed |= (uint64_t)cursor_be16(c) << 16;
	t->time_signed |= cursor_be16(c);
	cursor_be16(c); /* fudge: ours counts */
	t->mac_len = cursor_be16(c);
	mac = cursor_take(c, t->mac_len);
	cursor_take(c, 4);		/* original id, error */
	cursor_take(c, cursor_be16(c)); /* other data */
	if (c->bad || cursor_left(c) > 0)
		return -ERR_INVALID;
	t->mac_at = (size_t)(mac - message);
	return 0;
}

int tsig_find(const uint8_t *message, size_t len, struct tsig *ret_tsig)
{
	struct cursor c = cursor_of(message, len), rdata;
	struct tsig t = {0};
	unsigned questions, records = 0, additionals;

	cursor_take(&c, 4);
	questions = cursor_be16(&c);
	records = cursor_be16(&c);
	records += cursor_be16(&c);
	additionals = cursor_be16(&c);
	for (unsigned i = 0; i < questions && !c.bad; i++) {
		name_skip(&c);
		cursor_take(&c, 4);
	}
	for (unsigned i = 0; i + 1 < records + additionals && !c.bad; i++)
		if (record_skip(&c) == RR_TSIG)
			return -ERR_INVALID;
	if (c.bad)
		return -ERR_INVALID;
	if (additionals == 0)
		return -ERR_NOT_FOUND;
	t.at = (size_t)(c.p - message);
	t.name_len = name_take(&c, message, t.name);
	if (t.name_len == 0)
		return -ERR_INVALID;
	if (cursor_be16(&c) != RR_TSIG)
		return c.bad ? -ERR_INVALID : -ERR_NOT_FOUND;
	if (cursor_be16(&c) != CLASS_ANY || cursor_be16(&c) != 0 || cursor_be16(&c) != 0)
		return -ERR_INVALID; /* class and TTL are as RFC 8945 section 4.2 has them */
	t.rdata_len = cursor_be16(&c);
	rdata = cursor_sub(&c, t.rdata_len);
	if (rdata.bad || cursor_left(&c) > 0 || rdata_read(&rdata, message, &t) < 0)
		return -ERR_INVALID;
	t.rdata_at = (size_t)(rdata.end - message) - t.rdata_len;
	*ret_tsig = t;
	return 0;
}

/* --- libknot's form of it ----------------------------------------------------------------------------------- */

static knot_tsig_key_t knot_key(const struct tsig_secret *key)
{
	static const dnssec_tsig_algorithm_t algorithms[TSIG_ALGORITHM_COUNT] = {
		[TSIG_HMAC_SHA256] = DNSSEC_TSIG_HMAC_SHA256,
		[TSIG_HMAC_SHA384] = DNSSEC_TSIG_HMAC_SHA384,
		[TSIG_HMAC_SHA512] = DNSSEC_TSIG_HMAC_SHA512,
	};

	return (knot_tsig_key_t){
		.algorithm = algorithms[key->algorithm],
		.name = (knot_dname_t *)(uintptr_t)key->name,
		.secret = {.size = key->len, .data = (uint8_t *)(uintptr_t)key->secret},
	};
}

/* Its data is to be freed: knot_rdataset_clear(). */
static int knot_record(knot_rrset_t *rr, const uint8_t *message, const struct tsig *t)
{
	knot_rrset_init(rr, (knot_dname_t *)(uintptr_t)t->name, KNOT_RRTYPE_TSIG, KNOT_CLASS_ANY,
			0);
	return knot_rrset_add_rdata(rr, message + t->rdata_at, (uint16_t)t->rdata_len, NULL);
}

static enum tsig_error error_of(int r)
{
	switch (r) {
	case KNOT_EOK:
		return TSIG_FINE;
	case KNOT_TSIG_EBADKEY:
		return TSIG_BADKEY;
	case KNOT_TSIG_EBADTIME:
		return TSIG_BADTIME;
	default:
		return TSIG_BADSIG;
	}
}

/* --- checking and signing ------------------------------------------------------------------------------------- */

static bool time_is_near(uint64_t at)
{
	const uint64_t now = clock_wall_us() / 1000000;

	return (at > now ? at - now : now - at) <= TSIG_FUDGE_S;
}

enum tsig_error tsig_check(const uint8_t *message, const struct tsig *t,
			   const struct tsig_secret *key)
{
	const knot_tsig_key_t k = knot_key(key);
	_cleanup_free_ uint8_t *signed_part = NULL;
	enum tsig_error error;
	knot_rrset_t rr;
	size_t whole;
	unsigned additionals;

	if (t->algorithm != (int)key->algorithm || !dname_is_equal(t->name, key->name))
		return TSIG_BADKEY;
	whole = mac_sizes[key->algorithm];
	if (t->mac_len > whole || (t->mac_len < whole && t->mac_len < HALF_MAC(whole)))
		return t->mac_len == 0 ? TSIG_BADSIG : TSIG_FORMERR;
	if (t->mac_len < whole)
		return TSIG_BADTRUNC;
	/* What was signed did not count the TSIG yet. */
	signed_part = malloc(t->at);
	if (!signed_part || knot_record(&rr, message, t) != KNOT_EOK)
		return TSIG_BADSIG;
	memcpy(signed_part, message, t->at);
	additionals = ((unsigned)message[10] << 8 | message[11]) - 1;
	signed_part[10] = (uint8_t)(additionals >> 8);
	signed_part[11] = (uint8_t)additionals;
	error = error_of(knot_tsig_server_check(&rr, signed_part, t->at, &k));
	if (error == TSIG_FINE && !time_is_near(t->time_signed))
		error = TSIG_BADTIME;
	knot_rdataset_clear(&rr.rrs, NULL);
	return error;
}

void tsig_chain_begin(struct tsig_chain *chain, const uint8_t *message, const struct tsig *t)
{
	*chain = (struct tsig_chain){0};
	if (!message)
		return;
	assert(t->mac_len <= sizeof(chain->mac));
	chain->mac_len = t->mac_len;
	memcpy(chain->mac, message + t->mac_at, t->mac_len);
}

size_t tsig_sign(uint8_t *message, size_t len, size_t cap, const struct tsig_secret *key,
		 struct tsig_chain *chain, enum tsig_error error, uint64_t time_signed)
{
	const knot_tsig_key_t k = knot_key(key);
	uint8_t mac[TSIG_MAC_MAX];
	size_t mac_len = sizeof(mac);
	int r;

	if (len + tsig_size(key) > cap)
		return 0;
	if (chain->has_signed)
		r = knot_tsig_sign_next(message, &len, cap, chain->mac, chain->mac_len, mac,
					&mac_len, &k, message, len);
	else
		r = knot_tsig_sign(message, &len, cap, chain->mac_len ? chain->mac : NULL,
				   chain->mac_len, mac, &mac_len, &k, (uint16_t)error, time_signed);
	if (r != KNOT_EOK)
		return 0;
	chain->has_signed = true;
	chain->mac_len = mac_len;
	memcpy(chain->mac, mac, mac_len);
	return len;
}

size_t tsig_put_error(uint8_t *message, size_t len, size_t cap, const uint8_t *request,
		      const struct tsig *t, enum tsig_error error)
{
	knot_rrset_t rr;
	int r;

	if (knot_record(&rr, request, t) != KNOT_EOK)
		return 0;
	r = knot_tsig_add(message, &len, cap, (uint16_t)error, &rr);
	knot_rdataset_clear(&rr.rrs, NULL);
	return r == KNOT_EOK ? len : 0;
}

size_t tsig_size(const struct tsig_secret *key)
{
	const knot_tsig_key_t k = knot_key(key);

	return knot_tsig_wire_size(&k) + 6; /* the other data of BADTIME */
}
