/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store on a disk that fails: for every single write, sync, truncation and deletion of a change, that one step fails.
 * Whatever happens, the state afterwards is exactly the one before or the one after, what a commit confirmed is there, and
 * a store whose disk has recovered goes on.
 */
#include "faulty_vfs.h"
#include "store_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>

#define PADDING_MAX (6u << 20)

/* Revision 1: a = 1, c = 1. */
static void prepare(void)
{
	struct store *s = rig_open();

	rig_begin(s);
	assert_int_equal(rig_put(s, "a", 0, 1, NULL), 0);
	assert_int_equal(rig_put(s, "c", 0, 1, NULL), 0);
	assert_int_equal(rig_commit(s), 1);
	store_close(s);
}

static int put_padded(struct store *s, const char *name, int value, size_t padding, struct err *e)
{
	char *text = malloc(padding + 1);
	json_t *body;
	uint32_t id;
	int r;

	assert_non_null(text);
	memset(text, 'x', padding);
	text[padding] = '\0';
	body = json_pack("{s:i, s:s}", "value", value, "padding", text);
	r = store_put(s, "cluster", name, STORE_ANY, body, &id, e);
	json_decref(body);
	free(text);
	return r;
}

/* Revision 2: a = 2, b = 2, c gone. 0 if the store confirmed it. */
static int change(struct store *s, size_t padding)
{
	struct err e = {0};
	uint64_t revision;
	int r = store_begin(s, &rig_meta, &e);

	if (r < 0)
		return r;
	r = put_padded(s, "a", 2, padding, &e);
	if (r == 0)
		r = rig_put(s, "b", 0, 2, NULL);
	if (r == 0)
		r = rig_delete(s, "c", 1);
	if (r < 0)
		store_abort(s);
	else
		r = store_commit(s, &revision, &e);
	assert_true(r == 0 || r == -ERR_UNAVAILABLE);
	return r;
}

static void check_state(struct store *s, bool is_after)
{
	assert_int_equal(store_revision(s), is_after ? 2 : 1);
	assert_int_equal(rig_value(s, "a"), is_after ? 2 : 1);
	assert_int_equal(rig_value(s, "b"), is_after ? 2 : -1);
	assert_int_equal(rig_value(s, "c"), is_after ? -1 : 1);
}

/* After the failure, in the process that saw it: the disk works again, and so does the store. */
static void check_goes_on(struct store *s, bool is_confirmed)
{
	faulty_arm(-1, FAULT_ONCE, SQLITE_OK);
	check_state(s, is_confirmed);
	rig_begin(s);
	assert_int_equal(rig_put(s, "d", 0, 9, NULL), 0);
	assert_int_equal(rig_commit(s), is_confirmed ? 3 : 2);
	assert_int_equal(rig_value(s, "d"), 9);
}

/* In the next process. */
static void check_reopened(bool is_confirmed)
{
	struct store *s = rig_open();

	if (is_confirmed)
		check_state(s, true);
	else
		check_state(s, store_revision(s) == 2);
	rig_begin(s);
	assert_int_equal(rig_put(s, "d", 0, 9, NULL), 0);
	rig_commit(s);
	store_close(s);
}

/* One round: fail step n of opening, changing and closing. False if there is no such step any more. */
static bool round_run(long n, enum fault_mode mode, int code, size_t padding, bool power_loss)
{
	bool is_confirmed = false, has_struck, is_usable = false;
	struct store *s = NULL;
	struct err e = {0};

	assert_int_equal(rig_setup(NULL), 0);
	faulty_forget();
	prepare();
	faulty_arm(n, mode, code);
	if (store_open(rig_path, &s, &e) == 0) {
		is_usable = true;
		is_confirmed = change(s, padding) == 0;
	} else {
		assert_null(s);
	}
	has_struck = faulty_has_struck();
	if (is_usable && mode != FAULT_DEAD && !power_loss) {
		check_goes_on(s, is_confirmed);
		store_close(s);
		s = rig_open();
		assert_int_equal(rig_value(s, "d"), 9);
		assert_int_equal(store_revision(s), is_confirmed ? 3 : 2);
		store_close(s);
	} else {
		store_close(s);
		has_struck = has_struck || faulty_has_struck();
		faulty_arm(-1, FAULT_ONCE, SQLITE_OK);
		if (power_loss)
			faulty_power_loss();
		check_reopened(is_confirmed);
	}
	assert_int_equal(rig_teardown(NULL), 0);
	return has_struck;
}

static void every_step(enum fault_mode mode, int code, size_t padding, bool power_loss, long stride)
{
	long n = 0;

	while (round_run(n, mode, code, padding, power_loss))
		n += stride;
	print_message("%ld steps\n", n);
	assert_true(n > 5);
}

static void test_disk_full_once(void **state)
{
	every_step(FAULT_ONCE, SQLITE_FULL, 10, false, 1);
}

static void test_read_only_once(void **state)
{
	every_step(FAULT_ONCE, SQLITE_READONLY, 10, false, 1);
}

static void test_torn_write(void **state)
{
	every_step(FAULT_TORN, SQLITE_IOERR_WRITE, 10, false, 1);
}

static void test_disk_gone(void **state)
{
	every_step(FAULT_DEAD, SQLITE_IOERR_WRITE, 10, false, 1);
}

static void test_disk_gone_and_unsynced_lost(void **state)
{
	every_step(FAULT_DEAD, SQLITE_IOERR_WRITE, 10, true, 1);
}

/* Large enough that the commit also copies the log into the database file. */
static void test_checkpoint(void **state)
{
	every_step(FAULT_DEAD, SQLITE_IOERR_WRITE, PADDING_MAX, true, 1021);
	every_step(FAULT_ONCE, SQLITE_FULL, PADDING_MAX, false, 1021);
}

/* Nothing fails, and the power goes at once: what was confirmed is on the disk. */
static void test_power_loss_after_commit(void **state)
{
	struct store *s;

	assert_int_equal(rig_setup(NULL), 0);
	faulty_forget();
	prepare();
	faulty_arm(-1, FAULT_ONCE, SQLITE_OK);
	s = rig_open();
	assert_int_equal(change(s, 10), 0);
	faulty_arm(0, FAULT_DEAD, SQLITE_IOERR_WRITE);
	store_close(s);
	faulty_arm(-1, FAULT_ONCE, SQLITE_OK);
	faulty_power_loss();
	check_reopened(true);
	assert_int_equal(rig_teardown(NULL), 0);
}

/* Noting a figure is not synced; the change after it is again. */
static void test_power_loss_after_figure_and_commit(void **state)
{
	struct store *s;

	assert_int_equal(rig_setup(NULL), 0);
	faulty_forget();
	prepare();
	faulty_arm(-1, FAULT_ONCE, SQLITE_OK);
	s = rig_open();
	store_set_enforced(s, 1, 12345);
	assert_int_equal(change(s, 10), 0);
	faulty_arm(0, FAULT_DEAD, SQLITE_IOERR_WRITE);
	store_close(s);
	faulty_arm(-1, FAULT_ONCE, SQLITE_OK);
	faulty_power_loss();
	check_reopened(true);
	assert_int_equal(rig_teardown(NULL), 0);
}

/* A person reads why. */
static void test_the_reason_is_named(void **state)
{
	struct store *s;
	struct err e = {0};
	uint64_t revision;

	assert_int_equal(rig_setup(NULL), 0);
	faulty_forget();
	prepare();
	s = rig_open();
	rig_begin(s);
	assert_int_equal(rig_put(s, "a", STORE_ANY, 2, NULL), 0);
	faulty_arm(0, FAULT_ONCE, SQLITE_FULL);
	assert_int_equal(store_commit(s, &revision, &e), -ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "disk is full"));
	store_close(s);
	assert_int_equal(rig_teardown(NULL), 0);
}

/* A caller that goes on after a failed part must not get half of its change committed. */
static void test_no_half_transaction(void **state)
{
	struct store *s;
	struct err e = {0};
	uint64_t revision;

	assert_int_equal(rig_setup(NULL), 0);
	faulty_forget();
	prepare();
	s = rig_open();
	rig_begin(s);
	assert_int_equal(rig_put(s, "b", 0, 2, NULL), 0);
	/* So large that the cache spills into the log before the commit. */
	faulty_arm(0, FAULT_ONCE, SQLITE_FULL);
	assert_int_equal(put_padded(s, "a", 2, PADDING_MAX, &e), -ERR_UNAVAILABLE);
	assert_true(faulty_has_struck());
	assert_int_equal(rig_put(s, "z", 0, 2, NULL), -ERR_UNAVAILABLE);
	assert_int_equal(rig_delete(s, "c", STORE_ANY), -ERR_UNAVAILABLE);
	assert_int_equal(store_commit(s, &revision, &e), -ERR_UNAVAILABLE);
	check_goes_on(s, false);
	assert_int_equal(rig_value(s, "z"), -1);
	store_close(s);
	assert_int_equal(rig_teardown(NULL), 0);
}

/* --- a disk that is really full --------------------------------------------------------------------------- */

#define DISK_SIZE "2m"
#define BALLAST	  (512u << 10)

/* A file that takes space, for the moment when somebody cleans up. */
static void ballast_make(char path[96])
{
	static const char zeros[BALLAST];
	int fd;

	snprintf(path, 96, "%s/ballast", rig_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	close(fd);
}

/* Commits until the disk is full; returns the last revision that was confirmed. */
static uint64_t fill(struct store *s, struct err *e)
{
	uint64_t revision = 0;

	for (int i = 1; i <= 1000; i++) {
		rig_begin(s);
		if (put_padded(s, "a", i, 20000, e) < 0) {
			store_abort(s);
			return revision;
		}
		if (store_commit(s, &revision, e) < 0)
			return revision;
		assert_int_equal(revision, i);
	}
	fail_msg("the disk was never full");
	return 0;
}

static void test_disk_really_full(void **state)
{
	struct err e = {0};
	char ballast[96];
	uint64_t last;
	struct store *s;

	assert_int_equal(rig_setup(NULL), 0);
	faulty_forget();
	faulty_arm(-1, FAULT_ONCE, SQLITE_OK);
	/* In a mount namespace of our own, so that nothing is left behind. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("full", rig_dir, "tmpfs", 0, "size=" DISK_SIZE) < 0) {
		print_message("no right to mount a small file system: %s\n", strerror(errno));
		assert_int_equal(rig_teardown(NULL), 0);
		skip();
	}
	ballast_make(ballast);
	s = rig_open();
	last = fill(s, &e);
	assert_int_equal(e.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(e.text, "disk is full"));
	assert_true(last > 0);
	assert_int_equal(store_revision(s), last);
	assert_int_equal(rig_value(s, "a"), (int)last);
	/* Space again, and the same store goes on. */
	assert_int_equal(remove(ballast), 0);
	rig_begin(s);
	assert_int_equal(rig_put(s, "b", 0, 9, NULL), 0);
	assert_int_equal(rig_commit(s), last + 1);
	store_close(s);
	s = rig_open();
	assert_int_equal(rig_value(s, "a"), (int)last);
	assert_int_equal(rig_value(s, "b"), 9);
	store_close(s);
	assert_int_equal(umount(rig_dir), 0);
	assert_int_equal(rig_teardown(NULL), 0);
}

static int install(void **state)
{
	faulty_install();
	return 0;
}

static int forget(void **state)
{
	faulty_forget();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disk_full_once),
		cmocka_unit_test(test_read_only_once),
		cmocka_unit_test(test_torn_write),
		cmocka_unit_test(test_disk_gone),
		cmocka_unit_test(test_disk_gone_and_unsynced_lost),
		cmocka_unit_test(test_checkpoint),
		cmocka_unit_test(test_power_loss_after_commit),
		cmocka_unit_test(test_power_loss_after_figure_and_commit),
		cmocka_unit_test(test_the_reason_is_named),
		cmocka_unit_test(test_no_half_transaction),
		cmocka_unit_test(test_disk_really_full),
	};

	return cmocka_run_group_tests(tests, install, forget);
}
