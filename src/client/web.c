/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests to a base URL through libcurl's multi interface. libcurl is loaded when the first such
 * request is made: a program that is linked with it takes five times as long to start, and local
 * commands need none of it. */
#include "client/client_internal.h"

#include "base/clock.h"

#include <assert.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

struct functions {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *h, CURLoption o, ...);
	CURLcode (*easy_getinfo)(CURL *h, CURLINFO i, ...);
	void (*easy_cleanup)(CURL *h);
	const char *(*easy_strerror)(CURLcode code);
	struct curl_slist *(*slist_append)(struct curl_slist *l, const char *text);
	void (*slist_free_all)(struct curl_slist *l);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_setopt)(CURLM *m, CURLMoption o, ...);
	CURLMcode (*multi_add)(CURLM *m, CURL *h);
	CURLMcode (*multi_remove)(CURLM *m, CURL *h);
	CURLMcode (*multi_action)(CURLM *m, curl_socket_t fd, int events, int *running);
	CURLMsg *(*multi_info)(CURLM *m, int *left);
	CURLMcode (*multi_cleanup)(CURLM *m);
};

/* clang-format off */
static const struct { const char *name; size_t at; } symbols[] = {
	{ "curl_global_init",         offsetof(struct functions, global_init) },
	{ "curl_easy_init",           offsetof(struct functions, easy_init) },
	{ "curl_easy_setopt",         offsetof(struct functions, easy_setopt) },
	{ "curl_easy_getinfo",        offsetof(struct functions, easy_getinfo) },
	{ "curl_easy_cleanup",        offsetof(struct functions, easy_cleanup) },
	{ "curl_easy_strerror",       offsetof(struct functions, easy_strerror) },
	{ "curl_slist_append",        offsetof(struct functions, slist_append) },
	{ "curl_slist_free_all",      offsetof(struct functions, slist_free_all) },
	{ "curl_multi_init",          offsetof(struct functions, multi_init) },
	{ "curl_multi_setopt",        offsetof(struct functions, multi_setopt) },
	{ "curl_multi_add_handle",    offsetof(struct functions, multi_add) },
	{ "curl_multi_remove_handle", offsetof(struct functions, multi_remove) },
	{ "curl_multi_socket_action", offsetof(struct functions, multi_action) },
	{ "curl_multi_info_read",     offsetof(struct functions, multi_info) },
	{ "curl_multi_cleanup",       offsetof(struct functions, multi_cleanup) },
};
/* clang-format on */
static_assert(COUNT(symbols) == sizeof(struct functions) / sizeof(void (*)(void)),
              "every function is looked up");

struct web {
	struct functions f;
	void *library;
	CURLM *multi;
	struct pollfd *fds; /* what libcurl waits for */
	size_t n, cap;
	int64_t due_us; /* when it wants to be called; -1: never */
};

struct exchange {
	CURL *easy;
	struct curl_slist *headers;
	struct request *r;
	struct client *c;
	char content_type[64];
	char error[CURL_ERROR_SIZE];
};

static enum err_code load(struct functions *f, void **ret, struct err *err)
{
	static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };
	void *library = NULL;
	for (size_t i = 0; !library && i < COUNT(names); i++)
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		err_note(err, ERR_UNSUPPORTED, _("libcurl cannot be loaded: %s"), dlerror());
		err_hint(err,
		         _("install it (Debian: libcurl4), or use the engine of this machine"));
		return ERR_UNSUPPORTED;
	}
	for (size_t i = 0; i < COUNT(symbols); i++) {
		void *symbol = dlsym(library, symbols[i].name);
		if (!symbol) {
			(void)dlclose(library);
			return err_set(err, ERR_UNSUPPORTED, _("this libcurl has no %s"),
			               symbols[i].name);
		}
		memcpy((char *)f + symbols[i].at, &symbol, sizeof(symbol));
	}
	*ret = library;
	return ERR_OK;
}

static int on_socket(CURL *easy UNUSED, curl_socket_t fd, int what, void *ctx, void *mine UNUSED)
{
	struct web *w = ctx;
	size_t i = 0;
	while (i < w->n && w->fds[i].fd != fd)
		i++;
	if (what == CURL_POLL_REMOVE) {
		if (i < w->n)
			w->fds[i] = w->fds[--w->n];
		return 0;
	}
	if (i == w->n) {
		GROW(w->fds, w->n, w->cap);
		w->n++;
	}
	short events =
	    (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
	w->fds[i] = (struct pollfd){ .fd = fd, .events = events };
	return 0;
}

static int on_timer(CURLM *m UNUSED, long in_ms, void *ctx)
{
	struct web *w = ctx;
	w->due_us = in_ms < 0 ? -1 : clock_mono_us() + (int64_t)in_ms * 1000;
	return 0;
}

static struct web *web_of(struct client *c, struct err *err)
{
	if (c->web)
		return c->web;
	struct web *w = xcalloc(1, sizeof(*w));
	w->due_us = -1;
	if (load(&w->f, &w->library, err)) {
		free(w);
		return NULL;
	}
	if (w->f.global_init(CURL_GLOBAL_DEFAULT) || !(w->multi = w->f.multi_init())) {
		err_note(err, ERR_INTERNAL, _("libcurl cannot be started"));
		free(w);
		return NULL;
	}
	(void)w->f.multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)w->f.multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
	(void)w->f.multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	(void)w->f.multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
	return c->web = w;
}

static size_t on_header(char *p, size_t one UNUSED, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	if (x->r->head_seen || n > 2)
		return n; /* the empty line ends the head */
	long status = 0;
	char *type = NULL;
	(void)p;
	(void)x->c->web->f.easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)x->c->web->f.easy_getinfo(x->easy, CURLINFO_CONTENT_TYPE, &type);
	if (status >= 200)
		request_head(x->r, (int)status, type ? type : "");
	return n;
}

static size_t on_body(char *p, size_t one UNUSED, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	return request_body(x->r, p, n) ? n : 0;
}

static size_t on_read(char *p, size_t one UNUSED, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	n = request_read(x->r, p, n);
	return x->r->end.code ? CURL_READFUNC_ABORT : n;
}

static void add_header(struct exchange *x, const char *name, const char *value)
{
	auto_free char *line = xasprintf("%s: %s", name, value);
	struct curl_slist *l = x->c->web->f.slist_append(x->headers, line);
	if (l)
		x->headers = l;
}

static void set_headers(struct exchange *x)
{
	struct request *r = x->r;
	add_header(x, "Accept", r->stream ? "text/event-stream" : "*/*");
	add_header(x, "Expect", ""); /* no 100-continue */
	if (x->c->languages)
		add_header(x, "Accept-Language", x->c->languages);
	if (r->key[0])
		add_header(x, "Idempotency-Key", r->key);
	if (r->range[0])
		add_header(x, "Range", r->range);
	if (r->stream && r->sse.last_id[0])
		add_header(x, "Last-Event-ID", r->sse.last_id);
	if (r->body)
		add_header(x, "Content-Type", "application/json");
	if (r->from_fd >= 0)
		add_header(x, "Content-Type", "application/octet-stream");
	if (x->c->token) {
		auto_free char *bearer = xasprintf("Bearer %s", x->c->token);
		add_header(x, "Authorization", bearer);
	}
}

static void set_options(struct web *w, struct exchange *x)
{
	struct request *r = x->r;
	auto_free char *url = xasprintf("%s%s", x->c->base_url, r->path);
	(void)w->f.easy_setopt(x->easy, CURLOPT_URL, url);
	(void)w->f.easy_setopt(x->easy, CURLOPT_PATH_AS_IS, 1L);
	(void)w->f.easy_setopt(x->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	(void)w->f.easy_setopt(x->easy, CURLOPT_PRIVATE, (char *)x);
	(void)w->f.easy_setopt(x->easy, CURLOPT_ERRORBUFFER, x->error);
	(void)w->f.easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
	(void)w->f.easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, on_header);
	(void)w->f.easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
	(void)w->f.easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)w->f.easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
	(void)w->f.easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)x->c->timeout_ms);
	if (r->from_fd >= 0) {
		(void)w->f.easy_setopt(x->easy, CURLOPT_POST, 1L);
		(void)w->f.easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->from_len);
		(void)w->f.easy_setopt(x->easy, CURLOPT_READFUNCTION, on_read);
		(void)w->f.easy_setopt(x->easy, CURLOPT_READDATA, x);
	} else if (str_eq(r->method, "POST")) {
		(void)w->f.easy_setopt(x->easy, CURLOPT_POST, 1L);
		(void)w->f.easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		                       (curl_off_t)(r->body ? strlen(r->body) : 0));
		(void)w->f.easy_setopt(x->easy, CURLOPT_POSTFIELDS, r->body ? r->body : "");
	} else if (!str_eq(r->method, "GET")) {
		(void)w->f.easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, r->method);
	}
}

static void exchange_free(struct web *w, struct exchange *x)
{
	(void)w->f.multi_remove(w->multi, x->easy);
	w->f.easy_cleanup(x->easy);
	w->f.slist_free_all(x->headers);
	free(x);
}

void web_start(struct client *c, struct request *r)
{
	struct err err;
	struct web *w = web_of(c, &err);
	if (!w) {
		request_end(r, err.code, &err);
		return;
	}
	struct exchange *x = xcalloc(1, sizeof(*x));
	x->c = c;
	x->r = r;
	x->easy = w->f.easy_init();
	if (!x->easy) {
		free(x);
		err_note(&err, ERR_INTERNAL, _("libcurl cannot be started"));
		request_end(r, err.code, &err);
		return;
	}
	set_headers(x);
	set_options(w, x);
	(void)w->f.multi_add(w->multi, x->easy);
	r->easy = x;
}

void web_drop(struct client *c, struct request *r)
{
	if (r->easy)
		exchange_free(c->web, r->easy);
	r->easy = NULL;
}

static void ended(struct client *c, struct exchange *x, CURLcode result)
{
	struct request *r = x->r;
	struct err err = { .code = ERR_OK };
	if (result == CURLE_OPERATION_TIMEDOUT)
		err_note(&err, ERR_TIMEOUT, _("%s does not answer"), c->base_url);
	else if (result != CURLE_OK)
		err_note(&err, ERR_UNAVAILABLE, _("cannot speak to %s: %s"), c->base_url,
		         x->error[0] ? x->error : c->web->f.easy_strerror(result));
	web_drop(c, r);
	if (err.code == ERR_UNAVAILABLE && !r->stream && !r->sent_again && r->from_fd < 0 && !r->head_seen &&
	    (result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR ||
	     result == CURLE_GOT_NOTHING)) {
		r->sent_again = true;
		return; /* unstarted: it is sent once more, under the same key */
	}
	request_end(r, err.code, &err);
}

static void collect(struct client *c)
{
	struct web *w = c->web;
	int left;
	for (CURLMsg *m; (m = w->f.multi_info(w->multi, &left));) {
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode result = m->data.result;
		char *mine = NULL;
		(void)w->f.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &mine);
		if (mine)
			ended(c, (struct exchange *)(void *)mine, result);
	}
}

size_t web_poll(const struct client *c, struct pollfd *fds, size_t max, int64_t *ret_due_us)
{
	const struct web *w = c->web;
	*ret_due_us = w ? w->due_us : -1;
	size_t n = w ? MIN(w->n, max) : 0;
	if (n)
		memcpy(fds, w->fds, n * sizeof(*fds));
	return n;
}

void web_turn(struct client *c, const struct pollfd *fds, size_t n)
{
	struct web *w = c->web;
	if (!w)
		return;
	int running;
	for (size_t i = 0; i < n; i++) {
		bool ours = false;
		for (size_t j = 0; j < w->n; j++)
			ours = ours || w->fds[j].fd == fds[i].fd;
		int events = (fds[i].revents & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) |
		             (fds[i].revents & POLLOUT ? CURL_CSELECT_OUT : 0) |
		             (fds[i].revents & POLLERR ? CURL_CSELECT_ERR : 0);
		if (ours && events)
			(void)w->f.multi_action(w->multi, fds[i].fd, events, &running);
	}
	if (w->due_us >= 0 && clock_mono_us() >= w->due_us) {
		w->due_us = -1;
		(void)w->f.multi_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	collect(c);
}

void web_free(struct client *c)
{
	if (!c->web)
		return;
	(void)c->web->f.multi_cleanup(c->web->multi);
	free(c->web->fds);
	free(c->web); /* the library stays: unloading one that made threads or handlers is asking
	                 for trouble */
	c->web = NULL;
}
