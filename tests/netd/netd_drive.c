/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The netd role as it is, in its sandbox, with this program as its parent and its control: for tests/e2e/test_netd.py.
 *
 *	netd_drive PREFIX DIR [N_DNS]     DIR: state folder, for the tables; N_DNS: dns processes that there are said to be
 *
 * Commands on standard input, each answered by lines of which the last begins with a word that is not "endpoint":
 *	file PATH      the routers of PATH (records.h) into the tables, as a new generation; bell; "ack GENERATION OPERATIONS CUT FAILED REASON"
 *	wait           for another acknowledgement
 *	restart        kill netd and start it again with the sockets that are open; "ack ..." of its own accord
 *	listening      "endpoint ADDRESS:PORT" for each gate's socket that is open; "end"
 *	names          "endpoint ROUTER KIND ADDRESS:PORT SLOTS" for each place with sockets for dns processes; "end"
 *	serve          one of them: whoever asks there from now on is told "ROUTER ADDRESS", its own address; "serving"
 *	ask ROUTER udp|tcp FROM ADDRESS PORT
 *	               something, by a socket of that kind of the router; "said ANSWER", "silence" or "refused WHY"
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

#define ENDPOINTS_MAX 512
#define ASK_MS	      2000
#define PATIENCE_MS   30000

struct kept {
	struct msg_endpoint is;
	int fd;
};

static struct options options;
static struct msg msg;
static int parent_link = -1, control_link = -1;
static pid_t child, server;
static uint32_t n_dns;
static uint64_t generation;
static struct kept endpoints[ENDPOINTS_MAX];
static size_t n_endpoints;
static struct records before;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "netd_drive: %s: %s\n", what, strerror(errno));
	if (child > 0)
		kill(child, SIGKILL);
	if (server > 0)
		kill(server, SIGKILL);
	exit(2);
}

/* --- netd ------------------------------------------------------------------------------------------------- */

static void start(void)
{
	const struct msg_public public = {.addr = {.lo = 0xc0000201, .family = ADDR_V4},
					  .port = 6443};
	const struct msg_empty nothing = {0};
	const struct msg_start_netd start = {.n_dns = n_dns};
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
		if (endpoints[i].is.kind == ENDPOINT_GATE)
			printf("endpoint %s\n",
			       endpoint_format(&endpoints[i].is.addr,
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

/* --- names ------------------------------------------------------------------------------------------------ */

static const char *const kinds[ENDPOINT_KIND_COUNT] = {[ENDPOINT_GATE] = "gate",
						       [ENDPOINT_DNS_UDP] = "udp",
						       [ENDPOINT_DNS_TCP] = "tcp",
						       [ENDPOINT_ASK_UDP] = "ask-udp",
						       [ENDPOINT_ASK_TCP] = "ask-tcp"};

static bool is_same_place(const struct msg_endpoint *a, const struct msg_endpoint *b)
{
	return a->network == b->network && a->kind == b->kind && a->port == b->port &&
	       addr_is_equal(&a->addr, &b->addr);
}

static void do_names(void)
{
	char text[ENDPOINT_TEXT_MAX];

	parent_hears();
	for (size_t i = 0; i < n_endpoints; i++) {
		const struct msg_endpoint *a = &endpoints[i].is;
		size_t slots = 0;

		for (size_t k = 0; k < n_endpoints; k++)
			slots += is_same_place(&endpoints[k].is, a);
		if (a->kind != ENDPOINT_GATE && a->slot == 0)
			printf("endpoint %u %s %s %zu\n", a->network, kinds[a->kind],
			       endpoint_format(&a->addr, (uint16_t)a->port, text), slots);
	}
	printf("end\n");
}

/* A dns process of sorts. */
static void answer_one(const struct kept *k)
{
	char text[ADDR_TEXT_MAX], answer[128], question[512];
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	struct addr a;
	int fd = k->fd;

	if (k->is.kind == ENDPOINT_DNS_TCP) {
		fd = accept(k->fd, (struct sockaddr *)&sa, &len);
		if (fd < 0)
			return;
		(void)!read(fd, question, sizeof question);
	} else if (recvfrom(fd, question, sizeof question, 0, (struct sockaddr *)&sa, &len) < 0) {
		return;
	}
	a = addr_from_sockaddr(&sa, NULL);
	snprintf(answer, sizeof answer, "%u %s", k->is.network, addr_format(&a, text));
	if (k->is.kind == ENDPOINT_DNS_TCP) {
		(void)!write(fd, answer, strlen(answer));
		close(fd);
	} else {
		(void)!sendto(fd, answer, strlen(answer), 0, (struct sockaddr *)&sa, len);
	}
}

__attribute__((noreturn)) static void serve(void)
{
	struct pollfd p[ENDPOINTS_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < n_endpoints; i++)
		p[i] = (struct pollfd){.fd = endpoints[i].is.kind == ENDPOINT_DNS_UDP ||
							     endpoints[i].is.kind ==
								     ENDPOINT_DNS_TCP
						     ? endpoints[i].fd
						     : -1,
				       .events = POLLIN};
	for (;;) {
		(void)poll(p, n_endpoints, -1);
		for (size_t i = 0; i < n_endpoints; i++)
			if (p[i].fd >= 0 && p[i].revents)
				answer_one(&endpoints[i]);
	}
}

static void server_end(void)
{
	if (server <= 0)
		return;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	server = 0;
}

static void do_serve(void)
{
	parent_hears();
	server_end();
	fflush(stdout);
	server = fork();
	if (server < 0)
		die("fork");
	if (server == 0)
		serve();
	printf("serving\n");
}

static int ask_by(int fd, const struct addr *to, uint16_t port, char *answer, size_t size)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(to, port, &sa);
	ssize_t n = -1;
	int why = 0;

	if (connect(fd, (struct sockaddr *)&sa, len) && errno != EINPROGRESS)
		why = errno;
	else if (poll(&p, 1, ASK_MS) <= 0)
		why = EAGAIN;
	else if (send(fd, "?", 1, MSG_NOSIGNAL) < 0)
		why = errno;
	p.events = POLLIN;
	if (!why && poll(&p, 1, ASK_MS) <= 0)
		why = EAGAIN;
	if (!why && (n = recv(fd, answer, size - 1, 0)) < 0)
		why = errno;
	answer[n < 0 ? 0 : n] = '\0';
	(void)connect(fd, &nobody, sizeof nobody);
	return why;
}

static const struct kept *asker_find(uint32_t router, const char *how, const struct addr *from)
{
	const uint32_t kind = strcmp(how, "tcp") == 0 ? ENDPOINT_ASK_TCP : ENDPOINT_ASK_UDP;

	for (size_t i = 0; i < n_endpoints; i++)
		if (endpoints[i].is.network == router && endpoints[i].is.kind == kind &&
		    addr_is_equal(&endpoints[i].is.addr, from))
			return &endpoints[i];
	return NULL;
}

static void do_ask(char *words)
{
	char answer[256], *rest = NULL;
	const char *router = strtok_r(words, " ", &rest), *how = strtok_r(NULL, " ", &rest);
	const char *from = strtok_r(NULL, " ", &rest), *to = strtok_r(NULL, " ", &rest);
	const char *port = strtok_r(NULL, " ", &rest);
	const struct kept *k;
	struct addr source, target;
	int why;

	parent_hears();
	if (!port || addr_parse(from, &source) || addr_parse(to, &target)) {
		printf("what\n");
		return;
	}
	k = asker_find((uint32_t)strtoul(router, NULL, 10), how, &source);
	why = k ? ask_by(k->fd, &target, (uint16_t)strtoul(port, NULL, 10), answer, sizeof answer)
		: ENOENT;
	if (!why)
		printf("said %s\n", answer);
	else
		printf("%s %s\n", why == EAGAIN ? "silence" : "refused", strerror(why));
}

int main(int argc, char **argv)
{
	char tables[PATH_MAX + 16], line[PATH_MAX + 16];
	const struct records nothing = {0};

	if (argc != 3 && argc != 4)
		return 2;
	n_dns = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
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
		else if (strcmp(line, "names") == 0)
			do_names();
		else if (strcmp(line, "serve") == 0)
			do_serve();
		else if (strncmp(line, "ask ", 4) == 0)
			do_ask(line + 4);
		else if (strncmp(line, "accept ", 7) == 0)
			do_accept(line + 7);
		else
			printf("what\n");
	}
	server_end();
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	records_done(&before);
	return 0;
}
