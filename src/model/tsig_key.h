/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys that sign transfers and updates of zones (model/dns.h), beyond their bodies. */
#pragma once

#include "model/dns.h"

#include <jansson.h>

/* "hmac-sha256": as documents say, and as messages do (RFC 8945 section 6). */
const char *tsig_algorithm_text(enum tsig_algorithm a);

/* Fold the names in a key's document that has passed the check, in place. 0, -ERR_NOMEM. */
int tsig_key_fold_names(json_t *doc) _must_check_;
