/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status, connections, history, operation and version: one question to the daemon each. */
#include "model/kind.h"
#include "postern/columns.h"
#include "postern/fields.h"
#include "postern/outcome.h"
#include "postern/text.h"
#include "postern/view.h"

#include <string.h>

enum tone verb_tone(const char *verb)
{
	return strcmp(verb, "create") == 0   ? TONE_GOOD
	       : strcmp(verb, "delete") == 0 ? TONE_BAD
					     : TONE_PLAIN;
}

char *enforced_text(const json_t *change)
{
	double ms = field_real(change, "enforcedMs", -1);

	return ms < 0 ? must_dup("-") : must_printf(ms < 100 ? "%.1f ms" : "%.0f ms", ms);
}

char *moment_text(const char *rfc3339)
{
	char *s = must_dup(rfc3339);

	if (time_parse(s) >= 0 && strlen(s) >= 19) {
		s[10] = ' ';
		s[19] = '\0';
	}
	return s;
}

/* --- status ------------------------------------------------------------------------------------------------ */

static enum tone gate_tone(const char *state)
{
	return strcmp(state, "up") == 0	    ? TONE_GOOD
	       : strcmp(state, "gone") == 0 ? TONE_BAD
					    : TONE_WARN;
}

/* Of the gates, or the name server processes. */
static size_t count_up(const json_t *status, const char *key)
{
	const json_t *process;
	size_t i, up = 0;

	json_array_foreach(field(status, key), i, process) up +=
		strcmp(field_text(process, "state", ""), "up") == 0;
	return up;
}

static void print_overall(const struct term *t, const json_t *s)
{
	const char *store = field_text(s, "store", "unknown");
	const char *tables = field_text(s, "tables", "ok");
	_cleanup_free_ char *store_shown = text_clean(store), *tables_shown = text_clean(tables);
	size_t gates = field_count(s, "gates"), up = count_up(s, "gates"),
	       dns = field_count(s, "dns"), dns_up = count_up(s, "dns");
	long long revision = field_int(s, "revision", 0),
		  generation = field_int(s, "generation", 0);
	bool store_ok = strcmp(store, "ok") == 0, all_ok = store_ok && strcmp(tables, "ok") == 0;
	char clusters[64], connections[64], count[64];

	if (all_ok && up == gates && gates && dns_up == dns)
		term_print(t, TONE_GOOD, "ok");
	else
		term_print(t, up ? TONE_WARN : TONE_BAD, "degraded");
	fprintf(t->file, ": %s, %s", count_format(field_int(s, "clusters", 0), "cluster", clusters),
		count_format(field_int(s, "connections", 0), "connection", connections));
	if (revision == generation)
		fprintf(t->file, ", revision %lld enforced", revision);
	else
		fprintf(t->file, ", revision %lld, of which %lld is enforced", revision,
			generation);
	fprintf(t->file, up == gates ? " on %s" : ", %s up of %zu",
		up == gates ? count_format((long long)gates, "gate", count)
			    : count_format((long long)up, "gate", count),
		gates);
	if (dns_up != dns)
		fprintf(t->file, "; %zu of %zu name server processes up", dns_up, dns);
	fputc('\n', t->file);
	if (strcmp(tables, "ok") != 0)
		fprintf(t->file, "tables: %s\n", tables_shown);
	if (!store_ok)
		fprintf(t->file, "store: %s; the gates go on with what they have\n", store_shown);
}

static void print_daemon(const struct term *t, const json_t *s)
{
	const char *started = field_text(s, "startedAt", "");
	const json_t *listener;
	char age[QUANTITY_MAX];
	size_t i;

	fprintf(t->file, "posternd %s, profile %s, up %s", field_text(s, "version", "?"),
		field_text(s, "profile", "?"), since_format(started, age));
	json_array_foreach(field(s, "listeners"), i, listener)
		fprintf(t->file, "%s %s", i ? "," : ", listening on",
			json_string_value(listener) ? json_string_value(listener) : "?");
	json_array_foreach(field(s, "dnsListeners"), i, listener)
		fprintf(t->file, "%s %s", i ? "," : ", for DNS on",
			json_string_value(listener) ? json_string_value(listener) : "?");
	fputc('\n', t->file);
}

static void print_gates(const struct term *t, const json_t *s)
{
	static const char *const titles[] = {"GATE",	    "PID",	"STATE",   "GENERATION",
					     "CONNECTIONS", "ACCEPTED", "RESTARTS"};
	const json_t *gate;
	struct columns c;
	size_t i;

	columns_init(&c, titles, ARRAY_SIZE(titles), ARRAY_SIZE(titles));
	json_array_foreach(field(s, "gates"), i, gate)
	{
		const char *state = field_text(gate, "state", "?");
		long long restarts = field_int(gate, "restarts", 0);

		columns_add(&c, TONE_PLAIN, "%lld", field_int(gate, "index", (long long)i));
		columns_add(&c, TONE_PLAIN, "%lld", field_int(gate, "pid", 0));
		columns_add(&c, gate_tone(state), "%s", state);
		columns_add(&c, TONE_PLAIN, "%lld", field_int(gate, "generation", 0));
		columns_add(&c, TONE_PLAIN, "%lld", field_int(gate, "connections", 0));
		columns_add(&c, TONE_PLAIN, "%lld", field_int(gate, "acceptedTotal", 0));
		columns_add(&c, restarts ? TONE_WARN : TONE_PLAIN, "%lld", restarts);
	}
	columns_print(&c, t, 0);
	columns_done(&c);
}

static void print_dns(const struct term *t, const json_t *s)
{
	static const char *const titles[] = {"DNS",	   "PID",     "STATE",
					     "GENERATION", "QUERIES", "RESTARTS"};
	const json_t *process;
	struct columns c;
	size_t i;

	if (!field_count(s, "dns"))
		return;
	fputc('\n', t->file);
	columns_init(&c, titles, ARRAY_SIZE(titles), ARRAY_SIZE(titles));
	json_array_foreach(field(s, "dns"), i, process)
	{
		const char *state = field_text(process, "state", "?");
		long long restarts = field_int(process, "restarts", 0);

		columns_add(&c, TONE_PLAIN, "%lld", field_int(process, "index", (long long)i));
		columns_add(&c, TONE_PLAIN, "%lld", field_int(process, "pid", 0));
		columns_add(&c, gate_tone(state), "%s", state);
		columns_add(&c, TONE_PLAIN, "%lld", field_int(process, "generation", 0));
		columns_add(&c, TONE_PLAIN, "%lld", field_int(process, "queriesTotal", 0));
		columns_add(&c, restarts ? TONE_WARN : TONE_PLAIN, "%lld", restarts);
	}
	columns_print(&c, t, 0);
	columns_done(&c);
}

static void print_netd_state(const struct term *t, const json_t *n)
{
	const char *state = field_text(n, "state", "?");
	const bool is_off = strcmp(state, "off") == 0;
	long long restarts = field_int(n, "restarts", 0);
	char count[64];

	fputs("netd: ", t->file);
	term_print(t, is_off ? TONE_DIM : gate_tone(state), "%s", state);
	if (!is_off)
		fprintf(t->file, ", pid %lld, generation %lld", field_int(n, "pid", 0),
			field_int(n, "generation", 0));
	if (field_int(n, "total", 0) > 1)
		fprintf(t->file, ", %lld of %lld routers done", field_int(n, "done", 0),
			field_int(n, "total", 0));
	if (restarts)
		fprintf(t->file, ", %s", count_format(restarts, "restart", count));
	fputc('\n', t->file);
}

/* A daemon without networks is one line; what is wrong is said in words. */
static void print_netd(const struct term *t, const json_t *s)
{
	const json_t *n = field(s, "netd");
	static const struct {
		const char *key, *what;
	} wrong[] = {{"off", "no networks"},
		     {"lacks", "this kernel lacks"},
		     {"failure", "networks as declared cannot be made now"}};

	if (!n || json_is_null(n))
		return;
	print_netd_state(t, n);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_free_ char *shown = text_clean(field_text(n, wrong[i].key, ""));

		if (shown && shown[0])
			fprintf(t->file, "%s: %s\n", wrong[i].what, shown);
	}
}

int status_run(struct cli *c, struct err *e)
{
	struct answer a = {0};
	int rc = client_get(&c->client, "/v1/status", &a, e);

	if (rc < 0)
		return rc;
	if (!cli_emit(c, a.json)) {
		print_overall(&c->out, a.json);
		print_daemon(&c->out, a.json);
		print_netd(&c->out, a.json);
		fputc('\n', c->out.file);
		print_gates(&c->out, a.json);
		print_dns(&c->out, a.json);
	}
	answer_done(&a);
	return 0;
}

/* --- connections ------------------------------------------------------------------------------------------- */

static char *why_text(const json_t *connection)
{
	const char *rule = field_text(connection, "why.rule", "unknown");

	if (strcmp(rule, "range") == 0)
		return must_printf("in %s", field_text(connection, "why.range", "?"));
	if (strcmp(rule, "open") == 0)
		return must_dup("open to all");
	if (strcmp(rule, "draining") == 0)
		return must_printf("forbidden, cut in %lld s",
				   (field_int(connection, "drainLeftMs", 0) + 999) / 1000);
	return must_dup(rule);
}

/* Why, and by which address if it was not a public one. */
static char *way_text(const json_t *connection)
{
	_cleanup_free_ char *why = why_text(connection), *via = via_text(connection);
	const char *sentence = field_text(connection, "why.text", NULL);

	if (via && sentence)
		return must_printf("%s: %s", via, sentence);
	if (!via)
		return take_ptr(why);
	if (strcmp(why, "private") == 0)
		return take_ptr(via);
	return must_printf("%s, %s", why, via);
}

static void connection_row(struct columns *t, const json_t *c)
{
	_cleanup_free_ char *source =
		endpoint_text(field_text(c, "source", "?"), field_int(c, "sourcePort", 0));
	_cleanup_free_ char *why = way_text(c);
	const char *state = field_text(c, "state", "?");
	char since[QUANTITY_MAX], up[QUANTITY_MAX], down[QUANTITY_MAX];

	columns_add(t, TONE_PLAIN, "%s", field_text(c, "cluster", "-"));
	columns_add(t, TONE_PLAIN, "%s", source);
	columns_add(t, TONE_PLAIN, "%s", field_text(c, "upstream", "-"));
	columns_add(t, strcmp(state, "draining") == 0 ? TONE_WARN : TONE_PLAIN, "%s", state);
	columns_add(t, TONE_PLAIN, "%s", since_format(field_text(c, "since", ""), since));
	columns_add(t, TONE_PLAIN, "%s", bytes_format((uint64_t)field_int(c, "bytesUp", 0), up));
	columns_add(t, TONE_PLAIN, "%s",
		    bytes_format((uint64_t)field_int(c, "bytesDown", 0), down));
	columns_add(t, TONE_PLAIN, "%s", why);
}

int connections_run(struct cli *c, struct err *e)
{
	static const char *const titles[] = {"CLUSTER", "SOURCE", "UPSTREAM", "STATE",
					     "SINCE",	"UP",	  "DOWN",     "WHY"};
	const json_t *connection;
	struct answer a = {0};
	struct columns table;
	struct target t;
	size_t i;
	int rc;

	target_init(&t, "/v1/connections");
	target_query(&t, "cluster", args_word(&c->args, 0));
	rc = client_get(&c->client, t.text, &a, e);
	target_done(&t);
	if (rc < 0)
		return rc;
	if (cli_emit(c, a.json))
		goto out;
	columns_init(&table, titles, ARRAY_SIZE(titles), 7);
	json_array_foreach(field(a.json, "connections"), i, connection)
		connection_row(&table, connection);
	if (table.n_cells)
		columns_print(&table, &c->out, 0);
	else
		note("no connection is open");
	if (field_bool(a.json, "incomplete", false))
		note("this is not all: a gate did not answer in time, or there are too many to "
		     "list");
	columns_done(&table);
out:
	answer_done(&a);
	return 0;
}

/* --- history ----------------------------------------------------------------------------------------------- */

static void history_row(struct columns *t, const json_t *change)
{
	_cleanup_free_ char *time = moment_text(field_text(change, "time", "-"));
	_cleanup_free_ char *enforced = enforced_text(change);
	const char *verb = field_text(change, "verb", "?");

	columns_add(t, TONE_PLAIN, "%lld", field_int(change, "revision", 0));
	columns_add(t, TONE_PLAIN, "%s", time);
	columns_add(t, verb_tone(verb), "%s", verb);
	columns_add(t, TONE_PLAIN, "%s/%s", field_text(change, "kind", "?"),
		    field_text(change, "name", "?"));
	columns_add(t, TONE_PLAIN, "%s", field_text(change, "actor", "?"));
	columns_add(t, TONE_PLAIN, "%s", field_text(change, "via", "?"));
	columns_add(t, TONE_PLAIN, "%s", enforced);
}

static int history_target(const struct cli *c, struct target *t, struct err *e)
{
	const struct kind *kind = NULL;
	const char *name = NULL;

	if (c->args.n_words) {
		int rc = args_object(&c->args, &kind, &name, e);

		if (rc < 0)
			return rc;
	}
	target_init(t, "/v1/history");
	target_query(t, "kind", kind ? kind->name : NULL);
	target_query(t, "name", name);
	target_query(t, "after", args_get(&c->args, "after"));
	target_query(t, "limit", args_get(&c->args, "limit"));
	return 0;
}

int history_run(struct cli *c, struct err *e)
{
	static const char *const titles[] = {"REVISION", "TIME", "CHANGE",  "OBJECT",
					     "BY",	 "VIA",	 "ENFORCED"};
	const json_t *change;
	struct answer a = {0};
	struct columns table;
	struct target t;
	size_t i;
	int rc = history_target(c, &t, e);

	if (rc < 0)
		return rc;
	rc = client_get(&c->client, t.text, &a, e);
	target_done(&t);
	if (rc < 0)
		return rc;
	if (cli_emit(c, a.json))
		goto out;
	columns_init(&table, titles, ARRAY_SIZE(titles), 4);
	json_array_foreach(field(a.json, "changes"), i, change) history_row(&table, change);
	if (table.n_cells)
		columns_print(&table, &c->out, 0);
	else
		note("no such change is kept");
	if (field_bool(a.json, "incomplete", false))
		note("older changes are no longer kept");
	columns_done(&table);
out:
	answer_done(&a);
	return 0;
}

/* --- operation, version ------------------------------------------------------------------------------------ */

int operation_run(struct cli *c, struct err *e)
{
	const char *id = args_word(&c->args, 0), *wait = args_get(&c->args, "wait");
	struct answer a = {0};
	struct target t;
	int rc;

	target_init(&t, "/v1/operations");
	target_segment(&t, id);
	target_query(&t, "wait", wait);
	rc = client_call(&c->client,
			 &(struct request){.method = "GET",
					   .target = t.text,
					   .wait_s = wait ? strtod(wait, NULL) : 0},
			 &a, e);
	target_done(&t);
	if (rc < 0)
		return rc;
	if (!cli_emit(c, a.json)) {
		_cleanup_free_ char *text = operation_text(c, a.json);

		fprintf(c->out.file, "operation %s: revision %lld %s\n",
			field_text(a.json, "id", id), field_int(a.json, "revision", 0), text);
	}
	rc = operation_is_done(a.json) ? 0 : err_code_exit(ERR_TIMEOUT);
	answer_done(&a);
	return rc;
}

int version_run(struct cli *c, struct err *e)
{
	struct answer a = {0};
	const char *daemon = NULL;
	json_t *both;

	if (client_get(&c->client, "/v1/status", &a, NULL) == 0)
		daemon = field_text(a.json, "version", NULL);
	both = json_pack("{s:s, s:s*}", "postern", POSTERN_VERSION, "posternd", daemon);
	if (!cli_emit(c, both)) {
		fprintf(c->out.file, "postern %s\n", POSTERN_VERSION);
		if (daemon)
			fprintf(c->out.file, "posternd %s\n", daemon);
	}
	json_decref(both);
	answer_done(&a);
	return 0;
}
