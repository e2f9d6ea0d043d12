/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events from a gate to control: collected during a batch and sent at its end. Refusals and the like are limited per kind and
 * reason; what is left out is counted in the next one. When control does not take them they are lost, and counted: the data
 * plane never waits for it.
 */
#pragma once

#include "gate/worker.h"

/* An event about a connection that has been judged or refused; name as it was asked for (NULL: none). */
void event_connection(struct worker *w, enum gate_event_kind kind, const struct connection *c,
		      enum gate_reason reason, const char *name, size_t name_len);
void event_upstream(struct worker *w, enum gate_event_kind kind, const struct gate_upstream *u);
/* What is damaged: a cluster's record, a private address's, or (0, NULL) all. */
void event_tables(struct worker *w, uint32_t cluster, const struct gate_endpoint *endpoint);
void event_descriptors(struct worker *w);
void events_flush(struct worker *w);
