/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data of DNS records: from the form in which people write it (RFC 1035 section 5.1, RFC 2782, RFC 3596) to wire form, and back.
 *
 *	type    text                             wire
 *	A       192.0.2.1                        4 octets
 *	AAAA    2001:db8::1                      16 octets
 *	CNAME   name.example.org.                name (NS and PTR likewise)
 *	MX      10 mail.example.org.             u16 preference, name
 *	SRV     0 5 443 api.example.org.         u16 priority, weight, port, name
 *	TXT     "a string" another "a;b\"c"      strings of 0..255 octets, each after its length
 *	SOA     made by us, not written by people; formatted only
 *
 * Names are not compressed (RFC 3597 section 4 forbids it but for the oldest types, and a pre-encoded record could not have it).
 *
 * Pure: no I/O, no allocation.
 */
#pragma once

#include "wire/dname.h"

enum rr_type {
	RR_A = 1,
	RR_NS = 2,
	RR_CNAME = 5,
	RR_SOA = 6,
	RR_PTR = 12,
	RR_MX = 15,
	RR_TXT = 16,
	RR_AAAA = 28,
	RR_SRV = 33,
	RR_OPT = 41,
	RR_DS = 43,
	RR_TKEY = 249,
	RR_TSIG = 250,
	RR_IXFR = 251,
	RR_AXFR = 252,
	RR_MAILB = 253,
	RR_MAILA = 254,
	RR_ANY = 255,
};

#define RR_CLASS_IN    1

#define RDATA_MAX      4096
#define RDATA_TEXT_MAX (RDATA_MAX * 4 + 64)

/* "A", "aaaa". 0: none of those above that records have. */
uint16_t rr_type_parse(const char *text, size_t len);
/* NULL if unknown. */
const char *rr_type_text(uint16_t type);

/*
 * origin: as in dname_parse(). Returns the length; -ERR_INVALID with a sentence that says what this type wants, -ERR_TOO_LARGE,
 * -ERR_UNSUPPORTED: a type that nobody writes.
 */
int rdata_parse(uint16_t type, const char *text, size_t len, const uint8_t *origin,
		uint8_t dst[RDATA_MAX], struct err *e) _must_check_;
/* The text that rdata_parse() reads, names absolute. Returns its length; -ERR_INVALID if the data is not good. */
int rdata_format(uint16_t type, const uint8_t *rdata, size_t len, char dst[RDATA_TEXT_MAX])
	_must_check_;
/* Its form is that of its type, to the last octet. Other types than the above: never. */
bool rdata_is_good(uint16_t type, const uint8_t *rdata, size_t len);
/* Where in the data of an NS, CNAME, PTR, MX or SRV record the name begins; -1: another type. */
int rdata_name_at(uint16_t type);
