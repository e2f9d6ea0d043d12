/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The real parent with stand-ins for control, gate, dns and netd: a program with this in it is started again with --role, as posternd is. The stand-ins
 * tell on standard error what they get, a line each, which the test waits for. What they shall do wrong is in POSTERN_TEST.
 */
#pragma once

#include "base/log.h"
#include "proc/msg.h"
#include "proc/options.h"
#include "proc/parent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#define GATES	2
#define DNS	2
#define MANY	6000
#define WAIT_MS 20000

/* --- the stand-ins --- */

static struct msg m;

static inline bool test_is(const char *what)
{
	const char *env = getenv("POSTERN_TEST");

	return env && !strcmp(env, what);
}

#define SAY(...) dprintf(STDERR_FILENO, __VA_ARGS__)

/* Wait for a message on one of the links; its place, or -1 if the parent is gone. */
static inline int next(int *links, size_t n, const enum role *from, enum role to)
{
	struct pollfd p[2 + GATES + DNS];

	for (;;) {
		for (size_t i = 0; i < n; i++)
			p[i] = (struct pollfd){.fd = links[i], .events = POLLIN};
		poll(p, n, -1);
		for (size_t i = 0; i < n; i++) {
			int ret;

			if (links[i] < 0 || !p[i].revents)
				continue;
			ret = msg_recv(links[i], from[i], to, &m);
			if (!ret)
				return (int)i;
			if (ret == -EAGAIN)
				continue;
			if (i == 0)
				return -1;
			close(links[i]);
			links[i] = -1;
		}
	}
}

static inline void control_up(int *links)
{
	static int has_ended;
	const struct msg_gate_up *up = m.body;
	struct msg_generation bell = {.generation = 1};
	int *link = &links[1 + up->index];

	if (*link >= 0)
		close(*link);
	*link = take_fd(&m.fds[0]);
	SAY("@up %u %d\n", up->index, up->pid);
	if (msg_send_body(*link, MSG_BELL, &bell))
		SAY("@bell failed\n");
	if (test_is("end-gate") && up->index == 1 && !has_ended++) {
		struct msg_end_gate end = {.index = 1, .pid = up->pid};
		struct msg_end_gate wrong = {.index = 0, .pid = up->pid};

		(void)!msg_send_body(ROLE_PARENT_FD, MSG_END_GATE, &wrong);
		(void)!msg_send_body(ROLE_PARENT_FD, MSG_END_GATE, &end);
	}
}

static inline void control_dns_up(int *links)
{
	static int has_ended;
	const struct msg_gate_up *up = m.body;
	struct msg_generation bell = {.generation = 1};
	int *link = &links[2 + GATES + up->index];

	if (*link >= 0)
		close(*link);
	*link = take_fd(&m.fds[0]);
	SAY("@dns-up %u %d\n", up->index, up->pid);
	if (msg_send_body(*link, MSG_BELL_D, &bell))
		SAY("@bell failed\n");
	if (test_is("end-dns") && up->index == 1 && !has_ended++) {
		struct msg_end_gate end = {.index = 1, .pid = up->pid};
		struct msg_end_gate wrong = {.index = 0, .pid = up->pid};

		(void)!msg_send_body(ROLE_PARENT_FD, MSG_END_DNS, &wrong);
		(void)!msg_send_body(ROLE_PARENT_FD, MSG_END_GATE, &end);
		(void)!msg_send_body(ROLE_PARENT_FD, MSG_END_DNS, &end);
	}
}

static inline void control_netd_up(int *link)
{
	static bool has_ended;
	const struct msg_netd *up = m.body;
	struct msg_generation bell = {.generation = 1};

	if (*link >= 0)
		close(*link);
	*link = take_fd(&m.fds[0]);
	SAY("@netd-up %d\n", up->pid);
	if (msg_send_body(*link, MSG_BELL_N, &bell))
		SAY("@bell failed\n");
	if (test_is("end-netd") && !has_ended) {
		struct msg_netd wrong = {.pid = up->pid + 1}, end = {.pid = up->pid};

		has_ended = true;
		(void)!msg_send_body(ROLE_PARENT_FD, MSG_END_NETD, &wrong);
		(void)!msg_send_body(ROLE_PARENT_FD, MSG_END_NETD, &end);
	}
}

static inline int stand_in_control(const struct options *o)
{
	const enum role from[] = {ROLE_PARENT, ROLE_GATE, ROLE_GATE, ROLE_NETD, ROLE_DNS, ROLE_DNS};
	int links[] = {ROLE_PARENT_FD, -1, -1, -1, -1, -1}, at;
	const struct msg_empty empty = {0};
	unsigned int acked = 0;
	struct sandbox s;
	struct err e;

	SAY("@control %d\n", getpid());
	if (test_is("control-dies"))
		return 3;
	if (role_sandbox(o, ROLE_CONTROL, &s, &e) || sandbox_enter(&s, &e))
		return 4;
	sandbox_probe(o->probe);
	while ((at = next(links, ARRAY_SIZE(links), from, ROLE_CONTROL)) >= 0) {
		switch (m.type) {
		case MSG_LISTENER_C:
			SAY("@listener %u\n", ((const struct msg_listener *)m.body)->kind);
			break;
		case MSG_GO_CONTROL:
			SAY("@go cold=%u gates=%u dns=%u\n",
			    ((const struct msg_go_control *)m.body)->cold,
			    ((const struct msg_go_control *)m.body)->n_gates,
			    ((const struct msg_go_control *)m.body)->n_dns);
			if (!test_is("control-hangs"))
				(void)!msg_send_body(ROLE_PARENT_FD, MSG_READY, &empty);
			break;
		case MSG_GATE_UP:
			control_up(links);
			break;
		case MSG_GATE_GONE:
			SAY("@gone %u %d\n", ((const struct msg_gate_gone *)m.body)->index,
			    ((const struct msg_gate_gone *)m.body)->pid);
			break;
		case MSG_DNS_UP:
			control_dns_up(links);
			break;
		case MSG_DNS_GONE:
			SAY("@dns-gone %u %d\n", ((const struct msg_gate_gone *)m.body)->index,
			    ((const struct msg_gate_gone *)m.body)->pid);
			break;
		case MSG_ACK_D:
			SAY("@dns-ack %d\n", at - 2 - GATES);
			break;
		case MSG_NETD_UP:
			control_netd_up(&links[3]);
			break;
		case MSG_NETD_GONE:
			SAY("@netd-gone %d\n", ((const struct msg_netd *)m.body)->pid);
			break;
		case MSG_NETD_OFF:
			SAY("@netd-off %s\n", ((const struct msg_netd_off *)m.body)->reason);
			break;
		case MSG_ACK_N:
			SAY("@netd-ack\n");
			break;
		case MSG_ACK:
			SAY("@ack %d\n", at - 1);
			acked |= 1u << at;
			if (acked == 6)
				SAY("@serving\n");
			break;
		case MSG_STOP_CONTROL:
			SAY("@control stops\n");
			return 0;
		default:
			break;
		}
		msg_done(&m);
	}
	return 5;
}

/* Slow to take the first one, so that the rest fill its queue. */
static inline void gate_endpoint(const struct options *o)
{
	const struct msg_endpoint *at = m.body;
	static unsigned int n;

	n++;
	if (!test_is("many"))
		SAY("@gate %u endpoint %u\n", o->gate_index, at->network);
	else if (n == 1)
		poll(NULL, 0, 300);
	else if (n == MANY)
		SAY("@gate %u has all\n", o->gate_index);
}

static inline int stand_in_gate(const struct options *o)
{
	const enum role from[] = {ROLE_PARENT, ROLE_CONTROL};
	int links[] = {ROLE_PARENT_FD, -1};
	const struct msg_ack ack = {.generation = 1};
	const struct msg_empty empty = {0};
	struct sandbox s;
	struct err e;

	while (next(links, ARRAY_SIZE(links), from, ROLE_GATE) >= 0) {
		switch (m.type) {
		case MSG_START_GATE:
			links[1] = take_fd(&m.fds[0]);
			break;
		case MSG_LISTENER:
			SAY("@gate %u listener %u\n", o->gate_index,
			    ((const struct msg_listener *)m.body)->port);
			break;
		case MSG_GO_GATE:
			if (role_sandbox(o, ROLE_GATE, &s, &e) || sandbox_enter(&s, &e))
				return 4;
			sandbox_probe(o->probe);
			if (test_is("gate-hostile") && o->gate_index == 0)
				(void)!msg_send_body(ROLE_PARENT_FD, MSG_READY, &empty);
			break;
		case MSG_ENDPOINT:
			gate_endpoint(o);
			break;
		case MSG_ENDPOINT_GONE:
			SAY("@gate %u endpoint-gone %u\n", o->gate_index,
			    ((const struct msg_endpoint *)m.body)->network);
			break;
		case MSG_CONTROL_LINK:
			close(links[1]);
			links[1] = take_fd(&m.fds[0]);
			SAY("@gate %u relinked\n", o->gate_index);
			break;
		case MSG_BELL:
			(void)!msg_send_body(links[1], MSG_ACK, &ack);
			break;
		case MSG_STOP_GATE:
			if (test_is("gate-stays"))
				break;
			SAY("@gate %u stops\n", o->gate_index);
			return 0;
		default:
			break;
		}
		msg_done(&m);
	}
	return 5;
}

/* Its first bytes, as one number, tell the keys of the parent's lives apart. */
static inline uint32_t dns_begin(void)
{
	const struct msg_start_dns *start = m.body;
	uint32_t key;

	memcpy(&key, start->cookie_key, sizeof key);
	SAY("@dns %u of %u key %08x\n", start->index, start->n_dns, key);
	return start->index;
}

static inline int stand_in_dns(const struct options *o)
{
	const enum role from[] = {ROLE_PARENT, ROLE_CONTROL};
	int links[] = {ROLE_PARENT_FD, -1};
	const struct msg_ack_dns ack = {.generation = 1};
	const struct msg_empty empty = {0};
	const struct msg_listener *l;
	const struct msg_endpoint *at;
	uint32_t index = 0;
	struct sandbox s;
	struct err e;

	while (next(links, ARRAY_SIZE(links), from, ROLE_DNS) >= 0) {
		l = m.body;
		at = m.body;
		switch (m.type) {
		case MSG_START_DNS:
			index = dns_begin();
			links[1] = take_fd(&m.fds[0]);
			break;
		case MSG_LISTENER_D:
			SAY("@dns %u listener %u port %u\n", index, l->kind, l->port);
			break;
		case MSG_GO_DNS:
			if (role_sandbox(o, ROLE_DNS, &s, &e) || sandbox_enter(&s, &e))
				return 4;
			sandbox_probe(o->probe);
			SAY("@dns %u goes\n", index);
			if (test_is("dns-hostile") && index == 0)
				(void)!msg_send_body(ROLE_PARENT_FD, MSG_READY, &empty);
			break;
		case MSG_ENDPOINT_D:
			SAY("@dns %u endpoint kind %u slot %u\n", index, at->kind, at->slot);
			break;
		case MSG_CONTROL_LINK_D:
			close(links[1]);
			links[1] = take_fd(&m.fds[0]);
			SAY("@dns %u relinked\n", index);
			break;
		case MSG_BELL_D:
			(void)!msg_send_body(links[1], MSG_ACK_D, &ack);
			break;
		case MSG_STOP_DNS:
			SAY("@dns %u stops\n", index);
			return 0;
		default:
			break;
		}
		msg_done(&m);
	}
	return 5;
}

static inline void netd_send_at(enum msg_type type, const struct msg_endpoint *at, int fd)
{
	struct pollfd p = {.fd = ROLE_PARENT_FD, .events = POLLOUT};

	while (msg_send(ROLE_PARENT_FD, type, at, sizeof *at, NULL, 0, &fd) == -EAGAIN)
		poll(&p, 1, 10);
}

static inline void netd_send(enum msg_type type, uint32_t network, int fd)
{
	const struct msg_endpoint at = {
		.network = network, .port = 443, .addr = addr_v4(0x0a000000u + network)};

	netd_send_at(type, &at, fd);
}

/* A resolver's address, and two sockets to ask with for each dns process. */
static inline void netd_open_dns(uint32_t n_dns)
{
	struct msg_endpoint at = {
		.network = 8, .port = 53, .kind = ENDPOINT_DNS_UDP, .addr = addr_v4(0x0a000002u)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	netd_send_at(MSG_ENDPOINT_OPEN, &at, fd);
	at.kind = ENDPOINT_ASK_UDP;
	at.port = 0;
	for (at.slot = 0; at.slot < 2 * n_dns; at.slot++)
		netd_send_at(MSG_ENDPOINT_OPEN, &at, fd);
	close(fd);
}

/* What an apply would open, unless it has been given back. */
static inline void netd_open(unsigned int n_back)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!test_is("netd-hostile") && listen(fd, 1))
		SAY("@netd cannot listen\n");
	if (n_back)
		netd_send(MSG_ENDPOINT_CLOSE, 7, fd);
	else if (!test_is("many"))
		netd_send(MSG_ENDPOINT_OPEN, 7, fd);
	for (uint32_t i = 1; test_is("many") && i <= MANY; i++)
		netd_send(MSG_ENDPOINT_OPEN, i, fd);
	close(fd);
}

static inline int stand_in_netd(const struct options *o)
{
	const enum role from[] = {ROLE_PARENT, ROLE_CONTROL};
	int links[] = {ROLE_PARENT_FD, -1};
	const struct msg_ack_netd ack = {.generation = 1};
	unsigned int n_back = 0;
	uint32_t n_dns = 0;
	struct sandbox s;
	struct err e;

	SAY("@netd %d\n", getpid());
	if (test_is("netd-dies"))
		_exit(3); /* a sanitizer's look for leaks would trace, which no filter allows, and wait */
	while (next(links, ARRAY_SIZE(links), from, ROLE_NETD) >= 0) {
		switch (m.type) {
		case MSG_START_NETD:
			links[1] = take_fd(&m.fds[0]);
			n_dns = ((const struct msg_start_netd *)m.body)->n_dns;
			SAY("@netd listener %u dns %u\n",
			    ((const struct msg_public *)m.records)->port, n_dns);
			break;
		case MSG_ENDPOINT_BACK:
			n_back++;
			break;
		case MSG_GO_NETD:
			if (role_sandbox(o, ROLE_NETD, &s, &e) || sandbox_enter(&s, &e))
				return 4;
			sandbox_probe(o->probe);
			SAY("@netd back %u\n", n_back);
			netd_open(n_back);
			if (test_is("dns-sockets") && !n_back)
				netd_open_dns(n_dns);
			break;
		case MSG_CONTROL_LINK_N:
			close(links[1]);
			links[1] = take_fd(&m.fds[0]);
			SAY("@netd relinked\n");
			break;
		case MSG_BELL_N:
			(void)!msg_send_body(links[1], MSG_ACK_N, &ack);
			break;
		case MSG_STOP_NETD:
			SAY("@netd stops\n");
			if (test_is("netd-stays"))
				break;
			return 0;
		default:
			break;
		}
		msg_done(&m);
	}
	return 5;
}

static inline int role_main(int argc, char **argv)
{
	static struct options o;
	struct err e = {0};

	if (options_parse(argc, argv, &o, &e)) {
		SAY("%s\n", e.text);
		return 2;
	}
	log_init(STDERR_FILENO, LOG_TEXT, LOG_INFO, role_name(o.role));
	if (o.role == ROLE_CONTROL)
		return stand_in_control(&o);
	if (o.role == ROLE_GATE)
		return stand_in_gate(&o);
	if (o.role == ROLE_DNS)
		return stand_in_dns(&o);
	if (o.role == ROLE_NETD)
		return stand_in_netd(&o);
	o.dns_listen[0].port = o.listen[0].port = o.metrics.port =
		0; /* free ones, which the command line has no word for */
	return parent_main(&o, argv);
}
