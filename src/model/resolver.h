/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section "dns" of networks and sites: what their resolver does (struct resolver in model/dns.h). */
#pragma once

#include "model/body.h"
#include "model/dns.h"

/* The resolver's address that is the same in every network and site. */
#define RESOLVER_EVERYWHERE "168.63.129.16"
/* In a subnet, and in the first space of a site: base + this. */
#define RESOLVER_OFFSET 2

void resolver_init(struct resolver *r);
void resolver_done(struct resolver *r);
/* Read the section. */
int resolver_read(struct resolver *r, const json_t *section, struct err *e) _must_check_;

/* Fold the domains in a network's or site's document, in place. 0, -ERR_NOMEM. */
int resolver_fold_names(json_t *doc) _must_check_;
