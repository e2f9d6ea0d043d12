/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "load.h"

#include "base/addr.h"
#include "wire/client_hello.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const char magic[6] = "bench1";

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

size_t load_hello_format(uint8_t dst[LOAD_HELLO_MAX], const char *name,
			 const struct load_command *c)
{
	uint8_t random[32];
	size_t len;

	memset(random, 0x5a, sizeof(random));
	memcpy(random, magic, sizeof(magic));
	random[6] = c->mode;
	put_u32(random + 7, c->request);
	put_u32(random + 11, c->response);
	len = client_hello_format(dst, LOAD_HELLO_MAX, name, random);
	assert(len > LOAD_HEAD && !memcmp(dst + LOAD_RANDOM_OFFSET, random, sizeof(random)));
	return len;
}

size_t load_hello_read(const uint8_t head[LOAD_HEAD], struct load_command *ret_command)
{
	const uint8_t *random = head + LOAD_RANDOM_OFFSET;

	*ret_command = (struct load_command){0};
	if (!memcmp(random, magic, sizeof(magic))) {
		ret_command->mode = random[6];
		ret_command->request = get_u32(random + 7);
		ret_command->response = get_u32(random + 11);
	}
	return 5 + ((size_t)head[3] << 8 | head[4]);
}

void load_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

uint32_t load_number(const char *option, const char *text, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (!errno && *text && !*end && v >= min && v <= max)
		return (uint32_t)v;
	fprintf(stderr, "%s: a number from %u to %u is wanted, not '%s'\n", option, min, max, text);
	exit(2);
}

struct sockaddr_in load_endpoint(const char *option, const char *text)
{
	struct sockaddr_storage sa;
	struct sockaddr_in sin;
	struct addr addr;
	struct err e = {0};
	uint16_t port;

	if (endpoint_parse(text, &addr, &port, &e) < 0 || addr.family != ADDR_V4) {
		fprintf(stderr, "%s: an IPv4 address and port is wanted, not '%s'\n", option, text);
		exit(2);
	}
	addr_to_sockaddr(&addr, port, &sa);
	memcpy(&sin, &sa, sizeof(sin));
	return sin;
}

void load_process_init(int cpu)
{
	struct rlimit limit;

	if (cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			load_die("sched_setaffinity");
	}
	if (getrlimit(RLIMIT_NOFILE, &limit))
		load_die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		load_die("setrlimit");
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void load_nodelay(int fd)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		load_die("TCP_NODELAY");
}
