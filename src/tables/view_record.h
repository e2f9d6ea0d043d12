/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Codecs of the records of views (view_record.c draws them). Decoders are strict and return 0 or -ERR_UNAVAILABLE. */
#pragma once

#include "tables/tables_int.h"
#include "tables/zone.h"

#define LINK_KEY_MAX	 (4 + DNAME_MAX)
#define LINKED_KEY_BYTES 8
#define VIEW_DEPTHS	 128 /* 0 labels, the root, to DNAME_LABELS */

/* domain folded. Returns the length. */
size_t link_key_encode(uint32_t router, const uint8_t *domain, size_t len,
		       uint8_t dst[LINK_KEY_MAX]);
/* A zone under a domain of a view. */
struct link_entry {
	uint32_t zone, flags;
	uint32_t rank, owner; /* the lowest rank is asked, of equal ones the lowest owner */
};
size_t link_record_size(size_t n);
/* Entries by link_entry_cmp(), none twice, at least one. */
void link_record_encode(const MDB_val *key, const struct link_entry *entries, size_t n,
			uint8_t *dst);
/* *ret_n of them, to be read with link_record_entry(). */
int link_record_decode(const MDB_val *key, const MDB_val *v, size_t *ret_n) _must_check_;
struct link_entry link_record_entry(const MDB_val *v, size_t i);
int link_entry_cmp(const void *a, const void *b);
/* The key as well. */
int link_record_check(const MDB_val *key, const MDB_val *v) _must_check_;

/* A domain under which an owner has something in a view, and with which rank. */
struct linked_item {
	uint8_t rank;
	uint8_t len;
	uint8_t domain[DNAME_MAX]; /* folded */
};
void linked_item_make(const uint8_t *domain, uint32_t rank, struct linked_item *ret_item);
int linked_item_cmp(const void *a, const void *b);
void linked_key_encode(uint32_t router, uint32_t owner, uint8_t dst[LINKED_KEY_BYTES]);
size_t linked_record_size(const struct linked_item *items, size_t n);
/* Items by linked_item_cmp(), none twice. */
void linked_record_encode(const MDB_val *key, const struct linked_item *items, size_t n,
			  uint8_t *dst);
int linked_record_check(const MDB_val *key, const MDB_val *v) _must_check_;
/* The item at *at, 0 at first, which is moved on. False: past the last. The record must be good. */
bool linked_record_next(const MDB_val *v, size_t *at, struct linked_item *ret_item);

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
