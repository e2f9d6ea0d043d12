/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/native/native.h"

#include "api/native/routes.h"
#include "control/metrics.h"

/* clang-format off */
static const struct control_route routes[] = {
	{"GET",    "/v1/status",          NULL,                            RIGHT_VIEW,   false, status_get},
	{"GET",    "/v1/connections",     "cluster",                       RIGHT_VIEW,   false, connections_get},
	{"GET",    "/v1/events",          "follow cluster accepted last",  RIGHT_VIEW,   false, events_get},
	{"GET",    "/v1/explain",         "cluster source host network address", RIGHT_VIEW,   false, explain_get},
	{"GET",    "/v1/resolve",         "name type host network site",   RIGHT_VIEW,   false, resolve_get},
	{"GET",    "/v1/history",         "kind name after limit",         RIGHT_VIEW,   false, history_get},
	{"GET",    "/v1/operations/{id}", "wait",                          RIGHT_VIEW,   false, operations_get},
	{"GET",    "/v1/hosts/{name}/names", "format",                     RIGHT_VIEW,   false, names_get},
	{"POST",   "/v1/apply",           CHANGE_QUERY,                    RIGHT_CHANGE, false, apply_post},
	{"POST",   "/v1/delete",          CHANGE_QUERY,                    RIGHT_CHANGE, false, delete_post},
	{"GET",    "/v1/{kind}",          NULL,                            RIGHT_VIEW,   false, objects_list},
	{"GET",    "/v1/{kind}/{name}",   NULL,                            RIGHT_VIEW,   false, objects_get},
	{"PUT",    "/v1/{kind}/{name}",   CHANGE_QUERY,                    RIGHT_CHANGE, false, objects_put},
	{"PATCH",  "/v1/{kind}/{name}",   CHANGE_QUERY,                    RIGHT_CHANGE, false, objects_patch},
	{"DELETE", "/v1/{kind}/{name}",   CHANGE_QUERY,                    RIGHT_CHANGE, false, objects_delete},
	{"GET",    "/metrics",            NULL,                            RIGHT_VIEW,   true,  metrics_answer},
};
/* clang-format on */

const struct control_api native_api = {routes, ARRAY_SIZE(routes)};
