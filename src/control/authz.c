/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/authz.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

int peer_get(int fd, struct peer *ret_peer, struct err *e)
{
	struct peer p = {0};
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || len != sizeof(cred))
		return err_set(e, ERR_FORBIDDEN, NULL, "the kernel does not say who calls: %s",
			       strerror(errno));
	p.uid = cred.uid;
	p.gid = cred.gid;
	len = sizeof(p.groups);
	/* Too many groups to hold (ERANGE): then none of them counts, which can only take rights away. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p.groups, &len) == 0)
		p.n_groups = len / sizeof(p.groups[0]);
	*ret_peer = p;
	return 0;
}

char *authz_actor(const struct peer *p, char dst[ACTOR_TEXT_MAX])
{
	snprintf(dst, ACTOR_TEXT_MAX, "uid:%u%s", p->uid, p->uid == 0 ? "(root)" : "");
	return dst;
}

static bool rule_is_about(const struct access_rule *rule, const struct peer *p)
{
	if (rule->subject == ACCESS_UID)
		return rule->id == p->uid;
	if (rule->id == p->gid)
		return true;
	for (uint32_t i = 0; i < p->n_groups; i++)
		if (p->groups[i] == rule->id)
			return true;
	return false;
}

bool authz_may(const struct authz *a, const struct peer *p, enum control_right right,
	       const char *name)
{
	if (p->uid == 0 || p->uid == a->start_uid)
		return true;
	for (size_t i = 0; i < a->options->n_access; i++) {
		const struct access_rule *rule = &a->options->access[i];
		bool grants = right == RIGHT_VIEW || rule->may_change;

		if (!rule_is_about(rule, p))
			continue;
		if (!name) {
			if (grants)
				return true;
			continue;
		}
		if (fnmatch(rule->clusters, name, 0) == 0)
			return grants;
	}
	return false;
}

int authz_check(const struct authz *a, const struct peer *p, enum control_right right,
		const char *name, struct err *e)
{
	const char *verb = right == RIGHT_CHANGE ? "change" : "view";
	char actor[ACTOR_TEXT_MAX], object[96], quoted[80];

	if (authz_may(a, p, right, name))
		return 0;
	if (!name)
		snprintf(object, sizeof(object), "anything");
	else if (strcmp(name, "*") == 0)
		snprintf(object, sizeof(object), "what concerns all objects");
	else
		snprintf(object, sizeof(object), "\"%s\"",
			 str_quote(quoted, sizeof(quoted), name, strlen(name)));
	return err_set(e, ERR_FORBIDDEN, NULL,
		       "%s (gid %u, %u groups) may not %s %s; to allow it start posternd with "
		       "--access user:%u=%s, or group:%u=%s",
		       authz_actor(p, actor), p->gid, p->n_groups, verb, object, p->uid, verb,
		       p->gid, verb);
}
