/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clients of the benchmark; see load_client.h for what the modes do and usage() for the options.
 */
#include "load_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define SOURCE_FIRST 0x7f000a01U /* 127.0.10.1 */

int load_connect(const struct load_options *o, uint32_t nth)
{
	struct sockaddr_in source = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		load_die("socket");
	load_nodelay(fd);
	if (o->sources) {
		source.sin_addr.s_addr = htonl(SOURCE_FIRST + nth % o->sources);
		/* The port is chosen by connect(), per pair of ends: 64 k of them for each source. */
		if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
		    bind(fd, (struct sockaddr *)&source, sizeof(source)))
			load_die("bind");
	}
	if (connect(fd, (const struct sockaddr *)&o->to, sizeof(o->to)) && errno != EINPROGRESS)
		load_die("connect");
	return fd;
}

void load_name(const struct load_options *o, uint32_t nth, char dst[254])
{
	if (o->names)
		snprintf(dst, 254, "c%u.%s", nth % o->names, o->name);
	else
		snprintf(dst, 254, "%s", o->name);
}

static const struct option options_long[] = {
	{"to", required_argument, NULL, 't'},	    {"name", required_argument, NULL, 'n'},
	{"names", required_argument, NULL, 'N'},    {"connections", required_argument, NULL, 'c'},
	{"total", required_argument, NULL, 'T'},    {"request", required_argument, NULL, 'q'},
	{"response", required_argument, NULL, 'r'}, {"milliseconds", required_argument, NULL, 'm'},
	{"pause", required_argument, NULL, 'p'},    {"sources", required_argument, NULL, 's'},
	{"cpu", required_argument, NULL, 'C'},	    {"watch", required_argument, NULL, 'w'},
	{"server", required_argument, NULL, 'S'},   {0},
};

static int usage(void)
{
	fprintf(stderr, "usage: load_client ping|bulk|upload|short|hold|refused|served "
			"--to ADDRESS:PORT --name NAME\n"
			"  [--names COUNT] [--connections N] [--total N] [--request BYTES] "
			"[--response BYTES]\n"
			"  [--milliseconds N] [--pause MICROSECONDS] [--sources N] [--cpu N] "
			"[--watch PID]... [--server PID]\n");
	return 2;
}

static bool option_take(struct load_options *o, int c)
{
	const uint32_t max = UINT32_MAX / 2;

	switch (c) {
	case 't':
		o->to = load_endpoint("--to", optarg);
		return true;
	case 'n':
		o->name = optarg;
		return true;
	case 'N':
		o->names = load_number("--names", optarg, 0, 1000000);
		return true;
	case 'c':
		o->connections = load_number("--connections", optarg, 1, 1000000);
		return true;
	case 'T':
		o->total = load_number("--total", optarg, 1, max);
		return true;
	case 'q':
		o->request = load_number("--request", optarg, 1, LOAD_RESPONSE_MAX);
		return true;
	case 'r':
		o->response = load_number("--response", optarg, LOAD_ANSWER, LOAD_RESPONSE_MAX);
		return true;
	case 'm':
		o->milliseconds = load_number("--milliseconds", optarg, 1, 3600000);
		return true;
	case 'p':
		o->pause_us = load_number("--pause", optarg, 0, 999999);
		return true;
	case 's':
		o->sources = load_number("--sources", optarg, 0, 250);
		return true;
	case 'C':
		o->cpu = (int)load_number("--cpu", optarg, 0, 1023);
		return true;
	case 'w':
		if (o->n_watched == WATCHED_MAX)
			return false;
		o->watched[o->n_watched++] = load_number("--watch", optarg, 1, max);
		return true;
	case 'S':
		o->server = load_number("--server", optarg, 1, max);
		return true;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	struct load_options o = {
		.connections = 1,
		.request = 200,
		.response = 1024,
		.milliseconds = 1000,
		.sources = 64,
		.cpu = -1,
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options_long, NULL)) >= 0)
		if (!option_take(&o, c))
			return usage();
	if (optind + 1 != argc || !o.to.sin_port || !o.name)
		return usage();
	o.mode = argv[optind];
	load_process_init(o.cpu);
	if (!strcmp(o.mode, "ping"))
		return load_rate(&o, LOAD_PING);
	if (!strcmp(o.mode, "bulk"))
		return load_rate(&o, LOAD_BULK);
	if (!strcmp(o.mode, "upload"))
		return load_rate(&o, LOAD_UPLOAD);
	if (!strcmp(o.mode, "short"))
		return load_rate(&o, LOAD_SHORT);
	if (!strcmp(o.mode, "hold"))
		return load_hold(&o);
	if (!strcmp(o.mode, "refused"))
		return load_probe(&o, false);
	if (!strcmp(o.mode, "served"))
		return load_probe(&o, true);
	return usage();
}
