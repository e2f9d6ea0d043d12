/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The netd role as it is, in its sandbox, with this program as its parent and its control: for tests/e2e/test_netd.py.
 *
 *	netd_drive PREFIX DIR     DIR: state folder, for the tables
 *
 * Commands on standard input, each answered by lines of which the last begins with a word that is not "endpoint":
 *	file PATH      the routers of PATH (records.h) into the tables, as a new generation; bell; "ack GENERATION OPERATIONS CUT FAILED REASON"
 *	wait           for another acknowledgement
 *	restart        kill netd and start it again with the sockets that are open; "ack ..." of its own accord
 *	listening      "endpoint ADDRESS:PORT" for each socket that is open; "end"
 *	accept A:P     take a connection from that socket; "from ADDRESS"
 *
 * netd logs to standard error; so does its word of progress, as an event.
 */
#include "netd/netd.h"
#include "proc/msg.h"
#include "proc/spawn.h"
#include "records.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ENDPOINTS_MAX 64
#define PATIENCE_MS   30000

struct kept {
	struct msg_endpoint is;
	int fd;
};

static struct options options;
static struct msg msg;
static int parent_link = -1, control_link = -1;
static pid_t child;
static uint64_t generation;
static struct kept endpoints[ENDPOINTS_MAX];
static size_t n_endpoints;
static struct records before;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "netd_drive: %s: %s\n", what, strerror(errno));
	if (child > 0)
		kill(child, SIGKILL);
	exit(2);
}

/* --- netd ------------------------------------------------------------------------------------------------- */

static void start(void)
{
	const struct msg_public public = {.addr = {.lo = 0xc0000201, .family = ADDR_V4},
					  .port = 6443};
	const struct msg_empty nothing = {0};
	const struct msg_start_netd start = {0};
	int parent[2], control[2];

	if (link_pair(parent) || link_pair(control))
		die("links");
	fflush(stdout);
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(parent[0]);
		close(control[0]);
		log_init(STDERR_FILENO, LOG_JSON, LOG_DEBUG, "netd");
		_exit(netd_main(&options, parent[1]));
	}
	close(parent[1]);
	parent_link = parent[0];
	control_link = control[0];
	if (msg_send(parent_link, MSG_START_NETD, &start, sizeof start, &public, 1, &control[1]) <
	    0)
		die("start");
	close(control[1]);
	for (size_t i = 0; i < n_endpoints; i++)
		if (msg_send(parent_link, MSG_ENDPOINT_BACK, &endpoints[i].is,
			     sizeof endpoints[i].is, NULL, 0, &endpoints[i].fd) < 0)
			die("endpoint back");
	if (msg_send_body(parent_link, MSG_GO_NETD, &nothing) < 0)
		die("go");
}

static void endpoint_gone(const struct msg_endpoint *b)
{
	for (size_t i = 0; i < n_endpoints; i++)
		if (memcmp(&endpoints[i].is, b, sizeof *b) == 0) {
			close(endpoints[i].fd);
			endpoints[i] = endpoints[--n_endpoints];
			return;
		}
}

static void parent_hears(void)
{
	while (msg_recv(parent_link, ROLE_NETD, ROLE_PARENT, &msg) == 0) {
		const struct msg_endpoint *b = msg.body;

		endpoint_gone(b);
		if (msg.type == MSG_ENDPOINT_OPEN && n_endpoints < ENDPOINTS_MAX)
			endpoints[n_endpoints++] = (struct kept){*b, take_fd(&msg.fds[0])};
		msg_done(&msg);
	}
}

/* Until netd has acknowledged this generation, with whatever outcome. */
static void ack_wait(uint64_t at_least)
{
	for (;;) {
		struct pollfd p[] = {{.fd = parent_link, .events = POLLIN},
				     {.fd = control_link, .events = POLLIN}};
		int r;

		if (poll(p, 2, PATIENCE_MS) <= 0)
			die("netd is silent");
		parent_hears();
		r = msg_recv(control_link, ROLE_NETD, ROLE_CONTROL, &msg);
		if (r == -EAGAIN)
			continue;
		if (r < 0)
			die("netd is gone");
		if (msg.type == MSG_HELLO_N) {
			const struct msg_hello_netd *b = msg.body;

			if (b->lacks[0])
				printf("endpoint lacks %s\n", b->lacks);
		} else if (msg.type == MSG_PROGRESS_N) {
			const struct msg_progress_netd *b = msg.body;

			fprintf(stderr, "{\"event\":\"progress\",\"done\":%u,\"total\":%u}\n",
				b->done, b->total);
		} else if (msg.type == MSG_ACK_N) {
			const struct msg_ack_netd *b = msg.body;

			if (b->generation >= at_least) {
				printf("ack %llu %llu %llu %u %s\n",
				       (unsigned long long)b->generation,
				       (unsigned long long)b->operations,
				       (unsigned long long)b->cut, b->failed, b->reason);
				msg_done(&msg);
				parent_hears();
				return;
			}
		}
		msg_done(&msg);
	}
}

/* --- tables ----------------------------------------------------------------------------------------------- */

static void touched(uint32_t cluster, void *arg)
{
	(void)cluster;
	(void)arg;
}

static void tables_write(const char *dir, const struct records *now)
{
	uint32_t ids[256];
	struct tables *t;
	struct err e = {0};
	size_t n = 0;
	bool changed;

	if (tables_open(dir, true, &t, &e) || tables_begin(t, &e))
		die(e.text);
	for (size_t i = 0; i < before.count && n < 128; i++) {
		ids[n++] = before.n[i].id;
		if (tables_delete_network(t, before.n[i].id, touched, NULL, &e))
			die(e.text);
	}
	generation++;
	for (size_t i = 0; i < now->count && n < 256; i++) {
		ids[n++] = now->n[i].id;
		if (tables_put_network(t, &now->n[i], generation, &changed, &e))
			die(e.text);
	}
	if (tables_commit(t, generation, "drive", ids, n, &e))
		die(e.text);
	tables_close(t);
}

/* --- commands --------------------------------------------------------------------------------------------- */

static void do_file(const char *tables, const char *path)
{
	struct records now;
	struct msg_generation bell;

	records_read(path, &now);
	tables_write(tables, &now);
	records_done(&before);
	before = now;
	bell.generation = generation;
	if (msg_send_body(control_link, MSG_BELL_N, &bell) < 0)
		die("bell");
	ack_wait(generation);
}

static void do_restart(void)
{
	parent_hears();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(parent_link);
	close(control_link);
	start();
	ack_wait(generation);
}

static void do_listening(void)
{
	char text[ENDPOINT_TEXT_MAX];

	parent_hears();
	for (size_t i = 0; i < n_endpoints; i++)
		printf("endpoint %s\n", endpoint_format(&endpoints[i].is.addr,
							(uint16_t)endpoints[i].is.port, text));
	printf("end\n");
}

static void do_accept(const char *where)
{
	char text[ENDPOINT_TEXT_MAX];

	parent_hears();
	for (size_t i = 0; i < n_endpoints; i++) {
		struct pollfd p = {.fd = endpoints[i].fd, .events = POLLIN};
		struct sockaddr_storage sa;
		socklen_t len = sizeof sa;
		struct addr a;
		int fd;

		endpoint_format(&endpoints[i].is.addr, (uint16_t)endpoints[i].is.port, text);
		if (strcmp(text, where) != 0)
			continue;
		fd = poll(&p, 1, PATIENCE_MS) > 0
			     ? accept(endpoints[i].fd, (struct sockaddr *)&sa, &len)
			     : -1;
		if (fd < 0)
			die("accept");
		close(fd);
		a = addr_from_sockaddr(&sa, NULL);
		printf("from %s\n", addr_format(&a, text));
		return;
	}
	printf("none\n");
}

int main(int argc, char **argv)
{
	char tables[PATH_MAX + 16], line[PATH_MAX + 16];
	const struct records nothing = {0};

	if (argc != 3)
		return 2;
	options.separate_users = false;
	options.keepalive_s = 60;
	options.hello_timeout_ms = 1000;
	snprintf(options.netns_prefix, sizeof options.netns_prefix, "%s", argv[1]);
	snprintf(options.state_dir, sizeof options.state_dir, "%s", argv[2]);
	snprintf(tables, sizeof tables, "%s/tables", argv[2]);
	if (mkdir(tables, 0755) && errno != EEXIST)
		die(tables);
	setvbuf(stdout, NULL, _IOLBF, 0);
	tables_write(tables, &nothing);
	start();
	ack_wait(generation);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "file ", 5) == 0)
			do_file(tables, line + 5);
		else if (strcmp(line, "wait") == 0)
			ack_wait(generation);
		else if (strcmp(line, "restart") == 0)
			do_restart();
		else if (strcmp(line, "listening") == 0)
			do_listening();
		else if (strncmp(line, "accept ", 7) == 0)
			do_accept(line + 7);
		else
			printf("what\n");
	}
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	records_done(&before);
	return 0;
}
