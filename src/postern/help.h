/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help for people, made from the table of commands. */
#pragma once

#include "postern/command.h"

void help_overview(const struct term *t);
void help_command(const struct term *t, const struct command *c);
