/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names in the compiled tables (tables.h): zones, and which of them each network sees. A view is what one router (a network or a site)
 * sees, by its id; view 0 is the internet.
 *
 *	table        key                                    value
 *	zone         u32 zone id                            zone blob: the zone as it is answered from, in place
 *	view         u32 router id, domain in wire form,    which zones are linked to the router under this domain
 *	             folded
 *	linked       u32 router id, u32 owner id            the domains of the owner's links, for the writer
 *	view_config  u32 router id                          label counts of the linked domains, flags, forwarders
 *
 * A zone blob, host byte order, nothing aligned:
 *
 *	offset  size  what
 *	0       4     magic "PZB1"
 *	4       4     length of the whole
 *	8       8     XXH3 of bytes 0..7, 16..59 and 64..end
 *	16      4     zone id                          20  4  serial
 *	24      16    key of the hash of nodes
 *	40      4     TTL of negative answers, RFC 2308: min(TTL of the SOA, its minimum)
 *	44      4     number of nodes                  48  4  number of slots, a power of two, at least twice the nodes
 *	52      4     offset of the SOA's record set
 *	56      1+1   length of the apex, its labels   58  1  flags: 1 has wildcards, 2 has delegations, 4 denied
 *	59      1     most slots that finding a node looks at
 *	60      4     low half of the XXH3 of bytes 0..59 and of the apex
 *	64      ..    apex, in wire form, folded; zero up to a multiple of 4
 *	..      8*n   slots: u32 upper half of the hash, u32 offset of the node, 0: empty. Probed one after another
 *	..      ..    nodes: u8 length, u8 flags, u16 number of record sets, name relative to the apex (folded, without the apex),
 *	              record sets by type: u16 type, u16 records, u32 length, records as they go on the wire, their
 *	              owner a pointer to offset 12 (the question)
 *
 * Every name on the way from an owner to the apex is a node, so a name that is not there does not exist (RFC 8020). The hash is SipHash-1-3
 * of the relative name: names come from tenants.
 *
 * zone_verify() is for bytes from disk. The readers below check every offset all the same: whatever the bytes are, they read none
 * outside the blob, and end.
 */
#pragma once

#include "tables/tables.h"
#include "wire/rdata.h"
#include "wire/tsig.h"

#define ZONE_HEADER_BYTES  64
#define ZONE_KEY_BYTES	   16
#define ZONE_SETS_MAX	   1000000u
#define ZONE_BLOB_MAX	   (1u << 30)
#define ZONE_SET_BYTES_MAX 60000       /* of a record set on the wire: it must fit a message */
#define ZONE_TTL_MAX	   0x7fffffffu /* RFC 2181 section 8 */

/* --- a zone as it is built ---------------------------------------------------------------------------------- */

struct zone_rdata {
	const uint8_t *bytes; /* good for its type (wire/rdata.h) */
	uint16_t len;
};

/* All records of one name and type. */
struct zone_set {
	const uint8_t *owner; /* wire form, absolute, any case */
	uint16_t type;
	uint32_t ttl;
	const struct zone_rdata *rdata;
	size_t n;
};

struct zone_source {
	uint32_t id;
	const uint8_t *apex; /* wire form, any case */
	uint32_t serial;
	uint32_t ttl;	  /* of the SOA, and of the apex's NS if it is made */
	uint32_t minimum; /* RFC 2308 */
	bool is_denied; /* there is no such name as the apex, nor any below it: no sets, and no NS is made */
	const struct zone_set *sets;
	size_t n_sets;
};

/*
 * Make the blob; the SOA, and NS `ns.<apex>` unless sets has one for the apex, are added. *ret_blob is malloc()ed and the caller's. The
 * same source and key give the same bytes. -ERR_INVALID, e->path "records[i]": i is the set that is not inside the zone, has no records, a
 * record twice, bad data, the name and type of another set, stands beside a CNAME, is a SOA, or NS at a wildcard; -ERR_TOO_LARGE;
 * -ERR_NOMEM.
 */
int zone_build(const struct zone_source *src, const uint8_t key[ZONE_KEY_BYTES], uint8_t **ret_blob,
	       size_t *ret_len, struct err *e) _must_check_;

/* --- a zone as it is read; everything is borrowed from the blob --------------------------------------------- */

struct zone {
	const uint8_t *blob;
	uint32_t len, id, serial, negative_ttl, n_slots, slots_at, soa_at;
	const uint8_t *apex;
	uint8_t apex_len, apex_labels, probes;
	bool has_wildcards, has_delegations;
	bool is_denied; /* NXDOMAIN for all, whose SOA has the name above the apex as its owner */
};

struct zone_node {
	const uint8_t *sets; /* up to the end of the blob */
	size_t left;
	uint16_t n_sets;    /* 0: an empty non-terminal */
	bool is_delegation; /* has NS, and is not the apex */
};

struct zone_rrset {
	uint16_t type, count;
	const uint8_t *wire; /* len octets: records, one after another */
	uint32_t len;
};

/* The header. 0 or -ERR_UNAVAILABLE, and then *ret_zone is zero. */
int zone_open(const void *blob, size_t len, struct zone *ret_zone) _must_check_;
/* Everything: check value, every slot, node, record set and record, and that all nodes are found. 0 or -ERR_UNAVAILABLE. */
int zone_verify(const void *blob, size_t len) _must_check_;
/* relative: folded labels without apex and root, "" is the apex itself. False: there is no such name. */
bool zone_find(const struct zone *z, const uint8_t *relative, size_t len,
	       struct zone_node *ret_node);
/* False: the node has none of this type. */
bool zone_node_set(const struct zone_node *node, uint16_t type, struct zone_rrset *ret_set);
/* The i-th, by type. False: past the last. */
bool zone_node_nth(const struct zone_node *node, size_t i, struct zone_rrset *ret_set);
bool zone_soa(const struct zone *z, struct zone_rrset *ret_set);
/* Every node, in no order. fn returns non-zero to stop, which is returned; -ERR_UNAVAILABLE if the blob is damaged. */
typedef int zone_node_fn(const uint8_t *relative, size_t len, const struct zone_node *node,
			 void *arg);
int zone_each(const struct zone *z, zone_node_fn *fn, void *arg) _must_check_;
/* The same, a step at a time: 1 and the node at *slot or behind it, which is moved on; 0: there are no more; -ERR_UNAVAILABLE. */
int zone_next(const struct zone *z, uint32_t *slot, const uint8_t **ret_relative, size_t *ret_len,
	      struct zone_node *ret_node) _must_check_;

/*
 * The records of a set, one after another: data and TTL of the one at *at, which is moved on. False at the end, or if they do not add up.
 * *at begins as 0.
 */
bool zone_rrset_next(const struct zone_rrset *set, size_t *at, struct zone_rdata *ret_rdata,
		     uint32_t *ret_ttl);

/* --- views -------------------------------------------------------------------------------------------------- */

/* A zone in this view: NXDOMAIN from it is not the last word, the internet's zones and forwarding are. */
#define VIEW_LINK_FALL_THROUGH 1u

/* In view_config.flags: what is forwarded goes to the servers of the daemon (--dns-forward); servers is empty. */
#define VIEW_DEFAULT_SERVERS 1u

#define VIEW_INTERNET	     0u
/*
 * No view: domains of private zones that may be named to one who asks for them where they are not linked ("zone not linked to
 * this network"). The zone id there is of no use.
 */
#define VIEW_TOLD UINT32_MAX

/*
 * A domain may be linked to several zones in a view. The one of the lowest rank is asked, of equal ranks that of the owner with the lowest id:
 * what somebody declares hides what is made for a cluster, and the public names of clusters hide the private names of others.
 */
enum view_rank {
	VIEW_RANK_ZONE, /* the same in every view: a declared zone, or the system's of a cluster */
	VIEW_RANK_NAME, /* of this view: a public name of a cluster */
	VIEW_RANK_PRIVATE_NAME, /* and its private name */
	VIEW_RANK_LAST = VIEW_RANK_PRIVATE_NAME
};

/* Ids of zones that are of one view, and go when their link goes. Others are ids of declared objects. */
#define ZONE_NAME_FIRST 0x80000000u
#define ZONE_NAME_LAST	0xfffffffeu
/* In VIEW_TOLD, where zones are of no use. */
#define ZONE_NAME_TOLD	  0xffffffffu

#define VIEW_SERVERS_MAX  8
#define VIEW_FORWARDS_MAX 64

struct view_server {
	struct addr addr;
	uint16_t port;
};

/* Names in and below a domain are asked of these servers. */
struct view_forward {
	const uint8_t *domain; /* wire form, folded */
	uint8_t domain_len;
	uint8_t n_servers; /* at least 1 */
	struct view_server servers[VIEW_SERVERS_MAX];
};

struct view_config {
	uint32_t router;
	uint32_t flags;	    /* VIEW_DEFAULT_SERVERS */
	uint64_t depths[2]; /* bit n: some linked domain has n labels */
	uint8_t n_servers;  /* for the rest; 0: nothing is forwarded */
	struct view_server servers[VIEW_SERVERS_MAX];
	struct view_forward *forwards; /* each domain once */
	size_t n_forwards;
	void *memory; /* forwards and their domains, if tables_get_view() made them */
};

static inline bool view_has_depth(const struct view_config *c, unsigned labels)
{
	return c->depths[labels / 64] >> labels % 64 & 1;
}

/* --- keys, RFC 8945 ------------------------------------------------------------------------------------------ */

#define ZONE_KEY_TRANSFER 1u
#define ZONE_KEY_UPDATE	  2u

/* What the bearer of a key may do with one zone. Table "zone_key", by zone id and key name. */
struct zone_key {
	uint8_t name[DNAME_MAX]; /* wire form, folded */
	uint8_t name_len;
	uint8_t algorithm; /* enum tsig_algorithm */
	uint8_t secret_len;
	uint8_t secret[TSIG_SECRET_MAX];
	uint32_t may; /* ZONE_KEY_* */
};

/* Zero on failure. -ERR_NOT_FOUND, -ERR_UNAVAILABLE. */
int tables_get_zone_key(struct tables_snapshot *s, uint32_t zone, const uint8_t *name, size_t len,
			struct zone_key *ret_key) _must_check_;
/* Writing: the keys of a zone are now exactly these n. */
int tables_put_zone_keys(struct tables *t, uint32_t zone, const struct zone_key *keys, size_t n,
			 struct err *e) _must_check_;

/* --- reading ------------------------------------------------------------------------------------------------ */

/* verify: check the whole blob. Borrowed until tables_release(). -ERR_NOT_FOUND, -ERR_UNAVAILABLE (damaged); *ret_zone is zero then. */
int tables_get_zone(struct tables_snapshot *s, uint32_t id, bool verify, struct zone *ret_zone)
	_must_check_;
/* Changes whenever the zone does: what was verified need not be again while it is the same. */
uint64_t zone_check(const struct zone *z);
/* The zone linked under exactly this domain (wire form, folded). -ERR_NOT_FOUND, -ERR_UNAVAILABLE. */
int tables_get_link(struct tables_snapshot *s, uint32_t router, const uint8_t *domain, size_t len,
		    uint32_t *ret_zone, uint32_t *ret_flags) _must_check_;
/* tables_view_done() frees it; zero on failure. -ERR_NOT_FOUND: nothing is linked, nothing forwarded; -ERR_UNAVAILABLE; -ERR_NOMEM. */
int tables_get_view(struct tables_snapshot *s, uint32_t router, struct view_config *ret_view)
	_must_check_;
void tables_view_done(struct view_config *v);
int tables_each_zone(struct tables_snapshot *s, tables_id_fn *cb, void *arg) _must_check_;
int tables_each_view(struct tables_snapshot *s, tables_id_fn *cb, void *arg) _must_check_;
/* The links of one router, by domain. cb returns non-zero to stop, which is returned. */
typedef int tables_link_fn(const uint8_t *domain, size_t len, uint32_t zone, uint32_t flags,
			   void *arg);
int tables_each_link(struct tables_snapshot *s, uint32_t router, tables_link_fn *cb, void *arg)
	_must_check_;

/* --- writing: control only, within a transaction; errors as for the other writers --------------------------- */

/*
 * Make the zone this one. *ret_changed false if there is no difference but the serial: then the old serial stays. Also the errors
 * of zone_build().
 */
int tables_put_zone(struct tables *t, const struct zone_source *src, bool *ret_changed,
		    struct err *e) _must_check_;
/* And its keys. Absent is fine. */
int tables_delete_zone(struct tables *t, uint32_t id, struct err *e) _must_check_;
/*
 * Link and unlink one zone that nobody owns, of rank VIEW_RANK_ZONE; domain is folded here. The label counts of the view follow. Unlinking
 * takes all away that is linked under the domain; nothing is fine. *ret_changed as above.
 */
int tables_put_link(struct tables *t, uint32_t router, const uint8_t *domain, uint32_t zone,
		    uint32_t flags, bool *ret_changed, struct err *e) _must_check_;
int tables_delete_link(struct tables *t, uint32_t router, const uint8_t *domain, bool *ret_changed,
		       struct err *e) _must_check_;
/* What an owner has linked in a view. */
struct view_link {
	const uint8_t *domain; /* wire form, any case */
	uint32_t zone;
	uint32_t flags;
	enum view_rank rank;
};
/*
 * The links of this owner in this view are now exactly these n. The zone of one that goes is deleted if it was of this view (ZONE_NAME_FIRST).
 * What other owners have under the same domains stays, so that a name may move from one to another in any order.
 */
int tables_put_links(struct tables *t, uint32_t router, uint32_t owner,
		     const struct view_link *links, size_t n, bool *ret_changed, struct err *e)
	_must_check_;
/* The zone to which the owner has linked that domain with that rank, asked or not. 0: none. */
int tables_find_link(struct tables *t, uint32_t router, uint32_t owner,
		     const struct view_link *link, uint32_t *ret_zone, struct err *e) _must_check_;
/* An id that no zone has; it is taken when a zone is put under it. */
int tables_new_name_zone(struct tables *t, uint32_t *ret_id, struct err *e) _must_check_;
int tables_delete_name_zones(struct tables *t, struct err *e) _must_check_; /* all of them */
/* Everything of v but its depths, which are those of the links. */
int tables_put_view(struct tables *t, const struct view_config *v, bool *ret_changed, struct err *e)
	_must_check_;
/* The config and every link, and the zones of names. Absent is fine. */
int tables_delete_view(struct tables *t, uint32_t router, struct err *e) _must_check_;
/* All views at once. Zones that are not of names stay. */
int tables_clear_views(struct tables *t, struct err *e) _must_check_;
