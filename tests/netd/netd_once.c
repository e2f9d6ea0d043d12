/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What netd does with records of routers, once, in the network namespace in which it is started: for tests/e2e/test_netd.py.
 *
 *	netd_once PREFIX ACTION...
 *	  file PATH            the routers of PATH become those that are there (records.h says what is in it)
 *	  random SEED STEPS    those of a random landscape do
 *	  audit                everything is read again, and mended
 *	  print                every namespace of ours, and the daemon's own, as read again: its objects with our mark
 *
 * After each action but print a line "ops N cut N". Status 1 if something could not be done, which is said on standard error.
 */
#include "netd/read.h"
#include "netd/routers.h"
#include "records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct plan_listener listeners[] = {
	{{.lo = 0xc0000201, .family = ADDR_V4}, 6443}, /* 192.0.2.1 */
};

struct once {
	struct routers *routers;
	struct records records;
	int status;
};

static void check(struct once *o, int ret, const struct err *e)
{
	if (!ret)
		return;
	fprintf(stderr, "netd_once: %s\n", e->text);
	o->status = 1;
}

static bool is_wanted(const struct once *o, uint32_t id)
{
	for (size_t i = 0; i < o->records.count; i++)
		if (o->records.n[i].id == id)
			return true;
	return false;
}

static void records_apply(struct once *o, bool audit)
{
	struct routers_report report = {0};
	struct err e = {0};

	for (uint32_t id = 0; (id = routers_next(o->routers, id)) != 0;)
		if (!is_wanted(o, id))
			check(o, routers_remove(o->routers, id, &report, &e), &e);
	for (size_t i = 0; i < o->records.count; i++)
		check(o, routers_apply(o->routers, &o->records.n[i], audit, &report, &e), &e);
	check(o, routers_apply_internet(o->routers, audit, &report, &e), &e);
	check(o, routers_sweep(o->routers, &report, &e), &e);
	printf("ops %u cut %u%s%s\n", report.n_ops, report.n_cut, report.n_ops ? " first " : "",
	       report.first);
}

/* --- printing --------------------------------------------------------------------------------------------- */

static int name_by(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct listing {
	char **names;
	size_t n;
};

static int name_take(const char *name, void *arg)
{
	struct listing *l = arg;

	l->names = reallocarray(l->names, l->n + 1, sizeof *l->names);
	l->names[l->n++] = strdup(name);
	return 0;
}

static void state_print(const struct once *o, const char *name, enum ns_kind kind)
{
	struct ns_state have = {0}, want = {0}, ours = {0};
	struct text t = {0};
	struct err e = {0};

	if (read_state(routers_names(o->routers), kind, NULL, &want, &have, &e)) {
		fprintf(stderr, "netd_once: %s\n", e.text);
		return;
	}
	for (size_t i = 0; i < have.n_links; i++)
		if (have.links[i].is_marked || have.links[i].kind == NS_LINK_LOOPBACK)
			*state_add_link(&ours) = have.links[i];
	for (size_t i = 0; i < have.n_addrs; i++)
		*state_add_addr(&ours) = have.addrs[i];
	for (size_t i = 0; i < have.n_routes; i++)
		if (have.routes[i].is_ours)
			*state_add_route(&ours) = have.routes[i];
	for (size_t i = 0; i < have.n_rules; i++)
		*state_add_rule(&ours) = have.rules[i];
	ours.has_nft = have.has_nft;
	ours.nft_digest = have.nft_digest;
	state_finish(&ours);
	state_write(&ours, &t);
	printf("[%s]\n%s", name, t.s ? t.s : "");
	text_done(&t);
	state_done(&ours);
	state_done(&have);
}

static void print(const struct once *o)
{
	const struct netns *netns = routers_netns(o->routers);
	struct listing l = {0};
	struct err e = {0};

	netns_each(routers_names(o->routers), name_take, &l);
	if (l.n)
		qsort(l.names, l.n, sizeof *l.names, name_by);
	/* As a router's: everything with our mark. */
	state_print(o, "", NS_ROUTER);
	for (size_t i = 0; i < l.n; i++) {
		int fd = netns_open(netns, l.names[i], false, &e);

		if (fd >= 0 && !netns_enter(fd)) {
			state_print(o, l.names[i],
				    strstr(l.names[i], ".host.") ? NS_HOST : NS_ROUTER);
			netns_leave(netns);
		}
		if (fd >= 0)
			close(fd);
		free(l.names[i]);
	}
	free(l.names);
}

int main(int argc, char **argv)
{
	struct once o = {0};
	struct err e = {0};

	if (argc < 3 || routers_new(argv[1], listeners, ARRAY_SIZE(listeners), &o.routers, &e)) {
		fprintf(stderr, "netd_once: %s\n", argc < 3 ? "PREFIX ACTION..." : e.text);
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "file") == 0 && i + 1 < argc) {
			records_done(&o.records);
			records_read(argv[++i], &o.records);
			records_apply(&o, false);
		} else if (strcmp(argv[i], "random") == 0 && i + 2 < argc) {
			records_done(&o.records);
			records_random(strtoull(argv[i + 1], NULL, 10),
				       (unsigned int)strtoul(argv[i + 2], NULL, 10), &o.records);
			records_apply(&o, false);
			i += 2;
		} else if (strcmp(argv[i], "audit") == 0) {
			records_apply(&o, true);
		} else if (strcmp(argv[i], "print") == 0) {
			print(&o);
		} else {
			fprintf(stderr, "netd_once: '%s'?\n", argv[i]);
			return 2;
		}
	}
	routers_free(o.routers);
	records_done(&o.records);
	return o.status;
}
