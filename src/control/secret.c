/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/secret.h"

#include "model/kind.h"

#include "base/base64.h"

#include <string.h>
#include <sys/random.h>

int secret_fill(struct change_item *item, struct err *e)
{
	const char *field = item->kind->secret;
	uint8_t secret[SECRET_BYTES];
	char text[BASE64_TEXT(SECRET_BYTES)];
	json_t *had, *value;

	if (!field || !item->after || json_object_get(item->after, field))
		return 0;
	had = json_object_get(item->before, field);
	if (!had && getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return err_set(e, ERR_UNAVAILABLE, NULL, "no random numbers can be had");
	value = had ? json_incref(had) : json_string(base64_write(secret, sizeof(secret), text));
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(text, sizeof(text));
	if (!value || json_object_set_new(item->after, field, value) < 0)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	return 0;
}

json_t *secret_hide(const struct request *r, const char *kind, const char *name, const json_t *doc)
{
	const struct kind *k = kind_find(kind);

	if (!k || !k->secret || authz_may(&r->control->authz, &r->peer, RIGHT_CHANGE, name))
		return json_incref((json_t *)(uintptr_t)doc);
	return kind_public(k, doc);
}

static json_t *masked(const struct kind *k, const json_t *doc, const char *word)
{
	json_t *copy = kind_public(k, doc);

	if (copy && json_object_get(doc, k->secret))
		json_object_set_new(copy, k->secret, json_string(word));
	return copy;
}

void secret_mask(const struct change_item *item, json_t **ret_before, json_t **ret_after)
{
	const struct kind *k = item->kind;

	if (!k->secret) {
		*ret_before = json_incref(item->before);
		*ret_after = json_incref(item->after);
		return;
	}
	*ret_before = masked(k, item->before, "(secret)");
	*ret_after = masked(k, item->after,
			    item->before && !json_equal(json_object_get(item->before, k->secret),
							json_object_get(item->after, k->secret))
				    ? "(another secret)"
				    : "(secret)");
}
