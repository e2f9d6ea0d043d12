/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kubeconfig: what kubectl needs to come in through the public endpoint. */
#include "model/document.h"
#include "postern/command.h"
#include "postern/fields.h"
#include "postern/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define PEM_BYTES_MAX 65536
#define PORT_DEFAULT  443

static int pem_data(const char *option, const char *file, json_t *user, const char *key,
		    struct err *e)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *pem = must_alloc(PEM_BYTES_MAX + 1), *data = NULL;
	size_t len = 0;
	ssize_t n = 0;

	while (fd >= 0 && len <= PEM_BYTES_MAX &&
	       (n = read(fd, pem + len, PEM_BYTES_MAX + 1 - len)) > 0)
		len += (size_t)n;
	if (fd < 0 || n < 0)
		return err_set(e, ERR_USAGE, option, "%.200s cannot be read: %s", file,
			       strerror(errno));
	if (len > PEM_BYTES_MAX || !memmem(pem, len, "-----BEGIN ", 11))
		return err_set(e, ERR_USAGE, option, "%.200s is not a PEM file of at most %d bytes",
			       file, PEM_BYTES_MAX);
	data = base64_encode(pem, len);
	json_object_set_new(user, key, json_string(data));
	return 0;
}

/* The user's entry; empty if no credentials are given. */
static int make_user(const struct args *a, json_t *user, struct err *e)
{
	const char *certificate = args_get(a, "client-certificate"),
		   *key = args_get(a, "client-key");
	const char *token = args_get(a, "token");
	int rc = 0;

	if (!certificate != !key)
		return err_set(e, ERR_USAGE, certificate ? "--client-key" : "--client-certificate",
			       "missing; a certificate and its key are given together");
	if (certificate && token)
		return err_set(e, ERR_USAGE, "--token", "either a token or a client certificate");
	if (certificate)
		rc = pem_data("--client-certificate", certificate, user, "client-certificate-data",
			      e);
	if (rc == 0 && key)
		rc = pem_data("--client-key", key, user, "client-key-data", e);
	if (token)
		json_object_set_new(user, "token", json_string(token));
	return rc;
}

static json_t *make_cluster(const json_t *document, long long port)
{
	const char *fqdn = field_text(document, "public.fqdn", "");
	const char *ca = field_text(document, "certificateAuthority", NULL);
	_cleanup_free_ char *server = port == PORT_DEFAULT
					      ? must_printf("https://%s", fqdn)
					      : must_printf("https://%s:%lld", fqdn, port);
	json_t *cluster = json_pack("{s:s}", "server", server);

	if (ca) {
		_cleanup_free_ char *data = base64_encode(ca, strlen(ca));

		json_object_set_new(cluster, "certificate-authority-data", json_string(data));
	}
	return cluster;
}

static void notes(const char *name, const json_t *document)
{
	const json_t *ranges = field(document, "public.ranges");

	if (!field(document, "certificateAuthority"))
		note("cluster/%s has no certificateAuthority: kubectl will trust only what this "
		     "system "
		     "trusts; put the API server's CA into the document",
		     name);
	if (!field_bool(document, "public.enabled", true))
		note("the public endpoint of cluster/%s is off: nobody gets in until \"postern "
		     "cluster set "
		     "%s --public on\"",
		     name, name);
	else if (!json_is_array(ranges))
		note("cluster/%s has no ranges: its public endpoint is open to every source", name);
	else if (json_array_size(ranges) == 0)
		note("the ranges of cluster/%s are empty: nobody gets in until one is added", name);
}

static void print(struct cli *c, const char *name, const json_t *document, long long port,
		  json_t *user)
{
	bool has_user = json_object_size(user) > 0;
	json_t *config =
		json_pack("{s:s, s:s, s:[{s:s, s:o}], s:[{s:s, s:{s:s, s:s}}], s:s}", "apiVersion",
			  "v1", "kind", "Config", "clusters", "name", name, "cluster",
			  make_cluster(document, port), "contexts", "name", name, "context",
			  "cluster", name, "user", has_user ? name : "", "current-context", name);

	json_object_set_new(config, "users",
			    has_user ? json_pack("[{s:s, s:O}]", "name", name, "user", user)
				     : json_array());
	if (c->output == OUTPUT_TABLE)
		c->output = OUTPUT_YAML;
	cli_emit(c, config);
	json_decref(config);
}

int kubeconfig_run(struct cli *c, struct err *e)
{
	const char *name = args_word(&c->args, 0), *port_text = args_get(&c->args, "port");
	long long port = port_text ? strtoll(port_text, NULL, 10) : PORT_DEFAULT;
	json_t *user = json_object();
	struct answer a = {0};
	struct target t;
	int rc;

	if (port < 1 || port > 65535) {
		rc = err_set(e, ERR_USAGE, "--port", "a port is a number from 1 to 65535");
		goto out;
	}
	rc = make_user(&c->args, user, e);
	if (rc < 0)
		goto out;
	target_init(&t, "/v1/clusters");
	target_segment(&t, name);
	rc = client_get(&c->client, t.text, &a, e);
	target_done(&t);
	if (rc < 0)
		goto out;
	print(c, name, field(a.json, "document"), port, user);
	notes(name, field(a.json, "document"));
out:
	json_decref(user);
	answer_done(&a);
	return rc;
}
