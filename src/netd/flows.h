/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Flows that a router's record no longer allows are forgotten by the kernel (conntrack): a ruleset judges what begins a flow, and lets the
 * other direction pass for as long as the kernel knows the flow. So after a change, what answers a UDP flow that is no longer allowed would still
 * get through, and who had a public address before would keep what was called by it.
 */
#pragma once

#include "netd/cut.h"

/* In the thread's namespace, which is the router's, whose ruleset is that of the record already. *ret_cut is added to. */
int flows_cut(const struct tables_network *n, uint32_t *ret_cut, struct err *e) _must_check_;

/* Can flows be listed and forgotten? Tried with one that is not there. 0 or -errno. */
int flows_probe(void) _must_check_;
