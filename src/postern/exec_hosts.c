/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/exec_hosts.h"

#include "base/addr.h"
#include "postern/fields.h"
#include "postern/text.h"

#include <string.h>

static bool is_of_machine(const char *line, size_t len)
{
	static const char *const starts[] = {"127.", "::1", "fe00::", "ff00::", "ff02::"};
	size_t space = strspn(line, " \t");

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (len - space >= strlen(starts[i]) && space < len &&
		    memcmp(line + space, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

/* Nothing that could end the line or begin another word. */
static bool is_host_name(const char *name)
{
	return *name && strlen(name) <= 253 &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789-._")] == '\0';
}

static void name_print(FILE *f, const json_t *name)
{
	const char *text = field_text(name, "name", "");
	const json_t *address;
	char shown[ADDR_TEXT_MAX];
	struct addr a;
	size_t i;

	json_array_foreach(field(name, "addresses"), i, address)
	{
		const char *s = json_string_value(address);

		if (is_host_name(text) && s && addr_parse(s, &a) == 0)
			fprintf(f, "%s %s\n", addr_format(&a, shown), text);
	}
}

char *exec_hosts(const char *own, const json_t *names)
{
	const json_t *name;
	struct text t;
	size_t i;

	text_open(&t);
	for (const char *p = own; *p;) {
		size_t n = strcspn(p, "\n");

		if (is_of_machine(p, n))
			fprintf(t.file, "%.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
	json_array_foreach(field(names, "names"), i, name) name_print(t.file, name);
	return text_take(&t);
}
