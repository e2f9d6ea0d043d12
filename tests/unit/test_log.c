/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/socket.h>

/* A datagram socket keeps each write(2) apart, so that one line is seen to be one write. */
static int out[2];

static int setup(void **state)
{
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, out);
}

static int teardown(void **state)
{
	close(out[0]);
	close(out[1]);
	return 0;
}

/* The next line without its newline, "" if there is none. */
static const char *next_line(void)
{
	static char line[8192];
	ssize_t n = recv(out[0], line, sizeof(line) - 1, 0);

	if (n <= 0)
		return "";
	line[n] = '\0';
	assert_int_equal(line[n - 1], '\n');
	line[n - 1] = '\0';
	assert_null(strchr(line, '\n'));
	return line;
}

/* The line behind its time stamp, whose shape is checked. */
static const char *next_text(void)
{
	const char *line = next_line();

	if (!line[0])
		return line;
	assert_int_equal(line[4], '-');
	assert_int_equal(line[10], 'T');
	assert_int_equal(line[19], '.');
	assert_int_equal(line[23], 'Z');
	assert_int_equal(line[24], ' ');
	return line + 25;
}

static void test_text(void **state)
{
	log_init(out[1], LOG_TEXT, LOG_INFO, "gate 0");
	log_event(LOG_INFO, "upstream.down", LF_STR("cluster", "prod"), LF_INT("failures", 3));
	assert_string_equal(next_text(), "INFO gate 0 upstream.down cluster=prod failures=3");
	log_event(LOG_ERROR, "bare");
	assert_string_equal(next_text(), "ERROR gate 0 bare");
	log_event(LOG_WARN, "kinds", LF_INT("i", INT64_MIN), LF_UINT("u", UINT64_MAX),
		  LF_DOUBLE("d", 1.5), LF_DOUBLE("nan", NAN), LF_BOOL("t", true),
		  LF_BOOL("f", false), LF_STR("null", NULL));
	assert_string_equal(next_text(),
			    "WARN gate 0 kinds i=-9223372036854775808 u=18446744073709551615 d=1.5 "
			    "nan=- t=true f=false null=-");
}

static void test_text_quoting(void **state)
{
	log_init(out[1], LOG_TEXT, LOG_INFO, "control");
	log_event(LOG_INFO, "q", LF_STR("a", "two words"), LF_STR("b", ""), LF_STR("c", "-"),
		  LF_STR("d", "x=y"), LF_STR("e", "say \"hi\"\\"), LF_STR("f", "a\nb\x7f\xff"),
		  LF_STR("g", "[2001:db8::1]:443"));
	assert_string_equal(next_text(), "INFO control q a=\"two words\" b=\"\" c=\"-\" d=\"x=y\" "
					 "e=\"say \\\"hi\\\"\\\\\" f=\"a\\x0ab\\x7f\\xff\" "
					 "g=[2001:db8::1]:443");
}

static void test_json(void **state)
{
	const char *line, *rest;

	log_init(out[1], LOG_JSON, LOG_DEBUG, "gate 0");
	log_event(LOG_DEBUG, "up", LF_STR("s", "a\"b\\c\nd\xff"), LF_STR("n", NULL),
		  LF_INT("i", -1), LF_BOOL("b", true), LF_DOUBLE("inf", INFINITY));
	line = next_line();
	assert_memory_equal(line, "{\"time\":\"20", 11);
	rest = strstr(line, "Z\",");
	assert_non_null(rest);
	assert_string_equal(rest, "Z\",\"level\":\"debug\",\"role\":\"gate 0\",\"event\":\"up\","
				  "\"s\":\"a\\\"b\\\\c\\\\x0ad\\\\xff\",\"n\":null,\"i\":-1,"
				  "\"b\":true,\"inf\":null}");
}

static void test_level(void **state)
{
	log_init(out[1], LOG_TEXT, LOG_WARN, "r");
	log_event(LOG_DEBUG, "no");
	log_event(LOG_INFO, "no");
	log_event(LOG_WARN, "yes");
	assert_string_equal(next_text(), "WARN r yes");
	assert_string_equal(next_text(), "");
}

/* Too long strings and lines are cut so that they still are what they were: one line, or one object. */
static void test_long(void **state)
{
	char big[6000];
	const char *line;

	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_init(out[1], LOG_TEXT, LOG_INFO, "r");
	memset(big, 'x', 700);
	log_event(LOG_INFO, "long", LF_STR("s", big), LF_INT("after", 1));
	line = next_text();
	assert_non_null(strstr(line, "xxx...\" after=1"));
	assert_true(strlen(line) < 600);

	log_init(out[1], LOG_JSON, LOG_INFO, "r");
	memset(big, '\n', 700);
	log_event(LOG_INFO, "long", LF_INT("before", 1), LF_STR("s", big), LF_INT("after", 1));
	line = next_line();
	assert_non_null(strstr(line, "\"event\":\"long\",\"before\":1,\"truncated\":true}"));
}

/* A name is limited, others are not, and the first line afterwards tells how many are missing. */
static void test_rate_limit(void **state)
{
	struct timespec wait = {.tv_sec = LOG_WINDOW_MS / 1000, .tv_nsec = 50 * 1000000L};
	unsigned lines = 0;

	log_init(out[1], LOG_TEXT, LOG_INFO, "r");
	for (unsigned i = 0; i < LOG_BURST + 7; i++) {
		log_event(LOG_INFO, "flood", LF_UINT("i", i));
		lines += next_line()[0] != '\0';
	}
	assert_int_equal(lines, LOG_BURST);
	log_event(LOG_INFO, "other");
	assert_string_equal(next_text(), "INFO r other");

	assert_int_equal(nanosleep(&wait, NULL), 0);
	log_event(LOG_INFO, "flood", LF_UINT("i", 99));
	assert_string_equal(next_text(), "INFO r flood suppressed=7 i=99");
	log_event(LOG_INFO, "flood");
	assert_string_equal(next_text(), "INFO r flood");
}

/* More names than the table holds: still limited, and no loss of the table's bounds. */
static void test_many_names(void **state)
{
	unsigned lines = 0;
	char name[32];

	log_init(out[1], LOG_TEXT, LOG_INFO, "r");
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "name.%u", i);
		log_event(LOG_INFO, name);
		lines += next_line()[0] != '\0';
	}
	assert_in_range(lines, 128, 1000);
}

/* Logging is done between a failing call and a look at errno, and on descriptors that may be gone. */
static void test_errno(void **state)
{
	log_init(-1, LOG_TEXT, LOG_INFO, "r");
	errno = ENOENT;
	log_event(LOG_INFO, "nowhere");
	assert_int_equal(errno, ENOENT);
}

static void test_clock(void **state)
{
	char text[CLOCK_TEXT_MAX];
	uint64_t a = clock_mono_ns(), b = clock_mono_ns();

	assert_true(b >= a);
	assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_format(UINT64_C(1767323045678999), text),
			    "2026-01-02T03:04:05.678Z");
	assert_string_equal(clock_format(UINT64_C(1709164800000000), text),
			    "2024-02-29T00:00:00.000Z");
	clock_format(UINT64_MAX, text);
	assert_memory_equal(text, "9999-12-31T23:59:59.", 20);
	assert_true(clock_wall_us() > UINT64_C(1600000000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text_quoting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_level, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errno, setup, teardown),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
