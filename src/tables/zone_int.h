/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Offsets in the zone blob (zone.h draws it), shared by who builds it (zone_blob.c) and who reads it (zone_read.c). */
#pragma once

#include "base/siphash.h"
#include "tables/tables_int.h"
#include "tables/zone.h"

#define ZONE_MAGIC	      0x31425a50u /* "PZB1" */

#define ZONE_LEN_AT	      4
#define ZONE_CHECK_AT	      8
#define ZONE_ID_AT	      16
#define ZONE_SERIAL_AT	      20
#define ZONE_KEY_AT	      24
#define ZONE_NEGATIVE_TTL_AT  40
#define ZONE_NODES_AT	      44
#define ZONE_SLOTS_AT	      48
#define ZONE_SOA_AT	      52
#define ZONE_APEX_LEN_AT      56
#define ZONE_APEX_LABELS_AT   57
#define ZONE_FLAGS_AT	      58
#define ZONE_PROBES_AT	      59
#define ZONE_HEAD_CHECK_AT    60

#define ZONE_FLAG_WILDCARDS   1
#define ZONE_FLAG_DELEGATIONS 2
#define ZONE_FLAG_DENIED      4

#define NODE_HEADER_BYTES     4
#define NODE_FLAG_DELEGATION  1
#define SET_HEADER_BYTES      8
#define RR_HEADER_BYTES	      12
#define SLOT_BYTES	      8

static inline size_t zone_slots_offset(size_t apex_len)
{
	return (ZONE_HEADER_BYTES + apex_len + 3) / 4 * 4;
}

static inline uint64_t zone_hash(const uint8_t key[ZONE_KEY_BYTES], const uint8_t *relative,
				 size_t len)
{
	return siphash13(key, relative, len);
}

uint32_t zone_head_check(const uint8_t *blob);
uint64_t zone_whole_check(const uint8_t *blob, size_t len);
/* Put both check values right. */
void zone_seal(uint8_t *blob, size_t len);
/* The record of a key, and its key. 0 or -ERR_UNAVAILABLE. */
int zone_key_check(const MDB_val *key, const MDB_val *v) _must_check_;
/* The same zone with another serial. The blob must be good. */
void zone_serial_set(uint8_t *blob, size_t len, uint32_t serial);
