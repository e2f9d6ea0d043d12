/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048 /* under PIPE_BUF, so that a line is written whole into a pipe */
#define STRING_MAX     512  /* of one field; the rest is cut */
#define RESERVE	       24   /* for " truncated=true" and the end of the line */
#define SLOTS	       128  /* names are literals in the source; there are fewer */

static struct {
	int fd;
	enum log_format format;
	enum log_level min;
	const char *role;
} conf = {.fd = STDERR_FILENO, .format = LOG_TEXT, .min = LOG_INFO, .role = "-"};

/* Rate limit of one name, known by its hash: two names that share 32 bits share a limit. */
static struct slot {
	uint32_t hash;
	uint32_t in_window;
	uint64_t window_start;
	uint64_t suppressed;
} slots[SLOTS];

/* A line under construction. Once something did not fit, `full` stays and nothing more is added. */
struct line {
	char buf[LINE_MAX_BYTES];
	size_t len, cap;
	bool full;
};

void log_init(int fd, enum log_format format, enum log_level min, const char *role)
{
	conf.fd = fd;
	conf.format = format;
	conf.min = min;
	conf.role = role && role[0] ? role : "-";
	memset(slots, 0, sizeof(slots));
}

static void put(struct line *l, const char *s, size_t n)
{
	if (l->full || n > l->cap - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->buf + l->len, s, n);
	l->len += n;
}

static void put_text(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

_printf_(2, 3) static void put_f(struct line *l, const char *fmt, ...)
{
	char tmp[64];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(tmp, sizeof(tmp), fmt, args);
	va_end(args);
	if (n > 0)
		put(l, tmp, (size_t)n < sizeof(tmp) ? (size_t)n : sizeof(tmp) - 1);
}

/*
 * Between double quotes. What is not printable ASCII appears as \xNN in text; JSON has no such escape, so there
 * the backslash itself is escaped and both renderings show a person the same characters.
 */
static void put_quoted(struct line *l, const char *s)
{
	size_t len = strnlen(s, STRING_MAX);

	put_text(l, "\"");
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)s[i];

		if (c == '"' || c == '\\')
			put_f(l, "\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			put_f(l, conf.format == LOG_JSON ? "\\\\x%02x" : "\\x%02x", c);
		else
			put(l, s + i, 1);
	}
	if (s[len])
		put_text(l, "...");
	put_text(l, "\"");
}

/* A bare word can be told from a number's neighbour, the next field and the "-" of an absent value. */
static bool is_bare_word(const char *s)
{
	if (!s[0] || strcmp(s, "-") == 0 || strnlen(s, STRING_MAX + 1) > STRING_MAX)
		return false;
	for (; *s; s++) {
		if (*s <= ' ' || *s > '~' || *s == '"' || *s == '\\' || *s == '=')
			return false;
	}
	return true;
}

static void put_string(struct line *l, const char *s)
{
	if (!s)
		put_text(l, conf.format == LOG_JSON ? "null" : "-");
	else if (conf.format == LOG_TEXT && is_bare_word(s))
		put_text(l, s);
	else
		put_quoted(l, s);
}

static void put_double(struct line *l, double d)
{
	if (isfinite(d))
		put_f(l, "%.6g", d);
	else
		put_string(l, NULL); /* JSON has no word for it */
}

static void put_value(struct line *l, const struct log_field *f)
{
	switch (f->kind) {
	case LF_KIND_INT:
		put_f(l, "%lld", (long long)f->i);
		break;
	case LF_KIND_UINT:
		put_f(l, "%llu", (unsigned long long)f->u);
		break;
	case LF_KIND_DOUBLE:
		put_double(l, f->d);
		break;
	case LF_KIND_BOOL:
		put_text(l, f->b ? "true" : "false");
		break;
	case LF_KIND_STR:
		put_string(l, f->s);
		break;
	case LF_KIND_END:
		break;
	}
}

/* Whole or not at all: half a field would not be JSON any more. */
static void put_field(struct line *l, const struct log_field *f)
{
	size_t before = l->len;

	put_text(l, conf.format == LOG_JSON ? ",\"" : " ");
	put_text(l, f->name);
	put_text(l, conf.format == LOG_JSON ? "\":" : "=");
	put_value(l, f);
	if (l->full)
		l->len = before;
}

static void put_head(struct line *l, enum log_level level, const char *name)
{
	static const char *const upper[] = {"DEBUG", "INFO", "WARN", "ERROR"};
	static const char *const lower[] = {"debug", "info", "warn", "error"};
	char when[CLOCK_TEXT_MAX];

	clock_format(clock_wall_us(), when);
	if (conf.format == LOG_JSON) {
		put_f(l, "{\"time\":\"%s\",\"level\":\"%s\",\"role\":", when, lower[level]);
		put_quoted(l, conf.role);
		put_text(l, ",\"event\":");
		put_quoted(l, name);
	} else {
		put_f(l, "%s %s ", when, upper[level]);
		put_text(l, conf.role);
		put_text(l, " ");
		put_text(l, name);
	}
}

static void put_tail(struct line *l)
{
	bool cut = l->full;

	l->full = false;
	l->cap = sizeof(l->buf);
	if (cut)
		put_field(l, &LF_BOOL("truncated", true));
	put_text(l, conf.format == LOG_JSON ? "}\n" : "\n");
}

static struct slot *slot_of(const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (const char *s = name; *s; s++)
		hash = (hash ^ (uint8_t)*s) * 16777619u;
	hash |= 1; /* 0 is an empty slot */
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *slot = &slots[(hash + i) % SLOTS];

		if (slot->hash == hash || slot->hash == 0) {
			slot->hash = hash;
			return slot;
		}
	}
	return &slots[hash % SLOTS]; /* table full: share, rather than let a name go unlimited */
}

/* Whether this line may go out; *ret_suppressed is how many before it could not. */
static bool admit(const char *name, uint64_t *ret_suppressed)
{
	struct slot *slot = slot_of(name);
	uint64_t now = clock_mono_ms();

	if (now - slot->window_start >= LOG_WINDOW_MS) {
		slot->window_start = now;
		slot->in_window = 0;
	}
	if (slot->in_window >= LOG_BURST) {
		slot->suppressed++;
		return false;
	}
	slot->in_window++;
	*ret_suppressed = slot->suppressed;
	slot->suppressed = 0;
	return true;
}

/* Nobody could be told of a failure. A second write() would let another process's line in between. */
static void write_line(const struct line *l)
{
	ssize_t n;

	do {
		n = write(conf.fd, l->buf, l->len);
	} while (n < 0 && errno == EINTR);
}

void log_event_(enum log_level level, const char *name, const struct log_field *fields)
{
	int saved_errno = errno;
	uint64_t suppressed = 0;
	struct line l;

	if (level < conf.min || !admit(name, &suppressed))
		return;
	l.len = 0;
	l.cap = sizeof(l.buf) - RESERVE;
	l.full = false;
	put_head(&l, level, name);
	if (suppressed)
		put_field(&l, &LF_UINT("suppressed", suppressed));
	for (; fields->kind != LF_KIND_END; fields++)
		put_field(&l, fields);
	put_tail(&l);
	write_line(&l);
	errno = saved_errno;
}
