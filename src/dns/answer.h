/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The answer to a query in a view, out of the tables and nothing else: no socket, no clock, no state but what view.h keeps.
 *
 * A name is looked for in this order; the first that is the case decides:
 *
 *	1  a zone linked to the view, the longest domain first: its answer is final, NXDOMAIN too, unless the link falls through on
 *	   NXDOMAIN
 *	2  a conditional forward, the longest domain: ask those servers
 *	3  a zone of the internet view
 *	4  the view's servers, or those of the daemon: ask them
 *	5  the NXDOMAIN of a link that fell through; else REFUSED
 *
 * 2 and 4 only if the client desires recursion. The internet's own view ends after 1. A CNAME leads back to 1 with its target, at most
 * DNS_STEPS_MAX times; a loop is answered as it stands. Within a zone: delegations (referral), the name itself, the wildcard of its
 * closest encloser (RFC 4592), else NXDOMAIN, which names above existing ones never are (RFC 8020). Negative answers carry
 * the SOA with the TTL of RFC 2308. ANY answers one set (RFC 8482). DNSSEC is not served; the DO bit comes back.
 */
#pragma once

#include "dns/cookie.h"
#include "dns/response.h"
#include "dns/view.h"

#define DNS_STEPS_MAX 8

enum dns_outcome {
	DNS_DROP,   /* say nothing */
	DNS_ANSWER, /* send what was written */
	/*
	 * Ask client->servers the query's own question. Nothing was written, and query is as it came, even if out is the same buffer.
	 * Only for those who take DNS_TAKES_FORWARD.
	 */
	DNS_FORWARD,
	/*
	 * What was written is good to be sent; the whole answer needs more: the target at client->target_at, asked of client->servers. Put
	 * its answers behind client->answers_end, their names uncompressed, and count them in the header; if they end in a CNAME again, dns_answer_resume().
	 */
	DNS_FORWARD_TARGET,
	/* A transfer, NOTIFY, UPDATE or TSIG. Nothing was written. Only for those who take DNS_TAKES_SLOW. */
	DNS_SLOW,
};

#define DNS_TAKES_FORWARD 1u
#define DNS_TAKES_SLOW	  2u

/* Answers that are alike, for the rate limit and for counters. */
enum dns_kind {
	DNS_KIND_DATA,
	DNS_KIND_NODATA,
	DNS_KIND_NXDOMAIN,
	DNS_KIND_REFERRAL,
	DNS_KIND_ERROR
};

struct dns_client {
	/* Set by the caller. */
	struct addr addr;
	bool is_tcp;
	unsigned takes;
	uint32_t now_s;			   /* since 1970, for cookies */
	const struct dns_cookies *cookies; /* NULL: none are given */

	/* Set by dns_answer(). */
	enum dns_outcome outcome;
	enum dns_kind kind;
	uint16_t rcode;
	enum dns_ede ede;
	uint32_t zone; /* id of the last one that answered; 0: none */
	bool has_good_cookie, is_truncated;
	unsigned steps;			   /* CNAMEs followed */
	const struct view_server *servers; /* DNS_FORWARD*: borrowed until the batch ends */
	uint8_t n_servers;
	bool from_daemon; /* they are the daemon's own (dns_data.default_servers), asked from its own namespace; else the network's */
	uint16_t target_at, answers_end; /* DNS_FORWARD_TARGET: offsets in out */
	struct dns_query query;		 /* but for DNS_DROP */
};

/*
 * Answer the query of len octets, within the batch of v's data. out has cap octets and may be query itself; DNS_UDP_MAX is enough for UDP. Returns how many were written.
 * Reads nothing outside query, writes nothing outside out, for whatever bytes.
 */
size_t dns_answer(struct dns_view *v, const uint8_t *query, size_t len, struct dns_client *client,
		  uint8_t *out, size_t cap);
/*
 * Go on with a chain: out holds an answer whose answer section, ANCOUNT records, ends at answers_end; the name to go on with is uncompressed at
 * client->target_at. Returns and sets as dns_answer(), outcome DNS_ANSWER or DNS_FORWARD_TARGET.
 */
size_t dns_answer_resume(struct dns_view *v, struct dns_client *client, uint8_t *out,
			 size_t answers_end, size_t cap);
/*
 * The end of an answer that others gave: out holds header, question, and behind it ANCOUNT and NSCOUNT records up to `at`. It gets rcode, flags and OPT
 * as for client->query; what is longer than the client takes becomes TC and no records. Returns the length.
 */
size_t dns_answer_finish(struct dns_client *client, enum dns_rcode rcode, enum dns_ede ede,
			 uint8_t *out, size_t at, size_t cap);
/* An answer without records to client->query, for who took a query and cannot answer it. query: the octets that came, may be out. */
size_t dns_answer_error(struct dns_client *client, enum dns_rcode rcode, enum dns_ede ede,
			const uint8_t *query, uint8_t *out, size_t cap);
/* The same, for one whom the rate limit lets through only to come again by TCP: TC, no records. */
size_t dns_answer_slip(struct dns_client *client, uint8_t *out, size_t cap);
