/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/merge_patch.h"

#include <stdint.h>

json_t *document_merge_patch(const json_t *target, const json_t *patch)
{
	const char *key;
	json_t *value;

	if (!json_is_object(patch))
		return json_deep_copy(patch);
	json_t *result =
		json_is_object(target) ? json_copy((json_t *)(uintptr_t)target) : json_object();
	if (!result)
		return NULL;
	json_object_foreach((json_t *)(uintptr_t)patch, key, value)
	{
		if (json_is_null(value)) {
			json_object_del(result, key);
			continue;
		}
		json_t *merged = document_merge_patch(json_object_get(result, key), value);
		if (!merged || json_object_set_new(result, key, merged) < 0) {
			json_decref(result);
			return NULL;
		}
	}
	return result;
}
