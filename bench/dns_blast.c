/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client of the name server's benchmark; see dns_blast.h for the ways and usage() for the options. */
#include "dns_blast.h"

#include "wire/dname.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES (1 << 20)

static int namespace_enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		load_die(path);
	return fd;
}

int blast_socket(const char *target)
{
	const char *at = strchr(target, '@');
	char text[80];
	struct sockaddr_in to;
	int bytes = BUFFER_BYTES, fd;

	(void)snprintf(text, sizeof(text), "%.*s", at ? (int)(at - target) : 79, target);
	to = load_endpoint("target", text);
	if (at)
		close(namespace_enter(at + 1));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)))
		load_die(target);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	return fd;
}

size_t blast_query(const char *name, uint16_t type, uint8_t dst[BLAST_QUERY_MAX])
{
	static const uint8_t opt[] = {0, 0, 41, 1232 >> 8, 1232 & 0xff, 0, 0, 0, 0, 0, 0};
	const uint8_t fixed[] = {(uint8_t)(type >> 8), (uint8_t)type, 0, 1};
	uint8_t wire[DNAME_MAX];
	struct err e;
	int n = dname_parse(name, strlen(name), NULL, wire, &e);

	if (n < 0) {
		(void)fprintf(stderr, "dns_blast: %s: %s\n", name, e.text);
		exit(2);
	}
	memset(dst, 0, 12);
	dst[2] = 1;  /* RD */
	dst[5] = 1;  /* a question */
	dst[11] = 1; /* OPT */
	memcpy(dst + 12, wire, (size_t)n);
	memcpy(dst + 12 + n, fixed, sizeof(fixed));
	memcpy(dst + 12 + n + sizeof(fixed), opt, sizeof(opt));
	return 12 + (size_t)n + sizeof(fixed) + sizeof(opt);
}

static const struct option options_long[] = {
	{"queries", required_argument, NULL, 'q'},
	{"window", required_argument, NULL, 'W'},
	{"sockets", required_argument, NULL, 's'},
	{"milliseconds", required_argument, NULL, 'm'},
	{"run-up", required_argument, NULL, 'r'},
	{"once", no_argument, NULL, 'o'},
	{"name", required_argument, NULL, 'n'},
	{"address", required_argument, NULL, 'a'},
	{"pause", required_argument, NULL, 'p'},
	{"cpu", required_argument, NULL, 'C'},
	{"watch", required_argument, NULL, 'w'},
	{"server", required_argument, NULL, 'S'},
	{0},
};

static int usage(void)
{
	(void)fprintf(
		stderr,
		"usage: dns_blast load --queries FILE [--window N] [--sockets N] [--once]\n"
		"       dns_blast until --name NAME --address ADDRESS [--pause MICROSECONDS]\n"
		"  [--milliseconds N] [--run-up MILLISECONDS] [--cpu N] [--watch PID]...\n"
		"  [--server PID] ADDRESS:PORT[@NAMESPACE]...\n");
	return 2;
}

static bool option_take(struct blast_options *o, int c, int *cpu)
{
	switch (c) {
	case 'q':
		o->queries = optarg;
		return true;
	case 'W':
		o->window = load_number("--window", optarg, 1, 100000);
		return true;
	case 's':
		o->sockets = load_number("--sockets", optarg, 1, 1000);
		return true;
	case 'm':
		o->milliseconds = load_number("--milliseconds", optarg, 1, 3600000);
		return true;
	case 'r':
		o->run_up = load_number("--run-up", optarg, 0, 60000);
		return true;
	case 'o':
		o->once = true;
		return true;
	case 'n':
		o->name = optarg;
		return true;
	case 'a':
		o->address = optarg;
		return true;
	case 'p':
		o->pause_us = load_number("--pause", optarg, 0, 999999);
		return true;
	case 'C':
		*cpu = (int)load_number("--cpu", optarg, 0, 1023);
		return true;
	case 'w':
		if (o->n_watched == BLAST_WATCHED_MAX)
			return false;
		o->watched[o->n_watched++] = load_number("--watch", optarg, 1, INT32_MAX);
		return true;
	case 'S':
		o->server = load_number("--server", optarg, 1, INT32_MAX);
		return true;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	struct blast_options o = {
		.window = 200, .sockets = 4, .milliseconds = 1200, .run_up = 100, .pause_us = 50};
	const char *mode;
	int c, cpu = -1;

	while ((c = getopt_long(argc, argv, "", options_long, NULL)) >= 0)
		if (!option_take(&o, c, &cpu))
			return usage();
	if (optind + 2 > argc)
		return usage();
	mode = argv[optind];
	o.targets = argv + optind + 1;
	o.n_targets = (size_t)(argc - optind - 1);
	load_process_init(cpu);
	if (!strcmp(mode, "load") && o.queries)
		return blast_load(&o);
	if (!strcmp(mode, "until") && o.name && o.address && o.n_targets == 1)
		return blast_until(&o);
	return usage();
}
