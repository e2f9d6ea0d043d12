/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What netd's work costs, in the network namespace in which it is started, with /run for itself. Prints one JSON object.
 *
 *	netd_load plan NETWORKS HOSTS    CPU seconds to plan all of them and to compare each with a namespace that is empty
 *	netd_load apply NETWORKS HOSTS   makes them; then one rule of a security group changes, again and again: milliseconds
 *	                                 from the record to the kernel, and the memory of the process
 */
#include "base/clock.h"
#include "netd/routers.h"
#include "netd/state_diff.h"
#include "records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define CHANGES 21

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int die(const char *what)
{
	fprintf(stderr, "netd_load: %s\n", what);
	return 1;
}

static int plan_all(size_t networks, unsigned int hosts)
{
	struct ns_state nothing = {0};
	struct names names;
	struct records r;
	struct err e;
	size_t n_ops = 0, bytes = 0;
	double begin;

	records_many(networks, hosts, 443, &r);
	if (names_init(&names, "bench", &e))
		return die(e.text);
	begin = cpu_seconds();
	for (size_t i = 0; i < r.count; i++) {
		struct plan p;

		if (plan_router(&names, &r.n[i], &p, &e))
			return die(e.text);
		for (size_t j = 0; j < p.n_ns; j++) {
			struct ops ops;

			if (state_diff(p.ns[j].kind, &nothing, &p.ns[j].state, &ops))
				return die("no memory");
			n_ops += ops.n;
			bytes += p.ns[j].state.nft.len;
			ops_done(&ops);
		}
		plan_done(&p);
	}
	printf("{\"cpu_s\": %.4f, \"operations\": %zu, \"ruleset_bytes\": %zu}\n",
	       cpu_seconds() - begin, n_ops, bytes);
	records_done(&r);
	return 0;
}

static size_t resident_kib(void)
{
	char line[128];
	size_t kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtoul(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

static int apply_all(size_t networks, unsigned int hosts)
{
	struct routers_report report = {0};
	struct routers *routers;
	struct records r;
	struct err e;
	uint64_t begin = clock_mono_ns(), made;
	size_t records_kib, base_kib = resident_kib();

	records_many(networks, hosts, 443, &r);
	records_kib = resident_kib() - base_kib;
	if (routers_new("bench", NULL, 0, &routers, &e))
		return die(e.text);
	for (size_t i = 0; i < r.count; i++)
		if (routers_apply(routers, &r.n[i], false, &report, &e))
			return die(e.text);
	if (routers_apply_internet(routers, false, &report, &e))
		return die(e.text);
	made = clock_mono_ns() - begin;
	printf("{\"made_s\": %.3f, \"operations\": %u, \"rule_ms\": [", (double)made / 1e9,
	       report.n_ops);
	for (int i = 0; i < CHANGES; i++) {
		struct records one;

		records_many(1, hosts, (uint16_t)(1000 + i), &one);
		apply_idle(); /* as netd does between changes */
		begin = clock_mono_ns();
		if (routers_apply(routers, &one.n[0], false, &report, &e))
			return die(e.text);
		printf("%s%.3f", i ? ", " : "", (double)(clock_mono_ns() - begin) / 1e6);
		records_done(&one);
	}
	printf("], \"resident_kib\": %zu, \"of_that_test_records_kib\": %zu}\n", resident_kib(),
	       records_kib);
	records_done(&r);
	routers_free(routers);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return die("plan|apply NETWORKS HOSTS");
	size_t networks = strtoul(argv[2], NULL, 10);
	unsigned int hosts = (unsigned int)strtoul(argv[3], NULL, 10);

	return strcmp(argv[1], "plan") == 0 ? plan_all(networks, hosts)
					    : apply_all(networks, hosts);
}
