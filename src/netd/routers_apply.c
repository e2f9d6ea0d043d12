/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "netd/cut.h"
#include "netd/flows.h"
#include "netd/read.h"
#include "netd/routers_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 3 /* a pair of links that is made anew can undo what was done at its other end */

/* --- one namespace ---------------------------------------------------------------------------------------- */

static const struct known_ns *known_find(const struct router *router, const struct plan_ns *p)
{
	for (size_t i = 0; i < router->n_ns; i++)
		if (router->ns[i].kind == p->kind && strcmp(router->ns[i].name, p->name) == 0)
			return &router->ns[i];
	return NULL;
}

/* What an apply of a router carries along. */
struct run {
	struct routers *r;
	const struct tables_network *n;
	struct plan plan;
	struct router *known;
	struct known_ns *fresh; /* as plan.ns: what will be known */
	bool audit, cut_needed, again;
	bool is_renewing; /* the ruleset there is right for all that is known, but an earlier netd's */
	bool is_unruled;   /* the router is without the ruleset that it shall have */
	bool ways_changed; /* not only rulesets and settings */
	struct routers_report *report;
	int ret;
	struct err *e;
};

static void run_failed(struct run *run, int ret, const struct err *e)
{
	if (!run->ret) {
		run->ret = ret;
		if (run->e)
			*run->e = *e;
	}
}

static void step(const struct routers *r)
{
	if (r->step)
		r->step(r->step_arg);
}

static int ns_open(const struct routers *r, const char *name, struct err *e)
{
	int fd;

	if (name[0])
		return netns_open(&r->netns, name, false, e);
	fd = fcntl(r->netns.own, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? err_set(e, ERR_UNAVAILABLE, NULL, "descriptor: %s", strerror(errno)) : fd;
}

/*
 * Did somebody else change our ruleset since we did? Then what the table's comment says of it is worth nothing. Only where a number
 * tells that something changed, ours or another's table, is it looked at.
 */
static void nft_distrust(const struct run *run, struct ns_state *have, struct known_ns *fresh,
			 uint32_t generation)
{
	if (!have->has_nft || !generation)
		return;
	if (!fresh->nft_generation) {
		have->nft_digest = run->audit ? 0 : have->nft_digest;
	} else if (generation == fresh->nft_generation) {
		if (run->audit && !fresh->nft_listing)
			fresh->nft_listing = apply_nft_listing(&run->r->names);
	} else if (fresh->nft_listing && fresh->nft_listing == apply_nft_listing(&run->r->names)) {
		fresh->nft_generation = generation;
	} else {
		have->nft_digest = 0;
	}
}

static void report_add(struct routers_report *report, const struct ops *ops)
{
	if (ops->n && !report->n_ops)
		op_format(&ops->ops[0], report->first);
	report->n_ops += (uint32_t)ops->n;
}

/* The operations of a namespace in two halves: those up to what takes ways away, and the others. */
static size_t ops_restricting(const struct ops *ops)
{
	size_t n = 0;

	while (n < ops->n && ops->ops[n].kind < OP_ROUTE_DELETE)
		n++;
	return n;
}

/* How far it is to the first that gives something; without the ruleset, nothing is done from there on. */
static size_t ops_taking(const struct ops *ops)
{
	size_t n = 0;

	while (n < ops->n && ops->ops[n].kind <= OP_LINK_DELETE)
		n++;
	return n;
}

static bool ops_have_nft(const struct ops *ops)
{
	for (size_t i = 0; i < ops->n; i++)
		if (ops->ops[i].kind == OP_NFT)
			return true;
	return false;
}

static void hosts_cut(struct run *run);

/* What the new ruleset no longer allows, while the ways on which its end is told are still there. The thread is in the router. */
static int router_cut(struct run *run, int fd, struct err *e)
{
	int ret = flows_cut(run->n, &run->report->n_cut, e);

	hosts_cut(run);
	if (netns_enter(fd))
		ret = err_set(e, ERR_UNAVAILABLE, NULL, "cannot enter a router again");
	return ret;
}

/* The first half; false: a ruleset could not be made, and nothing must be opened. */
static bool ns_restrict(struct run *run, const struct plan_ns *p, uint32_t generation, int fd,
			const struct ns_state *have, struct known_ns *fresh, const struct ops *ops,
			int *ret, struct err *e)
{
	bool remade = false;

	*ret = apply_ops(&run->r->apply, p->name, fd, ops, &remade, e);
	if (!ops_have_nft(ops))
		return true;
	/* One more by our change; if somebody else's came between, the next look does not find this number. */
	fresh->nft_generation = !*ret && generation ? generation + 1 : 0;
	fresh->nft_listing = 0;
	run->report->n_renewed += !*ret && run->is_renewing;
	/* An older ruleset of ours will do for what is there; none, or one that somebody changed, will not. */
	if (*ret && p->kind == NS_ROUTER && (!have->has_nft || !have->nft_digest))
		apply_forwarding_stop();
	run->is_unruled = run->is_unruled || (*ret && p->kind == NS_ROUTER);
	return !*ret;
}

/* The thread is in the namespace. */
static int ns_change(struct run *run, const struct plan_ns *p, uint32_t generation, int fd,
		     const struct ns_state *have, struct known_ns *fresh, struct err *e)
{
	struct ops ops = {0}, part;
	bool remade = false, is_ruled;
	size_t first;
	int ret = state_diff(p->kind, have, &p->state, &ops), late;

	if (ret)
		return err_set(e, ERR_NOMEM, NULL, "no memory to compare namespace '%s'", p->name);
	report_add(run->report, &ops);
	first = ops_restricting(&ops);
	part = (struct ops){.ops = ops.ops, .n = first};
	is_ruled = ns_restrict(run, p, generation, fd, have, fresh, &part, &ret, e);
	if (p->kind == NS_ROUTER && run->cut_needed) {
		late = router_cut(run, fd, ret ? NULL : e);
		ret = ret ? ret : late;
	}
	run->ways_changed = run->ways_changed || ops.n > first;
	part = (struct ops){.ops = ops.ops + first,
			    .n = (is_ruled ? ops.n : ops_taking(&ops)) - first};
	late = apply_ops(&run->r->apply, p->name, fd, &part, &remade, ret ? NULL : e);
	ret = ret ? ret : late;
	run->again = run->again || (remade && p->kind != NS_ROUTER);
	ops_done(&ops);
	return ret;
}

static int ns_apply(struct run *run, const struct plan_ns *p, struct known_ns *fresh, struct err *e)
{
	const char *link = p->link[0] && p->kind != NS_HOST ? p->link : NULL;
	const struct known_ns *known = run->known ? known_find(run->known, p) : NULL;
	_cleanup_close_ int fd = ns_open(run->r, p->name, e);
	struct ns_state have = {0};
	uint32_t generation = 0;
	int ret;

	if (fd < 0)
		return fd;
	ret = netns_enter(fd);
	if (ret)
		return err_set(e, ERR_UNAVAILABLE, NULL, "entering namespace '%s': %s", p->name,
			       strerror(-ret));
	ret = read_state(&run->r->names, p->kind, link, &p->state, &have, e);
	if (!ret) {
		fresh->nft_generation = known ? known->nft_generation : 0;
		fresh->nft_listing = known ? known->nft_listing : 0;
		if (p->state.has_nft)
			generation = read_nft_generation();
		run->is_renewing = run->audit && have.has_nft && p->state.has_nft && generation &&
				   !fresh->nft_generation && have.nft_digest == p->state.nft_digest;
		nft_distrust(run, &have, fresh, generation);
		ret = ns_change(run, p, generation, fd, &have, fresh, e);
	}
	netns_leave(&run->r->netns);
	state_done(&have);
	return ret;
}

/* --- connections ------------------------------------------------------------------------------------------ */

static const struct tables_host *host_of(const struct tables_network *n, uint32_t id)
{
	for (uint32_t i = 0; n && i < n->n_hosts; i++)
		if (n->hosts[i].id == id)
			return &n->hosts[i];
	return NULL;
}

static void ns_cut(struct run *run, const char *name, enum ns_kind kind,
		   const struct tables_host *h)
{
	struct err e = {0};
	_cleanup_close_ int fd = netns_open(&run->r->netns, name, false, &e);
	int ret;

	if (fd < 0 || netns_enter(fd))
		return; /* nobody is in what is not there */
	ret = cut_connections(run->n, h, kind, &run->report->n_cut, &e);
	netns_leave(&run->r->netns);
	if (ret)
		run_failed(run, ret, &e);
}

/* Those of hosts that stay, judged by the new record, and all of those that go. */
static void hosts_cut(struct run *run)
{
	for (size_t i = 0; i < run->plan.n_ns; i++) {
		const struct plan_ns *p = &run->plan.ns[i];

		if (p->host)
			ns_cut(run, p->name, p->kind, host_of(run->n, p->host));
	}
	for (size_t i = 0; run->known && i < run->known->n_ns; i++) {
		const struct known_ns *k = &run->known->ns[i];
		bool stays = false;

		for (size_t j = 0; j < run->plan.n_ns && !stays; j++)
			stays = strcmp(run->plan.ns[j].name, k->name) == 0;
		if (!stays && k->kind == NS_HOST)
			ns_cut(run, k->name, k->kind, NULL);
	}
}

/* --- one router ------------------------------------------------------------------------------------------- */

static void ns_ensure(struct run *run, const char *name)
{
	struct err e = {0};
	int fd = netns_open(&run->r->netns, name, true, &e);

	if (fd < 0)
		run_failed(run, fd, &e);
	else
		close(fd);
	step(run->r);
}

static void namespaces_ensure(struct run *run)
{
	const struct ns_state *router = &run->plan.ns[0].state;

	for (size_t i = 0; i < run->plan.n_ns; i++)
		if (run->plan.ns[i].kind == NS_ROUTER || run->plan.ns[i].kind == NS_HOST)
			ns_ensure(run, run->plan.ns[i].name);
	for (size_t i = 0; i < router->n_links; i++)
		if (router->links[i].kind == NS_LINK_VETH &&
		    strncmp(router->links[i].name, "to-", 3) == 0)
			ns_ensure(run, router->links[i].peer_ns);
}

/* Every namespace whose wanted state is not the one that was applied last. */
static void namespaces_apply(struct run *run, bool every)
{
	for (size_t i = 0; i < run->plan.n_ns; i++) {
		const struct plan_ns *p = &run->plan.ns[i];
		struct known_ns *fresh = &run->fresh[i];
		struct err e = {0};
		int ret;

		if (fresh->digest && !every)
			continue;
		/* Links are made from both ends. */
		if (run->is_unruled && p->kind != NS_ROUTER) {
			fresh->digest = 0;
			continue;
		}
		ret = ns_apply(run, p, fresh, &e);
		fresh->digest = ret ? 0 : state_digest(&p->state);
		if (ret)
			run_failed(run, ret, &e);
		step(run->r);
	}
}

static bool name_is_known(const struct routers *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; j < r->routers[i]->n_ns; j++)
			if (strcmp(r->routers[i]->ns[j].name, name) == 0)
				return true;
	return false;
}

/*
 * Our links out of a namespace that goes: attached interfaces back to where they came from, pairs deleted. The kernel would do the
 * latter some time after the last process in the namespace is gone.
 */
static void links_remove(struct run *run, const char *name)
{
	enum ns_kind kind = names_is_host(&run->r->names, name) ? NS_HOST : NS_ROUTER;
	struct ns_state want = {0}, have = {0};
	struct err e = {0};
	_cleanup_close_ int fd = netns_open(&run->r->netns, name, false, &e);
	struct ops ops = {0};
	bool remade = false;
	int ret;

	if (fd < 0 || netns_enter(fd))
		return;
	ret = read_state(&run->r->names, NS_HOST, NULL, &want, &have, &e);
	have.n_addrs = have.n_routes = 0; /* they go with the links */
	if (!ret && !state_diff(kind, &have, &want, &ops))
		ret = apply_ops(&run->r->apply, name, fd, &ops, &remade, &e);
	if (ret)
		run_failed(run, ret, &e);
	netns_leave(&run->r->netns);
	ops_done(&ops);
	state_done(&have);
}

static void ns_remove(struct run *run, const char *name)
{
	struct err e = {0};
	int ret;

	links_remove(run, name);
	ret = netns_delete(name, &e);
	if (ret)
		run_failed(run, ret, &e);
	if (!run->report->n_ops++)
		snprintf(run->report->first, sizeof run->report->first,
			 "remove the namespace %.120s", name);
	step(run->r);
}

/*
 * Namespaces of ours that the router had and has no more; links in those of others have gone with their other end. Connections
 * are reset while there is a way for it; then the router goes before its hosts, since all links to them can be deleted at once there.
 */
static void namespaces_remove(struct run *run, struct known_ns *old, size_t n_old)
{
	for (size_t i = 0; i < n_old; i++) {
		old[i].goes = (old[i].kind == NS_ROUTER || old[i].kind == NS_HOST) &&
			      !name_is_known(run->r, old[i].name);
		if (old[i].goes && old[i].kind == NS_HOST)
			ns_cut(run, old[i].name, NS_HOST, NULL);
	}
	for (size_t i = 0; i < n_old; i++)
		if (old[i].goes)
			ns_remove(run, old[i].name);
}

static int fresh_make(struct run *run)
{
	run->fresh = calloc(run->plan.n_ns + 1, sizeof *run->fresh);
	if (!run->fresh)
		return -ERR_NOMEM;
	for (size_t i = 0; i < run->plan.n_ns; i++) {
		const struct plan_ns *p = &run->plan.ns[i];
		const struct known_ns *known = run->known ? known_find(run->known, p) : NULL;

		run->fresh[i] = (struct known_ns){.name = strdup(p->name), .kind = p->kind};
		if (!run->fresh[i].name)
			return -ERR_NOMEM;
		if (known && known->digest && known->digest == state_digest(&p->state)) {
			run->fresh[i].digest = known->digest;
			run->fresh[i].nft_generation = known->nft_generation;
			run->fresh[i].nft_listing = known->nft_listing;
		}
	}
	/* Where the router itself stays as it is, so do all connections. */
	run->cut_needed = !run->fresh[0].digest;
	return 0;
}

static void public_families(struct router *router, const struct tables_network *n)
{
	router->has_v4 = router->has_v6 = false;
	for (int f = 0; n->has_uplink && f < TABLES_FAMILIES; f++) {
		bool has = false;

		for (uint32_t i = 0; i < n->n_hosts; i++)
			has = has || n->hosts[i].public[f].family != ADDR_NONE;
		for (uint32_t i = 0; i < n->n_nats; i++)
			has = has || n->nats[i].address[f].family != ADDR_NONE;
		*(f == 1 ? &router->has_v6 : &router->has_v4) = has;
	}
}

/* What guards the daemon's namespace is there before the first way into it. */
static int internet_first(struct routers *r, struct router *router, const struct tables_network *n,
			  struct routers_report *report, struct err *e)
{
	const struct router before = *router;
	int ret;

	public_families(router, n);
	if ((before.has_v4 || !router->has_v4) && (before.has_v6 || !router->has_v6)) {
		router->has_v4 = before.has_v4;
		router->has_v6 = before.has_v6;
		return 0;
	}
	router->has_v4 = router->has_v4 || before.has_v4;
	router->has_v6 = router->has_v6 || before.has_v6;
	ret = routers_apply_internet(r, false, report, e);
	if (ret) {
		router->has_v4 = before.has_v4;
		router->has_v6 = before.has_v6;
	}
	return ret;
}

int routers_apply(struct routers *r, const struct tables_network *n, bool audit,
		  struct routers_report *report, struct err *e)
{
	struct run run = {.r = r, .n = n, .audit = audit, .report = report, .e = e};
	struct known_ns *old;
	size_t n_old;
	int ret = plan_router(&r->names, n, &run.plan, e);

	if (ret)
		return ret;
	run.known = routers_router_make(r, n->id);
	if (!run.known || fresh_make(&run)) {
		routers_known_free(run.fresh, run.fresh ? run.plan.n_ns : 0);
		plan_done(&run.plan);
		return err_set(e, ERR_NOMEM, NULL, "no memory for router '%s'", n->name);
	}
	ret = internet_first(r, run.known, n, report, e);
	if (ret) {
		routers_known_free(run.fresh, run.plan.n_ns);
		plan_done(&run.plan);
		return ret;
	}
	if (run.cut_needed || audit)
		namespaces_ensure(&run);
	namespaces_apply(&run, audit);
	for (int i = 1; run.again && i < ROUNDS_MAX; i++) {
		run.again = run.is_unruled = false;
		run.ret = 0;
		namespaces_apply(&run, true);
	}
	/* Once more, for what was opened between the first time and the end of its way. */
	if (run.cut_needed && run.ways_changed)
		hosts_cut(&run);
	old = run.known->ns;
	n_old = run.known->n_ns;
	run.known->ns = run.fresh;
	run.known->n_ns = run.plan.n_ns;
	public_families(run.known, n);
	namespaces_remove(&run, old, n_old);
	routers_known_free(old, n_old);
	plan_done(&run.plan);
	return run.ret;
}

int routers_remove(struct routers *r, uint32_t id, struct routers_report *report, struct err *e)
{
	struct run run = {.r = r, .report = report, .e = e};
	struct router *router = routers_router(r, id);
	struct known_ns *old;
	size_t n_old;

	if (!router)
		return 0;
	old = router->ns;
	n_old = router->n_ns;
	router->ns = NULL;
	router->n_ns = 0;
	routers_forget(r, id);
	namespaces_remove(&run, old, n_old);
	routers_known_free(old, n_old);
	return run.ret;
}

int routers_apply_internet(struct routers *r, bool audit, struct routers_report *report,
			   struct err *e)
{
	struct run run = {.r = r, .audit = audit, .report = report, .e = e};
	struct plan_internet in = {.listeners = r->listeners, .n_listeners = r->n_listeners};
	struct plan_ns p = {.kind = NS_OWN};
	struct known_ns fresh = {.nft_generation = r->internet.nft_generation};
	struct router known = {.ns = &r->internet, .n_ns = 1};
	char no_name[] = "";
	uint64_t digest;
	int ret;

	for (size_t i = 0; i < r->n; i++) {
		in.has_v4 = in.has_v4 || r->routers[i]->has_v4;
		in.has_v6 = in.has_v6 || r->routers[i]->has_v6;
	}
	ret = plan_internet(&r->names, &in, &p.state, e);
	if (ret)
		return ret;
	digest = state_digest(&p.state);
	if (!audit && r->internet.digest == digest) {
		state_done(&p.state);
		return 0;
	}
	r->internet.name = no_name;
	r->internet.kind = NS_OWN;
	run.known = &known;
	ret = ns_apply(&run, &p, &fresh, e);
	r->internet = (struct known_ns){.digest = ret ? 0 : digest,
					.nft_generation = fresh.nft_generation,
					.nft_listing = fresh.nft_listing};
	state_done(&p.state);
	return ret;
}

/* --- what belongs to nobody ------------------------------------------------------------------------------- */

/* In the order of namespaces_remove(). */
enum sweep_step { SWEEP_CUT, SWEEP_ROUTERS, SWEEP_HOSTS };

struct sweep {
	struct run *run;
	enum sweep_step step;
	const char **known; /* sorted */
	size_t n;
};

static int name_by(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int namespace_sweep(const char *name, void *arg)
{
	const struct sweep *s = arg;
	bool is_host = names_is_host(&s->run->r->names, name);

	if (is_host == (s->step == SWEEP_ROUTERS) ||
	    bsearch(&name, s->known, s->n, sizeof *s->known, name_by))
		return 0;
	if (s->step == SWEEP_CUT)
		ns_cut(s->run, name, NS_HOST, NULL);
	else
		ns_remove(s->run, name);
	return 0;
}

static int known_sort(const struct routers *r, struct sweep *s)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->routers[i]->n_ns;
	s->known = calloc(n + 1, sizeof *s->known);
	if (!s->known)
		return -ERR_NOMEM;
	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; j < r->routers[i]->n_ns; j++)
			s->known[s->n++] = r->routers[i]->ns[j].name;
	qsort(s->known, s->n, sizeof *s->known, name_by);
	return 0;
}

int routers_sweep(struct routers *r, struct routers_report *report, struct err *e)
{
	struct run run = {.r = r, .report = report, .e = e};
	struct sweep s = {.run = &run};

	if (known_sort(r, &s))
		return err_set(e, ERR_NOMEM, NULL, "no memory to look for what is left over");
	for (s.step = SWEEP_CUT; s.step <= SWEEP_HOSTS; s.step++)
		netns_each(&r->names, namespace_sweep, &s);
	free(s.known);
	apply_links_sweep(&r->apply);
	return run.ret;
}
