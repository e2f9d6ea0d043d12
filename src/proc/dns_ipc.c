/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/dns_ipc.h"

static const struct {
	const char *name, *help;
	enum { COUNTER, GAUGE } kind;
} counters[DNS_COUNTER_COUNT] = {
#define X(name, kind, help) [DNS_##name] = {#name, help, kind},
	DNS_COUNTERS(X)
#undef X
};

const char *dns_counter_name(enum dns_counter c)
{
	return counters[c].name;
}

const char *dns_counter_help(enum dns_counter c)
{
	return counters[c].help;
}

int dns_counter_is_gauge(enum dns_counter c)
{
	return counters[c].kind == GAUGE;
}
