/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the API's JSON: a field that is absent or of another type gives the fallback, so that rendering never fails. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* path: keys joined by dots, "status.connections". NULL if there is nothing. Borrowed. */
json_t *field(const json_t *o, const char *path);
const char *field_text(const json_t *o, const char *path, const char *fallback);
long long field_int(const json_t *o, const char *path, long long fallback);
double field_real(const json_t *o, const char *path, double fallback);
bool field_bool(const json_t *o, const char *path, bool fallback);
/* An array that is absent has no elements. */
size_t field_count(const json_t *o, const char *path);

/*
 * A value in one line: strings bare, {"address","port"} as an endpoint, other objects and arrays as YAML in
 * one line. malloc()ed.
 */
char *value_format(const json_t *v);
/* "addr:port", IPv6 in brackets. malloc()ed. */
char *endpoint_text(const char *address, long long port);
/* "via private endpoint 10.0.1.7 (network prod)" of a connection or an event; NULL if it came by a public address. */
char *via_text(const json_t *o);
