/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of options, private to options*.c.
 */
#pragma once

#include "proc/options.h"

enum {
	OPTION_MANY = 1,     /* may be given more than once */
	OPTION_CLI_ONLY = 2, /* makes no sense in a file */
	OPTION_HIDDEN = 4,   /* for tests and for our own children */
};

/*
 * One row of the table. `set` reads `value` (NULL for an option without one) into *o; how, is up to the row: `offset` is the
 * field, `min` and `max` its bounds (a text: its room). `clear` forgets what was set, where values add up.
 */
struct option_row {
	const char *name;
	const char *
		metavar; /* NULL: takes no value. For a choice: the words, in the order of the enum, with | between */
	const char *
		preset; /* parsed like a given value, NULL: none. Of OPTION_MANY: several with commas */
	int (*set)(const struct option_row *row, struct options *o, const char *value,
		   struct err *e);
	size_t offset;
	uint32_t min, max;
	unsigned int flags;
	const char *help;
};

extern const struct option_row option_table[];
extern const size_t option_table_len;

/* Each leaves e->path alone: the caller knows how the option was given. 0 or -ERR_USAGE. */
int option_set_text(const struct option_row *r, struct options *o, const char *v, struct err *e);
int option_set_number(const struct option_row *r, struct options *o, const char *v, struct err *e);
/* Seconds with a fraction, kept in milliseconds; min and max in milliseconds. */
int option_set_millis(const struct option_row *r, struct options *o, const char *v, struct err *e);
int option_set_choice(const struct option_row *r, struct options *o, const char *v, struct err *e);
int option_set_false(const struct option_row *r, struct options *o, const char *v, struct err *e);
int option_set_listen(const struct option_row *r, struct options *o, const char *v, struct err *e);
int option_set_dns_listen(const struct option_row *r, struct options *o, const char *v,
			  struct err *e);
int option_set_dns_forward(const struct option_row *r, struct options *o, const char *v,
			   struct err *e);
int option_set_metrics(const struct option_row *r, struct options *o, const char *v, struct err *e);
int option_set_trusted(const struct option_row *r, struct options *o, const char *v, struct err *e);
int option_set_label(const struct option_row *r, struct options *o, const char *v, struct err *e);
int option_set_pool(const struct option_row *r, struct options *o, const char *v, struct err *e);
int option_set_public(const struct option_row *r, struct options *o, const char *v, struct err *e);
int option_set_access(const struct option_row *r, struct options *o, const char *v, struct err *e);
/* --config, --help and the like, which are dealt with before the others. */
int option_set_nothing(const struct option_row *r, struct options *o, const char *v, struct err *e);
