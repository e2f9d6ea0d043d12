/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Active health checks: a TCP connection to the upstream and, for kind tls, a ClientHello that must be answered by anything that
 * TLS would say. Each gate checks for itself, so that health needs nobody else. A gate starts at most PROBES_PER_SECOND
 * checks: with very many upstreams the interval stretches, the order stays fair.
 */
#pragma once

#include "gate/worker.h"

#define PROBES_PER_SECOND 200

void health_init(struct gate_upstream *u);
/* Begin checking, if the cluster wants it and it is not going on already. */
void health_start(struct worker *w, struct gate_upstream *u);
/* A connection has failed: check now rather than at the next interval. */
void health_soon(struct worker *w, struct gate_upstream *u);
void health_stop(struct worker *w, struct gate_upstream *u);
/* A probe's timer fired. */
void health_timer(struct worker *w, struct gate_upstream *u);
/* Start the checks that are due, as far as there are tokens. Once a batch. */
void health_run(struct worker *w);
