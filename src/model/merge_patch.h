/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON merge patch, RFC 7396. Pure. */
#pragma once

#include <jansson.h>

/*
 * target (NULL: nothing yet) with patch applied. Both are borrowed and unchanged; the result, a new reference, shares with
 * target what the patch leaves alone, so copy it before changing it. NULL if out of memory.
 */
json_t *document_merge_patch(const json_t *target, const json_t *patch);
