/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proc/msg.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define PAD8(n) (((n) + 7u) & ~(size_t)7u)
/* A type whose record is struct msg_empty has none. */
#define RECORD_SIZE(t) _Generic((t *)0, struct msg_empty * : 0, default : sizeof(t))

struct msg_kind {
	const char *name;
	enum role from, to;
	size_t body, record; /* record 0: none */
	size_t n_fds;
};

/* clang-format off */
static const struct msg_kind kinds[MSG_COUNT] = {
#define X(e, from, to, body, record, fds) [e] = {#e, from, to, sizeof(body), RECORD_SIZE(record), fds},
	MSGS(X)
#undef X
};

#define X(e, from, to, body, record, fds)                                                          \
	_Static_assert(alignof(body) <= 8 && alignof(record) <= 8, #e " is read in place");        \
	_Static_assert((fds) <= MSG_FDS_MAX, #e " has too many descriptors");
MSGS(X)
#undef X
/* clang-format on */

const char *msg_type_name(enum msg_type type)
{
	return (unsigned int)type < MSG_COUNT ? kinds[type].name : "?";
}

static size_t records_offset(const struct msg_kind *k)
{
	return sizeof(struct msg_head) + PAD8(k->body);
}

size_t msg_records_max(enum msg_type type)
{
	const struct msg_kind *k;

	assert((unsigned int)type < MSG_COUNT);
	k = &kinds[type];
	return k->record ? (MSG_BYTES_MAX - records_offset(k)) / k->record : 0;
}

/* Descriptors go in one SCM_RIGHTS message; cap is room for MSG_FDS_MAX. */
static void put_fds(struct msghdr *h, void *room, size_t cap, const int *fds, size_t n)
{
	struct cmsghdr *c;

	assert(CMSG_SPACE(n * sizeof(int)) <= cap);
	memset(room, 0, cap);
	h->msg_control = room;
	h->msg_controllen = CMSG_SPACE(n * sizeof(int));
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

int msg_send(int fd, enum msg_type type, const void *body, size_t body_size, const void *records,
	     size_t n_records, const int *fds)
{
	alignas(struct cmsghdr) uint8_t room[CMSG_SPACE(MSG_FDS_MAX * sizeof(int))];
	static const uint8_t zeros[8];
	struct msg_head head = {.type = (uint16_t)type, .n_records = (uint16_t)n_records};
	const struct msg_kind *k;
	struct iovec v[4];
	struct msghdr h = {.msg_iov = v, .msg_iovlen = 4};
	ssize_t n;

	assert((unsigned int)type < MSG_COUNT);
	k = &kinds[type];
	assert(body_size == k->body);
	assert(n_records <= msg_records_max(type));
	assert(!k->n_fds || fds);

	v[0] = (struct iovec){&head, sizeof head};
	v[1] = (struct iovec){(void *)(uintptr_t)body, body_size};
	v[2] = (struct iovec){(void *)(uintptr_t)zeros, PAD8(body_size) - body_size};
	v[3] = (struct iovec){(void *)(uintptr_t)records, n_records * k->record};
	if (k->n_fds)
		put_fds(&h, room, sizeof room, fds, k->n_fds);
	do
		n = sendmsg(fd, &h, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK || errno == ETOOMANYREFS ? -EAGAIN : -errno;
	return 0;
}

bool msg_text_is_sound(const char text[MSG_TEXT_MAX])
{
	return memchr(text, 0, MSG_TEXT_MAX) != NULL;
}

void msg_text_put(char room[MSG_TEXT_MAX], const char *text)
{
	size_t len = strnlen(text, MSG_TEXT_MAX - 1);

	memset(room, 0, MSG_TEXT_MAX);
	memcpy(room, text, len);
}

int msg_check(const uint8_t *bytes, size_t len, size_t n_fds, enum role from, enum role to)
{
	const struct msg_kind *k;
	struct msg_head head;

	if (len < sizeof head || len > MSG_BYTES_MAX)
		return -EBADMSG;
	memcpy(&head, bytes, sizeof head);
	if (head.type >= MSG_COUNT || head.zero)
		return -EBADMSG;
	k = &kinds[head.type];
	if (k->from != from || k->to != to || k->n_fds != n_fds)
		return -EBADMSG;
	if (head.n_records > msg_records_max(head.type))
		return -EBADMSG;
	if (len != records_offset(k) + head.n_records * k->record)
		return -EBADMSG;
	for (size_t i = sizeof head + k->body; i < records_offset(k); i++)
		if (bytes[i])
			return -EBADMSG;
	return 0;
}

/* Every descriptor that came goes into m->fds, which has room for all that the control buffer can hold. */
static void take_fds(struct msghdr *h, struct msg *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (m->n_fds < MSG_FDS_MAX)
				m->fds[m->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

static int receive(int fd, struct msg *m, size_t *ret_len, bool *ret_cut, bool *ret_fds_cut)
{
	alignas(struct cmsghdr) uint8_t room[CMSG_SPACE(MSG_FDS_MAX * sizeof(int))];
	struct iovec v = {m->bytes, sizeof m->bytes};
	struct msghdr h = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	ssize_t n;

	do
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? -EAGAIN : -EPIPE;
	take_fds(&h, m);
	*ret_len = (size_t)n;
	*ret_cut = h.msg_flags & MSG_TRUNC;
	*ret_fds_cut = h.msg_flags & MSG_CTRUNC;
	return n ? 0 : -EPIPE; /* no message is empty, so nothing is the end */
}

int msg_recv(int fd, enum role from, enum role to, struct msg *ret_msg)
{
	struct msg *m = ret_msg;
	const struct msg_kind *k;
	bool cut = false, fds_cut = false;
	struct msg_head head;
	size_t len = 0;
	int ret;

	m->n_fds = 0;
	for (size_t i = 0; i < MSG_FDS_MAX; i++)
		m->fds[i] = -1;
	ret = receive(fd, m, &len, &cut, &fds_cut);
	if (ret)
		goto out;
	/* Fewer came than there was room for: it was our table of descriptors that had none. */
	if (fds_cut) {
		ret = m->n_fds < MSG_FDS_MAX ? -EMFILE : -EBADMSG;
		goto out;
	}
	ret = cut ? -EBADMSG : msg_check(m->bytes, len, m->n_fds, from, to);
	if (ret)
		goto out;
	memcpy(&head, m->bytes, sizeof head);
	k = &kinds[head.type];
	m->type = head.type;
	m->n_records = head.n_records;
	m->body = m->bytes + sizeof head;
	m->records = head.n_records ? m->bytes + records_offset(k) : NULL;
out:
	if (ret)
		msg_done(m);
	return ret;
}

void msg_done(struct msg *m)
{
	for (size_t i = 0; i < m->n_fds; i++)
		if (m->fds[i] >= 0) {
			close(m->fds[i]);
			m->fds[i] = -1;
		}
	m->n_fds = 0;
}
