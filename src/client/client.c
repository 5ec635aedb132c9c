/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client_internal.h"

#include "base/clock.h"
#include "base/language.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 10000

enum err_code client_new(const struct client_options *o, struct client **ret, struct err *err)
{
	if (!o->home && !o->base_url)
		return err_set(err, ERR_USAGE, _("neither a home nor a base URL is given"));
	if (o->base_url && !str_starts(o->base_url, "http://") &&
	    !str_starts(o->base_url, "https://"))
		return err_set(err, ERR_USAGE,
		               _("the base URL \"%s\" does not begin with http:// or https://"),
		               o->base_url);
	if (o->token && strpbrk(o->token, "\r\n"))
		return err_set(err, ERR_USAGE, _("the token holds a line break"));
	struct client *c = xcalloc(1, sizeof(*c));
	c->tail = &c->requests;
	c->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
	c->buffer = xmalloc(CLIENT_BUFFER);
	auto_str languages = STR_INIT;
	language_wanted(&languages);
	c->languages = languages.len ? str_take(&languages) : NULL;
	if (o->base_url) {
		size_t len = strlen(o->base_url);
		while (len > 8 && o->base_url[len - 1] == '/')
			len--;
		c->base_url = xstrndup(o->base_url, len);
		c->token = o->token ? xstrdup(o->token) : NULL;
		c->where = xstrdup(c->base_url);
	} else {
		c->home = xstrdup(o->home);
		c->socket = xasprintf("%s/pawl.sock", o->home);
		c->where = xstrdup(c->socket);
	}
	*ret = c;
	return ERR_OK;
}

static void transport_drop(struct client *c, struct request *r)
{
	conn_drop(c, r);
	web_drop(c, r);
}

void client_neutral(struct client *c)
{
	free(c->languages);
	c->languages = NULL;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	while (c->requests) {
		struct request *r = c->requests;
		c->requests = r->next;
		transport_drop(c, r);
		request_free(r);
	}
	conn_free_all(c);
	web_free(c);
	json_free(c->error_body);
	free(c->languages);
	free(c->home);
	free(c->socket);
	free(c->base_url);
	free(c->token);
	free(c->where);
	free(c->buffer);
	free(c);
}

const char *client_where(const struct client *c)
{
	return c->where;
}

enum err_code client_connect(struct client *c, struct err *err)
{
	return c->base_url || c->conns ? ERR_OK : conn_open(c, err);
}

/* ---- the loop ---- */

static bool under_way(const struct request *r)
{
	return r->conn || r->easy;
}

/* Start what can be started. A connection that breaks at once leaves its request unstarted: hence
 * the second look. */
static void start_all(struct client *c)
{
	for (int round = 0; round < CLIENT_CONNS_MAX + 2; round++) {
		bool again = false;
		int64_t now = clock_mono_us();
		for (struct request *r = c->requests; r; r = r->next) {
			if (under_way(r) || r->finished || r->dropped)
				continue;
			if (r->stream && (!r->retry_us || now < r->retry_us))
				continue;
			if (!r->stream && now < r->retry_us)
				continue;
			if (r->stream) {
				r->state = STREAM_CONNECTING;
				r->deadline_us = now + c->timeout_ms * 1000;
			}
			if (c->base_url)
				web_start(c, r);
			else if (conn_start(c, r))
				again = again || (!under_way(r) && !r->finished);
		}
		if (!again)
			return;
	}
}

static void time_out(struct client *c, struct request *r)
{
	struct err err;
	if (r->stream && r->state == STREAM_LIVE)
		err_note(&err, ERR_TIMEOUT, _("nothing was heard from the engine for %d s"),
		         CLIENT_STREAM_SILENCE_MS / 1000);
	else
		err_note(&err, ERR_TIMEOUT, _("the engine at %s did not answer within %lld s"),
		         c->where, (long long)(c->timeout_ms + 999) / 1000);
	transport_drop(c, r);
	request_end(r, err.code, &err);
}

/* Call back for what is finished and forget what is over. A callback may send and drop. */
static void deliver_all(struct client *c)
{
	int64_t now = clock_mono_us();
	for (struct request *r = c->requests; r; r = r->next) {
		bool counts = under_way(r) || !r->stream;
		if (!r->finished && !r->dropped && counts && now >= r->deadline_us)
			time_out(c, r);
	}
	for (struct request **p = &c->requests; *p;) {
		struct request *r = *p;
		if (r->dropped)
			transport_drop(c, r);
		else if (r->finished)
			request_deliver(c, r);
		if (!r->dropped && (r->stream || !r->finished)) {
			p = &r->next;
			continue;
		}
		*p = r->next;
		if (c->tail == &r->next)
			c->tail = p;
		transport_drop(c, r);
		request_free(r);
	}
}

size_t client_poll(struct client *c, struct pollfd *fds, size_t max, int *ret_timeout_ms)
{
	start_all(c);
	int64_t due = -1, now = clock_mono_us();
	size_t n = conn_poll(c, fds, max);
	n += web_poll(c, fds + n, max - n, &due);
	for (const struct request *r = c->requests; r; r = r->next) {
		int64_t mine = r->deadline_us;
		if (r->finished || r->dropped)
			mine = now;
		else if (r->stream && !under_way(r))
			mine = r->retry_us ? r->retry_us : -1;
		else if (!under_way(r) && r->retry_us > now)
			mine = MIN(mine, r->retry_us);
		if (mine >= 0 && (due < 0 || mine < due))
			due = mine;
	}
	int64_t in_ms = due < 0 ? -1 : due <= now ? 0 : (due - now + 999) / 1000;
	*ret_timeout_ms = (int)MIN(in_ms, (int64_t)3600000);
	return n;
}

void client_turn(struct client *c, const struct pollfd *fds, size_t n)
{
	conn_turn(c, fds, n);
	web_turn(c, fds, n);
	deliver_all(c);
	start_all(c);
}

/* ---- requests ---- */

static unsigned int add(struct client *c, struct request *r)
{
	*c->tail = r;
	c->tail = &r->next;
	return r->number;
}

/* A path must survive in a request line: whoever makes it encodes (client_add_encoded()). */
static bool path_is_good(const char *path)
{
	if (path[0] != '/')
		return false;
	for (const unsigned char *p = (const unsigned char *)path; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	return true;
}

static struct request *make(struct client *c, const char *method, const char *path,
                            const char *body)
{
	struct request *r = request_new(c, method, path, body);
	if (!path_is_good(path)) {
		struct err err;
		err_note(&err, ERR_USAGE, _("\"%s\" cannot be asked for"), path);
		request_end(r, err.code, &err);
	}
	return r;
}

unsigned int client_send(struct client *c, const char *method, const char *path, const char *body,
                         client_reply_fn fn, void *ctx)
{
	struct request *r = make(c, method, path, body);
	r->fn = fn;
	r->ctx = ctx;
	return add(c, r);
}

static struct request *find(struct client *c, unsigned int number)
{
	struct request *r = c->requests;
	while (r && r->number != number)
		r = r->next;
	return r;
}

void client_drop(struct client *c, unsigned int number)
{
	struct request *r = find(c, number);
	if (r)
		r->dropped =
		    true; /* freed by the next turn: this may be one of its own callbacks */
}

unsigned int client_stream(struct client *c, const char *path, client_event_fn on_event,
                           client_stream_fn on_state, void *ctx)
{
	struct request *r = make(c, "GET", path, NULL);
	r->stream = true;
	r->state = STREAM_CONNECTING;
	r->on_event = on_event;
	r->on_state = on_state;
	r->ctx = ctx;
	r->retry_us = r->begun_us;
	return add(c, r);
}

void client_stream_retry(struct client *c, unsigned int stream)
{
	struct request *r = find(c, stream);
	if (r && r->stream && r->state == STREAM_DOWN)
		r->retry_us = clock_mono_us();
}

/* ---- one at a time ---- */

struct waiting {
	bool done;
	struct json **ret_json;
	struct str *out;
	struct json *error;
	int status;
	size_t len;
	enum err_code code;
	struct err *err;
};

static void waited(void *ctx, const struct client_reply *r)
{
	struct waiting *w = ctx;
	w->done = true;
	w->code = r->code;
	w->status = r->status;
	w->len = r->len;
	if (r->code && w->err)
		*w->err = *r->err;
	if (r->code && r->body && json_parse(r->bytes, r->len, CLIENT_BODY_MAX, &w->error, NULL))
		w->error = NULL; /* cannot be: it parsed before */
	if (!r->code && w->out)
		str_add_len(w->out, r->bytes, r->len);
	struct err why;
	if (!r->code && w->ret_json && r->len &&
	    json_parse(r->bytes, r->len, CLIENT_BODY_MAX, w->ret_json, &why))
		w->code = err_set(w->err, ERR_INTERNAL, _("the engine's answer is not JSON: %s"),
		                  why.message);
}

static enum err_code wait_for(struct client *c, struct request *r, struct waiting *w)
{
	r->fn = waited;
	r->ctx = w;
	r->raw = true; /* parsed once, in waited() */
	(void)add(c, r);
	c->waiting = true;
	start_all(c);
	for (;;) {
		struct pollfd fds[32];
		int timeout;
		size_t n = client_poll(c, fds, COUNT(fds), &timeout);
		int ready = poll(fds, n, timeout);
		if (ready < 0 && errno != EINTR)
			break;
		client_turn(c, fds, ready > 0 ? n : 0);
		if (w->done)
			break;
	}
	c->waiting = false;
	json_free(c->error_body);
	c->error_body = w->error;
	if (!w->done) {
		client_drop(c, r->number);
		return err_sys(w->err, ERR_INTERNAL, _("cannot wait for the engine"));
	}
	return w->code;
}

enum err_code client_call(struct client *c, const char *method, const char *path, const char *body,
                          struct json **ret_json, struct err *err)
{
	struct waiting w = { .ret_json = ret_json, .err = err };
	struct request *r = make(c, method, path, body);
	if (r->key[0] && c->next_key[0]) {
		(void)snprintf(r->key, sizeof(r->key), "%s", c->next_key);
		c->next_key[0] = '\0';
	}
	(void)snprintf(c->last_key, sizeof(c->last_key), "%s", r->key);
	return wait_for(c, r, &w);
}

void client_key(struct client *c, const char *key)
{
	(void)snprintf(c->next_key, sizeof(c->next_key), "%s", key);
}

const char *client_last_key(const struct client *c)
{
	return c->last_key;
}

const struct json *client_error_body(const struct client *c)
{
	return c->error_body;
}

enum err_code client_fetch(struct client *c, const char *path, struct str *out, struct err *err)
{
	struct waiting w = { .out = out, .err = err };
	return wait_for(c, make(c, "GET", path, NULL), &w);
}

enum err_code client_fetch_range(struct client *c, const char *path, uint64_t from, uint64_t len,
                                 struct str *out, bool *ret_more, struct err *err)
{
	struct waiting w = { .out = out, .err = err };
	struct request *r = make(c, "GET", path, NULL);
	(void)snprintf(r->range, sizeof(r->range), "bytes=%llu-%llu", (unsigned long long)from,
	               (unsigned long long)(from + len - 1));
	enum err_code code = wait_for(c, r, &w);
	*ret_more = !code && w.status == 206 && w.len == len;
	if (code && w.status == 416) /* exactly at the end */
		return ERR_OK;
	return code;
}

enum err_code client_download(struct client *c, const char *path, int fd, uint64_t *ret_len,
                              struct err *err)
{
	struct waiting w = { .err = err };
	struct request *r = make(c, "GET", path, NULL);
	r->to_fd = fd;
	r->deadline_us = clock_mono_us() + CLIENT_FILE_SILENCE_US;
	enum err_code code = wait_for(c, r, &w);
	if (!code)
		*ret_len = w.len;
	return code;
}

enum err_code client_upload(struct client *c, const char *path, int fd, uint64_t len,
                            struct json **ret_json, struct err *err)
{
	struct waiting w = { .ret_json = ret_json, .err = err };
	struct request *r = make(c, "POST", path, NULL);
	r->from_fd = fd;
	r->from_len = r->from_left = len;
	r->deadline_us = clock_mono_us() + CLIENT_FILE_SILENCE_US;
	return wait_for(c, r, &w);
}

void client_add_encoded(struct str *s, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		             (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' || *p == '.' ||
		             *p == '~';
		if (plain) {
			str_add_char(s, (char)*p);
			continue;
		}
		str_add_char(s, '%');
		str_add_char(s, hex[*p >> 4]);
		str_add_char(s, hex[*p & 15]);
	}
}
