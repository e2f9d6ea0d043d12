/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/signature.h"

#include <string.h>

static struct tsig_secret secret_of(const struct zone_key *k)
{
	return (struct tsig_secret){
		.name = k->name,
		.algorithm = (enum tsig_algorithm)k->algorithm,
		.secret = k->secret,
		.len = k->secret_len,
	};
}

enum signature_state signature_read(struct signature *sig, struct tables_snapshot *s, uint32_t zone,
				    const uint8_t *query, size_t len)
{
	struct tsig_secret secret;
	int r;

	memset(sig, 0, sizeof(*sig));
	r = tsig_find(query, len, &sig->tsig);
	if (r < 0)
		return r == -ERR_NOT_FOUND ? SIGNATURE_NONE : SIGNATURE_MALFORMED;
	sig->error = TSIG_BADKEY;
	if (!s || !zone ||
	    tables_get_zone_key(s, zone, sig->tsig.name, sig->tsig.name_len, &sig->key) < 0)
		return SIGNATURE_BAD;
	secret = secret_of(&sig->key);
	sig->error = tsig_check(query, &sig->tsig, &secret);
	if (sig->error == TSIG_FORMERR)
		return SIGNATURE_MALFORMED;
	if (sig->error != TSIG_FINE && sig->error != TSIG_BADTIME)
		return SIGNATURE_BAD;
	tsig_chain_begin(&sig->chain, query, &sig->tsig);
	return sig->error == TSIG_FINE ? SIGNATURE_GOOD : SIGNATURE_BAD;
}

size_t signature_size(const struct signature *sig)
{
	const struct tsig_secret secret = secret_of(&sig->key);

	return sig->key.secret_len ? tsig_size(&secret) : TSIG_BYTES_MAX;
}

size_t signature_put(struct signature *sig, const uint8_t *query, uint8_t *message, size_t len,
		     size_t cap)
{
	const struct tsig_secret secret = secret_of(&sig->key);

	if (sig->error != TSIG_FINE && sig->error != TSIG_BADTIME)
		return tsig_put_error(message, len, cap, query, &sig->tsig, sig->error);
	return tsig_sign(message, len, cap, &secret, &sig->chain, sig->error,
			 sig->tsig.time_signed);
}
