/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/outcome.h"

#include "postern/diff.h"
#include "postern/fields.h"
#include "postern/text.h"

#include <string.h>

#define WAIT_DEFAULT "10"

static const struct action {
	const char *name, *done, *would;
	enum tone tone;
} actions[] = {
	{"create", "created", "would be created", TONE_GOOD},
	{"update", "updated", "would be updated", TONE_WARN},
	{"delete", "deleted", "would be deleted", TONE_BAD},
	{"unchanged", "unchanged", "unchanged", TONE_DIM},
};

static const struct action *action_of(const json_t *change)
{
	const char *name = field_text(change, "action", "");

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	return &actions[1];
}

bool operation_is_done(const json_t *op)
{
	return strcmp(field_text(op, "status", ""), "succeeded") == 0;
}

/* " on 2 gates and 2 name servers": who took part, if the daemon can say. */
static void print_enforcers(struct cli *c, FILE *f)
{
	struct answer a = {0};
	long long gates, servers;
	char n[64];

	if (client_get(&c->client, "/v1/status", &a, NULL) == 0) {
		gates = (long long)field_count(a.json, "gates");
		servers = (long long)field_count(a.json, "dns");
		if (gates > 0)
			fprintf(f, " on %s", count_format(gates, "gate", n));
		if (gates > 0 && servers > 0)
			fprintf(f, " and %s", count_format(servers, "name server", n));
	}
	answer_done(&a);
}

/* With the reason it is not slow but unable. */
static void print_netd(FILE *f, const json_t *netd, bool also)
{
	const char *reason = field_text(netd, "reason", "");
	_cleanup_free_ char *shown = text_clean(reason);

	if (reason[0])
		fprintf(f, "%s the networks cannot be made now: %s", also ? ", and" : ":", shown);
	else
		fprintf(f, "%s netd, which is %s", also ? " and for" : ": waiting for",
			field_text(netd, "state", "?"));
	if (field_int(netd, "total", 0) > 1)
		fprintf(f, " (%lld of %lld routers done)", field_int(netd, "done", 0),
			field_int(netd, "total", 0));
}

/* "gates 0, 1", "name server process 1"; *also: something stands before it, or now does. */
static void print_indexes(FILE *f, const char *what, const char *plural, const json_t *indexes,
			  bool *also)
{
	const json_t *index;
	size_t i, n = json_array_size(indexes);

	if (n)
		fprintf(f, "%s %s%s", *also ? " and for" : ": waiting for", what,
			n == 1 ? "" : plural);
	json_array_foreach(indexes, i, index)
		fprintf(f, "%s %" JSON_INTEGER_FORMAT, i ? "," : "", json_integer_value(index));
	*also |= n > 0;
}

static void print_waiting(FILE *f, const json_t *op)
{
	const json_t *netd = field(op, "waitingForNetd");
	bool also = false;

	fputs("not yet enforced", f);
	print_indexes(f, "gate", "s", field(op, "waitingFor"), &also);
	print_indexes(f, "name server process", "es", field(op, "waitingForDns"), &also);
	if (netd && !json_is_null(netd))
		print_netd(f, netd, also);
	fprintf(f, "; see: postern operation %s --wait 30", field_text(op, "id", "ID"));
}

char *operation_text(struct cli *c, const json_t *op)
{
	long long cut = field_int(op, "cut", 0), draining = field_int(op, "draining", 0);
	double ms = field_real(op, "enforcedMs", -1);
	struct text t;
	char n[64];

	text_open(&t);
	if (!operation_is_done(op)) {
		print_waiting(t.file, op);
		return text_take(&t);
	}
	fputs("enforced", t.file);
	if (ms >= 0)
		fprintf(t.file, ms < 100 ? " in %.1f ms" : " in %.0f ms", ms);
	print_enforcers(c, t.file);
	if (cut)
		fprintf(t.file, ", %s cut", count_format(cut, "connection", n));
	if (draining)
		fprintf(t.file, ", %s draining", count_format(draining, "connection", n));
	return text_take(&t);
}

static void print_object(const struct term *t, const json_t *change, bool would)
{
	const struct action *a = action_of(change);
	_cleanup_free_ char *name = text_clean(field_text(change, "name", "?"));

	fprintf(t->file, "%s/%s ", field_text(change, "kind", "object"), name);
	term_print(t, a->tone, "%s", would ? a->would : a->done);
}

int result_print(struct cli *c, const json_t *result)
{
	const json_t *changes = field(result, "changes"), *op = field(result, "operation"), *change;
	long long revision = field_int(result, "revision", 0);
	_cleanup_free_ char *how = NULL;
	size_t i;

	if (op && !json_is_null(op))
		how = operation_text(c, op);
	json_array_foreach(changes, i, change)
	{
		print_object(&c->out, change, false);
		if (how && json_array_size(changes) == 1)
			fprintf(c->out.file, " (revision %lld), %s", revision, how);
		fputc('\n', c->out.file);
	}
	if (how && json_array_size(changes) != 1)
		fprintf(c->out.file, "revision %lld %s\n", revision, how);
	return how && !operation_is_done(op) ? err_code_exit(ERR_TIMEOUT) : 0;
}

size_t dry_run_print(struct cli *c, const json_t *result)
{
	const json_t *changes = field(result, "changes"), *change;
	size_t i, n = 0;

	json_array_foreach(changes, i, change)
	{
		bool same = strcmp(field_text(change, "action", ""), "unchanged") == 0;

		n += !same;
		if (c->output != OUTPUT_TABLE)
			continue;
		print_object(&c->out, change, true);
		fputc('\n', c->out.file);
		if (!same)
			diff_print(&c->out, field(change, "diff"));
	}
	return n;
}

int change_send(struct cli *c, struct target *t, struct request *r, struct err *e)
{
	const char *wait = args_get(&c->args, "wait");
	struct answer a = {0};
	int rc;

	if (args_has(&c->args, "force"))
		target_query(t, "force", "true");
	target_query(t, "wait", wait ? wait : WAIT_DEFAULT);
	r->target = t->text;
	r->wait_s = strtod(wait ? wait : WAIT_DEFAULT, NULL);
	rc = client_call(&c->client, r, &a, e);
	if (rc < 0)
		return rc;
	if (cli_emit(c, a.json)) {
		const json_t *op = field(a.json, "operation");

		rc = json_is_object(op) && !operation_is_done(op) ? err_code_exit(ERR_TIMEOUT) : 0;
	} else {
		rc = result_print(c, a.json);
	}
	answer_done(&a);
	return rc;
}
