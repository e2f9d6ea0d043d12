/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Two documents in one file, one in the other, with a long name. */
#define LONG                                                                                       \
	"/tmp/a-folder-with-a-rather-long-name-that-goes-on-and-on/and-another-one-below-it-that-" \
	"is-just-as-long/and-in-it-at-last-the-file-whose-name-matters-here.yaml"

static struct origin origins[] = {{"a.yaml", 1, 2}, {"a.yaml", 2, 2}, {LONG, 1, 1}};

static void expect(const char *path, const char *located)
{
	struct input in = {.documents = json_pack("[{}, {}, {}]"), .origins = origins};
	struct err e = {0};

	snprintf(e.path, sizeof e.path, "%s", path);
	input_locate(&in, &e);
	assert_string_equal(e.path, located);
	json_decref(in.documents);
}

static void test_locate(void **state)
{
	expect("[0].public.ranges[2]", "a.yaml, document 1: public.ranges[2]");
	expect("[1]", "a.yaml, document 2");
	expect("[1][0]", "a.yaml, document 2: [0]");
	expect("[3].x", "[3].x"); /* no such document of ours */
	expect("public", "public");
	expect("", "");
	expect("[-1].x", "[-1].x");
	expect("[99999999999999999999].x", "[99999999999999999999].x");
}

/* The field is never what is cut, and of the name the end stays. */
static void test_locate_long(void **state)
{
	struct input in = {.documents = json_pack("[{}, {}, {}]"), .origins = origins};
	struct err e = {0};

	snprintf(e.path, sizeof e.path, "[2].public.ranges[17]");
	input_locate(&in, &e);
	assert_memory_equal(e.path, "...", 3);
	assert_non_null(strstr(e.path, "matters-here.yaml: public.ranges[17]"));
	json_decref(in.documents);
}

static void test_files(void **state)
{
	char dir[] = "/tmp/postern-test.XXXXXX", a[64], b[64];
	const char *paths[] = {b, a};
	struct input in;
	struct err e;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(a, sizeof a, "%s/a.yaml", dir);
	snprintf(b, sizeof b, "%s/b.json", dir);
	f = fopen(a, "w");
	fputs("kind: cluster\nname: one\n---\nname: two\n", f);
	fclose(f);
	f = fopen(b, "w");
	fputs("[{\"name\": \"three\"}]", f);
	fclose(f);

	assert_int_equal(input_read(paths, 2, &in, &e), 0);
	assert_int_equal(json_array_size(in.documents), 3);
	assert_string_equal(in.origins[0].file, b);
	assert_string_equal(in.origins[2].file, a);
	assert_int_equal(in.origins[2].number, 2);
	assert_int_equal(in.origins[2].of, 2);
	input_done(&in);
	input_done(&in); /* twice is harmless */

	f = fopen(b, "w");
	fputs("[{\"name\": ", f);
	fclose(f);
	assert_int_equal(input_read(paths, 2, &in, &e), -ERR_INVALID);
	assert_memory_equal(e.path, b, strlen(b));
	unlink(a);
	assert_int_equal(input_read(paths + 1, 1, &in, &e), -ERR_USAGE);
	unlink(b);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locate),
		cmocka_unit_test(test_locate_long),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
