/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The native API's handlers, one for each row of the table in native.c, and what several of them share.
 */
#pragma once

#include "control/change.h"
#include "control/request.h"
#include "model/kind.h"

void objects_list(struct request *r);
void objects_get(struct request *r);
void objects_put(struct request *r);
void objects_patch(struct request *r);
void objects_delete(struct request *r);
void apply_post(struct request *r);
void delete_post(struct request *r);
void operations_get(struct request *r);
void history_get(struct request *r);
void connections_get(struct request *r);
void events_get(struct request *r);
void explain_get(struct request *r);
void names_get(struct request *r);
void resolve_get(struct request *r);
void status_get(struct request *r);

#define CHANGE_QUERY "force dryRun wait"

/* An operation in the API's form. New reference. */
json_t *operation_render(const struct control *c, const struct operation *op);
/* An object in the API's form, for the caller of r. figures: NULL if not known, or none. New reference. */
json_t *object_render(const struct request *r, const struct store_object *o,
		      const struct cluster_figures *figures);
/* Its "status". New reference; NULL if there is nothing to say. */
json_t *object_status(const struct request *r, const struct store_object *o,
		      const struct cluster_figures *figures);

/* Of a zone: the records that the system keeps in it, among them. zone_status.c */
void zone_status(const struct request *r, const struct object *zone, json_t *status);
/* Of a cluster whose private name is in a zone: which, and the records. New reference; NULL: there is none. */
json_t *cluster_zone_render(const struct request *r, const struct object *cluster);

/* force and dryRun from the query, who calls and when; the rest as for a stream of documents to put. */
int change_request_take(const struct request *r, struct change_request *ret_req, struct err *e)
	_must_check_;
/* Do it, wait for its enforcement as the query says, answer. */
void change_do(struct request *r, const struct change_request *req);
