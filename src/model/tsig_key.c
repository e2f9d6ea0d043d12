/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/tsig_key.h"

#include "base/base64.h"
#include "model/field.h"
#include "model/zone.h"

#include <string.h>

static struct tsig_key *key_of(void *arg)
{
	return ((struct reading *)arg)->body;
}

static int key_name_check(const json_t *v, void *arg, struct err *e)
{
	return dns_name_fold(json_string_value(v), json_string_length(v), false, key_of(arg)->name,
			     e);
}

static int algorithm_check(const json_t *v, void *arg, struct err *e)
{
	static const char *const words[] = {"hmac-sha256", "hmac-sha384", "hmac-sha512", NULL};
	int r = schema_word(e, v, words);

	if (r >= 0)
		key_of(arg)->algorithm = (enum tsig_algorithm)r;
	return r < 0 ? r : 0;
}

/* What is wrong is said without a letter of it. */
static int secret_check(const json_t *v, void *arg, struct err *e)
{
	struct tsig_key *k = key_of(arg);
	ssize_t n = base64_read(json_string_value(v), json_string_length(v), k->secret,
				sizeof(k->secret));

	if (n < TSIG_SECRET_MIN)
		return err_set(e, ERR_INVALID, NULL,
			       "must be base64 of %d to %d octets; leave it out, and one is made",
			       TSIG_SECRET_MIN, TSIG_SECRET_MAX);
	k->secret_len = (uint32_t)n;
	return 0;
}

static int key_finish(struct reading *rd, const json_t *doc, struct err *e)
{
	struct tsig_key *k = rd->body;
	const json_t *name = json_object_get(doc, "name");

	if (k->name[0])
		return 0;
	return dns_name_fold(json_string_value(name), json_string_length(name), false, k->name, e);
}

static const struct schema_field key_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"keyName", SCHEMA_STRING, false, key_name_check},
	{"algorithm", SCHEMA_STRING, false, algorithm_check},
	{"secret", SCHEMA_STRING, false, secret_check},
	{0},
};

static void key_done(void *body)
{
	struct tsig_key *k = body;

	explicit_bzero(k->secret, sizeof(k->secret));
}

const struct body_type tsig_key_type = {
	.size = sizeof(struct tsig_key),
	.fields = key_fields,
	.finish = key_finish,
	.done = key_done,
};

const char *tsig_algorithm_text(enum tsig_algorithm a)
{
	static const char *const text[TSIG_ALGORITHM_COUNT] = {
		[TSIG_HMAC_SHA256] = "hmac-sha256",
		[TSIG_HMAC_SHA384] = "hmac-sha384",
		[TSIG_HMAC_SHA512] = "hmac-sha512",
	};

	return text[a];
}

int tsig_key_fold_names(json_t *doc)
{
	return json_fold_name(doc, "keyName");
}
