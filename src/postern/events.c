/* SPDX-License-Identifier: GPL-3.0-or-later */
/* events: the daemon's stream, one readable line each. */
#include "model/document.h"
#include "postern/command.h"
#include "postern/fields.h"
#include "postern/text.h"

#include <string.h>

static enum tone event_tone(const char *event)
{
	static const struct {
		const char *event;
		enum tone tone;
	} tones[] = {
		{"refused", TONE_BAD},	      {"cut", TONE_BAD},
		{"upstream-down", TONE_BAD},  {"gate-gone", TONE_BAD},
		{"tables-damaged", TONE_BAD}, {"store-unavailable", TONE_BAD},
		{"descriptors", TONE_WARN},   {"accepted", TONE_GOOD},
		{"upstream-up", TONE_GOOD},   {"store-available", TONE_GOOD},
		{"gate-up", TONE_GOOD},	      {"change", TONE_BOLD},
		{"enforced", TONE_BOLD},      {"netd-gone", TONE_BAD},
		{"netd-failed", TONE_BAD},    {"netd-off", TONE_BAD},
		{"netd-up", TONE_GOOD},	      {"dns-gone", TONE_BAD},
		{"dns-up", TONE_GOOD},
	};

	for (size_t i = 0; i < ARRAY_SIZE(tones); i++) {
		if (strcmp(tones[i].event, event) == 0)
			return tones[i].tone;
	}
	return TONE_PLAIN;
}

/* Fields that the line shows in a place of their own, or leaves to -o json. */
static bool has_place(const char *key)
{
	static const char *const keys[] = {
		"time",	      "event",	    "cluster",	  "source",	"sourcePort", "via",
		"reason",     "rule",	    "upstream",	  "serverName", "bytesUp",    "bytesDown",
		"durationMs", "suppressed", "connection", "gate",	"dns"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i], key) == 0)
			return true;
	}
	return false;
}

static void print_reason(FILE *f, const json_t *event)
{
	const char *reason = field_text(event, "reason", NULL),
		   *rule = field_text(event, "rule", NULL);

	if (reason && strcmp(reason, "none") != 0)
		fprintf(f, "  %s", reason);
	else
		reason = NULL;
	if (rule && *rule)
		fprintf(f, "%s%s", reason ? ": " : "  ", rule);
}

static void print_traffic(FILE *f, const json_t *event)
{
	char up[QUANTITY_MAX], down[QUANTITY_MAX];

	if (field(event, "durationMs"))
		fprintf(f, "  after %.1f s", field_real(event, "durationMs", 0) / 1000);
	if (field(event, "bytesUp") || field(event, "bytesDown"))
		fprintf(f, ", %s up, %s down",
			bytes_format((uint64_t)field_int(event, "bytesUp", 0), up),
			bytes_format((uint64_t)field_int(event, "bytesDown", 0), down));
}

/* What a later daemon may add, and what control's own events carry. */
static void print_rest(FILE *f, const json_t *event)
{
	bool has_cluster = field(event, "cluster") != NULL; /* which is the object's name, then */
	bool has_via = field(event, "via") != NULL;	    /* whose network has been named */
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)event, key, value)
	{
		bool is_object = strcmp(key, "kind") == 0 || strcmp(key, "name") == 0;
		bool is_shown = has_place(key) || (is_object && has_cluster) ||
				(has_via && strcmp(key, "network") == 0);
		_cleanup_free_ char *shown = is_shown ? NULL : value_format(value);

		if (shown)
			fprintf(f, "  %s=%s", key, shown);
	}
}

/* The last column is padded like the others. */
static char *trim_end(char *s)
{
	size_t len = strlen(s);

	while (len && s[len - 1] == ' ')
		s[--len] = '\0';
	return s;
}

static char *event_text(const json_t *event)
{
	const char *source = field_text(event, "source", NULL), *name, *upstream;
	_cleanup_free_ char *from = NULL, *via = via_text(event);
	long long suppressed = field_int(event, "suppressed", 0);
	struct text t;

	text_open(&t);
	if (source)
		from = endpoint_text(source, field_int(event, "sourcePort", 0));
	fprintf(t.file, " %-12s", field_text(event, "cluster", "-"));
	if (from)
		fprintf(t.file, " %-21s", from);
	if (via)
		fprintf(t.file, "  %s", via);
	print_reason(t.file, event);
	if ((upstream = field_text(event, "upstream", NULL)))
		fprintf(t.file, "  upstream %s", upstream);
	if ((name = field_text(event, "serverName", NULL)) && *name)
		fprintf(t.file, "  asked for \"%s\"", name);
	print_traffic(t.file, event);
	print_rest(t.file, event);
	if (field(event, "gate"))
		fprintf(t.file, "  (gate %lld)", field_int(event, "gate", 0));
	if (field(event, "dns"))
		fprintf(t.file, "  (name server %lld)", field_int(event, "dns", 0));
	if (suppressed)
		fprintf(t.file, "  and %lld like it before", suppressed);
	return trim_end(text_take(&t));
}

static void event_print(const struct term *t, const json_t *event)
{
	_cleanup_free_ char *time = text_clean(field_text(event, "time", "-"));
	_cleanup_free_ char *name = text_clean(field_text(event, "event", "?"));
	_cleanup_free_ char *raw = event_text(event), *rest = text_clean(raw);

	term_print(t, TONE_DIM, "%s", time);
	fputs("  ", t->file);
	term_print(t, event_tone(name), "%-13s", name);
	fprintf(t->file, " %s\n", rest);
}

static int on_line(const char *line, size_t len, void *arg)
{
	const struct cli *c = arg;
	json_t *event = json_loadb(line, len, 0, NULL);

	if (len == 0)
		return 0; /* sent to keep the stream alive */
	if (!event) {
		note("a line of the stream is not JSON and was left out");
		return 0;
	}
	if (c->output == OUTPUT_TABLE) {
		event_print(&c->out, event);
	} else if (c->output == OUTPUT_JSON) {
		fwrite(line, 1, len, c->out.file);
		fputc('\n', c->out.file);
	} else {
		_cleanup_free_ char *yaml = document_to_yaml(event);

		fprintf(c->out.file, "---\n%s", yaml ? yaml : "");
	}
	json_decref(event);
	return fflush(c->out.file) == 0 ? 0 : 1;
}

int events_run(struct cli *c, struct err *e)
{
	bool follow = args_has(&c->args, "follow");
	struct target t;
	int rc;

	target_init(&t, "/v1/events");
	target_query(&t, "follow", follow ? "true" : NULL);
	target_query(&t, "cluster", args_get(&c->args, "cluster"));
	target_query(&t, "accepted", args_has(&c->args, "accepted") ? "true" : NULL);
	target_query(&t, "last", args_get(&c->args, "last"));
	rc = client_lines(&c->client, t.text, on_line, c, e);
	target_done(&t);
	if (rc == 0 && follow)
		return err_set(e, ERR_UNAVAILABLE, c->client.socket_path,
			       "the daemon ended the stream; look at it with \"postern status\"");
	return rc > 0 ? err_set(e, ERR_INTERNAL, "standard output", "cannot be written to") : rc;
}
