/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Secrets in documents (struct kind: secret): made where a document leaves them out, and shown to nobody who may only look.
 */
#pragma once

#include "control/change.h"
#include "control/request.h"
#include "model/kind.h"

#define SECRET_BYTES 32 /* of one that is made */

/* item's document that leaves its secret out gets the one that the object has, or a new one. 0, -ERR_NOMEM, -ERR_UNAVAILABLE. */
int secret_fill(struct change_item *item, struct err *e) _must_check_;
/* The document of an object, or of its past, as the caller of r may see it. New reference; NULL: doc is, or out of memory. */
json_t *secret_hide(const struct request *r, const char *kind, const char *name, const json_t *doc);
/*
 * Both documents of a change, for a comparison that everybody may see: words in the place of the secret, which are different if
 * the secrets are. New references, NULL where the document is.
 */
void secret_mask(const struct change_item *item, json_t **ret_before, json_t **ret_after);
