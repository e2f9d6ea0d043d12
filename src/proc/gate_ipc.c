/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/gate_ipc.h"

#include <assert.h>
#include <stdbool.h>

enum { COUNTER, GAUGE };

/* clang-format off */
static const struct {
	const char *name, *help;
	int kind;
} counters[GATE_COUNTER_COUNT] = {
#define X(name, kind, help) [GATE_##name] = {#name, help, kind},
	GATE_COUNTERS(X)
#undef X
};

static const struct {
	const char *text, *sentence;
	enum gate_counter counter;
} reasons[GATE_REASON_COUNT] = {
#define X(e, text, counter, sentence) [e] = {text, sentence, GATE_##counter},
	GATE_REASONS(X)
#undef X
};

static const struct {
	const char *name;
	bool always;
} events[GATE_EVENT_COUNT] = {
#define X(e, name, always) [e] = {name, always},
	GATE_EVENTS(X)
#undef X
};
/* clang-format on */

const char *gate_counter_name(enum gate_counter c)
{
	assert((unsigned int)c < GATE_COUNTER_COUNT);
	return counters[c].name;
}

const char *gate_counter_help(enum gate_counter c)
{
	assert((unsigned int)c < GATE_COUNTER_COUNT);
	return counters[c].help;
}

int gate_counter_is_gauge(enum gate_counter c)
{
	assert((unsigned int)c < GATE_COUNTER_COUNT);
	return counters[c].kind == GAUGE;
}

const char *gate_reason_text(enum gate_reason r)
{
	assert((unsigned int)r < GATE_REASON_COUNT);
	return reasons[r].text;
}

const char *gate_reason_sentence(enum gate_reason r)
{
	assert((unsigned int)r < GATE_REASON_COUNT);
	return reasons[r].sentence;
}

enum gate_counter gate_reason_counter(enum gate_reason r)
{
	assert((unsigned int)r < GATE_REASON_COUNT);
	return reasons[r].counter;
}

const char *gate_event_name(enum gate_event_kind k)
{
	assert((unsigned int)k < GATE_EVENT_COUNT);
	return events[k].name;
}

int gate_event_is_always(enum gate_event_kind k)
{
	assert((unsigned int)k < GATE_EVENT_COUNT);
	return events[k].always;
}
