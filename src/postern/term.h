/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known about where output goes: colours only on a terminal that wants them (NO_COLOR unset or empty, TERM not
 * "dumb"), a width only on a terminal.
 */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdio.h>

enum tone { TONE_PLAIN, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_DIM, TONE_BOLD };

struct term {
	FILE *file; /* borrowed */
	bool is_tty;
	bool colour;
	size_t width; /* columns; 0: not a terminal, nothing is ever cut */
};

void term_init(struct term *t, FILE *file);
/* The text in the tone, nothing around it. The format's foreign strings must be clean (text_clean()). */
void term_print(const struct term *t, enum tone tone, const char *fmt, ...) _printf_(3, 4);

/* One line "note: ..." on standard error. */
void note(const char *fmt, ...) _printf_(1, 2);
