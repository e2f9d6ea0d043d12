/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files by which a command on a host finds its network's resolver. */
#include "postern/exec_resolver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void makes(const char *status, const char *want)
{
	json_t *json = json_loads(status, 0, NULL);
	char *text;

	assert_non_null(json);
	text = exec_resolv_conf(json);
	assert_string_equal(text, want);
	free(text);
	json_decref(json);
}

static void test_servers(void **state)
{
	static const char none[] =
		"# The network of this host has no resolver (dns.enabled is false).\n";

	makes("{\"status\": {\"resolvers\": [\"10.0.1.2\", \"FD00::0:2\"]}}",
	      "nameserver 10.0.1.2\nnameserver fd00::2\n");
	makes("{\"status\": {\"resolvers\": [\"10.0.1.2\\noptions x\", 7, null, \"fd00::2\"]}}",
	      "nameserver fd00::2\n");
	makes("{\"status\": {\"resolvers\": []}}", none);
	makes("{}", none);
}

static void rewrites(const char *own, const char *want)
{
	char *text = exec_nsswitch_conf(own);

	assert_string_equal(text, want);
	free(text);
}

static void test_host_names_come_from_there_only(void **state)
{
	rewrites("", "hosts: files dns\n");
	rewrites("passwd: files\n  hosts:  files resolve [!UNAVAIL=return] dns\nnetworks: files",
		 "passwd: files\nnetworks: files\nhosts: files dns\n");
	rewrites("# hosts: x\nhosts: a\nhosts:", "# hosts: x\nhosts: files dns\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_host_names_come_from_there_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
