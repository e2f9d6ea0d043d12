/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section "private" of a cluster's document. What the landscape makes of it is struct cluster_net (model/net.h). */
#pragma once

#include "base/err.h"

#include <jansson.h>

/* Its own rules, without looking at other objects. 0, -ERR_INVALID, -ERR_TOO_LARGE, -ERR_NOMEM; e->path is relative to it. */
int private_section_check(const json_t *section, struct err *e) _must_check_;
