/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/worker.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/*
 * A query that is longer is not read. Room for a signed update; an odd number of cache lines, so that the beginnings of all buffers do not
 * meet in the same few.
 */
#define DATAGRAM_MAX 2112
#define CONTROL_MAX  CMSG_SPACE(sizeof(struct in6_pktinfo))

/* One batch, and what is sent of it. One thread: there is one of it. */
static struct batch {
	struct mmsghdr in[DNS_BATCH], out[DNS_BATCH];
	struct iovec in_at[DNS_BATCH], out_at[DNS_BATCH];
	struct from from[DNS_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[DNS_BATCH][CONTROL_MAX];
	_Alignas(64) uint8_t octets[DNS_BATCH][DATAGRAM_MAX];
	unsigned n_out;
} batch;

int udp_wildcard(int fd)
{
	const int on = 1;
	int domain = 0;
	socklen_t len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return -errno;
	if (domain == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0
			       : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

/* --- from where an answer goes ---------------------------------------------------------------------------------- */

/* The address to which it came; no interface is named, since the way back may be another. */
static struct addr local_of(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			return addr_v4(ntohl(v4.ipi_spec_dst.s_addr));
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			return addr_v6(v6.ipi6_addr.s6_addr);
		}
	}
	return (struct addr){0};
}

static void control_put(struct msghdr *m, uint8_t room[CONTROL_MAX], int type, int level,
			const void *data, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)room;

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	m->msg_control = room;
	m->msg_controllen = CMSG_SPACE(len);
}

/* An IPv6 socket that speaks IPv4 wants mapped addresses; which it is the peer's address says. */
static void local_put(struct msghdr *m, uint8_t room[CONTROL_MAX], const struct from *f)
{
	struct in_pktinfo v4 = {.ipi_spec_dst.s_addr = htonl((uint32_t)f->local.lo)};
	struct in6_pktinfo v6 = {0};
	struct sockaddr_storage sa;

	m->msg_control = NULL;
	m->msg_controllen = 0;
	if (f->local.family == ADDR_NONE)
		return;
	if (f->peer.ss_family == AF_INET) {
		control_put(m, room, IP_PKTINFO, IPPROTO_IP, &v4, sizeof(v4));
		return;
	}
	if (f->local.family == ADDR_V4) {
		v6.ipi6_addr.s6_addr[10] = v6.ipi6_addr.s6_addr[11] = 0xff;
		memcpy(v6.ipi6_addr.s6_addr + 12, &v4.ipi_spec_dst, 4);
	} else {
		(void)addr_to_sockaddr(&f->local, 0, &sa);
		memcpy(&v6.ipi6_addr, &((struct sockaddr_in6 *)(void *)&sa)->sin6_addr, 16);
	}
	control_put(m, room, IPV6_PKTINFO, IPPROTO_IPV6, &v6, sizeof(v6));
}

/* --- out -------------------------------------------------------------------------------------------------------- */

/* How many went, at least one; -1 with errno. */
static int send_some(const struct batch *b, unsigned done, int fd)
{
	const struct msghdr *m = &b->out[done].msg_hdr;

	/* A call for many costs more, where it is for one. */
	if (b->n_out - done == 1 && !m->msg_control)
		return sendto(fd, m->msg_iov->iov_base, m->msg_iov->iov_len,
			      MSG_DONTWAIT | MSG_NOSIGNAL, m->msg_name, m->msg_namelen) < 0
			       ? -1
			       : 1;
	return sendmmsg(fd, (struct mmsghdr *)(uintptr_t)b->out + done, b->n_out - done,
			MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One that cannot go is left out; when the socket is full all the rest is. */
static void batch_send(struct dns_worker *w, struct batch *b, int fd)
{
	unsigned done = 0;

	while (done < b->n_out) {
		int n = send_some(b, done, fd);

		if (n > 0) {
			done += (unsigned)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
			dns_count_add(w, DNS_dropped_send_total, b->n_out - done);
			break;
		}
		dns_count(w, dropped_send_total);
		done++;
	}
	b->n_out = 0;
}

void udp_send(struct dns_worker *w, const struct from *from, const uint8_t *answer, size_t len)
{
	_Alignas(struct cmsghdr) uint8_t room[CONTROL_MAX] = {0};
	struct iovec at = {(void *)(uintptr_t)answer, len};
	struct msghdr m = {.msg_name = (void *)(uintptr_t)&from->peer,
			   .msg_namelen = from->peer_len,
			   .msg_iov = &at,
			   .msg_iovlen = 1};

	if (from->socket->source.fd < 0)
		return;
	local_put(&m, room, from);
	if (sendmsg(from->socket->source.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		dns_count(w, dropped_send_total);
}

/* --- in --------------------------------------------------------------------------------------------------------- */

static void batch_prepare(struct batch *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct msghdr *m = &b->in[i].msg_hdr;

		b->in_at[i] = (struct iovec){b->octets[i], DATAGRAM_MAX};
		*m = (struct msghdr){.msg_name = &b->from[i].peer,
				     .msg_namelen = sizeof(b->from[i].peer),
				     .msg_iov = &b->in_at[i],
				     .msg_iovlen = 1,
				     .msg_control = b->control[i],
				     .msg_controllen = CONTROL_MAX};
	}
}

static bool has_port(const struct sockaddr_storage *sa)
{
	/* Both families have it at the same place. */
	return sa->ss_family == AF_INET6
		       ? ((const struct sockaddr_in6 *)(const void *)sa)->sin6_port
		       : ((const struct sockaddr_in *)(const void *)sa)->sin_port;
}

static void datagram(struct dns_worker *w, struct dns_socket *s, struct batch *b, unsigned i)
{
	struct msghdr *in = &b->in[i].msg_hdr;
	struct from *from = &b->from[i];
	struct msghdr *out;
	size_t n;

	dns_count(w, queries_udp_total);
	if ((in->msg_flags & MSG_TRUNC) || !has_port(&from->peer)) {
		dns_count(w, dropped_malformed_total);
		return;
	}
	from->socket = s;
	from->tcp = NULL;
	from->peer_len = in->msg_namelen;
	from->local = s->is_wildcard ? local_of(in) : (struct addr){0};
	n = dns_worker_query(w, s->served, from, false, b->octets[i], b->in[i].msg_len,
			     b->octets[i], DATAGRAM_MAX);
	if (n == 0)
		return;
	b->out_at[b->n_out] = (struct iovec){b->octets[i], n};
	out = &b->out[b->n_out].msg_hdr;
	*out = (struct msghdr){.msg_name = &from->peer,
			       .msg_namelen = from->peer_len,
			       .msg_iov = &b->out_at[b->n_out],
			       .msg_iovlen = 1};
	if (s->is_wildcard)
		local_put(out, b->control[i], from);
	b->n_out++;
}

/* One datagram, to the first place, said as recvmmsg() would. */
static int receive_one(struct batch *b, int fd)
{
	struct mmsghdr *m = &b->in[0];
	ssize_t n;

	m->msg_hdr.msg_namelen = sizeof(b->from[0].peer);
	n = recvfrom(fd, b->octets[0], DATAGRAM_MAX, MSG_DONTWAIT | MSG_TRUNC,
		     (struct sockaddr *)&b->from[0].peer, &m->msg_hdr.msg_namelen);
	if (n < 0)
		return -1;
	m->msg_hdr.msg_flags = n > DATAGRAM_MAX ? MSG_TRUNC : 0;
	m->msg_len = (unsigned)n;
	return 1;
}

/*
 * As many datagrams as there are. Of many sockets that are asked now and then, each has one: that is had for less by a call for one. A socket that
 * has another one in the turn after it is read in batches again.
 */
static int receive(struct dns_worker *w, struct dns_socket *s, struct batch *b)
{
	static unsigned used = DNS_BATCH; /* to be prepared again */
	const bool by_one = s->is_calm && !s->is_wildcard && s->turn + 1 != w->turns;
	int n;

	s->turn = w->turns;
	if (by_one) {
		n = receive_one(b, s->source.fd);
		used = used > 0 ? used : 1;
		return n;
	}
	batch_prepare(b, used);
	n = recvmmsg(s->source.fd, b->in, DNS_BATCH, MSG_DONTWAIT, NULL);
	used = n > 0 ? (unsigned)n : 0;
	s->is_calm = n <= 1;
	return n;
}

/* One batch for each turn, so that a socket that is flooded leaves the others their turn: epoll goes round. */
void udp_ready(struct dns_worker *w, struct source *source, uint32_t events)
{
	struct dns_socket *s = container_of(source, struct dns_socket, source);
	struct batch *b = &batch;
	int n = receive(w, s, b);

	if (n <= 0)
		return; /* another process was faster; or an error of an answer before, which is over now */
	b->n_out = 0;
	for (unsigned i = 0; i < (unsigned)n; i++)
		datagram(w, s, b, i);
	batch_send(w, b, source->fd);
}
