/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A gate as its own process, in its sandbox: what the parent tells it before GO and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "endpoint_rig.h"
#include "gate/gate.h"

#include <poll.h>
#include <sys/wait.h>

static char state_dir[] = "/tmp/postern-state.XXXXXX";
static int parent_link, control_link;
static pid_t gate;

static int shared_memory(size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	return fd;
}

static int gate_start(void **state)
{
	int link[2];
	struct options o = {
		.hello_timeout_ms = 5000, .pipes_max = 8, .sandbox = SANDBOX_BEST_EFFORT};

	assert_non_null(mkdtemp(state_dir));
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, link), 0);
	snprintf(o.state_dir, sizeof o.state_dir, "%s", state_dir);
	gate = fork();
	assert_true(gate >= 0);
	if (!gate) {
		close(link[0]);
		_exit(gate_main(&o, link[1]));
	}
	close(link[1]);
	parent_link = link[0];
	return setup(state);
}

static int gate_end(void **state)
{
	char path[64];
	int status;

	close(parent_link); /* without a parent it ends */
	close(control_link);
	assert_int_equal(waitpid(gate, &status, 0), gate);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	snprintf(path, sizeof path, "%s/tables", state_dir);
	unlink(path);
	rmdir(state_dir);
	return teardown(state);
}

static void tell(enum msg_type type, const void *body, size_t size, const int *fds)
{
	assert_int_equal(msg_send(parent_link, type, body, size, NULL, 0, fds), 0);
}

static uint16_t tell_endpoint(struct addr addr)
{
	uint16_t port;
	int fd = rig_listen_at(addr, &port);
	struct msg_endpoint place = place_of(NET, addr, port);

	tell(MSG_ENDPOINT, &place, sizeof place, &fd);
	close(fd);
	return port;
}

static void tell_start(void)
{
	struct msg_start_gate start = {.index = 0, .n_gates = 1};
	int control[2], fds[3];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, control), 0);
	control_link = control[0];
	fds[0] = control[1];
	fds[1] = shared_memory(sizeof(struct gate_counters));
	fds[2] = shared_memory(quota_bytes(1));
	tell(MSG_START_GATE, &start, sizeof start, fds);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

/* The client's hello comes out at the upstream. */
static void assert_served(struct addr to, uint16_t port)
{
	struct pollfd p = {.fd = rig.listener, .events = POLLIN};
	uint8_t buf[512];
	int fd = rig_dial(host, to, port);

	rig_send(fd, buf, rig_hello(buf, NULL));
	assert_int_equal(poll(&p, 1, 20000), 1);
	int up = rig_upstream(&rig);
	assert_true(up >= 0);
	p.fd = up;
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_true(recv(up, buf, sizeof buf, 0) > 100);
	close(up);
	close(fd);
}

static void test_private_addresses_before_go_and_after(void **state)
{
	static const struct msg_empty none;
	struct addr third = {.family = ADDR_V4, .lo = 0x7f010003};
	struct rig_endpoint all[] = {{endpoint, RIG_CLUSTER, NULL},
				     {second, RIG_CLUSTER, NULL},
				     {third, RIG_CLUSTER, NULL}};
	struct sockaddr_storage sa;
	char path[64];

	rig_declare_endpoints(&rig, NET, all, 3);
	snprintf(path, sizeof path, "%s/tables", state_dir);
	assert_int_equal(symlink(rig.dir, path), 0);
	tell_start();
	tell_endpoint(endpoint);
	uint16_t port = tell_endpoint(endpoint); /* in the place of the first */
	struct msg_endpoint place = place_of(NET, second, tell_endpoint(second));
	tell(MSG_ENDPOINT_GONE, &place, sizeof place, NULL);
	tell(MSG_GO_GATE, &none, sizeof none, NULL);
	assert_served(endpoint, port);
	assert_served(third, tell_endpoint(third));
	/* Its socket is gone: it was the last to have it. */
	socklen_t len = addr_to_sockaddr(&second, (uint16_t)place.port, &sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_private_addresses_before_go_and_after,
						gate_start, gate_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
