/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP exchange with a provider of language models, and what its end means.
 *
 * The key is in a header and nowhere else: libcurl is never verbose, redirects are not followed (the key would
 * go along), and what a server says about an error is masked before anybody sees it. */
#include "work/llm.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#define CONNECT_MS 30000
#define ERROR_BODY_MAX (64 * KIB)
#define LOOK_MS 100         /* how soon a signal and the time limit are seen */
#define STOOD_STILL_MS 2000 /* a longer gap between two looks means that the process was frozen */
#define REQUEST_ID_MAX 100

struct llm_caller {
	CURLM *multi; /* keeps the connections */
	CURL *curl;
};

/* One exchange under way. */
struct exchange {
	CURL *curl;
	struct llm_try *t;
	struct llm_decoder decoder;
	const volatile sig_atomic_t *stopped;
	bool stream;
	bool begun; /* the first bytes of the body came */
	bool good;  /* and the status is one of success */
	struct str error_body;
	size_t received;
	struct curl_slist *headers;
	int64_t deadline_ms, looked_ms; /* of the monotonic clock; deadline 0: none */
	bool late;
	char curl_error[CURL_ERROR_SIZE];
};

struct llm_caller *llm_caller_new(void)
{
	struct llm_caller *c = xcalloc(1, sizeof(*c));
	c->multi = curl_multi_init();
	c->curl = curl_easy_init();
	if (!c->curl || !c->multi)
		abort();
	return c;
}

void llm_caller_free(struct llm_caller *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	(void)curl_multi_cleanup(c->multi);
	free(c);
}

void llm_try_done(struct llm_try *t)
{
	llm_answer_done(&t->answer);
	str_done(&t->why);
	str_done(&t->request_id);
}

/* ---- what an end means ---- */

static PRINTF_LIKE(5, 6) void judge(struct llm_try *t, enum error_class class, const char *status, bool again,
				    const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	t->class = class;
	t->status = status;
	t->again = again;
	str_clear(&t->why);
	str_vaddf(&t->why, fmt, ap);
	va_end(ap);
}

/* What passes by waiting. A request that is wrong, a key that is refused and money that is used up do not. */
static bool status_passes(long status)
{
	return status == 408 || status == 409 || status == 429 || (status >= 500 && status != 501);
}

/* The limit of an account comes as a 429, too, but asking again does not lift it. */
static bool is_spent(const char *type, const char *message)
{
	static const char *const words[] = { "enforced_spend_limit_reached", "insufficient_quota", "billing_error",
					     "billing_hard_limit_reached" };
	for (size_t i = 0; i < COUNT(words); i++)
		if (strstr(type, words[i]) || strstr(message, words[i]))
			return true;
	return false;
}

/* The types of error that may come within an answer whose status was good. */
static bool error_passes(const char *type)
{
	static const char *const words[] = { "overloaded", "rate_limit", "api_error", "timeout", "server_error",
					     "unavailable" };
	for (size_t i = 0; i < COUNT(words); i++)
		if (strstr(type, words[i]))
			return true;
	return !*type; /* Ollama names none; its errors within an answer are those of its own machine */
}

void llm_judge_status(struct llm_try *t, const struct str *error_type, const struct str *error)
{
	const char *type = str_text(error_type), *message = str_text(error);
	bool spent = is_spent(type, message), redirect = t->http_status >= 300 && t->http_status < 400;
	const char *status = spent ? "spend_limit" : redirect ? "redirect" : "http_status";
	if (redirect)
		judge(t, CLASS_HTTP_STATUS, status, false,
		      _("it answered with a redirect (status %ld), which is not followed: the key would go along"),
		      t->http_status);
	else
		judge(t, CLASS_HTTP_STATUS, status, !spent && status_passes(t->http_status), "%s %ld%s%s%s%s",
		      _("status"), t->http_status, *type ? ", " : "", type, *message ? ": " : "", message);
}

static void judge_answer(struct llm_try *t)
{
	const struct llm_answer *a = &t->answer;
	const char *type = str_text(&a->error_type);
	if (a->too_large)
		judge(t, CLASS_OUTPUT, "too_large", false, _("the answer is larger than %d bytes"), LLM_TEXT_MAX);
	else if (a->failed)
		judge(t, CLASS_HTTP_STATUS, "error_in_stream",
		      error_passes(type) && !is_spent(type, str_text(&a->error)),
		      _("an error within the answer: %s%s%s"), type, *type ? ": " : "", str_text(&a->error));
	else if (a->refused)
		judge(t, CLASS_HTTP_STATUS, "refused", false, _("it declined to answer (%s)"), str_text(&a->stop));
	else if (a->complete)
		judge(t, CLASS_NONE, "ok", false, "%s", "");
	else if (a->odd && !a->text.len)
		judge(t, CLASS_OUTPUT, "not_understood", false,
		      _("the answer is not what this type of provider sends; is the type right?"));
	else
		judge(t, CLASS_CONNECTION, "incomplete", true,
		      _("the answer ended before its end, after %zu bytes of text"), a->text.len);
}

static void judge_transport(struct exchange *x, CURLcode rc)
{
	struct llm_try *t = x->t;
	const char *why = x->curl_error[0] ? x->curl_error : curl_easy_strerror(rc);
	if (*x->stopped)
		judge(t, CLASS_CANCELED, "canceled", false, "%s", _("it was stopped"));
	else if (x->late || rc == CURLE_OPERATION_TIMEDOUT)
		judge(t, CLASS_TIMEOUT, "timeout", true, _("no whole answer within %lld ms"),
		      (long long)(x->late ? t->provider->timeout_ms : CONNECT_MS));
	else if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL)
		judge(t, CLASS_EXPRESSION, "url", false, "%s", why);
	else if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE)
		judge(t, CLASS_CONNECTION, "tls", false, "%s", why);
	else
		judge(t, CLASS_CONNECTION, "connection", true, "%s", why);
}

/* ---- libcurl's callbacks ---- */

static void begin_body(struct exchange *x)
{
	char *type = NULL;
	(void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->t->http_status);
	(void)curl_easy_getinfo(x->curl, CURLINFO_CONTENT_TYPE, &type);
	bool json = type && strncasecmp(type, "application/json", 16) == 0;
	x->begun = true;
	x->good = x->t->http_status >= 200 && x->t->http_status <= 299;
	/* Some servers call Ollama's lines plain JSON; a stream of events is never called so. */
	x->decoder.whole = !x->stream || (json && x->decoder.type != PROVIDER_OLLAMA);
}

static size_t take_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	size_t len = size * n;
	if (!x->begun)
		begin_body(x);
	if (!x->good) {
		if (x->error_body.len < ERROR_BODY_MAX)
			str_add_len(&x->error_body, bytes, MIN(len, ERROR_BODY_MAX - x->error_body.len));
		return len;
	}
	x->received += len;
	llm_decode(&x->decoder, bytes, len);
	if (x->received > LLM_BODY_MAX)
		x->t->answer.too_large = true;
	return x->t->answer.too_large ? 0 : len;
}

static void add_header(void *ctx, const char *line)
{
	struct exchange *x = ctx;
	struct curl_slist *longer = curl_slist_append(x->headers, line);
	if (!longer)
		abort();
	x->headers = longer;
}

static void set_options(struct exchange *x, const char *url, const struct str *body)
{
	CURL *c = x->curl;
	curl_easy_reset(c);
	(void)curl_easy_setopt(c, CURLOPT_URL, url);
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->curl_error);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "pawl/" PACKAGE_VERSION);
	(void)curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	(void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
	(void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, body->p);
	(void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
#if LIBCURL_VERSION_NUM >= 0x075500
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}

/* ---- the exchange ---- */

/* The time limit is kept here, so that the time for which the step was frozen does not count. */
static bool is_over(struct exchange *x)
{
	int64_t now = clock_mono_us() / 1000;
	if (x->deadline_ms && now - x->looked_ms > STOOD_STILL_MS)
		x->deadline_ms += now - x->looked_ms;
	x->looked_ms = now;
	x->late = x->deadline_ms && now >= x->deadline_ms;
	return *x->stopped || x->late;
}

static CURLcode perform(struct exchange *x, CURLM *multi)
{
	CURLcode rc = CURLE_ABORTED_BY_CALLBACK;
	int running = 1, left;
	if (curl_multi_add_handle(multi, x->curl) != CURLM_OK)
		return CURLE_FAILED_INIT;
	while (running) {
		if (curl_multi_perform(multi, &running) != CURLM_OK || (running && is_over(x)))
			break;
		if (running)
			(void)curl_multi_poll(multi, NULL, 0, LOOK_MS, NULL);
	}
	for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));)
		if (m->msg == CURLMSG_DONE)
			rc = m->data.result;
	(void)curl_multi_remove_handle(multi, x->curl);
	return rc;
}

static const char *answer_header(CURL *c, const char *name)
{
	struct curl_header *h;
	return curl_easy_header(c, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : NULL;
}

/* RFC 9110 §10.2.3: seconds or a date, both read by libcurl; two makers' clients also know it in milliseconds. */
static void take_headers(struct exchange *x)
{
	struct llm_try *t = x->t;
	curl_off_t after_s = 0;
	const char *ms = answer_header(x->curl, "retry-after-ms");
	const char *id = answer_header(x->curl, "request-id");
	(void)curl_easy_getinfo(x->curl, CURLINFO_RETRY_AFTER, &after_s);
	if (after_s > 0)
		t->retry_after_ms = (int64_t)after_s * 1000;
	if (ms && strtoll(ms, NULL, 10) > 0)
		t->retry_after_ms = strtoll(ms, NULL, 10);
	if (!id)
		id = answer_header(x->curl, "x-request-id");
	if (id)
		text_add_safe(&t->request_id, id, MIN(strlen(id), (size_t)REQUEST_ID_MAX), SAFE_PLAIN, false);
}

/* Servers that are asked by their makers' clients may say themselves whether asking again is of use. */
static void heed_server(struct exchange *x)
{
	const char *should = answer_header(x->curl, "x-should-retry");
	if (should && str_eq(should, "false"))
		x->t->again = false;
	else if (should && str_eq(should, "true") && !str_eq(x->t->status, "spend_limit"))
		x->t->again = true;
}

static void conclude(struct exchange *x, CURLcode rc)
{
	struct llm_try *t = x->t;
	if (x->good)
		llm_decode_end(&x->decoder);
	(void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &t->http_status);
	take_headers(x);
	if (t->http_status && (t->http_status < 200 || t->http_status > 299)) {
		auto_str type = STR_INIT, message = STR_INIT;
		llm_decode_error(str_text(&x->error_body), x->error_body.len, &type, &message);
		llm_judge_status(t, &type, &message);
		heed_server(x);
	} else if (rc != CURLE_OK && !t->answer.complete && !t->answer.failed && !t->answer.too_large) {
		/* A connection that breaks after the end was said did no harm. */
		judge_transport(x, rc);
	} else {
		judge_answer(t);
	}
}

void llm_call(struct llm_caller *c, const struct llm_spec *s, const struct llm_talk *talk,
	      const volatile sig_atomic_t *stopped, llm_text_fn text, void *ctx, struct llm_try *t)
{
	struct exchange x = { .curl = c->curl, .t = t, .stopped = stopped, .stream = s->stream };
	auto_str url = STR_INIT, body = STR_INIT;
	int64_t began_us = clock_mono_us();
	llm_answer_init(&t->answer);
	t->at_ms = clock_wall_ms();
	llm_request_url(t->provider, &url);
	llm_request_body(s, t->provider, talk, &body);
	llm_request_headers(t->provider, s->stream, add_header, &x);
	llm_decoder_init(&x.decoder, t->provider->type, false, &t->answer, text, ctx);
	x.looked_ms = began_us / 1000;
	x.deadline_ms = t->provider->timeout_ms > 0 ? x.looked_ms + t->provider->timeout_ms : 0;
	set_options(&x, url.p, &body);
	conclude(&x, perform(&x, c->multi));
	t->latency_ms = (clock_mono_us() - began_us) / 1000;
	for (struct curl_slist *h = x.headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(x.headers);
	str_done(&x.error_body);
	llm_decoder_done(&x.decoder);
}
