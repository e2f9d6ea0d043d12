/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every rule of the kind cluster: what is accepted, and for what is not the code, the field and the sentence. */
#include "model/cluster.h"

#include "model/document.h"
#include "model/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define UP	 "upstreams: [{address: 10.0.0.5}]\n"
#define PUB	 "public: {fqdn: a.example.org}\n"
#define HEAD	 "kind: cluster\nname: a\n"
#define GOOD	 HEAD UP PUB
#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"
#define PEM	 "-----BEGIN CERTIFICATE-----\\nx\\n-----END CERTIFICATE-----\\n"

static json_t *yaml(const char *text)
{
	json_t *list = NULL;
	struct err e = {0};

	if (document_parse(text, strlen(text), DOCUMENT_YAML, &list, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	assert_int_equal(json_array_size(list), 1);
	json_t *doc = json_incref(json_array_get(list, 0));
	json_decref(list);
	return doc;
}

static const struct {
	const char *text;
	enum err_code code;
	const char *path, *says;
} bad[] = {
	{"kind: clusters\nname: a\n" UP PUB, ERR_INVALID, "kind", "must be cluster"},
	{"name: a\n" UP PUB, ERR_INVALID, "kind", "required"},
	{"kind: cluster\n" UP PUB, ERR_INVALID, "name", "required"},
	{"kind: cluster\nname: 7\n" UP PUB, ERR_INVALID, "name", "a string, not the integer 7"},
	{"kind: cluster\nname: A\n" UP PUB, ERR_INVALID, "name", "RFC 1123"},
	{"kind: cluster\nname: a-\n" UP PUB, ERR_INVALID, "name", "RFC 1123"},
	{"kind: cluster\nname: a/../b\n" UP PUB, ERR_INVALID, "name", "RFC 1123"},
	{"kind: cluster\nname: \"\"\n" UP PUB, ERR_INVALID, "name", "1 to 63"},
	{GOOD "pubic: {}\n", ERR_INVALID, "pubic", "did you mean public?"},
	{GOOD "zzzzzz: {}\n", ERR_INVALID, "zzzzzz", "the fields are kind, name, upstreams"},
	{GOOD "drain: null\n", ERR_INVALID, "drain", "leave the field out"},

	{HEAD PUB, ERR_INVALID, "upstreams", "required"},
	{HEAD PUB "upstreams: []\n", ERR_INVALID, "upstreams", "1 to 16 items, not 0"},
	{HEAD PUB "upstreams: {}\n", ERR_INVALID, "upstreams", "must be a list, not an object"},
	{HEAD PUB "upstreams: [x]\n", ERR_INVALID, "upstreams[0]", "must be an object"},
	{HEAD PUB "upstreams: [{port: 1}]\n", ERR_INVALID, "upstreams[0].address", "required"},
	{HEAD PUB "upstreams: [{address: api.local}]\n", ERR_INVALID, "upstreams[0].address",
	 "no IP address"},
	{HEAD PUB "upstreams: [{address: 10.0.0.5, port: 0}]\n", ERR_INVALID, "upstreams[0].port",
	 "from 1 to 65535, not 0"},
	{HEAD PUB "upstreams: [{address: 10.0.0.5, port: 65536}]\n", ERR_INVALID,
	 "upstreams[0].port", "65535"},
	{HEAD PUB "upstreams: [{address: 10.0.0.5, port: \"443\"}]\n", ERR_INVALID,
	 "upstreams[0].port", "an integer, not the string \"443\""},
	{HEAD PUB "upstreams: [{address: 10.0.0.5}, {address: 10.0.0.5, port: 6443}]\n",
	 ERR_INVALID, "upstreams[1]", "already, as item 0"},
	{HEAD PUB "upstreams: [{address: 10.0.0.5, prot: 1}]\n", ERR_INVALID, "upstreams[0].prot",
	 "did you mean port?"},

	{HEAD UP, ERR_INVALID, "public", "required"},
	{HEAD UP "public: {}\n", ERR_INVALID, "public.fqdn", "required"},
	{HEAD UP "public: {fqdn: \"*.a.b\"}\n", ERR_INVALID, "public.fqdn", "wildcard"},
	{HEAD UP "public: {fqdn: 10.0.0.1}\n", ERR_INVALID, "public.fqdn", "is an address"},
	{HEAD UP "public: {fqdn: \"a b\"}\n", ERR_INVALID, "public.fqdn", "no DNS name"},
	{HEAD UP "public: {fqdn: a..b}\n", ERR_INVALID, "public.fqdn", "no DNS name"},
	{HEAD UP "public: {fqdn: -a.b}\n", ERR_INVALID, "public.fqdn", "no DNS name"},
	{HEAD UP "public: {fqdn: a.b, enabled: \"no\"}\n", ERR_INVALID, "public.enabled",
	 "true or false"},
	{HEAD UP "public: {fqdn: a.b, names: [A.B]}\n", ERR_INVALID, "public.names[0]", "already"},
	{HEAD UP "public: {fqdn: a.b, names: [\"a.*.b\"]}\n", ERR_INVALID, "public.names[0]",
	 "whole first label"},
	{HEAD UP "public: {fqdn: a.b, names: [x.y, 7]}\n", ERR_INVALID, "public.names[1]",
	 "a string"},
	{HEAD UP "public: {fqdn: a.b, ranges: 10.0.0.0/8}\n", ERR_INVALID, "public.ranges",
	 "a list"},
	{HEAD UP "public: {fqdn: a.b, ranges: [10.0.0.0/8, 10.0.0.1/8]}\n", ERR_INVALID,
	 "public.ranges[1]", "host bits"},
	{HEAD UP "public: {fqdn: a.b, ranges: [10.0.0.0/33]}\n", ERR_INVALID, "public.ranges[0]",
	 "32"},
	{HEAD UP "public: {fqdn: a.b, ranges: [\"2001:db8::1/64\"]}\n", ERR_INVALID,
	 "public.ranges[0]", "host bits"},
	{HEAD UP "public: {fqdn: a.b, ranges: [office]}\n", ERR_INVALID, "public.ranges[0]",
	 "office"},
	{HEAD UP "public: {fqdn: a.b, ranges: [10.0.0.0/8, 1.2.3.4, 9.0.0.0/8, 1.2.3.4/32]}\n",
	 ERR_INVALID, "public.ranges[3]", "already, as item 1"},

	{GOOD "private: {kind: interfaces, placements: [{subnet: A}]}\n", ERR_INVALID,
	 "private.placements[0].subnet", "RFC 1123"},
	{GOOD "private: {kind: magic}\n", ERR_INVALID, "private.kind", "must be one of none"},
	{GOOD "dns: {zone: own}\n", ERR_INVALID, "dns.ownZone", "is required, since zone is own"},
	{GOOD "dns: {zone: system, ownZone: z}\n", ERR_INVALID, "dns.ownZone", "zone: own only"},
	{GOOD "dns: {zone: own, ownZone: z.}\n", ERR_INVALID, "dns.ownZone", "RFC 1123"},
	{GOOD "dns: {privateFqdn: api.a.b}\n", ERR_INVALID, "dns.privateFqdn", "needs a zone"},
	{GOOD "dns: {zone: system, privateFqdn: api.b}\n", ERR_INVALID, "dns.privateFqdn",
	 "at least 3 labels"},
	{GOOD "dns: {zone: system, privateFqdn: \"*.a.b\"}\n", ERR_INVALID, "dns.privateFqdn",
	 "wildcard"},
	{HEAD UP "public: {fqdn: a.b, enabled: false}\ndns: {publicName: false}\n", ERR_INVALID,
	 "dns.publicName", "without any name"},
	{HEAD UP "public: {fqdn: a}\ndns: {zone: system}\n", ERR_INVALID, "dns.privateFqdn",
	 "one label only"},
	{GOOD "dns: {publicName: none}\n", ERR_INVALID, "dns.publicName", "true or false"},
	{GOOD "command: {enabled: true}\n", ERR_UNSUPPORTED, "command.enabled", "not built"},
	{GOOD "drain: -1\n", ERR_INVALID, "drain", "0 to 86400"},
	{GOOD "drain: 1.5\n", ERR_INVALID, "drain", "an integer"},
	{GOOD "limits: {connections: -1}\n", ERR_INVALID, "limits.connections", "from 0"},
	{GOOD "limits: {connectionsPerSource: x}\n", ERR_INVALID, "limits.connectionsPerSource",
	 "an integer"},
	{GOOD "health: {kind: http}\n", ERR_INVALID, "health.kind", "one of tls, tcp, none"},
	{GOOD "health: {interval: 0}\n", ERR_INVALID, "health.interval", "0.1 to 3600"},
	{GOOD "health: {timeout: 1e9}\n", ERR_INVALID, "health.timeout", "3600"},
	{GOOD "connectTimeout: 0\n", ERR_INVALID, "connectTimeout", "0.1"},
	{GOOD "proxyProtocol: v1\n", ERR_INVALID, "proxyProtocol", "one of off, v2"},
	{GOOD "proxyProtocol: true\n", ERR_INVALID, "proxyProtocol", "a string"},
	{GOOD "certificateAuthority: hello\n", ERR_INVALID, "certificateAuthority", "PEM"},
	{GOOD "certificateAuthority: \"" PEM "-----BEGIN PRIVATE KEY-----\"\n", ERR_INVALID,
	 "certificateAuthority", "private key"},

	{"kind: 7\nname: a\n" UP PUB, ERR_INVALID, "kind", "a string, not the integer 7"},
	{"kind: cluster\nname: " LABEL_63 "x\n" UP PUB, ERR_INVALID, "name",
	 "1 to 63 characters, not 64"},
	{HEAD PUB "upstreams: [{address: 10}]\n", ERR_INVALID, "upstreams[0].address", "a string"},
	{HEAD PUB "upstreams: [{address: \"[::1]\"}]\n", ERR_INVALID, "upstreams[0].address",
	 "no IP address"},
	{HEAD PUB "upstreams: [{address: \"10.0.0.5:6443\"}]\n", ERR_INVALID,
	 "upstreams[0].address", "no IP address"},
	{HEAD PUB "upstreams: [{address: \"fe80::1%eth0\"}]\n", ERR_INVALID, "upstreams[0].address",
	 "no IP address"},
	{HEAD PUB "upstreams: [{address: 10.0.0.5}, {address: \"::ffff:10.0.0.5\"}]\n", ERR_INVALID,
	 "upstreams[1]", "10.0.0.5:6443 is in the list already, as item 0"},
	{HEAD UP "public: []\n", ERR_INVALID, "public", "an object, not a list"},
	{HEAD UP "public: {fqdn: a.b, range: []}\n", ERR_INVALID, "public.range",
	 "did you mean ranges?"},
	{HEAD UP "public: {fqdn: 7}\n", ERR_INVALID, "public.fqdn", "a string, not the integer 7"},
	{HEAD UP "public: {fqdn: \"\"}\n", ERR_INVALID, "public.fqdn", "1 to 253 characters"},
	{HEAD UP "public: {fqdn: " LABEL_63 "x.org}\n", ERR_INVALID, "public.fqdn", "no DNS name"},
	{HEAD UP "public: {fqdn: " LABEL_63 "." LABEL_63 "." LABEL_63
		 ".a23456789.a234567890123456789012345678901234567890123456789.xx}\n",
	 ERR_INVALID, "public.fqdn", "1 to 253 characters"},
	{HEAD UP "public: {fqdn: a.b-}\n", ERR_INVALID, "public.fqdn", "no DNS name"},
	{HEAD UP "public: {fqdn: \"2001:db8::1\"}\n", ERR_INVALID, "public.fqdn", "is an address"},
	{HEAD UP "public: {fqdn: a.b, names: x.y}\n", ERR_INVALID, "public.names", "a list"},
	{HEAD UP "public: {fqdn: a.b, names: [\"*\"]}\n", ERR_INVALID, "public.names[0]",
	 "whole first label"},
	{HEAD UP "public: {fqdn: a.b, names: [\"*.X.y\", \"*.x.Y.\"]}\n", ERR_INVALID,
	 "public.names[1]", "\"*.x.y\" is one of the cluster's names already"},
	{HEAD UP "public: {fqdn: a.b, names: [10.0.0.1]}\n", ERR_INVALID, "public.names[0]",
	 "is an address"},
	{HEAD UP "public: {fqdn: a.b, ranges: [1.2.3.4, 7]}\n", ERR_INVALID, "public.ranges[1]",
	 "a string, not the integer 7"},
	{HEAD UP "public: {fqdn: a.b, ranges: [\"\"]}\n", ERR_INVALID, "public.ranges[0]",
	 "not an IPv4 or IPv6 prefix"},
	{HEAD UP "public: {fqdn: a.b, ranges: [\" 10.0.0.0/8\"]}\n", ERR_INVALID,
	 "public.ranges[0]", "white space"},
	{HEAD UP "public: {fqdn: a.b, ranges: [0.0.0.0/0, 1.1.1.1, 2.2.2.2, 2.2.2.2, 1.1.1.1]}\n",
	 ERR_INVALID, "public.ranges[3]", "2.2.2.2/32 is in the list already, as item 2"},
	{HEAD UP "public: {fqdn: a.b, ranges: [1.1.1.1, 1.1.1.1, 1.1.1.1]}\n", ERR_INVALID,
	 "public.ranges[1]", "as item 0"},
	{HEAD UP "public: {fqdn: a.b, ranges: [10.0.0.0/8, \"::ffff:10.0.0.0/104\"]}\n",
	 ERR_INVALID, "public.ranges[1]", "as item 0"},

	{GOOD "private: none\n", ERR_INVALID, "private", "an object, not the string \"none\""},
	{GOOD "private: {interfaces: []}\n", ERR_INVALID, "private.interfaces",
	 "the fields are kind"},
	{GOOD "dns: {zone: example.org}\n", ERR_INVALID, "dns.zone", "one of none, system, own"},
	{GOOD "dns: {zones: none}\n", ERR_INVALID, "dns.zones", "did you mean zone?"},
	{GOOD "command: {enabled: 0}\n", ERR_INVALID, "command.enabled", "true or false"},
	{GOOD "command: {allow: []}\n", ERR_INVALID, "command.allow", "not a field"},
	{GOOD "drain: 86401\n", ERR_INVALID, "drain", "from 0 to 86400, not 86401"},
	{GOOD "drain: 5s\n", ERR_INVALID, "drain", "an integer, not the string \"5s\""},
	{GOOD "limits: 5\n", ERR_INVALID, "limits", "an object"},
	{GOOD "limits: {connections: 2147483648}\n", ERR_INVALID, "limits.connections",
	 "to 2147483647"},
	{GOOD "limits: {connectionsPerSource: -1}\n", ERR_INVALID, "limits.connectionsPerSource",
	 "from 0"},
	{GOOD "limits: {connection: 1}\n", ERR_INVALID, "limits.connection",
	 "did you mean connections?"},
	{GOOD "health: {kind: null}\n", ERR_INVALID, "health.kind", "leave the field out"},
	{GOOD "health: {interval: 0.09}\n", ERR_INVALID, "health.interval", "0.1 to 3600 seconds"},
	{GOOD "health: {interval: 3600.5}\n", ERR_INVALID, "health.interval",
	 "0.1 to 3600 seconds"},
	{GOOD "health: {timeout: -1}\n", ERR_INVALID, "health.timeout", "not -1"},
	{GOOD "health: {timeout: 2s}\n", ERR_INVALID, "health.timeout", "a number, not the string"},
	{GOOD "health: {path: /livez}\n", ERR_INVALID, "health.path",
	 "the fields are kind, interval"},
	{GOOD "connectTimeout: 3601\n", ERR_INVALID, "connectTimeout", "not 3601"},
	{GOOD "connectTimeout: [5]\n", ERR_INVALID, "connectTimeout", "a number, not a list"},
	{GOOD "proxyProtocol: false\n", ERR_INVALID, "proxyProtocol", "a string, not false"},
	{GOOD "certificateAuthority: 7\n", ERR_INVALID, "certificateAuthority", "a string"},
	/* Whoever pastes the wrong file should learn what it was. */
	{GOOD "certificateAuthority: \"-----BEGIN EC PRIVATE KEY-----\"\n", ERR_INVALID,
	 "certificateAuthority", "private key"},
};

static void check_accepted(const char *text)
{
	json_t *doc = yaml(text);
	struct cluster c;
	struct err e = {0};

	if (cluster_from_json(doc, false, &c, &e) < 0)
		fail_msg("%s\nwas refused at '%s': %s", text, e.path, e.text);
	cluster_done(&c);
	json_decref(doc);
}

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *doc = yaml(bad[i].text);
		struct cluster c;
		struct err e = {0};

		int r = cluster_from_json(doc, false, &c, &e);
		if (r != -(int)bad[i].code || strcmp(e.path, bad[i].path) != 0 ||
		    !strstr(e.text, bad[i].says))
			fail_msg("%s\ngave %d at '%s': %s", bad[i].text, r, e.path, e.text);
		json_decref(doc);
	}
}

/* Lists one longer than they may be, and a text that is too long. */
static void check_too_many(const char *text, enum err_code code, const char *path, const char *says)
{
	json_t *doc = yaml(text);
	struct cluster c;
	struct err e = {0};

	assert_int_equal(cluster_from_json(doc, false, &c, &e), -(int)code);
	assert_string_equal(e.path, path);
	if (!strstr(e.text, says))
		fail_msg("\"%s\" does not say \"%s\"", e.text, says);
	json_decref(doc);
}

static void test_bounds(void **state)
{
	static char text[100000];
	size_t n;

	for (int count = 16; count <= 17; count++) {
		n = (size_t)snprintf(text, sizeof(text), HEAD PUB "upstreams:\n");
		for (int i = 0; i < count; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
					      "- {address: 10.0.0.%d}\n", i);
		if (count == 16)
			check_accepted(text);
		else
			check_too_many(text, ERR_TOO_LARGE, "upstreams", "at most 16 upstreams");
	}
	for (int count = 63; count <= 64; count++) {
		n = (size_t)snprintf(text, sizeof(text),
				     HEAD UP "public:\n  fqdn: a.b\n  names:\n");
		for (int i = 0; i < count; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "  - n%d.org\n", i);
		if (count == 63)
			check_accepted(text);
		else
			check_too_many(text, ERR_TOO_LARGE, "public.names", "63 besides its fqdn");
	}
	n = (size_t)snprintf(text, sizeof(text), GOOD "certificateAuthority: \"" PEM);
	memset(text + n, 'x', 65536);
	memcpy(text + n + 65536, "\"\n", 3);
	check_too_many(text, ERR_INVALID, "certificateAuthority", "at most 65536 bytes");
}

/* The last values that are still good. */
static void test_extremes(void **state)
{
	static const char *const good[] = {
		"kind: cluster\nname: " LABEL_63 "\n" UP PUB,
		"kind: cluster\nname: \"0\"\n" UP PUB,
		HEAD PUB "upstreams: [{address: 10.0.0.5, port: 1}]\n",
		HEAD PUB "upstreams: [{address: 10.0.0.5, port: 65535}]\n",
		HEAD PUB "upstreams: [{address: 10.0.0.5}, {address: 10.0.0.5, port: 1}]\n",
		HEAD UP "public: {fqdn: " LABEL_63 "." LABEL_63 "." LABEL_63 ".a23456789."
			"a234567890123456789012345678901234567890123456789.x}\n",
		HEAD UP "public: {fqdn: localhost}\n",
		HEAD UP "public: {fqdn: a_b.c.}\n",
		HEAD UP "public: {fqdn: a.b, names: []}\n",
		HEAD UP "public: {fqdn: a.b, ranges: [0.0.0.0/0, \"::/0\"]}\n",
		HEAD UP "public: {fqdn: a.b, ranges: [10.0.0.0/8, 10.0.0.0/9]}\n",
		GOOD "private: {}\ndns: {}\ncommand: {}\nlimits: {}\nhealth: {}\n",
		GOOD "drain: 86400\n",
		GOOD "limits: {connections: 2147483647}\n",
		GOOD "health: {interval: 0.1, timeout: 3600}\n",
		GOOD "connectTimeout: 3600\n",
		GOOD "proxyProtocol: off\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		check_accepted(good[i]);
}

static void test_defaults(void **state)
{
	json_t *doc = yaml(GOOD);
	struct cluster c;
	struct err e;

	assert_int_equal(cluster_from_json(doc, false, &c, &e), 0);
	assert_string_equal(c.name, "a");
	assert_true(c.public_enabled && c.public_open);
	assert_int_equal(c.upstreams[0].port, 6443);
	assert_int_equal(c.connect_timeout_ms, 5000);
	assert_int_equal(c.health_kind, HEALTH_TLS);
	assert_int_equal(c.health_interval_ms, 5000);
	assert_int_equal(c.health_timeout_ms, 2000);
	assert_true(!c.drain_s && !c.max_connections && !c.max_per_source && !c.proxy_v2 &&
		    !c.ca_pem);
	cluster_done(&c);
	json_decref(doc);
}

static void test_everything_set(void **state)
{
	json_t *doc = yaml(
		HEAD "upstreams: [{address: \"2001:db8::5\", port: 443}, {address: 10.0.0.6}]\n"
		     "public:\n  enabled: false\n  fqdn: Prod.Example.ORG.\n"
		     "  names: [\"*.X.org\", y.org]\n  ranges: [10.0.0.0/8, \"2001:db8::/32\"]\n"
		     "private: {kind: none}\ndns: {zone: none}\ncommand: {enabled: false}\n"
		     "drain: 30\nlimits: {connections: 5, connectionsPerSource: 2}\n"
		     "health: {kind: tcp, interval: 0.5, timeout: 1}\nconnectTimeout: 2.5\n"
		     "proxyProtocol: v2\ncertificateAuthority: \"" PEM "\"\n");
	struct cluster c;
	struct err e = {0};

	assert_int_equal(cluster_from_json(doc, true, &c, &e), 0);
	assert_false(c.public_enabled || c.public_open);
	assert_int_equal(c.n_upstreams, 2);
	assert_int_equal(c.upstreams[0].addr.family, ADDR_V6);
	assert_int_equal(c.n_ranges, 2);
	assert_int_equal(c.n_server_names, 3);
	assert_string_equal(c.server_names[0], "prod.example.org");
	assert_string_equal(c.server_names[1], "*.x.org");
	assert_int_equal(c.drain_s, 30);
	assert_int_equal(c.max_connections, 5);
	assert_int_equal(c.max_per_source, 2);
	assert_int_equal(c.health_kind, HEALTH_TCP);
	assert_int_equal(c.health_interval_ms, 500);
	assert_int_equal(c.connect_timeout_ms, 2500);
	assert_true(c.proxy_v2 && c.ca_pem);
	cluster_done(&c);
	json_decref(doc);
}

/* An empty list and an absent one are different things. */
static void test_empty_ranges_are_nobody(void **state)
{
	json_t *doc = yaml(HEAD UP "public: {fqdn: a.b, ranges: []}\n");
	struct cluster c;
	struct err e;

	assert_int_equal(cluster_from_json(doc, false, &c, &e), 0);
	assert_false(c.public_open);
	assert_int_equal(c.n_ranges, 0);
	cluster_done(&c);
	json_decref(doc);
}

static void test_shared_name(void **state)
{
	json_t *a = yaml(HEAD UP "public: {fqdn: a.b, names: [c.d]}\n");
	json_t *b = yaml(HEAD UP "public: {fqdn: x.y, names: [C.D]}\n");
	struct cluster ca, cb;
	struct err e;

	assert_int_equal(cluster_from_json(a, false, &ca, &e), 0);
	assert_int_equal(cluster_from_json(b, false, &cb, &e), 0);
	assert_string_equal(cluster_shared_name(&ca, &cb), "c.d");
	cluster_done(&cb);
	json_decref(b);
	b = yaml(HEAD UP
		 "public: {fqdn: x.y, names: [\"*.b\"]}\n"); /* exact and wildcard are two names */
	assert_int_equal(cluster_from_json(b, false, &cb, &e), 0);
	assert_null(cluster_shared_name(&ca, &cb));
	cluster_done(&ca);
	cluster_done(&cb);
	json_decref(a);
	json_decref(b);
}

static void test_no_object(void **state)
{
	json_t *doc = json_array();
	struct cluster c;
	struct err e = {0};

	assert_int_equal(cluster_from_json(doc, true, &c, &e), -ERR_INVALID);
	assert_string_equal(e.path, "");
	assert_string_equal(e.text, "must be an object, not a list");
	/* Whoever does not care may say so. */
	assert_int_equal(cluster_from_json(doc, true, &c, NULL), -ERR_INVALID);
	json_decref(doc);
	cluster_done(NULL);
}

/* A million prefixes pass, and one repeated at the end is found. */
static void test_million_ranges(void **state)
{
	json_t *doc = yaml(HEAD UP "public: {fqdn: a.b, ranges: []}\n");
	json_t *ranges = json_object_get(json_object_get(doc, "public"), "ranges");
	struct cluster c;
	struct err e = {0};
	char text[32];

	for (uint32_t i = 0; i < 1000000; i++) {
		snprintf(text, sizeof(text), "%u.%u.%u.%u", 1 + (i >> 20), i >> 12 & 255,
			 i >> 4 & 255, (i & 15) * 16);
		json_array_append_new(ranges, json_string(text));
	}
	clock_t start = clock();
	double took_ms;

	assert_int_equal(cluster_from_json(doc, false, &c, &e), 0);
	assert_int_equal(c.n_ranges, 1000000);
	took_ms = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC;
	print_message("a million ranges checked in %.0f ms CPU\n", took_ms);
	/* Generous: only a wrong approach is caught, not a slow machine. */
	assert_true(took_ms < 15000);
	cluster_done(&c);
	json_array_set_new(ranges, 999999, json_string("1.0.0.16"));
	assert_int_equal(cluster_from_json(doc, false, &c, &e), -ERR_INVALID);
	assert_string_equal(e.path, "public.ranges[999999]");
	assert_non_null(strstr(e.text, "item 1"));
	json_array_append_new(ranges, json_string("2.2.2.2"));
	assert_int_equal(cluster_from_json(doc, false, &c, &e), -ERR_TOO_LARGE);
	json_decref(doc);
}

static void test_cloud_profile(void **state)
{
	json_t *doc = yaml(HEAD UP "public: {fqdn: a.b, ranges: []}\n");
	json_t *ranges = json_object_get(json_object_get(doc, "public"), "ranges");
	struct cluster c;
	struct err e = {0};
	char text[32];

	for (uint32_t i = 0; i <= 200; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		json_array_append_new(ranges, json_string(text));
	}
	assert_int_equal(cluster_from_json(doc, false, &c, &e), 0);
	cluster_done(&c);
	limit_profile_set(PROFILE_CLOUD);
	assert_int_equal(cluster_from_json(doc, false, &c, &e), -ERR_TOO_LARGE);
	assert_non_null(strstr(e.text, "200"));
	limit_profile_set(PROFILE_OPEN);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_no_object),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything_set),
		cmocka_unit_test(test_empty_ranges_are_nobody),
		cmocka_unit_test(test_shared_name),
		cmocka_unit_test(test_million_ranges),
		cmocka_unit_test(test_cloud_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
