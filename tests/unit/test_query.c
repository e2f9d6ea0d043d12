/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading queries: each kind of message once, every cut of a good one, names folded as octets are. */
#include "dns/query.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Header: id, flags, counts. Then bytes. */
#define H(f2, f3, qd, an, ns, ar) "\xab\xcd" f2 f3 "\0" qd "\0" an "\0" ns "\0" ar
#define Q			  "\3Www\7eXample\3org\0\0\1\0\1"
#define OPT(v, n)		  "\0\0\x29\4\xd0\0" v "\x80\0\0" n
#define TSIG			  "\1k\0\0\xfa\0\xff\0\0\0\0\0\2ab"

struct row {
	const char *what, *bytes;
	size_t len;
	enum query_kind kind;
};
#define ROW(what, bytes, kind)                       \
	{                                            \
		what, bytes, sizeof(bytes) - 1, kind \
	}

static const struct row rows[] = {
	ROW("plain", H("\0", "\0", "\1", "\0", "\0", "\0") Q, QUERY_PLAIN),
	ROW("every flag", H("\7", "\xff", "\1", "\0", "\0", "\0") Q, QUERY_PLAIN),
	ROW("OPT", H("\1", "\0", "\1", "\0", "\0", "\1") Q OPT("\0", "\0"), QUERY_PLAIN),
	ROW("root", H("\0", "\0", "\1", "\0", "\0", "\0") "\0\0\2\0\1", QUERY_PLAIN),
	ROW("unknown option", H("\1", "\0", "\1", "\0", "\0", "\1") Q OPT("\0", "\5") "\0\x64\0\1x",
	    QUERY_PLAIN),
	ROW("cookie",
	    H("\1", "\0", "\1", "\0", "\0", "\1") Q OPT("\0", "\x0c") "\0\x0a\0\x08"
								      "12345678",
	    QUERY_PLAIN),
	ROW("empty", "", QUERY_DROP),
	ROW("11 octets", "\0\0\0\0\0\1\0\0\0\0\0", QUERY_DROP),
	ROW("an answer", H("\x80", "\0", "\1", "\0", "\0", "\0") Q, QUERY_DROP),
	ROW("an answer of another opcode", H("\xa8", "\0", "\1", "\0", "\0", "\0") Q, QUERY_DROP),
	ROW("IQUERY", H("\x08", "\0", "\1", "\0", "\0", "\0") Q, QUERY_NOTIMP),
	ROW("STATUS", H("\x10", "\0", "\0", "\0", "\0", "\0"), QUERY_NOTIMP),
	ROW("DSO", H("\x30", "\0", "\0", "\0", "\0", "\0"), QUERY_NOTIMP),
	ROW("NOTIFY", H("\x20", "\0", "\1", "\0", "\0", "\0") Q, QUERY_SLOW),
	ROW("UPDATE", H("\x28", "\0", "\1", "\0", "\0", "\0") Q, QUERY_SLOW),
	ROW("UPDATE, cut", H("\x28", "\0", "\1", "\0", "\0", "\0"), QUERY_SLOW),
	ROW("no question", H("\0", "\0", "\0", "\0", "\0", "\0"), QUERY_FORMERR),
	ROW("no question, OPT", H("\0", "\0", "\0", "\0", "\0", "\1") OPT("\0", "\0"),
	    QUERY_FORMERR),
	ROW("no question, cookie",
	    H("\0", "\0", "\0", "\0", "\0", "\1") OPT("\0", "\x0c") "\0\x0a\0\x08"
								    "12345678",
	    QUERY_COOKIE),
	ROW("two questions", H("\0", "\0", "\2", "\0", "\0", "\0") Q Q, QUERY_FORMERR),
	ROW("an answer record", H("\0", "\0", "\1", "\1", "\0", "\0") Q, QUERY_FORMERR),
	ROW("an authority record", H("\0", "\0", "\1", "\0", "\1", "\0") Q, QUERY_FORMERR),
	ROW("record missing", H("\0", "\0", "\1", "\0", "\0", "\1") Q, QUERY_FORMERR),
	ROW("one octet more", H("\0", "\0", "\1", "\0", "\0", "\0") Q "x", QUERY_FORMERR),
	ROW("two OPT", H("\0", "\0", "\1", "\0", "\0", "\2") Q OPT("\0", "\0") OPT("\0", "\0"),
	    QUERY_FORMERR),
	ROW("OPT not at the root", H("\0", "\0", "\1", "\0", "\0", "\1") Q "\1a" OPT("\0", "\0"),
	    QUERY_FORMERR),
	ROW("options too long",
	    H("\0", "\0", "\1", "\0", "\0", "\1") Q OPT("\0", "\4") "\0\x64\0\1", QUERY_FORMERR),
	ROW("half an option", H("\0", "\0", "\1", "\0", "\0", "\1") Q OPT("\0", "\3") "\0\x64\0",
	    QUERY_FORMERR),
	ROW("cookie of 7",
	    H("\0", "\0", "\1", "\0", "\0", "\1") Q OPT("\0", "\x0b") "\0\x0a\0\7"
								      "1234567",
	    QUERY_FORMERR),
	ROW("cookie of 9",
	    H("\0", "\0", "\1", "\0", "\0", "\1") Q OPT("\0", "\x0d") "\0\x0a\0\x09"
								      "123456789",
	    QUERY_FORMERR),
	ROW("version 1", H("\0", "\0", "\1", "\0", "\0", "\1") Q OPT("\1", "\0"), QUERY_BADVERS),
	ROW("version 1, bad options", H("\0", "\0", "\1", "\0", "\0", "\1") Q OPT("\1", "\1") "x",
	    QUERY_BADVERS),
	ROW("additional A", H("\0", "\0", "\1", "\0", "\0", "\1") Q "\0\0\1\0\1\0\0\0\0\0\4abcd",
	    QUERY_FORMERR),
	ROW("TSIG", H("\0", "\0", "\1", "\0", "\0", "\1") Q TSIG, QUERY_SLOW),
	ROW("OPT, TSIG", H("\0", "\0", "\1", "\0", "\0", "\2") Q OPT("\0", "\0") TSIG, QUERY_SLOW),
	ROW("TSIG not last", H("\0", "\0", "\1", "\0", "\0", "\2") Q TSIG OPT("\0", "\0"),
	    QUERY_FORMERR),
	ROW("compressed", H("\0", "\0", "\1", "\0", "\0", "\0") "\xc0\x0c\0\1\0\1", QUERY_FORMERR),
	ROW("label type 01", H("\0", "\0", "\1", "\0", "\0", "\0") "\x41" Q, QUERY_FORMERR),
	ROW("class CH", H("\0", "\0", "\1", "\0", "\0", "\0") "\1a\0\0\1\0\3", QUERY_REFUSED),
	ROW("class ANY", H("\0", "\0", "\1", "\0", "\0", "\0") "\1a\0\0\1\0\xff", QUERY_REFUSED),
	ROW("ANY", H("\0", "\0", "\1", "\0", "\0", "\0") "\1a\0\0\xff\0\1", QUERY_PLAIN),
	ROW("type 666", H("\0", "\0", "\1", "\0", "\0", "\0") "\1a\0\2\x9a\0\1", QUERY_PLAIN),
	ROW("type 0", H("\0", "\0", "\1", "\0", "\0", "\0") "\1a\0\0\0\0\1", QUERY_FORMERR),
	ROW("type OPT", H("\0", "\0", "\1", "\0", "\0", "\0") "\1a\0\0\x29\0\1", QUERY_FORMERR),
	ROW("type TSIG", H("\0", "\0", "\1", "\0", "\0", "\0") "\1a\0\0\xfa\0\1", QUERY_NOTIMP),
	ROW("type TKEY", H("\0", "\0", "\1", "\0", "\0", "\0") "\1a\0\0\xf9\0\1", QUERY_NOTIMP),
	ROW("MAILB", H("\0", "\0", "\1", "\0", "\0", "\0") "\1a\0\0\xfd\0\1", QUERY_NOTIMP),
	ROW("AXFR", H("\0", "\0", "\1", "\0", "\0", "\0") "\1a\0\0\xfc\0\1", QUERY_SLOW),
	ROW("IXFR", H("\0", "\0", "\1", "\0", "\1", "\0") "\1a\0\0\xfb\0\1" Q, QUERY_SLOW),
};

static enum query_kind read_exactly(struct dns_query *q, const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum query_kind kind;

	memcpy(copy, bytes, len);
	kind = query_read(q, copy, len);
	free(copy);
	return kind;
}

static void test_kinds(void **state)
{
	struct dns_query q;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const enum query_kind kind = read_exactly(&q, rows[i].bytes, rows[i].len);

		if (kind != rows[i].kind)
			fail_msg("%s: %d, not %d", rows[i].what, kind, rows[i].kind);
	}
}

/* A message that is cut anywhere is malformed, or too short to be answered. */
static void test_cuts(void **state)
{
	struct dns_query q;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].kind != QUERY_PLAIN)
			continue;
		for (size_t len = 0; len < rows[i].len; len++) {
			const enum query_kind kind = read_exactly(&q, rows[i].bytes, len);

			assert_int_equal(kind, len < DNS_HEADER_BYTES ? QUERY_DROP : QUERY_FORMERR);
		}
	}
}

static void test_fields(void **state)
{
	struct dns_query q;

	assert_int_equal(read_exactly(&q, rows[5].bytes, rows[5].len), QUERY_PLAIN);
	assert_int_equal(q.id, 0xabcd);
	assert_int_equal(q.type, RR_A);
	assert_int_equal(q.class, RR_CLASS_IN);
	assert_int_equal(q.name.len, 17);
	assert_int_equal(q.name.labels, 3);
	assert_memory_equal(q.name.wire, "\3www\7example\3org", 17);
	assert_int_equal(q.name.at[1], 4);
	assert_int_equal(q.name.at[3], 16);
	assert_int_equal(q.question_end, 33);
	assert_true(q.has_edns && q.has_do);
	assert_int_equal(q.udp_size, 1232);
	assert_int_equal(q.cookie_len, 8);
	assert_memory_equal(q.cookie, "12345678", 8);
	assert_int_equal(read_exactly(&q, rows[0].bytes, rows[0].len), QUERY_PLAIN);
	assert_true(!q.has_edns && !q.has_do && q.cookie_len == 0);
}

/* Every octet, at every place of a word. */
static void test_fold(void **state)
{
	for (int c = 0; c < 256; c++) {
		for (size_t at = 1; at < 20; at++) {
			uint8_t wire[22];
			struct dns_name n;

			memset(wire, '@', sizeof(wire));
			wire[0] = 20;
			wire[at] = (uint8_t)c;
			wire[21] = 0;
			assert_int_equal(dns_name_read(&n, wire, sizeof(wire)), 22);
			wire[at] = (uint8_t)(c < 128 ? tolower(c) : c);
			assert_memory_equal(n.wire, wire, sizeof(wire));
		}
	}
}

static void test_longest_name(void **state)
{
	uint8_t wire[300];
	struct dns_name n;

	memset(wire, 1, sizeof(wire));
	wire[254] = 0;
	assert_int_equal(dns_name_read(&n, wire, sizeof(wire)), 255);
	assert_int_equal(n.labels, 127);
	wire[254] = 1;
	wire[256] = 0;
	assert_int_equal(dns_name_read(&n, wire, sizeof(wire)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),	     cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_fields),	     cmocka_unit_test(test_fold),
		cmocka_unit_test(test_longest_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
