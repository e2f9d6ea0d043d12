/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/exec_resolver.h"

#include "base/addr.h"
#include "postern/fields.h"
#include "postern/text.h"

#include <string.h>

#define HOSTS_LINE "hosts:"

char *exec_resolv_conf(const json_t *host)
{
	const json_t *address;
	char shown[ADDR_TEXT_MAX];
	struct addr a;
	struct text t;
	size_t i;

	text_open(&t);
	if (!field_count(host, "status.resolvers"))
		fputs("# The network of this host has no resolver (dns.enabled is false).\n",
		      t.file);
	json_array_foreach(field(host, "status.resolvers"), i, address)
	{
		const char *s = json_string_value(address);

		if (s && addr_parse(s, &a) == 0)
			fprintf(t.file, "nameserver %s\n", addr_format(&a, shown));
	}
	return text_take(&t);
}

static bool is_of_hosts(const char *line, size_t len)
{
	size_t space = strspn(line, " \t");

	return len >= space + strlen(HOSTS_LINE) &&
	       strncmp(line + space, HOSTS_LINE, strlen(HOSTS_LINE)) == 0;
}

char *exec_nsswitch_conf(const char *own)
{
	struct text t;

	text_open(&t);
	for (const char *p = own; *p;) {
		size_t n = strcspn(p, "\n");

		if (!is_of_hosts(p, n))
			fprintf(t.file, "%.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
	fputs(HOSTS_LINE " files dns\n", t.file);
	return text_take(&t);
}
