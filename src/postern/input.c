/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postern/input.h"

#include "model/document.h"
#include "postern/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define STDIN_SHOWN "standard input"

void input_done(struct input *in)
{
	for (size_t i = 0; i < in->n_files; i++)
		free(in->files[i]);
	free(in->files);
	free(in->origins);
	json_decref(in->documents);
	*in = (struct input){0};
}

static int unreadable(const char *file, int error, struct err *e)
{
	return err_set(e, ERR_USAGE, file, "cannot be read: %s; check the name behind -f",
		       strerror(error));
}

/* All of fd as a string. */
static int slurp(int fd, const char *file, char **ret_text, size_t *ret_len, struct err *e)
{
	size_t len = 0, cap = 1 << 16;
	_cleanup_free_ char *text = must_alloc(cap);
	ssize_t n;

	while ((n = read(fd, text + len, cap - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return unreadable(file, errno, e);
		len += (size_t)n;
		if (len > DOCUMENT_BYTES_MAX)
			return err_set(e, ERR_TOO_LARGE, file, "larger than %u bytes; split it",
				       DOCUMENT_BYTES_MAX);
		if (len == cap) {
			cap *= 2;
			text = must_resize(text, cap);
		}
	}
	*ret_text = take_ptr(text);
	*ret_len = len;
	return 0;
}

/* Put the file's name in front of e->path, and "document N" for "[N-1]" if there is more than one. */
static void blame(struct err *e, const char *file, size_t number, size_t of, const char *field)
{
	char which[32] = "", path[ERR_PATH_MAX];
	size_t room, len = strlen(file);

	if (of > 1)
		snprintf(which, sizeof which, ", document %zu", number);
	room = sizeof path - strlen(which) - 8;
	room = strlen(field) < room / 2 ? room - strlen(field) : room / 2;
	if (len > room) /* the end of a name says more than its start */
		snprintf(path, sizeof path, "...%s%s", file + len - room + 3, which);
	else
		snprintf(path, sizeof path, "%s%s", file, which);
	len = strlen(path);
	if (*field)
		snprintf(path + len, sizeof path - len, ": %s", field);
	memcpy(e->path, path, sizeof path);
}

/* "[3].a.b" to 3 and "a.b". False if path does not start so. */
static bool path_split(const char *path, size_t *ret_index, const char **ret_field)
{
	char *end;
	unsigned long index;

	if (path[0] != '[' || path[1] < '0' || path[1] > '9')
		return false;
	index = strtoul(path + 1, &end, 10);
	if (*end != ']')
		return false;
	end++;
	*ret_index = index;
	*ret_field = *end == '.' ? end + 1 : end;
	return true;
}

void input_locate(const struct input *in, struct err *e)
{
	char path[ERR_PATH_MAX];
	const char *field;
	size_t i;

	memcpy(path, e->path, sizeof path);
	if (path_split(path, &i, &field) && i < json_array_size(in->documents))
		blame(e, in->origins[i].file, in->origins[i].number, in->origins[i].of, field);
}

/* Errors of the parser speak of one file: the count of its documents is not known then. */
static void parse_blame(struct err *e, const char *file)
{
	char path[ERR_PATH_MAX];
	const char *field = path;
	size_t i = 0;

	memcpy(path, e->path, sizeof path);
	if (!path_split(path, &i, &field))
		field = path;
	blame(e, file, i + 1, i + 1, field);
}

static int add_text(struct input *in, const char *file, const char *text, size_t len, struct err *e)
{
	size_t ext = strlen(file) > 5 ? strlen(file) - 5 : 0;
	bool json = strcmp(file + ext, ".json") == 0;
	size_t before = json_array_size(in->documents), n;
	json_t *documents = NULL;
	int rc = document_parse(text, len, json ? DOCUMENT_JSON : DOCUMENT_AUTO, &documents, e);

	if (rc < 0) {
		parse_blame(e, file);
		return rc;
	}
	n = json_array_size(documents);
	if (before + n > DOCUMENTS_MAX) {
		json_decref(documents);
		return err_set(e, ERR_TOO_LARGE, file,
			       "more than %d documents; apply them in parts", DOCUMENTS_MAX);
	}
	in->files = must_resize(in->files, (in->n_files + 1) * sizeof *in->files);
	in->files[in->n_files] = must_dup(file);
	in->origins = must_resize(in->origins, (before + n) * sizeof *in->origins);
	for (size_t i = 0; i < n; i++)
		in->origins[before + i] = (struct origin){in->files[in->n_files], i + 1, n};
	in->n_files++;
	rc = json_array_extend(in->documents, documents);
	json_decref(documents);
	return rc ? err_set(e, ERR_NOMEM, NULL, "out of memory") : 0;
}

static int add_fd(struct input *in, const char *file, int fd, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int rc = slurp(fd, file, &text, &len, e);

	return rc < 0 ? rc : add_text(in, file, text, len, e);
}

static int add_stdin(struct input *in, struct err *e)
{
	if (isatty(STDIN_FILENO))
		return err_set(
			e, ERR_USAGE, "-f -",
			"standard input is a terminal; pipe the documents into it, or name a file");
	return add_fd(in, STDIN_SHOWN, STDIN_FILENO, e);
}

static int add_file(struct input *in, const char *file, struct err *e)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? unreadable(file, errno, e) : add_fd(in, file, fd, e);
}

static int is_document(const struct dirent *d)
{
	return fnmatch("*.yaml", d->d_name, FNM_PERIOD) == 0 ||
	       fnmatch("*.yml", d->d_name, FNM_PERIOD) == 0 ||
	       fnmatch("*.json", d->d_name, FNM_PERIOD) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_dir(struct input *in, const char *dir, struct err *e)
{
	struct dirent **found = NULL;
	int n = scandir(dir, &found, is_document, by_name), rc = 0;
	const char *slash = *dir && dir[strlen(dir) - 1] == '/' ? "" : "/";

	if (n < 0)
		return unreadable(dir, errno, e);
	if (n == 0)
		rc = err_set(e, ERR_USAGE, dir, "no *.yaml, *.yml or *.json file in this folder");
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *file = must_printf("%s%s%s", dir, slash, found[i]->d_name);

		if (rc == 0)
			rc = add_file(in, file, e);
		free(found[i]);
	}
	free(found);
	return rc;
}

static int add_path(struct input *in, const char *path, struct err *e)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		return add_stdin(in, e);
	if (stat(path, &st) < 0)
		return unreadable(path, errno, e);
	return S_ISDIR(st.st_mode) ? add_dir(in, path, e) : add_file(in, path, e);
}

int input_read(const char *const *paths, size_t n, struct input *ret_input, struct err *e)
{
	struct input in = {.documents = json_array()};
	int rc = in.documents ? 0 : err_set(e, ERR_NOMEM, NULL, "out of memory");

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_path(&in, paths[i], e);
	if (rc == 0 && json_array_size(in.documents) == 0)
		rc = err_set(e, ERR_INVALID, n == 1 && strcmp(paths[0], "-") != 0 ? paths[0] : "-f",
			     "no document in it; \"postern help\" shows what one looks like");
	if (rc < 0)
		input_done(&in);
	else
		*ret_input = in;
	return rc;
}
