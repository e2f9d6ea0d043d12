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

#include <stdbool.h>
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

enum listener_kind {
	LISTENER_PUBLIC,
	LISTENER_API,
	LISTENER_METRICS,
	LISTENER_DNS_UDP,
	LISTENER_DNS_TCP
};

/* parent to gate, dns or control: a socket that listens, or takes datagrams. fds: the socket. */
struct msg_listener {
	uint32_t kind;
	struct addr addr;
	uint32_t port;
};

/* parent to dns: who you are. fds: link to control, counters memfd. */
struct msg_start_dns {
	uint32_t index, n_dns;
	uint8_t cookie_key
		[16]; /* the same for all, from which the secrets of server cookies are made (dns/worker.h) */
};

/* parent to control: begin. */
struct msg_go_control {
	uint32_t
		cold; /* no gate or dns process has run yet: the tables may be erased and made anew */
	uint32_t n_gates;
	uint32_t n_dns; /* 0: there is no name server */
	uint32_t zero;
};

/* parent to control: a gate, or a dns process, was started. fds: link to it, its counters memfd (read only use). */
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

/* control to gate, dns and netd: the tables have moved on. gate and dns to control (hello): where a starting one is. */
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

/* dns to control: every answer from now on is of this generation, or a later one. */
struct msg_ack_dns {
	uint64_t generation;
	uint64_t took_ns; /* from bell to here */
};

/*
 * dns to control: an update (RFC 2136) whose signature was good. Its records are the message as it came, without what is before it on
 * TCP, zeros behind. Control checks the signature again: a name server process is not trusted to make changes.
 */
#define MSG_UPDATE_OCTETS_MAX 32000
struct msg_octets {
	uint8_t octet[8];
};
struct msg_update {
	uint64_t request;
	uint32_t len;	 /* octets of the message */
	uint32_t zone;	 /* its id: the one that the name means where the message came */
	uint32_t router; /* where: id, 0 is the internet */
	uint32_t zero;
};

/* control to dns: what became of it, when it is enforced. */
struct msg_updated {
	uint64_t request;
	uint32_t rcode; /* enum dns_rcode, of which those of RFC 2136 */
	uint32_t zero;
};

/* control to gate: which events are wanted beyond those always sent. */
struct msg_watch {
	uint32_t accepted; /* also GATE_EVENT_ACCEPTED and _CLOSED */
};

/* What a socket in a router's namespace is for. */
enum endpoint_kind {
	ENDPOINT_GATE,	  /* TCP, listening: a cluster's private address. To every gate */
	ENDPOINT_DNS_UDP, /* a resolver's address. To every dns process */
	ENDPOINT_DNS_TCP, /* the same, listening */
	/*
	 * By which servers that the network names are asked: bound to the address, to no port. One user each, since answers must come to
	 * who asked: `slot` says which, dns process slot % n_dns.
	 */
	ENDPOINT_ASK_UDP,
	ENDPOINT_ASK_TCP,
	ENDPOINT_KIND_COUNT
};
#define ENDPOINT_ASK_UDP_SLOTS 8 /* for each address and dns process */
#define ENDPOINT_ASK_TCP_SLOTS 2

/*
 * A private address and the socket that is there, for a gate or dns. netd to parent: MSG_ENDPOINT_OPEN with a new socket, which replaces
 * the one that there was, and MSG_ENDPOINT_CLOSE. Parent to every gate: the same as MSG_ENDPOINT and MSG_ENDPOINT_GONE, and to dns with a _D at the end. Parent
 * to a netd that starts: MSG_ENDPOINT_BACK for each that is open. fds: the socket, but for CLOSE and GONE.
 *
 * netd answers MSG_ENDPOINT_BACK with CLOSE or OPEN if that socket is not what it wants, and closes its own copy in any case.
 */
struct msg_endpoint {
	uint32_t network; /* id of the router in whose namespace it is */
	uint32_t port;	  /* 0 of ENDPOINT_ASK_* */
	uint32_t kind;	  /* enum endpoint_kind */
	uint32_t slot;	  /* 0 of all but ENDPOINT_ASK_* */
	struct addr addr;
};

/* parent to netd: who you are. fds: link to control. */
struct msg_start_netd {
	uint32_t n_dns; /* dns processes, for which there are to be sockets */
	uint32_t zero;
};

/* Its records are where the public listeners are, with the ports that port
 * 0 became; a wildcard address is sent as it is. */
struct msg_public {
	struct addr addr;
	uint32_t port;
};

/* One netd process: parent to control (started; fds: link to it), parent to control (gone), control to parent (end it, it does
 * not answer or broke the contract), parent to keeper (kill it). */
struct msg_netd {
	int32_t pid;
};

/* Room for a sentence for people, with its zero; what is behind the zero is zero too. */
#define MSG_TEXT_MAX 240

/* parent to control: there is no netd and none will come until the daemon is started again. */
struct msg_netd_off {
	char reason[MSG_TEXT_MAX];
};

/* netd to control: where it is. */
struct msg_hello_netd {
	uint64_t generation;	  /* the one it has applied; 0: none yet, or not known */
	char lacks[MSG_TEXT_MAX]; /* what this kernel lacks, for people; "": nothing */
};

/* netd to control: it is at work still, not stuck. Of the routers that it has to look at, so many are done. */
struct msg_progress_netd {
	uint32_t done, total;
};

/* netd to control: this generation is what the kernel has now, or cannot be for the reason given. One that failed is tried
 * again by netd without a bell, and acknowledged again with what came of it. */
struct msg_ack_netd {
	uint64_t generation;
	uint64_t took_ns;    /* from bell to here */
	uint64_t operations; /* changes made to the kernel's state */
	uint64_t cut;	     /* sockets of hosts that were reset */
	uint32_t failed;     /* 1: not, or not all of it, applied */
	char reason[MSG_TEXT_MAX];
};

/* keeper to parent: what became of MSG_SPAWN. */
struct msg_spawned {
	int32_t pid;   /* 0: not started */
	int32_t error; /* errno, if not started */
};

/* keeper to parent: it has ended, with this status of waitpid(). */
struct msg_reaped {
	int32_t pid, status;
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
  X(MSG_START_NETD,   ROLE_PARENT,   ROLE_NETD,      struct msg_start_netd,    struct msg_public,   1) \
  X(MSG_ENDPOINT_BACK,ROLE_PARENT,   ROLE_NETD,      struct msg_endpoint,   struct msg_empty,    1) \
  X(MSG_GO_NETD,      ROLE_PARENT,   ROLE_NETD,      struct msg_empty,      struct msg_empty,    0) \
  X(MSG_CONTROL_LINK_N,ROLE_PARENT,  ROLE_NETD,      struct msg_empty,      struct msg_empty,    1) \
  X(MSG_STOP_NETD,    ROLE_PARENT,   ROLE_NETD,      struct msg_empty,      struct msg_empty,    0) \
  X(MSG_START_DNS,    ROLE_PARENT,   ROLE_DNS,       struct msg_start_dns,  struct msg_empty,    2) \
  X(MSG_LISTENER_D,   ROLE_PARENT,   ROLE_DNS,       struct msg_listener,   struct msg_empty,    1) \
  X(MSG_GO_DNS,       ROLE_PARENT,   ROLE_DNS,       struct msg_empty,      struct msg_empty,    0) \
  X(MSG_STOP_DNS,     ROLE_PARENT,   ROLE_DNS,       struct msg_empty,      struct msg_empty,    0) \
  X(MSG_CONTROL_LINK_D,ROLE_PARENT,  ROLE_DNS,       struct msg_empty,      struct msg_empty,    1) \
  X(MSG_ENDPOINT_D,   ROLE_PARENT,   ROLE_DNS,       struct msg_endpoint,   struct msg_empty,    1) \
  X(MSG_ENDPOINT_GONE_D,ROLE_PARENT, ROLE_DNS,       struct msg_endpoint,   struct msg_empty,    0) \
  X(MSG_DNS_UP,       ROLE_PARENT,   ROLE_CONTROL,   struct msg_gate_up,    struct msg_empty,    2) \
  X(MSG_DNS_GONE,     ROLE_PARENT,   ROLE_CONTROL,   struct msg_gate_gone,  struct msg_empty,    0) \
  X(MSG_END_DNS,      ROLE_CONTROL,  ROLE_PARENT,    struct msg_end_gate,   struct msg_empty,    0) \
  X(MSG_BELL_D,       ROLE_CONTROL,  ROLE_DNS,       struct msg_generation, struct msg_empty,    0) \
  X(MSG_HELLO_D,      ROLE_DNS,      ROLE_CONTROL,   struct msg_generation, struct msg_empty,    0) \
  X(MSG_ACK_D,        ROLE_DNS,      ROLE_CONTROL,   struct msg_ack_dns,    struct msg_empty,    0) \
  X(MSG_UPDATE,       ROLE_DNS,      ROLE_CONTROL,   struct msg_update,     struct msg_octets,   0) \
  X(MSG_UPDATED,      ROLE_CONTROL,  ROLE_DNS,       struct msg_updated,    struct msg_empty,    0) \
  X(MSG_ENDPOINT_OPEN,ROLE_NETD,     ROLE_PARENT,    struct msg_endpoint,   struct msg_empty,    1) \
  X(MSG_ENDPOINT_CLOSE,ROLE_NETD,    ROLE_PARENT,    struct msg_endpoint,   struct msg_empty,    0) \
  X(MSG_NETD_UP,      ROLE_PARENT,   ROLE_CONTROL,   struct msg_netd,       struct msg_empty,    1) \
  X(MSG_NETD_GONE,    ROLE_PARENT,   ROLE_CONTROL,   struct msg_netd,       struct msg_empty,    0) \
  X(MSG_NETD_OFF,     ROLE_PARENT,   ROLE_CONTROL,   struct msg_netd_off,   struct msg_empty,    0) \
  X(MSG_SPAWN,        ROLE_PARENT,   ROLE_KEEPER,    struct msg_empty,      struct msg_empty,    1) \
  X(MSG_KILL,         ROLE_PARENT,   ROLE_KEEPER,    struct msg_netd,       struct msg_empty,    0) \
  X(MSG_SPAWNED,      ROLE_KEEPER,   ROLE_PARENT,    struct msg_spawned,    struct msg_empty,    0) \
  X(MSG_REAPED,       ROLE_KEEPER,   ROLE_PARENT,    struct msg_reaped,     struct msg_empty,    0) \
  X(MSG_READY,        ROLE_CONTROL,  ROLE_PARENT,    struct msg_empty,      struct msg_empty,    0) \
  X(MSG_END_GATE,     ROLE_CONTROL,  ROLE_PARENT,    struct msg_end_gate,   struct msg_empty,    0) \
  X(MSG_END_NETD,     ROLE_CONTROL,  ROLE_PARENT,    struct msg_netd,       struct msg_empty,    0) \
  X(MSG_BELL_N,       ROLE_CONTROL,  ROLE_NETD,      struct msg_generation, struct msg_empty,    0) \
  X(MSG_HELLO_N,      ROLE_NETD,     ROLE_CONTROL,   struct msg_hello_netd, struct msg_empty,    0) \
  X(MSG_PROGRESS_N,   ROLE_NETD,     ROLE_CONTROL,   struct msg_progress_netd, struct msg_empty, 0) \
  X(MSG_ACK_N,        ROLE_NETD,     ROLE_CONTROL,   struct msg_ack_netd,   struct msg_empty,    0) \
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

/* A text that came in a message: ended by a zero, and fit for people (base/err.h's str_quote() is for the rest). */
bool msg_text_is_sound(const char text[MSG_TEXT_MAX]);
/* Room filled with text, cut if it is longer, zeros behind it. */
void msg_text_put(char room[MSG_TEXT_MAX], const char *text);

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
 * 0; -EAGAIN: the peer's queue is full, or too many descriptors are on their way between processes; other -errno: the link is dead.
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
