/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate/dump.h"

#include "gate/endpoint.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Records collected into one block per write(). */
struct dump {
	int fd, error;
	uint64_t records;
	size_t used;
	uint8_t block[16384];
};

static void dump_flush(struct dump *d)
{
	size_t off = 0;

	while (off < d->used && !d->error) {
		ssize_t n = write(d->fd, d->block + off, d->used - off);
		if (n < 0)
			d->error = errno;
		else
			off += (size_t)n;
	}
	d->used = 0;
}

static void dump_add(struct dump *d, const void *record, size_t size)
{
	if (d->used + size > sizeof d->block)
		dump_flush(d);
	memcpy(d->block + d->used, record, size);
	d->used += size;
	d->records++;
}

static void connection_dump(struct worker *w, struct dump *d, const struct connection *c)
{
	static const uint8_t state[] = {
		[CONN_PROXY] = CONNECTION_HELLO,	[CONN_HELLO] = CONNECTION_HELLO,
		[CONN_CONNECT] = CONNECTION_CONNECTING, [CONN_ANSWER] = CONNECTION_CONNECTING,
		[CONN_OPEN] = CONNECTION_OPEN,		[CONN_DOOMED] = CONNECTION_DRAINING,
	};
	struct connection_record r;

	memset(&r, 0, sizeof r);
	r.id = c->id;
	r.since_us = clock_wall_us() - (w->now_ms - c->since_ms) * 1000;
	r.bytes_up = c->bytes[0];
	r.bytes_down = c->bytes[1];
	r.source = c->source;
	r.source_port = c->source_port;
	r.state = state[c->state];
	if (c->cluster)
		r.cluster = c->cluster->id;
	if (c->endpoint) {
		r.local = c->endpoint->addr;
		r.network = c->endpoint->network;
	}
	if (c->upstream) {
		r.upstream = c->upstream->addr;
		r.upstream_port = c->upstream->port;
	}
	if (c->drain_until_ms) {
		r.state = CONNECTION_DRAINING;
		if (c->drain_until_ms > w->now_ms)
			r.drain_left_ms = (uint32_t)(c->drain_until_ms - w->now_ms);
	}
	dump_add(d, &r, sizeof r);
}

static void list_dump(struct worker *w, struct dump *d, struct list *connections)
{
	list_foreach (it, connections)
		connection_dump(w, d, container_of(it, struct connection, node));
}

static void connections_dump(struct worker *w, struct dump *d)
{
	list_dump(w, d, &w->hellos);
	list_dump(w, d, &w->doomed);
	for (uint32_t id = 0; id < w->n_clusters; id++)
		if (w->clusters[id])
			list_dump(w, d, &w->clusters[id]->connections);
}

static void cluster_dump(struct dump *d, struct gate_cluster *c)
{
	struct cluster_record r;

	memset(&r, 0, sizeof r);
	r.id = c->id;
	r.connections = c->n_connections;
	r.admitted = c->admitted;
	r.refused = c->refused;
	r.cut = c->cut;
	r.bytes_up = c->bytes_up;
	r.bytes_down = c->bytes_down;
	list_foreach (it, &c->connections) {
		const struct connection *conn = container_of(it, struct connection, node);
		r.bytes_up += conn->bytes[0];
		r.bytes_down += conn->bytes[1];
	}
	r.n_upstreams = c->record.n_upstreams;
	list_foreach (it, &c->upstreams) {
		const struct gate_upstream *u = container_of(it, struct gate_upstream, node);
		if (u->gone || u->index >= ARRAY_SIZE(r.upstreams))
			continue;
		r.upstreams[u->index].state = (uint8_t)u->state;
		r.upstreams[u->index].connections = u->connections;
		r.upstreams[u->index].failures = u->failures;
	}
	dump_add(d, &r, sizeof r);
}

int dump_write(struct worker *w, enum dump_kind kind, int fd, uint64_t *ret_records)
{
	static struct dump d;

	d.fd = fd;
	d.error = 0;
	d.records = 0;
	d.used = 0;
	if (kind == DUMP_CONNECTIONS) {
		connections_dump(w, &d);
	} else if (kind == DUMP_CLUSTERS) {
		for (uint32_t id = 0; id < w->n_clusters; id++)
			if (w->clusters[id] && w->clusters[id]->in_tables)
				cluster_dump(&d, w->clusters[id]);
	} else {
		return EINVAL;
	}
	dump_flush(&d);
	*ret_records = d.records;
	return d.error;
}
