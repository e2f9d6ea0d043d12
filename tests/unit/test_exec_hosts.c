/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hosts file that a command on a host sees. */
#include "postern/exec_hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void makes(const char *own, const char *want)
{
	char *text = exec_hosts(own);

	assert_string_equal(text, want);
	free(text);
}

static void test_own_lines(void **state)
{
	makes("127.0.0.1 localhost\n# ::1\n10.0.0.1 secret\n  ::1\tlocalhost "
	      "ip6-localhost\nff02::1 ip6-allnodes\n127.0.1.1 vm",
	      "127.0.0.1 localhost\n  ::1\tlocalhost ip6-localhost\nff02::1 "
	      "ip6-allnodes\n127.0.1.1 vm\n");
	makes("", "");
	makes("12", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
