/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A name server as its own process, in its sandbox: what the parent tells it before GO and after. */
#include "serve_rig.h"

#include "dns/dns.h"

#include <sys/mman.h>
#include <sys/wait.h>

static char state_dir[] = "/tmp/postern-state.XXXXXX";
static struct options given;
static pid_t child;
static uint8_t query[512], answer[DNS_MESSAGE_MAX];

/* Tables with zones, and a process that has been told nothing yet. */
static int start(void **state)
{
	int link[2];

	if (rig_setup(state) < 0)
		return -1;
	zone_publish(1);
	network_publish();
	snprintf(state_dir, sizeof(state_dir), "/tmp/postern-state.XXXXXX");
	assert_non_null(mkdtemp(state_dir));
	given = (struct options){.sandbox = SANDBOX_BEST_EFFORT, .dns_rate = 100};
	snprintf(given.state_dir, sizeof(given.state_dir), "%s", state_dir);
	links_make(link);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(link[0]);
		_exit(dns_main(&given, link[1]));
	}
	close(link[1]);
	parent_link = link[0];
	control_link = -1;
	return 0;
}

static int ended(void)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int end(void **state)
{
	char path[64];

	close(parent_link);
	if (control_link >= 0)
		close(control_link);
	snprintf(path, sizeof(path), "%s/tables", state_dir);
	unlink(path);
	rmdir(state_dir);
	return rig_teardown(state);
}

static void tables_link(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/tables", state_dir);
	assert_int_equal(symlink(dir, path), 0);
}

static void tell(enum msg_type type, const void *body, size_t size, const int *fds)
{
	assert_int_equal(msg_send(parent_link, type, body, size, NULL, 0, fds), 0);
}

static void tell_start(uint32_t index, uint32_t n)
{
	const struct msg_start_dns body = {.index = index, .n_dns = n};
	int control[2], fds[2];

	links_make(control);
	control_link = control[0];
	fds[0] = control[1];
	fds[1] = memfd_create("test", MFD_CLOEXEC);
	assert_true(fds[1] >= 0);
	assert_int_equal(ftruncate(fds[1], sizeof(struct dns_counters)), 0);
	tell(MSG_START_DNS, &body, sizeof(body), fds);
	close(fds[0]);
	close(fds[1]);
}

static uint16_t tell_endpoint(uint32_t network, uint32_t kind)
{
	struct msg_endpoint at = {.network = network, .kind = kind, .addr = here};
	uint16_t port;
	int fd = socket_at(kind == ENDPOINT_DNS_TCP ? SOCK_STREAM : SOCK_DGRAM, &here, &port);

	at.port = port;
	tell(MSG_ENDPOINT_D, &at, sizeof(at), &fd);
	close(fd);
	return port;
}

static uint16_t tell_listener(uint32_t kind)
{
	struct msg_listener l = {.kind = kind, .addr = here};
	uint16_t port;
	int fd = socket_at(kind == LISTENER_DNS_TCP ? SOCK_STREAM : SOCK_DGRAM, &here, &port);

	l.port = port;
	tell(MSG_LISTENER_D, &l, sizeof(l), &fd);
	close(fd);
	return port;
}

static size_t wait_for(int fd, void *p, size_t cap)
{
	struct pollfd poll_for = {.fd = fd, .events = POLLIN};
	ssize_t n;

	assert_int_equal(poll(&poll_for, 1, 20000), 1);
	n = recv(fd, p, cap, 0);
	assert_true(n > 0);
	return (size_t)n;
}

static void assert_told(enum msg_type type, uint64_t generation)
{
	struct pollfd p = {.fd = control_link, .events = POLLIN};
	uint64_t at;

	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(msg_recv(control_link, ROLE_DNS, ROLE_CONTROL, &said), 0);
	assert_int_equal(said.type, type);
	memcpy(&at, said.body, sizeof(at));
	assert_int_equal(at, generation);
}

/* The second octet of the address tells the view, the last the generation. */
static void assert_served(int type, uint16_t port, uint8_t view, uint8_t last)
{
	int fd = client(type, port);
	size_t n = query_make(query + 2, 1);

	query[0] = 0;
	query[1] = (uint8_t)n;
	if (type == SOCK_STREAM)
		must_send(fd, query, n + 2);
	else
		must_send(fd, query + 2, n);
	n = wait_for(fd, answer, sizeof(answer));
	assert_int_equal(answer[n - 3], view);
	assert_int_equal(answer[n - 1], last);
	close(fd);
}

static void test_sockets_before_go_and_after(void **state)
{
	const struct addr any = {.family = ADDR_V4};
	struct msg_listener l = {.kind = LISTENER_DNS_UDP, .addr = any};
	uint16_t udp, tcp, internet, later, wild;
	int fd;

	tables_link();
	tell_start(0, 1);
	internet = tell_listener(LISTENER_DNS_UDP);
	tcp = tell_listener(LISTENER_DNS_TCP);
	udp = tell_endpoint(NET, ENDPOINT_DNS_UDP);
	fd = socket_at(SOCK_DGRAM, &any, &wild);
	l.port = wild;
	tell(MSG_LISTENER_D, &l, sizeof(l), &fd);
	close(fd);
	bell_ring(); /* before there are tables */
	tell(MSG_GO_DNS, &none, sizeof(none), NULL);
	assert_told(MSG_HELLO_D, rig_generation);
	assert_told(MSG_ACK_D, rig_generation);
	assert_served(SOCK_DGRAM, internet, 0, 1);
	assert_served(SOCK_DGRAM, wild, 0, 1);
	assert_served(SOCK_STREAM, tcp, 0, 1);
	assert_served(SOCK_DGRAM, udp, 7, 1);
	later = tell_endpoint(NET, ENDPOINT_DNS_TCP);
	assert_served(SOCK_STREAM, later, 7, 1);
	zone_publish(9);
	bell_ring();
	assert_told(MSG_ACK_D, rig_generation);
	assert_served(SOCK_DGRAM, internet, 0, 9);
	assert_served(SOCK_STREAM, tcp, 0, 9);
	/* The erased tables are looked at in the sandbox. */
	assert_int_equal(tables_erase(dir, NULL), 0);
	bell_ring();
	assert_served(SOCK_DGRAM, internet, 0, 9);
	tell(MSG_STOP_DNS, &none, sizeof(none), NULL);
	assert_int_equal(ended(), 0);
	tables_close(rig_tables);
	rig_tables = must_open(true);
}

static void test_parent_gone(void **state)
{
	tables_link();
	tell_start(2, 3);
	tell(MSG_GO_DNS, &none, sizeof(none), NULL);
	assert_told(MSG_HELLO_D, rig_generation);
	shutdown(parent_link, SHUT_RDWR);
	assert_int_equal(ended(), 0);
}

static void test_told_to_stop_before_go(void **state)
{
	tell_start(0, 1);
	(void)tell_endpoint(NET, ENDPOINT_DNS_UDP);
	tell(MSG_STOP_DNS, &none, sizeof(none), NULL);
	assert_int_equal(ended(), 0);
}

static void test_told_to_stop_at_once(void **state)
{
	tell(MSG_STOP_DNS, &none, sizeof(none), NULL);
	assert_int_equal(ended(), 0);
}

static void test_no_tables(void **state)
{
	tell_start(0, 1);
	tell(MSG_GO_DNS, &none, sizeof(none), NULL);
	assert_int_equal(ended(), 1);
}

static void test_senseless_start(void **state)
{
	tell_start(3, 3);
	assert_int_equal(ended(), 1);
}

static void test_go_before_start(void **state)
{
	tell(MSG_GO_DNS, &none, sizeof(none), NULL);
	assert_int_equal(ended(), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(test_sockets_before_go_and_after),
		TEST(test_parent_gone),
		TEST(test_told_to_stop_before_go),
		TEST(test_told_to_stop_at_once),
		TEST(test_no_tables),
		TEST(test_senseless_start),
		TEST(test_go_before_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
