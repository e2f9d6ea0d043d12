/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parent: control, gates and netd started, told, started again, and ended. */
#include "parent_rig.h"

static void it_starts_and_stops(void **state)
{
	struct daemon d = start("", NULL);
	char path[96];
	struct stat st;

	expect(&d, "@listener 1");
	expect(&d, "@listener 2");
	expect(&d, "@go cold=1 gates=2 dns=");
	expect(&d, "@up 0 ");
	expect_serving(&d);
	snprintf(path, sizeof path, "%s/run/api.sock", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	snprintf(path, sizeof path, "%s/state/store", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_uid, geteuid() ? geteuid() : 2147480001u);
	stop(&d);
}

static void gates_share_the_port(void **state)
{
	struct daemon d = start("", NULL);
	unsigned int ports[2] = {0}, gate[2] = {0};

	/* The lines of the gates come in any order, around those of the others. */
	for (int i = 0; i < 2;)
		i += sscanf(expect(&d, "@gate "), "@gate %u listener %u", &gate[i], &ports[i]) == 2;
	assert_int_not_equal(gate[0], gate[1]);
	assert_true(ports[0] > 1024);
	assert_int_equal(ports[0], ports[1]);
	stop(&d);
}

static void a_killed_gate_comes_back(void **state)
{
	struct daemon d = start("", NULL);
	char want[32];
	int pid;

	assert_int_equal(sscanf(expect(&d, "@up 1 "), "@up 1 %d", &pid), 1);
	expect_serving(&d);
	for (int i = 0; i < 3; i++) {
		kill(pid, SIGKILL);
		snprintf(want, sizeof want, "@gone 1 %d", pid);
		expect(&d, want);
		assert_int_equal(sscanf(expect(&d, "@up 1 "), "@up 1 %d", &pid), 1);
		expect(&d, "@ack 1");
	}
	stop(&d);
}

static void a_killed_control_finds_the_same_gates(void **state)
{
	struct daemon d = start("", NULL);
	int control, pid[GATES], again;

	assert_int_equal(sscanf(expect(&d, "@control "), "@control %d", &control), 1);
	assert_int_equal(sscanf(expect(&d, "@up 0 "), "@up 0 %d", &pid[0]), 1);
	assert_int_equal(sscanf(expect(&d, "@up 1 "), "@up 1 %d", &pid[1]), 1);
	for (int i = 0; i < 2; i++) {
		kill(control, SIGKILL);
		assert_int_equal(sscanf(expect(&d, "@control "), "@control %d", &control), 1);
		expect(&d, "@go cold=0");
		assert_int_equal(sscanf(expect(&d, "@up 0 "), "@up 0 %d", &again), 1);
		assert_int_equal(again, pid[0]);
		expect_serving(&d);
	}
	stop(&d);
}

/* kill -9 of the parent: no child may go on serving, and the next daemon gets the state folder at once. */
static void a_killed_parent_takes_all_with_it(void **state)
{
	struct daemon d = start("", NULL);

	expect_serving(&d);
	kill(d.pid, SIGKILL);
	assert_true(all_gone(&d));
	ended(&d);
	d = start("", NULL); /* over the socket that was left */
	expect_serving(&d);
	stop(&d);
}

static void a_second_daemon_is_refused(void **state)
{
	struct daemon d = start("", NULL), second;

	expect_serving(&d);
	second = start("", NULL);
	expect(&second, "another posternd runs on the state folder");
	assert_int_equal(WEXITSTATUS(ended(&second)), err_code_exit(ERR_UNAVAILABLE));
	text_len = text_read = 0;
	stop(&d);
}

static void control_may_end_a_gate(void **state)
{
	struct daemon d = start("end-gate", NULL);
	char want[32];
	int pid;

	assert_int_equal(sscanf(expect(&d, "@up 1 "), "@up 1 %d", &pid), 1);
	snprintf(want, sizeof want, "@gone 1 %d", pid);
	expect(&d, want);
	expect(&d, "@up 1 ");
	assert_null(memmem(text, text_len, "@gone 0 ", 8)); /* index and pid must both be right */
	stop(&d);
}

static void a_hostile_gate_is_ended(void **state)
{
	struct daemon d = start("gate-hostile", NULL);

	expect(&d, "broke the contract");
	expect(&d, "@gone 0 ");
	expect(&d, "@up 0 ");
	stop(&d);
}

static void a_gate_that_stays_is_killed(void **state)
{
	struct daemon d = start("gate-stays", NULL);

	expect_serving(&d);
	kill(d.pid, SIGINT);
	expect(&d, "did not stop in time");
	expect(&d, "@control stops");
	assert_int_equal(ended(&d), 0);
}

static void tables_file(bool there)
{
	char path[96];

	snprintf(path, sizeof path, "%s/state/tables/data.mdb", dir);
	if (there)
		close(open(path, O_WRONLY | O_CREAT, 0600));
	else
		unlink(path);
}

static void without_control_and_tables_it_gives_up(void **state)
{
	struct daemon d = start("control-dies", NULL);

	expect(&d, "no tables of an earlier run");
	assert_int_equal(WEXITSTATUS(ended(&d)), 1);
}

static void without_control_gates_serve_by_their_tables(void **state)
{
	static const char *const ways[] = {"control-dies", "control-hangs"};

	tables_file(true);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct daemon d = start(ways[i], NULL);

		expect(&d, "the gates start with the tables");
		expect(&d, "@gate ");
		kill(d.pid, SIGTERM);
		expect(&d, "@gate ");
		assert_true(all_gone(&d));
		assert_int_equal(ended(&d), 0);
	}
	tables_file(false);
}

static void probes_end_as_they_should(void **state)
{
	struct daemon d;

	d = start("", "--probe=parent:ptrace");
	assert_int_equal(WTERMSIG(ended(&d)), SIGSYS);
	d = start("", "--probe=control:open");
	expect(&d, "probe open: errno 13");
	assert_true(all_gone(&d));
	assert_int_equal(WEXITSTATUS(ended(&d)), SANDBOX_PROBE_REFUSED);
	if (!sandbox_netd_rights(NULL)) {
		d = start("", "--probe=keeper:execve");
		assert_int_equal(WEXITSTATUS(ended(&d)), 128 + SIGSYS);
		d = start("", "--probe=netd:kill");
		assert_int_equal(WEXITSTATUS(ended(&d)), 128 + SIGSYS);
	}
	d = start("", "--probe=dns:listen");
	if (!sandbox_netd_rights(NULL))
		assert_int_equal(WEXITSTATUS(ended(&d)), 128 + SIGSYS);
	else
		stop(&d);
	d = start("", "--probe=gate:execve");
	expect(&d, "signal=SYS");
	assert_true(all_gone(&d));
	assert_int_equal(WEXITSTATUS(ended(&d)), 128 + SIGSYS);
}

/* Netd is the child of the keeper, which is found by its name among the children of the daemon. */
static pid_t keeper_of(const struct daemon *d)
{
	char path[64], name[32] = "";
	FILE *children;
	int pid;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", d->pid, d->pid);
	children = fopen(path, "r");
	assert_non_null(children);
	while (fscanf(children, "%d", &pid) == 1) {
		int fd;
		ssize_t n;

		snprintf(path, sizeof path, "/proc/%d/comm", pid);
		fd = open(path, O_RDONLY);
		n = fd >= 0 ? read(fd, name, sizeof name - 1) : 0;
		close(fd);
		name[n > 0 ? n : 0] = 0;
		if (!strcmp(name, "postern-keeper\n")) {
			fclose(children);
			return pid;
		}
	}
	fclose(children);
	fail_msg("no keeper");
	return 0;
}

static void the_keeper_starts_netd(void **state)
{
	struct daemon d;
	int pid, up;
	unsigned int port = 0;

	needs_rights();
	d = start("", NULL);
	assert_int_equal(sscanf(expect(&d, "@netd "), "@netd %d", &pid), 1);
	assert_int_equal(sscanf(expect(&d, "@netd listener"), "@netd listener %u", &port), 1);
	assert_true(port > 1024);
	stop(&d);
	d = start("", NULL);
	assert_int_equal(sscanf(expect(&d, "@netd-up "), "@netd-up %d", &up), 1);
	expect(&d, "@netd-ack");
	kill(d.pid, SIGTERM);
	expect(&d, "stops"); /* the gates */
	expect(&d, "@netd stops");
	expect(&d, "@control stops");
	assert_true(all_gone(&d));
	assert_int_equal(ended(&d), 0);
}

/* What it opened is every gate's, also one's that comes later, and its own again when it comes back. */
static void a_killed_netd_finds_its_sockets(void **state)
{
	struct daemon d;
	char want[32];
	int pid, gate;

	needs_rights();
	d = start("", NULL);
	assert_int_equal(sscanf(expect(&d, "@up 1 "), "@up 1 %d", &gate), 1);
	expect_anywhere(&d, "@gate 0 endpoint 7");
	expect_anywhere(&d, "@gate 1 endpoint 7");
	assert_int_equal(sscanf(expect_anywhere(&d, "@netd-up "), "@netd-up %d", &pid), 1);
	kill(gate, SIGKILL);
	expect(&d, "@gate 1 endpoint 7");
	kill(pid, SIGKILL);
	snprintf(want, sizeof want, "@netd-gone %d", pid);
	expect(&d, "@netd back 1");
	expect_anywhere(&d, want);
	/* It does not want this one any more. */
	expect(&d, "endpoint-gone 7");
	expect(&d, "endpoint-gone 7");
	stop(&d);
}

static void a_killed_control_finds_the_same_netd(void **state)
{
	struct daemon d;
	int control, pid, again;

	needs_rights();
	d = start("", NULL);
	assert_int_equal(sscanf(expect(&d, "@control "), "@control %d", &control), 1);
	assert_int_equal(sscanf(expect(&d, "@netd-up "), "@netd-up %d", &pid), 1);
	expect(&d, "@netd-ack");
	kill(control, SIGKILL);
	assert_int_equal(sscanf(expect(&d, "@netd-up "), "@netd-up %d", &again), 1);
	assert_int_equal(again, pid);
	expect(&d, "@netd-ack");
	stop(&d);
}

/* The parent in its sandbox cannot make another: the rest goes on, and control knows why there are no changes of networks. */
static void a_killed_keeper_is_told(void **state)
{
	struct daemon d;
	int control, pid;

	needs_rights();
	d = start("", NULL);
	assert_int_equal(sscanf(expect(&d, "@control "), "@control %d", &control), 1);
	assert_int_equal(sscanf(expect(&d, "@netd-up "), "@netd-up %d", &pid), 1);
	expect(&d, "@netd-ack");
	kill(keeper_of(&d), SIGKILL);
	expect(&d, "@netd-gone ");
	expect(&d, "@netd-off the keeper");
	for (int i = 0; i < 5000 && !kill(pid, 0); i++)
		poll(NULL, 0, 1);
	assert_int_equal(kill(pid, 0), -1); /* netd went with it */
	kill(control, SIGKILL);
	expect(&d, "@netd-off the keeper");
	expect(&d, "@serving");
	stop(&d);
}

static void a_killed_parent_takes_netd_with_it(void **state)
{
	struct daemon d;

	needs_rights();
	d = start("", NULL);
	expect(&d, "@netd-ack");
	kill(d.pid, SIGKILL);
	assert_true(all_gone(&d));
	ended(&d);
}

static void control_may_end_netd(void **state)
{
	struct daemon d;
	char want[32];
	int pid;

	needs_rights();
	d = start("end-netd", NULL);
	assert_int_equal(sscanf(expect(&d, "@netd-up "), "@netd-up %d", &pid), 1);
	expect(&d, "control asked for it");
	snprintf(want, sizeof want, "@netd-gone %d", pid);
	expect(&d, want);
	expect(&d, "@netd-up ");
	stop(&d);
}

static void a_hostile_netd_is_ended(void **state)
{
	struct daemon d;

	needs_rights();
	d = start("netd-hostile", NULL);
	expect(&d, "broke the contract");
	expect(&d, "@netd-gone ");
	expect(&d, "@netd-up ");
	stop(&d);
}

static void a_netd_that_dies_is_tried_again(void **state)
{
	struct daemon d;

	needs_rights();
	d = start("netd-dies", NULL);
	for (int i = 0; i < 3; i++)
		expect(&d, "role=netd");
	expect(&d, "again_in_ms=100");
	assert_null(memmem(text, text_len, "@netd-off", 9));
	stop(&d);
}

static void a_netd_that_stays_is_killed(void **state)
{
	struct daemon d;

	needs_rights();
	d = start("netd-stays", NULL);
	expect(&d, "@netd-ack");
	kill(d.pid, SIGTERM);
	expect(&d, "did not stop in time");
	expect(&d, "@control stops");
	assert_int_equal(ended(&d), 0);
}

/* More than a gate's queue holds: they wait with the parent, and nobody is ended for it. */
static void many_endpoints_reach_a_slow_gate(void **state)
{
	struct daemon d;
	struct rlimit l;

	needs_rights();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	if (l.rlim_max < 3 * MANY) {
		print_message("skipped: needs %d descriptors\n", 3 * MANY);
		skip();
	}
	d = start("many", NULL);
	expect(&d, "has all");
	expect(&d, "has all");
	assert_null(memmem(text, text_len, "role.killed", 11));
	stop(&d);
}

static void without_the_rights_there_is_no_netd(void **state)
{
	struct daemon d = start("", "--networks=off");

	expect(&d, "@netd-off the daemon was started with --networks off");
	expect_serving(&d);
	assert_null(memmem(text, text_len, "@netd ", 6));
	stop(&d);
	if (geteuid())
		return;
	d = start("no-rights", NULL);
	expect(&d, "networks.off");
	expect(&d, "@netd-off the daemon was started without CAP_SYS_ADMIN");
	expect_serving(&d);
	stop(&d);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(it_starts_and_stops),
		TEST(gates_share_the_port),
		TEST(a_killed_gate_comes_back),
		TEST(a_killed_control_finds_the_same_gates),
		TEST(a_killed_parent_takes_all_with_it),
		TEST(a_second_daemon_is_refused),
		TEST(control_may_end_a_gate),
		TEST(a_hostile_gate_is_ended),
		TEST(a_gate_that_stays_is_killed),
		TEST(without_control_and_tables_it_gives_up),
		TEST(without_control_gates_serve_by_their_tables),
		TEST(the_keeper_starts_netd),
		TEST(a_killed_netd_finds_its_sockets),
		TEST(a_killed_control_finds_the_same_netd),
		TEST(a_killed_keeper_is_told),
		TEST(a_killed_parent_takes_netd_with_it),
		TEST(control_may_end_netd),
		TEST(a_hostile_netd_is_ended),
		TEST(a_netd_that_dies_is_tried_again),
		TEST(a_netd_that_stays_is_killed),
		TEST(many_endpoints_reach_a_slow_gate),
		TEST(without_the_rights_there_is_no_netd),
		TEST(probes_end_as_they_should),
	};

	if (argc > 1 && !strcmp(argv[1], "--role"))
		return role_main(argc, argv);
	return cmocka_run_group_tests(tests, dir_make, dir_remove);
}
