/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which texts stand in every match of a pattern: of the texts that are found, one at least. The
 * pattern is read as regex_plan.c left it: it compiles, and holds no construct that is unknown
 * there. */
#include "base/regex_internal.h"

#include "base/str.h"
#include "base/utf8.h"

#include <string.h>

#define CLASS_MAX 8

/* Texts of which one stands somewhere; unknown: n 0. The empty text says nothing, but can be added
 * to. */
struct texts {
	struct str v[REGEX_TEXTS];
	size_t n;
};

/* What is known of a part of the pattern. */
struct part {
	struct texts whole; /* it matches nothing but these; n 0: not known */
	struct texts must;  /* one of them stands in each of its matches; n 0: not known */
};

struct reading {
	const char *p, *end;
	bool caseless, utf;
	bool asserts; /* holds conditions besides its characters */
};

static void texts_done(struct texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		str_done(&t->v[i]);
	t->n = 0;
}
#define auto_texts CLEANUP(texts_done) struct texts

static void part_done(struct part *part)
{
	texts_done(&part->whole);
	texts_done(&part->must);
}
#define auto_part CLEANUP(part_done) struct part

static void texts_add(struct texts *t, const char *bytes, size_t len)
{
	t->v[t->n] = (struct str)STR_INIT;
	str_add_len(&t->v[t->n++], bytes, len);
}

static void texts_copy(struct texts *to, const struct texts *from)
{
	texts_done(to);
	for (size_t i = 0; i < from->n; i++)
		texts_add(to, str_text(&from->v[i]), from->v[i].len);
}

static void only_empty(struct texts *t)
{
	texts_done(t);
	texts_add(t, "", 0);
}

/* Long texts are rare, and few texts are looked for more quickly. 0: of no use. */
static size_t worth(const struct texts *t)
{
	size_t least = t->n ? SIZE_MAX : 0;
	for (size_t i = 0; i < t->n; i++)
		least = MIN(least, t->v[i].len);
	return least ? MIN(least, (size_t)8) * 2 * REGEX_TEXTS - t->n : 0;
}

static void take_better(struct texts *best, const struct texts *other)
{
	if (worth(other) > worth(best))
		texts_copy(best, other);
}

/* Each of `t` with each of `more` behind it; false, and nothing done, when those are too many. */
static bool append(struct texts *t, const struct texts *more)
{
	if (t->n * more->n > REGEX_TEXTS)
		return false;
	auto_texts all = { .n = 0 };
	for (size_t i = 0; i < t->n; i++) {
		for (size_t k = 0; k < more->n; k++) {
			texts_add(&all, str_text(&t->v[i]), t->v[i].len);
			str_add_len(&all.v[all.n - 1], str_text(&more->v[k]), more->v[k].len);
		}
	}
	texts_copy(t, &all);
	return true;
}

/* `t` or `more`: when either is not known, neither are both. */
static void unite(struct texts *t, const struct texts *more)
{
	if (!more->n || t->n + more->n > REGEX_TEXTS) {
		texts_done(t);
		return;
	}
	for (size_t i = 0; i < more->n; i++)
		texts_add(t, str_text(&more->v[i]), more->v[i].len);
}

static bool alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* One character. Without regard to case, s and k have one partner each outside of ASCII (long s,
 * the sign for Kelvin); the partners of characters that are there themselves are not known here. */
static void add_character(const struct reading *r, struct texts *t, const char *bytes, size_t len)
{
	if (r->caseless && (unsigned char)*bytes >= 128)
		return;
	texts_add(t, bytes, len);
	if (r->caseless && r->utf && (*bytes | 0x20) == 's')
		texts_add(t, "\xc5\xbf", 2);
	if (r->caseless && r->utf && (*bytes | 0x20) == 'k')
		texts_add(t, "\xe2\x84\xaa", 3);
}

static void read_character(struct reading *r, struct part *ret)
{
	size_t n = r->utf ? MAX(utf8_len(r->p, (size_t)(r->end - r->p)), (size_t)1) : 1;
	add_character(r, &ret->whole, r->p, n);
	r->p += n;
}

static void read_escape(struct reading *r, struct part *ret)
{
	char c = r->p[1];
	if (!alnum(c)) {
		r->p++;
		read_character(r, ret);
		return;
	}
	r->p += 2;
	if (strchr("bBAzZGK", c)) {
		r->asserts = true;
		only_empty(&ret->whole);
	}
}

/* A class of a few characters of ASCII is those; any other is just skipped. */
static void read_class(struct reading *r, struct part *ret)
{
	const char *end = regex_skip_class(r->p, r->end), *at = r->p + 1;
	bool few = true;
	for (; few && at < end - 1; at++) {
		bool range = at + 2 < end - 1 && at[1] == '-';
		few = (alnum(*at) || strchr(" _./:=,;-", *at)) && !range &&
		      ret->whole.n + 2 <= CLASS_MAX;
		if (few)
			add_character(r, &ret->whole, at, 1);
	}
	if (!few)
		texts_done(&ret->whole);
	r->p = end;
}

static void read_alternatives(struct reading *r, struct part *ret);

static void read_group(struct reading *r, struct part *ret)
{
	bool around = false;
	r->p++;
	if (*r->p == '?') {
		around =
		    r->p[1] == '=' || r->p[1] == '!' || (r->p[1] == '<' && strchr("=!", r->p[2]));
		if (around)
			r->p += r->p[1] == '<' ? 3 : 2;
		else if (r->p[1] == ':' || r->p[1] == '>')
			r->p += 2;
		else
			r->p = (const char *)memchr(r->p, '>', (size_t)(r->end - r->p)) +
			       1; /* its name */
	}
	read_alternatives(r, ret);
	r->p++;
	if (around) {
		part_done(ret);
		r->asserts = true;
		only_empty(&ret->whole);
	}
}

static void read_item(struct reading *r, struct part *ret)
{
	switch (*r->p) {
	case '\\':
		read_escape(r, ret);
		break;
	case '[':
		read_class(r, ret);
		break;
	case '(':
		read_group(r, ret);
		break;
	case '.':
		r->p++;
		break;
	case '^':
	case '$':
		r->p++;
		r->asserts = true;
		only_empty(&ret->whole);
		break;
	default:
		read_character(r, ret);
		break;
	}
	take_better(&ret->must, &ret->whole);
}

/* Items one after another: as long as all that they match is known, their texts grow together. */
static void read_branch(struct reading *r, struct part *ret)
{
	auto_texts run = { .n = 0 };
	bool broken = false;
	only_empty(&run);
	while (r->p < r->end && *r->p != '|' && *r->p != ')') {
		auto_part item = { .whole = { .n = 0 } };
		read_item(r, &item);
		unsigned int least = 1;
		size_t n = r->p < r->end ? regex_quantifier(r->p, r->end, &least) : 0;
		r->p += n;
		if (n && r->p < r->end && (*r->p == '?' || *r->p == '+'))
			r->p++;
		if (n && least == 0)
			part_done(&item); /* it may be absent */
		bool joined = item.whole.n && append(&run, &item.whole);
		if (joined && !n)
			continue;
		/* What follows does not stand beside it, or makes too many texts. */
		broken = true;
		take_better(&ret->must, &run);
		take_better(&ret->must, &item.must);
		if (!joined && item.whole.n && !n)
			texts_copy(&run, &item.whole);
		else
			only_empty(&run);
	}
	take_better(&ret->must, &run);
	if (!broken)
		texts_copy(&ret->whole, &run);
}

static void read_alternatives(struct reading *r, struct part *ret)
{
	read_branch(r, ret);
	while (r->p < r->end && *r->p == '|') {
		auto_part other = { .whole = { .n = 0 } };
		r->p++;
		read_branch(r, &other);
		if (ret->whole.n)
			unite(&ret->whole, &other.whole);
		if (ret->must.n)
			unite(&ret->must, &other.must);
	}
}

void regex_texts_find(struct regex_plan *plan, const char *pattern, unsigned int flags)
{
	struct reading r = { .p = pattern,
		             .end = pattern + strlen(pattern),
		             .caseless = plan->fold,
		             .utf = !(flags & REGEX_BYTES) };
	auto_part part = { .whole = { .n = 0 } };
	if (flags & REGEX_LITERAL) {
		only_empty(&part.whole);
		while (r.p < r.end && part.whole.n) {
			auto_part one = { .whole = { .n = 0 } };
			read_character(&r, &one);
			if (!one.whole.n || !append(&part.whole, &one.whole)) {
				take_better(&part.must, &part.whole);
				only_empty(&part.whole);
				r.asserts = true; /* the texts are not all */
			}
		}
		take_better(&part.must, &part.whole);
	} else {
		read_alternatives(&r, &part);
	}
	if (!worth(&part.must))
		return;
	plan->exact = part.whole.n == 1 && !strchr(str_text(&part.whole.v[0]), '\n') &&
	              part.must.n == 1 && !r.asserts && part.whole.v[0].len == part.must.v[0].len;
	for (size_t i = 0; i < part.must.n; i++) {
		plan->texts[i].len = part.must.v[i].len;
		plan->texts[i].p = str_take(&part.must.v[i]);
	}
	plan->ntexts = part.must.n;
}
