/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of the tables: the handles, the records' codecs and the walk that checks a whole snapshot.
 *
 * Every record carries a check value, XXH3 over its key and its content, so that a record that a damaged page puts under
 * another key is noticed. The meta record holds the sum (modulo 2^64) of a digest over all records' check values; the
 * writer keeps it up to date with every put and delete, and opening the tables recomputes it. So a record that is missing,
 * or an older one that came back, is noticed at that time too.
 */
#pragma once

#include "tables/network.h"

#include <lmdb.h>

#define TABLES_READERS_MAX	  1024
#define TABLES_NAME_MAX		  255 /* octets of a server name, RFC 1035 section 2.3.4 */
#define TABLES_STORE_ID_MAX	  40  /* with the terminating zero */
#define TABLES_READER_CHECK_EVERY 16  /* commits */

enum table {
	TABLE_META,
	TABLE_NAME,
	TABLE_CLUSTER,
	TABLE_RANGES,
	TABLE_NETWORK,
	TABLE_ENDPOINT,
	TABLE_ZONE,
	TABLE_VIEW,
	TABLE_LINKED,
	TABLE_VIEW_CONFIG,
	TABLE_ZONE_KEY,
	TABLE_CHANGE,
	TABLE_COUNT
};

struct meta_record {
	uint64_t generation;
	uint64_t changes_from; /* the change table covers every generation > this one */
	uint64_t digest;       /* sum over all records, record_digest() */
	char store_id[TABLES_STORE_ID_MAX];
};

struct tables_snapshot {
	struct tables *tables; /* whose member this is */
	MDB_txn *txn;	       /* reset between tables_release() and tables_acquire() */
	bool is_live;
	struct meta_record meta;
};

struct tables {
	MDB_env *env;
	MDB_dbi dbi[TABLE_COUNT];
	struct tables_snapshot snapshot;
	bool is_writer;
	/* The writer's transaction; NULL outside. meta is the record to be written at its end. */
	MDB_txn *write;
	struct meta_record meta;
	bool is_cleared;
	unsigned commits;
};

/* --- env.c ------------------------------------------------------------------------------------------------ */

/* Fill e from an LMDB or errno code and return the negative ERR_ code. what: "write the name table" */
int tables_fail(struct err *e, int rc, const char *what);

/* --- reader.c --------------------------------------------------------------------------------------------- */

/* -ERR_NOT_FOUND, -ERR_UNAVAILABLE. *ret_v is borrowed until tables_release(). */
int tables_record_get(struct tables_snapshot *s, enum table table, MDB_val *key, MDB_val *ret_v)
	_must_check_;
/* Every key of a table whose keys are ids. */
int tables_each_id(struct tables_snapshot *s, enum table table, tables_id_fn *cb, void *arg)
	_must_check_;

/* --- writer.c: within the transaction; the digest is kept ------------------------------------------------- */

int tables_record_put(struct tables *t, enum table table, MDB_val *key, MDB_val *v, struct err *e)
	_must_check_;
int tables_record_delete(struct tables *t, enum table table, MDB_val *key, struct err *e)
	_must_check_; /* absent is fine */
/* Every record whose key begins with these octets, by key; none: all of the table. */
int tables_records_delete(struct tables *t, enum table table, const void *prefix, size_t len,
			  struct err *e) _must_check_;

/* --- verify.c --------------------------------------------------------------------------------------------- */

/* Read every record, check it and the sum of all. Allocates nothing. 0 or -ERR_UNAVAILABLE. */
int tables_verify(struct tables_snapshot *s, struct err *e) _must_check_;

/* --- record.c: codecs. Encoders fill fixed buffers; decoders are strict and return 0 or -ERR_UNAVAILABLE ---- */

#define META_RECORD_BYTES   80
#define NAME_RECORD_BYTES   16
#define RANGES_HEADER_BYTES 16
#define CHANGE_HEADER_BYTES 8

void meta_record_encode(const struct meta_record *m, uint8_t dst[META_RECORD_BYTES]);
int meta_record_decode(const MDB_val *v, struct meta_record *ret_meta) _must_check_;

void name_record_encode(const MDB_val *key, uint32_t id, uint8_t dst[NAME_RECORD_BYTES]);
int name_record_decode(const MDB_val *key, const MDB_val *v, uint32_t *ret_id) _must_check_;

/* Not the blob itself, which follows the header and has its own checksum; len must be at least that of its header. */
void ranges_header_encode(uint32_t id, const void *blob, size_t len,
			  uint8_t dst[RANGES_HEADER_BYTES]);
/* *ret_blob is borrowed from v. */
int ranges_header_decode(uint32_t id, const MDB_val *v, MDB_val *ret_blob) _must_check_;
#define RANGES_BLOB_MIN 24

/* Fill in the header of a record whose ids are in place. */
void change_record_seal(uint64_t generation, uint8_t *record, size_t len);
int change_record_decode(uint64_t generation, const MDB_val *v, size_t *ret_n) _must_check_;
uint32_t change_record_id(const MDB_val *v, size_t i);

/* What this record adds to meta_record.digest. The record must have been decoded or made by us. */
uint64_t record_digest(enum table table, const MDB_val *key, const MDB_val *v);

/* --- cluster_record.c ------------------------------------------------------------------------------------- */

#define CLUSTER_RECORD_MAX (112 + TABLES_UPSTREAMS_MAX * 20 + 8)

/* Returns the length. */
size_t cluster_record_encode(const struct tables_cluster *c, uint8_t dst[CLUSTER_RECORD_MAX]);
/* On failure *ret_cluster is zero: it admits nobody. */
int cluster_record_decode(const MDB_val *v, uint32_t id, struct tables_cluster *ret_cluster)
	_must_check_;

/* --- network_record.c ------------------------------------------------------------------------------------- */

#define NETWORK_RECORD_MAX (1u << 30)

size_t network_record_size(const struct tables_network *n);
/* len: network_record_size(), at most NETWORK_RECORD_MAX. The record says `generation`, not n's. */
void network_record_encode(const struct tables_network *n, uint64_t generation, uint8_t *dst,
			   size_t len);
/* 0 if the record does not get that far; not checked. */
uint64_t network_record_generation(const MDB_val *v);
/* Everything that decoding checks, without memory. 0 or -ERR_UNAVAILABLE. */
int network_record_check(const MDB_val *v, uint32_t id) _must_check_;
/* tables_network_done() frees it; on failure *ret_network is zero. Also -ERR_NOMEM. */
int network_record_decode(const MDB_val *v, uint32_t id, struct tables_network *ret_network)
	_must_check_;

/* --- endpoint_record.c ------------------------------------------------------------------------------------ */

#define ENDPOINT_KEY_BYTES    21
#define ENDPOINT_RECORD_BYTES 32

void endpoint_key_encode(uint32_t network, const struct addr *a, uint8_t dst[ENDPOINT_KEY_BYTES]);
int endpoint_key_decode(const MDB_val *key, uint32_t *ret_network, struct addr *ret_addr)
	_must_check_;
/* Not the blob itself, which follows and has its own checksum. blob: NULL if ep is open; at least RANGES_BLOB_MIN bytes. */
void endpoint_record_encode(const MDB_val *key, const struct tables_endpoint *ep, const void *blob,
			    uint8_t dst[ENDPOINT_RECORD_BYTES]);
/* *ret_blob is borrowed from v, empty if the endpoint is open. The blob is the caller's to verify. */
int endpoint_record_decode(const MDB_val *key, const MDB_val *v,
			   struct tables_endpoint *ret_endpoint, MDB_val *ret_blob) _must_check_;

/* --- loads and stores, host byte order, no alignment ------------------------------------------------------ */

#define TABLES_LOAD(bits)                                          \
	static inline uint##bits##_t load_u##bits(const void *p)   \
	{                                                          \
		uint##bits##_t v;                                  \
		__builtin_memcpy(&v, p, sizeof(v));                \
		return v;                                          \
	}                                                          \
	static inline void save_u##bits(void *p, uint##bits##_t v) \
	{                                                          \
		__builtin_memcpy(p, &v, sizeof(v));                \
	}
TABLES_LOAD(16)
TABLES_LOAD(32)
TABLES_LOAD(64)
#undef TABLES_LOAD

static inline MDB_val tables_val(const void *p, size_t len)
{
	union {
		const void *in;
		void *out; /* LMDB does not write through keys and values that it is given */
	} u = {.in = p};

	return (MDB_val){.mv_size = len, .mv_data = u.out};
}
