/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The name server role as it is, in its sandbox, with this program as its parent and its control, and tables made here: what a query costs where
 * no network of the kernel stands between. Each network's resolver is an address of loopback.
 *
 *	dns_drive DIR ADDRESS:PORT ZONES NETWORKS [CPU [FORWARDER]]
 *
 * DIR: state folder, empty. Zone i is linked to network i % NETWORKS, which is asked at ADDRESS + that; with NETWORKS 0 all are the internet's. What
 * no zone has is forwarded to FORWARDER (ADDRESS:PORT) if that is given. Says "ready PID" when the role answers by its tables, and ends with its
 * standard input.
 */
#include "dns_zones.h"
#include "load.h"

#include "dns/dns.h"
#include "proc/dns_ipc.h"
#include "proc/msg.h"
#include "proc/spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GENERATION  1
#define PATIENCE_MS 20000
#define RETRY_US    500
#define BACKLOG	    128

static struct options options;
static struct msg msg;
static int parent_link, control_link;
static pid_t child;

static void tables_make(const char *dir, unsigned zones, unsigned networks)
{
	struct tables *t;
	struct err e = {0};
	bool changed;

	bench_must(tables_open(dir, true, &t, &e), &e);
	bench_must(tables_begin(t, &e), &e);
	for (unsigned i = 0; i < zones; i++)
		bench_zone_put(t, i, networks ? 1 + i % networks : VIEW_INTERNET);
	for (unsigned i = 1; i <= networks; i++) {
		const struct view_config v = {.router = i, .flags = VIEW_DEFAULT_SERVERS};

		bench_must(tables_put_view(t, &v, &changed, &e), &e);
	}
	bench_must(tables_commit(t, GENERATION, "drive", NULL, 0, &e), &e);
	tables_close(t);
}

static void role_start(void)
{
	int parent[2], control[2], counters = memfd_create("counters", MFD_CLOEXEC);
	struct msg_start_dns start = {.n_dns = 1};

	memcpy(start.cookie_key, "0123456789abcdef", sizeof(start.cookie_key));
	if (counters < 0 || ftruncate(counters, sizeof(struct dns_counters)) || link_pair(parent) ||
	    link_pair(control))
		load_die("links");
	child = fork();
	if (child < 0)
		load_die("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(parent[0]);
		close(control[0]);
		log_init(STDERR_FILENO, LOG_JSON, LOG_INFO, "dns");
		_exit(dns_main(&options, parent[1]));
	}
	close(parent[1]);
	parent_link = parent[0];
	control_link = control[0];
	if (msg_send(parent_link, MSG_START_DNS, &start, sizeof(start), NULL, 0,
		     (int[]){control[1], counters}) < 0)
		load_die("start");
	close(control[1]);
	close(counters);
}

/* The role may be slower than we, and only so many descriptors may be on their way. */
static void give(enum msg_type type, const void *body, size_t size, int fd)
{
	int r;

	do {
		r = msg_send(parent_link, type, body, size, NULL, 0, &fd);
		if (r == -EAGAIN)
			usleep(RETRY_US);
	} while (r == -EAGAIN);
	if (r < 0) {
		errno = -r;
		load_die("socket to the role");
	}
	close(fd);
}

static int socket_open(const struct sockaddr_in *at, int type)
{
	int on = 1, fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (const struct sockaddr *)at, sizeof(*at)) ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG)))
		load_die("listening socket");
	return fd;
}

static void sockets_give(struct sockaddr_in at, unsigned networks)
{
	const struct addr addr = addr_v4(ntohl(at.sin_addr.s_addr));
	const uint32_t port = ntohs(at.sin_port);

	if (!networks) {
		struct msg_listener l = {LISTENER_DNS_UDP, addr, port};

		give(MSG_LISTENER_D, &l, sizeof(l), socket_open(&at, SOCK_DGRAM));
		l.kind = LISTENER_DNS_TCP;
		give(MSG_LISTENER_D, &l, sizeof(l), socket_open(&at, SOCK_STREAM));
	}
	for (unsigned i = 0; i < networks; i++) {
		struct msg_endpoint e = {.network = 1 + i,
					 .port = port,
					 .kind = ENDPOINT_DNS_UDP,
					 .addr = addr_v4(ntohl(at.sin_addr.s_addr))};

		give(MSG_ENDPOINT_D, &e, sizeof(e), socket_open(&at, SOCK_DGRAM));
		e.kind = ENDPOINT_DNS_TCP;
		give(MSG_ENDPOINT_D, &e, sizeof(e), socket_open(&at, SOCK_STREAM));
		at.sin_addr.s_addr = htonl(ntohl(at.sin_addr.s_addr) + 1);
	}
}

/* It says hello when it serves. */
static void hello_wait(void)
{
	for (;;) {
		struct pollfd p = {.fd = control_link, .events = POLLIN};
		bool done;
		int r;

		if (poll(&p, 1, PATIENCE_MS) <= 0)
			load_die("the role is silent");
		r = msg_recv(control_link, ROLE_DNS, ROLE_CONTROL, &msg);
		if (r == -EAGAIN)
			continue;
		if (r < 0)
			load_die("the role is gone");
		done = msg.type == MSG_HELLO_D &&
		       ((const struct msg_generation *)msg.body)->generation == GENERATION;
		msg_done(&msg);
		if (done)
			return;
	}
}

static void options_fill(int argc, char **argv)
{
	options.dns = 1;
	options.keepalive_s = 60;
	options.role = ROLE_DNS;
	(void)snprintf(options.state_dir, sizeof(options.state_dir), "%s", argv[1]);
	(void)snprintf(options.netns_prefix, sizeof(options.netns_prefix), "drive");
	if (argc == 7) {
		const struct sockaddr_in f = load_endpoint("forwarder", argv[6]);

		options.dns_forward[0] =
			(struct endpoint){addr_v4(ntohl(f.sin_addr.s_addr)), ntohs(f.sin_port)};
		options.n_dns_forward = 1;
	}
}

int main(int argc, char **argv)
{
	const struct msg_empty nothing = {0};
	char dir[PATH_MAX + 16], octet;
	unsigned networks, zones;
	struct sockaddr_in at;

	if (argc < 5 || argc > 7) {
		(void)fprintf(stderr, "usage: dns_drive DIR ADDRESS:PORT ZONES NETWORKS "
				      "[CPU [FORWARDER]]\n");
		return 2;
	}
	at = load_endpoint("address", argv[2]);
	zones = load_number("zones", argv[3], 0, 1000000);
	networks = load_number("networks", argv[4], 0, 250);
	load_process_init(argc > 5 ? (int)load_number("cpu", argv[5], 0, 1023) : -1);
	options_fill(argc, argv);
	(void)snprintf(dir, sizeof(dir), "%s/tables", argv[1]);
	if (mkdir(dir, 0755) && errno != EEXIST)
		load_die(dir);
	tables_make(dir, zones, networks);
	role_start();
	sockets_give(at, networks);
	if (msg_send_body(parent_link, MSG_GO_DNS, &nothing) < 0)
		load_die("go");
	hello_wait();
	(void)printf("ready %d\n", (int)child);
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &octet, 1) > 0)
		;
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	return 0;
}
