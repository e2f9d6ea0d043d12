/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/zone_file.h"

#include "model/kind.h"
#include "model/record.h"
#include "postern/fields.h"
#include "postern/text.h"

#include <libzscanner/scanner.h>
#include <stdlib.h>
#include <string.h>

/* What the system makes of a zone's SOA, as it is served. */
#define SOA_REFRESH 60
#define SOA_RETRY   30
#define SOA_EXPIRE  604800

/* --- reading ---------------------------------------------------------------------------------------------- */

/* Per record set: the line of its first record, and the TTL that all of it has. */
struct set_origin {
	size_t line;
	uint32_t ttl;
};

struct reading {
	zs_scanner_t *s;
	char domain[DNS_NAME_MAX + 1];
	uint8_t apex[DNAME_MAX];
	json_t *records; /* the document's list */
	json_t *index;	 /* "name type" to the position in the list */
	struct set_origin *origins;
	size_t line; /* of the record at hand */
	bool has_minimum;
	uint32_t minimum;
	struct err *e;
};

_printf_(2, 3) static int refuse(struct reading *rd, const char *fmt, ...)
{
	char path[32], text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), "line %zu", rd->line);
	return err_set(rd->e, ERR_INVALID, path, "%s", text);
}

/* Put the line in front of what another check has said. */
static int refused(struct reading *rd, int r)
{
	if (rd->e)
		snprintf(rd->e->path, sizeof(rd->e->path), "line %zu", rd->line);
	return r;
}

/* The owner's name within the zone. */
static int owner_name(struct reading *rd, char dst[DNS_NAME_MAX + 1])
{
	char text[DNAME_TEXT_MAX], quoted[80];
	uint8_t owner[DNAME_MAX];
	size_t len = rd->s->r_owner_length;
	int within, r;

	if (len > sizeof(owner))
		return refuse(rd, "the name is too long");
	memcpy(owner, rd->s->r_owner, len);
	dname_fold(owner, len);
	dname_format(owner, text);
	within = dname_below(owner, len, rd->apex, dname_size(rd->apex, sizeof(rd->apex)));
	if (within < 0)
		return refuse(rd,
			      "%s is not in the domain %s; leave it out, or give the domain that "
			      "the whole file is of",
			      str_quote(quoted, sizeof(quoted), text, strlen(text)), rd->domain);
	if (within == 0) {
		snprintf(dst, DNS_NAME_MAX + 1, "@");
		return 0;
	}
	/* Up to the dot before the domain; of names with escapes that is not right, and they are refused. */
	if (strlen(text) <= strlen(rd->domain) + 2)
		return refuse(rd, "\"%s\" is no name that a zone can hold", text);
	r = record_name_fold(text, strlen(text) - strlen(rd->domain) - 2, rd->domain, dst, rd->e);
	return r < 0 ? refused(rd, r) : 0;
}

static int soa_take(struct reading *rd, const char *name)
{
	const uint8_t *p = rd->s->r_data + rd->s->r_data_length - 4;

	if (strcmp(name, "@") != 0)
		return refuse(rd, "an SOA within the zone; a file has one zone");
	rd->minimum = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	rd->has_minimum = true;
	return 0;
}

static json_t *set_new(struct reading *rd, const char *key, const char *name, const char *type)
{
	size_t n = json_array_size(rd->records);
	json_t *set = json_pack("{s:s,s:s,s:I,s:[]}", "name", name, "type", type, "ttl",
				(json_int_t)rd->s->r_ttl, "values");

	/* Room comes in powers of two. */
	if (!(n & (n - 1)))
		rd->origins = must_resize(rd->origins, (n ? n * 2 : 1) * sizeof(*rd->origins));
	rd->origins[n] = (struct set_origin){rd->line, rd->s->r_ttl};
	json_array_append_new(rd->records, set);
	json_object_set_new(rd->index, key, json_integer((json_int_t)n));
	return set;
}

static json_t *set_of(struct reading *rd, const char *name, const char *type)
{
	char key[DNS_NAME_MAX + 16];
	const json_t *at;

	snprintf(key, sizeof(key), "%s %s", name, type);
	at = json_object_get(rd->index, key);
	if (!at)
		return set_new(rd, key, name, type);
	return json_array_get(rd->records, (size_t)json_integer_value(at));
}

static int value_add(struct reading *rd, const char *name, const char *type, const char *value)
{
	json_t *set = set_of(rd, name, type), *values = json_object_get(set, "values");
	const char *known;
	size_t i;

	if (json_integer_value(json_object_get(set, "ttl")) != (json_int_t)rd->s->r_ttl)
		return refuse(rd,
			      "%s of \"%s\" has the TTL %u here and %" JSON_INTEGER_FORMAT
			      " in a line before; records of one name and type have one TTL (RFC "
			      "2181)",
			      type, name, rd->s->r_ttl,
			      json_integer_value(json_object_get(set, "ttl")));
	/* What is there twice counts once (RFC 2181, 5). */
	for (i = 0; i < json_array_size(values); i++) {
		known = json_string_value(json_array_get(values, i));
		if (strcmp(known, value) == 0)
			return 0;
	}
	json_array_append_new(values, json_string(value));
	return 0;
}

static int record_take(struct reading *rd)
{
	char name[DNS_NAME_MAX + 1], text[RDATA_TEXT_MAX], canon[RECORD_TEXT_MAX];
	const char *type = rr_type_text(rd->s->r_type);
	int r = owner_name(rd, name);

	if (r < 0)
		return r;
	if (rd->s->r_class != RR_CLASS_IN)
		return refuse(rd, "class %u; only IN is there", rd->s->r_class);
	if (!type)
		return refuse(rd,
			      "type %u is none that a zone holds: A, AAAA, CNAME, TXT, MX, SRV, "
			      "PTR, NS",
			      rd->s->r_type);
	if (rd->s->r_type == RR_SOA)
		return soa_take(rd, name);
	if (rdata_format(rd->s->r_type, rd->s->r_data, rd->s->r_data_length, text) < 0)
		return refuse(rd, "the value is too long, or is none of type %s", type);
	r = record_value_canon((enum record_type)rd->s->r_type, text, strlen(text), canon, rd->e);
	return r < 0 ? refused(rd, r) : value_add(rd, name, type, canon);
}

/* Records until the end, each with the line on which it ends: more is not known of it. */
static int records_read(struct reading *rd)
{
	int r = 0;

	while (r == 0) {
		if (zs_parse_record(rd->s) != 0)
			return refuse(rd, "%s", zs_strerror(rd->s->error.code));
		rd->line = rd->s->line_counter;
		switch (rd->s->state) {
		case ZS_STATE_DATA:
			r = record_take(rd);
			break;
		case ZS_STATE_ERROR:
			return refuse(rd, "%s", zs_strerror(rd->s->error.code));
		case ZS_STATE_INCLUDE:
			return refuse(rd, "$INCLUDE is not followed; put the other file in here");
		default:
			return 0;
		}
	}
	return r;
}

/* --- the document ----------------------------------------------------------------------------------------- */

/* The TTL that most sets have is the zone's, and need not be said again. */
static uint32_t ttl_common(const struct reading *rd)
{
	size_t n = json_array_size(rd->records), votes = 0;
	uint32_t ttl = DNS_TTL;

	for (size_t i = 0; i < n; i++) {
		if (votes == 0)
			ttl = rd->origins[i].ttl;
		votes = rd->origins[i].ttl == ttl ? votes + 1 : votes - 1;
	}
	return ttl;
}

/* The apex's NS, as the system makes it. */
static bool is_made(const struct reading *rd, const json_t *set)
{
	const json_t *values = json_object_get(set, "values");
	_cleanup_free_ char *made = must_printf("ns.%s.", rd->domain);

	return strcmp(field_text(set, "name", ""), "@") == 0 &&
	       strcmp(field_text(set, "type", ""), "NS") == 0 && json_array_size(values) == 1 &&
	       strcmp(json_string_value(json_array_get(values, 0)), made) == 0;
}

static void sets_settle(struct reading *rd, uint32_t ttl)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(rd->records); i++) {
		json_t *set = json_array_get(rd->records, i);

		if (is_made(rd, set)) {
			json_array_remove(rd->records, i);
			i--;
			memmove(&rd->origins[n], &rd->origins[n + 1],
				(json_array_size(rd->records) - n) * sizeof(*rd->origins));
			continue;
		}
		if (rd->origins[n++].ttl == ttl)
			json_object_del(set, "ttl");
	}
}

/* A rule between records: "records[3].type" is the line of that set's first record. */
static int document_check(struct reading *rd, const json_t *document)
{
	struct err e = {0};
	size_t i;
	int r = kind_find("zone")->check(document, false, &e);

	if (r == 0)
		return 0;
	if (rd->e)
		*rd->e = e;
	if (sscanf(e.path, "records[%zu]", &i) == 1 && i < json_array_size(rd->records)) {
		rd->line = rd->origins[i].line;
		refused(rd, r);
	}
	return r;
}

static json_t *document_make(struct reading *rd, const struct zone_file_head *head)
{
	uint32_t ttl = ttl_common(rd);
	json_t *doc = json_pack("{s:s,s:s,s:s,s:s}", "kind", "zone", "name", head->name, "domain",
				rd->domain, "visibility", head->is_public ? "public" : "private");

	sets_settle(rd, ttl);
	if (ttl != DNS_TTL)
		json_object_set_new(doc, "ttl", json_integer(ttl));
	if (rd->has_minimum && rd->minimum != DNS_NEGATIVE_TTL)
		json_object_set_new(doc, "minimum", json_integer(rd->minimum));
	json_object_set(doc, "records", rd->records);
	return doc;
}

static int scan(struct reading *rd, const char *text, size_t len)
{
	char origin[DNS_NAME_MAX + 2];
	int r;

	snprintf(origin, sizeof(origin), "%s.", rd->domain);
	if (zs_init(rd->s, origin, RR_CLASS_IN, DNS_TTL) != 0)
		return err_set(rd->e, ERR_NOMEM, NULL, "out of memory");
	if (len && zs_set_input_string(rd->s, text, len) != 0)
		r = err_set(rd->e, ERR_NOMEM, NULL, "out of memory");
	else
		r = len ? records_read(rd) : 0;
	zs_deinit(rd->s);
	return r;
}

int zone_file_read(const char *text, size_t len, const struct zone_file_head *head,
		   json_t **ret_document, struct err *e)
{
	struct reading rd = {.e = e};
	json_t *doc;
	int r;

	if (len > ZONE_FILE_BYTES_MAX)
		return err_set(e, ERR_TOO_LARGE, NULL, "the file has %zu bytes; the limit is %u",
			       len, ZONE_FILE_BYTES_MAX);
	r = dns_name_fold(head->domain, strlen(head->domain), false, rd.domain, e);
	if (r < 0) {
		err_under(e, "domain");
		return r;
	}
	r = dname_parse(rd.domain, strlen(rd.domain), NULL, rd.apex, e);
	if (r < 0)
		return r;
	rd.s = must_alloc(sizeof(*rd.s));
	rd.records = json_array();
	rd.index = json_object();
	r = scan(&rd, text, len);
	if (r == 0) {
		doc = document_make(&rd, head);
		r = document_check(&rd, doc);
		if (r == 0)
			*ret_document = json_incref(doc);
		json_decref(doc);
	}
	json_decref(rd.records);
	json_decref(rd.index);
	free(rd.origins);
	free(rd.s);
	return r;
}

/* --- writing ---------------------------------------------------------------------------------------------- */

/* A set of this type, as the zone's own name is written or as the system writes it. */
static bool has_set(const json_t *records, const char *name, enum record_type type)
{
	const json_t *set;
	size_t i;

	json_array_foreach(records, i, set)
	{
		const char *own = field_text(set, "name", "");

		if (strcmp(*own ? own : "@", name) == 0 &&
		    record_type_find(field_text(set, "type", "")) == type)
			return true;
	}
	return false;
}

/*
 * The NS as the system makes it, and a hint where its address is missing: who asks us needs none, but BIND refuses such a file as a
 * primary. No address of ours would be right there.
 */
static void made_ns_write(FILE *f, const json_t *records, long long ttl)
{
	if (!has_set(records, "ns", RECORD_A) && !has_set(records, "ns", RECORD_AAAA))
		fputs("; The zone declares no address of \"ns\". Before BIND serves this as a "
		      "primary: "
		      "add an A or AAAA \"ns\", or an NS of your own.\n",
		      f);
	fprintf(f, "@\t%lld\tIN\tNS\tns\n", ttl);
}

/* false: a value that the daemon would not have taken. */
static bool set_write(FILE *f, const json_t *set, long long ttl)
{
	enum record_type type = record_type_find(field_text(set, "type", ""));
	const char *name = field_text(set, "name", "@");
	char canon[RECORD_TEXT_MAX];
	const json_t *value;
	size_t i;

	json_array_foreach(field(set, "values"), i, value)
	{
		const char *text = json_string_value(value);

		if (!type || !text || record_value_canon(type, text, strlen(text), canon, NULL) < 0)
			return false;
		fprintf(f, "%s\t%lld\tIN\t%s\t%s\n", *name ? name : "@", field_int(set, "ttl", ttl),
			record_type_text(type), canon);
	}
	return true;
}

char *zone_file_write(const json_t *document, uint32_t serial)
{
	const json_t *records = field(document, "records"), *set;
	const char *domain = field_text(document, "domain", NULL);
	long long ttl = field_int(document, "ttl", DNS_TTL);
	bool is_good = domain != NULL;
	char *written;
	struct text t;
	size_t i;

	if (!domain)
		return NULL;
	text_open(&t);
	fprintf(t.file, "$ORIGIN %s.\n$TTL %lld\n", domain, ttl);
	fprintf(t.file, "@\t%lld\tIN\tSOA\tns hostmaster %u %d %d %d %lld\n", ttl, serial,
		SOA_REFRESH, SOA_RETRY, SOA_EXPIRE,
		field_int(document, "minimum", DNS_NEGATIVE_TTL));
	if (!has_set(records, "@", RECORD_NS))
		made_ns_write(t.file, records, ttl);
	json_array_foreach(records, i, set) is_good = is_good && set_write(t.file, set, ttl);
	written = text_take(&t);
	if (is_good)
		return written;
	free(written);
	return NULL;
}
