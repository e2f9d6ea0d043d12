/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/exec_hosts.h"

#include "postern/text.h"

#include <stdbool.h>
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

char *exec_hosts(const char *own)
{
	struct text t;

	text_open(&t);
	for (const char *p = own; *p;) {
		size_t n = strcspn(p, "\n");

		if (is_of_machine(p, n))
			fprintf(t.file, "%.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
	return text_take(&t);
}
