/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Updates (RFC 2136) that dns processes hand on. Such a process has checked the signature, and is not believed: it is checked again, with
 * the key that the zone's document names. What the update asks for becomes a change of that document like any other, by the key's name
 * in the history, and is answered when it is enforced, or after UPDATE_WAIT_MS, since it is stored.
 *
 * An update that comes again, by its signature, is answered as it was before and changes nothing: a client whose answer was lost sends it
 * again, and so does somebody who has recorded it.
 */
#pragma once

#include "base/list.h"
#include "control/gates.h"
#include "wire/tsig.h"

#define UPDATE_WAIT_MS 10000
#define UPDATES_MAX    256 /* waiting to be enforced; more are answered SERVFAIL */
#define UPDATES_SEEN   4096

struct update_seen {
	uint8_t mac[32];   /* the first octets of it */
	uint64_t revision; /* 0: it changed nothing */
	uint8_t rcode;
};

struct updates {
	struct list waiting;
	unsigned n;
	struct update_seen *seen; /* ring; NULL before the first */
	uint64_t n_seen;
	uint32_t last_id; /* of a zone, and its name: it is likely the next one's, too */
	char last_name[64];
};

void control_updates_init(struct updates *us);
void control_updates_done(struct updates *us);
/* MSG_UPDATE of a dns process. 0, -EBADMSG: it broke the contract. */
int update_on_msg(struct control *c, struct gate *g, const struct msg *m) _must_check_;
/* Operations may have been finished: who waits for them is answered. */
void control_updates_check(struct control *c);
