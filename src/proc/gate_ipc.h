/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a gate tells control: its counters (shared memory), its events, and its dumps. One table each, from which the
 * structs, the Prometheus text, the JSON and the manual's sections are made.
 */
#pragma once

#include "base/addr.h"

#include <stdatomic.h>
#include <stdint.h>

/* clang-format off */
/*  name (also of the Prometheus metric: postern_gate_<name>)  kind  help */
#define GATE_COUNTERS(X)                                                                                                     \
  X(accepted_total,             COUNTER, "connections taken from the listeners")                                             \
  X(accepted_private_total,     COUNTER, "of these, connections that came by a private address")                             \
  X(connections,                GAUGE,   "connections open now, in any state")                                               \
  X(hellos_pending,             GAUGE,   "connections whose ClientHello is not complete yet")                                \
  X(private_listeners,          GAUGE,   "private addresses that are listened on")                                           \
  X(admitted_total,             COUNTER, "connections that passed every check and reached an upstream")                      \
  X(refused_ranges_total,       COUNTER, "refused: source not in the authorized ranges")                                     \
  X(refused_public_off_total,   COUNTER, "refused: the public endpoint is off")                                              \
  X(refused_private_off_total,  COUNTER, "refused: nothing leads to a cluster by this private address")                      \
  X(refused_not_admitted_total, COUNTER, "refused: source not admitted by the private endpoint")                             \
  X(refused_unknown_name_total, COUNTER, "refused: no cluster has this server name")                                         \
  X(refused_no_name_total,      COUNTER, "refused: ClientHello without server name")                                         \
  X(refused_not_tls_total,      COUNTER, "refused: not a TLS handshake")                                                     \
  X(refused_malformed_total,    COUNTER, "refused: malformed ClientHello")                                                   \
  X(refused_too_large_total,    COUNTER, "refused: ClientHello over 16 KiB")                                                 \
  X(refused_hello_timeout_total,COUNTER, "refused: ClientHello not complete in time")                                        \
  X(refused_hello_evicted_total,COUNTER, "refused: oldest incomplete ClientHello gave way to a new connection")             \
  X(refused_proxy_header_total, COUNTER, "refused: trusted balancer sent no valid PROXY header")                             \
  X(refused_source_limit_total, COUNTER, "refused: the source has its maximum of connections to this cluster")               \
  X(refused_cluster_limit_total,COUNTER, "refused: the cluster has its maximum of connections")                              \
  X(refused_quota_full_total,   COUNTER, "refused: the shared table of limits has no room, so the limit cannot be checked")  \
  X(refused_tables_total,       COUNTER, "refused: the tables could not be read or a record is damaged")                     \
  X(refused_no_upstream_total,  COUNTER, "refused: no upstream of the cluster could be reached")                             \
  X(client_gone_total,          COUNTER, "client went away before its ClientHello was complete")                             \
  X(upstream_tries_total,       COUNTER, "connections tried to upstreams")                                                   \
  X(upstream_failures_total,    COUNTER, "tries that failed, by refusal, reset or time")                                     \
  X(health_checks_total,        COUNTER, "health checks done")                                                               \
  X(health_failures_total,      COUNTER, "health checks failed")                                                             \
  X(bytes_up_total,             COUNTER, "bytes from clients to upstreams")                                                  \
  X(bytes_down_total,           COUNTER, "bytes from upstreams to clients")                                                  \
  X(spliced_bytes_total,        COUNTER, "bytes of both directions that went by splice")                                     \
  X(pipes,                      GAUGE,   "pipes for splice, pooled or in use")                                               \
  X(pipes_unavailable_total,    COUNTER, "times that bulk data went by copy because no pipe was to be had")                  \
  X(cut_total,                  COUNTER, "open connections reset because a change forbids them")                             \
  X(draining,                   GAUGE,   "open connections that a change forbids, within their drain time")                  \
  X(judged_total,               COUNTER, "open connections judged again because their cluster changed")                      \
  X(descriptors_exhausted_total,COUNTER, "times that accepting paused because descriptors ran out")                          \
  X(events_suppressed_total,    COUNTER, "events left out by the rate limit")                                                \
  X(events_lost_total,          COUNTER, "events lost because control did not take them in time")                           \
  X(tables_unreadable_total,    COUNTER, "times that a snapshot or record could not be read")                                \
  X(generation,                 GAUGE,   "generation that this gate enforces")

/*  reason              text in events and CLI      counter                      sentence for people */
#define GATE_REASONS(X)                                                                                                                          \
  X(REASON_NONE,          "none",            accepted_total,              "")                                                                    \
  X(REASON_RANGES,        "not-in-ranges",   refused_ranges_total,        "the source is in none of the cluster's authorized ranges")            \
  X(REASON_PUBLIC_OFF,    "public-off",      refused_public_off_total,    "the cluster's public endpoint is off")                                \
  X(REASON_PRIVATE_OFF,   "private-off",     refused_private_off_total,   "the private address does not, or no longer, lead to the cluster")             \
  X(REASON_NOT_ADMITTED,  "not-admitted",    refused_not_admitted_total,  "the private endpoint's security groups, ranges or routes do not admit the source")\
  X(REASON_UNKNOWN_NAME,  "unknown-name",    refused_unknown_name_total,  "no cluster has this server name")                                     \
  X(REASON_NO_NAME,       "no-server-name",  refused_no_name_total,       "the ClientHello carries no server name (SNI)")                        \
  X(REASON_NOT_TLS,       "not-tls",         refused_not_tls_total,       "the first bytes are no TLS handshake")                                \
  X(REASON_MALFORMED,     "malformed-hello", refused_malformed_total,     "the ClientHello is malformed")                                        \
  X(REASON_TOO_LARGE,     "hello-too-large", refused_too_large_total,     "the ClientHello is over 16 KiB")                                      \
  X(REASON_HELLO_TIMEOUT, "hello-timeout",   refused_hello_timeout_total, "the ClientHello was not complete in time")                            \
  X(REASON_HELLO_EVICTED, "hello-evicted",   refused_hello_evicted_total, "too many incomplete ClientHellos; the oldest gave way")               \
  X(REASON_PROXY_HEADER,  "proxy-header",    refused_proxy_header_total,  "the trusted balancer sent no valid PROXY header")                     \
  X(REASON_SOURCE_LIMIT,  "source-limit",    refused_source_limit_total,  "the source has its maximum of connections to this cluster")           \
  X(REASON_CLUSTER_LIMIT, "cluster-limit",   refused_cluster_limit_total, "the cluster has its maximum of connections")                          \
  X(REASON_QUOTA_FULL,    "quota-full",      refused_quota_full_total,    "the shared table of limits has no room")                              \
  X(REASON_TABLES,        "tables",          refused_tables_total,        "the tables could not be read")                                        \
  X(REASON_NO_UPSTREAM,   "no-upstream",     refused_no_upstream_total,   "no upstream of the cluster could be reached")                         \
  X(REASON_DELETED,       "deleted",         cut_total,                   "the cluster, or the name that was asked for, no longer exists")

/*  kind                     name in events      always sent (else only while somebody watches) */
#define GATE_EVENTS(X)                                                                                     \
  X(GATE_EVENT_ACCEPTED,     "accepted",        false)  /* admitted: passed every check, upstream reached */ \
  X(GATE_EVENT_CLOSED,       "closed",          false)                                                      \
  X(GATE_EVENT_REFUSED,      "refused",         true)                                                       \
  X(GATE_EVENT_CUT,          "cut",             true)                                                       \
  X(GATE_EVENT_UPSTREAM_DOWN,"upstream-down",   true)                                                       \
  X(GATE_EVENT_UPSTREAM_UP,  "upstream-up",     true)                                                       \
  X(GATE_EVENT_DESCRIPTORS,  "descriptors",     true)                                                       \
  X(GATE_EVENT_TABLES,       "tables-damaged",  true)
/* clang-format on */

enum gate_counter {
#define X(name, kind, help) GATE_##name,
	GATE_COUNTERS(X)
#undef X
		GATE_COUNTER_COUNT
};

enum gate_reason {
#define X(e, text, counter, sentence) e,
	GATE_REASONS(X)
#undef X
		GATE_REASON_COUNT
};

enum gate_event_kind {
#define X(e, name, always) e,
	GATE_EVENTS(X)
#undef X
		GATE_EVENT_COUNT
};

/*
 * One memfd per gate, made by the parent, kept over restarts of the gate so that counters only grow; written by that gate, read
 * by control. Relaxed atomics: a figure may be a moment old. Gauges are zeroed by a starting gate.
 */
struct gate_counters {
	_Atomic uint64_t value[GATE_COUNTER_COUNT];
};

#define GATE_EVENT_NAME_MAX 64

struct gate_event {
	uint64_t wall_us;
	uint64_t connection; /* unique within the gate process's life; 0 if none */
	struct addr source;  /* the address that is judged */
	struct addr peer;    /* the upstream; or the balancer, for REASON_PROXY_HEADER */
	struct addr
		local; /* the private address by which the client came; ADDR_NONE: a public one */
	uint64_t bytes_up, bytes_down;
	uint64_t duration_ms;
	uint32_t cluster;    /* id; 0 if none */
	uint32_t suppressed; /* events like this one left out before it */
	uint32_t network;    /* id of the router where `local` is; 0 if public */
	uint16_t source_port, peer_port;
	uint8_t kind, reason;
	uint8_t name_len;
	uint8_t zero[5];
	char name[GATE_EVENT_NAME_MAX]; /* server name as asked for, cut; not terminated; foreign */
};

/* DUMP_CONNECTIONS */
enum connection_state {
	CONNECTION_HELLO,
	CONNECTION_CONNECTING,
	CONNECTION_OPEN,
	CONNECTION_DRAINING
};
struct connection_record {
	uint64_t id;
	uint64_t since_us; /* wall clock */
	uint64_t bytes_up, bytes_down;
	struct addr source, upstream;
	struct addr local; /* as in struct gate_event */
	uint32_t cluster;  /* id; 0 while the ClientHello is incomplete */
	uint32_t network;
	uint32_t drain_left_ms;
	uint16_t source_port, upstream_port;
	uint8_t state;
	uint8_t zero[7];
};

/* DUMP_CLUSTERS: clusters that this gate has met since it started */
enum upstream_state { UPSTREAM_UNKNOWN, UPSTREAM_UP, UPSTREAM_DOWN };
struct cluster_record {
	uint32_t id;
	uint32_t connections;
	uint64_t admitted, refused, cut;
	uint64_t bytes_up, bytes_down;
	uint32_t n_upstreams;
	struct {
		uint8_t state;
		uint8_t zero[3];
		uint32_t connections;
		uint32_t failures; /* in a row */
	} upstreams[16];
};

const char *gate_counter_name(enum gate_counter c);
const char *gate_counter_help(enum gate_counter c);
int gate_counter_is_gauge(enum gate_counter c);
const char *gate_reason_text(enum gate_reason r);
const char *gate_reason_sentence(enum gate_reason r);
enum gate_counter gate_reason_counter(enum gate_reason r);
const char *gate_event_name(enum gate_event_kind k);
int gate_event_is_always(enum gate_event_kind k);
