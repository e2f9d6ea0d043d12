/* SPDX-License-Identifier: GPL-3.0-or-later */
/* describe: everything about one object, with the defaults that its document leaves out. */
#include "model/document.h"
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

static void print_list(const struct term *t, const char *name, const json_t *list, const char *none)
{
	size_t i, n = json_array_size(list);
	size_t shown = t->is_tty && n > TTY_RANGES_MAX ? TTY_RANGES_MAX : n;

	if (n == 0) {
		line(t, name, "%s", none);
		return;
	}
	for (i = 0; i < shown; i++) {
		_cleanup_free_ char *raw = value_format(json_array_get(list, i));
		_cleanup_free_ char *text = text_clean(raw);

		if (i == 0)
			label(t, name);
		else
			fprintf(t->file, "%*s", LABEL_WIDTH, "");
		fprintf(t->file, "%s\n", text);
	}
	if (shown < n)
		fprintf(t->file, "%*sand %zu more (-o yaml shows all)\n", LABEL_WIDTH, "",
			n - shown);
}

/* Each private address: of the cluster's own placements, and of private endpoints that lead to it. */
static void print_endpoints(const struct term *t, const json_t *o)
{
	static const char *const titles[] = {"ADDRESS", "PORT", "NETWORK", "SUBNET", "OF", "STATE"};
	const json_t *endpoint;
	struct columns c;
	size_t i;

	if (!field_count(o, "status.endpoints"))
		return;
	columns_init(&c, titles, ARRAY_SIZE(titles), 4);
	json_array_foreach(field(o, "status.endpoints"), i, endpoint)
	{
		const char *state = field_text(endpoint, "state", "?");

		columns_add(&c, TONE_PLAIN, "%s", field_text(endpoint, "address", "-"));
		columns_add(&c, TONE_PLAIN, "%lld", field_int(endpoint, "port", 443));
		columns_add(&c, TONE_PLAIN, "%s", field_text(endpoint, "network", "-"));
		columns_add(&c, TONE_PLAIN, "%s", field_text(endpoint, "subnet", "-"));
		columns_add(&c, TONE_PLAIN, "%s", field_text(endpoint, "of", "-"));
		columns_add(&c, strcmp(state, "on") == 0 ? TONE_GOOD : TONE_WARN, "%s", state);
	}
	term_print(t, TONE_BOLD, "Private addresses:");
	fputc('\n', t->file);
	columns_print(&c, t, 2);
	columns_done(&c);
}

/* Records that the system keeps in a zone. */
static void print_kept(const struct term *t, const char *title, const json_t *records)
{
	static const char *const titles[] = {"NAME", "TYPE", "TTL", "VALUES", "CLUSTER"};
	const json_t *record;
	struct columns c;
	size_t i;

	if (!json_array_size(records))
		return;
	columns_init(&c, titles, ARRAY_SIZE(titles), 4);
	json_array_foreach(records, i, record)
	{
		_cleanup_free_ char *values = value_format(field(record, "values"));

		columns_add(&c, TONE_PLAIN, "%s", field_text(record, "name", "-"));
		columns_add(&c, TONE_PLAIN, "%s", field_text(record, "type", "-"));
		columns_add(&c, TONE_PLAIN, "%lld", field_int(record, "ttl", 0));
		columns_add(&c, TONE_PLAIN, "%s", values);
		columns_add(&c, TONE_PLAIN, "%s", field_text(record, "cluster", "-"));
	}
	term_print(t, TONE_BOLD, "%s:", title);
	fputc('\n', t->file);
	columns_print(&c, t, 2);
	columns_done(&c);
}

/* The zone that has the private name, if the system keeps it. */
static void print_zone(const struct term *t, const json_t *o)
{
	const char *domain = field_text(o, "status.zone.domain", NULL);

	if (!domain)
		return;
	line(t, "Zone", "%s, kept by the system", domain);
	print_kept(t, "Private names", field(o, "status.zone.records"));
}

static void print_private(const struct term *t, const json_t *d)
{
	enum tone tone = TONE_PLAIN;
	_cleanup_free_ char *text = private_text(d, &tone);

	label(t, "Private");
	term_print(t, tone, "%s", text);
	fputc('\n', t->file);
	if (strcmp(text, "none") == 0)
		return;
	print_list(t, "  Groups", field(d, "private.securityGroups"),
		   "none: whoever is routed there");
	if (json_is_array(field(d, "private.ranges")))
		print_list(t, "  Ranges", field(d, "private.ranges"), "nobody");
}

static void print_settings(const struct term *t, const json_t *d)
{
	long long connections = field_int(d, "limits.connections", 0);
	long long per_source = field_int(d, "limits.connectionsPerSource", 0);
	const char *health = field_text(d, "health.kind", "tls");

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
	print_private(t, d);
	print_settings(t, d);
	print_traffic(t, o);
	print_upstreams(t, o);
	print_endpoints(t, o);
	print_zone(t, o);
}

/* A kind without a view of its own: the document as it was declared. */
static void print_document(const struct term *t, const json_t *o)
{
	const struct kind *kind = kind_find(field_text(o, "kind", ""));
	json_t *rest = json_deep_copy(field(o, "document"));
	_cleanup_free_ char *yaml = NULL;

	json_object_del(rest, "kind");
	json_object_del(rest, "name");
	if (kind && kind->secret && json_object_get(rest, kind->secret))
		json_object_set_new(rest, kind->secret, json_string("(see get -o yaml)"));
	yaml = json_object_size(rest) ? document_to_yaml(rest) : NULL;
	if (yaml) {
		term_print(t, TONE_BOLD, "Document:");
		fputc('\n', t->file);
	}
	for (const char *p = yaml; p && *p;) {
		size_t n = strcspn(p, "\n");

		fprintf(t->file, "  %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
	json_decref(rest);
}

/* Of status what the kind has. */
static void print_status(const struct term *t, const json_t *o)
{
	static const struct {
		const char *path, *name;
	} lines[] = {
		{"status.namespace", "Namespace"}, {"status.subnets", "Subnets"},
		{"status.hosts", "Hosts"},	   {"status.endpoints", "Endpoints"},
		{"status.freeAddresses", "Free"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const json_t *v = field(o, lines[i].path);
		_cleanup_free_ char *text = value_format(v);

		if (v && !json_is_array(v))
			line(t, lines[i].name, "%s", text);
	}
	if (field(o, "status.addresses"))
		print_list(t, "Addresses", field(o, "status.addresses"), "none");
	if (field(o, "status.publicAddresses"))
		print_list(t, "Public", field(o, "status.publicAddresses"), "none");
	print_kept(t, "Kept by the system", field(o, "status.systemRecords"));
	if (field(o, "status.usedBy"))
		print_list(t, "Used by", field(o, "status.usedBy"), "nothing");
}

static void print_object(const struct term *t, const char *kind, const json_t *o)
{
	line(t, "Name", "%s/%s", kind, field_text(o, "name", "?"));
	line(t, "Revision", "%lld", field_int(o, "revision", 0));
	print_time(t, "Created", field_text(o, "createdAt", "-"));
	print_time(t, "Updated", field_text(o, "updatedAt", "-"));
	if (strcmp(kind, "cluster") == 0) {
		print_cluster(t, o);
		return;
	}
	print_status(t, o);
	print_document(t, o);
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
