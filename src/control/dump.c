/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/dump.h"

#include "base/log.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

void dumps_init(struct dumps *ds, struct control *c)
{
	list_init(&ds->active);
	ds->next_request = 1;
	ds->control = c;
}

static bool is_addr(const struct addr *a)
{
	return a->family == ADDR_V4 || a->family == ADDR_V6;
}

static bool is_addr_or_none(const struct addr *a)
{
	return a->family == ADDR_NONE || is_addr(a);
}

bool connection_record_is_valid(const struct connection_record *r)
{
	return is_addr(&r->source) && is_addr_or_none(&r->upstream) && is_addr_or_none(&r->local) &&
	       r->state <= CONNECTION_DRAINING;
}

bool cluster_record_is_valid(const struct cluster_record *r)
{
	if (r->id == 0 || r->n_upstreams > ARRAY_SIZE(r->upstreams))
		return false;
	for (uint32_t i = 0; i < r->n_upstreams; i++)
		if (r->upstreams[i].state > UPSTREAM_DOWN)
			return false;
	return true;
}

static size_t record_size(enum dump_kind kind)
{
	return kind == DUMP_CONNECTIONS ? sizeof(struct connection_record)
					: sizeof(struct cluster_record);
}

static bool record_is_valid(enum dump_kind kind, const void *record)
{
	return kind == DUMP_CONNECTIONS ? connection_record_is_valid(record)
					: cluster_record_is_valid(record);
}

static int read_fully(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)buf + done, len - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* Copy the sound ones of n records out of fd. */
static int records_take(struct dump *d, uint32_t gate, uint64_t n)
{
	size_t size = record_size(d->kind), kept = 0;
	struct stat st;
	char *records;

	if (n == 0)
		return 0;
	if (fstat(d->gate[gate].fd, &st) < 0 || st.st_size < 0 || n > DUMP_BYTES_MAX / size ||
	    n * size > (uint64_t)st.st_size)
		return -EBADMSG;
	records = malloc(n * size);
	if (!records || read_fully(d->gate[gate].fd, records, n * size) < 0) {
		free(records);
		d->is_incomplete = true;
		return 0;
	}
	for (uint64_t i = 0; i < n; i++) {
		if (record_is_valid(d->kind, records + i * size))
			memmove(records + kept++ * size, records + i * size, size);
		else
			d->is_incomplete = true;
	}
	d->gate[gate].records = records;
	d->gate[gate].n_records = kept;
	return 0;
}

static void gate_settle(struct dump *d, uint32_t gate)
{
	if (d->gate[gate].fd >= 0)
		close(d->gate[gate].fd);
	d->gate[gate].fd = -1;
	d->gate[gate].is_pending = false;
}

static bool is_pending(const struct dump *d)
{
	for (uint32_t i = 0; i < GATES_MAX; i++)
		if (d->gate[i].is_pending)
			return true;
	return false;
}

static void dump_finish(struct dump *d)
{
	loop_timer_stop(&d->timer);
	list_remove(&d->node);
	d->done(d, d->arg);
	for (uint32_t i = 0; i < GATES_MAX; i++) {
		gate_settle(d, i);
		free(d->gate[i].records);
	}
	free(d);
}

static void dump_timeout(struct loop_timer *t)
{
	struct dump *d = container_of(t, struct dump, timer);

	d->is_incomplete = true;
	dump_finish(d);
}

static void gate_ask(struct dump *d, struct gate *g)
{
	int fd = memfd_create("postern-dump", MFD_CLOEXEC);

	if (fd < 0 || gate_send_dump(g, d->request, d->kind, fd) < 0) {
		if (fd >= 0)
			close(fd);
		d->is_incomplete = true;
		return;
	}
	d->gate[g->index].fd = fd;
	d->gate[g->index].is_pending = true;
}

int dumps_start(struct dumps *ds, enum dump_kind kind, void (*done)(struct dump *, void *),
		void *arg, struct err *e)
{
	struct dump *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	list_init(&d->node);
	loop_timer_init(&d->timer);
	d->control = ds->control;
	d->request = ds->next_request++;
	d->kind = kind;
	d->done = done;
	d->arg = arg;
	for (uint32_t i = 0; i < GATES_MAX; i++)
		d->gate[i].fd = -1;
	for (uint32_t i = 0; i < ds->control->gates.n; i++)
		if (ds->control->gates.gate[i].is_up)
			gate_ask(d, &ds->control->gates.gate[i]);
	list_append(&ds->active, &d->node);
	if (is_pending(d))
		loop_timer_start(&ds->control->loop, &d->timer, DUMP_MS, dump_timeout);
	else
		dump_finish(d);
	return 0;
}

int dumps_on_dumped(struct dumps *ds, uint32_t gate, const struct msg_dumped *m)
{
	list_foreach (it, &ds->active) {
		struct dump *d = container_of(it, struct dump, node);
		int r = 0;

		if (d->request != m->request)
			continue;
		if (!d->gate[gate].is_pending || m->kind != d->kind)
			return -EBADMSG;
		if (m->error)
			d->is_incomplete = true;
		else
			r = records_take(d, gate, m->records);
		if (r < 0)
			d->is_incomplete = true;
		gate_settle(d, gate);
		if (!is_pending(d))
			dump_finish(d);
		return r;
	}
	/* Too late, or never asked for; the numbers are ours, so one never given out is a breach. */
	return m->request < ds->next_request ? 0 : -EBADMSG;
}

void dumps_on_gate_gone(struct dumps *ds, uint32_t gate)
{
	list_foreach (it, &ds->active) {
		struct dump *d = container_of(it, struct dump, node);

		if (!d->gate[gate].is_pending)
			continue;
		d->is_incomplete = true;
		gate_settle(d, gate);
		if (!is_pending(d))
			dump_finish(d);
	}
}

/* --- figures ---------------------------------------------------------------------------------------------- */

/* Up if one gate got through, down if all that know say so. */
static uint8_t state_merge(uint8_t a, uint8_t b)
{
	if (a == UPSTREAM_UP || b == UPSTREAM_UP)
		return UPSTREAM_UP;
	return a == UPSTREAM_DOWN || b == UPSTREAM_DOWN ? UPSTREAM_DOWN : UPSTREAM_UNKNOWN;
}

static void record_add(struct cluster_record *sum, const struct cluster_record *r)
{
	sum->connections += r->connections;
	sum->admitted += r->admitted;
	sum->refused += r->refused;
	sum->cut += r->cut;
	sum->bytes_up += r->bytes_up;
	sum->bytes_down += r->bytes_down;
	if (sum->n_upstreams < r->n_upstreams)
		sum->n_upstreams = r->n_upstreams;
	for (uint32_t i = 0; i < r->n_upstreams; i++) {
		sum->upstreams[i].state =
			state_merge(sum->upstreams[i].state, r->upstreams[i].state);
		sum->upstreams[i].connections += r->upstreams[i].connections;
		sum->upstreams[i].failures += r->upstreams[i].failures;
	}
}

int cluster_figures_sum(const struct dump *d, size_t max_id, struct cluster_figures *ret_figures)
{
	struct cluster_figures f = {.n = max_id, .is_incomplete = d->is_incomplete};

	f.by_id = calloc(max_id ? max_id : 1, sizeof(struct cluster_record *));
	if (!f.by_id)
		return -ERR_NOMEM;
	for (uint32_t i = 0; i < GATES_MAX; i++) {
		const struct cluster_record *records = d->gate[i].records;

		for (size_t k = 0; k < d->gate[i].n_records; k++) {
			uint32_t id = records[k].id;

			if (id >= max_id)
				continue;
			if (!f.by_id[id])
				f.by_id[id] = calloc(1, sizeof(*f.by_id[id]));
			if (!f.by_id[id]) {
				cluster_figures_done(&f);
				return -ERR_NOMEM;
			}
			record_add(f.by_id[id], &records[k]);
		}
	}
	*ret_figures = f;
	return 0;
}

void cluster_figures_done(struct cluster_figures *f)
{
	for (size_t i = 0; f->by_id && i < f->n; i++)
		free(f->by_id[i]);
	free(f->by_id);
	f->by_id = NULL;
	f->n = 0;
}
