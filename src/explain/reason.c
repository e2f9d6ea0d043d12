/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "explain/reason.h"

#include "base/cleanup.h"

#include <stddef.h>

const char *kind_words(enum object_kind kind)
{
	static const char *const words[OBJECT_KIND_COUNT] = {
		[OBJECT_NETWORK] = "network",
		[OBJECT_SUBNET] = "subnet",
		[OBJECT_ROUTE_TABLE] = "route table",
		[OBJECT_INTERNET_GATEWAY] = "internet gateway",
		[OBJECT_NAT_GATEWAY] = "NAT gateway",
		[OBJECT_PUBLIC_ADDRESS] = "public address",
		[OBJECT_PEERING] = "peering",
		[OBJECT_HUB] = "hub",
		[OBJECT_SITE] = "site",
		[OBJECT_SECURITY_GROUP] = "security group",
		[OBJECT_HOST] = "host",
		[OBJECT_PRIVATE_ENDPOINT] = "private endpoint",
		[OBJECT_CLUSTER] = "cluster",
		[OBJECT_ZONE] = "zone",
		[OBJECT_ZONE_LINK] = "zone link",
		[OBJECT_TSIG_KEY] = "TSIG key",
	};

	return (size_t)kind < ARRAY_SIZE(words) ? words[kind] : "object";
}

const char *path_reason_text(enum path_reason reason)
{
	static const char *const texts[] = {
#define X(name, text, reached) [name] = (text),
		PATH_REASONS(X)
#undef X
	};

	return (size_t)reason < ARRAY_SIZE(texts) ? texts[reason] : "unknown";
}

bool path_reason_is_reached(enum path_reason reason)
{
	static const bool reached_by[] = {
#define X(name, text, reached) [name] = (reached),
		PATH_REASONS(X)
#undef X
	};

	return (size_t)reason < ARRAY_SIZE(reached_by) && reached_by[reason];
}
