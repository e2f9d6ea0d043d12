/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exec: a command as it would run on a host: in the host's network namespace, and with the names that answer there in
 * /etc/hosts, in a mount namespace of its own so that nobody else sees them. The command replaces this process.
 */
#include "postern/command.h"
#include "postern/exec_hosts.h"
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
#define HOSTS_BYTES_MAX	  (1u << 20)
#define EXIT_NOT_RUNNABLE 126
#define EXIT_NOT_FOUND	  127

static int ask(const struct cli *c, const char *host, struct answer *ret_host,
	       struct answer *ret_names, struct err *e)
{
	_cleanup_free_ char *names = NULL;
	struct target t;
	int rc;

	target_init(&t, "/v1/hosts");
	target_segment(&t, host);
	names = must_printf("%s/names", t.text);
	rc = client_get(&c->client, t.text, ret_host, e);
	target_done(&t);
	return rc < 0 ? rc : client_get(&c->client, names, ret_names, e);
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
static char *hosts_read(void)
{
	_cleanup_close_ int fd = open(HOSTS, O_RDONLY | O_CLOEXEC);
	char *text = must_alloc(HOSTS_BYTES_MAX + 1);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len < HOSTS_BYTES_MAX &&
	       (n = read(fd, text + len, HOSTS_BYTES_MAX - len)) > 0)
		len += (size_t)n;
	return text;
}

/* A file that is gone again as soon as it is mounted, readable for whoever the command runs as. */
static int hosts_mount(const char *text, struct err *e)
{
	char path[] = "/tmp/.postern-hosts-XXXXXX";
	_cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
	size_t len = strlen(text);
	int rc = 0;

	if (fd < 0)
		return err_set(e, ERR_UNAVAILABLE, path, "%s", strerror(errno));
	if (write(fd, text, len) != (ssize_t)len || fchmod(fd, 0644) < 0)
		rc = err_set(e, ERR_UNAVAILABLE, path, "%s", strerror(errno));
	else if (mount(path, HOSTS, NULL, MS_BIND, NULL) < 0)
		rc = err_set(e, ERR_UNAVAILABLE, HOSTS, "cannot mount the names over it: %s",
			     strerror(errno));
	unlink(path);
	return rc;
}

static int enter_mounts(const json_t *names, struct err *e)
{
	_cleanup_free_ char *own = hosts_read(), *text = exec_hosts(own, names);

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, ERR_UNAVAILABLE, NULL,
			       "cannot make a mount namespace for the names: %s", strerror(errno));
	return hosts_mount(text, e);
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
	struct answer object = {0}, names = {0};
	int rc;

	if (strncmp(host, "host/", 5) == 0)
		host += 5;
	if (!c->args.rest)
		return err_set(e, ERR_USAGE, NULL,
			       "no command; \"postern exec %s -- kubectl get ns\" runs one", host);
	rc = ask(c, host, &object, &names, e);
	if (rc == 0 && geteuid() != 0)
		rc = err_set(e, ERR_FORBIDDEN, NULL,
			     "only root enters a network namespace; try sudo postern exec %s ...",
			     host);
	if (rc == 0)
		rc = enter_network(host, field_text(object.json, "status.namespace", NULL), e);
	if (rc == 0)
		rc = enter_mounts(names.json, e);
	answer_done(&names);
	answer_done(&object);
	return rc < 0 ? rc : run_command(c->args.rest, e);
}
