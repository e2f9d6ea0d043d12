/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Documents from -f: files, folders (their *.yaml, *.yml and *.json, by name), or - for standard input, joined into one
 * array in the order given. Only the syntax is read here: the daemon has the one schema check. What it says about
 * document [3] is mapped back to the file that it came from.
 */
#pragma once

#include "base/err.h"

#include <jansson.h>

struct input {
	json_t *documents; /* array of objects, owned */
	struct origin {
		const char *file; /* borrowed from files */
		size_t number;	  /* from 1, within its file */
		size_t of;	  /* documents in that file */
	} * origins;		  /* one per document */
	char **files;
	size_t n_files;
};

/* 0, -ERR_USAGE (a file that cannot be read, a terminal), -ERR_INVALID (syntax, or no document at all), -ERR_TOO_LARGE. */
int input_read(const char *const *paths, size_t n, struct input *ret_input, struct err *e)
	_must_check_;
void input_done(struct input *in);

/* Turn the "[3].public.ranges[0]" of e->path into "prod.yaml, document 2: public.ranges[0]". */
void input_locate(const struct input *in, struct err *e);
