/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/dns_ipc.h"
#include "proc/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The table as the test reads it: sizes from the types, apart from msg.c. */
static const struct {
	enum role from, to;
	size_t body, record, fds;
} kinds[MSG_COUNT] = {
#define X(e, f, t, body, record, fds) [e] = {f, t, sizeof(body), sizeof(record), fds},
	MSGS(X)
#undef X
};

static struct msg received;

static void pair(int ends[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

static void unpair(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void fill(uint8_t *p, size_t n, uint8_t seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(seed + i * 7);
}

static void every_type_arrives_as_it_was_sent(void **state)
{
	const int fds[MSG_FDS_MAX] = {0, 1, 2, 0};
	uint8_t body[512], records[3 * sizeof(struct gate_event)];
	int ends[2], before = open_fds();

	pair(ends);
	for (int t = 0; t < MSG_COUNT; t++) {
		size_t n = msg_records_max((enum msg_type)t) ? 3 : 0;

		assert_true(kinds[t].body <= sizeof body && n * kinds[t].record <= sizeof records);
		fill(body, sizeof body, (uint8_t)t);
		fill(records, sizeof records, (uint8_t)(t + 100));
		assert_int_equal(
			msg_send(ends[0], (enum msg_type)t, body, kinds[t].body, records, n, fds),
			0);
		assert_int_equal(msg_recv(ends[1], kinds[t].from, kinds[t].to, &received), 0);
		assert_int_equal(received.type, t);
		assert_int_equal(received.n_fds, kinds[t].fds);
		assert_int_equal(received.n_records, n);
		assert_memory_equal(received.body, body, kinds[t].body);
		assert_int_equal((uintptr_t)received.body % 8, 0);
		if (n) {
			assert_memory_equal(received.records, records, n * kinds[t].record);
			assert_int_equal((uintptr_t)received.records % 8, 0);
		} else {
			assert_null(received.records);
		}
		for (size_t i = 0; i < received.n_fds; i++)
			assert_true(fcntl(received.fds[i], F_GETFD) & FD_CLOEXEC);
		msg_done(&received);
	}
	unpair(ends);
	assert_int_equal(open_fds(), before);
}

static void the_largest_message_fits(void **state)
{
	static struct gate_event events[MSG_BYTES_MAX / sizeof(struct gate_event)];
	size_t n = msg_records_max(MSG_EVENTS);
	struct msg_empty empty = {0};
	int ends[2];

	assert_true(n > 100 && n < MSG_BYTES_MAX / sizeof events[0] + 1);
	fill((uint8_t *)events, sizeof events, 3);
	pair(ends);
	assert_int_equal(msg_send(ends[0], MSG_EVENTS, &empty, sizeof empty, events, n, NULL), 0);
	assert_int_equal(msg_recv(ends[1], ROLE_GATE, ROLE_CONTROL, &received), 0);
	assert_int_equal(received.n_records, n);
	assert_memory_equal(received.records, events, n * sizeof events[0]);
	assert_int_equal(msg_records_max(MSG_BELL), 0);
	assert_true(msg_records_max(MSG_UPDATE) * sizeof(struct msg_octets) >=
		    MSG_UPDATE_OCTETS_MAX);
	unpair(ends);
}

static void a_taken_descriptor_outlives_the_message(void **state)
{
	struct msg_dump dump = {.request = 7};
	int ends[2], fd, p[2];
	struct stat a, b;

	pair(ends);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(msg_send(ends[0], MSG_DUMP, &dump, sizeof dump, NULL, 0, p), 0);
	assert_int_equal(msg_recv(ends[1], ROLE_CONTROL, ROLE_GATE, &received), 0);
	fd = take_fd(&received.fds[0]);
	msg_done(&received);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstat(p[0], &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	close(fd);
	unpair(p);
	unpair(ends);
}

/* Each type is legal from one role to one other; in every other direction it is hostile. */
static void a_wrong_direction_is_refused(void **state)
{
	uint8_t bytes[512] = {0};

	for (uint16_t t = 0; t < MSG_COUNT; t++) {
		size_t len = 8 + ((kinds[t].body + 7) & ~(size_t)7);
		int legal = 0;

		memcpy(bytes, &t, sizeof t);
		for (int from = 0; from < ROLE_COUNT; from++)
			for (int to = 0; to < ROLE_COUNT; to++) {
				int ret = msg_check(bytes, len, kinds[t].fds, (enum role)from,
						    (enum role)to);

				assert_true(ret == 0 || ret == -EBADMSG);
				assert_int_equal(ret == 0, from == (int)kinds[t].from &&
								   to == (int)kinds[t].to);
				legal += !ret;
			}
		assert_int_equal(legal, 1);
	}
}

static void a_wrong_size_or_count_is_refused(void **state)
{
	const size_t event = sizeof(struct gate_event);
	uint8_t bytes[4096] = {MSG_EVENTS, 0, 2, 0};

#define CHECK(len, fds) msg_check(bytes, (len), (fds), ROLE_GATE, ROLE_CONTROL)
	assert_int_equal(CHECK(16 + 2 * event, 0), 0);
	assert_int_equal(CHECK(16 + 2 * event - 1, 0), -EBADMSG);
	assert_int_equal(CHECK(16 + 2 * event + 1, 0), -EBADMSG);
	assert_int_equal(CHECK(16 + event, 0), -EBADMSG);
	assert_int_equal(CHECK(16 + 2 * event, 1), -EBADMSG);
	for (size_t len = 0; len < 16; len++)
		assert_int_equal(CHECK(len, 0), -EBADMSG);
	bytes[2] = 0xff, bytes[3] = 0xff; /* records past the maximum */
	assert_int_equal(CHECK(16 + 2 * event, 0), -EBADMSG);
	bytes[2] = 2, bytes[3] = 0, bytes[4] = 1; /* head.zero */
	assert_int_equal(CHECK(16 + 2 * event, 0), -EBADMSG);
	bytes[4] = 0, bytes[15] = 1; /* padding */
	assert_int_equal(CHECK(16 + 2 * event, 0), -EBADMSG);
	bytes[15] = 0, bytes[0] = MSG_COUNT;
	assert_int_equal(CHECK(16 + 2 * event, 0), -EBADMSG);
	bytes[0] = MSG_ACK; /* a type without records */
	assert_int_equal(CHECK(8 + sizeof(struct msg_ack) + 8, 0), -EBADMSG);
#undef CHECK
}

/* Raw datagrams as a role that was taken over might send them. No descriptor may leak from any. */
static int send_raw(int fd, const void *bytes, size_t len, size_t n_fds)
{
	char room[CMSG_SPACE(16 * sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec v = {(void *)(uintptr_t)bytes, len};
	struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
	int fds[16] = {0};

	if (n_fds) {
		struct cmsghdr *c;

		h.msg_control = room;
		h.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	return sendmsg(fd, &h, 0) == (ssize_t)len ? 0 : -1;
}

static void hostile_datagrams_leak_nothing(void **state)
{
	static uint8_t big[MSG_BYTES_MAX + 64] = {MSG_BELL};
	struct msg_head bell = {.type = MSG_BELL};
	uint8_t legal[16] = {MSG_BELL};
	int ends[2], before;

	pair(ends);
	before = open_fds();
	for (size_t n = 0; n <= 16; n++) {
		int want = n ? -EBADMSG : 0;

		assert_int_equal(send_raw(ends[0], legal, sizeof legal, n), 0);
		assert_int_equal(msg_recv(ends[1], ROLE_CONTROL, ROLE_GATE, &received), want);
		assert_int_equal(open_fds(), before);
		assert_int_equal(send_raw(ends[0], &bell, 3, n), 0);
		assert_int_equal(msg_recv(ends[1], ROLE_CONTROL, ROLE_GATE, &received), -EBADMSG);
		assert_int_equal(open_fds(), before);
	}
	assert_int_equal(send_raw(ends[0], big, sizeof big, 1), 0);
	assert_int_equal(msg_recv(ends[1], ROLE_CONTROL, ROLE_GATE, &received), -EBADMSG);
	assert_int_equal(open_fds(), before);
	unpair(ends);
}

static void no_room_for_descriptors_is_not_the_peers_fault(void **state)
{
	struct msg_dump dump = {0};
	struct rlimit old, now;
	int ends[2], before, ret;

	pair(ends);
	before = open_fds();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(msg_send(ends[0], MSG_DUMP, &dump, sizeof dump, NULL, 0, ends), 0);
	now = old;
	now.rlim_cur = (rlim_t)0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	ret = msg_recv(ends[1], ROLE_CONTROL, ROLE_GATE, &received);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(ret, -EMFILE);
	assert_int_equal(open_fds(), before);
	unpair(ends);
}

static void a_full_queue_and_a_dead_peer_are_told_apart(void **state)
{
	struct msg_generation g = {.generation = 1};
	int ends[2], ret, sent = 0;

	pair(ends);
	assert_int_equal(msg_recv(ends[1], ROLE_CONTROL, ROLE_GATE, &received), -EAGAIN);
	while ((ret = msg_send_body(ends[0], MSG_BELL, &g)) == 0)
		assert_true(++sent < 1000000);
	assert_int_equal(ret, -EAGAIN);
	for (int i = 0; i < sent; i++)
		assert_int_equal(msg_recv(ends[1], ROLE_CONTROL, ROLE_GATE, &received), 0);
	assert_int_equal(msg_recv(ends[1], ROLE_CONTROL, ROLE_GATE, &received), -EAGAIN);
	close(ends[0]);
	assert_int_equal(msg_recv(ends[1], ROLE_CONTROL, ROLE_GATE, &received), -EPIPE);
	ret = msg_send(ends[1], MSG_ACK, &(struct msg_ack){0}, sizeof(struct msg_ack), NULL, 0,
		       NULL);
	assert_true(ret == -EPIPE || ret == -ECONNRESET);
	close(ends[1]);
}

/* As many descriptors on their way as one user may have, over several links: a reason to wait, not the end of a link. */
static void too_many_descriptors_on_their_way_is_a_full_queue(void **state)
{
	struct msg_endpoint body = {.network = 1};
	struct rlimit old, few;
	int ends[2], ret = 0, status;
	pid_t pid = fork();

	if (pid) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		return;
	}
	/* A user that no other process has, since the count is the user's; root is not held back by it. */
	if (!geteuid() && setresuid(2147480077u, 2147480077u, 2147480077u))
		_exit(1);
	getrlimit(RLIMIT_NOFILE, &old);
	few = (struct rlimit){.rlim_cur = 16, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &few);
	pair(ends);
	for (int i = 0; i < 200 && ret == 0; i++)
		ret = msg_send(ends[0], MSG_ENDPOINT, &body, sizeof body, NULL, 0, ends);
	_exit(ret == -EAGAIN ? 0 : 2);
}

static void a_text_has_an_end_and_nothing_behind_it(void **state)
{
	char room[MSG_TEXT_MAX], lengthy[400];

	memset(room, 'x', sizeof room);
	assert_false(msg_text_is_sound(room));
	msg_text_put(room, "no veth");
	assert_true(msg_text_is_sound(room));
	assert_string_equal(room, "no veth");
	for (size_t i = strlen(room); i < sizeof room; i++)
		assert_int_equal(room[i], 0);
	memset(lengthy, 'y', sizeof lengthy - 1);
	lengthy[sizeof lengthy - 1] = 0;
	msg_text_put(room, lengthy);
	assert_int_equal(strlen(room), MSG_TEXT_MAX - 1);
	msg_text_put(room, "");
	assert_string_equal(room, "");
}

static void names_come_from_the_tables(void **state)
{
	assert_string_equal(msg_type_name(MSG_CONTROL_LINK), "MSG_CONTROL_LINK");
	assert_string_equal(msg_type_name((enum msg_type)9999), "?");
	for (int r = 0; r < ROLE_COUNT; r++)
		assert_int_equal(role_find(role_name((enum role)r)), r);
	assert_int_equal(role_find("netd"), ROLE_NETD);
	assert_int_equal(role_find("keeper"), ROLE_KEEPER);
	assert_int_equal(role_find("dns"), ROLE_DNS);
	assert_int_equal(role_find("nobody"), -1);
	for (int c = 0; c < DNS_COUNTER_COUNT; c++) {
		const char *name = dns_counter_name((enum dns_counter)c);
		size_t len = strlen(name);
		int total = len > 6 && !strcmp(name + len - 6, "_total");

		assert_int_equal(total, !dns_counter_is_gauge((enum dns_counter)c));
		assert_true(dns_counter_help((enum dns_counter)c)[0]);
	}
	for (int c = 0; c < GATE_COUNTER_COUNT; c++) {
		const char *name = gate_counter_name((enum gate_counter)c);
		size_t len = strlen(name);
		int total = len > 6 && !strcmp(name + len - 6, "_total");

		/* Prometheus: what only grows ends in _total, and nothing else does. */
		assert_int_equal(total, !gate_counter_is_gauge((enum gate_counter)c));
		assert_true(gate_counter_help((enum gate_counter)c)[0]);
	}
	assert_string_equal(gate_reason_text(REASON_RANGES), "not-in-ranges");
	assert_int_equal(gate_reason_counter(REASON_QUOTA_FULL), GATE_refused_quota_full_total);
	assert_true(strstr(gate_reason_sentence(REASON_TOO_LARGE), "16 KiB") != NULL);
	assert_string_equal(gate_event_name(GATE_EVENT_CUT), "cut");
	assert_true(gate_event_is_always(GATE_EVENT_REFUSED));
	assert_false(gate_event_is_always(GATE_EVENT_ACCEPTED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_arrives_as_it_was_sent),
		cmocka_unit_test(the_largest_message_fits),
		cmocka_unit_test(a_taken_descriptor_outlives_the_message),
		cmocka_unit_test(a_wrong_direction_is_refused),
		cmocka_unit_test(a_wrong_size_or_count_is_refused),
		cmocka_unit_test(hostile_datagrams_leak_nothing),
		cmocka_unit_test(no_room_for_descriptors_is_not_the_peers_fault),
		cmocka_unit_test(a_full_queue_and_a_dead_peer_are_told_apart),
		cmocka_unit_test(too_many_descriptors_on_their_way_is_a_full_queue),
		cmocka_unit_test(a_text_has_an_end_and_nothing_behind_it),
		cmocka_unit_test(names_come_from_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
