/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One whole connection: a client that sends anything in any pieces, an upstream that does the same, ends and resets on both
 * sides, changes of the tables in between. The input is a program:
 *
 *	byte 0    bit 0: source is allowed, bit 1: comes from a trusted balancer, bit 2: PROXY v2 to the upstream, bit 3: drain,
 *	          bit 4: begin with a good ClientHello, bit 5: comes by a private address, whose listener operation 13 closes
 *	then      operations: low 4 bits what, high 4 bits a length; data follows where the operation takes some
 *
 * What must hold whatever the input: a source that is not allowed never causes a connection to the upstream; the upstream
 * gets a prefix of what the client sent, and the client of what the upstream sent; when both ends are closed, nothing is left.
 */
#include "../unit/gate_rig.h"
#include "wire/cursor.h"

#include <sys/resource.h>

#define STREAM_MAX (1 << 20)

struct stream {
	uint8_t *sent;
	size_t n_sent, n_got;
	bool loose; /* the PROXY header came in between: only check what follows it */
};

static struct rig rig;
static struct stream up, down;
static int client, upstream;
static bool allowed, trusted, private;
static const struct msg_endpoint place = {
	.network = 7, .port = 443, .addr = {.family = ADDR_V4, .lo = 0x0a000063}};

static void stream_send(struct stream *s, int fd, const uint8_t *data, size_t len)
{
	if (fd < 0 || s->n_sent + len > STREAM_MAX)
		return;
	ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
	if (n > 0) {
		memcpy(s->sent + s->n_sent, data, (size_t)n);
		s->n_sent += (size_t)n;
	}
}

static void stream_receive(struct stream *s, int fd)
{
	static uint8_t buf[65536];
	ssize_t n;

	while (fd >= 0 && (n = recv(fd, buf, sizeof buf, 0)) > 0) {
		RIG_MUST(s->n_got + (size_t)n <= s->n_sent + (s->loose ? PROXY_V2_MAX : 0));
		if (!s->loose)
			RIG_MUST(!memcmp(buf, s->sent + s->n_got, (size_t)n));
		s->n_got += (size_t)n;
	}
}

static void exchange(void)
{
	rig_turns(&rig, 3);
	if (upstream < 0) {
		upstream = rig_upstream(&rig);
		/* A trusted balancer may name an allowed source; otherwise the refused never get here. */
		RIG_MUST(upstream < 0 || allowed || trusted);
	}
	stream_receive(&up, upstream);
	stream_receive(&down, client);
}

static void fd_reset(int *fd)
{
	struct linger l = {.l_onoff = 1};

	if (*fd < 0)
		return;
	(void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	close(*fd);
	*fd = -1;
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void change(uint8_t what, bool drain, bool proxy)
{
	struct tables_cluster c = rig_cluster(&rig);

	c.public_enabled = what & 1;
	c.drain_s = drain ? 3600 : 0;
	c.proxy_v2 = proxy;
	c.max_connections = what & 4 ? 1 : 0;
	c.max_per_source = what & 8 ? 1 : 0;
	rig_declare(&rig, &c, what & 2);
	if (private) {
		struct rig_endpoint e = {place.addr, what & 2 ? 99 : RIG_CLUSTER, "10.0.0.0/8"};
		rig_declare_endpoints(&rig, place.network, &e, what & 1);
	}
	rig.worker.bell = true;
}

static void bulk_send(struct stream *s, int fd, uint8_t n)
{
	static uint8_t block[40000];

	memset(block, n, sizeof block);
	stream_send(s, fd, block, (size_t)(n + 1) * 2500);
}

static void operation(struct cursor *in, uint8_t flags)
{
	uint8_t op = cursor_u8(in), n = op >> 4;
	const uint8_t *data = NULL;

	if ((op & 15) < 4)
		data = cursor_take(in, n + 1u);
	switch (op & 15) {
	case 0:
	case 1:
		if (data)
			stream_send(&up, client, data, n + 1u);
		break;
	case 2:
	case 3:
		if (data)
			stream_send(&down, upstream, data, n + 1u);
		break;
	case 4:
		bulk_send(&up, client, n);
		break;
	case 5:
		bulk_send(&down, upstream, n);
		break;
	case 6:
		if (client >= 0)
			shutdown(client, SHUT_WR);
		break;
	case 7:
		if (upstream >= 0)
			shutdown(upstream, SHUT_WR);
		break;
	case 8:
		fd_close(&client);
		break;
	case 9:
		fd_close(&upstream);
		break;
	case 10:
		fd_reset(&upstream);
		break;
	case 11:
		change(n, flags & 8, flags & 4);
		break;
	case 12:
		rig_turns(&rig, 1);
		return; /* without taking what has come */
	case 13:
		endpoint_close(&rig.worker, &place);
		break;
	default:
		break;
	}
	exchange();
}

static void state_check(void)
{
	struct worker *w = &rig.worker;

	fd_close(&client);
	for (int i = 0; i < 100 && w->n_connections; i++) {
		exchange();
		if (i > 10)
			fd_reset(&upstream);
	}
	RIG_MUST(!w->n_connections && !w->n_hellos);
	RIG_MUST(list_is_empty(&w->hellos) && list_is_empty(&w->doomed) && !w->run && !w->dead);
	RIG_MUST(rig_count(&rig, GATE_connections) == 0 && rig_count(&rig, GATE_draining) == 0);
	struct gate_cluster *c = cluster_find(w, RIG_CLUSTER);
	RIG_MUST(!c || (!c->n_connections && list_is_empty(&c->names) &&
			list_is_empty(&c->private_names)));
	endpoint_close(w, &place);
	rig_turns(&rig, 1);
	RIG_MUST(!w->endpoints.n && !w->endpoints.dead);
	if (c)
		list_foreach (it, &c->upstreams)
			RIG_MUST(!container_of(it, struct gate_upstream, node)->connections);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t random[32] = {1};
	struct cursor in = cursor_of(data, len);
	uint8_t flags = cursor_u8(&in), hello[512];

	if (!rig.listener) {
		rig_init(&rig);
		up.sent = malloc(STREAM_MAX);
		down.sent = malloc(STREAM_MAX);
		RIG_MUST(up.sent && down.sent);
		rig.options.n_trusted = 1;
		rig.options.trusted[0] = (struct prefix){.addr = addr_v4(0x0b000000), .len = 8};
	}
	up.n_sent = up.n_got = down.n_sent = down.n_got = 0;
	allowed = flags & 1;
	private = flags & 32;
	trusted = flags & 2 && !private;
	up.loose = trusted || flags & 4; /* a header is taken out, or put in */
	upstream = -1;
	change(1, flags & 8, flags & 4);
	rig_turns(&rig, 2);
	uint32_t source = trusted ? 0x0b000001 : allowed ? 0x0a000001 : 0xc0000201;
	if (private) {
		uint16_t port;
		endpoint_listen(&rig.worker, &place, rig_listen(&port));
	}
	client = rig_connect_by(&rig, addr_v4(source),
				private ? endpoint_find(&rig.worker, place.network, &place.addr)
					: NULL);
	if (flags & 16)
		stream_send(&up, client, hello,
			    client_hello_format(hello, sizeof hello, private ? NULL : RIG_NAME,
						random));
	exchange();
	while (cursor_left(&in) && !in.bad)
		operation(&in, flags);
	state_check();
	while ((upstream = rig_upstream(&rig)) >= 0)
		fd_reset(&upstream);
	return 0;
}
