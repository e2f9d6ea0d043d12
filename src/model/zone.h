/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zones and their links to networks (model/dns.h), beyond their bodies. */
#pragma once

#include "model/dns.h"

#include <jansson.h>

/* The first set of that name in the zone's order; *ret_n of them. NULL if there is none. name is within the zone, folded. */
const struct record_set *zone_find_sets(const struct declared_zone *z, const char *name,
					size_t *ret_n);

/* Fold the names in a zone's document that has passed the check, in place. 0, -ERR_NOMEM. */
int zone_fold_names(json_t *doc) _must_check_;
/* Fold the string at key, if it is a name. 0, -ERR_NOMEM. */
int json_fold_name(json_t *object, const char *key) _must_check_;
