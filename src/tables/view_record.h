/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Codecs of the records of views (view_record.c draws them). Decoders are strict and return 0 or -ERR_UNAVAILABLE. */
#pragma once

#include "tables/tables_int.h"
#include "tables/zone.h"

#define LINK_KEY_MAX	  (4 + DNAME_MAX)
#define LINK_RECORD_BYTES 16
#define VIEW_DEPTHS	  128 /* 0 labels, the root, to DNAME_LABELS */

/* domain folded. Returns the length. */
size_t link_key_encode(uint32_t router, const uint8_t *domain, size_t len,
		       uint8_t dst[LINK_KEY_MAX]);
void link_record_encode(const MDB_val *key, uint32_t zone, uint32_t flags,
			uint8_t dst[LINK_RECORD_BYTES]);
int link_record_decode(const MDB_val *key, const MDB_val *v, uint32_t *ret_zone,
		       uint32_t *ret_flags) _must_check_;
/* The key as well. */
int link_record_check(const MDB_val *key, const MDB_val *v) _must_check_;

/* counts: how many linked domains have so many labels. */
size_t view_record_size(const struct view_config *v, const uint32_t counts[VIEW_DEPTHS]);
/* Forwards by domain, none twice, at least a server each. */
void view_record_encode(const struct view_config *v, const uint32_t counts[VIEW_DEPTHS],
			uint8_t *dst, size_t len);
/* What decoding checks, without memory. */
int view_record_check(const MDB_val *value, uint32_t router) _must_check_;
/* Also -ERR_NOMEM. tables_view_done() frees it. */
int view_record_decode(const MDB_val *value, uint32_t router, struct view_config *ret_view,
		       uint32_t counts[VIEW_DEPTHS]) _must_check_;
