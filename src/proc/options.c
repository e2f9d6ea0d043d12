/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/options.h"
#include "proc/options_int.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CONFIG_MAX	 (1 << 20)
#define OPTIONS_LEN	 ARRAY_SIZE(option_table)

#define F(name)		 offsetof(struct options, name)
#define MANY		 OPTION_MANY
#define CLI		 OPTION_CLI_ONLY
#define HIDDEN		 (OPTION_HIDDEN | OPTION_CLI_ONLY)
#define SOCKET_PATH_ROOM sizeof(((struct sockaddr_un *)0)->sun_path)

/* clang-format off */
const struct option_row option_table[] = {
	{"listen", "ADDR:PORT", "0.0.0.0:443,[::]:443", option_set_listen, 0, 0, 0, MANY,
	 "public address; clients reach the clusters here"},
	{"state-dir", "DIR", "/var/lib/postern", option_set_text, F(state_dir), 0, PATH_MAX - 64, 0,
	 "folder of the store, the tables and the lock"},
	{"socket", "PATH", "/run/postern/api.sock", option_set_text, F(socket_path), 0, SOCKET_PATH_ROOM, 0,
	 "Unix socket of the API; who may do what is decided by --access, not by the socket's mode"},
	{"metrics", "ADDR:PORT", "off", option_set_metrics, 0, 0, 0, 0,
	 "address that answers GET /metrics, without authentication; off: none"},
	{"gates", "N", "0", option_set_number, F(gates), 0, GATES_MAX, 0,
	 "gate processes; 0: one per core that the daemon may use"},
	{"trust-proxy", "PREFIX", NULL, option_set_trusted, 0, 0, 0, MANY,
	 "balancers that must send a PROXY v2 header; the source in it is the one that is judged"},
	{"hello-timeout", "SECONDS", "5", option_set_millis, F(hello_timeout_ms), 100, 300000, 0,
	 "time for a client to complete its ClientHello"},
	{"keepalive", "SECONDS", "60", option_set_number, F(keepalive_s), 1, 32767, 0,
	 "idle seconds before TCP keepalive probes, to clients and upstreams"},
	{"max-connections", "N", "0", option_set_number, F(max_connections), 0, 100000000, 0,
	 "connections of one gate; 0: what the limit of descriptors allows"},
	{"pipes", "N", "64", option_set_number, F(pipes_max), 0, 1000000, 0,
	 "pipes of one gate for bulk data by splice; more bulk streams than this go by copy"},
	{"congestion", "NAME", NULL, option_set_text, F(congestion), 0, 16, 0,
	 "TCP congestion control for both sides; default: the system's"},
	{"access", "user:NAME|group:NAME=change|view[:GLOB]", NULL, option_set_access, 0, 0, 0, MANY,
	 "who may change, or only look at, the objects whose names match; the first rule that matches "
	 "decides, nobody else may anything. Root and the user who started the daemon may always change "
	 "everything. NAME may be a number"},
	{"dns-listen", "ADDR:PORT", NULL, option_set_dns_listen, 0, 0, 0, MANY,
	 "address at which the internet asks for public zones and the clusters' public names, by UDP and TCP; "
	 "default: none. Networks have their own resolver addresses"},
	{"dns-forward", "ADDR[:PORT]", NULL, option_set_dns_forward, 0, 0, 0, MANY,
	 "server that is asked for names that are not ours, for networks that name no servers of their own; default: "
	 "none, such names are refused"},
	{"dns", "N", "0", option_set_number, F(dns), 0, DNS_MAX, 0,
	 "name server processes; 0: one per core that the daemon may use. There are none where there are neither "
	 "networks nor --dns-listen"},
	{"dns-rate", "N", "100", option_set_number, F(dns_rate), 0, 1000000, 0,
	 "answers a second that are alike, to a /24 or /56 of the internet without a cookie, each process for itself; 0: not limited"},
	{"networks", "on|off", "on", option_set_choice, F(networks), 0, 0, 0,
	 "make the declared networks on this machine; where the rights for it are missing (CAP_NET_ADMIN and "
	 "CAP_SYS_ADMIN in the daemon's user namespace) it is off by itself, and the log says so"},
	{"netns-prefix", "NAME", "postern", option_set_label, F(netns_prefix), 0, NETNS_PREFIX_MAX, 0,
	 "names of the network namespaces, of links and of the nftables table begin with it; two daemons "
	 "on one machine need different ones"},
	{"public-pool", "PREFIX", NULL, option_set_pool, 0, 0, 0, MANY,
	 "addresses that public-address objects without any of their own are given, the lowest free one first"},
	{"public-address", "ADDR", NULL, option_set_public, 0, 0, 0, MANY,
	 "address by which the internet reaches the public listeners, for the clusters' names; default: those of "
	 "--listen that are not wildcards"},
	{"profile", "open|cloud", "open", option_set_choice, F(profile), 0, 0, 0,
	 "limits on declared objects: cloud are those that EKS and AKS document"},
	{"sandbox", "require|best-effort", "require", option_set_choice, F(sandbox), 0, 0, 0,
	 "on a kernel without Landlock or seccomp: refuse to start, or go on with what there is"},
	{"no-separate-users", NULL, NULL, option_set_false, F(separate_users), 0, 0, 0,
	 "all roles stay the user who starts the daemon; needed to run without root"},
	{"user-control", "NAME|UID", "postern-control", option_set_text, F(user_control), 0, 32, 0,
	 "user of the control role; owns the state folder"},
	{"user-gate", "NAME|UID", "postern-gate", option_set_text, F(user_gate), 0, 32, 0,
	 "user of the gates"},
	{"user-dns", "NAME|UID", "postern-dns", option_set_text, F(user_dns), 0, 32, 0,
	 "user of the name server processes; not needed where there are none"},
	{"user-netd", "NAME|UID", "postern-netd", option_set_text, F(user_netd), 0, 32, 0,
	 "user of netd, which makes the networks; not needed where these are off"},
	{"log-format", "text|json", "text", option_set_choice, F(log_format), 0, 0, 0,
	 "log lines on standard error, for people or for programs"},
	{"log-level", "debug|info|warn|error", "info", option_set_choice, F(log_level), 0, 0, 0,
	 "lowest level of the lines that are logged"},
	{"config", "FILE", NULL, option_set_nothing, 0, 0, 0, CLI,
	 "read options from FILE; what is given on the command line replaces what the file says"},
	{"help", NULL, NULL, option_set_nothing, 0, 0, 0, CLI, "print this text"},
	{"version", NULL, NULL, option_set_nothing, 0, 0, 0, CLI, "print the version"},
	{"help-man", NULL, NULL, option_set_nothing, 0, 0, 0, HIDDEN, "print the manual's sections"},
	{"probe", "[ROLE:]ACT", NULL, option_set_text, F(probe), 0, 32, HIDDEN, "forbidden act, for tests"},
};
/* clang-format on */

const size_t option_table_len = OPTIONS_LEN;

_Static_assert(sizeof(enum networks_mode) == sizeof(unsigned int) &&
		       sizeof(enum limit_profile) == sizeof(unsigned int) &&
		       sizeof(enum sandbox_mode) == sizeof(unsigned int) &&
		       sizeof(enum log_format) == sizeof(unsigned int) &&
		       sizeof(enum log_level) == sizeof(unsigned int),
	       "option_set_choice() writes an unsigned int");

/* How often each row was given by one source: the command line, or the file. */
struct given {
	unsigned int times[OPTIONS_LEN];
};

static const struct option_row *row_find(const char *name, size_t len)
{
	for (size_t i = 0; i < OPTIONS_LEN; i++)
		if (strlen(option_table[i].name) == len && !memcmp(option_table[i].name, name, len))
			return &option_table[i];
	return NULL;
}

/* Values of a later source replace those of an earlier one; within a source they add up. */
static void row_clear(const struct option_row *r, struct options *o)
{
	if (r->set == option_set_listen)
		o->n_listen = 0;
	else if (r->set == option_set_dns_listen)
		o->n_dns_listen = 0;
	else if (r->set == option_set_dns_forward)
		o->n_dns_forward = 0;
	else if (r->set == option_set_trusted)
		o->n_trusted = 0;
	else if (r->set == option_set_access)
		o->n_access = 0;
	else if (r->set == option_set_pool)
		o->n_public_pool = 0;
	else if (r->set == option_set_public)
		o->n_public_address = 0;
}

static int row_set(const struct option_row *r, struct given *g, struct options *o,
		   const char *value, struct err *e)
{
	unsigned int *times = &g->times[r - option_table];

	if (*times && !(r->flags & OPTION_MANY))
		return err_set(e, ERR_USAGE, NULL, "given twice");
	if (!(*times)++)
		row_clear(r, o);
	return r->set(r, o, value, e) ? -ERR_USAGE : 0;
}

/* Say where it was: e has the sentence about the value. */
static int blame(struct err *e, const char *file, unsigned int line, const char *name)
{
	struct err inner;

	if (!e)
		return -ERR_USAGE;
	inner = *e;
	if (file)
		return err_set(e, ERR_USAGE, NULL, "%s, line %u, %s: %.300s", file, line, name,
			       inner.text);
	return err_set(e, ERR_USAGE, NULL, "--%s: %.400s", name, inner.text);
}

static int presets(struct options *o)
{
	for (size_t i = 0; i < OPTIONS_LEN; i++) {
		const struct option_row *r = &option_table[i];
		char value[128];

		for (const char *p = r->preset; p;) {
			const char *comma = r->flags & OPTION_MANY ? strchr(p, ',') : NULL;
			int len = comma ? (int)(comma - p) : (int)strlen(p);

			snprintf(value, sizeof value, "%.*s", len, p);
			if (r->set(r, o, value, NULL))
				return -ERR_INTERNAL;
			p = comma ? comma + 1 : NULL;
		}
	}
	return 0;
}

/* One line of the file, terminated, without its newline. */
static int config_line(char *line, struct given *g, struct options *o, const char *file,
		       unsigned int number, struct err *e)
{
	const struct option_row *r;
	char *name, *value, *end;
	char quoted[64];

	name = line + strspn(line, " \t\r");
	end = name + strlen(name);
	while (end > name && strchr(" \t\r", end[-1]))
		*--end = 0;
	if (!name[0] || name[0] == '#')
		return 0;
	value = name + strcspn(name, " \t");
	r = row_find(name, (size_t)(value - name));
	str_quote(quoted, sizeof quoted, name, (size_t)(value - name));
	value += strspn(value, " \t");
	if (!r || r->flags & OPTION_CLI_ONLY)
		return err_set(e, ERR_USAGE, NULL, "%s, line %u: there is no setting \"%s\"", file,
			       number, quoted);
	if (!r->metavar != !value[0])
		return err_set(e, ERR_USAGE, NULL, "%s, line %u: %s %s", file, number, r->name,
			       r->metavar ? "needs a value" : "takes no value");
	if (row_set(r, g, o, r->metavar ? value : NULL, e))
		return blame(e, file, number, r->name);
	return 0;
}

/* The whole file as terminated text. malloc()ed. */
static int config_read(const char *file, char **ret_text, struct err *e)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = malloc(CONFIG_MAX + 1);
	size_t len = 0;
	ssize_t n = 1;

	if (!text)
		return err_set(e, ERR_NOMEM, NULL, "no memory to read the configuration file");
	if (fd < 0)
		return err_set(e, ERR_USAGE, NULL, "--config: %s: %s", file, strerror(errno));
	while (len < CONFIG_MAX && n) {
		n = read(fd, text + len, CONFIG_MAX - len);
		if (n < 0)
			return err_set(e, ERR_USAGE, NULL, "--config: %s: %s", file,
				       strerror(errno));
		len += (size_t)n;
	}
	if (len == CONFIG_MAX)
		return err_set(e, ERR_USAGE, NULL, "--config: %s is over %d bytes", file,
			       CONFIG_MAX - 1);
	if (memchr(text, 0, len))
		return err_set(e, ERR_USAGE, NULL, "--config: %s is no text: it has a zero byte",
			       file);
	text[len] = 0;
	*ret_text = take_ptr(text);
	return 0;
}

static int config_apply(const char *file, struct options *o, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	struct given g = {{0}};
	unsigned int number = 1;
	int ret;

	ret = config_read(file, &text, e);
	for (char *line = text; !ret && line; number++) {
		char *newline = strchr(line, '\n');

		if (newline)
			*newline = 0;
		ret = config_line(line, &g, o, file, number, e);
		line = newline ? newline + 1 : NULL;
	}
	return ret;
}

/* The option at argv[*i] and its value; *i is moved past both. "--name value" or "--name=value". */
static int next_option(int argc, char **argv, int *i, const struct option_row **ret_row,
		       const char **ret_value, struct err *e)
{
	const char *arg = argv[(*i)++];
	const struct option_row *r;
	const char *equals;
	char quoted[64];
	size_t len;

	str_quote(quoted, sizeof quoted, arg, strlen(arg));
	if (strncmp(arg, "--", 2))
		return err_set(e, ERR_USAGE, NULL, "\"%s\" is no option; see posternd --help",
			       quoted);
	equals = strchr(arg, '=');
	len = equals ? (size_t)(equals - arg - 2) : strlen(arg + 2);
	r = row_find(arg + 2, len);
	if (!r)
		return err_set(e, ERR_USAGE, NULL, "there is no option \"%s\"; see posternd --help",
			       quoted);
	*ret_row = r;
	*ret_value = NULL;
	if (!r->metavar)
		return equals ? err_set(e, ERR_USAGE, NULL, "--%s takes no value", r->name) : 0;
	if (equals)
		*ret_value = equals + 1;
	else if (*i < argc)
		*ret_value = argv[(*i)++];
	else
		return err_set(e, ERR_USAGE, NULL, "--%s needs a value: %s", r->name, r->metavar);
	return 0;
}

static bool is_row(const struct option_row *r, const char *name)
{
	assert(r); /* next_option() gives one whenever it succeeds */
	return !strcmp(r->name, name);
}

/* First walk: is it all well-formed, which file is to be read, is something to be printed? 0, 1, -ERR_USAGE */
static int scan(int argc, char **argv, const char **ret_config, struct err *e)
{
	const struct option_row *r = NULL;
	const char *value = NULL;
	int ret;

	*ret_config = NULL;
	for (int i = 1; i < argc;) {
		ret = next_option(argc, argv, &i, &r, &value, e);
		if (ret)
			return ret;
		if (is_row(r, "config"))
			*ret_config = value;
		if (is_row(r, "help"))
			options_print_help();
		if (is_row(r, "help-man"))
			options_print_man();
		if (is_row(r, "version"))
			printf("posternd %s\n", POSTERN_VERSION);
		if (is_row(r, "help") || is_row(r, "help-man") || is_row(r, "version"))
			return 1;
	}
	return 0;
}

static int apply(int argc, char **argv, struct options *o, struct err *e)
{
	const struct option_row *r = NULL;
	struct given g = {{0}};
	const char *value = NULL;

	for (int i = 1; i < argc;) {
		int ret = next_option(argc, argv, &i, &r, &value, e);

		if (ret)
			return ret;
		assert(r);
		if (row_set(r, &g, o, value, e))
			return blame(e, NULL, 0, r->name);
	}
	return 0;
}

/* Of "gate:execve" only the gate is to see "execve". */
void options_probe_for_role(struct options *o)
{
	const char *colon = strchr(o->probe, ':');
	char act[sizeof o->probe] = "";
	size_t len;

	if (!colon)
		return;
	len = strlen(role_name(o->role));
	if ((size_t)(colon - o->probe) == len && !memcmp(o->probe, role_name(o->role), len))
		snprintf(act, sizeof act, "%s", colon + 1);
	memcpy(o->probe, act, sizeof act);
}

/* In a child: "--role ROLE [--gate-index N]" from the parent, the rest through the memfd. */
static int from_parent(int argc, char **argv, struct options *o, struct err *e)
{
	int role = argc > 2 ? role_find(argv[2]) : -1;
	unsigned long index = 0;
	struct stat st;

	if (argc == 5 && !strcmp(argv[3], "--gate-index"))
		index = strtoul(argv[4], NULL, 10);
	else if (argc != 3)
		role = -1;
	if (role < 0 || role == ROLE_PARENT || index >= GATES_MAX)
		return err_set(e, ERR_USAGE, NULL, "--role is for the daemon's own use");
	if (fstat(ROLE_OPTIONS_FD, &st) || st.st_size != sizeof *o ||
	    pread(ROLE_OPTIONS_FD, o, sizeof *o, 0) != sizeof *o)
		return err_set(e, ERR_USAGE, NULL,
			       "--role is for the daemon's own use: no options from a parent");
	o->role = (enum role)role;
	o->gate_index = (uint32_t)index;
	close(ROLE_OPTIONS_FD);
	options_probe_for_role(o);
	return 0;
}

/* 127.0.0.0/8 and ::1: whoever listens on a wildcard listens there. */
static bool is_loopback(const struct addr *a)
{
	return a->family == ADDR_V4 ? a->lo >> 24 == 127 : !a->hi && a->lo == 1;
}

static int dns_loop_check(const struct options *o, struct err *e)
{
	for (size_t i = 0; i < o->n_dns_forward; i++) {
		const struct endpoint *f = &o->dns_forward[i];

		for (size_t k = 0; k < o->n_dns_listen; k++) {
			const struct endpoint *l = &o->dns_listen[k];
			char server[ENDPOINT_TEXT_MAX], listener[ENDPOINT_TEXT_MAX];

			if (f->port != l->port ||
			    !(addr_is_equal(&f->addr, &l->addr) ||
			      (addr_is_wildcard(&l->addr) && is_loopback(&f->addr))))
				continue;
			return err_set(e, ERR_USAGE, NULL,
				       "--dns-forward %s leads to --dns-listen %s: the name server "
				       "would ask itself",
				       endpoint_format(&f->addr, f->port, server),
				       endpoint_format(&l->addr, l->port, listener));
		}
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options, struct err *e)
{
	_cleanup_free_ struct options *o = calloc(1, sizeof *o);
	struct err local = {0};
	const char *config;
	int ret;

	e = e ? e : &local;
	if (!o)
		return err_set(e, ERR_NOMEM, NULL, "no memory for the options");
	if (argc > 1 && !strcmp(argv[1], "--role")) {
		ret = from_parent(argc, argv, o, e);
		goto out;
	}
	o->role = ROLE_PARENT;
	o->owner_uid = getuid();
	o->separate_users = true;
	ret = presets(o);
	assert(!ret);
	ret = scan(argc, argv, &config, e);
	if (ret)
		goto out;
	if (config)
		ret = config_apply(config, o, e);
	if (!ret)
		ret = apply(argc, argv, o, e);
	if (!ret)
		ret = dns_loop_check(o, e);
out:
	if (!ret)
		memcpy(ret_options, o, sizeof *o);
	return ret;
}

static void public_add(struct addr *addresses, size_t *n, const struct addr *a)
{
	for (size_t i = 0; i < *n; i++)
		if (addr_is_equal(&addresses[i], a))
			return;
	addresses[(*n)++] = *a;
}

size_t options_public_addresses(const struct options *o, struct addr ret_addresses[PUBLIC_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < o->n_public_address; i++)
		public_add(ret_addresses, &n, &o->public_address[i]);
	for (size_t i = 0; !o->n_public_address && i < o->n_listen; i++)
		if (!addr_is_wildcard(&o->listen[i].addr))
			public_add(ret_addresses, &n, &o->listen[i].addr);
	return n;
}

int options_to_memfd(const struct options *o, struct err *e)
{
	_cleanup_close_ int fd = memfd_create("options", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, o, sizeof *o) != sizeof *o ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		return err_set(e, ERR_UNAVAILABLE, NULL, "no memory to share the options: %s",
			       strerror(errno));
	return take_fd(&fd);
}
