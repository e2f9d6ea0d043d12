/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said of a connection by a private address: from the landscape, and only while that agrees with the gate. */
#include "control/control_int.h"
#include "control/why.h"
#include "landscape_rig.h"

#define CLUSTER_ID 5

static struct control control;

static int setup(void **state)
{
	static const char text[] =
		"kind: network\nname: shop\naddressSpace: [10.0.0.0/16]\n---\n"
		"kind: subnet\nname: a\nnetwork: shop\nranges: [10.0.1.0/24]\n---\n"
		"kind: security-group\nname: api\nnetwork: shop\n"
		"ingress: [{protocol: tcp, ports: 443, ranges: [10.0.0.0/24]}]\n---\n"
		"kind: cluster\nname: prod\nupstreams: [{address: 10.9.9.9}]\npublic: {fqdn: "
		"prod.example}\n"
		"private: {kind: interfaces, placements: [{subnet: a, addresses: [10.0.1.7]}], "
		"securityGroups: [api]}\n";
	json_t *docs = documents(text);

	assert_int_equal(landscape_new(&control.landscape, NULL), 0);
	must_apply(control.landscape, text);
	assert_int_equal(index_init(&control.index, NULL), 0);
	assert_int_equal(index_put(&control.index, CLUSTER_ID, json_array_get(docs, 3), NULL), 0);
	json_decref(docs);
	return 0;
}

static int teardown(void **state)
{
	index_done(&control.index);
	landscape_free(control.landscape);
	return 0;
}

static void says(const char *source, enum gate_reason reason, const char *want)
{
	const struct object *network = landscape_find(control.landscape, OBJECT_NETWORK, "shop");
	struct gate_event ev = {.cluster = CLUSTER_ID, .network = 9, .reason = (uint8_t)reason};
	char text[WHY_TEXT_MAX];

	landscape_set_id(control.landscape, (struct object *)(uintptr_t)network, 9);
	assert_int_equal(addr_parse("10.0.1.7", &ev.local), 0);
	assert_int_equal(addr_parse(source, &ev.source), 0);
	assert_string_equal(why_sentence(&control, &ev, text), want);
	/* In another network the address is somebody else's. */
	ev.network = 10;
	assert_string_equal(why_sentence(&control, &ev, text), gate_reason_sentence(reason));
}

static void test_private(void **state)
{
	says("10.0.0.9", REASON_NONE,
	     "10.0.0.9 is admitted by ingress rule 1 of security group \"api\" (10.0.0.0/24)");
	says("10.0.1.9", REASON_NOT_ADMITTED,
	     "no ingress rule of security group \"api\" admits 10.0.1.9 to tcp port 443");
}

static void test_the_gate_is_elsewhere(void **state)
{
	says("10.0.1.9", REASON_NONE, "");
	says("10.0.0.9", REASON_NOT_ADMITTED, gate_reason_sentence(REASON_NOT_ADMITTED));
	says("10.0.0.9", REASON_SOURCE_LIMIT, gate_reason_sentence(REASON_SOURCE_LIMIT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_the_gate_is_elsewhere),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
