/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/client_hello.h"

#include "wire/cursor.h"

#include <string.h>

#define RECORD_HEADER	 5
#define RECORD_MAX	 16384 /* plaintext of one record, RFC 8446 section 5.1 */
#define RECORD_HANDSHAKE 22
#define MESSAGE_HEADER	 4
#define MESSAGE_HELLO	 1
#define EXT_SERVER_NAME	 0
#define NAME_TYPE_HOST	 0

/* A hello that spans records, without their headers. */
static uint8_t scratch[CLIENT_HELLO_MAX];

static uint32_t record_length(const uint8_t *record)
{
	return (uint32_t)record[3] << 8 | record[4];
}

/* As much of a record's header as is there. A first record that is none means that the peer does not speak TLS. */
static enum client_hello_fault check_record(const uint8_t *record, size_t have, bool first)
{
	enum client_hello_fault other = first ? CLIENT_HELLO_NOT_TLS : CLIENT_HELLO_MALFORMED;

	if (have >= 1 && record[0] != RECORD_HANDSHAKE)
		return other;
	if (have >= 2 && record[1] != 3) /* the minor version is to be ignored */
		return other;
	if (have >= 4 && record[3] << 8 > RECORD_MAX)
		return CLIENT_HELLO_MALFORMED;
	if (have < RECORD_HEADER)
		return CLIENT_HELLO_OK;
	if (record_length(record) == 0 || record_length(record) > RECORD_MAX)
		return CLIENT_HELLO_MALFORMED;
	return CLIENT_HELLO_OK;
}

/*
 * Up to n bytes of the message from the start, across the records in buf, whose headers have all been checked and of
 * which the last may lack bytes; returns how many there are. No record is empty, so n bytes lie in n records at most.
 */
static size_t gather(const uint8_t *buf, size_t len, uint8_t *dst, size_t n)
{
	struct cursor c = cursor_of(buf, len);
	size_t got = 0;

	while (got < n && cursor_left(&c) > RECORD_HEADER) {
		size_t length = record_length(cursor_take(&c, RECORD_HEADER));
		size_t here = length < cursor_left(&c) ? length : cursor_left(&c);

		here = here < n - got ? here : n - got;
		memcpy(dst + got, cursor_take(&c, here), here);
		got += here;
	}
	return got;
}

/*
 * Type and length of the message, as soon as they are there, be it in a record that is not complete yet. Of buf, only
 * what goes up to the end of the record at st->next may be looked at.
 */
static enum client_hello_fault check_message(struct client_hello *st, const uint8_t *buf,
					     size_t len)
{
	size_t end = st->next + RECORD_HEADER + record_length(buf + st->next);
	uint8_t head[MESSAGE_HEADER];
	size_t n;

	if (st->want != 0)
		return CLIENT_HELLO_OK;
	len = len < end ? len : end;
	n = gather(buf, len, head, sizeof(head));
	if (n >= 1 && head[0] != MESSAGE_HELLO)
		return CLIENT_HELLO_MALFORMED;
	if (n >= 2 && head[1] != 0) /* 64 KiB and more */
		return CLIENT_HELLO_TOO_LARGE;
	if (n == sizeof(head))
		st->want = MESSAGE_HEADER + ((uint32_t)head[2] << 8 | head[3]);
	return CLIENT_HELLO_OK;
}

/* Whether the record at st->next and the rest of the message behind it can fit at all. */
static enum client_hello_fault check_size(const struct client_hello *st, uint32_t length)
{
	uint32_t have = st->have + length;
	uint32_t end = st->next + RECORD_HEADER + length;

	if (st->want != 0 && have < st->want)
		end += RECORD_HEADER + (st->want - have);
	if (end > CLIENT_HELLO_MAX)
		return CLIENT_HELLO_TOO_LARGE;
	/* Nothing may follow the hello in its record: no client has anything to say before the answer. */
	if (st->want != 0 && have > st->want)
		return CLIENT_HELLO_MALFORMED;
	return CLIENT_HELLO_OK;
}

static bool is_complete(const struct client_hello *st)
{
	return st->want != 0 && st->have >= st->want;
}

/* Walk the records that are there, as far as the end of the message. */
static enum client_hello_fault walk(struct client_hello *st, const uint8_t *buf, size_t len)
{
	enum client_hello_fault fault = CLIENT_HELLO_OK;

	while (!is_complete(st) && st->next < len) {
		const uint8_t *record = buf + st->next;
		size_t left = len - st->next;

		fault = check_record(record, left, st->next == 0);
		if (fault != CLIENT_HELLO_OK || left < RECORD_HEADER)
			break;
		/* In the order of the bytes, so that the fault does not depend on how they came. */
		fault = check_size(st, record_length(record));
		if (fault == CLIENT_HELLO_OK)
			fault = check_message(st, buf, len);
		if (fault == CLIENT_HELLO_OK)
			fault = check_size(st, record_length(record));
		if (fault != CLIENT_HELLO_OK || left - RECORD_HEADER < record_length(record))
			break;
		st->next += RECORD_HEADER + record_length(record);
		st->have += record_length(record);
	}
	return fault;
}

/* The whole message as one piece: in place if it lies in one record, as nearly always, else put together. */
static struct cursor message(const struct client_hello *st, const uint8_t *buf)
{
	if (record_length(buf) >= st->want)
		return cursor_of(buf + RECORD_HEADER, st->want);
	return cursor_of(scratch, gather(buf, st->next, scratch, st->want));
}

static char fold(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c + ('a' - 'A'));
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.')
		return (char)c;
	return '\0';
}

static bool read_name(struct cursor *c, struct client_hello_result *ret)
{
	size_t len = cursor_left(c);
	const uint8_t *raw = cursor_take(c, len);

	if (len > 0 && raw[len - 1] == '.')
		len--;
	if (len == 0 || len > SERVER_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		ret->name[i] = fold(raw[i]);
		if (ret->name[i] == '\0')
			return false;
		if (raw[i] == '.' && (i == 0 || i == len - 1 || raw[i - 1] == '.'))
			return false;
	}
	ret->name[len] = '\0';
	ret->name_len = (uint16_t)len;
	return true;
}

/* RFC 6066 section 3. The list may by its grammar hold more, but only one name of one type was ever defined. */
static bool read_server_name(struct cursor *ext, struct client_hello_result *ret)
{
	struct cursor list, name;

	list = cursor_sub(ext, cursor_be16(ext));
	if (cursor_u8(&list) != NAME_TYPE_HOST)
		return false;
	name = cursor_sub(&list, cursor_be16(&list));
	if (ext->bad || list.bad || name.bad || cursor_left(ext) != 0 || cursor_left(&list) != 0)
		return false;
	return read_name(&name, ret);
}

static bool read_extensions(struct cursor *c, struct client_hello_result *ret)
{
	bool seen = false;

	while (!c->bad && cursor_left(c) > 0) {
		uint16_t type = cursor_be16(c);
		struct cursor ext = cursor_sub(c, cursor_be16(c));

		if (ext.bad)
			return false;
		if (type != EXT_SERVER_NAME)
			continue;
		/* Twice: the upstream might take the other one than we do. */
		if (seen || !read_server_name(&ext, ret))
			return false;
		seen = true;
	}
	return !c->bad;
}

/* RFC 8446 section 4.1.2. The message's own header was checked on the way. */
static bool read_hello(struct cursor *c, struct client_hello_result *ret)
{
	struct cursor session, suites, compressions, extensions;

	cursor_take(c, MESSAGE_HEADER);
	if (cursor_be16(c) >> 8 != 3)
		return false;
	cursor_take(c, 32);
	session = cursor_sub(c, cursor_u8(c));
	suites = cursor_sub(c, cursor_be16(c));
	compressions = cursor_sub(c, cursor_u8(c));
	if (c->bad || cursor_left(&session) > 32 || cursor_left(&suites) < 2 ||
	    cursor_left(&suites) % 2 != 0 || cursor_left(&compressions) < 1)
		return false;
	if (cursor_left(c) == 0)
		return true; /* TLS 1.2 and before: extensions may be absent */
	extensions = cursor_sub(c, cursor_be16(c));
	if (c->bad || cursor_left(c) != 0)
		return false;
	return read_extensions(&extensions, ret);
}

static enum wire_result refuse(struct client_hello_result *ret, enum client_hello_fault fault)
{
	/* No half-read name for a caller that forgets to look at the fault. */
	memset(ret, 0, sizeof(*ret));
	ret->fault = fault;
	return WIRE_BAD;
}

enum wire_result client_hello_read(struct client_hello *st, const uint8_t *buf, size_t len,
				   struct client_hello_result *ret)
{
	enum client_hello_fault fault;
	struct cursor c;

	memset(ret, 0, sizeof(*ret));
	fault = walk(st, buf, len);
	if (fault != CLIENT_HELLO_OK)
		return refuse(ret, fault);
	if (!is_complete(st))
		return len < CLIENT_HELLO_MAX ? WIRE_MORE : refuse(ret, CLIENT_HELLO_TOO_LARGE);
	c = message(st, buf);
	if (!read_hello(&c, ret))
		return refuse(ret, CLIENT_HELLO_MALFORMED);
	return WIRE_DONE;
}

/* A bounded writer, the mirror of the cursor: what does not fit sets bad and is left out. */
struct writer {
	uint8_t *start;
	size_t len, cap;
	bool bad;
};

static void put(struct writer *w, const void *bytes, size_t n)
{
	if (w->bad || n > w->cap - w->len) {
		w->bad = true;
		return;
	}
	memcpy(w->start + w->len, bytes, n);
	w->len += n;
}

static void put_be(struct writer *w, uint32_t value, size_t width)
{
	uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
			    (uint8_t)value};

	put(w, bytes + sizeof(bytes) - width, width);
}

/* Room for a length of `width` bytes, filled in by end_length() once what it counts is written. */
static size_t begin_length(struct writer *w, size_t width)
{
	put_be(w, 0, width);
	return w->len;
}

static void end_length(struct writer *w, size_t begun, size_t width)
{
	size_t length = w->len - begun;

	for (size_t i = 0; i < width && !w->bad; i++)
		w->start[begun - 1 - i] = (uint8_t)(length >> (8 * i));
}

static void put_server_name(struct writer *w, const char *name)
{
	size_t ext, list;

	put_be(w, EXT_SERVER_NAME, 2);
	ext = begin_length(w, 2);
	list = begin_length(w, 2);
	put_be(w, NAME_TYPE_HOST, 1);
	put_be(w, (uint32_t)strlen(name), 2);
	put(w, name, strlen(name));
	end_length(w, list, 2);
	end_length(w, ext, 2);
}

/* ECDHE with AES-GCM and ChaCha20 for certificates of both kinds, then what old servers may be left with. */
static const uint8_t cipher_suites[] = {
	0x13, 0x01, 0x13, 0x02, 0x13, 0x03,		/* TLS 1.3 */
	0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, /* ECDHE, AES-GCM */
	0xcc, 0xa9, 0xcc, 0xa8,				/* ECDHE, ChaCha20-Poly1305 */
	0xc0, 0x13, 0xc0, 0x14, 0x00, 0x9c, 0x00, 0x2f, /* AES-CBC, RSA */
};

/*
 * The key share is present and empty: it asks a TLS 1.3 server to choose a group (RFC 8446 section 4.2.8), which it
 * answers with a HelloRetryRequest. So neither side computes a key for a mere probe.
 */
static const uint8_t fixed_extensions[] = {
	0x00, 0x0a, 0x00, 0x08, 0x00, 0x06, /* supported_groups: */
	0x00, 0x1d, 0x00, 0x17, 0x00, 0x18, /* x25519, secp256r1, secp384r1 */
	0x00, 0x0b, 0x00, 0x02, 0x01, 0x00, /* ec_point_formats: uncompressed */
	0x00, 0x0d, 0x00, 0x12, 0x00, 0x10, /* signature_algorithms: */
	0x04, 0x03, 0x05, 0x03, 0x08, 0x07, /* ECDSA P-256, P-384, Ed25519 */
	0x08, 0x04, 0x08, 0x05, 0x08, 0x06, /* RSA-PSS */
	0x04, 0x01, 0x05, 0x01,		    /* RSA PKCS #1 */
	0x00, 0x17, 0x00, 0x00,		    /* extended_master_secret */
	0x00, 0x2b, 0x00, 0x05, 0x04,	    /* supported_versions: */
	0x03, 0x04, 0x03, 0x03,		    /* 1.3, 1.2 */
	0x00, 0x33, 0x00, 0x02, 0x00, 0x00, /* key_share: none yet */
	0xff, 0x01, 0x00, 0x01, 0x00,	    /* renegotiation_info: first handshake */
};

size_t client_hello_format(uint8_t *dst, size_t cap, const char *name, const uint8_t random[32])
{
	struct writer w = {.start = dst, .cap = cap};
	size_t record, body, extensions;

	if (name && strlen(name) > SERVER_NAME_MAX)
		return 0;
	put(&w, (const uint8_t[]){RECORD_HANDSHAKE, 3, 1}, 3);
	record = begin_length(&w, 2);
	put_be(&w, MESSAGE_HELLO, 1);
	body = begin_length(&w, 3);
	put_be(&w, 0x0303, 2);
	put(&w, random, 32);
	put_be(&w, 0, 1); /* session id */
	put_be(&w, sizeof(cipher_suites), 2);
	put(&w, cipher_suites, sizeof(cipher_suites));
	put_be(&w, 0x0100, 2); /* compression: null only */
	extensions = begin_length(&w, 2);
	if (name)
		put_server_name(&w, name);
	put(&w, fixed_extensions, sizeof(fixed_extensions));
	end_length(&w, extensions, 2);
	end_length(&w, body, 3);
	end_length(&w, record, 2);
	return w.bad ? 0 : w.len;
}
