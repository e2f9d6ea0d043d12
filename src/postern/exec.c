/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exec: a command as it would run on a host: in the host's network namespace, and with the network's resolver in /etc/resolv.conf, in a
 * mount namespace of its own so that nobody else sees it. The command replaces this process.
 */
#include "postern/command.h"
#include "postern/exec_hosts.h"
#include "postern/exec_resolver.h"
#include "postern/fields.h"
#include "postern/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOSTS		  "/etc/hosts"
#define RESOLV_CONF	  "/etc/resolv.conf"
#define NSSWITCH_CONF	  "/etc/nsswitch.conf"
#define NSCD		  "/run/nscd/socket" /* which answers for the machine, not for the host */
#define FILE_BYTES_MAX	  (1u << 20)
#define EXIT_NOT_RUNNABLE 126
#define EXIT_NOT_FOUND	  127

static int ask(const struct cli *c, const char *host, struct answer *ret_host, struct err *e)
{
	struct target t;
	int rc;

	target_init(&t, "/v1/hosts");
	target_segment(&t, host);
	rc = client_get(&c->client, t.text, ret_host, e);
	target_done(&t);
	return rc;
}

static int enter_network(const char *host, const char *path, struct err *e)
{
	_cleanup_close_ int fd = -1;

	if (!path)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "host/%s has no network namespace that can be entered: it is "
			       "attached by an interface",
			       host);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_UNAVAILABLE, path,
			       "the network namespace of host/%s is not there (yet)", host);
	if (fd < 0)
		return err_set(e, ERR_UNAVAILABLE, path, "%s", strerror(errno));
	if (setns(fd, CLONE_NEWNET) < 0)
		return err_set(e, ERR_UNAVAILABLE, path, "cannot enter it: %s", strerror(errno));
	return 0;
}

/* The file as it is; "" if there is none. malloc()ed. */
static char *file_read(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = must_alloc(FILE_BYTES_MAX + 1);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len < FILE_BYTES_MAX &&
	       (n = read(fd, text + len, FILE_BYTES_MAX - len)) > 0)
		len += (size_t)n;
	return text;
}

/*
 * A file that is gone again as soon as it is mounted, readable for whoever the command runs as. 0; -ERR_NOT_FOUND: there is no such file that it
 * could be mounted over.
 */
static int file_mount(const char *over, const char *text, struct err *e)
{
	char path[] = "/tmp/.postern-exec-XXXXXX";
	_cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
	size_t len = strlen(text);
	int rc = 0;

	if (fd < 0)
		return err_set(e, ERR_UNAVAILABLE, path, "%s", strerror(errno));
	if (write(fd, text, len) != (ssize_t)len || fchmod(fd, 0644) < 0)
		rc = err_set(e, ERR_UNAVAILABLE, path, "%s", strerror(errno));
	else if (mount(path, over, NULL, MS_BIND, NULL) < 0)
		rc = err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, over,
			     "cannot mount the host's over it: %s", strerror(errno));
	unlink(path);
	return rc;
}

/* What the machine has no file for cannot be told; it has names by other ways then, or none. */
static int resolver_mount(const json_t *host, struct err *e)
{
	_cleanup_free_ char *servers = exec_resolv_conf(host), *own = file_read(NSSWITCH_CONF);
	_cleanup_free_ char *nsswitch = exec_nsswitch_conf(own);
	int rc = file_mount(RESOLV_CONF, servers, e);

	if (rc == -ERR_NOT_FOUND)
		note("this machine has no %s, so that the command asks no resolver", RESOLV_CONF);
	else if (rc < 0)
		return rc;
	rc = file_mount(NSSWITCH_CONF, nsswitch, e);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	if (mount("/dev/null", NSCD, NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
		return err_set(e, ERR_UNAVAILABLE, NSCD, "cannot mount over it: %s",
			       strerror(errno));
	return 0;
}

static int enter_mounts(const json_t *host, struct err *e)
{
	_cleanup_free_ char *own = file_read(HOSTS), *text = exec_hosts(own);
	int rc;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "cannot make a mount namespace for the names: %s", strerror(errno));
	rc = file_mount(HOSTS, text, e);
	return rc < 0 ? rc : resolver_mount(host, e);
}

static int run_command(char **words, struct err *e)
{
	int why;

	fflush(stdout);
	execvp(words[0], words);
	why = errno;
	err_set(e, ERR_USAGE, NULL, "%s", strerror(why));
	fprintf(stderr, "error: %.200s: %s\n", words[0], strerror(why));
	return why == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
}

int exec_run(struct cli *c, struct err *e)
{
	const char *host = args_word(&c->args, 0);
	struct answer object = {0};
	int rc;

	if (strncmp(host, "host/", 5) == 0)
		host += 5;
	if (!c->args.rest)
		return err_set(e, ERR_USAGE, NULL,
			       "no command; \"postern exec %s -- kubectl get ns\" runs one", host);
	rc = ask(c, host, &object, e);
	if (rc == 0 && geteuid() != 0)
		rc = err_set(e, ERR_FORBIDDEN, NULL,
			     "only root enters a network namespace; try sudo postern exec %s ...",
			     host);
	if (rc == 0)
		rc = enter_network(host, field_text(object.json, "status.namespace", NULL), e);
	if (rc == 0)
		rc = enter_mounts(object.json, e);
	answer_done(&object);
	return rc < 0 ? rc : run_command(c->args.rest, e);
}
