/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The name server role as it is, in its sandbox, with this program as its parent and its control: for trying and measuring it.
 *
 *	dns_drive DIR FILE PROCESSES [PROTOCOL:ROUTER:ADDRESS:PORT]...
 *
 * DIR: state folder, for the tables. FILE: what they say, a line each, words separated by blanks:
 *
 *	zone ID DOMAIN             the zone that the next records are of
 *	OWNER TYPE TTL VALUE...    a record
 *	link ROUTER ID [through]   router 0: the internet. through: NXDOMAIN falls through
 *	view ROUTER SERVER...      where the rest is asked
 *
 * PROTOCOL: udp or tcp; ROUTER: whose view is asked there. "ready GENERATION" when all processes serve. Commands on standard input, each
 * answered by lines of which the last begins with a word that is no counter's:
 *
 *	file PATH      another file on top of what there is, as a new generation; "ack GENERATION NANOSECONDS", the slowest process's
 *	counters       "NAME VALUE" of all processes together, but zeros; "end"
 *
 * At the end of standard input the processes are stopped. They log to standard error.
 */
#include "base/log.h"
#include "dns/dns.h"
#include "proc/dns_ipc.h"
#include "proc/msg.h"
#include "tables/zone.h"
#include "wire/rdata.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKETS_MAX   4096
#define RECORDS_MAX   100000
#define PATIENCE_MS   60000
#define RECEIVE_BYTES (4 << 20)

static struct options options;
static struct msg msg;
static struct tables *tables;
static uint64_t generation;

static struct process {
	pid_t pid;
	int parent, control, counters_fd;
	struct dns_counters *counters;
} processes[DNS_MAX];
static uint32_t n_processes;

static struct opened {
	bool is_tcp;
	struct msg_endpoint at;
	int fd;
} opened[SOCKETS_MAX];
static size_t n_opened;

__attribute__((noreturn)) static void die(const char *what)
{
	(void)fprintf(stderr, "dns_drive: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void must(int r, const char *what, const struct err *e)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "dns_drive: %s: %s %s\n", what, e ? e->path : "", e ? e->text : "");
	exit(2);
}

/* --- what the tables say ---------------------------------------------------------------------------------------- */

static struct {
	uint32_t id;
	uint8_t apex[DNAME_MAX];
	struct zone_set sets[RECORDS_MAX]; /* those of one name and type stand together */
	struct zone_rdata rdata[RECORDS_MAX];
	size_t n_sets, n;
} making;

static void zone_end(void)
{
	const struct zone_source src = {.id = making.id,
					.apex = making.apex,
					.serial = (uint32_t)generation,
					.ttl = 300,
					.minimum = 30,
					.sets = making.sets,
					.n_sets = making.n_sets};
	struct err e = {0};
	bool changed;

	if (making.id)
		must(tables_put_zone(tables, &src, &changed, &e), "zone", &e);
	for (size_t i = 0; i < making.n; i++)
		free((void *)(uintptr_t)making.rdata[i].bytes);
	for (size_t i = 0; i < making.n_sets; i++)
		free((void *)(uintptr_t)making.sets[i].owner);
	making.id = 0;
	making.n = making.n_sets = 0;
}

static void record_add(const char *owner, char *rest)
{
	const char *type = strtok_r(NULL, " \t", &rest), *ttl = strtok_r(NULL, " \t", &rest);
	struct zone_set *last = making.n_sets ? &making.sets[making.n_sets - 1] : NULL;
	uint8_t name[DNAME_MAX], data[RDATA_MAX];
	struct err e = {0};
	int len, number;

	if (!type || !ttl || making.n == RECORDS_MAX ||
	    (number = rr_type_parse(type, strlen(type))) == 0)
		die(owner);
	must(dname_parse(owner, strlen(owner), making.apex, name, &e), owner, &e);
	len = rdata_parse((uint16_t)number, rest, strlen(rest), making.apex, data, &e);
	must(len, owner, &e);
	making.rdata[making.n] =
		(struct zone_rdata){memcpy(malloc((size_t)len), data, (size_t)len), (uint16_t)len};
	if (last && last->type == number && dname_is_equal(last->owner, name)) {
		last->n++;
	} else {
		const size_t size = dname_size(name, DNAME_MAX);

		making.sets[making.n_sets++] =
			(struct zone_set){.owner = memcpy(malloc(size), name, size),
					  .type = (uint16_t)number,
					  .ttl = (uint32_t)strtoul(ttl, NULL, 10),
					  .rdata = &making.rdata[making.n],
					  .n = 1};
	}
	making.n++;
}

static void link_add(char *rest)
{
	const char *router = strtok_r(NULL, " \t", &rest), *id = strtok_r(NULL, " \t", &rest);
	bool changed;

	if (!router || !id || strtoul(id, NULL, 10) != making.id)
		die("link: router, and the zone before");
	must(tables_put_link(tables, (uint32_t)strtoul(router, NULL, 10), making.apex, making.id,
			     strtok_r(NULL, " \t", &rest) ? VIEW_LINK_FALL_THROUGH : 0, &changed,
			     NULL),
	     "link", NULL);
}

static void view_add(char *rest)
{
	const char *router = strtok_r(NULL, " \t", &rest), *server;
	struct view_config v = {0};
	struct err e = {0};
	bool changed;

	if (!router)
		die("view");
	v.router = (uint32_t)strtoul(router, NULL, 10);
	while ((server = strtok_r(NULL, " \t", &rest)) && v.n_servers < VIEW_SERVERS_MAX) {
		struct view_server *s = &v.servers[v.n_servers++];

		must(endpoint_parse(server, &s->addr, &s->port, &e), server, &e);
	}
	must(tables_put_view(tables, &v, &changed, &e), "view", &e);
}

static void line_take(char *line)
{
	char *rest = line, *word;

	line[strcspn(line, "\n")] = 0;
	word = strtok_r(line, " \t", &rest);
	if (!word || *word == '#')
		return;
	if (strcmp(word, "zone") == 0) {
		const char *id = strtok_r(NULL, " \t", &rest),
			   *domain = strtok_r(NULL, " \t", &rest);

		zone_end();
		if (!id || !domain ||
		    dname_parse(domain, strlen(domain), NULL, making.apex, NULL) < 0)
			die("zone");
		making.id = (uint32_t)strtoul(id, NULL, 10);
	} else if (strcmp(word, "link") == 0) {
		link_add(rest);
	} else if (strcmp(word, "view") == 0) {
		view_add(rest);
	} else {
		record_add(word, rest);
	}
}

static void file_take(const char *path)
{
	FILE *f = fopen(path, "re");
	struct err e = {0};
	char *line = NULL;
	size_t cap = 0;

	if (!f)
		die(path);
	generation++;
	must(tables_begin(tables, &e), "begin", &e);
	while (getline(&line, &cap, f) > 0)
		line_take(line);
	zone_end();
	must(tables_commit(tables, generation, "00112233445566778899aabbccddeeff", NULL, 0, &e),
	     "commit", &e);
	free(line);
	(void)fclose(f);
}

/* --- processes -------------------------------------------------------------------------------------------------- */

static void pair(int link[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, link) < 0)
		die("socketpair");
}

static void tell(const struct process *p, enum msg_type type, const void *body, size_t size,
		 const int *fds)
{
	/* The first messages wait until the process reads them. */
	struct pollfd writable = {.fd = p->parent, .events = POLLOUT};
	int r;

	while ((r = msg_send(p->parent, type, body, size, NULL, 0, fds)) == -EAGAIN)
		(void)poll(&writable, 1, PATIENCE_MS);
	if (r < 0)
		die("tell");
}

static void sockets_tell(const struct process *p)
{
	for (size_t i = 0; i < n_opened; i++) {
		const struct opened *o = &opened[i];
		const struct msg_listener l = {.kind = o->is_tcp ? LISTENER_DNS_TCP
								 : LISTENER_DNS_UDP,
					       .addr = o->at.addr,
					       .port = o->at.port};

		if (o->at.network)
			tell(p, MSG_ENDPOINT_D, &o->at, sizeof(o->at), &o->fd);
		else
			tell(p, MSG_LISTENER_D, &l, sizeof(l), &o->fd);
	}
}

static void start(uint32_t index)
{
	const struct msg_start_dns body = {index, n_processes, "fifteen octets."};
	const struct msg_empty nothing = {0};
	struct process *p = &processes[index];
	int parent[2], control[2], fds[2];

	pair(parent);
	pair(control);
	p->counters_fd = memfd_create("counters", MFD_CLOEXEC);
	if (p->counters_fd < 0 || ftruncate(p->counters_fd, sizeof(struct dns_counters)) < 0)
		die("memfd");
	p->counters = mmap(NULL, sizeof(*p->counters), PROT_READ, MAP_SHARED, p->counters_fd, 0);
	if (p->counters == MAP_FAILED)
		die("mmap");
	p->pid = fork();
	if (p->pid < 0)
		die("fork");
	if (p->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(parent[0]);
		close(control[0]);
		_exit(dns_main(&options, parent[1]));
	}
	close(parent[1]);
	p->parent = parent[0];
	p->control = control[0];
	fds[0] = control[1];
	fds[1] = p->counters_fd;
	tell(p, MSG_START_DNS, &body, sizeof(body), fds);
	close(control[1]);
	sockets_tell(p);
	tell(p, MSG_GO_DNS, &nothing, sizeof(nothing), NULL);
}

static void wait_for(const struct process *p, enum msg_type type)
{
	struct pollfd readable = {.fd = p->control, .events = POLLIN};

	do {
		if (poll(&readable, 1, PATIENCE_MS) != 1)
			die("no word");
		must(msg_recv(p->control, ROLE_DNS, ROLE_CONTROL, &msg), "control", NULL);
	} while (msg.type != type);
}

static void bell(void)
{
	const struct msg_generation at = {generation};
	uint64_t slowest = 0;

	for (uint32_t i = 0; i < n_processes; i++)
		must(msg_send_body(processes[i].control, MSG_BELL_D, &at), "bell", NULL);
	for (uint32_t i = 0; i < n_processes; i++) {
		const struct msg_ack_dns *ack;

		do
			wait_for(&processes[i], MSG_ACK_D);
		while ((ack = msg.body)->generation < generation);
		if (ack->took_ns > slowest)
			slowest = ack->took_ns;
	}
	(void)printf("ack %lu %lu\n", generation, slowest);
}

static void counters_print(void)
{
	for (int c = 0; c < DNS_COUNTER_COUNT; c++) {
		uint64_t sum = 0;

		for (uint32_t i = 0; i < n_processes; i++)
			sum += atomic_load(&processes[i].counters->value[c]);
		if (sum)
			(void)printf("%s %lu\n", dns_counter_name((enum dns_counter)c), sum);
	}
	(void)printf("end\n");
}

static void socket_open(const char *text)
{
	struct opened *o = &opened[n_opened++];
	struct sockaddr_storage sa;
	struct err e = {0};
	char *place = NULL;
	uint16_t port;
	socklen_t len;

	if (n_opened == SOCKETS_MAX ||
	    (strncmp(text, "udp:", 4) != 0 && strncmp(text, "tcp:", 4) != 0))
		die(text);
	o->is_tcp = *text == 't';
	o->at.network = (uint32_t)strtoul(text + 4, &place, 10);
	o->at.kind = o->is_tcp ? ENDPOINT_DNS_TCP : ENDPOINT_DNS_UDP;
	if (*place != ':')
		die(text);
	must(endpoint_parse(place + 1, &o->at.addr, &port, &e), text, &e);
	o->at.port = port;
	len = addr_to_sockaddr(&o->at.addr, port, &sa);
	o->fd = socket(sa.ss_family,
		       (o->is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)setsockopt(o->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	(void)setsockopt(o->fd, SOL_SOCKET, SO_RCVBUF, &(int){RECEIVE_BYTES}, sizeof(int));
	if (bind(o->fd, (struct sockaddr *)&sa, len) < 0 || (o->is_tcp && listen(o->fd, 4096) < 0))
		die(text);
}

int main(int argc, char **argv)
{
	char path[PATH_MAX], line[PATH_MAX + 16];
	struct err e = {0};

	if (argc < 4 || (n_processes = (uint32_t)strtoul(argv[3], NULL, 10)) == 0 ||
	    n_processes > DNS_MAX) {
		(void)fprintf(stderr,
			      "dns_drive DIR FILE PROCESSES [PROTOCOL:ROUTER:ADDRESS:PORT]...\n");
		return 2;
	}
	options.sandbox = SANDBOX_BEST_EFFORT;
	(void)snprintf(options.state_dir, sizeof(options.state_dir), "%s", argv[1]);
	(void)snprintf(path, sizeof(path), "%s/tables", argv[1]);
	(void)mkdir(path, 0700);
	must(tables_open(path, true, &tables, &e), path, &e);
	file_take(argv[2]);
	for (int i = 4; i < argc; i++)
		socket_open(argv[i]);
	for (uint32_t i = 0; i < n_processes; i++)
		start(i);
	for (uint32_t i = 0; i < n_processes; i++)
		wait_for(&processes[i], MSG_HELLO_D);
	(void)printf("ready %lu\n", generation);
	(void)fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, "file ", 5) == 0) {
			file_take(line + 5);
			bell();
		} else if (strcmp(line, "counters") == 0) {
			counters_print();
		} else {
			(void)printf("what\n");
		}
		(void)fflush(stdout);
	}
	for (uint32_t i = 0; i < n_processes; i++)
		close(processes[i].parent);
	for (uint32_t i = 0; i < n_processes; i++)
		(void)waitpid(processes[i].pid, NULL, 0);
	tables_close(tables);
	if (tables_erase(path, &e) == 0)
		(void)rmdir(path);
	return 0;
}
