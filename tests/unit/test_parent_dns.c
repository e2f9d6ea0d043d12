/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parent and the dns processes: where there are any, what each is given, and that one that ends comes back with the same. */
#include "parent_rig.h"

#define LISTEN "--dns-listen=127.0.0.1:1"

/* What the next line that begins so ends with. */
static unsigned int number_after(struct daemon *d, const char *part, int base)
{
	const char *line = expect(d, part);

	return (unsigned int)strtoul(strstr(line, part) + strlen(part), NULL, base);
}

static void dns_processes_share_their_sockets(void **state)
{
	struct daemon d = start("", LISTEN);
	unsigned int port = number_after(&d, "@dns 0 listener 3 port ", 10);

	assert_true(port > 1024);
	assert_int_equal(number_after(&d, "@dns 0 listener 4 port ", 10), port);
	stop(&d);
	d = start("", LISTEN);
	port = number_after(&d, "@dns 1 listener 3 port ", 10);
	assert_int_equal(number_after(&d, "@dns 1 listener 4 port ", 10), port);
	expect(&d, "@dns-ack 1");
	stop(&d);
}

static void a_killed_dns_process_comes_back(void **state)
{
	struct daemon d = start("", LISTEN);
	char want[32];
	unsigned int key = number_after(&d, "@dns 1 of 2 key ", 16), port;
	int pid;

	port = number_after(&d, "@dns 1 listener 3 port ", 10);
	expect(&d, "@dns-ack 1");
	pid = 0;
	for (int i = 0; i < 3; i++) {
		/* Its number was told before it acknowledged. */
		const char *up = NULL;

		for (char *at = text; (at = strstr(at, "@dns-up 1 ")); at++)
			up = at;
		assert_non_null(up);
		assert_int_equal(sscanf(up, "@dns-up 1 %d", &pid), 1);
		kill(pid, SIGKILL);
		snprintf(want, sizeof want, "@dns-gone 1 %d", pid);
		/* The same key: a cookie that another process gave is good here, and after this one's death. */
		assert_int_equal(number_after(&d, "@dns 1 of 2 key ", 16), key);
		assert_int_equal(number_after(&d, "@dns 1 listener 3 port ", 10), port);
		expect(&d, "@dns-ack 1");
		expect_anywhere(&d, want);
	}
	stop(&d);
	d = start("", LISTEN);
	assert_int_not_equal(number_after(&d, "@dns 1 of 2 key ", 16), key);
	stop(&d);
}

static void a_killed_control_finds_the_same_dns_processes(void **state)
{
	struct daemon d = start("", LISTEN);
	int control, pid, again;

	assert_int_equal(sscanf(expect(&d, "@control "), "@control %d", &control), 1);
	assert_int_equal(sscanf(expect(&d, "@dns-up 1 "), "@dns-up 1 %d", &pid), 1);
	expect(&d, "@dns-ack 1");
	kill(control, SIGKILL);
	expect(&d, "@go cold=0 gates=2 dns=2");
	assert_int_equal(sscanf(expect(&d, "@dns-up 1 "), "@dns-up 1 %d", &again), 1);
	assert_int_equal(again, pid);
	expect(&d, "@dns-ack 1");
	stop(&d);
}

static void control_may_end_a_dns_process(void **state)
{
	struct daemon d = start("end-dns", LISTEN);
	char want[32];
	int pid;

	assert_int_equal(sscanf(expect(&d, "@dns-up 1 "), "@dns-up 1 %d", &pid), 1);
	snprintf(want, sizeof want, "@dns-gone 1 %d", pid);
	expect(&d, want);
	expect(&d, "@dns-up 1 ");
	assert_null(memmem(text, text_len, "@dns-gone 0 ", 12)); /* index and pid must be right */
	assert_null(memmem(text, text_len, "@gone ", 6));	 /* and it was no gate */
	stop(&d);
}

static void a_hostile_dns_process_is_ended(void **state)
{
	struct daemon d = start("dns-hostile", LISTEN);

	expect(&d, "broke the contract");
	expect(&d, "@dns-gone 0 ");
	expect(&d, "@dns-up 0 ");
	stop(&d);
}

static void they_stop_before_control(void **state)
{
	struct daemon d = start("", LISTEN);

	expect(&d, "@dns-ack 1");
	kill(d.pid, SIGTERM);
	expect(&d, "@dns 1 stops");
	expect(&d, "@control stops");
	assert_true(all_gone(&d));
	assert_int_equal(ended(&d), 0);
}

/* No address for the internet and no networks: nobody could ask. */
static void where_nobody_can_ask_there_are_none(void **state)
{
	struct daemon d = start("", "--networks=off");

	expect(&d, "@go cold=1 gates=2 dns=0");
	expect_serving(&d);
	assert_null(memmem(text, text_len, "@dns", 4));
	stop(&d);
	if (geteuid())
		return;
	d = start("no-rights", NULL);
	expect(&d, "@go cold=1 gates=2 dns=0");
	stop(&d);
	d = start("no-rights", LISTEN);
	expect(&d, "@go cold=1 gates=2 dns=2");
	expect(&d, "@dns-ack");
	stop(&d);
}

/* Both get the resolver's; of those to ask with each has its own, again when it comes back, and never the other's. */
static void dns_processes_get_the_sockets_of_networks(void **state)
{
	struct daemon d;
	char want[32];
	int pid;

	needs_rights();
	d = start("dns-sockets", NULL);
	assert_int_equal(sscanf(expect(&d, "@dns-up 1 "), "@dns-up 1 %d", &pid), 1);
	expect_anywhere(&d, " dns 2");			      /* netd is to open sockets for two */
	expect_anywhere(&d, "@dns 1 endpoint kind 3 slot 3"); /* the last one */
	expect_anywhere(&d, "@dns 0 endpoint kind 3 slot 2");
	kill(pid, SIGKILL);
	snprintf(want, sizeof want, "@dns-gone 1 %d", pid);
	expect(&d, "@dns 1 of 2");
	expect(&d, "@dns 1 endpoint kind 1 slot 0");
	expect(&d, "@dns 1 endpoint kind 3 slot 1");
	expect(&d, "@dns 1 endpoint kind 3 slot 3");
	expect_anywhere(&d, want);
	stop(&d);
	assert_non_null(memmem(text, text_len, "@dns 0 endpoint kind 1 slot 0", 29));
	assert_non_null(memmem(text, text_len, "@dns 0 endpoint kind 3 slot 2", 29));
	assert_null(memmem(text, text_len, "@dns 0 endpoint kind 3 slot 1", 29));
	assert_null(memmem(text, text_len, "@dns 1 endpoint kind 3 slot 2", 29));
	assert_null(memmem(text, text_len, "@dns 1 endpoint kind 0", 22));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(dns_processes_share_their_sockets),
		TEST(a_killed_dns_process_comes_back),
		TEST(a_killed_control_finds_the_same_dns_processes),
		TEST(control_may_end_a_dns_process),
		TEST(a_hostile_dns_process_is_ended),
		TEST(they_stop_before_control),
		TEST(where_nobody_can_ask_there_are_none),
		TEST(dns_processes_get_the_sockets_of_networks),
	};

	if (argc > 1 && !strcmp(argv[1], "--role"))
		return role_main(argc, argv);
	return cmocka_run_group_tests(tests, dir_make, dir_remove);
}
