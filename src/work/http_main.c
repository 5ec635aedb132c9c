/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-http: one HTTP request as a step. The request comes as a JSON document on stdin, so that nothing of it
 * is seen in the list of processes; the body of the answer goes to stdout, status and outputs to
 * $PAWL_OUTPUT, a sentence about what failed to stderr, and its class is the exit status (http.h).
 *
 * Redirects are followed here and not by libcurl: to another origin no header of the workflow goes
 * along (any of them may be a secret), and never from https to http. */
#include "work/http.h"

#include "base/fs.h"
#include "base/utf8.h"
#include "work/http_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#define REDIRECTS_MAX 10
#define CONNECT_MS 30000
#define STALLED_S 300 /* an answer that does not move for so long is given up */

struct exchange {
	const struct http_request *request;
	CURL *curl;
	struct curl_slist *headers;
	struct str body;     /* kept for the outputs */
	char last;           /* the last byte that went to stdout */
	bool too_large;
	struct str outputs;  /* in the form of $PAWL_OUTPUT */
	struct str problem;  /* the sentence */
	char curl_error[CURL_ERROR_SIZE];
};

/* ---- the request ---- */

static bool has_header(const struct http_request *q, const char *name)
{
	for (size_t i = 0; i < q->nheaders; i++)
		if (strcasecmp(q->headers[i].name, name) == 0)
			return true;
	return false;
}

static void add_header(struct exchange *x, const char *name, const char *value)
{
	/* libcurl's form for a header that is empty. */
	auto_free char *line = value[0] ? xasprintf("%s: %s", name, value) : xasprintf("%s;", name);
	struct curl_slist *longer = curl_slist_append(x->headers, line);
	if (!longer)
		abort();
	x->headers = longer;
}

/* What a body is when nobody says: libcurl would call it a form. */
static const char *guess_type(const char *body, size_t len)
{
	auto_json *v = NULL;
	return json_parse(body, len, HTTP_REQUEST_MAX, &v, NULL) ? "text/plain; charset=utf-8" :
								    "application/json";
}

static void set_headers(struct exchange *x, bool ours, bool with_body)
{
	const struct http_request *q = x->request;
	curl_slist_free_all(TAKE(x->headers));
	for (size_t i = 0; ours && i < q->nheaders; i++)
		add_header(x, q->headers[i].name, q->headers[i].value);
	if (with_body && !(ours && has_header(q, "Content-Type")))
		add_header(x, "Content-Type", guess_type(q->body, q->body_len));
	x->headers = curl_slist_append(x->headers, "Expect:"); /* none: it costs a round trip */
	(void)curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers);
}

static void set_method(struct exchange *x, const char *method, bool with_body)
{
	const struct http_request *q = x->request;
	bool head = strcasecmp(method, "HEAD") == 0;
	(void)curl_easy_setopt(x->curl, CURLOPT_NOBODY, head ? 1L : 0L);
	if (!head)
		(void)curl_easy_setopt(x->curl, CURLOPT_HTTPGET, 1L);
	if (with_body) {
		(void)curl_easy_setopt(x->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
		(void)curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, q->body);
	}
	(void)curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, head ? NULL : method);
}

static size_t take_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	size_t len = size * n;
	if (x->body.len + len > HTTP_ANSWER_MAX) {
		x->too_large = true;
		return 0;
	}
	str_add_len(&x->body, bytes, len);
	if (len)
		x->last = bytes[len - 1];
	return fs_write_all(STDOUT_FILENO, bytes, len) ? len : 0;
}

static void set_options(struct exchange *x)
{
	CURL *c = x->curl;
	int64_t timeout_ms = x->request->timeout_ms;
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->curl_error);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "pawl/" PACKAGE_VERSION);
	(void)curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALLED_S);
	if (timeout_ms > 0)
		(void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
#if LIBCURL_VERSION_NUM >= 0x075500
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}

/* ---- URLs ---- */

static char *url_part(const char *url, CURLUPart part)
{
	CURLU *u = curl_url();
	char *text = NULL;
	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK)
		(void)curl_url_get(u, part, &text, CURLU_DEFAULT_PORT);
	curl_url_cleanup(u);
	char *copy = xstrdup(text ? text : "");
	curl_free(text);
	return copy;
}

static bool same_part(const char *a, const char *b, CURLUPart part)
{
	auto_free char *x = url_part(a, part), *y = url_part(b, part);
	return strcasecmp(x, y) == 0;
}

static bool same_origin(const char *a, const char *b)
{
	return same_part(a, b, CURLUPART_SCHEME) && same_part(a, b, CURLUPART_HOST) &&
	       same_part(a, b, CURLUPART_PORT);
}

/* For people: without user, password and query, which may be secret. */
static void add_url(struct str *s, const char *url)
{
	auto_free char *scheme = url_part(url, CURLUPART_SCHEME), *host = url_part(url, CURLUPART_HOST);
	auto_free char *port = url_part(url, CURLUPART_PORT), *path = url_part(url, CURLUPART_PATH);
	bool usual = str_eq(port, str_eq(scheme, "https") ? "443" : "80");
	auto_free char *text = xasprintf("%s://%s%s%s%s", scheme, host, usual ? "" : ":", usual ? "" : port, path);
	text_add_safe(s, text, strlen(text), SAFE_PLAIN, false);
}

/* ---- the exchange ---- */

static PRINTF_LIKE(3, 4) enum http_exit fail(struct exchange *x, enum http_exit code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&x->problem, fmt, ap);
	va_end(ap);
	return code;
}

static enum http_exit fail_curl(struct exchange *x, CURLcode rc, const char *url)
{
	auto_str where = STR_INIT;
	add_url(&where, url);
	if (x->too_large)
		return fail(x, HTTP_EXIT_TOO_LARGE, _("%s: the answer is larger than %d bytes"), where.p,
			    HTTP_ANSWER_MAX);
	const char *why = x->curl_error[0] ? x->curl_error : curl_easy_strerror(rc);
	enum http_exit code = rc == CURLE_OPERATION_TIMEDOUT ? HTTP_EXIT_TIMEOUT :
			      rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL ?
								 HTTP_EXIT_USAGE :
								 HTTP_EXIT_CONNECTION;
	return fail(x, code, "%s: %s", where.p, why);
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Ask, and follow redirects; *ret_status is that of the last answer. */
static enum http_exit ask(struct exchange *x, long *ret_status)
{
	const struct http_request *q = x->request;
	auto_free char *url = xstrdup(q->url);
	const char *method = q->method;
	bool with_body = q->body != NULL, ours = true;
	for (int hop = 0;; hop++) {
		set_method(x, method, with_body);
		set_headers(x, ours, with_body);
		(void)curl_easy_setopt(x->curl, CURLOPT_URL, url);
		CURLcode rc = curl_easy_perform(x->curl);
		if (rc != CURLE_OK)
			return fail_curl(x, rc, url);
		char *to = NULL;
		(void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, ret_status);
		(void)curl_easy_getinfo(x->curl, CURLINFO_REDIRECT_URL, &to);
		if (!q->follow || !is_redirect(*ret_status) || !to)
			return HTTP_EXIT_OK;
		if (hop == REDIRECTS_MAX)
			return fail(x, HTTP_EXIT_STATUS, _("more than %d redirects"), REDIRECTS_MAX);
		if (strncasecmp(to, "https://", 8) != 0 &&
		    (strncasecmp(to, "http://", 7) != 0 || strncasecmp(url, "https://", 8) == 0))
			return fail(x, HTTP_EXIT_STATUS, _("a redirect leads away from http or https"));
		ours = ours && same_origin(url, to);
		if (*ret_status == 303 || (*ret_status < 303 && strcasecmp(method, "POST") == 0)) {
			method = strcasecmp(method, "HEAD") == 0 ? method : "GET";
			with_body = false;
		}
		free(url);
		url = xstrdup(to);
		str_clear(&x->body);
	}
}

/* ---- what comes of it ---- */

static void add_number(struct exchange *x, const char *name, int64_t v)
{
	str_addf(&x->outputs, "%s=%" PRId64 "\n", name, v);
}

static void add_answer_header(struct exchange *x, const char *output, const char *name)
{
	struct curl_header *h;
	if (curl_easy_header(x->curl, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
		http_add_output(&x->outputs, output, h->value, strlen(h->value));
}

static enum http_exit extract(struct exchange *x)
{
	const struct http_request *q = x->request;
	auto_json *answer = NULL;
	struct err err;
	if (!json_first(q->outputs))
		return HTTP_EXIT_OK;
	if (json_parse(str_text(&x->body), x->body.len, HTTP_ANSWER_MAX, &answer, &err))
		return fail(x, HTTP_EXIT_OUTPUT, _("outputs need an answer in JSON: %s"), err.message);
	for (const struct json *o = json_first(q->outputs); o; o = json_next(o)) {
		auto_str value = STR_INIT;
		const char *name = json_get_str(o, "name", "");
		if (http_extract(answer, json_get_str(o, "path", ""), &value, &err))
			return fail(x, HTTP_EXIT_OUTPUT, _("output %s: %s"), name, err.message);
		http_add_output(&x->outputs, name, str_text(&value), value.len);
	}
	return HTTP_EXIT_OK;
}

static enum http_exit judge(struct exchange *x, long status)
{
	add_number(x, "status", status);
	add_answer_header(x, "content_type", "Content-Type");
	add_answer_header(x, "location", "Location");
	add_answer_header(x, "etag", "ETag");
	if (http_request_expects(x->request, status))
		return extract(x);
	curl_off_t after_s = 0;
	(void)curl_easy_getinfo(x->curl, CURLINFO_RETRY_AFTER, &after_s); /* seconds, of a date, too */
	if (after_s > 0)
		add_number(x, "retry_after_ms", (int64_t)after_s * 1000);
	auto_str where = STR_INIT;
	add_url(&where, x->request->url);
	return fail(x, HTTP_EXIT_STATUS, _("%s answered with status %ld, which is not expected"), where.p,
		    status);
}

static enum http_exit exchange(const struct http_request *q, struct exchange *x)
{
	long status = 0;
	x->request = q;
	x->last = '\n';
	x->curl = curl_easy_init();
	if (!x->curl)
		return fail(x, HTTP_EXIT_USAGE, _("libcurl cannot start"));
	set_options(x);
	enum http_exit code = ask(x, &status);
	if (code == HTTP_EXIT_OK)
		code = judge(x, status);
	if (x->last != '\n')
		(void)fs_write_all(STDOUT_FILENO, "\n", 1);
	curl_easy_cleanup(x->curl);
	curl_slist_free_all(TAKE(x->headers));
	return code;
}

static enum err_code read_stdin(struct str *s, struct err *err)
{
	for (;;) {
		str_reserve(s, 64 * KIB);
		ssize_t n = read(STDIN_FILENO, s->p + s->len, 64 * KIB);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read the request"));
		if (n == 0)
			return ERR_OK;
		s->len += (size_t)n;
		if (s->len > HTTP_REQUEST_MAX)
			return err_set(err, ERR_TOO_LARGE, _("the request is larger than %d bytes"),
				       HTTP_REQUEST_MAX);
	}
}

static void write_outputs(struct exchange *x)
{
	const char *path = getenv("PAWL_OUTPUT");
	if (x->problem.len)
		http_add_output(&x->outputs, "error", x->problem.p, x->problem.len);
	if (!path || !x->outputs.len)
		return;
	FILE *f = fopen(path, "ae");
	if (!f || fwrite(x->outputs.p, 1, x->outputs.len, f) != x->outputs.len)
		(void)fprintf(stderr, "pawl-http: %s: %s\n", path, strerror(errno));
	if (f)
		(void)fclose(f);
}

int main(int argc, char **argv UNUSED)
{
	auto_str text = STR_INIT;
	struct http_request q = { 0 };
	struct exchange x = { 0 };
	struct err err;
	if (argc != 1) {
		(void)fputs("usage: pawl-http < REQUEST.json\nThe worker starts it for a node of kind http.\n",
			    stderr);
		return HTTP_EXIT_USAGE;
	}
	enum http_exit code = HTTP_EXIT_USAGE;
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	if (read_stdin(&text, &err) || http_request_parse(str_text(&text), text.len, &q, &err))
		str_add(&x.problem, err.message);
	else
		code = exchange(&q, &x);
	write_outputs(&x);
	if (x.problem.len)
		(void)fprintf(stderr, "pawl-http: %s\n", x.problem.p);
	str_done(&x.body);
	str_done(&x.outputs);
	str_done(&x.problem);
	http_request_done(&q);
	curl_global_cleanup();
	return (int)code;
}
