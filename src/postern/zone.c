/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone import, zone export: zones from and to the files of other name servers. */
#include "model/document.h"
#include "postern/fields.h"
#include "postern/outcome.h"
#include "postern/text.h"
#include "postern/zone_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int file_read(const char *path, char **ret_text, size_t *ret_len, struct err *e)
{
	const bool is_stdin = strcmp(path, "-") == 0;
	_cleanup_close_ int opened = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	const int fd = is_stdin ? STDIN_FILENO : opened;
	char *text = NULL;
	size_t len = 0, cap = 0;
	ssize_t n;

	if (fd < 0)
		return err_set(e, ERR_USAGE, path, "%s", strerror(errno));
	do {
		if (len == cap) {
			cap = cap ? cap * 2 : 65536;
			text = must_resize(text, cap);
		}
		n = read(fd, text + len, cap - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && len <= ZONE_FILE_BYTES_MAX);
	if (n < 0) {
		free(text);
		return err_set(e, ERR_USAGE, path, "%s", strerror(errno));
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

/* "line 7" of which file. */
static void locate(const char *file, struct err *e)
{
	char path[ERR_PATH_MAX];

	if (strncmp(e->path, "line ", 5) != 0)
		return;
	snprintf(path, sizeof(path), "%.100s, %.40s", strcmp(file, "-") ? file : "standard input",
		 e->path);
	snprintf(e->path, sizeof(e->path), "%s", path);
}

static int document_send(struct cli *c, const json_t *document, struct err *e)
{
	_cleanup_free_ char *body = json_dumps(document, JSON_COMPACT);
	struct request r = {.method = "POST", .content_type = "application/json", .body = body};
	struct target t = {0};
	int rc;

	if (!body)
		return err_set(e, ERR_NOMEM, NULL, "out of memory");
	r.body_len = strlen(body);
	target_init(&t, "/v1/apply");
	rc = change_send(c, &t, &r, e);
	target_done(&t);
	return rc;
}

static void document_print(struct cli *c, const json_t *document)
{
	_cleanup_free_ char *yaml = NULL;

	if (c->output != OUTPUT_TABLE) {
		cli_emit(c, document);
		return;
	}
	yaml = document_to_yaml(document);
	fputs(yaml ? yaml : "", c->out.file);
}

int zone_import_run(struct cli *c, struct err *e)
{
	const char *file = args_get(&c->args, "file"), *domain = args_get(&c->args, "domain");
	const char *visibility = args_get(&c->args, "visibility");
	const struct zone_file_head head = {args_word(&c->args, 0), domain,
					    visibility && strcmp(visibility, "public") == 0};
	_cleanup_free_ char *text = NULL;
	json_t *document = NULL;
	size_t len = 0;
	int rc;

	if (!file)
		return err_set(e, ERR_USAGE, "-f",
			       "no zone file given; name one, or - for "
			       "standard input");
	if (!domain)
		return err_set(e, ERR_USAGE, "--domain",
			       "no domain given; it is what the names in the file are below");
	rc = file_read(file, &text, &len, e);
	if (rc < 0)
		return rc;
	rc = zone_file_read(text, len, &head, &document, e);
	if (rc < 0) {
		locate(file, e);
		return rc;
	}
	if (args_has(&c->args, "print"))
		document_print(c, document);
	else
		rc = document_send(c, document, e);
	json_decref(document);
	return rc;
}

int zone_export_run(struct cli *c, struct err *e)
{
	const char *name = args_word(&c->args, 0);
	_cleanup_free_ char *text = NULL;
	struct answer a = {0};
	struct target t;
	int rc;

	target_init(&t, "/v1/zones");
	target_segment(&t, name);
	rc = client_get(&c->client, t.text, &a, e);
	target_done(&t);
	if (rc < 0)
		return rc;
	text = zone_file_write(field(a.json, "document"),
			       (uint32_t)field_int(a.json, "revision", 1));
	if (text)
		fputs(text, c->out.file);
	else
		rc = err_set(e, ERR_INTERNAL, NULL, "the daemon's answer is no zone");
	answer_done(&a);
	return rc;
}
