/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line against the table of commands: "postern [option]... COMMAND [word|option]...". Options may stand
 * anywhere behind their command, as --name VALUE, --name=VALUE, -n VALUE or -nVALUE; "--" ends them. Every mistake is
 * answered with the nearest thing that would have been right.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define ARGS_MAX 256

struct command;
struct option_def;
struct kind;

/* All borrowed from argv and the table. */
struct args {
	const struct command *command; /* NULL: none was given */
	struct {
		const struct option_def *option;
		const char *value; /* NULL for a flag */
	} given[ARGS_MAX];
	size_t n_given;
	const char *words[ARGS_MAX];
	size_t n_words;
	char **rest; /* a command that runs another: what stands behind its own words, ends with NULL; NULL: nothing */
};

/* 0 or -ERR_USAGE. The number of words is not checked when --help is among the options. */
int args_parse(int argc, char **argv, struct args *ret_args, struct err *e) _must_check_;

bool args_has(const struct args *a, const char *name);
/* The last value given, NULL if none. */
const char *args_get(const struct args *a, const char *name);
/* Every value given for the option, in order: at most cap. Returns how many. */
size_t args_all(const struct args *a, const char *name, const char **ret_values, size_t cap);
const char *args_word(const struct args *a, size_t i); /* NULL past the end */

/*
 * KIND NAME, or KIND/NAME, from the words. *ret_name is NULL if no name was given.
 * 0, or -ERR_USAGE if the kind is unknown.
 */
int args_object(const struct args *a, const struct kind **ret_kind, const char **ret_name,
		struct err *e) _must_check_;

/* How many single edits (insert, delete, replace, swap neighbours) make a into b. */
size_t edit_distance(const char *a, const char *b);
/* Is b near enough to a to be worth suggesting? Lower is nearer; SIZE_MAX: no. */
size_t nearness(const char *a, const char *b);
