/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A main() for fuzz targets without libFuzzer: each file named on the command line, and each file in a folder named
 * there, goes through the target once, so that the corpus runs as a plain regression in every build.
 * Exit status 1 if anything cannot be read, or if there was nothing to run.
 */
#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned ran;

static bool complain(const char *path)
{
	(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return false;
}

static bool run_file(const char *path, size_t size)
{
	_cleanup_free_ uint8_t *data = NULL;
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return complain(path);
	/* Exactly as large as the input: a sanitizer then sees a read behind its end. */
	data = size <= INPUT_MAX ? malloc(size ? size : 1) : NULL;
	n = data ? fread(data, 1, size, f) : 0;
	(void)fclose(f);
	if (!data || n != size)
		return complain(path);
	/* A target that aborts does not return; the last name printed is the culprit. */
	(void)printf("%s\n", path);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(data, size);
	ran++;
	return true;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool run_path(const char *path);

/* In the order of their names, so that a run can be compared with the next. */
static bool run_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_visible, alphasort);
	bool ok = true;

	if (n < 0)
		return complain(path);
	for (int i = 0; i < n; i++) {
		char *child = NULL;

		if (asprintf(&child, "%s/%s", path, entries[i]->d_name) < 0)
			ok = complain(path);
		else
			ok = run_path(child) && ok;
		free(child);
		free(entries[i]);
	}
	free(entries);
	return ok;
}

static bool run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return complain(path);
	return S_ISDIR(st.st_mode) ? run_folder(path) : run_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	bool ok = true;

	for (int i = 1; i < argc; i++)
		ok = run_path(argv[i]) && ok;
	(void)printf("%u inputs ran\n", ran);
	return ok && ran > 0 ? 0 : 1;
}
