/* SPDX-License-Identifier: GPL-3.0-or-later */
/* describe: everything about one object, with the defaults that its document leaves out. */
#include "model/kind.h"
#include "postern/columns.h"
#include "postern/command.h"
#include "postern/fields.h"
#include "postern/text.h"
#include "postern/view.h"

#include <stdarg.h>
#include <string.h>

#define LABEL_WIDTH    14
#define TTY_RANGES_MAX 50 /* shown on a terminal; piped, all are */
#define CHANGES_SHOWN  "10"

static void label(const struct term *t, const char *name)
{
	term_print(t, TONE_BOLD, "%s:", name);
	fprintf(t->file, "%*s", (int)(LABEL_WIDTH - strlen(name) - 1), "");
}

static void line(const struct term *t, const char *name, const char *fmt, ...) _printf_(3, 4);
static void line(const struct term *t, const char *name, const char *fmt, ...)
{
	_cleanup_free_ char *raw = NULL, *clean = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&raw, fmt, ap) < 0)
		raw = NULL;
	va_end(ap);
	clean = text_clean(raw ? raw : "");
	label(t, name);
	fprintf(t->file, "%s\n", clean);
}

static void print_time(const struct term *t, const char *name, const char *rfc3339)
{
	char age[QUANTITY_MAX];

	line(t, name, "%s (%s ago)", rfc3339, since_format(rfc3339, age));
}

static void print_names(const struct term *t, const json_t *document)
{
	const json_t *name;
	struct text all;
	_cleanup_free_ char *joined = NULL;
	size_t i;

	text_open(&all);
	fputs(field_text(document, "public.fqdn", "-"), all.file);
	json_array_foreach(field(document, "public.names"), i, name)
		fprintf(all.file, ", %s", json_string_value(name) ? json_string_value(name) : "?");
	joined = text_take(&all);
	line(t, "Server names", "%s", joined);
}

static void print_public(const struct term *t, const json_t *document)
{
	const json_t *ranges = field(document, "public.ranges"), *range;
	bool on = field_bool(document, "public.enabled", true);
	size_t i, n = json_array_size(ranges);
	size_t shown = t->is_tty && n > TTY_RANGES_MAX ? TTY_RANGES_MAX : n;
	char count[64];

	label(t, "Public");
	term_print(t, on ? TONE_GOOD : TONE_WARN, "%s", on ? "on" : "off");
	if (!json_is_array(ranges))
		fputs(", open to every source\n", t->file);
	else if (n == 0)
		fputs(", nobody is authorized\n", t->file);
	else
		fprintf(t->file, ", %s:\n", count_format((long long)n, "authorized range", count));
	for (i = 0; i < shown; i++) {
		range = json_array_get(ranges, i);
		_cleanup_free_ char *text =
			text_clean(json_string_value(range) ? json_string_value(range) : "?");

		fprintf(t->file, "%*s%s\n", LABEL_WIDTH, "", text);
	}
	if (shown < n)
		fprintf(t->file, "%*sand %zu more (-o yaml shows all)\n", LABEL_WIDTH, "",
			n - shown);
}

static void print_settings(const struct term *t, const json_t *d)
{
	long long connections = field_int(d, "limits.connections", 0);
	long long per_source = field_int(d, "limits.connectionsPerSource", 0);
	const char *health = field_text(d, "health.kind", "tls");

	line(t, "Private", "%s", field_text(d, "private.kind", "none"));
	line(t, "Drain", "%g s%s", field_real(d, "drain", 0),
	     field_real(d, "drain", 0) > 0 ? "" : ": forbidden connections are cut at once");
	if (connections || per_source)
		line(t, "Limits", "%lld connections, %lld per source (0: no limit)", connections,
		     per_source);
	else
		line(t, "Limits", "none");
	if (strcmp(health, "none") == 0)
		line(t, "Health", "not checked");
	else
		line(t, "Health", "%s every %g s, within %g s", health,
		     field_real(d, "health.interval", 5), field_real(d, "health.timeout", 2));
	line(t, "Connect", "within %g s per upstream", field_real(d, "connectTimeout", 5));
	line(t, "PROXY header", "%s", field_text(d, "proxyProtocol", "off"));
	line(t, "CA", "%s",
	     field(d, "certificateAuthority") ? "given" : "none: kubeconfig is without one");
}

static void print_traffic(const struct term *t, const json_t *o)
{
	char up[QUANTITY_MAX], down[QUANTITY_MAX];

	line(t, "Connections", "%lld now; %lld admitted, %lld refused, %lld cut",
	     field_int(o, "status.connections", 0), field_int(o, "status.admitted", 0),
	     field_int(o, "status.refused", 0), field_int(o, "status.cut", 0));
	line(t, "Traffic", "%s up, %s down",
	     bytes_format((uint64_t)field_int(o, "status.bytesUp", 0), up),
	     bytes_format((uint64_t)field_int(o, "status.bytesDown", 0), down));
}

static void print_upstreams(const struct term *t, const json_t *o)
{
	static const char *const titles[] = {"ADDRESS", "STATE", "CONNECTIONS", "FAILURES"};
	const json_t *u, *live = field(o, "status.upstreams");
	struct columns c;
	size_t i;

	columns_init(&c, titles, ARRAY_SIZE(titles), ARRAY_SIZE(titles));
	json_array_foreach(json_is_array(live) ? live : field(o, "document.upstreams"), i, u)
	{
		_cleanup_free_ char *address =
			endpoint_text(field_text(u, "address", "?"), field_int(u, "port", 6443));
		const char *state = field_text(u, "state", "unknown");

		columns_add(&c, TONE_PLAIN, "%s", address);
		columns_add(&c, upstream_tone(state), "%s", state);
		columns_add(&c, TONE_PLAIN, "%lld", field_int(u, "connections", 0));
		columns_add(&c, TONE_PLAIN, "%lld", field_int(u, "failures", 0));
	}
	term_print(t, TONE_BOLD, "Upstreams:");
	fputc('\n', t->file);
	columns_print(&c, t, 2);
	columns_done(&c);
}

static void print_changes(const struct term *t, const json_t *changes)
{
	static const char *const titles[] = {"REVISION", "TIME", "CHANGE", "BY", "ENFORCED"};
	size_t n = json_array_size(changes);
	struct columns c;

	if (n == 0)
		return;
	columns_init(&c, titles, ARRAY_SIZE(titles), 3);
	for (size_t i = n; i-- > 0;) {
		const json_t *change = json_array_get(changes, i);
		_cleanup_free_ char *time = moment_text(field_text(change, "time", "-"));
		_cleanup_free_ char *enforced = enforced_text(change);
		const char *verb = field_text(change, "verb", "?");

		columns_add(&c, TONE_PLAIN, "%lld", field_int(change, "revision", 0));
		columns_add(&c, TONE_PLAIN, "%s", time);
		columns_add(&c, verb_tone(verb), "%s", verb);
		columns_add(&c, TONE_PLAIN, "%s", field_text(change, "actor", "?"));
		columns_add(&c, TONE_PLAIN, "%s", enforced);
	}
	term_print(t, TONE_BOLD, "Last changes:");
	fputc('\n', t->file);
	columns_print(&c, t, 2);
	columns_done(&c);
}

static void print_cluster(const struct term *t, const json_t *o)
{
	const json_t *d = field(o, "document");

	print_names(t, d);
	print_public(t, d);
	print_settings(t, d);
	print_traffic(t, o);
	print_upstreams(t, o);
}

static void print_object(const struct term *t, const char *kind, const json_t *o)
{
	line(t, "Name", "%s/%s", kind, field_text(o, "name", "?"));
	line(t, "Revision", "%lld", field_int(o, "revision", 0));
	print_time(t, "Created", field_text(o, "createdAt", "-"));
	print_time(t, "Updated", field_text(o, "updatedAt", "-"));
	if (strcmp(kind, "cluster") == 0)
		print_cluster(t, o);
}

int describe_run(struct cli *c, struct err *e)
{
	struct answer object = {0}, history = {0};
	const struct kind *kind;
	const char *name;
	struct target t;
	int rc = args_object(&c->args, &kind, &name, e);

	if (rc < 0)
		return rc;
	if (!name)
		return err_set(e, ERR_USAGE, NULL, "no name given; \"postern get %s\" lists them",
			       kind->plural);
	target_init(&t, "/v1");
	target_segment(&t, kind->plural);
	target_segment(&t, name);
	rc = client_get(&c->client, t.text, &object, e);
	target_done(&t);
	if (rc < 0 || cli_emit(c, object.json))
		goto out;
	target_init(&t, "/v1/history");
	target_query(&t, "kind", kind->name);
	target_query(&t, "name", name);
	target_query(&t, "limit", CHANGES_SHOWN);
	rc = client_get(&c->client, t.text, &history, e);
	target_done(&t);
	if (rc < 0)
		goto out;
	print_object(&c->out, kind->name, object.json);
	print_changes(&c->out, field(history.json, "changes"));
out:
	answer_done(&history);
	answer_done(&object);
	return rc;
}
