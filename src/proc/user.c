/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/user.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* (uid_t)-1 means "leave it as it is" to the kernel, and is no id. */
static bool is_id(const char *text, uint32_t *ret_id)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)text[0]) || strlen(text) > 10)
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || n >= UINT32_MAX)
		return false;
	*ret_id = (uint32_t)n;
	return true;
}

int user_find(const char *name, uid_t *ret_uid, gid_t *ret_gid, struct err *e)
{
	struct passwd *pw;
	char quoted[64];
	uint32_t id;

	if (is_id(name, &id)) {
		pw = getpwuid(id);
		*ret_uid = id;
		if (ret_gid)
			*ret_gid = pw ? pw->pw_gid : id;
		return 0;
	}
	pw = name[0] ? getpwnam(name) : NULL;
	if (!pw)
		return err_set(e, ERR_USAGE, NULL,
			       "there is no user \"%s\": make it with systemd-sysusers "
			       "(postern.sysusers) or useradd --system, or give a number",
			       str_quote(quoted, sizeof quoted, name, strlen(name)));
	*ret_uid = pw->pw_uid;
	if (ret_gid)
		*ret_gid = pw->pw_gid;
	return 0;
}

int group_find(const char *name, gid_t *ret_gid, struct err *e)
{
	struct group *gr;
	char quoted[64];
	uint32_t id;

	if (is_id(name, &id)) {
		*ret_gid = id;
		return 0;
	}
	gr = name[0] ? getgrnam(name) : NULL;
	if (!gr)
		return err_set(e, ERR_USAGE, NULL,
			       "there is no group \"%s\": make it with groupadd --system, or give "
			       "a number",
			       str_quote(quoted, sizeof quoted, name, strlen(name)));
	*ret_gid = gr->gr_gid;
	return 0;
}
