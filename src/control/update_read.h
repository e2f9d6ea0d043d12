/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sections of an UPDATE message (RFC 2136 section 2) as model/update.h wants them. libknot reads it. */
#pragma once

#include "model/update.h"

struct update_message {
	struct update update;
	const uint8_t *zone; /* the zone section's name, wire form */
	uint16_t zone_type, zone_class;
	/* What all that points into: */
	struct update_record *records;
	void *packet;
	uint8_t *octets;
};

/* 0; -ERR_INVALID: malformed; -ERR_NOMEM. Free with update_message_done() if 0. */
int update_message_read(const uint8_t *octets, size_t len, struct update_message *ret_message)
	_must_check_;
void update_message_done(struct update_message *m);
