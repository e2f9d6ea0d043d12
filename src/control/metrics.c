/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PROMETHEUS_TEXT "text/plain; version=0.0.4; charset=utf-8"

static void metric_head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP postern_%s %s\n# TYPE postern_%s %s\n", name, help, name, type);
}

static void metric_plain(FILE *f, const char *name, const char *type, const char *help,
			 uint64_t value)
{
	metric_head(f, name, type, help);
	fprintf(f, "postern_%s %" PRIu64 "\n", name, value);
}

/* One figure of each gate, or dns process. */
typedef uint64_t gate_figure_fn(const struct gate *g, unsigned int counter);

static void gates_figure(FILE *f, const struct gates *gs, const char *name, gate_figure_fn *get,
			 unsigned int counter)
{
	const char *kind = gs->kind->name;

	for (uint32_t i = 0; i < gs->n; i++)
		fprintf(f, "postern_%s_%s{%s=\"%u\"} %" PRIu64 "\n", kind, name, kind, i,
			get(&gs->gate[i], counter));
}

static uint64_t figure_up(const struct gate *g, unsigned int counter)
{
	return g->is_up && g->has_greeted;
}

static uint64_t figure_starts(const struct gate *g, unsigned int counter)
{
	return g->starts;
}

static void gates_write(FILE *f, const struct gates *gs)
{
	for (unsigned k = 0; k < GATE_COUNTER_COUNT; k++) {
		const char *name = gate_counter_name(k);

		fprintf(f, "# HELP postern_gate_%s %s\n# TYPE postern_gate_%s %s\n", name,
			gate_counter_help(k), name, gate_counter_is_gauge(k) ? "gauge" : "counter");
		gates_figure(f, gs, name, gate_counter_value, k);
	}
	metric_head(f, "gate_up", "gauge", "1 if the gate runs and has greeted");
	gates_figure(f, gs, "up", figure_up, 0);
	metric_head(f, "gate_starts_total", "counter", "starts of the gate that control has seen");
	gates_figure(f, gs, "starts_total", figure_starts, 0);
}

static void dns_write(FILE *f, const struct gates *gs)
{
	for (unsigned k = 0; k < DNS_COUNTER_COUNT; k++) {
		const char *name = dns_counter_name(k);

		fprintf(f, "# HELP postern_dns_%s %s\n# TYPE postern_dns_%s %s\n", name,
			dns_counter_help(k), name, dns_counter_is_gauge(k) ? "gauge" : "counter");
		gates_figure(f, gs, name, gate_counter_value, k);
	}
	metric_head(f, "dns_up", "gauge", "1 if the name server process runs and has greeted");
	gates_figure(f, gs, "up", figure_up, 0);
	metric_head(f, "dns_starts_total", "counter",
		    "starts of the name server process that control has seen");
	gates_figure(f, gs, "starts_total", figure_starts, 0);
}

static void netd_write(FILE *f, const struct netd *n)
{
	metric_plain(f, "netd_up", "gauge", "1 if netd runs and has greeted",
		     n->is_up && n->has_greeted);
	metric_plain(f, "netd_starts_total", "counter", "starts of netd that control has seen",
		     n->starts);
	metric_plain(f, "netd_generation", "gauge", "revision whose networks the kernel has",
		     n->generation);
	metric_plain(f, "netd_operations_total", "counter",
		     "changes that netd made to the kernel's state", n->operations);
	metric_plain(f, "netd_cut_total", "counter",
		     "connections of hosts that netd reset because a change forbade them", n->cut);
	metric_plain(f, "netd_failures_total", "counter",
		     "times that netd could not make what is declared", n->failures);
	metric_head(f, "netd_apply_seconds_total", "counter",
		    "time that netd took from bell to done");
	fprintf(f, "postern_netd_apply_seconds_total %.9g\n", (double)n->took_ns / 1e9);
}

static void histogram_write(FILE *f, const struct operations *os)
{
	uint64_t sum = 0;

	metric_head(f, "enforcement_seconds", "histogram",
		    "from a change being received to every gate and name server enforcing it");
	for (size_t i = 0; i < ENFORCED_BUCKETS - 1; i++) {
		sum += os->bucket[i];
		fprintf(f, "postern_enforcement_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
			enforced_bucket_le_s[i], sum);
	}
	fprintf(f, "postern_enforcement_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n",
		os->enforced_count);
	fprintf(f, "postern_enforcement_seconds_sum %.9g\n", os->enforced_sum_s);
	fprintf(f, "postern_enforcement_seconds_count %" PRIu64 "\n", os->enforced_count);
}

static void control_write(FILE *f, const struct control *c)
{
	metric_head(f, "build_info", "gauge", "the version that runs");
	fprintf(f, "postern_build_info{version=\"%s\"} 1\n", POSTERN_VERSION);
	metric_plain(f, "store_up", "gauge", "1 if the store works",
		     c->store && !c->store_reason[0]);
	metric_plain(f, "revision", "gauge", "revision of the declared state",
		     c->store ? store_revision(c->store) : 0);
	metric_plain(f, "generation", "gauge", "revision that the tables have been compiled from",
		     c->generation);
	metric_plain(f, "clusters", "gauge", "declared clusters", c->index.n_clusters);
	metric_plain(f, "operations_in_progress", "gauge", "changes that are not enforced yet",
		     c->operations.n_active);
	metric_plain(f, "events_total", "counter", "events since control started", c->events.total);
	histogram_write(f, &c->operations);
}

typedef uint64_t figure_fn(const struct cluster_record *r);

static uint64_t figure_connections(const struct cluster_record *r)
{
	return r->connections;
}

static uint64_t figure_admitted(const struct cluster_record *r)
{
	return r->admitted;
}

static uint64_t figure_refused(const struct cluster_record *r)
{
	return r->refused;
}

static uint64_t figure_cut(const struct cluster_record *r)
{
	return r->cut;
}

static uint64_t figure_bytes_up(const struct cluster_record *r)
{
	return r->bytes_up;
}

static uint64_t figure_bytes_down(const struct cluster_record *r)
{
	return r->bytes_down;
}

/* Gauges, although most only grow: a gate that starts again counts from nothing. */
static const struct {
	const char *name, *help;
	figure_fn *get;
} figures[] = {
	{"cluster_connections", "connections to the cluster open now", figure_connections},
	{"cluster_admitted", "admitted since the gates started", figure_admitted},
	{"cluster_refused", "refused since the gates started", figure_refused},
	{"cluster_cut", "cut since the gates started", figure_cut},
	{"cluster_bytes_up", "bytes from clients since the gates started", figure_bytes_up},
	{"cluster_bytes_down", "bytes to clients since the gates started", figure_bytes_down},
};

static void clusters_write(FILE *f, const struct control *c, const struct cluster_figures *sum)
{
	for (size_t k = 0; k < ARRAY_SIZE(figures); k++) {
		metric_head(f, figures[k].name, "gauge", figures[k].help);
		for (uint32_t id = 0; id < sum->n; id++) {
			const struct index_cluster *ic = index_get(&c->index, id);

			if (ic && sum->by_id[id])
				fprintf(f, "postern_%s{cluster=\"%s\"} %" PRIu64 "\n",
					figures[k].name, ic->name, figures[k].get(sum->by_id[id]));
		}
	}
	metric_plain(f, "scrape_incomplete", "gauge", "1 if not every gate answered in time",
		     sum->is_incomplete);
}

static void metrics_write(struct dump *d, void *arg)
{
	struct request *r = arg;
	const struct control *c = r->control;
	struct cluster_figures sum = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f) {
		gates_write(f, &c->gates);
		if (c->dns.n)
			dns_write(f, &c->dns);
		netd_write(f, &c->netd);
		control_write(f, c);
		if (cluster_figures_sum(d, c->index.cap, &sum) == 0)
			clusters_write(f, c, &sum);
		cluster_figures_done(&sum);
		if (fclose(f) != 0) {
			free(text);
			text = NULL;
		}
	}
	request_answer_text(r, 200, PROMETHEUS_TEXT, text, len);
}

void metrics_answer(struct request *r)
{
	struct err e = {0};

	/* Every cluster's name is in it. */
	if (request_may_view(r, "*", &e) < 0 ||
	    dumps_start(&r->control->dumps, DUMP_CLUSTERS, metrics_write, r, &e) < 0)
		request_answer_error(r, &e);
}
