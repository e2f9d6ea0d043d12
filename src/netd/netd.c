/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/netd.h"

#include "base/clock.h"
#include "base/log.h"
#include "netd/netd_int.h"
#include "proc/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int rights_drop(const struct options *o)
{
	struct sandbox sandbox;
	struct err e = {0};

	if (role_sandbox(o, ROLE_NETD, &sandbox, &e) < 0 || sandbox_enter(&sandbox, &e) < 0) {
		log_event(LOG_ERROR, "sandbox.failed", LF_STR("reason", e.text));
		return -EPERM;
	}
	sandbox_probe(o->probe);
	return 0;
}

static int tables_get(struct netd *n)
{
	char dir[PATH_MAX + 16];
	struct err e = {0};
	int ret;

	snprintf(dir, sizeof dir, "%s/tables", n->options->state_dir);
	ret = tables_open(dir, false, &n->tables, &e);
	if (ret)
		log_event(LOG_ERROR, "tables.unavailable", LF_STR("reason", e.text));
	return ret;
}

/*
 * Two that keep namespaces by the same names would each sweep away the other's. The mark is an abstract socket, which goes with the process; one
 * that was killed a moment ago may still have it.
 */
static void prefix_claim(struct netd *n)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	uint64_t until = clock_mono_ms() + NETD_CLAIM_MS;
	int len = snprintf(sa.sun_path + 1, sizeof sa.sun_path - 1, "postern-netd/%s",
			   n->options->netns_prefix);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);

	n->claim = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	while (n->claim >= 0 && bind(n->claim, (struct sockaddr *)&sa, size) &&
	       errno == EADDRINUSE) {
		if (clock_mono_ms() > until) {
			snprintf(n->lacks, sizeof n->lacks,
				 "another posternd keeps networks by the name '%s' already; give "
				 "this one a --netns-prefix of its own",
				 n->options->netns_prefix);
			return;
		}
		(void)poll(NULL, 0, NETD_CLAIM_PAUSE_MS);
	}
}

/* A daemon that is without what netd needs serves public endpoints all the same; what is lacking is told and logged. */
static void kernel_look(struct netd *n)
{
	int ret;

	prefix_claim(n);
	if (!n->lacks[0])
		probe_kernel(routers_names(n->routers), routers_netns(n->routers), n->lacks);
	if (!n->lacks[0]) {
		ret = drift_open(&n->drift, routers_names(n->routers));
		if (ret)
			snprintf(n->lacks, sizeof n->lacks,
				 "this kernel lacks hearing of other namespaces' changes "
				 "(NETLINK_LISTEN_ALL_NSID): %s",
				 strerror(-ret));
	}
	if (n->lacks[0])
		log_event(LOG_ERROR, "kernel.lacks", LF_STR("reason", n->lacks));
}

int netd_begin(struct netd *n)
{
	struct err e = {0};

	if (routers_new(n->options->netns_prefix, n->listeners, n->n_listeners, &n->routers, &e)) {
		log_event(LOG_ERROR, "netd.failed", LF_STR("reason", e.text));
		return -EPERM;
	}
	n->sockets.netns = routers_netns(n->routers);
	routers_watch(n->routers, link_progress, n);
	kernel_look(n);
	if (tables_get(n) || rights_drop(n->options))
		return -EPERM;
	n->is_running = true;
	n->audit_due_ms = clock_mono_ms() + NETD_AUDIT_MIN_MS;
	log_event(LOG_INFO, "netd.serving");
	link_hello(n);
	enforce(n, true);
	return 0;
}

int netd_main(const struct options *o, int parent_fd)
{
	static struct netd netd; /* large */
	int ret = 0;

	netd = (struct netd){.options = o, .parent = parent_fd, .control = -1, .claim = -1};
	sockets_init(&netd.sockets, o, NULL);
	while (!ret && !netd.is_stopping) {
		struct pollfd p[] = {{.fd = parent_fd, .events = POLLIN},
				     {.fd = netd.is_running ? netd.control : -1, .events = POLLIN},
				     {.fd = drift_route_fd(&netd.drift), .events = POLLIN},
				     {.fd = drift_nft_fd(&netd.drift), .events = POLLIN}};
		int ready = poll(p, ARRAY_SIZE(p), enforce_timeout_ms(&netd));

		if (ready > 0 && (p[2].revents || p[3].revents))
			enforce_heard(&netd);
		if (ready > 0 && (p[0].revents || p[1].revents))
			ret = link_read(&netd);
		if (!ret && !netd.is_stopping)
			enforce_due(&netd);
	}
	/* What is in the kernel stays: networks outlive the daemon that keeps them. */
	drift_close(&netd.drift);
	sockets_done(&netd.sockets);
	routers_free(netd.routers);
	tables_close(netd.tables);
	enforce_done(&netd);
	if (netd.claim >= 0)
		close(netd.claim);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
