/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns_blast.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER	 1232
#define WAIT_MS	 20   /* for an answer; then it is asked again */
#define AGAIN_US 1000 /* where nobody listens yet */

/* Length of the answer to the query with this id; 0: none. */
static size_t ask(int fd, uint8_t *query, size_t len, uint16_t id, uint8_t *answer)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	query[0] = (uint8_t)(id >> 8);
	query[1] = (uint8_t)id;
	if (send(fd, query, len, 0) < 0) {
		usleep(AGAIN_US);
		return 0;
	}
	while (poll(&p, 1, WAIT_MS) > 0) {
		n = recv(fd, answer, ANSWER, 0);
		if (n < 0 && errno == ECONNREFUSED) {
			usleep(AGAIN_US);
			return 0;
		}
		if (n >= 12 && answer[0] == query[0] && answer[1] == query[1])
			return (size_t)n;
	}
	return 0;
}

/* A record of type A with this address, wherever in the message: owner a pointer, or not. */
static bool has_address(const uint8_t *p, size_t len, const struct in_addr *a)
{
	static const uint8_t head[] = {0, 1, 0, 1}; /* type, class; then TTL and length */

	for (size_t i = 12; i + 14 <= len; i++)
		if (!memcmp(p + i, head, sizeof(head)) && p[i + 8] == 0 && p[i + 9] == 4 &&
		    !memcmp(p + i + 10, a, 4))
			return true;
	return false;
}

int blast_until(const struct blast_options *o)
{
	const uint64_t end = clock_mono_ns() + (uint64_t)o->milliseconds * 1000000;
	uint8_t query[BLAST_QUERY_MAX], answer[ANSWER];
	const size_t len = blast_query(o->name, 1, query);
	struct in_addr wanted;
	bool said = false;
	uint32_t asked = 0;
	int fd = blast_socket(o->targets[0]);

	if (inet_pton(AF_INET, o->address, &wanted) != 1) {
		(void)fprintf(stderr, "dns_blast: %s is no IPv4 address\n", o->address);
		return 2;
	}
	while (clock_mono_ns() < end) {
		const size_t n = ask(fd, query, len, (uint16_t)++asked, answer);

		if (n && has_address(answer, n, &wanted)) {
			(void)printf("{\"found\":true,\"ended_ns\":%" PRIu64 ",\"asked\":%u}\n",
				     clock_mono_ns(), asked);
			return 0;
		}
		if (n && !said) { /* who makes the change waits for this */
			said = true;
			(void)printf("{\"served\":true}\n");
			(void)fflush(stdout);
		}
		if (n && o->pause_us)
			usleep(o->pause_us);
	}
	(void)printf("{\"found\":false}\n");
	return 0;
}
