/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a value of each sort is read. */
#include "proc/options_int.h"
#include "proc/user.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED_MAX 96
#define QUOTE(v)   str_quote((char[QUOTED_MAX]){0}, QUOTED_MAX, (v), strlen(v))

static void *field(const struct option_row *r, struct options *o)
{
	return (char *)o + r->offset;
}

int option_set_text(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	if (!v[0])
		return err_set(e, ERR_USAGE, NULL, "the value must not be empty");
	if (strlen(v) >= r->max)
		return err_set(e, ERR_USAGE, NULL, "the value is longer than %u bytes", r->max - 1);
	snprintf(field(r, o), r->max, "%s", v);
	return 0;
}

int option_set_number(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	unsigned long n = 0;
	char *end = NULL;

	errno = 0;
	if (isdigit((unsigned char)v[0]))
		n = strtoul(v, &end, 10);
	if (!end || *end || errno || n < r->min || n > r->max)
		return err_set(e, ERR_USAGE, NULL, "\"%s\" is not a number from %u to %u", QUOTE(v),
			       r->min, r->max);
	*(uint32_t *)field(r, o) = (uint32_t)n;
	return 0;
}

int option_set_millis(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	double seconds = 0;
	char *end = NULL;

	/* Digits and a point only: strtod would also take "inf", "nan" and hexadecimal. */
	if (v[0] && strspn(v, "0123456789.") == strlen(v))
		seconds = strtod(v, &end);
	if (!end || *end || !(seconds * 1000 >= r->min && seconds * 1000 <= r->max))
		return err_set(e, ERR_USAGE, NULL,
			       "\"%s\" is not a number of seconds from %g to %g", QUOTE(v),
			       r->min / 1000.0, r->max / 1000.0);
	*(uint32_t *)field(r, o) = (uint32_t)(seconds * 1000 + 0.5);
	return 0;
}

int option_set_choice(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	unsigned int index = 0;

	for (const char *word = r->metavar; word; index++) {
		const char *bar = strchr(word, '|');
		size_t len = bar ? (size_t)(bar - word) : strlen(word);

		if (strlen(v) == len && !memcmp(v, word, len)) {
			*(unsigned int *)field(r, o) = index;
			return 0;
		}
		word = bar ? bar + 1 : NULL;
	}
	return err_set(e, ERR_USAGE, NULL, "\"%s\" is none of %s", QUOTE(v), r->metavar);
}

int option_set_false(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	*(bool *)field(r, o) = false;
	return 0;
}

/* One more address and port of a list. */
static int endpoint_add(struct endpoint *list, size_t *n, size_t max, const struct endpoint *p,
			const char *v, struct err *e)
{
	if (*n == max)
		return err_set(e, ERR_USAGE, NULL, "more than %zu addresses", max);
	for (size_t i = 0; i < *n; i++)
		if (addr_is_equal(&list[i].addr, &p->addr) && list[i].port == p->port)
			return err_set(e, ERR_USAGE, NULL, "%s is given twice", QUOTE(v));
	list[(*n)++] = *p;
	return 0;
}

int option_set_listen(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	struct endpoint p;
	int ret = endpoint_parse(v, &p.addr, &p.port, e);

	return ret ? ret : endpoint_add(o->listen, &o->n_listen, LISTENERS_MAX, &p, v, e);
}

int option_set_dns_listen(const struct option_row *r, struct options *o, const char *v,
			  struct err *e)
{
	struct endpoint p;
	int ret = endpoint_parse(v, &p.addr, &p.port, e);

	return ret ? ret : endpoint_add(o->dns_listen, &o->n_dns_listen, LISTENERS_MAX, &p, v, e);
}

int option_set_dns_forward(const struct option_row *r, struct options *o, const char *v,
			   struct err *e)
{
	struct endpoint p = {.port = DNS_PORT};
	int ret = addr_parse(v, &p.addr);

	if (ret)
		ret = endpoint_parse(v, &p.addr, &p.port, e);
	if (!ret && (!p.port || !(p.addr.hi || p.addr.lo)))
		ret = err_set(e, ERR_USAGE, NULL, "%s is nobody's address and port", QUOTE(v));
	return ret ? ret : endpoint_add(o->dns_forward, &o->n_dns_forward, DNS_SERVERS, &p, v, e);
}

int option_set_metrics(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	struct endpoint p = {0};
	int ret = 0;

	if (strcmp(v, "off"))
		ret = endpoint_parse(v, &p.addr, &p.port, e);
	if (!ret)
		o->metrics = p;
	return ret;
}

int option_set_trusted(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	if (o->n_trusted == TRUSTED_MAX)
		return err_set(e, ERR_USAGE, NULL, "more than %d prefixes", TRUSTED_MAX);
	/* *ret_prefix is untouched on failure, so the slot beyond the end stays clean. */
	if (prefix_parse(v, strlen(v), &o->trusted[o->n_trusted], e))
		return -ERR_USAGE;
	o->n_trusted++;
	return 0;
}

/* "user:NAME" or "group:NAME", len bytes of v. */
static int access_subject(struct access_rule *a, const char *v, size_t len, struct err *e)
{
	const char *colon = memchr(v, ':', len);
	char name[64];
	size_t n;

	if (!colon)
		goto bad;
	n = len - (size_t)(colon + 1 - v);
	if (!n || n >= sizeof name)
		goto bad;
	memcpy(name, colon + 1, n);
	name[n] = 0;
	if (colon - v == 4 && !memcmp(v, "user", 4)) {
		a->subject = ACCESS_UID;
		return user_find(name, &a->id, NULL, e);
	}
	if (colon - v == 5 && !memcmp(v, "group", 5)) {
		a->subject = ACCESS_GID;
		return group_find(name, &a->id, e);
	}
bad:
	return err_set(e, ERR_USAGE, NULL, "before the = must be user:NAME or group:NAME");
}

int option_set_access(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	const char *equals = strrchr(v, '=');
	struct access_rule a = {0};
	const char *glob;
	size_t verb_len;
	int ret;

	if (o->n_access == ACCESS_MAX)
		return err_set(e, ERR_USAGE, NULL, "more than %d rules", ACCESS_MAX);
	if (!equals)
		return err_set(e, ERR_USAGE, NULL, "\"%s\" has no =change or =view", QUOTE(v));
	ret = access_subject(&a, v, (size_t)(equals - v), e);
	if (ret)
		return ret;
	glob = strchr(equals, ':');
	verb_len = glob ? (size_t)(glob - equals - 1) : strlen(equals + 1);
	glob = glob ? glob + 1 : "*";
	if (verb_len == 6 && !memcmp(equals + 1, "change", 6))
		a.may_change = true;
	else if (verb_len != 4 || memcmp(equals + 1, "view", 4))
		return err_set(e, ERR_USAGE, NULL, "\"%s\": after the = must be change or view",
			       QUOTE(v));
	if (!glob[0] || strlen(glob) >= sizeof a.clusters)
		return err_set(e, ERR_USAGE, NULL, "\"%s\": the name pattern is empty or too long",
			       QUOTE(v));
	snprintf(a.clusters, sizeof a.clusters, "%s", glob);
	o->access[o->n_access++] = a;
	return 0;
}

/* RFC 1123, so that it is one path component and one word of nft. */
int option_set_label(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t len = strlen(v);

	if (!len || len >= r->max || strspn(v, letters) != len || v[0] == '-' || v[len - 1] == '-')
		return err_set(e, ERR_USAGE, NULL,
			       "\"%s\" is not 1 to %u lower-case letters, digits and hyphens that "
			       "begin and end with a letter or digit",
			       QUOTE(v), r->max - 1);
	return option_set_text(r, o, v, e);
}

int option_set_pool(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	if (o->n_public_pool == PUBLIC_MAX)
		return err_set(e, ERR_USAGE, NULL, "more than %d prefixes", PUBLIC_MAX);
	if (prefix_parse(v, strlen(v), &o->public_pool[o->n_public_pool], e))
		return -ERR_USAGE;
	o->n_public_pool++;
	return 0;
}

int option_set_public(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	struct addr a;

	if (o->n_public_address == PUBLIC_MAX)
		return err_set(e, ERR_USAGE, NULL, "more than %d addresses", PUBLIC_MAX);
	if (addr_parse(v, &a) || addr_is_wildcard(&a))
		return err_set(e, ERR_USAGE, NULL, "\"%s\" is not an IP address of a machine",
			       QUOTE(v));
	o->public_address[o->n_public_address++] = a;
	return 0;
}

int option_set_nothing(const struct option_row *r, struct options *o, const char *v, struct err *e)
{
	return 0;
}
