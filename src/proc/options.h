/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The daemon's options: one table makes the command line, the configuration file ("name value" lines), --help and the manual.
 *
 * The parent parses them once. The other roles, which are the same binary, get the struct as it is through a sealed memfd at
 * ROLE_OPTIONS_FD and no other option than --role and --gate-index: so a configuration file or user database that was edited
 * meanwhile cannot keep a restarted role from starting, or make it disagree with the rest. All of it comes from whoever starts
 * the daemon and is trusted.
 */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "base/log.h"
#include "model/limits.h"
#include "proc/role.h"
#include "proc/sandbox.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LISTENERS_MAX	 16
#define TRUSTED_MAX	 64
#define ACCESS_MAX	 64
#define PUBLIC_MAX	 64 /* prefixes of the pool, and addresses of the listeners */
#define DNS_SERVERS	 8  /* of --dns-forward */
#define DNS_PORT	 53
#define NETNS_PREFIX_MAX 33 /* with its zero */

enum networks_mode { NETWORKS_ON, NETWORKS_OFF };

/* Who may do what through the native API, decided by the peer's credentials. The first rule that matches decides. */
struct access_rule {
	enum { ACCESS_UID, ACCESS_GID } subject;
	uint32_t id;
	bool may_change;   /* else: may look */
	char clusters[64]; /* glob over object names, "*" for all */
};

struct endpoint {
	struct addr addr;
	uint16_t port;
};

struct options {
	enum role role;	     /* --role, internal */
	uint32_t gate_index; /* --gate-index, internal */
	char probe
		[32]; /* --probe [ROLE:]ACT, internal: after set-up do this forbidden act (tests); "" if not this role */
	uint32_t owner_uid; /* who started the daemon: may always change everything */

	char state_dir[PATH_MAX]; /* store, tables, lock */
	char socket_path[PATH_MAX];
	struct endpoint listen[LISTENERS_MAX];
	size_t n_listen;
	struct endpoint metrics;	    /* family ADDR_NONE: off */
	struct prefix trusted[TRUSTED_MAX]; /* balancers that must send a PROXY header */
	size_t n_trusted;
	uint32_t gates; /* 0: one per core */
	uint32_t hello_timeout_ms;
	uint32_t keepalive_s;	  /* idle seconds before TCP keepalive probes */
	uint32_t max_connections; /* per gate, 0: what the descriptor limit allows */
	uint32_t pipes_max;	  /* per gate */
	char congestion[16];	  /* TCP congestion control for both sides, "": the system's */
	struct access_rule access[ACCESS_MAX];
	size_t n_access;
	struct endpoint
		dns_listen[LISTENERS_MAX]; /* where the internet asks: public zones and names */
	size_t n_dns_listen;
	struct endpoint dns_forward
		[DNS_SERVERS]; /* where networks that name no servers forward to; asked from the daemon's own namespace */
	size_t n_dns_forward;
	uint32_t
		dns; /* name server processes; 0: one per core. There are none if networks is off and dns_listen empty */
	uint32_t dns_rate; /* answers a second that are alike, to the internet; 0: not limited */
	enum networks_mode networks;
	char netns_prefix
		[NETNS_PREFIX_MAX]; /* a label: what the kernel's objects of ours are named by */
	struct prefix
		public_pool[PUBLIC_MAX]; /* public addresses of networks are allocated from it */
	size_t n_public_pool;
	struct addr public_address
		[PUBLIC_MAX]; /* of the public listeners, as given; see options_public_addresses() */
	size_t n_public_address;
	enum limit_profile profile;
	enum sandbox_mode sandbox;
	bool separate_users;
	char user_control[32], user_gate[32], user_netd[32], user_dns[32]; /* names, or numbers */
	char boot_id
		[40]; /* of the kernel, filled in by the parent: another one after each boot; "" if it has none */
	/* Of the users above, indexed by role; filled in by the parent, so that other roles need no look-up. */
	bool ids_known;
	uint32_t uid[ROLE_COUNT], gid[ROLE_COUNT];
	enum log_format log_format;
	enum log_level log_level;
};

/* argv as main() got it. 0; -ERR_USAGE with a text; 1: --help or --version was printed, exit 0. */
int options_parse(int argc, char **argv, struct options *ret_options, struct err *e) _must_check_;
void options_print_help(void);
/* The manual's sections OPTIONS and CONFIGURATION FILE, as mdoc. */
void options_print_man(void);

/*
 * Addresses by which the internet reaches the public listeners: those of --public-address, else those of --listen but the
 * wildcards. Each once; how many, at most PUBLIC_MAX.
 */
size_t options_public_addresses(const struct options *o, struct addr ret_addresses[PUBLIC_MAX]);

/* A sealed memfd (CLOEXEC) with *o, for the other roles. The descriptor, or -ERR_UNAVAILABLE. */
int options_to_memfd(const struct options *o, struct err *e) _must_check_;

/* Of a probe for another role make none, of one for this role the act alone. Done for the other roles by options_parse(). */
void options_probe_for_role(struct options *o);
