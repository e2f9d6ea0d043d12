/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 2136, section 3, case by case: the code, and what becomes of the document. */
#include "update_rig.h"

#define A      "{name: a, type: A, ttl: 60, values: [10.0.0.1, 10.0.0.2]}"
#define C      "{name: c, type: CNAME, values: [www.example.com]}"
#define T      "{name: t, type: TXT, values: ['\"x y\"', Z]}"
#define D      "{name: D.e, type: AAAA, values: ['2001:DB8:0::1']}"
#define W      "{name: '*', type: TXT, values: [wild]}"
#define ZONE_Y "kind: zone\nname: z\ndomain: example.org\nvisibility: private\nttl: 300\n"
#define ALL    A ", " C ", " T ", " D ", " W

static const struct {
	const char *update;
	int rcode;
	const char *records; /* as they are to be; NULL: unchanged */
} cases[] = {
	/* --- 2.4, 3.2: prerequisites. Each way to be and not to be. */
	{"P ANY 0 a.example.org A", 0, NULL},
	{"P ANY 0 A.EXAMPLE.org A", 0, NULL},
	{"P ANY 0 a.example.org AAAA", UPDATE_NXRRSET, NULL},
	{"P ANY 0 none.example.org A", UPDATE_NXRRSET, NULL},
	{"P ANY 0 a.example.org ANY", 0, NULL},
	{"P ANY 0 none.example.org ANY", UPDATE_NXDOMAIN, NULL},
	{"P ANY 0 e.example.org ANY", UPDATE_NXDOMAIN, NULL}, /* no records of its own */
	{"P ANY 0 x.example.org TXT", UPDATE_NXRRSET, NULL},  /* a wildcard is no answer here */
	{"P ANY 0 *.example.org TXT", 0, NULL},
	{"P NONE 0 a.example.org A", UPDATE_YXRRSET, NULL},
	{"P NONE 0 a.example.org MX", 0, NULL},
	{"P NONE 0 a.example.org ANY", UPDATE_YXDOMAIN, NULL},
	{"P NONE 0 none.example.org ANY", 0, NULL},
	{"P IN 0 a.example.org A 10.0.0.1\nP IN 0 a.example.org A 10.0.0.2", 0, NULL},
	{"P IN 0 a.example.org A 10.0.0.2\nP IN 0 A.example.org A 10.0.0.1", 0, NULL},
	{"P IN 0 a.example.org A 10.0.0.2\nP IN 0 a.example.org A 10.0.0.1\n"
	 "P IN 0 a.example.org A 10.0.0.1",
	 0, NULL},
	{"P IN 0 a.example.org A 10.0.0.1", UPDATE_NXRRSET, NULL}, /* one is missing */
	{"P IN 0 a.example.org A 10.0.0.1\nP IN 0 a.example.org A 10.0.0.3", UPDATE_NXRRSET, NULL},
	{"P IN 0 a.example.org A 10.0.0.1\nP IN 0 a.example.org A 10.0.0.1", UPDATE_NXRRSET, NULL},
	{"P IN 0 none.example.org A 10.0.0.1", UPDATE_NXRRSET, NULL},
	{"P IN 0 c.example.org CNAME WWW.example.com", 0, NULL},
	{"P IN 0 t.example.org TXT Z\nP IN 0 t.example.org TXT \"x y\"", 0, NULL},
	{"P IN 0 d.e.example.org AAAA 2001:db8::1", 0, NULL},
	/* The first that fails is told. */
	{"P NONE 0 a.example.org A\nP ANY 0 none.example.org ANY", UPDATE_YXRRSET, NULL},
	{"P IN 0 none.example.org A 10.0.0.1\nP ANY 0 none.example.org ANY", UPDATE_NXDOMAIN, NULL},
	/* Form. */
	{"P ANY 1 a.example.org A", UPDATE_FORMERR, NULL},
	{"P ANY 0 a.example.org A \\4", UPDATE_FORMERR, NULL},
	{"P NONE 0 a.example.org A \\4", UPDATE_FORMERR, NULL},
	{"P CH 0 a.example.org A 10.0.0.1", UPDATE_FORMERR, NULL},
	{"P IN 0 a.example.org AXFR", UPDATE_FORMERR, NULL},
	{"P ANY 0 a.example.com A", UPDATE_NOTZONE, NULL},
	{"P ANY 0 xexample.org A", UPDATE_NOTZONE, NULL},
	{"P ANY 0 org ANY", UPDATE_NOTZONE, NULL},
	/* What the system makes is there. */
	{"P ANY 0 example.org SOA", 0, NULL},
	{"P ANY 0 example.org NS\nP ANY 0 example.org ANY", 0, NULL},
	{"P NONE 0 example.org ANY", UPDATE_YXDOMAIN, NULL},
	{"P IN 0 example.org NS ns.example.org", 0, NULL},
	{"P IN 0 example.org NS ns2.example.org", UPDATE_NXRRSET, NULL},
	{"P ANY 0 api.example.org A\nP NONE 0 api.example.org AAAA", 0, NULL},
	{"P IN 0 api.example.org A 10.1.0.1", 0, NULL},
	{"P IN 0 api.example.org A 10.1.0.2", UPDATE_NXRRSET, NULL},

	/* --- 3.4.1: every change is looked at before any is made. */
	{"U IN 5 a.example.org ANY", UPDATE_FORMERR, NULL},
	{"U IN 5 a.example.org AXFR", UPDATE_FORMERR, NULL},
	{"U IN 5 a.example.org TYPE250", UPDATE_FORMERR, NULL},
	{"U ANY 5 a.example.org A", UPDATE_FORMERR, NULL},
	{"U ANY 0 a.example.org A 10.0.0.1", UPDATE_FORMERR, NULL},
	{"U ANY 0 a.example.org AXFR", UPDATE_FORMERR, NULL},
	{"U NONE 5 a.example.org A 10.0.0.1", UPDATE_FORMERR, NULL},
	{"U NONE 0 a.example.org ANY", UPDATE_FORMERR, NULL},
	{"U CH 0 a.example.org A 10.0.0.1", UPDATE_FORMERR, NULL},
	{"U IN 5 a.example.com A 10.0.0.1", UPDATE_NOTZONE, NULL},
	{"U IN 300 new.example.org A 10.0.0.9\nU IN 5 a.example.com A 10.0.0.1", UPDATE_NOTZONE,
	 NULL},
	{"P ANY 0 none.example.org ANY\nU IN 5 a.example.com A 10.0.0.1", UPDATE_NXDOMAIN, NULL},

	/* --- 3.4.2.2: adding. */
	{"U IN 300 new.example.org A 10.0.0.9", 0,
	 ALL ", {name: new, type: A, values: [10.0.0.9]}"},
	{"U IN 5 New.x.Example.org MX 10 Mail.example.org", 0,
	 ALL ", {name: new.x, type: MX, values: [10 mail.example.org.], ttl: 5}"},
	{"U IN 60 a.example.org A 10.0.0.3", 0,
	 "{name: a, type: A, ttl: 60, values: [10.0.0.1, 10.0.0.2, 10.0.0.3]}, " C ", " T ", " D
	 ", " W},
	{"U IN 60 a.example.org A 10.0.0.1", 0, NULL},
	{"U IN 61 a.example.org A 10.0.0.1", 0,
	 "{name: a, type: A, ttl: 61, values: [10.0.0.1, 10.0.0.2]}, " C ", " T ", " D ", " W},
	{"U IN 300 a.example.org A 10.0.0.1", 0,
	 "{name: a, type: A, values: [10.0.0.1, 10.0.0.2]}, " C ", " T ", " D ", " W},
	/* What the person wrote stays as it was written. */
	{"U IN 300 t.example.org TXT more", 0,
	 A ", " C ", {name: t, type: TXT, values: ['\"x y\"', Z, '\"more\"']}, " D ", " W},
	{"U IN 300 d.e.example.org AAAA 2001:db8::2", 0,
	 A ", " C ", " T ", {name: D.e, type: AAAA, values: ['2001:DB8:0::1', '2001:db8::2']}, " W},
	{"U IN 300 d.e.example.org AAAA 2001:db8::1", 0, NULL},
	{"U IN 300 *.sub.example.org TXT x", 0,
	 ALL ", {name: '*.sub', type: TXT, values: ['\"x\"']}"},
	{"U IN 300 example.org TXT v", 0, ALL ", {name: '@', type: TXT, values: ['\"v\"']}"},
	/* CNAME and others do not meet: ignored, both ways; one CNAME takes the place of another. */
	{"U IN 300 c.example.org A 10.0.0.9", 0, NULL},
	{"U IN 300 a.example.org CNAME x.example.org", 0, NULL},
	{"U IN 300 example.org CNAME x.example.org", 0, NULL},
	{"U IN 300 c.example.org CNAME x.example.org", 0,
	 A ", {name: c, type: CNAME, values: [x.example.org.]}, " T ", " D ", " W},
	{"U ANY 0 c.example.org CNAME\nU IN 300 c.example.org A 10.0.0.9", 0,
	 A ", " T ", " D ", " W ", {name: c, type: A, values: [10.0.0.9]}"},
	/* The SOA is the system's. */
	{"U IN 300 example.org SOA 99", 0, NULL},
	{"U IN 300 example.org SOA 100", 0, NULL},
	{"U IN 300 example.org SOA 101", UPDATE_REFUSED, NULL},
	/* What no document can say. */
	{"U IN 300 x.example.org TYPE99 \\3", UPDATE_REFUSED, NULL},
	{"U IN 300 a\\@b.example.org A 10.0.0.1", UPDATE_REFUSED, NULL},
	{"U IN 300 x.example.org CNAME a\\.b.example.org", UPDATE_REFUSED, NULL},
	{"U ANY 0 x.example.org TYPE99\nU NONE 0 a\\@b.example.org A 10.0.0.1", 0, NULL},

	/* --- 3.4.2.3: deleting a set, a name. */
	{"U ANY 0 a.example.org A", 0, C ", " T ", " D ", " W},
	{"U ANY 0 a.example.org AAAA", 0, NULL},
	{"U ANY 0 none.example.org A", 0, NULL},
	{"U ANY 0 d.E.example.org ANY", 0, A ", " C ", " T ", " W},
	{"U ANY 0 example.org ANY", 0, NULL},
	{"U ANY 0 example.org SOA", 0, NULL},
	{"U ANY 0 example.org NS", 0, NULL},
	/* --- 3.4.2.4: deleting a record. */
	{"U NONE 0 a.example.org A 10.0.0.1", 0,
	 "{name: a, type: A, ttl: 60, values: [10.0.0.2]}, " C ", " T ", " D ", " W},
	{"U NONE 0 a.example.org A 10.0.0.1\nU NONE 0 a.example.org A 10.0.0.2", 0,
	 C ", " T ", " D ", " W},
	{"U NONE 0 a.example.org A 10.0.0.7", 0, NULL},
	{"U NONE 0 example.org SOA 5", 0, NULL},
	/* In the order of the message. */
	{"U ANY 0 a.example.org A\nU IN 60 a.example.org A 10.0.0.9", 0,
	 "{name: a, type: A, ttl: 60, values: [10.0.0.9]}, " C ", " T ", " D ", " W},
	{"U IN 60 a.example.org A 10.0.0.9\nU ANY 0 a.example.org A", 0, C ", " T ", " D ", " W},
	{"U IN 300 n.example.org A 10.0.0.9\nU ANY 0 n.example.org ANY", 0, NULL},

	/* --- 3.3: names of the system are not for the bearer of a key. */
	{"U IN 300 api.example.org TXT x", UPDATE_REFUSED, NULL},
	{"U ANY 0 api.example.org ANY", UPDATE_REFUSED, NULL},
	{"U NONE 0 API.example.org A 10.1.0.1", UPDATE_REFUSED, NULL},
	{"U IN 300 new.example.org A 10.0.0.9\nU ANY 0 api.example.org A", UPDATE_REFUSED, NULL},
};

/* As the test's own documents, whatever the order of the members. */
static json_t *records_of(const char *text)
{
	char yaml[4096];
	json_t *docs, *records;

	snprintf(yaml, sizeof(yaml), ZONE_Y "records: [%s]\n", text);
	docs = documents(yaml);
	records = json_incref(json_object_get(json_array_get(docs, 0), "records"));
	json_decref(docs);
	return records;
}

static const struct record_set system_set[] = {
	{.name = "api", .values = "10.1.0.1", .n_values = 1, .type = RECORD_A, .ttl = 30}};

static void case_run(const char *had, const char *text, int rcode, const char *records)
{
	static struct update_rig rig;
	json_t *doc = json_pack("{s:s, s:s, s:s, s:s, s:i, s:o}", "kind", "zone", "name", "z",
				"domain", "example.org", "visibility", "private", "ttl", 300,
				"records", records_of(had)),
	       *before = json_deep_copy(doc), *after = NULL;
	struct update_zone z = {.doc = doc, .system = system_set, .n_system = 1, .serial = 100};
	struct err e;
	void *body;
	int r;

	assert_int_equal(body_parse(OBJECT_ZONE, doc, NULL, NULL, &body, &e), 0);
	z.zone = body;
	rig_read(&rig, text);
	r = update_make(&z, &rig.update, &after);
	if (r != rcode)
		fail_msg("%s\ngave %d, not %d", text, r, rcode);
	assert_true(json_equal(doc, before));
	if (!records != !after)
		fail_msg("%s\n%s", text, after ? "changed something" : "changed nothing");
	if (records) {
		json_t *want = records_of(records), *got = json_object_get(after, "records");
		void *again;

		if (!json_equal(want, got))
			fail_msg("%s\ngave %s", text, json_dumps(got, 0));
		assert_int_equal(body_parse(OBJECT_ZONE, after, NULL, NULL, &again, &e), 0);
		body_free(OBJECT_ZONE, again);
		json_decref(want);
	}
	json_decref(after);
	json_decref(before);
	json_decref(doc);
	body_free(OBJECT_ZONE, body);
}

static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		case_run(ALL, cases[i].update, cases[i].rcode, cases[i].records);
}

/* The zone's own name servers: they may come and go, but for the last. */
static void test_apex_ns(void **state)
{
#define NS1  "{name: '@', type: NS, values: [ns1.example.org]}"
#define NS12 "{name: '@', type: NS, values: [ns1.example.org, ns2.example.org.]}"
	case_run("", "U IN 300 example.org NS ns1.example.org", 0,
		 "{name: '@', type: NS, values: [ns1.example.org.]}");
	case_run(NS1, "U IN 300 example.org NS ns2.example.org", 0, NS12);
	case_run(NS12, "U NONE 0 example.org NS ns2.example.org", 0, NS1);
	case_run(NS1, "U NONE 0 example.org NS ns1.example.org", 0, NULL);
	case_run(NS12, "U ANY 0 example.org NS", 0, NULL);
	case_run(NS12 ", {name: '@', type: TXT, values: [x]}", "U ANY 0 example.org ANY", 0, NS12);
	case_run(NS1, "P IN 0 example.org NS ns1.example.org", 0, NULL);
	case_run(NS1, "P IN 0 example.org NS ns.example.org", UPDATE_NXRRSET, NULL);
	/* Elsewhere it is a record like others. */
	case_run("{name: sub, type: NS, values: [a.b]}",
		 "U NONE 0 sub.example.org NS a.b\n"
		 "U IN 300 x.example.org A 10.0.0.1",
		 0, "{name: x, type: A, values: [10.0.0.1]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_apex_ns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
