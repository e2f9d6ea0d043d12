/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading networks and endpoints in a snapshot.
 */
#include "tables/tables_int.h"

#include <string.h>

int tables_get_network(struct tables_snapshot *s, uint32_t id, struct tables_network *ret_network)
{
	MDB_val key = tables_val(&id, sizeof(id)), v;
	int r = tables_record_get(s, TABLE_NETWORK, &key, &v);

	if (r < 0) {
		memset(ret_network, 0, sizeof(*ret_network));
		return r;
	}
	return network_record_decode(&v, id, ret_network);
}

int tables_each_network(struct tables_snapshot *s, tables_id_fn *cb, void *arg)
{
	return tables_each_id(s, TABLE_NETWORK, cb, arg);
}

int tables_get_endpoint(struct tables_snapshot *s, uint32_t network, const struct addr *a,
			bool verify, struct tables_endpoint *ret_endpoint,
			struct rangeset *ret_sources)
{
	uint8_t bytes[ENDPOINT_KEY_BYTES];
	MDB_val key = tables_val(bytes, sizeof(bytes)), v, blob = {0};
	int r;

	memset(ret_endpoint, 0, sizeof(*ret_endpoint));
	memset(ret_sources, 0, sizeof(*ret_sources));
	endpoint_key_encode(network, a, bytes);
	r = tables_record_get(s, TABLE_ENDPOINT, &key, &v);
	if (r == 0)
		r = endpoint_record_decode(&key, &v, ret_endpoint, &blob);
	if (r < 0 || ret_endpoint->open)
		return r;
	if ((verify && rangeset_verify(blob.mv_data, blob.mv_size) < 0) ||
	    rangeset_open(blob.mv_data, blob.mv_size, ret_sources) < 0) {
		memset(ret_endpoint, 0, sizeof(*ret_endpoint));
		memset(ret_sources, 0, sizeof(*ret_sources));
		return -ERR_UNAVAILABLE;
	}
	return 0;
}
