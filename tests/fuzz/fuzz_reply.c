/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a server may answer to a question of ours: arbitrary bytes. The first octet says what is asked for (signatures, less room), the rest is the
 * message; id and question are taken to be those that it has. What is copied of it is well formed to its last octet, with no compression but of
 * owners, belongs to the chain of the question's name, and is the same in less room until it is full.
 */
#include "dns/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                                                                             \
	do {                                                                                \
		if (!(x)) {                                                                 \
			(void)fprintf(stderr, "line %d: %s does not hold\n", __LINE__, #x); \
			abort();                                                            \
		}                                                                           \
	} while (0)

#define CHAIN_MAX 10

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* One record of what was copied; its owner is a pointer back to a name, or a name. Returns the offset behind it. */
static size_t record_walk(const uint8_t *p, size_t len, size_t at)
{
	size_t data_len, n;

	MUST(at < len);
	if (p[at] >= 0xc0) {
		MUST(len - at >= 2);
		n = be16(p + at) & DNS_POINTER_MAX;
		MUST(n < at && dname_size(p + n, at - n) > 0);
		at += 2;
	} else {
		n = dname_size(p + at, len - at);
		MUST(n > 0);
		at += n;
	}
	MUST(len - at >= 10);
	MUST(be16(p + at + 2) == RR_CLASS_IN && p[at + 4] < 0x80);
	data_len = be16(p + at + 8);
	MUST(data_len <= len - at - 10);
	switch (be16(p + at)) {
	case RR_NS:
	case RR_CNAME:
	case RR_PTR:
		MUST(dname_size(p + at + 10, data_len) == data_len);
		break;
	case RR_MX:
		MUST(dname_size(p + at + 12, data_len - 2) == data_len - 2);
		break;
	default:
		break;
	}
	return at + 10 + data_len;
}

/* As forwarding does it, but that the view is asked nothing. Returns how many octets are in out. */
static struct reply_copy copy(const struct reply *r, const uint8_t *question, size_t question_len,
			      bool is_signed, uint8_t *out, size_t cap)
{
	struct reply_copy c = {
		.out = out, .at = DNS_HEADER_BYTES + question_len, .cap = cap, .owner = 12};
	const uint16_t type = (uint16_t)be16(question + question_len - 4);

	for (unsigned i = 0; i < CHAIN_MAX && !c.is_full; i++) {
		size_t target;

		if (reply_put_answers(r, out + c.owner, type, is_signed, &c))
			return c;
		target = reply_put_cname(r, out + c.owner, is_signed, &c);
		if (target == 0)
			break;
		c.owner = target;
	}
	if (!c.is_full)
		(void)reply_put_soa(r, out + c.owner, is_signed, &c);
	return c;
}

static void good(const struct reply *r, const uint8_t *question, size_t len, unsigned how)
{
	const bool is_signed = how & 1;
	const size_t begin = DNS_HEADER_BYTES + len;
	const size_t small = begin + (how >> 1) * 8;
	uint8_t *out = malloc(DNS_MESSAGE_MAX), *less = malloc(small);
	struct reply_copy c, d;
	size_t at = begin, n = 0;

	MUST(out && less);
	memcpy(out + DNS_HEADER_BYTES, question, len);
	memcpy(less + DNS_HEADER_BYTES, question, len);
	c = copy(r, question, len, is_signed, out, DNS_MESSAGE_MAX);
	for (; at < c.at; n++)
		at = record_walk(out, c.at, at);
	MUST(at == c.at && n == c.n);
	d = copy(r, question, len, is_signed, less, small);
	MUST(d.at <= small);
	MUST(d.is_full || (d.at == c.at && d.n == c.n));
	MUST(memcmp(out + begin, less + begin, d.at - begin) == 0);
	(void)reply_is_referral(r);
	free(out);
	free(less);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply r;
	uint8_t *question;
	size_t len;

	if (size < 1 + DNS_HEADER_BYTES)
		return 0;
	len = dname_size(data + 1 + DNS_HEADER_BYTES, size - 1 - DNS_HEADER_BYTES);
	if (len == 0 || size - 1 - DNS_HEADER_BYTES - len < 4)
		return 0;
	len += 4;
	question = malloc(len);
	MUST(question);
	memcpy(question, data + 1 + DNS_HEADER_BYTES, len);
	if (reply_read(&r, data + 1, size - 1, (uint16_t)be16(data + 1), question, len) ==
	    REPLY_GOOD)
		good(&r, question, len, data[0]);
	/* The same with a capital more or less is not what was asked, or only in case. */
	question[1] ^= 0x20;
	MUST(reply_read(&r, data + 1, size - 1, (uint16_t)be16(data + 1), question, len) <=
	     REPLY_CASE);
	free(question);
	return 0;
}
