/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "work/github.h"

#include "base/utf8.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#define ANSWER_MAX ((size_t)4 * MIB)
#define TRIES 3
#define WAIT_S 2         /* before the second try, then twice as long */
#define WAIT_MAX_S 90    /* a server that wants to be asked later than that is told about */
#define CONNECT_MS 15000L
#define CALL_MS 60000L
#define MESSAGE_MAX 400
#define API_VERSION "2022-11-28"

struct call {
	const struct github *g;
	CURL *curl;
	struct curl_slist *headers;
	struct str answer;
	bool too_large;
	char error[CURL_ERROR_SIZE];
	long status;
	int64_t wait_s; /* the server named a time; 0: it did not */
};

void pull_made_done(struct pull_made *m)
{
	free(m->url);
	free(m->base);
	*m = (struct pull_made){ 0 };
}

bool github_repository(const char *remote, struct str *ret)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(remote);
	while (len && remote[len - 1] == '/')
		len--;
	if (len > 4 && strncmp(remote + len - 4, ".git", 4) == 0)
		len -= 4;
	auto_free char *text = xstrndup(remote, len);
	/* https://HOST/OWNER/NAME, ssh://git@HOST/OWNER/NAME and git@HOST:OWNER/NAME; a path is no such thing. */
	if (!strstr(text, "://") && (!strchr(text, ':') || text[0] == '/' || text[0] == '.'))
		return false;
	char *name = strrchr(text, '/');
	if (!name || name == text)
		return false;
	*name++ = '\0';
	const char *owner = name - 2;
	while (owner > text && owner[-1] != '/' && owner[-1] != ':')
		owner--;
	if (!*owner || !*name || strspn(owner, letters) != strlen(owner) || strspn(name, letters) != strlen(name))
		return false;
	str_addf(ret, "%s/%s", owner, name);
	return true;
}

/* ---- one call ---- */

static size_t take(char *bytes, size_t size, size_t n, void *ctx)
{
	struct call *c = ctx;
	size_t len = size * n;
	c->too_large = c->answer.len + len > ANSWER_MAX;
	if (c->too_large)
		return 0;
	str_add_len(&c->answer, bytes, len);
	return len;
}

static void header(struct call *c, const char *line)
{
	struct curl_slist *longer = curl_slist_append(c->headers, line);
	if (!longer)
		abort();
	c->headers = longer;
}

static int64_t number_in(CURL *c, const char *name)
{
	struct curl_header *h;
	return curl_easy_header(c, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? strtoll(h->value, NULL, 10) : -1;
}

/* Retry-After, or the end of the window whose requests are used up. */
static void look_for_wait(struct call *c)
{
	curl_off_t after = 0;
	(void)curl_easy_getinfo(c->curl, CURLINFO_RETRY_AFTER, &after);
	c->wait_s = (int64_t)after;
	bool limited = c->status == 429 || c->status == 403;
	if (!c->wait_s && limited && number_in(c->curl, "x-ratelimit-remaining") == 0)
		c->wait_s = MAX(number_in(c->curl, "x-ratelimit-reset") - (int64_t)time(NULL), INT64_C(1));
}

static CURLcode exchange(struct call *c, const char *method, const char *url, const char *body)
{
	auto_free char *auth = xasprintf("Authorization: Bearer %s", c->g->token);
	header(c, "Accept: application/vnd.github+json");
	header(c, "X-GitHub-Api-Version: " API_VERSION);
	header(c, auth);
	explicit_bzero(auth, strlen(auth));
	if (body)
		header(c, "Content-Type: application/json");
	(void)curl_easy_setopt(c->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
	(void)curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->error);
	(void)curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "pawl/" PACKAGE_VERSION);
	(void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
	(void)curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	(void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, CALL_MS);
	if (body)
		(void)curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
#if LIBCURL_VERSION_NUM >= 0x075500
	(void)curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	(void)curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
	CURLcode rc = curl_easy_perform(c->curl);
	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &c->status);
	look_for_wait(c);
	curl_slist_free_all(c->headers);
	return rc;
}

/* What the server said, made safe; the token does not come back out of it. */
static void add_said(const struct github *g, const char *text, struct str *s)
{
	auto_str clean = STR_INIT;
	size_t token = strlen(g->token);
	for (const char *p = text, *hit; *p; p = hit + token) {
		hit = strstr(p, g->token);
		if (!hit) {
			str_add(&clean, p);
			break;
		}
		str_add_len(&clean, p, (size_t)(hit - p));
		str_add(&clean, "***");
	}
	text_add_safe(s, str_text(&clean), utf8_floor(str_text(&clean), MIN(clean.len, (size_t)MESSAGE_MAX)), SAFE_PLAIN, false);
}

static enum err_code refused(const struct call *c, const struct json *v, struct err *err)
{
	auto_str said = STR_INIT;
	const char *message = json_get_str(v, "message", NULL);
	if (message)
		add_said(c->g, message, &said);
	for (const struct json *e = json_first(json_get(v, "errors")); e; e = json_next(e)) {
		const char *more = json_type(e) == JSON_STRING ? json_str(e, "") : json_get_str(e, "message", NULL);
		if (!more || !*more)
			continue;
		str_add(&said, "; ");
		add_said(c->g, more, &said);
	}
	if (c->status >= 300 && c->status < 400)
		return err_set(err, ERR_NOT_FOUND, _("it answered with a redirect (status %ld), which is not followed; has %s another name now?"),
			       c->status, c->g->repository);
	if (c->wait_s > WAIT_MAX_S)
		return err_set(err, ERR_UNAVAILABLE, _("status %ld: %s; it wants to be asked again in %lld s, which is too long to wait"),
			       c->status, str_text(&said), (long long)c->wait_s);
	enum err_code code = c->status == 404 ? ERR_NOT_FOUND : c->status == 401 || c->status == 403 ? ERR_FORBIDDEN :
			     c->status == 422 ? ERR_CONFLICT : ERR_UNAVAILABLE;
	return err_set(err, code, _("status %ld: %s"), c->status, said.len ? said.p : _("it gave no reason"));
}

/* Asked once. *ret_again: it may pass, and *ret_wait_s then is when. */
static enum err_code ask_once(struct github *g, const char *method, const char *url, const char *body, struct json **ret,
			      bool *ret_again, int64_t *ret_wait_s, struct err *err)
{
	struct call c = { .g = g, .curl = curl_easy_init(), .answer = STR_INIT };
	if (!c.curl)
		abort();
	CURLcode rc = exchange(&c, method, url, body);
	enum err_code code = ERR_OK;
	bool limited = c.wait_s > 0 && (c.status == 403 || c.status == 429);
	*ret_again = false;
	*ret_wait_s = c.wait_s;
	if (c.too_large) {
		code = err_set(err, ERR_TOO_LARGE, _("the answer is larger than %zu bytes"), ANSWER_MAX);
	} else if (rc != CURLE_OK) {
		code = err_set(err, ERR_UNAVAILABLE, "%s", c.error[0] ? c.error : curl_easy_strerror(rc));
		*ret_again = rc != CURLE_URL_MALFORMAT && rc != CURLE_UNSUPPORTED_PROTOCOL && rc != CURLE_PEER_FAILED_VERIFICATION;
	} else if (json_parse(str_text(&c.answer), c.answer.len, ANSWER_MAX, ret, NULL)) {
		*ret = NULL;
	}
	if (!code && (c.status < 200 || c.status > 299)) {
		code = refused(&c, *ret, err);
		*ret_again = (c.status >= 500 || c.status == 429 || limited) && c.wait_s <= WAIT_MAX_S;
	} else if (!code && !*ret) {
		code = err_set(err, ERR_INVALID, _("the answer is no JSON; is %s the address of its API?"), g->api);
	}
	if (code && *ret) {
		json_free(*ret);
		*ret = NULL;
	}
	str_done(&c.answer);
	curl_easy_cleanup(c.curl);
	return code;
}

static void wait_for(struct github *g, int tries, int64_t wait_s)
{
	g->retried++;
	(void)sleep((unsigned int)(wait_s ? wait_s : WAIT_S << (tries - 1)));
}

static enum err_code get(struct github *g, const char *url, struct json **ret, struct err *err)
{
	bool again;
	int64_t wait_s;
	for (int tries = 1;; tries++) {
		enum err_code code = ask_once(g, "GET", url, NULL, ret, &again, &wait_s, err);
		if (!code || !again || tries == TRIES)
			return code;
		wait_for(g, tries, wait_s);
	}
}

/* ---- pull requests ---- */

static void add_escaped(struct str *s, const char *text)
{
	char *quoted = curl_easy_escape(NULL, text, 0);
	str_add(s, quoted ? quoted : "");
	curl_free(quoted);
}

static void take_pull(const struct json *v, struct pull_made *ret)
{
	const char *url = json_get_str(v, "html_url", "");
	pull_made_done(ret);
	auto_str safe = STR_INIT;
	text_add_safe(&safe, url, strlen(url), SAFE_PLAIN, false);
	ret->number = json_get_int(v, "number", 0);
	ret->url = xstrdup(str_text(&safe));
}

/* The open one of these two branches; number 0: there is none. */
static enum err_code find(struct github *g, const char *url, const struct pull_request *p, const char *base, struct pull_made *ret,
			  struct err *err)
{
	auto_str query = STR_INIT;
	auto_json *list = NULL;
	str_addf(&query, "%s/pulls?state=open&per_page=100&head=", url);
	auto_free char *owner = xstrndup(g->repository, strcspn(g->repository, "/"));
	auto_free char *head = xasprintf("%s:%s", owner, p->head);
	add_escaped(&query, head);
	str_add(&query, "&base=");
	add_escaped(&query, base);
	enum err_code code = get(g, str_text(&query), &list, err);
	if (code)
		return code;
	if (json_type(list) != JSON_ARRAY)
		return err_set(err, ERR_INVALID, _("the answer is no list of pull requests; is %s the address of its API?"), g->api);
	/* Servers that are only like it may not know the filter. */
	for (const struct json *v = json_first(list); v; v = json_next(v)) {
		const char *ref = json_get_str(json_get(v, "head"), "ref", p->head), *into = json_get_str(json_get(v, "base"), "ref", base);
		if (str_eq(ref, p->head) && str_eq(into, base)) {
			take_pull(v, ret);
			return ERR_OK;
		}
	}
	return ERR_OK;
}

static void write_body(const struct pull_request *p, const char *base, struct str *s)
{
	struct jw w = jw_begin(s);
	jw_obj(&w, NULL);
	jw_str(&w, "title", p->title);
	jw_str(&w, "head", p->head);
	jw_str(&w, "base", base);
	if (p->body)
		jw_str(&w, "body", p->body);
	jw_bool(&w, "draft", p->draft);
	jw_end_obj(&w);
}

/* Looked for before each try: the answer to an earlier one may have been lost, or somebody else was faster. */
static enum err_code find_or_make(struct github *g, const char *url, const struct pull_request *p, const char *base,
				  struct pull_made *ret, struct err *err)
{
	auto_str body = STR_INIT;
	auto_free char *pulls = xasprintf("%s/pulls", url);
	bool again, tried = false;
	int64_t wait_s;
	write_body(p, base, &body);
	for (int tries = 1;; tries++) {
		struct err refusal;
		auto_json *v = NULL;
		enum err_code code = find(g, url, p, base, ret, err);
		if (code || ret->number) {
			ret->created = tried && !code; /* by a try whose answer was lost, as far as anybody can say */
			return code;
		}
		code = ask_once(g, "POST", pulls, body.p, &v, &again, &wait_s, &refusal);
		if (!code) {
			take_pull(v, ret);
			ret->created = true;
			return ret->number ? ERR_OK : err_set(err, ERR_INVALID, _("the answer names no pull request"));
		}
		bool exists = code == ERR_CONFLICT && strstr(refusal.message, "already exists");
		if ((!again && !exists) || tries == TRIES) {
			*err = refusal;
			return code;
		}
		tried = tried || !exists;
		if (!exists)
			wait_for(g, tries, wait_s);
	}
}

enum err_code github_pull(struct github *g, const struct pull_request *p, struct pull_made *ret, struct err *err)
{
	auto_free char *url = xasprintf("%s/repos/%s", g->api, g->repository);
	auto_json *repository = NULL;
	g->retried = 0;
	*ret = (struct pull_made){ 0 };
	enum err_code code = p->base ? ERR_OK : get(g, url, &repository, err);
	const char *base = p->base ? p->base : json_get_str(repository, "default_branch", NULL);
	if (!code && !base)
		code = err_set(err, ERR_INVALID, _("the answer names no default branch; is %s the address of its API?"), g->api);
	if (!code && str_eq(base, p->head))
		code = err_set(err, ERR_USAGE, _("%s cannot be pulled into itself; publish another branch, or name another base:"), base);
	if (!code)
		code = find_or_make(g, url, p, base, ret, err);
	if (code)
		pull_made_done(ret);
	else
		ret->base = xstrdup(base);
	return code;
}
