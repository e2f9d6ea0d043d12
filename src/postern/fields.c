/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/fields.h"

#include "postern/text.h"

#include <string.h>

json_t *field(const json_t *o, const char *path)
{
	while (o) {
		const char *end = strchrnul(path, '.');

		o = json_object_getn(o, path, (size_t)(end - path));
		if (!*end)
			break;
		path = end + 1;
	}
	return (json_t *)(uintptr_t)o;
}

const char *field_text(const json_t *o, const char *path, const char *fallback)
{
	const char *s = json_string_value(field(o, path));

	return s ? s : fallback;
}

long long field_int(const json_t *o, const char *path, long long fallback)
{
	const json_t *v = field(o, path);

	return json_is_integer(v) ? json_integer_value(v) : fallback;
}

double field_real(const json_t *o, const char *path, double fallback)
{
	const json_t *v = field(o, path);

	return json_is_number(v) ? json_number_value(v) : fallback;
}

bool field_bool(const json_t *o, const char *path, bool fallback)
{
	const json_t *v = field(o, path);

	return json_is_boolean(v) ? json_is_true(v) : fallback;
}

size_t field_count(const json_t *o, const char *path)
{
	return json_array_size(field(o, path));
}

char *endpoint_text(const char *address, long long port)
{
	return must_printf(strchr(address, ':') ? "[%s]:%lld" : "%s:%lld", address, port);
}

char *via_text(const json_t *o)
{
	const char *via = field_text(o, "via", NULL), *network = field_text(o, "network", NULL);

	if (!via)
		return NULL;
	return network ? must_printf("via private endpoint %s (network %s)", via, network)
		       : must_printf("via private endpoint %s", via);
}

/* As YAML would have it in one line: {to: 0.0.0.0/0, via: {natGateway: out}} */
static void flow_print(FILE *f, const json_t *v)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_string(v)) {
		fputs(json_string_value(v), f);
	} else if (json_is_array(v)) {
		fputc('[', f);
		json_array_foreach(v, i, value)
		{
			fputs(i ? ", " : "", f);
			flow_print(f, value);
		}
		fputc(']', f);
	} else if (json_is_object(v)) {
		fputc('{', f);
		i = 0;
		json_object_foreach((json_t *)(uintptr_t)v, key, value)
		{
			fprintf(f, "%s%s: ", i++ ? ", " : "", key);
			flow_print(f, value);
		}
		fputc('}', f);
	} else {
		json_dumpf(v, f, JSON_COMPACT | JSON_ENCODE_ANY);
	}
}

char *value_format(const json_t *v)
{
	const char *address = field_text(v, "address", NULL);
	long long port = field_int(v, "port", 6443);
	struct text t;

	if (!v)
		return must_dup("-");
	if (json_is_string(v))
		return must_dup(json_string_value(v));
	if (address && json_object_size(v) == (field(v, "port") ? 2 : 1))
		return endpoint_text(address, port);
	if (json_is_real(v))
		return must_printf("%.6g", json_real_value(v));
	text_open(&t);
	flow_print(t.file, v);
	return text_take(&t);
}
