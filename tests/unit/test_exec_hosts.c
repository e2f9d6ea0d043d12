/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hosts file that a command on a host sees. */
#include "postern/exec_hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void makes(const char *own, const char *names, const char *want)
{
	json_t *json = json_loads(names, 0, NULL);
	char *text;

	assert_non_null(json);
	text = exec_hosts(own, json);
	assert_string_equal(text, want);
	free(text);
	json_decref(json);
}

static void test_own_lines(void **state)
{
	makes("127.0.0.1 localhost\n# ::1\n10.0.0.1 secret\n  ::1\tlocalhost "
	      "ip6-localhost\nff02::1 ip6-allnodes\n127.0.1.1 vm",
	      "{}",
	      "127.0.0.1 localhost\n  ::1\tlocalhost ip6-localhost\nff02::1 "
	      "ip6-allnodes\n127.0.1.1 vm\n");
	makes("", "{\"names\": []}", "");
	makes("12", "{}", "");
}

static void test_names(void **state)
{
	makes("",
	      "{\"names\": [{\"name\": \"a.example\", \"addresses\": [\"10.0.0.1\", "
	      "\"FD00::0:1\"]}]}",
	      "10.0.0.1 a.example\nfd00::1 a.example\n");
	makes("",
	      "{\"names\": [{\"name\": \"a b\", \"addresses\": [\"10.0.0.1\"]}, {\"name\": \"\", "
	      "\"addresses\": "
	      "[\"10.0.0.1\"]}, {\"name\": \"a\\n1.1.1.1\", \"addresses\": [\"10.0.0.1\"]}, "
	      "{\"name\": \"ok\", "
	      "\"addresses\": [\"10.0.0.1 evil\", 7, null]}, 5]}",
	      "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_lines),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
