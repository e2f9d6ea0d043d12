/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What gates report, checked, put into words, and shown in the log and to followers. */
#include "base/clock.h"
#include "base/log.h"
#include "control/control_int.h"
#include "control/why.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EVENT_AGE_MAX_US (3600ull * 1000000)

static bool addr_is_sound(const struct addr *a)
{
	return a->family == ADDR_NONE || a->family == ADDR_V4 || a->family == ADDR_V6;
}

static bool event_is_valid(const struct gate_event *ev)
{
	return ev->kind < GATE_EVENT_COUNT && ev->reason < GATE_REASON_COUNT &&
	       ev->name_len <= GATE_EVENT_NAME_MAX && addr_is_sound(&ev->source) &&
	       addr_is_sound(&ev->peer) && addr_is_sound(&ev->local);
}

/* What log line and JSON object share, as text. */
struct event_text {
	char time[CLOCK_TEXT_MAX];
	char cluster[64];
	char source[ADDR_TEXT_MAX];
	char via[ADDR_TEXT_MAX];
	char network[64];
	char upstream[ENDPOINT_TEXT_MAX];
	char name[GATE_EVENT_NAME_MAX * 4 + 4];
	char connection[40];
	char rule[WHY_TEXT_MAX];
};

static void text_fill(struct control *c, uint32_t gate, const struct gate_event *ev,
		      struct event_text *ret_text)
{
	uint64_t now = clock_wall_us();

	memset(ret_text, 0, sizeof(*ret_text));
	/* The gate's time if it can be true. */
	clock_format(ev->wall_us <= now && now - ev->wall_us < EVENT_AGE_MAX_US ? ev->wall_us : now,
		     ret_text->time);
	if (ev->cluster)
		control_cluster_name(c, ev->cluster, ret_text->cluster);
	if (ev->source.family)
		addr_format(&ev->source, ret_text->source);
	if (ev->local.family)
		addr_format(&ev->local, ret_text->via);
	if (ev->network)
		control_router_name(c, ev->network, ret_text->network);
	if (ev->peer.family)
		endpoint_format(&ev->peer, ev->peer_port, ret_text->upstream);
	str_quote(ret_text->name, sizeof(ret_text->name), ev->name, ev->name_len);
	if (ev->connection)
		snprintf(ret_text->connection, sizeof(ret_text->connection), "%u-%llu", gate,
			 (unsigned long long)ev->connection);
	if (ev->kind == GATE_EVENT_ACCEPTED || ev->kind == GATE_EVENT_REFUSED ||
	    ev->kind == GATE_EVENT_CUT)
		why_sentence(c, ev, ret_text->rule);
}

static void set_text(json_t *o, const char *key, const char *value)
{
	if (value[0])
		json_object_set_new(o, key, json_string(value));
}

static void set_uint(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key, json_integer((json_int_t)value));
}

static json_t *event_json(uint32_t gate, const struct gate_event *ev, const struct event_text *t)
{
	json_t *o = json_object();

	set_text(o, "time", t->time);
	set_text(o, "event", gate_event_name(ev->kind));
	set_uint(o, "gate", gate);
	set_text(o, "cluster", t->cluster);
	set_text(o, "source", t->source);
	if (ev->source_port)
		set_uint(o, "sourcePort", ev->source_port);
	set_text(o, "via", t->via);
	set_text(o, "network", t->network);
	set_text(o, "serverName", t->name);
	if (ev->reason != REASON_NONE)
		set_text(o, "reason", gate_reason_text(ev->reason));
	set_text(o, "rule", t->rule);
	set_text(o, "upstream", t->upstream);
	set_text(o, "connection", t->connection);
	if (ev->kind == GATE_EVENT_CLOSED || ev->kind == GATE_EVENT_CUT) {
		set_uint(o, "bytesUp", ev->bytes_up);
		set_uint(o, "bytesDown", ev->bytes_down);
		set_uint(o, "durationMs", ev->duration_ms);
	}
	if (ev->suppressed)
		set_uint(o, "suppressed", ev->suppressed);
	return o;
}

static const char *log_name(enum gate_event_kind kind)
{
	static const char *const names[GATE_EVENT_COUNT] = {
		[GATE_EVENT_ACCEPTED] = "connection.accepted",
		[GATE_EVENT_CLOSED] = "connection.closed",
		[GATE_EVENT_REFUSED] = "connection.refused",
		[GATE_EVENT_CUT] = "connection.cut",
		[GATE_EVENT_UPSTREAM_DOWN] = "upstream.down",
		[GATE_EVENT_UPSTREAM_UP] = "upstream.up",
		[GATE_EVENT_DESCRIPTORS] = "gate.descriptors",
		[GATE_EVENT_TABLES] = "gate.tables",
	};

	return names[kind];
}

static enum log_level log_level_of(enum gate_event_kind kind)
{
	switch (kind) {
	case GATE_EVENT_ACCEPTED:
	case GATE_EVENT_CLOSED:
		return LOG_DEBUG;
	case GATE_EVENT_UPSTREAM_DOWN:
	case GATE_EVENT_DESCRIPTORS:
	case GATE_EVENT_TABLES:
		return LOG_WARN;
	default:
		return LOG_INFO;
	}
}

/* Fields that say nothing are left out of the line. */
static void event_log(uint32_t gate, const struct gate_event *ev, const struct event_text *t)
{
	const struct log_field all[] = {
		LF_STR("cluster", t->cluster),
		LF_STR("source", t->source),
		LF_STR("via", t->via),
		LF_STR("network", t->network),
		LF_STR("server_name", t->name),
		LF_STR("reason", ev->reason == REASON_NONE ? "" : gate_reason_text(ev->reason)),
		LF_STR("rule", t->rule),
		LF_STR("upstream", t->upstream),
		LF_STR("connection", t->connection),
	};
	struct log_field fields[ARRAY_SIZE(all) + 3];
	size_t n = 0;

	fields[n++] = LF_UINT("gate", gate);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].s[0])
			fields[n++] = all[i];
	if (ev->suppressed)
		fields[n++] = LF_UINT("suppressed", ev->suppressed);
	fields[n] = LF_END;
	log_event_(log_level_of(ev->kind), log_name(ev->kind), fields);
}

int events_on_gate(struct control *c, uint32_t gate, const void *records, size_t n)
{
	const struct gate_event *ev = records;

	for (size_t i = 0; i < n; i++) {
		struct event_text t;
		json_t *o;

		if (!event_is_valid(&ev[i]))
			return -EBADMSG;
		text_fill(c, gate, &ev[i], &t);
		event_log(gate, &ev[i], &t);
		o = event_json(gate, &ev[i], &t);
		events_put(&c->events, o, t.cluster,
			   ev[i].kind == GATE_EVENT_ACCEPTED || ev[i].kind == GATE_EVENT_CLOSED);
		json_decref(o);
	}
	return 0;
}
