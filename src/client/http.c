/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void http_init(struct http *h)
{
	*h = (struct http){ .state = HTTP_STATUS, .length = -1, .line = STR_INIT };
}

void http_done(struct http *h)
{
	str_done(&h->line);
}

static bool bad(struct err *err, const char *why)
{
	err_note(err, ERR_IO, _("the answer is not HTTP: %s"), why);
	return false;
}

/* "HTTP/1.1 200 OK": anything but HTTP/1.x with three digits is refused. */
static bool status_line(struct http *h, const char *line, struct err *err)
{
	if (!str_starts(line, "HTTP/1.") || (line[7] != '0' && line[7] != '1') || line[8] != ' ')
		return bad(err, _("its first line is not a status line"));
	int status = 0;
	for (int i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return bad(err, _("its status is not a number"));
		status = status * 10 + (line[i] - '0');
	}
	if (status < 100 || status > 599 || (line[12] && line[12] != ' '))
		return bad(err, _("its status is not a number"));
	h->status = status;
	h->keep_alive = line[7] == '1';
	h->length = -1;
	h->chunked = false;
	h->content_type[0] = '\0';
	h->state = HTTP_HEADERS;
	return true;
}

static bool length_header(struct http *h, const char *value, struct err *err)
{
	int64_t n = 0;
	if (!*value)
		return bad(err, _("Content-Length is not a number"));
	for (const char *p = value; *p; p++) {
		if (*p < '0' || *p > '9' || n > INT64_MAX / 100)
			return bad(err, _("Content-Length is not a number"));
		n = n * 10 + (*p - '0');
	}
	if (h->length >= 0 && h->length != n)
		return bad(err, _("two lengths"));
	h->length = n;
	return true;
}

static bool header(struct http *h, char *line, struct err *err)
{
	char *colon = strchr(line, ':');
	if (!colon || colon == line || line[0] == ' ' || line[0] == '\t')
		return bad(err, _("a header without a name"));
	*colon = '\0';
	char *value = colon + 1, *end = value + strlen(value);
	while (*value == ' ' || *value == '\t')
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	if (strcasecmp(line, "Content-Length") == 0)
		return length_header(h, value, err);
	if (strcasecmp(line, "Transfer-Encoding") == 0) {
		if (strcasecmp(value, "chunked"))
			return bad(err, _("an unknown Transfer-Encoding"));
		h->chunked = true;
	} else if (strcasecmp(line, "Connection") == 0) {
		if (strcasecmp(value, "close") == 0)
			h->keep_alive = false;
		else if (strcasecmp(value, "keep-alive") == 0)
			h->keep_alive = true;
	} else if (strcasecmp(line, "Content-Type") == 0) {
		(void)snprintf(h->content_type, sizeof(h->content_type), "%s", value);
	}
	return true;
}

/* The empty line: what comes now? */
static void head_end(struct http *h)
{
	if (h->status < 200) { /* 100 Continue and its like: the answer is still to come */
		h->state = HTTP_STATUS;
		return;
	}
	h->head_done = true;
	if (h->status == 204 || h->status == 304) {
		h->state = HTTP_COMPLETE;
	} else if (h->chunked) {
		h->state = HTTP_CHUNK_SIZE;
	} else if (h->length >= 0) {
		h->left = (uint64_t)h->length;
		h->state = h->left ? HTTP_LENGTH : HTTP_COMPLETE;
	} else {
		h->keep_alive = false;
		h->state = HTTP_TO_END;
	}
}

static bool chunk_size(struct http *h, const char *line, struct err *err)
{
	uint64_t n = 0;
	size_t digits = 0;
	for (; *line; line++, digits++) {
		int v = *line >= '0' && *line <= '9'   ? *line - '0'
		        : *line >= 'a' && *line <= 'f' ? *line - 'a' + 10
		        : *line >= 'A' && *line <= 'F' ? *line - 'A' + 10
		                                       : -1;
		if (v < 0)
			break;
		if (digits == 15)
			return bad(err, _("a chunk without end"));
		n = n * 16 + (uint64_t)v;
	}
	if (!digits || (*line && *line != ';' && *line != ' ' && *line != '\t'))
		return bad(err, _("the size of a chunk is not a number"));
	h->left = n;
	h->state = n ? HTTP_CHUNK : HTTP_TRAILERS;
	return true;
}

static bool whole_line(struct http *h, char *line, struct err *err)
{
	switch (h->state) {
	case HTTP_STATUS:
		return status_line(h, line, err);
	case HTTP_HEADERS:
		if (*line)
			return header(h, line, err);
		head_end(h);
		return true;
	case HTTP_CHUNK_SIZE:
		return chunk_size(h, line, err);
	case HTTP_CHUNK_END:
		if (*line)
			return bad(err, _("a chunk is longer than it says"));
		h->state = HTTP_CHUNK_SIZE;
		return true;
	case HTTP_TRAILERS:
		if (!*line)
			h->state = HTTP_COMPLETE;
		return true;
	case HTTP_LENGTH:
	case HTTP_TO_END:
	case HTTP_CHUNK:
	case HTTP_COMPLETE:
		break;
	}
	return bad(err, _("a line where none belongs"));
}

/* Collect a line up to its LF; false: bad. *ret_used counts what was taken. */
static bool take_line(struct http *h, const char *p, size_t n, size_t *ret_used, struct err *err)
{
	const char *lf = memchr(p, '\n', n);
	size_t len = lf ? (size_t)(lf - p) : n;
	*ret_used = lf ? len + 1 : n;
	bool in_body = h->head_done && h->state != HTTP_TRAILERS;
	h->head_bytes = in_body ? 0 : h->head_bytes + *ret_used;
	if (h->head_bytes > HTTP_HEAD_MAX || h->line.len + len > HTTP_HEAD_MAX)
		return bad(err, _("its headers are too long"));
	if (memchr(p, '\0', len))
		return bad(err, _("a NUL in its headers"));
	str_add_len(&h->line, p, len);
	if (!lf)
		return true;
	if (h->line.len && h->line.p[h->line.len - 1] == '\r')
		str_cut(&h->line, h->line.len - 1);
	char empty[1] = "";
	bool good = whole_line(h, h->line.len ? h->line.p : empty, err);
	str_clear(&h->line);
	return good;
}

enum http_result http_feed(struct http *h, const char *p, size_t n, size_t *ret_used,
                           const char **ret_body, size_t *ret_len, struct err *err)
{
	size_t used = 0;
	while (used < n && h->state != HTTP_COMPLETE) {
		if (h->state == HTTP_LENGTH || h->state == HTTP_CHUNK || h->state == HTTP_TO_END) {
			size_t len = n - used;
			if (h->state != HTTP_TO_END) {
				len = (size_t)MIN((uint64_t)len, h->left);
				h->left -= len;
				if (!h->left)
					h->state =
					    h->state == HTTP_CHUNK ? HTTP_CHUNK_END : HTTP_COMPLETE;
			}
			*ret_body = p + used;
			*ret_len = len;
			*ret_used = used + len;
			return HTTP_BODY;
		}
		size_t taken;
		if (!take_line(h, p + used, n - used, &taken, err))
			return HTTP_BAD;
		used += taken;
	}
	*ret_used = used;
	return h->state == HTTP_COMPLETE ? HTTP_END : HTTP_MORE;
}

bool http_eof(struct http *h)
{
	if (h->state == HTTP_TO_END)
		h->state = HTTP_COMPLETE;
	return h->state == HTTP_COMPLETE;
}
