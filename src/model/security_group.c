/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/field.h"
#include "model/limits.h"

#include <stdlib.h>
#include <string.h>

struct rule_reading {
	const struct reading *rd;
	struct group_rule *rule;
};

static int protocol_check(const json_t *v, void *arg, struct err *e)
{
	static const char *const words[] = {
		[PROTOCOL_ANY] = "any",	  [PROTOCOL_TCP] = "tcp",     [PROTOCOL_UDP] = "udp",
		[PROTOCOL_ICMP] = "icmp", [PROTOCOL_ICMP + 1] = NULL,
	};
	int r = schema_word(e, v, words);

	if (r >= 0)
		((struct rule_reading *)arg)->rule->protocol = (enum protocol)r;
	return r < 0 ? r : 0;
}

/* Digits, without sign or leading zeros, up to 65535; *text is moved behind them. -1 if it is none. */
static int32_t port_read(const char **text)
{
	const char *p = *text;
	int32_t value = 0;

	if (*p < '1' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (*p - '0');
		if (value > 65535)
			return -1;
	}
	*text = p;
	return value;
}

static int ports_text(const json_t *v, struct group_rule *rule, struct err *e)
{
	const char *text = json_string_value(v), *p = text;
	int32_t first = port_read(&p), last = first;
	char quoted[64];

	str_quote(quoted, sizeof(quoted), text, json_string_length(v));
	if (first > 0 && *p == '-') {
		p++;
		last = port_read(&p);
	}
	if (first < 0 || last < 0 || (size_t)(p - text) != json_string_length(v))
		return err_set(e, ERR_INVALID, NULL,
			       "\"%s\" is no port from 1 to 65535, and no range of them like "
			       "\"8000-8100\"",
			       quoted);
	if (last < first)
		return err_set(e, ERR_INVALID, NULL, "\"%s\" ends before it begins", quoted);
	rule->port_first = (uint16_t)first;
	rule->port_last = (uint16_t)last;
	return 0;
}

static int ports_check(const json_t *v, void *arg, struct err *e)
{
	struct group_rule *rule = ((struct rule_reading *)arg)->rule;
	int r;

	if (json_is_string(v))
		return ports_text(v, rule, e);
	if (!json_is_integer(v))
		return err_set(e, ERR_INVALID, NULL,
			       "must be a port (443) or a range of ports (\"8000-8100\")");
	r = schema_integer_in(e, v, 1, 65535);
	if (r == 0)
		rule->port_first = rule->port_last = (uint16_t)json_integer_value(v);
	return r;
}

static int rule_ranges_check(const json_t *v, void *arg, struct err *e)
{
	struct group_rule *rule = ((struct rule_reading *)arg)->rule;

	return field_prefixes(v, limit_get(LIMIT_RULE_RANGES), "a rule has", &rule->ranges,
			      &rule->n_ranges, e);
}

static int rule_groups_check(const json_t *v, void *arg, struct err *e)
{
	struct rule_reading *rr = arg;
	size_t n = json_array_size(v), max = limit_get(LIMIT_RULE_GROUPS);

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; a rule has at most %zu groups", n, max);
	rr->rule->groups = calloc(n ? n : 1, sizeof(struct object *));
	if (!rr->rule->groups)
		return field_no_memory(e);
	for (size_t i = 0; i < n; i++) {
		int r = field_ref_item(rr->rd, OBJECT_SECURITY_GROUP, v, i, &rr->rule->groups[i],
				       e);
		if (r < 0)
			return r;
	}
	rr->rule->n_groups = n;
	return 0;
}

static const struct schema_field rule_fields[] = {
	{"protocol", SCHEMA_STRING, true, protocol_check},
	{"ports", SCHEMA_ANY, false, ports_check},
	{"ranges", SCHEMA_LIST, false, rule_ranges_check},
	{"groups", SCHEMA_LIST, false, rule_groups_check},
	{0},
};

static int rule_read(const struct reading *rd, const json_t *item, struct group_rule *rule,
		     struct err *e)
{
	struct rule_reading rr = {rd, rule};
	bool has_ports;
	int r;

	if (!json_is_object(item))
		return schema_wrong_type(e, NULL, SCHEMA_OBJECT, item);
	rule->port_last = UINT16_MAX;
	r = schema_check(item, rule_fields, &rr, e);
	if (r < 0)
		return r;
	has_ports = json_object_get(item, "ports");
	if (has_ports && rule->protocol != PROTOCOL_TCP && rule->protocol != PROTOCOL_UDP)
		return err_set(e, ERR_INVALID, "ports", "only tcp and udp have ports, not %s",
			       json_string_value(json_object_get(item, "protocol")));
	if (rule->n_ranges + rule->n_groups == 0)
		return err_set(e, ERR_INVALID, NULL,
			       "must name the other end, by ranges, groups or both; "
			       "\"0.0.0.0/0\" and \"::/0\" are everyone");
	return 0;
}

static int rules_read(const struct reading *rd, const json_t *list, struct group_rule **ret_rules,
		      size_t *ret_n, struct err *e)
{
	size_t n = json_array_size(list), max = limit_get(LIMIT_RULES);

	if (n > max)
		return err_set(e, ERR_TOO_LARGE, NULL,
			       "has %zu items; a security group has at most %zu rules in each "
			       "direction",
			       n, max);
	*ret_rules = calloc(n ? n : 1, sizeof(**ret_rules));
	if (!*ret_rules)
		return field_no_memory(e);
	*ret_n = n; /* half-read rules are freed too */
	for (size_t i = 0; i < n; i++) {
		int r = rule_read(rd, json_array_get(list, i), &(*ret_rules)[i], e);
		if (r < 0)
			return field_under_index(e, i, r);
	}
	return 0;
}

static int network_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;

	return field_ref(rd, OBJECT_NETWORK, v, &((struct security_group *)rd->body)->network, e);
}

static size_t ranges_count(const struct group_rule *rules, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += rules[i].n_ranges;
	return count;
}

/* Each change of a group replaces all of its network's ruleset, as one transaction of the kernel's. */
static int ranges_check(const struct security_group *g, struct err *e)
{
	size_t n = ranges_count(g->ingress, g->n_ingress) + ranges_count(g->egress, g->n_egress);
	size_t max = limit_get(LIMIT_GROUP_RANGES);

	if (n <= max)
		return 0;
	return err_set(e, ERR_TOO_LARGE, NULL,
		       "the rules of this security group have %zu ranges together; a security "
		       "group has at most %zu, so join ranges or divide them among several groups",
		       n, max);
}

static int ingress_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;
	struct security_group *g = rd->body;
	int r = rules_read(rd, v, &g->ingress, &g->n_ingress, e);

	return r < 0 ? r : ranges_check(g, e);
}

static int egress_check(const json_t *v, void *arg, struct err *e)
{
	struct reading *rd = arg;
	struct security_group *g = rd->body;
	int r;

	g->egress_open = false;
	r = rules_read(rd, v, &g->egress, &g->n_egress, e);
	return r < 0 ? r : ranges_check(g, e);
}

static void group_init(void *body)
{
	((struct security_group *)body)->egress_open = true;
}

static void rules_free(struct group_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(rules[i].ranges);
		free(rules[i].groups);
	}
	free(rules);
}

static void group_done(void *body)
{
	struct security_group *g = body;

	rules_free(g->ingress, g->n_ingress);
	rules_free(g->egress, g->n_egress);
}

static int rules_each_ref(const char *list, const struct group_rule *rules, size_t n, ref_fn *fn,
			  void *arg)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < rules[i].n_groups; j++) {
			int r = fn(&(struct ref){rules[i].groups[j], list, "groups", i, j}, arg);
			if (r)
				return r;
		}
	}
	return 0;
}

static int group_each_ref(const void *body, ref_fn *fn, void *arg)
{
	const struct security_group *g = body;
	int r = fn(&(struct ref){g->network, NULL, "network", 0, REF_NONE}, arg);

	if (r == 0)
		r = rules_each_ref("ingress", g->ingress, g->n_ingress, fn, arg);
	if (r == 0)
		r = rules_each_ref("egress", g->egress, g->n_egress, fn, arg);
	return r;
}

static const struct schema_field group_fields[] = {
	{"kind", SCHEMA_STRING, true, field_kind},
	{"name", SCHEMA_STRING, true, field_name},
	{"network", SCHEMA_STRING, true, network_check},
	{"ingress", SCHEMA_LIST, false, ingress_check},
	{"egress", SCHEMA_LIST, false, egress_check},
	{0},
};

const struct body_type security_group_type = {
	.size = sizeof(struct security_group),
	.fields = group_fields,
	.init = group_init,
	.done = group_done,
	.each_ref = group_each_ref,
};
