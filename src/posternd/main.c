/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * posternd: one binary, one process per role (proc/role.h). Started by a person or a service manager it is the parent, which
 * starts it again as control, as gates and, by its keeper, as netd.
 */
#include "api/native/native.h"
#include "base/log.h"
#include "control/control.h"
#include "dns/dns.h"
#include "gate/gate.h"
#include "netd/netd.h"
#include "proc/options.h"
#include "proc/parent.h"

#include <stdio.h>
#include <sys/prctl.h>

/* The APIs that this daemon speaks: a new one is a line here. */
static int control_with_apis(const struct options *o)
{
	const struct control_api apis[] = {native_api};

	return control_main(o, ROLE_PARENT_FD, apis, ARRAY_SIZE(apis));
}

static int role_main(const struct options *o, char **argv)
{
	switch (o->role) {
	case ROLE_PARENT:
		return parent_main(o, argv);
	case ROLE_CONTROL:
		return control_with_apis(o);
	case ROLE_GATE:
		return gate_main(o, ROLE_PARENT_FD);
	case ROLE_DNS:
		return dns_main(o, ROLE_PARENT_FD);
	case ROLE_NETD:
		return netd_main(o, ROLE_PARENT_FD);
	case ROLE_KEEPER: /* a fork of the parent, which is never executed */
	case ROLE_COUNT:
		break;
	}
	return 1;
}

/* As ps and top show it. */
static void name_process(enum role r)
{
	char name[16];

	snprintf(name, sizeof name, "postern-%s", role_name(r));
	prctl(PR_SET_NAME, r == ROLE_PARENT ? "posternd" : name, 0, 0, 0);
}

int main(int argc, char **argv)
{
	static struct options o;
	struct err e = {0};
	int ret;

	ret = options_parse(argc, argv, &o, &e);
	if (ret > 0)
		return 0;
	if (ret < 0) {
		fprintf(stderr, "posternd: %s\n", e.text);
		return err_code_exit(e.code);
	}
	log_init(STDERR_FILENO, o.log_format, o.log_level, role_name(o.role));
	limit_profile_set(o.profile);
	name_process(o.role);
	return role_main(&o, argv);
}
