/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Updates as text: a line per record, "P" a prerequisite or "U" a change, class, TTL, name, type, data. */
#pragma once

#include "landscape_rig.h"

#include "base/cleanup.h"
#include "model/body.h"
#include "model/update.h"

#include <stdlib.h>

#define RIG_RECORDS 64

struct update_rig {
	struct update_record records[2][RIG_RECORDS];
	uint8_t owners[2][RIG_RECORDS][DNAME_MAX], rdata[2][RIG_RECORDS][512];
	struct update update;
};

static inline uint16_t rig_type(const char *text)
{
	if (strcmp(text, "ANY") == 0)
		return RR_ANY;
	if (strcmp(text, "AXFR") == 0)
		return RR_AXFR;
	if (strncmp(text, "TYPE", 4) == 0)
		return (uint16_t)strtoul(text + 4, NULL, 10);
	return rr_type_parse(text, strlen(text));
}

static inline void rig_line(struct update_rig *rig, const char *line)
{
	char which, class[8], name[256], type[16], data[300] = "";
	unsigned ttl;
	uint8_t big[RDATA_MAX];
	int at = 0, len = 0;

	if (sscanf(line, " %c %7s %u %255s %15s %n", &which, class, &ttl, name, type, &at) != 5)
		fail_msg("not a line: %s", line);
	snprintf(data, sizeof(data), "%s", line + at);
	bool is_change = which == 'U';
	size_t *n = is_change ? &rig->update.n_changes : &rig->update.n_prerequisites;
	struct update_record *r = &rig->records[is_change][*n];

	assert_true(*n < RIG_RECORDS);
	r->class = strcmp(class, "IN") == 0	? 1
		   : strcmp(class, "ANY") == 0	? 255
		   : strcmp(class, "NONE") == 0 ? 254
						: 3;
	r->type = rig_type(type);
	r->ttl = ttl;
	r->owner = rig->owners[is_change][*n];
	assert_true(dname_parse(name, strlen(name), NULL, rig->owners[is_change][*n], NULL) > 0);
	if (data[0] == '\\') { /* any octets: so many of them */
		len = (int)strtoul(data + 1, NULL, 10);
		memset(big, 1, (size_t)len);
	} else if (r->type == RR_SOA && data[0]) { /* the serial only */
		const uint32_t serial = (uint32_t)strtoul(data, NULL, 10);

		memset(big, 0, 22);
		for (int i = 0; i < 4; i++)
			big[2 + i] = (uint8_t)(serial >> (24 - 8 * i));
		len = 22;
	} else if (data[0]) {
		len = rdata_parse(r->type, data, strlen(data), NULL, big, NULL);
	}
	assert_in_range(len, 0, 512);
	memcpy(rig->rdata[is_change][*n], big, (size_t)len);
	r->rdata = rig->rdata[is_change][*n];
	r->rdata_len = (uint16_t)len;
	++*n;
}

static inline void rig_read(struct update_rig *rig, const char *text)
{
	rig->update = (struct update){.prerequisites = rig->records[0], .changes = rig->records[1]};
	while (*text) {
		const size_t len = strcspn(text, "\n");
		char line[512];

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		rig_line(rig, line);
		text += len + (text[len] == '\n');
	}
}
