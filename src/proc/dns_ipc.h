/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a name server process tells control by its counters (shared memory): one table, from which the struct, the Prometheus text, the
 * JSON and the manual's section are made.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* clang-format off */
/*  name (also of the Prometheus metric: postern_dns_<name>)  kind  help */
#define DNS_COUNTERS(X)                                                                                                      \
  X(queries_udp_total,          COUNTER, "queries that came by UDP")                                                         \
  X(queries_tcp_total,          COUNTER, "queries that came by TCP")                                                         \
  X(answers_noerror_total,      COUNTER, "answers with records, or that there are none of the type")                         \
  X(answers_nxdomain_total,     COUNTER, "answers that there is no such name")                                               \
  X(answers_refused_total,      COUNTER, "answers REFUSED")                                                                  \
  X(answers_servfail_total,     COUNTER, "answers SERVFAIL")                                                                 \
  X(answers_other_total,        COUNTER, "answers with another code")                                                        \
  X(truncated_total,            COUNTER, "answers by UDP that did not fit")                                                  \
  X(dropped_malformed_total,    COUNTER, "messages that are no query and get no answer")                                     \
  X(dropped_rate_total,         COUNTER, "answers not sent: response-rate limit")                                            \
  X(slipped_rate_total,         COUNTER, "answers cut to a truncated one: response-rate limit")                              \
  X(dropped_send_total,         COUNTER, "answers that the socket did not take")                                             \
  X(dropped_busy_total,         COUNTER, "queries not taken: too many are waiting for their answers")                        \
  X(forwarded_total,            COUNTER, "questions sent to forwarders, tries again included")                               \
  X(forward_answers_total,      COUNTER, "answers of forwarders that were given on")                                         \
  X(forward_failures_total,     COUNTER, "questions that no forwarder answered")                                             \
  X(forward_rejected_total,     COUNTER, "messages from forwarders that did not match what was asked")                       \
  X(forward_malformed_total,    COUNTER, "answers of forwarders that were malformed or of no use")                           \
  X(forward_merged_total,       COUNTER, "queries that waited for a question that was asked already")                        \
  X(forward_tcp_total,          COUNTER, "questions asked by TCP")                                                           \
  X(forward_pending,            GAUGE,   "questions that wait for a forwarder")                                              \
  X(transfers_total,            COUNTER, "zones transferred")                                                                \
  X(transfers_refused_total,    COUNTER, "transfers refused")                                                                \
  X(updates_total,              COUNTER, "updates that were done")                                                           \
  X(updates_refused_total,      COUNTER, "updates refused")                                                                  \
  X(tsig_failures_total,        COUNTER, "messages whose signature was wrong")                                               \
  X(tcp_connections,            GAUGE,   "TCP connections open now")                                                         \
  X(tcp_accepted_total,         COUNTER, "TCP connections taken")                                                            \
  X(tcp_refused_total,          COUNTER, "TCP connections closed at once: too many")                                         \
  X(sockets,                    GAUGE,   "sockets on which queries are taken")                                               \
  X(tables_unreadable_total,    COUNTER, "times that a snapshot or record could not be read")                                \
  X(generation,                 GAUGE,   "generation that this process answers by")
/* clang-format on */

enum dns_counter {
#define X(name, kind, help) DNS_##name,
	DNS_COUNTERS(X)
#undef X
		DNS_COUNTER_COUNT
};

/*
 * One memfd per process, made by the parent, kept over restarts so that counters only grow; written by that process, read by
 * control. Relaxed atomics: a figure may be a moment old. Gauges are zeroed by a starting process.
 */
struct dns_counters {
	_Atomic uint64_t value[DNS_COUNTER_COUNT];
};

const char *dns_counter_name(enum dns_counter c);
const char *dns_counter_help(enum dns_counter c);
int dns_counter_is_gauge(enum dns_counter c);
