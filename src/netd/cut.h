/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Open TCP connections of hosts that the record of their router no longer allows are ended: the socket in the host's namespace is
 * destroyed (SOCK_DESTROY), and its peer gets a reset, for which the way must still be there.
 *
 * Who opened a connection is told by its local port: if something listens on it, the other end did, and the ingress rules decide.
 * Otherwise it may have been either (the listener may be closed by now): it stays if one direction allows it. What is kept so wrongly, the
 * ruleset ends at its next packet.
 *
 * What has no connections, as UDP, the kernel tracks all the same, and lets answers pass for as long as any come: flows.h ends those.
 */
#pragma once

#include "netd/state.h"

struct cut_flow {
	struct addr local, remote;
	uint16_t local_port, remote_port;
	bool is_listened; /* something listens on the local port */
};

/* Does the record let the host have this connection? Of flows that are not by an address of the host nothing is known: yes. Pure. */
bool cut_is_allowed(const struct tables_network *n, const struct tables_host *h,
		    const struct cut_flow *f);

/* A flow as a router tracks it: between the addresses that the hosts themselves see, and what each became on the way. */
struct cut_track {
	uint8_t protocol;	    /* IPPROTO_* */
	struct addr source, seen;   /* who began it, and as whom the other end sees it */
	struct addr called, target; /* whom it called, and who that is */
	uint16_t port;		    /* of the target; 0: the protocol has none */
};

/* Would the flow be let begin now, by the addresses that it has? Of TCP only the latter is looked at. Pure. */
bool cut_track_is_allowed(const struct tables_network *n, const struct cut_track *t);

/*
 * In the thread's namespace, which is that of host h. kind: NS_HOST: every address there is ours to judge, but for loopback ones; NS_ATTACHED:
 * the host's only. h NULL: the host is no more. *ret_cut is added to. 0 or -ERR_UNAVAILABLE.
 */
int cut_connections(const struct tables_network *n, const struct tables_host *h, enum ns_kind kind,
		    uint32_t *ret_cut, struct err *e) _must_check_;
