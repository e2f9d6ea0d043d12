/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Log lines: an event with a name, a level and typed fields, rendered as text (for people) or as one JSON
 * object a line (for programs) on standard error. One write(2) per line, so lines of several processes do not mix.
 *
 * One line per state change; counters for the rest. A name that comes too often is rate-limited (LOG_BURST
 * lines per LOG_WINDOW_MS and name), and the first line after a silence carries how many were left out.
 *
 *	log_event(LOG_WARN, "upstream.down", LF_STR("cluster", name), LF_INT("failures", 3));
 *
 * Foreign strings are quoted, and anything but printable ASCII in them is shown as \xNN. A string is cut
 * after 512 bytes; where a line would get too long, fields are left out and truncated=true says so. Never
 * pass a secret. Role code logs; library code returns errors instead.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
	enum {
		LF_KIND_END,
		LF_KIND_INT,
		LF_KIND_UINT,
		LF_KIND_DOUBLE,
		LF_KIND_STR,
		LF_KIND_BOOL
	} kind;
	const char *name;
	union {
		int64_t i;
		uint64_t u;
		double d;
		const char *s; /* NULL is rendered as - in text and as null in JSON */
		bool b;
	};
};

#define LF_INT(n, v)	((struct log_field){.kind = LF_KIND_INT, .name = (n), .i = (v)})
#define LF_UINT(n, v)	((struct log_field){.kind = LF_KIND_UINT, .name = (n), .u = (v)})
#define LF_DOUBLE(n, v) ((struct log_field){.kind = LF_KIND_DOUBLE, .name = (n), .d = (v)})
#define LF_STR(n, v)	((struct log_field){.kind = LF_KIND_STR, .name = (n), .s = (v)})
#define LF_BOOL(n, v)	((struct log_field){.kind = LF_KIND_BOOL, .name = (n), .b = (v)})
#define LF_END		((struct log_field){.kind = LF_KIND_END})

#define LOG_BURST	20
#define LOG_WINDOW_MS	1000

enum log_format { LOG_TEXT, LOG_JSON };

/* Call once per process. role is a static string ("gate 0"), shown in each line. fd is borrowed. */
void log_init(int fd, enum log_format format, enum log_level min, const char *role);

void log_event_(enum log_level level, const char *name, const struct log_field *fields);
/* The first entry only carries the comma, so that an event may have no fields. */
#define log_event(level, name, ...) \
	log_event_((level), (name), (const struct log_field[]){LF_END, ##__VA_ARGS__, LF_END} + 1)
