/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small pieces of text that several commands show of a cluster. All malloc()ed. */
#pragma once

#include "postern/term.h"

#include <jansson.h>

/* "all", "none", "10.0.0.0/8", "10.0.0.0/8,192.0.2.0/24 +3" */
char *ranges_text(const json_t *document);
/* "2/2 up", "1/2 up", "2 unknown"; *ret_tone says how bad that is. */
char *upstreams_text(const json_t *object, enum tone *ret_tone);
/* "interfaces", "interfaces, off", "none" */
char *private_text(const json_t *document, enum tone *ret_tone);
enum tone upstream_tone(const char *state);
/* One line for the events of an object's history; verb and tone. */
enum tone verb_tone(const char *verb);
/* "1.9 ms", "-" */
char *enforced_text(const json_t *change);
/* "2026-01-02 03:04:05" of an RFC 3339 time, as it is if it is none. */
char *moment_text(const char *rfc3339);
