/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages between roles: typed and sized, over SOCK_SEQPACKET socket pairs, some with descriptors (SCM_RIGHTS).
 *
 * Each type is legal in one direction only, has a fixed body, at most `extra` records behind it, and an exact number of
 * descriptors; the table below is the contract and msg_recv() enforces it. A peer that breaks it is treated as hostile:
 * the receiver gets -EBADMSG, closes the link, and the parent ends and restarts the peer.
 *
 *	datagram = struct msg_head, body, zeros to a multiple of 8, n records
 *
 * Contents are host-endian structs: both ends are the same binary. Receivers still check every index and enum in a body.
 * Sockets are non-blocking once a role runs.
 */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "proc/gate_ipc.h"
#include "proc/role.h"

#include <stddef.h>
#include <stdint.h>

#define MSG_BYTES_MAX 32768
#define MSG_FDS_MAX   4

/* Body of a message that says all by its type; as a record it means that the type has none. MSG_CONTROL_LINK, parent to
 * gate, has this body: control was started again, and its descriptor replaces the gate's link to control. */
struct msg_empty {
	uint32_t zero;
};

/* parent to gate: who you are. fds: link to control, counters memfd, quota memfd. */
struct msg_start_gate {
	uint32_t index, n_gates;
};

enum listener_kind { LISTENER_PUBLIC, LISTENER_API, LISTENER_METRICS };

/* parent to gate or control: a listening socket. fds: the socket. */
struct msg_listener {
	uint32_t kind;
	struct addr addr;
	uint32_t port;
};

/* parent to control: begin. */
struct msg_go_control {
	uint32_t cold; /* no gate has run yet: the tables may be erased and made anew */
	uint32_t n_gates;
};

/* parent to control: a gate was started. fds: link to it, its counters memfd (read only use). */
struct msg_gate_up {
	uint32_t index;
	int32_t pid;
};

/* parent to control: a gate is gone, its connections with it. */
struct msg_gate_gone {
	uint32_t index;
	int32_t pid;
};

/* control to parent: end this gate, it does not answer or broke the contract. */
struct msg_end_gate {
	uint32_t index;
	int32_t pid;
};

/* control to gate: the tables have moved on. gate to control (hello): where a starting gate is. */
struct msg_generation {
	uint64_t generation;
};

/* gate to control: generation is enforced, on new and on open connections. */
struct msg_ack {
	uint64_t generation;
	uint64_t judged;   /* open connections looked at again */
	uint64_t cut;	   /* reset because of it */
	uint64_t draining; /* no longer allowed, left until their drain time is over */
	uint64_t took_ns;  /* from bell to here */
};

/* control to gate: which events are wanted beyond those always sent. */
struct msg_watch {
	uint32_t accepted; /* also GATE_EVENT_ACCEPTED and _CLOSED */
};

/* A private address: the socket that listens on it. fds: the socket, where one goes along. */
struct msg_endpoint {
	uint32_t network; /* id of the router in whose namespace it is */
	uint32_t port;
	struct addr addr;
};

enum dump_kind { DUMP_CONNECTIONS, DUMP_CLUSTERS };

/* control to gate: write records of this kind into the memfd given. fds: the memfd. */
struct msg_dump {
	uint64_t request;
	uint32_t kind;
};

/* gate to control: done. */
struct msg_dumped {
	uint64_t request;
	uint32_t kind;
	uint32_t error; /* 0, or an errno: what is in the memfd is not to be used */
	uint64_t records;
};

/* clang-format off */
/*  type              from           to              body                   record             fds */
#define MSGS(X)                                                                                     \
  X(MSG_START_GATE,   ROLE_PARENT,   ROLE_GATE,      struct msg_start_gate, struct msg_empty,    3) \
  X(MSG_LISTENER,     ROLE_PARENT,   ROLE_GATE,      struct msg_listener,   struct msg_empty,    1) \
  X(MSG_GO_GATE,      ROLE_PARENT,   ROLE_GATE,      struct msg_empty,      struct msg_empty,    0) \
  X(MSG_LISTENER_C,   ROLE_PARENT,   ROLE_CONTROL,   struct msg_listener,   struct msg_empty,    1) \
  X(MSG_GO_CONTROL,   ROLE_PARENT,   ROLE_CONTROL,   struct msg_go_control, struct msg_empty,    0) \
  X(MSG_GATE_UP,      ROLE_PARENT,   ROLE_CONTROL,   struct msg_gate_up,    struct msg_empty,    2) \
  X(MSG_GATE_GONE,    ROLE_PARENT,   ROLE_CONTROL,   struct msg_gate_gone,  struct msg_empty,    0) \
  X(MSG_STOP_CONTROL, ROLE_PARENT,   ROLE_CONTROL,   struct msg_empty,      struct msg_empty,    0) \
  X(MSG_STOP_GATE,    ROLE_PARENT,   ROLE_GATE,      struct msg_empty,      struct msg_empty,    0) \
  X(MSG_CONTROL_LINK, ROLE_PARENT,   ROLE_GATE,      struct msg_empty,      struct msg_empty,    1) \
  X(MSG_ENDPOINT,     ROLE_PARENT,   ROLE_GATE,      struct msg_endpoint,   struct msg_empty,    1) \
  X(MSG_ENDPOINT_GONE,ROLE_PARENT,   ROLE_GATE,      struct msg_endpoint,   struct msg_empty,    0) \
  X(MSG_READY,        ROLE_CONTROL,  ROLE_PARENT,    struct msg_empty,      struct msg_empty,    0) \
  X(MSG_END_GATE,     ROLE_CONTROL,  ROLE_PARENT,    struct msg_end_gate,   struct msg_empty,    0) \
  X(MSG_BELL,         ROLE_CONTROL,  ROLE_GATE,      struct msg_generation, struct msg_empty,    0) \
  X(MSG_WATCH,        ROLE_CONTROL,  ROLE_GATE,      struct msg_watch,      struct msg_empty,    0) \
  X(MSG_DUMP,         ROLE_CONTROL,  ROLE_GATE,      struct msg_dump,       struct msg_empty,    1) \
  X(MSG_HELLO,        ROLE_GATE,     ROLE_CONTROL,   struct msg_generation, struct msg_empty,    0) \
  X(MSG_ACK,          ROLE_GATE,     ROLE_CONTROL,   struct msg_ack,        struct msg_empty,    0) \
  X(MSG_EVENTS,       ROLE_GATE,     ROLE_CONTROL,   struct msg_empty,      struct gate_event,   0) \
  X(MSG_DUMPED,       ROLE_GATE,     ROLE_CONTROL,   struct msg_dumped,     struct msg_empty,    0)
/* clang-format on */

enum msg_type {
#define X(e, from, to, body, record, fds) e,
	MSGS(X)
#undef X
		MSG_COUNT
};

struct msg_head {
	uint16_t type;
	uint16_t n_records;
	uint32_t zero;
};

/* A received message. Bodies are aligned; descriptors belong to the receiver: take_fd() those you keep, then msg_done(). */
struct msg {
	enum msg_type type;
	uint32_t n_records;
	const void *body;
	const void *records; /* n_records of the type's record, NULL if none */
	int fds[MSG_FDS_MAX];
	uint32_t n_fds;
	_Alignas(16) uint8_t bytes[MSG_BYTES_MAX];
};

const char *msg_type_name(enum msg_type type);
/* How many records of this type fit into one message; 0 if the type has none. */
size_t msg_records_max(enum msg_type type);

/*
 * body must be of the type's size (msg_send() checks body_size against the table with assert). fds are borrowed.
 * 0; -EAGAIN: the peer's queue is full; other -errno: the link is dead.
 */
int msg_send(int fd, enum msg_type type, const void *body, size_t body_size, const void *records,
	     size_t n_records, const int *fds) _must_check_;
#define msg_send_body(fd, type, bodyp) \
	msg_send((fd), (type), (bodyp), sizeof *(bodyp), NULL, 0, NULL)

/*
 * Receive one message that `from` may send to `to`. 0; -EAGAIN: nothing there; -EPIPE: the peer is gone; -EBADMSG: the peer
 * broke the contract; -EMFILE: this process has no room for the descriptors that came, and the message is lost. On failure
 * every descriptor that came has been closed, and *ret_msg is not to be used.
 */
int msg_recv(int fd, enum role from, enum role to, struct msg *ret_msg) _must_check_;
/* The check by itself, for fuzzing: bytes and a number of descriptors against the table. 0 or -EBADMSG. */
int msg_check(const uint8_t *bytes, size_t len, size_t n_fds, enum role from, enum role to)
	_must_check_;
void msg_done(struct msg *m); /* closes the descriptors that are still in it */
