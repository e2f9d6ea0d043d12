/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who calls over the Unix socket, by the kernel's word (SO_PEERCRED, SO_PEERGROUPS), and what the daemon's --access rules let
 * them do.
 *
 * root and the user that started the daemon may do everything. For anybody else the first rule decides whose subject is
 * theirs and whose glob matches the object; no rule means no.
 */
#pragma once

#include "control/control.h"

#define PEER_GROUPS_MAX 256
#define ACTOR_TEXT_MAX	80

struct peer {
	uint32_t uid, gid;
	uint32_t n_groups;
	uint32_t groups[PEER_GROUPS_MAX];
};

struct authz {
	const struct options *options; /* borrowed */
	uint32_t start_uid;	       /* who started the daemon */
};

/* The process at the other end of a connected Unix socket. 0, -ERR_FORBIDDEN if the kernel does not say. */
int peer_get(int fd, struct peer *ret_peer, struct err *e) _must_check_;

/* "uid:0(root)", "uid:1000": in its sandbox, control cannot read who else has a name. Returns dst. */
char *authz_actor(const struct peer *p, char dst[ACTOR_TEXT_MAX]);

/*
 * May p exercise right on the object of this name? NULL: on anything at all, be it one object. "*": on what belongs to no
 * single object.
 */
bool authz_may(const struct authz *a, const struct peer *p, enum control_right right,
	       const char *name);
/* The same as an error that says who was seen and how to grant: 0 or -ERR_FORBIDDEN. */
int authz_check(const struct authz *a, const struct peer *p, enum control_right right,
		const char *name, struct err *e) _must_check_;
