/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two files of an update share: update.c judges, update_work.c changes. */
#pragma once

#include "model/record.h"
#include "model/update.h"

#include <string.h>

struct update_owner {
	char name[DNS_NAME_MAX + 1]; /* within the zone; "": none that a document can say */
};

static inline bool owner_is_apex(const struct update_owner *o)
{
	return strcmp(o->name, "@") == 0;
}

/* False: not in the zone. */
bool update_owner_read(const struct declared_zone *z, const uint8_t *wire,
		       struct update_owner *ret_owner);
/* The value as documents have it. False: it cannot be said there. */
bool update_value_read(const struct update_record *r, char dst[RECORD_TEXT_MAX]);
/* Make changes that have been judged. 0 or -ERR_NOMEM. */
int update_work(const struct update_zone *z, const struct update *u, json_t **ret_doc) _must_check_;
