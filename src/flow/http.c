/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: HTTP requests. */
#include "flow/keys.h"

#include <string.h>
#include <strings.h>

KEY(node_http)
{
	struct node_load *nl = target;
	nl->work->http.follow_redirects = true;
	if (v->kind == TREE_TEXT) {
		http_url(l, v, nl);
		return;
	}
	if (v->kind == TREE_MAP && !tree_get(v, "url"))
		issue(l, v, _("which address? write {url: \"https://…\"}"));
	load_map(l, v, &flow_http_keys, nl);
}

KEY(http_url)
{
	struct node_load *nl = target;
	struct tmpl *url = nl->work->http.url = load_tmpl(l, v, nl->names);
	const char *text = url ? tmpl_literal(url) : NULL;
	if (text && !str_starts(text, "http://") && !str_starts(text, "https://"))
		issue(l, v, _("'%s' is no address of a web server; it begins with https:// or http://"),
		      word_of(text).s);
}

KEY(http_method)
{
	static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
	struct node_load *nl = target;
	struct tmpl *method = nl->work->http.method = load_tmpl(l, v, nl->names);
	const char *text = method ? tmpl_literal(method) : NULL;
	for (size_t i = 0; text && i < COUNT(known); i++)
		if (str_eq(known[i], text))
			return;
	if (text)
		issue(l, v, _("'%s' is no method; there are GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS%s"),
		      word_of(text).s, suggest_of(l, text, known, COUNT(known)).s);
}

static bool header_name_is_good(const char *s)
{
	size_t n = strlen(s);
	return n && n <= 256 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~") == n;
}

void load_headers(struct load *l, const struct tree *v, unsigned int names, struct graph_env **headers,
		  size_t *nheaders)
{
	if (!wants_small_map(l, v))
		return;
	*headers = xcalloc(v->n + 1, sizeof(**headers));
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		if (!header_name_is_good(m->key)) {
			issue_key(l, m, _("'%s' is no name of a header"), word_of(m->key).s);
		} else {
			struct tmpl *value = load_tmpl(l, m, names);
			const char *text = value ? tmpl_literal(value) : NULL;
			if (text && strpbrk(text, "\r\n"))
				issue(l, m, _("a header is one line"));
			if (value)
				(*headers)[(*nheaders)++] = (struct graph_env){ xstrdup(m->key), value };
		}
		path_pop(l, before);
	}
}

KEY(http_headers)
{
	struct node_load *nl = target;
	struct node_http *h = &nl->work->http;
	load_headers(l, v, nl->names, &h->headers, &h->nheaders); /* and room for one more: see http_body() */
}

/* A map or list is sent as JSON and says so, unless the headers say something else. */
KEY(http_body)
{
	struct node_load *nl = target;
	struct node_http *h = &nl->work->http;
	h->body = load_value(l, v, nl->names);
	if (!h->body || (v->kind != TREE_MAP && v->kind != TREE_LIST))
		return;
	for (size_t i = 0; i < h->nheaders; i++)
		if (strcasecmp(h->headers[i].name, "Content-Type") == 0)
			return;
	if (!h->headers)
		h->headers = xcalloc(1, sizeof(*h->headers));
	h->headers[h->nheaders++] =
		(struct graph_env){ xstrdup("Content-Type"), tmpl_const("\"application/json\"") };
}

KEY(http_expect)
{
	struct node_http *h = &((struct node_load *)target)->work->http;
	size_t i = 0;
	const struct tree *first = v->kind == TREE_LIST ? v->first : v;
	h->expect = xcalloc(v->kind == TREE_LIST ? v->n : 1, sizeof(*h->expect));
	for (const struct tree *e = first; e; e = v->kind == TREE_LIST ? e->next : NULL) {
		size_t before = v->kind == TREE_LIST ? path_push_index(l, i++) : l->path.len;
		int64_t status = 0;
		if (load_int(l, e, 100, 599, &status))
			h->expect[h->nexpect++] = (int)status;
		path_pop(l, before);
	}
}

/* "data.items[0].id": names and indices; "." is the whole answer. */
static bool path_is_good(const char *s)
{
	if (str_eq(s, "."))
		return true;
	if (!*s || strlen(s) > 1024)
		return false;
	for (bool first = true; *s; first = false) {
		if (*s == '[') {
			size_t digits = strspn(s + 1, "0123456789");
			if (!digits || digits > 9 || s[1 + digits] != ']')
				return false;
			s += digits + 2;
			continue;
		}
		if (!first && *s++ != '.')
			return false;
		size_t name = strcspn(s, ".[] ");
		if (!name)
			return false;
		s += name;
	}
	return true;
}

KEY(http_outputs)
{
	struct node_http *h = &((struct node_load *)target)->work->http;
	if (!wants_small_map(l, v))
		return;
	h->outputs = xcalloc(v->n, sizeof(*h->outputs));
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		const char *text = load_name(l, m, m->key, true) ? load_scalar(l, m) : NULL;
		if (text && !path_is_good(text)) {
			issue(l, m, _("'%s' is no path into the answer; write it as data.items[0].id"),
			      word_of(text).s);
		} else if (text) {
			h->outputs[h->noutputs].name = xstrdup(m->key);
			h->outputs[h->noutputs++].path = xstrdup(text);
		}
		path_pop(l, before);
	}
}

KEY(http_follow_redirects)
{
	load_bool(l, v, &((struct node_load *)target)->work->http.follow_redirects);
}
