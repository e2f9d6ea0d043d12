/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events as newline-delimited JSON: those kept, and, if asked, those to come. */
#include "api/native/routes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NDJSON	     "application/x-ndjson"
#define STREAM_BLOCK 16384
#define LOST_MAX     64

/* One who follows: first `head`, then line by line. */
struct stream {
	struct follower follower;
	struct request *r;
	char *head;
	size_t head_len, head_at;
	char lost[LOST_MAX];
	size_t lost_len, lost_at;
	struct event_line *line; /* one reference */
	size_t line_at;
};

static void stream_free(void *state)
{
	struct stream *s = state;

	follower_remove(s->r->control, &s->follower);
	event_line_unref(s->line);
	free(s->head);
	free(s);
}

static void stream_wake(struct follower *f)
{
	struct stream *s = container_of(f, struct stream, follower);

	/* Before the answer's headers are out there is nothing to wake. */
	if (s->r->is_answered)
		request_resume(s->r);
}

static size_t copy_out(const char *from, size_t len, size_t *at, char *to, size_t cap)
{
	size_t n = len - *at < cap ? len - *at : cap;

	memcpy(to, from + *at, n);
	*at += n;
	return n;
}

/* False: there is no more now. */
static bool stream_next(struct stream *s)
{
	uint64_t lost;

	event_line_unref(s->line);
	s->line_at = 0;
	s->line = follower_next(&s->r->control->events, &s->follower, &lost);
	s->lost_at = s->lost_len = 0;
	if (lost)
		s->lost_len =
			(size_t)snprintf(s->lost, sizeof(s->lost),
					 "{\"event\":\"lost\",\"suppressed\":%" PRIu64 "}\n", lost);
	return s->line || s->lost_len;
}

static ssize_t stream_read(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct stream *s = cls;
	size_t n = 0;

	if (s->r->is_gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n += copy_out(s->head, s->head_len, &s->head_at, buf, max);
	while (n < max) {
		n += copy_out(s->lost, s->lost_len, &s->lost_at, buf + n, max - n);
		if (s->line)
			n += copy_out(s->line->text, s->line->len, &s->line_at, buf + n, max - n);
		if (n < max && !stream_next(s))
			break;
	}
	if (n > 0)
		return (ssize_t)n;
	if (s->r->control->is_stopping)
		return MHD_CONTENT_READER_END_OF_STREAM;
	request_suspend(s->r);
	return 0;
}

static void stream_begin(struct request *r, const struct event_filter *filter, char *head,
			 size_t len)
{
	struct stream *s = calloc(1, sizeof(*s));
	struct MHD_Response *response = NULL;

	if (!s) {
		free(head);
		request_answer_response(r, 500, NULL);
		return;
	}
	s->r = r;
	s->head = head;
	s->head_len = len;
	s->follower.filter = *filter;
	s->follower.wake = stream_wake;
	list_init(&s->follower.node);
	r->state = s;
	r->state_free = stream_free;
	follower_add(r->control, &s->follower);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, s,
						     NULL);
	if (response) {
		MHD_add_response_header(response, "Content-Type", NDJSON);
		MHD_add_response_header(response, "Cache-Control", "no-store");
	}
	request_answer_response(r, 200, response);
}

static int filter_take(const struct request *r, struct event_filter *ret_filter, struct err *e)
{
	const char *cluster = request_query(r, "cluster");
	int ret = request_query_bool(r, "accepted", &ret_filter->accepted, e);

	ret_filter->authz = &r->control->authz;
	ret_filter->peer = r->peer;
	if (ret < 0 || !cluster)
		return ret;
	/* It need not exist any more: its events may. */
	if (strlen(cluster) >= sizeof(ret_filter->cluster))
		return err_set(e, ERR_USAGE, "cluster", "no cluster has such a long name");
	snprintf(ret_filter->cluster, sizeof(ret_filter->cluster), "%s", cluster);
	return request_may_view(r, cluster, e);
}

void events_get(struct request *r)
{
	struct event_filter filter = {0};
	struct err e = {0};
	uint64_t last;
	bool follow;
	size_t len = 0;
	char *head;

	if (filter_take(r, &filter, &e) < 0 || request_query_bool(r, "follow", &follow, &e) < 0 ||
	    request_query_uint(r, "last", EVENTS_KEPT, EVENTS_KEPT, &last, &e) < 0) {
		request_answer_error(r, &e);
		return;
	}
	head = events_last(&r->control->events, &filter, last, &len);
	if (head && follow)
		stream_begin(r, &filter, head, len);
	else
		request_answer_text(r, 200, NDJSON, head, len);
}
