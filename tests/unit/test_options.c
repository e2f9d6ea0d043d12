/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/options.h"
#include "proc/user.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct options o;
static struct err e;

/* Arguments up to NULL; the program's name goes before. */
#define PARSE(...) \
	parse((char *[]){(char *)(uintptr_t) "posternd", __VA_ARGS__ __VA_OPT__(, ) NULL})
#define S(text) ((char *)(uintptr_t)(text))

static int parse(char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(&o, 0, sizeof o);
	memset(&e, 0, sizeof e);
	return options_parse(argc, argv, &o, &e);
}

static const char *config_file(const char *text)
{
	static char path[64];
	int fd;

	snprintf(path, sizeof path, "/tmp/postern-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

static int parse_file(const char *text)
{
	const char *path = config_file(text);
	int ret = PARSE(S("--config"), S(path));

	unlink(path);
	return ret;
}

static void refused(int ret, const char *part)
{
	assert_int_equal(ret, -ERR_USAGE);
	if (!strstr(e.text, part))
		fail_msg("\"%s\" does not say \"%s\"", e.text, part);
	assert_int_equal(o.n_listen, 0); /* untouched */
}

static void presets(void **state)
{
	char text[ENDPOINT_TEXT_MAX];

	assert_int_equal(PARSE(), 0);
	assert_int_equal(o.role, ROLE_PARENT);
	assert_int_equal(o.n_listen, 2);
	assert_string_equal(endpoint_format(&o.listen[0].addr, o.listen[0].port, text),
			    "0.0.0.0:443");
	assert_string_equal(endpoint_format(&o.listen[1].addr, o.listen[1].port, text), "[::]:443");
	assert_string_equal(o.state_dir, "/var/lib/postern");
	assert_string_equal(o.socket_path, "/run/postern/api.sock");
	assert_int_equal(o.metrics.addr.family, ADDR_NONE);
	assert_int_equal(o.gates, 0);
	assert_int_equal(o.hello_timeout_ms, 5000);
	assert_int_equal(o.keepalive_s, 60);
	assert_int_equal(o.max_connections, 0);
	assert_int_equal(o.pipes_max, 64);
	assert_int_equal(o.n_access, 0);
	assert_int_equal(o.n_trusted, 0);
	assert_int_equal(o.profile, PROFILE_OPEN);
	assert_int_equal(o.sandbox, SANDBOX_REQUIRE);
	assert_true(o.separate_users);
	assert_string_equal(o.user_control, "postern-control");
	assert_string_equal(o.user_gate, "postern-gate");
	assert_string_equal(o.user_netd, "postern-netd");
	assert_string_equal(o.user_dns, "postern-dns");
	assert_int_equal(o.n_dns_listen, 0);
	assert_int_equal(o.n_dns_forward, 0);
	assert_int_equal(o.dns, 0);
	assert_int_equal(o.dns_rate, 100);
	assert_int_equal(o.networks, NETWORKS_ON);
	assert_string_equal(o.netns_prefix, "postern");
	assert_int_equal(o.n_public_pool, 0);
	assert_int_equal(o.n_public_address, 0);
	assert_int_equal(o.log_format, LOG_TEXT);
	assert_int_equal(o.log_level, LOG_INFO);
	assert_string_equal(o.congestion, "");
	assert_string_equal(o.probe, "");
	assert_int_equal(o.owner_uid, getuid());
}

static void every_option(void **state)
{
	assert_int_equal(
		PARSE(S("--listen"), S("127.0.0.1:8443"), S("--listen=[::1]:8443"),
		      S("--state-dir"), S("/s"), S("--socket=/run/x"), S("--metrics"),
		      S("127.0.0.1:9100"), S("--gates"), S("3"), S("--trust-proxy"),
		      S("10.0.0.0/8"), S("--trust-proxy=fd00::/8"), S("--hello-timeout"), S("0.25"),
		      S("--keepalive=7"), S("--max-connections"), S("12"), S("--pipes=0"),
		      S("--congestion"), S("bbr"), S("--access"), S("user:0=view:dev-*"),
		      S("--access=group:4711=change"), S("--profile"), S("cloud"), S("--sandbox"),
		      S("best-effort"), S("--no-separate-users"), S("--user-control=71"),
		      S("--user-gate=72"), S("--log-format"), S("json"), S("--log-level"),
		      S("error"), S("--networks=off"), S("--netns-prefix"), S("p-2"),
		      S("--public-pool=203.0.113.0/24"), S("--public-pool"), S("2001:db8::/64"),
		      S("--public-address"), S("198.51.100.7"), S("--user-netd=73"),
		      S("--user-dns=74"), S("--dns-listen"), S("127.0.0.1:53"),
		      S("--dns-listen=[::1]:53"), S("--dns-forward=192.0.2.1"), S("--dns-forward"),
		      S("[2001:db8::1]:5353"), S("--dns=2"), S("--dns-rate=0"), S("--probe"),
		      S("gate:open")),
		0);
	assert_int_equal(o.n_listen, 2);
	assert_int_equal(o.listen[1].addr.family, ADDR_V6);
	assert_string_equal(o.state_dir, "/s");
	assert_string_equal(o.socket_path, "/run/x");
	assert_int_equal(o.metrics.port, 9100);
	assert_int_equal(o.gates, 3);
	assert_int_equal(o.n_trusted, 2);
	assert_int_equal(o.trusted[0].len, 8);
	assert_int_equal(o.hello_timeout_ms, 250);
	assert_int_equal(o.keepalive_s, 7);
	assert_int_equal(o.max_connections, 12);
	assert_int_equal(o.pipes_max, 0);
	assert_string_equal(o.congestion, "bbr");
	assert_int_equal(o.n_access, 2);
	assert_int_equal(o.access[0].subject, ACCESS_UID);
	assert_int_equal(o.access[0].id, 0);
	assert_false(o.access[0].may_change);
	assert_string_equal(o.access[0].clusters, "dev-*");
	assert_int_equal(o.access[1].subject, ACCESS_GID);
	assert_int_equal(o.access[1].id, 4711);
	assert_true(o.access[1].may_change);
	assert_string_equal(o.access[1].clusters, "*");
	assert_int_equal(o.profile, PROFILE_CLOUD);
	assert_int_equal(o.sandbox, SANDBOX_BEST_EFFORT);
	assert_false(o.separate_users);
	assert_string_equal(o.user_gate, "72");
	assert_string_equal(o.user_netd, "73");
	assert_string_equal(o.user_dns, "74");
	assert_int_equal(o.n_dns_listen, 2);
	assert_int_equal(o.dns_listen[0].port, 53);
	assert_int_equal(o.dns_listen[1].addr.family, ADDR_V6);
	assert_int_equal(o.n_dns_forward, 2);
	assert_int_equal(o.dns_forward[0].port, DNS_PORT);
	assert_int_equal(o.dns_forward[1].port, 5353);
	assert_int_equal(o.dns, 2);
	assert_int_equal(o.dns_rate, 0);
	assert_int_equal(o.networks, NETWORKS_OFF);
	assert_string_equal(o.netns_prefix, "p-2");
	assert_int_equal(o.n_public_pool, 2);
	assert_int_equal(o.public_pool[0].len, 24);
	assert_int_equal(o.public_pool[1].addr.family, ADDR_V6);
	assert_int_equal(o.n_public_address, 1);
	assert_int_equal(o.log_format, LOG_JSON);
	assert_int_equal(o.log_level, LOG_ERROR);
	assert_string_equal(o.probe, "gate:open");
}

static void mistakes_are_named(void **state)
{
	refused(PARSE(S("--lisen"), S("x")), "--lisen");
	refused(PARSE(S("serve")), "serve");
	refused(PARSE(S("--gates")), "needs a value: N");
	refused(PARSE(S("--gates"), S("65")), "0 to 64");
	refused(PARSE(S("--gates"), S("-1")), "0 to 64");
	refused(PARSE(S("--gates"), S("2x")), "2x");
	refused(PARSE(S("--gates"), S(" 2")), "not a number");
	refused(PARSE(S("--gates=")), "not a number");
	refused(PARSE(S("--gates=99999999999999999999")), "not a number");
	refused(PARSE(S("--gates=1"), S("--gates=1")), "--gates: given twice");
	refused(PARSE(S("--no-separate-users=yes")), "takes no value");
	refused(PARSE(S("--hello-timeout"), S("nan")), "0.1 to 300");
	refused(PARSE(S("--hello-timeout"), S("0x5")), "0.1 to 300");
	refused(PARSE(S("--hello-timeout"), S("0")), "0.1 to 300");
	refused(PARSE(S("--hello-timeout"), S("1.2.3")), "0.1 to 300");
	refused(PARSE(S("--hello-timeout"), S(".")), "0.1 to 300");
	refused(PARSE(S("--profile"), S("clou")), "none of open|cloud");
	refused(PARSE(S("--profile"), S("open|cloud")), "none of open|cloud");
	refused(PARSE(S("--profile"), S("")), "none of open|cloud");
	refused(PARSE(S("--listen"), S("10.0.0.1")), "--listen: ");
	refused(PARSE(S("--listen=1.1.1.1:1"), S("--listen=1.1.1.1:1")), "twice");
	refused(PARSE(S("--dns-forward=192.0.2.1"), S("--dns-listen=192.0.2.1:53")),
		"192.0.2.1:53: the name server would ask itself");
	refused(PARSE(S("--dns-listen=[::]:5353"), S("--dns-forward=127.0.0.2:5353")),
		"ask itself");
	refused(PARSE(S("--dns-listen=0.0.0.0:53"), S("--dns-forward=::1")), "ask itself");
	assert_int_equal(PARSE(S("--dns-listen=0.0.0.0:53"), S("--dns-forward=127.0.0.1:54"),
			       S("--dns-forward=192.0.2.1")),
			 0);
	refused(PARSE(S("--trust-proxy"), S("10.0.0.1/8")), "10.0.0.0/8");
	refused(PARSE(S("--congestion"), S("a-name-of-sixteen")), "longer than 15");
	refused(PARSE(S("--state-dir"), S("")), "empty");
	refused(PARSE(S("--config"), S("/nonexistent/x")), "/nonexistent/x");
	refused(PARSE(S("--bad\n\x1b[31m")), "\\x");
}

/* The name becomes a file's and a word of nft: what is no label must not get there. */
static void names_and_addresses_of_networks(void **state)
{
	static const char *const bad[] = {"",
					  "a/b",
					  "..",
					  "a.b",
					  "A",
					  "-a",
					  "a-",
					  "a b",
					  "a\n",
					  "\xc3\xa9",
					  "a-name-of-three-and-thirty-bytesx"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refused(PARSE(S("--netns-prefix"), S(bad[i])), "lower-case letters");
	assert_int_equal(PARSE(S("--netns-prefix=a-name-of-two-and-thirty-bytes-x")), 0);
	refused(PARSE(S("--networks"), S("yes")), "none of on|off");
	refused(PARSE(S("--public-pool"), S("203.0.113.1/24")), "203.0.113.0/24");
	refused(PARSE(S("--public-address"), S("0.0.0.0")), "not an IP address of a machine");
	refused(PARSE(S("--public-address"), S("::")), "not an IP address of a machine");
	refused(PARSE(S("--public-address"), S("10.0.0.0/8")), "not an IP address of a machine");
}

static void the_public_addresses(void **state)
{
	struct addr at[PUBLIC_MAX];
	char text[ADDR_TEXT_MAX];

	assert_int_equal(PARSE(), 0);
	assert_int_equal(options_public_addresses(&o, at), 0); /* wildcards lead nowhere */
	assert_int_equal(PARSE(S("--listen=0.0.0.0:1"), S("--listen=192.0.2.1:1"),
			       S("--listen=192.0.2.1:2"), S("--listen=[2001:db8::1]:1")),
			 0);
	assert_int_equal(options_public_addresses(&o, at), 2);
	assert_string_equal(addr_format(&at[0], text), "192.0.2.1");
	assert_string_equal(addr_format(&at[1], text), "2001:db8::1");
	assert_int_equal(PARSE(S("--listen=192.0.2.1:1"), S("--public-address=198.51.100.1"),
			       S("--public-address=198.51.100.1")),
			 0);
	assert_int_equal(options_public_addresses(&o, at), 1);
	assert_string_equal(addr_format(&at[0], text), "198.51.100.1");
}

static void access_rules_fail_closed(void **state)
{
	refused(PARSE(S("--access"), S("user:0")), "no =change");
	refused(PARSE(S("--access"), S("0=change")), "user:NAME or group:NAME");
	refused(PARSE(S("--access"), S("user:=change")), "user:NAME or group:NAME");
	refused(PARSE(S("--access"), S("uid:0=change")), "user:NAME or group:NAME");
	refused(PARSE(S("--access"), S("user:0=changes")), "change or view");
	refused(PARSE(S("--access"), S("user:0=")), "change or view");
	refused(PARSE(S("--access"), S("user:0=view:")), "pattern");
	refused(PARSE(S("--access"), S("user:no-such-user-here=view")), "useradd");
	refused(PARSE(S("--access"), S("group:no-such-group-here=view")), "groupadd");
	refused(PARSE(S("--access"), S("user:4294967295=view")), "no user");
	assert_int_equal(PARSE(S("--access"), S("user:root=view")), 0);
	assert_int_equal(o.access[0].id, 0);
}

static void file_and_command_line(void **state)
{
	const char *path;

	assert_int_equal(parse_file("# comment\n\n  gates 2 \t\r\nlisten 127.0.0.1:1\n"
				    "listen\t127.0.0.1:2\nno-separate-users\nlog-level debug"),
			 0);
	assert_int_equal(o.gates, 2);
	assert_int_equal(o.n_listen, 2);
	assert_int_equal(o.listen[1].port, 2);
	assert_false(o.separate_users);
	assert_int_equal(o.log_level, LOG_DEBUG);

	/* What the command line says about an option replaces all that the file says about it, wherever --config stands. */
	path = config_file("gates 2\nlisten 127.0.0.1:1\nlisten 127.0.0.1:2\npipes 9\n"
			   "access user:1=view\n");
	assert_int_equal(PARSE(S("--gates=4"), S("--config"), S(path), S("--listen=127.0.0.1:3")),
			 0);
	unlink(path);
	assert_int_equal(o.gates, 4);
	assert_int_equal(o.n_listen, 1);
	assert_int_equal(o.listen[0].port, 3);
	assert_int_equal(o.pipes_max, 9);
	assert_int_equal(o.n_access, 1);
}

static void mistakes_in_the_file_name_the_line(void **state)
{
	refused(parse_file("gates 1\n\ngattes 2\n"), "line 3: there is no setting \"gattes\"");
	refused(parse_file("gates\n"), "line 1: gates needs a value");
	refused(parse_file("no-separate-users yes\n"), "line 1: no-separate-users takes no value");
	refused(parse_file("gates 1\ngates 1\n"), "line 2, gates: given twice");
	refused(parse_file("gates 1000\n"), "line 1, gates: ");
	refused(parse_file("config /etc/passwd\n"), "no setting");
	refused(parse_file("probe execve\n"), "no setting");
	refused(parse_file("--gates 1\n"), "no setting");
}

static void too_many_are_refused(void **state)
{
	static char text[8192];
	size_t len = 0;

	for (int i = 0; i <= LISTENERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "listen 127.0.0.1:%d\n",
					i + 1);
	refused(parse_file(text), "line 17, listen: more than 16");
	len = 0;
	for (int i = 0; i <= TRUSTED_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "trust-proxy 10.0.0.%d\n",
					i);
	refused(parse_file(text), "more than 64");
	len = 0;
	for (int i = 0; i <= ACCESS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "access user:%d=view\n", i);
	refused(parse_file(text), "more than 64");
	len = 0;
	for (int i = 0; i <= PUBLIC_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "public-pool 10.0.0.%d\n",
					i);
	refused(parse_file(text), "more than 64");
	len = 0;
	for (int i = 0; i <= PUBLIC_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "public-address 10.0.0.%d\n",
					i);
	refused(parse_file(text), "more than 64");
}

static void ids_of_users(void **state)
{
	uid_t uid = 1;
	gid_t gid = 1;

	assert_int_equal(user_find("root", &uid, &gid, &e), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(gid, 0);
	assert_int_equal(user_find("2147480001", &uid, &gid, &e), 0);
	assert_int_equal(uid, 2147480001);
	assert_int_equal(gid, 2147480001);
	assert_int_equal(user_find("", &uid, NULL, &e), -ERR_USAGE);
	assert_int_equal(user_find("postern-nobody-has-this", &uid, NULL, &e), -ERR_USAGE);
	assert_non_null(strstr(e.text, "systemd-sysusers"));
}

/* The struct that another role gets is the parent's, whatever its command line or files say by then. */
static void other_roles_get_the_parents_options(void **state)
{
	int fd, status;
	pid_t pid;

	refused(PARSE(S("--role"), S("gate"), S("--gate-index"), S("1")), "own use");
	assert_int_equal(PARSE(S("--gates=7"), S("--probe=gate:open")), 0);
	fd = options_to_memfd(&o, &e);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	pid = fork();
	if (!pid) {
		int bad = dup2(fd, ROLE_OPTIONS_FD) != ROLE_OPTIONS_FD;

		bad |= PARSE(S("--role"), S("gate"), S("--gate-index"), S("5")) ||
		       o.role != ROLE_GATE || o.gate_index != 5 || o.gates != 7 ||
		       strcmp(o.probe, "open");
		bad |= fcntl(ROLE_OPTIONS_FD, F_GETFD) >= 0; /* closed after use */
		bad |= dup2(fd, ROLE_OPTIONS_FD) != ROLE_OPTIONS_FD;
		bad |= PARSE(S("--role"), S("control")) || o.role != ROLE_CONTROL || o.probe[0];
		bad |= dup2(fd, ROLE_OPTIONS_FD) != ROLE_OPTIONS_FD;
		bad |= PARSE(S("--role"), S("parent")) != -ERR_USAGE;
		bad |= PARSE(S("--role"), S("gate"), S("--gate-index"), S("64")) != -ERR_USAGE;
		bad |= PARSE(S("--role")) != -ERR_USAGE;
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
}

/* Standard output of f, which stays in static memory. */
static const char *printed(void (*f)(void))
{
	static char text[32768];
	int out = dup(STDOUT_FILENO), fd = memfd_create("out", MFD_CLOEXEC);
	ssize_t n;

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	f();
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	n = pread(fd, text, sizeof text - 1, 0);
	assert_true(n > 0);
	text[n] = 0;
	close(out);
	close(fd);
	return text;
}

static void help_and_manual_have_every_option(void **state)
{
	static const char *const names[] = {
		"listen",	"state-dir",	    "socket",	       "metrics",   "gates",
		"trust-proxy",	"congestion",	    "keepalive",       "pipes",	    "access",
		"profile",	"hello-timeout",    "sandbox",	       "user-gate", "log-format",
		"log-level",	"config",	    "max-connections", "help",	    "version",
		"user-control", "no-separate-users"};
	const char *text = printed(options_print_help);
	char want[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(want, sizeof want, "  --%s", names[i]);
		assert_non_null(strstr(text, want));
	}
	assert_null(strstr(text, "--probe"));
	assert_non_null(strstr(text, "(default /var/lib/postern)"));
	for (const char *line = text; line; line = strchr(line + 1, '\n'))
		assert_true(strcspn(line + 1, "\n") <= 100);
	text = printed(options_print_man);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(want, sizeof want, ".It Fl \\-%s", names[i]);
		assert_non_null(strstr(text, want));
	}
}

static int printed_ret;
static void version_main(void)
{
	printed_ret = PARSE(S("--gates=1"), S("--version"));
}

static void version_is_printed(void **state)
{
	assert_string_equal(printed(version_main), "posternd " POSTERN_VERSION "\n");
	assert_int_equal(printed_ret, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets),
		cmocka_unit_test(every_option),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(names_and_addresses_of_networks),
		cmocka_unit_test(the_public_addresses),
		cmocka_unit_test(access_rules_fail_closed),
		cmocka_unit_test(file_and_command_line),
		cmocka_unit_test(mistakes_in_the_file_name_the_line),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(ids_of_users),
		cmocka_unit_test(other_roles_get_the_parents_options),
		cmocka_unit_test(help_and_manual_have_every_option),
		cmocka_unit_test(version_is_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
