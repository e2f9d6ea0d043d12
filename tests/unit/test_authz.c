/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/authz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define STARTER 500

static struct options options;
static struct authz authz = {.options = &options, .start_uid = STARTER};

static void rule(int subject, uint32_t id, bool may_change, const char *clusters)
{
	struct access_rule *r = &options.access[options.n_access++];

	r->subject = subject;
	r->id = id;
	r->may_change = may_change;
	snprintf(r->clusters, sizeof(r->clusters), "%s", clusters);
}

static bool may(uint32_t uid, uint32_t gid, enum control_right right, const char *name)
{
	struct peer p = {.uid = uid, .gid = gid, .n_groups = 2, .groups = {70, 71}};

	return authz_may(&authz, &p, right, name);
}

static int setup(void **state)
{
	options.n_access = 0;
	return 0;
}

static void test_root_and_starter_may_all(void **state)
{
	rule(ACCESS_UID, 0, false, "*"); /* not even a rule takes it from them */
	assert_true(may(0, 9, RIGHT_CHANGE, "prod"));
	assert_true(may(STARTER, 9, RIGHT_CHANGE, "*"));
	assert_true(may(0, 9, RIGHT_VIEW, NULL));
}

static void test_no_rule_is_no(void **state)
{
	assert_false(may(1000, 1000, RIGHT_VIEW, "prod"));
	assert_false(may(1000, 1000, RIGHT_VIEW, NULL));
	/* group 0 is not root */
	assert_false(may(1000, 0, RIGHT_VIEW, "prod"));
}

static void test_first_match_decides(void **state)
{
	rule(ACCESS_UID, 1000, false, "prod-*");
	rule(ACCESS_UID, 1000, true, "*");
	assert_true(may(1000, 1, RIGHT_VIEW, "prod-a"));
	assert_false(may(1000, 1, RIGHT_CHANGE, "prod-a"));
	assert_true(may(1000, 1, RIGHT_CHANGE, "test"));
	assert_true(may(1000, 1, RIGHT_CHANGE, NULL));
	assert_false(may(1001, 1, RIGHT_VIEW, "test"));
}

static void test_groups(void **state)
{
	rule(ACCESS_GID, 71, true, "team-*");
	rule(ACCESS_GID, 30, false, "*");
	assert_true(may(1000, 1, RIGHT_CHANGE, "team-a")); /* supplementary */
	assert_false(may(1000, 1, RIGHT_CHANGE, "prod"));
	assert_true(may(1000, 30, RIGHT_VIEW, "prod")); /* primary */
	assert_false(may(1000, 30, RIGHT_CHANGE, "prod"));
	/* a uid is no gid */
	assert_false(may(30, 1, RIGHT_VIEW, "prod"));
}

static void test_star_is_for_all_objects(void **state)
{
	rule(ACCESS_UID, 1000, true, "team-*");
	assert_false(may(1000, 1, RIGHT_VIEW, "*"));
	assert_true(may(1000, 1, RIGHT_VIEW, NULL));
	rule(ACCESS_UID, 1000, false, "*");
	assert_true(may(1000, 1, RIGHT_VIEW, "*"));
	assert_false(may(1000, 1, RIGHT_CHANGE, "*"));
}

static void test_refusal_says_who_and_how(void **state)
{
	struct peer p = {.uid = 1000, .gid = 77};
	struct err e = {0};

	assert_int_equal(authz_check(&authz, &p, RIGHT_CHANGE, "prod", &e), -ERR_FORBIDDEN);
	assert_int_equal(e.code, ERR_FORBIDDEN);
	assert_non_null(strstr(e.text, "uid:1000"));
	assert_non_null(strstr(e.text, "\"prod\""));
	assert_non_null(strstr(e.text, "--access user:1000=change"));
	assert_non_null(strstr(e.text, "group:77=change"));
	assert_int_equal(authz_check(&authz, &p, RIGHT_VIEW, "a\n\x1b[2J", &e), -ERR_FORBIDDEN);
	assert_null(strpbrk(e.text, "\n\x1b"));
}

static void test_peer_is_the_kernels_word(void **state)
{
	struct peer p;
	struct err e = {0};
	int pair[2], tcp;
	char actor[ACTOR_TEXT_MAX];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(peer_get(pair[0], &p, &e), 0);
	assert_int_equal(p.uid, getuid());
	assert_int_equal(p.gid, getgid());
	authz_actor(&(struct peer){.uid = 0}, actor);
	assert_string_equal(actor, "uid:0(root)");
	authz_actor(&(struct peer){.uid = 12}, actor);
	assert_string_equal(actor, "uid:12");
	close(pair[0]);
	close(pair[1]);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	/* A TCP socket has no peer to speak of: the kernel says nobody (-1), who has no rule. */
	if (tcp >= 0 && peer_get(tcp, &p, &e) == 0)
		assert_false(authz_may(&authz, &p, RIGHT_VIEW, NULL));
	close(tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_root_and_starter_may_all, setup),
		cmocka_unit_test_setup(test_no_rule_is_no, setup),
		cmocka_unit_test_setup(test_first_match_decides, setup),
		cmocka_unit_test_setup(test_groups, setup),
		cmocka_unit_test_setup(test_star_is_for_all_objects, setup),
		cmocka_unit_test_setup(test_refusal_says_who_and_how, setup),
		cmocka_unit_test_setup(test_peer_is_the_kernels_word, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
