/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/update_read.h"

#include <stdlib.h>
#include <string.h>

#include <libknot/packet/pkt.h>

#define OPCODE_UPDATE 5

void update_message_done(struct update_message *m)
{
	knot_pkt_free(m->packet);
	free(m->records);
	free(m->octets);
	memset(m, 0, sizeof(*m));
}

static void section_take(const knot_pktsection_t *section, struct update_record *records,
			 size_t *ret_n)
{
	for (uint16_t i = 0; i < section->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(section, i);
		const knot_rdata_t *rdata = rr->rrs.count ? rr->rrs.rdata : NULL;

		records[(*ret_n)++] = (struct update_record){
			.owner = rr->owner,
			.type = rr->type,
			.class = rr->rclass,
			.ttl = rr->ttl,
			.rdata = rdata ? rdata->data : NULL,
			.rdata_len = rdata ? rdata->len : 0,
		};
	}
}

/* Sections 2.3 to 2.5: zone, prerequisites, updates, where queries have question, answers, authorities. */
static int sections_take(struct update_message *m)
{
	const knot_pkt_t *pkt = m->packet;
	const knot_pktsection_t *prerequisites = knot_pkt_section(pkt, KNOT_ANSWER);
	const knot_pktsection_t *changes = knot_pkt_section(pkt, KNOT_AUTHORITY);
	const size_t n = (size_t)prerequisites->count + changes->count;

	if (knot_wire_get_qdcount(pkt->wire) != 1 || !knot_pkt_qname(pkt) ||
	    knot_wire_get_opcode(pkt->wire) != OPCODE_UPDATE)
		return -ERR_INVALID;
	m->records = calloc(n ? n : 1, sizeof(*m->records));
	if (!m->records)
		return -ERR_NOMEM;
	m->zone = knot_pkt_qname(pkt);
	m->zone_type = knot_pkt_qtype(pkt);
	m->zone_class = knot_pkt_qclass(pkt);
	m->update.prerequisites = m->records;
	section_take(prerequisites, m->records, &m->update.n_prerequisites);
	m->update.changes = m->records + m->update.n_prerequisites;
	section_take(changes, m->records + m->update.n_prerequisites, &m->update.n_changes);
	return 0;
}

int update_message_read(const uint8_t *octets, size_t len, struct update_message *ret_message)
{
	struct update_message m = {.octets = malloc(len ? len : 1)};
	int r = m.octets && len <= UINT16_MAX ? 0 : -ERR_NOMEM;

	if (r == 0) {
		memcpy(m.octets, octets, len);
		m.packet = knot_pkt_new(m.octets, (uint16_t)len, NULL);
		r = !m.packet ? -ERR_NOMEM : knot_pkt_parse(m.packet, 0) != 0 ? -ERR_INVALID : 0;
	}
	if (r == 0)
		r = sections_take(&m);
	if (r < 0)
		update_message_done(&m);
	else
		*ret_message = m;
	return r;
}
