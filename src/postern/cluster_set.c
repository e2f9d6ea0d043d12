/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cluster set: options to a JSON merge patch (RFC 7396). Single ranges are edited on top of what is there: read, change,
 * write on condition that nobody wrote in between, and again if somebody did.
 */
#include "base/addr.h"
#include "postern/fields.h"
#include "postern/outcome.h"
#include "postern/ranges_edit.h"
#include "postern/text.h"

#include <string.h>

#define TRIES_MAX 5

static json_t *sub_object(json_t *patch, const char *key)
{
	json_t *o = json_object_get(patch, key);

	if (!o) {
		o = json_object();
		json_object_set_new(patch, key, o);
	}
	return o;
}

static int upstream_one(const char *text, size_t len, json_t *list, struct err *e)
{
	_cleanup_free_ char *one = strndup(text, len);
	char shown[ADDR_TEXT_MAX];
	struct addr addr;
	uint16_t port = 0;
	json_t *o;
	int rc = 0;

	if (!one)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	if (addr_parse(one, &addr) < 0)
		rc = endpoint_parse(one, &addr, &port, e);
	if (rc < 0) {
		if (e)
			snprintf(e->path, sizeof e->path, "--upstream");
		return rc;
	}
	o = json_pack("{s:s}", "address", addr_format(&addr, shown));
	if (port)
		json_object_set_new(o, "port", json_integer(port));
	json_array_append_new(list, o);
	return 0;
}

static int put_upstreams(json_t *patch, const char *text, struct err *e)
{
	json_t *list = json_array();
	int rc = 0;

	json_object_set_new(patch, "upstreams", list);
	for (const char *p = text; rc == 0; p++) {
		size_t n = strcspn(p, ",");

		rc = upstream_one(p, n, list, e);
		p += n;
		if (!*p)
			break;
	}
	return rc;
}

static int put_allow(json_t *patch, const char *side, const char *option, const char *text,
		     struct err *e)
{
	json_t *ranges = NULL;
	int rc = 0;

	if (strcmp(text, "all") == 0)
		ranges = json_null(); /* merge patch: take the field away */
	else if (strcmp(text, "none") == 0)
		ranges = json_array();
	else
		rc = ranges_split(text, option, &ranges, e);
	if (rc == 0)
		json_object_set_new(sub_object(patch, side), "ranges", ranges);
	return rc;
}

static void put_count(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_integer(strtoll(text, NULL, 10)));
}

static void put_switch(const struct args *a, const char *side, json_t *patch)
{
	const char *v = args_get(a, side);

	if (v)
		json_object_set_new(sub_object(patch, side), "enabled",
				    json_boolean(strcmp(v, "on") == 0));
}

/* Everything that needs no look at what is there. */
static int make_patch(const struct args *a, json_t *patch, struct err *e)
{
	const char *v;
	int rc = 0;

	if ((v = args_get(a, "allow")))
		rc = put_allow(patch, "public", "--allow", v, e);
	if (rc == 0 && (v = args_get(a, "private-allow")))
		rc = put_allow(patch, "private", "--private-allow", v, e);
	if (rc == 0 && (v = args_get(a, "upstream")))
		rc = put_upstreams(patch, v, e);
	put_switch(a, "public", patch);
	put_switch(a, "private", patch);
	if ((v = args_get(a, "drain")))
		put_count(patch, "drain", v);
	if ((v = args_get(a, "max-connections")))
		put_count(sub_object(patch, "limits"), "connections", v);
	if ((v = args_get(a, "max-per-source")))
		put_count(sub_object(patch, "limits"), "connectionsPerSource", v);
	if ((v = args_get(a, "proxy-protocol")))
		json_object_set_new(patch, "proxyProtocol", json_string(v));
	return rc;
}

/* All values of a repeatable list option in one array. */
static int gather(const struct args *a, const char *name, const char *shown, json_t **ret_ranges,
		  struct err *e)
{
	const char *values[ARGS_MAX];
	size_t n = args_all(a, name, values, ARGS_MAX);
	json_t *all = json_array();
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		json_t *some = NULL;

		rc = ranges_split(values[i], shown, &some, e);
		json_array_extend(all, some);
		json_decref(some);
	}
	if (rc < 0)
		json_decref(all);
	else
		*ret_ranges = all;
	return rc;
}

static int send_patch(struct cli *c, const char *name, const json_t *patch, const char *if_match,
		      struct err *e)
{
	_cleanup_free_ char *body = json_dumps(patch, JSON_COMPACT);
	struct request r = {.method = "PATCH",
			    .content_type = "application/merge-patch+json",
			    .body = body,
			    .body_len = body ? strlen(body) : 0,
			    .if_match = if_match};
	struct target t;
	int rc;

	target_init(&t, "/v1/clusters");
	target_segment(&t, name);
	rc = change_send(c, &t, &r, e);
	target_done(&t);
	return rc;
}

static int get_cluster(const struct cli *c, const char *name, struct answer *ret_answer,
		       struct err *e)
{
	struct target t;
	int rc;

	target_init(&t, "/v1/clusters");
	target_segment(&t, name);
	rc = client_get(&c->client, t.text, ret_answer, e);
	target_done(&t);
	return rc;
}

/* One try: read, edit, write on condition. *revision is what was read, so that the caller can tell a lost race. */
static int edit_once(struct cli *c, const char *name, const json_t *add, const json_t *remove,
		     json_t *patch, char revision[40], struct err *e)
{
	_cleanup_free_ char *covered = NULL;
	struct answer a = {0};
	json_t *ranges, *edited = NULL;
	int rc = get_cluster(c, name, &a, e);

	if (rc < 0)
		return rc;
	ranges = field(a.json, "document.public.ranges");
	if (*a.etag)
		snprintf(revision, 40, "%s", a.etag);
	else
		snprintf(revision, 40, "%lld", field_int(a.json, "revision", 0));
	if (!json_is_array(ranges))
		rc = err_set(e, ERR_INVALID, "public.ranges",
			     "cluster/%.63s has none and is open to every source: nothing can be "
			     "added or "
			     "removed; set the whole list with --allow",
			     name);
	if (rc == 0)
		rc = ranges_edit(ranges, add, remove, &edited, &covered, e);
	if (rc == 0) {
		json_object_set(sub_object(patch, "public"), "ranges", edited);
		rc = send_patch(c, name, patch, revision, e);
	}
	if (rc >= 0 && covered)
		note("%s", covered);
	if (rc >= 0 && json_array_size(edited) == 0)
		note("no range is left: nobody can use the public endpoint");
	json_decref(edited);
	answer_done(&a);
	return rc;
}

static int edit_ranges(struct cli *c, const char *name, json_t *patch, struct err *e)
{
	char revision[40] = "", before[40] = "";
	json_t *add = NULL, *remove = NULL;
	int rc = gather(&c->args, "add-allow", "--add-allow", &add, e);

	if (rc == 0)
		rc = gather(&c->args, "remove-allow", "--remove-allow", &remove, e);
	for (int i = 0; rc == 0; i++) {
		rc = edit_once(c, name, add, remove, patch, revision, e);
		/* The same revision twice: the conflict is about something else and would only come again. */
		if (rc != -ERR_CONFLICT || i + 1 == TRIES_MAX || strcmp(before, revision) == 0)
			break;
		memcpy(before, revision, sizeof before);
		rc = 0;
	}
	json_decref(add);
	json_decref(remove);
	return rc;
}

int cluster_set_run(struct cli *c, struct err *e)
{
	const char *name = args_word(&c->args, 0);
	bool edits = args_has(&c->args, "add-allow") || args_has(&c->args, "remove-allow");
	json_t *patch = json_object();
	int rc = make_patch(&c->args, patch, e);

	if (rc == 0 && edits && args_has(&c->args, "allow"))
		rc = err_set(e, ERR_USAGE, "--allow",
			     "replaces the whole list; leave out --add-allow and --remove-allow");
	else if (rc == 0 && !edits && json_object_size(patch) == 0)
		rc = err_set(e, ERR_USAGE, NULL,
			     "nothing to set; \"postern help cluster set\" lists what can be");
	if (rc == 0)
		rc = edits ? edit_ranges(c, name, patch, e) : send_patch(c, name, patch, NULL, e);
	json_decref(patch);
	return rc;
}
