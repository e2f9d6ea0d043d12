/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What this kernel lacks of what netd works with, found out by doing it, in a namespace that is made for it and gone afterwards.
 */
#pragma once

#include "netd/netns.h"

#define PROBE_TEXT_MAX 240

/* "" if all is there, else a sentence that names the feature and what it is called in the kernel's configuration. */
void probe_kernel(const struct names *names, const struct netns *n, char ret_lacks[PROBE_TEXT_MAX]);
