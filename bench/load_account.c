/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "load_account.h"

#include "base/clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* CPU time of all threads of a process, from the scheduler's own nanosecond clock. 0 if it is gone. */
static uint64_t process_ns(uint32_t pid)
{
	char path[64];
	struct dirent *entry;
	uint64_t sum = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char file[sizeof(path) + sizeof(entry->d_name) + 16];
		uint64_t ns;
		FILE *f;

		snprintf(file, sizeof(file), "%s/%s/schedstat", path, entry->d_name);
		f = entry->d_name[0] == '.' ? NULL : fopen(file, "re");
		if (f && fscanf(f, "%" SCNu64, &ns) == 1)
			sum += ns;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return sum;
}

/* Busy time of all processors: user, nice, system, irq, softirq, steal. */
static uint64_t machine_ns(void)
{
	uint64_t v[8] = {0};
	FILE *f = fopen("/proc/stat", "re");
	int n = 0;

	if (f) {
		n = fscanf(f,
			   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
			   " %" SCNu64 " %" SCNu64 " %" SCNu64,
			   &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]);
		fclose(f);
	}
	if (n != 8)
		return 0;
	return (v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) *
	       (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t own_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

struct account account_now(const uint32_t *watched, size_t n_watched, uint32_t server)
{
	struct account a = {
		.own_ns = own_ns(), .machine_ns = machine_ns(), .at_ns = clock_mono_ns()};

	for (size_t i = 0; i < n_watched; i++)
		a.watched_ns += process_ns(watched[i]);
	if (server)
		a.server_ns = process_ns(server);
	return a;
}

double account_foreign(const struct account *begin, const struct account *end)
{
	const uint64_t ours = end->watched_ns - begin->watched_ns + end->server_ns -
			      begin->server_ns + end->own_ns - begin->own_ns;
	const double foreign = (double)(end->machine_ns - begin->machine_ns) - (double)ours;

	return foreign > 0 ? foreign / (double)(end->at_ns - begin->at_ns) : 0;
}
