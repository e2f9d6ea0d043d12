/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names of clusters that answer on a host, and what they answer: as JSON, or as the lines of a hosts file. */
#include "model/names.h"
#include "api/native/routes.h"
#include "control/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC_MAX 64

struct naming {
	const struct request *r;
	json_t *names;
};

static json_t *addresses_render(const struct addr *addresses, size_t n)
{
	json_t *all = json_array();
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_string(addr_format(&addresses[i], text)));
	return all;
}

static int name_one(const char *server_name, const struct object *cluster,
		    const struct addr *addresses, size_t n, void *arg)
{
	struct naming *naming = arg;
	const struct request *r = naming->r;

	if (authz_may(&r->control->authz, &r->peer, RIGHT_VIEW, cluster->name))
		json_array_append_new(naming->names,
				      json_pack("{s:s, s:s, s:o}", "name", server_name, "cluster",
						cluster->name, "addresses",
						addresses_render(addresses, n)));
	return 0;
}

static int name_cmp(const void *a, const void *b)
{
	json_t *const *x = a, *const *y = b;

	return strcmp(json_string_value(json_object_get(*x, "name")),
		      json_string_value(json_object_get(*y, "name")));
}

/* By name, so that the same state reads the same. New reference. */
static json_t *sorted(json_t *list)
{
	size_t n = json_array_size(list);
	json_t **all = calloc(n + 1, sizeof(json_t *)), *ret = json_array();

	for (size_t i = 0; all && i < n; i++)
		all[i] = json_array_get(list, i);
	if (all)
		qsort(all, n, sizeof(json_t *), name_cmp);
	for (size_t i = 0; all && i < n; i++)
		json_array_append(ret, all[i]);
	free(all);
	json_decref(list);
	return ret;
}

static int host_take(const struct request *r, const struct object **ret_host, struct err *e)
{
	const struct control *c = r->control;
	char quoted[96];
	int ret = request_may_view(r, r->args[0], e);

	if (ret == 0)
		ret = control_store_check(c, e);
	if (ret == 0 && !c->landscape)
		ret = err_set(e, ERR_UNAVAILABLE, NULL, "the networks have not been read yet");
	if (ret < 0)
		return ret;
	*ret_host = landscape_find(c->landscape, OBJECT_HOST, r->args[0]);
	if (!*ret_host)
		return err_set(e, ERR_NOT_FOUND, NULL, "there is no host \"%s\"",
			       str_quote(quoted, sizeof(quoted), r->args[0], strlen(r->args[0])));
	return 0;
}

/* New reference, in *ret_names. */
static int names_take(const struct request *r, json_t **ret_names, struct err *e)
{
	struct addr public[PUBLIC_MAX];
	struct naming n = {r, NULL};
	const struct object *host = NULL;
	size_t n_public = options_public_addresses(r->control->options, public);
	int ret = host_take(r, &host, e);

	if (ret < 0)
		return ret;
	n.names = json_array();
	if (names_of(r->control->landscape, object_router(host), public, n_public, name_one, &n) <
	    0) {
		json_decref(n.names);
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	}
	*ret_names = sorted(n.names);
	return 0;
}

static void hosts_answer(struct request *r, const json_t *names)
{
	const json_t *name, *address;
	size_t i, k, len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	if (!f) {
		request_answer_response(r, 500, NULL);
		return;
	}
	json_array_foreach(names, i, name)
	{
		json_array_foreach(json_object_get(name, "addresses"), k, address)
			fprintf(f, "%s %s\n", json_string_value(address),
				json_string_value(json_object_get(name, "name")));
	}
	fclose(f);
	request_answer_text(r, 200, "text/plain; charset=utf-8", text, len);
}

static int format_take(const struct request *r, bool *ret_hosts, struct err *e)
{
	const char *format = request_query(r, "format"), *accept = request_header(r, "Accept");

	*ret_hosts = format ? strcmp(format, "hosts") == 0
			    : accept && strncmp(accept, "text/plain", 10) == 0;
	if (format && !*ret_hosts && strcmp(format, "json") != 0)
		return err_set(e, ERR_USAGE, "format",
			       "query parameter format must be json or hosts");
	return 0;
}

void names_get(struct request *r)
{
	json_t *names = NULL;
	struct err e = {0};
	bool as_hosts;

	if (format_take(r, &as_hosts, &e) < 0 || names_take(r, &names, &e) < 0) {
		request_answer_error(r, &e);
		return;
	}
	if (as_hosts)
		hosts_answer(r, names);
	else
		request_answer_json(r, 200,
				    json_pack("{s:s, s:O}", "host", r->args[0], "names", names));
	json_decref(names);
}
