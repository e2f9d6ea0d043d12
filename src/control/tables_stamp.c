/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/tables_stamp.h"

#include "base/log.h"
#include "control/control_int.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define STAMP_MAX    512
#define BUILD_ID_MAX 64

/* --- the linker's build id ---------------------------------------------------------------------------------- */

struct build_id {
	char hex[2 * BUILD_ID_MAX + 1];
};

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static void notes_read(const uint8_t *p, size_t left, struct build_id *id)
{
	ElfW(Nhdr) head;

	while (left >= sizeof(head)) {
		const uint8_t *name = p + sizeof(head), *value;
		size_t size;

		memcpy(&head, p, sizeof(head));
		size = sizeof(head) + padded(head.n_namesz) + padded(head.n_descsz);
		if (size > left)
			return;
		value = name + padded(head.n_namesz);
		if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
		    memcmp(name, "GNU", 4) == 0 && head.n_descsz <= BUILD_ID_MAX)
			for (size_t i = 0; i < head.n_descsz; i++)
				snprintf(id->hex + 2 * i, 3, "%02x", value[i]);
		p += size;
		left -= size;
	}
}

/* The first object is the program. */
static int object_read(struct dl_phdr_info *info, size_t size, void *arg)
{
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_NOTE)
			notes_read((const uint8_t *)(uintptr_t)(info->dlpi_addr + h->p_vaddr),
				   h->p_memsz, arg);
	}
	return 1;
}

/* --- the stamp ---------------------------------------------------------------------------------------------- */

/* What the tables are made of, that is an option. */
static uint64_t options_digest(const struct options *o)
{
	struct addr public[PUBLIC_MAX];
	char text[(PUBLIC_MAX + 1) * ADDR_TEXT_MAX] = "";
	size_t n = options_public_addresses(o, public), used = 0;

	for (size_t i = 0; i < n; i++) {
		char one[ADDR_TEXT_MAX];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s ",
					 addr_format(&public[i], one));
	}
	return XXH3_64bits(text, used);
}

/* False: it cannot be told who we are. */
static bool stamp_make(const struct control *c, char dst[STAMP_MAX])
{
	struct build_id id = {.hex = ""};

	(void)dl_iterate_phdr(object_read, &id);
	if (!id.hex[0] || !c->options->boot_id[0])
		return false;
	snprintf(dst, STAMP_MAX, "schema %d\nboot %s\nbuild %s\noptions %016llx\n", TABLES_SCHEMA,
		 c->options->boot_id, id.hex, (unsigned long long)options_digest(c->options));
	return true;
}

static void stamp_path(const struct control *c, char dst[PATH_MAX + 16])
{
	snprintf(dst, PATH_MAX + 16, "%s/" TABLES_STAMP_FILE, c->tables_dir);
}

bool tables_stamp_is_ours(const struct control *c)
{
	char path[PATH_MAX + 16], ours[STAMP_MAX], is[STAMP_MAX];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	stamp_path(c, path);
	if (!stamp_make(c, ours))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	n = read(fd, is, sizeof(is));
	return n == (ssize_t)strlen(ours) && memcmp(is, ours, (size_t)n) == 0;
}

void tables_stamp_remove(const struct control *c)
{
	char path[PATH_MAX + 16];

	stamp_path(c, path);
	(void)unlink(path);
}

void tables_stamp_write(const struct control *c)
{
	char path[PATH_MAX + 16], ours[STAMP_MAX];
	_cleanup_close_ int fd = -1;

	if (!stamp_make(c, ours))
		return;
	stamp_path(c, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* Of a stamp cut short no word is ours. */
	if (fd < 0 || write(fd, ours, strlen(ours)) < 0)
		log_event(LOG_WARN, "tables.stamp", LF_STR("error", strerror(errno)));
}
