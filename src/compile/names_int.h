/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside of the compile step: names. What the landscape says of views (model/view.h) to zones, links and views of the tables (tables/zone.h).
 *
 *	names.c      which zones and which links are written, within a transaction
 *	zone.c       one zone
 *	resolver.c   what a router's resolver does: its addresses in the router's record, the config of its view
 *
 * Ids: what is seen in many views has the id of its owner, the zone's document or the cluster; a name of a cluster, which is special to its
 * view, has one of ZONE_NAME_FIRST on, kept as long as the view has that name.
 */
#pragma once

#include "compile/router_int.h"
#include "model/view.h"
#include "tables/zone.h"

/* --- zone.c -------------------------------------------------------------------------------------------------- */

/*
 * Write this zone under this id, and its keys. One that cannot be made is noted in run->bad and is not in the tables: links to it lead
 * nowhere, and who asks is told so.
 */
int zone_put(struct compile_run *run, const struct view_zone *zone, uint32_t id, struct err *e)
	_must_check_;

/* --- resolver.c ---------------------------------------------------------------------------------------------- */

/* The resolver's addresses in the record of a network or site. */
int resolvers_compile(struct built *b) _must_check_;
/* Where its view forwards to. */
int view_config_put(struct compile_run *run, const struct object *router, struct err *e)
	_must_check_;

/* --- names.c ------------------------------------------------------------------------------------------------- */

/* What a change of the landscape touched; `changes` tells which ids are gone. After the routers. */
int names_change(struct compile_run *run, const struct landscape *l,
		 const struct compile_change *changes, size_t n, struct err *e) _must_check_;
/* All there is, into tables that have no views. Zones may be there. */
int names_all(struct compile_run *run, const struct landscape *l, struct err *e) _must_check_;
/* Take out what names_all() does not put, of tables of any age: all views, and zones of objects that are gone. Before the routers. */
int names_clear(struct compile_run *run, const struct landscape *l, struct err *e) _must_check_;
