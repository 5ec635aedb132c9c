/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The automaton and the stream. Every byte that lies in any occurrence of a secret is masked,
 * however occurrences overlap, so the output depends on the bytes alone and never on how they were
 * cut. */
#include "journal/redact_set.h"

#include <assert.h>
#include <string.h>

/* ---- the set ---- */

static uint32_t new_node(struct redact_set *set, uint32_t depth, uint8_t byte)
{
	GROW(set->nodes, set->n, set->cap);
	set->nodes[set->n] = (struct redact_node){ .depth = depth, .byte = byte };
	return (uint32_t)set->n++;
}

static uint32_t child_of(const struct redact_set *set, uint32_t node, uint8_t byte)
{
	if (node == 0)
		return set->root[byte];
	uint32_t child = set->nodes[node].child;
	while (child && set->nodes[child].byte != byte)
		child = set->nodes[child].next;
	return child;
}

static inline size_t pair_at(const char *p)
{
	uint16_t pair;
	memcpy(&pair, p, sizeof(pair));
	return pair;
}

void redact_pattern(struct redact_set *set, const char *bytes, size_t len, unsigned int shape)
{
	if (len < 3 || (!shape && len < SECRET_MIN))
		return;
	uint32_t node = 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)bytes[i];
		uint32_t child = child_of(set, node, byte);
		if (!child) {
			child = new_node(set, (uint32_t)i + 1, byte);
			set->nodes[child].next = set->nodes[node].child;
			set->nodes[node].child = child;
			if (node == 0)
				set->root[byte] = child;
		}
		node = child;
	}
	if (shape)
		set->nodes[node].shape = (uint8_t)shape;
	else
		set->nodes[node].match = (uint32_t)len;
	set->pair[pair_at(bytes)] |= 1;
	set->pair[pair_at(bytes + 1)] |= 2;
	uint32_t hash = filter_hash((const unsigned char *)bytes);
	set->filter[hash / 8] |= (uint8_t)(1U << hash % 8);
}

struct redact_set *redact_set_new(bool token_shapes)
{
	struct redact_set *set = xcalloc(1, sizeof(*set));
	(void)new_node(set, 0, 0);
	if (!token_shapes)
		return set;
	for (size_t i = 0; i < shapes_count; i++)
		for (size_t k = 0; k < COUNT(shapes[i].anchors) && shapes[i].anchors[k]; k++)
			redact_pattern(set, shapes[i].anchors[k], strlen(shapes[i].anchors[k]),
			               (unsigned int)i + 1);
	return set;
}

enum err_code redact_secret(struct redact_set *set, const char *value, size_t len, struct err *err)
{
	assert(!set->compiled);
	while (len && (value[len - 1] == '\n' || value[len - 1] == '\r'))
		len--; /* a file with a secret mostly ends in a newline */
	if (len < SECRET_MIN)
		return err_set(
		    err, ERR_USAGE,
		    _("a secret of %zu bytes is too short to be masked; at least %d are needed"),
		    len, SECRET_MIN);
	if (len > SECRET_MAX)
		return err_set(err, ERR_TOO_LARGE,
		               _("a secret of %zu bytes is too long to be masked; the limit is %d"),
		               len, SECRET_MAX);
	redact_add_forms(set, value, len);
	return ERR_OK;
}

/* Breadth first, so that the suffix of a node is complete before the node. */
void redact_compile(struct redact_set *set)
{
	if (set->compiled)
		return;
	set->compiled = true;
	auto_free uint32_t *queue = xreallocarray(NULL, set->n, sizeof(*queue));
	size_t head = 0, tail = 0;
	queue[tail++] = 0;
	while (head < tail) {
		uint32_t at = queue[head++];
		for (uint32_t c = set->nodes[at].child; c; c = set->nodes[c].next) {
			struct redact_node *node = &set->nodes[c];
			uint32_t fail = set->nodes[at].fail, to = 0;
			if (at != 0) {
				while (fail && !child_of(set, fail, node->byte))
					fail = set->nodes[fail].fail;
				to = child_of(set, fail, node->byte);
			}
			node->fail = to;
			if (!node->match)
				node->match = set->nodes[to].match;
			if (!node->shape)
				node->shape = set->nodes[to].shape; /* no anchor ends in another */
			queue[tail++] = c;
		}
	}
}

void redact_set_free(struct redact_set *set)
{
	if (!set)
		return;
	if (set->nodes)
		explicit_bzero(set->nodes, set->cap * sizeof(*set->nodes));
	free(set->nodes);
	free(set);
}

/* ---- a stream ---- */

#define CANDIDATES 24 /* one a shape, three of a JSON web token: never full */

struct span {
	int64_t from, to;
};

/* Positions count from the first byte of the stream. */
struct redactor {
	const struct redact_set *set; /* borrowed */
	uint32_t state;
	int64_t pos, out;   /* bytes read; given out */
	struct str held;    /* [out, pos) between two calls */
	struct span *spans; /* to be masked, in order, apart from each other, not yet given out */
	size_t nspans, spans_cap;
	struct candidate candidates[CANDIDATES];
	size_t ncandidates;
	bool masking;            /* what was given out last was masked */
	unsigned char before[2]; /* the bytes ahead of `out`, the nearest first */
	int64_t count;
};

struct redactor *redactor_new(const struct redact_set *set)
{
	assert(set->compiled);
	struct redactor *r = xcalloc(1, sizeof(*r));
	r->set = set;
	return r;
}

void redactor_free(struct redactor *r)
{
	if (!r)
		return;
	if (r->held.p)
		explicit_bzero(r->held.p, r->held.cap);
	str_done(&r->held);
	free(r->spans);
	free(r);
}

/* Spans come ordered by their ends, within a byte; those that touch become one. */
static void add_span(struct redactor *r, int64_t from, int64_t to)
{
	while (r->nspans && r->spans[r->nspans - 1].to >= from) {
		struct span *last = &r->spans[--r->nspans];
		from = MIN(from, last->from);
		to = MAX(to, last->to);
	}
	GROW(r->spans, r->nspans, r->spans_cap);
	r->spans[r->nspans++] = (struct span){ from, to };
}

/* The byte at a position, with the bytes of this call beginning at `base`; 0 if it is gone. */
static unsigned char byte_at(const struct redactor *r, const char *bytes, int64_t base, int64_t pos)
{
	if (pos >= base)
		return (unsigned char)bytes[pos - base];
	if (pos >= r->out)
		return (unsigned char)r->held.p[pos - r->out];
	if (pos >= 0 && r->out - pos <= 2)
		return r->before[r->out - pos - 1];
	return 0;
}

static bool word_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_';
}

static bool may_begin(const struct redactor *r, const struct shape *shape, const char *bytes,
                      int64_t base, int64_t start)
{
	unsigned char one = start > 0 ? byte_at(r, bytes, base, start - 1) : 0;
	if (shape->kind == SHAPE_URL)
		return word_char(one) || one == '+' || one == '.' || one == '-';
	if (!shape->border || !word_char(one))
		return true;
	/* "\nsk-…" inside a JSON string */
	unsigned char two = start > 1 ? byte_at(r, bytes, base, start - 2) : 0;
	return two == '\\' && strchr("nrtbf", one);
}

/* The anchor of a shape ends at r->pos. A run that already holds a candidate of the shape needs no
 * second one: whatever the second could mask, the first masks as well. */
static void begin_candidate(struct redactor *r, unsigned int index, size_t anchor_len,
                            const char *bytes, int64_t base)
{
	const struct shape *shape = &shapes[index];
	int64_t start = r->pos - (int64_t)anchor_len;
	if (!may_begin(r, shape, bytes, base, start) || r->ncandidates == CANDIDATES)
		return;
	for (size_t i = 0; i < r->ncandidates; i++) {
		const struct candidate *c = &r->candidates[i];
		if (c->shape == index &&
		    (shape->kind != SHAPE_JWT || c->phase == 0 || c->phase == 3))
			return;
	}
	r->candidates[r->ncandidates++] = (struct candidate){
		.shape = index,
		.start = start,
		.hold = shape->kind == SHAPE_URL ? INT64_MAX : start,
	};
}

static void feed_candidates(struct redactor *r, unsigned char byte)
{
	size_t n = 0;
	for (size_t i = 0; i < r->ncandidates; i++) {
		int64_t from, to;
		bool lives = candidate_feed(&r->candidates[i], r->pos, byte, &from, &to);
		if (to > from)
			add_span(r, from, to);
		if (lives)
			r->candidates[n++] = r->candidates[i];
	}
	r->ncandidates = n;
}

static void feed_byte(struct redactor *r, unsigned char byte, const char *bytes, int64_t base)
{
	const struct redact_set *set = r->set;
	if (r->ncandidates)
		feed_candidates(r, byte);
	uint32_t at = r->state, next;
	while (!(next = child_of(set, at, byte)) && at)
		at = set->nodes[at].fail;
	r->state = next;
	r->pos++;
	if (!next)
		return;
	const struct redact_node *node = &set->nodes[next];
	if (node->match)
		add_span(r, r->pos - node->match, r->pos);
	if (node->shape) {
		const char *const *anchor = shapes[node->shape - 1].anchors;
		size_t len = strlen(anchor[0]); /* those of one shape are of one length */
		begin_candidate(r, node->shape - 1U, len, bytes, base);
	}
}

static inline bool may_start(const struct redact_set *set, const char *p)
{
	uint32_t hash = filter_hash((const unsigned char *)p);
	return set->filter[hash / 8] >> hash % 8 & 1;
}

/* From `at` on, the first place where a pattern may begin, or the last two bytes. */
static size_t skip(const struct redact_set *set, const char *p, size_t at, size_t len)
{
	const uint8_t *pair = set->pair;
	while (at + 2 < len) {
		for (; at + 10 <= len; at += 8) {
			unsigned int any = 0, one = pair[pair_at(p + at)];
			for (size_t i = 1; i <= 8; i++) {
				unsigned int next = pair[pair_at(p + at + i)];
				any |= one & next >> 1;
				one = next;
			}
			if (any & 1)
				break;
		}
		size_t end = MIN(at + 8, len - 2);
		for (; at < end; at++)
			if (may_start(set, p + at))
				return at;
	}
	return at;
}

/* Give out what lies before `upto`: bytes, or one mask for each stretch that is masked. */
static void give(struct redactor *r, int64_t upto, const char *bytes, int64_t base, struct str *out)
{
	if (upto <= r->out)
		return;
	unsigned char before[2] = { byte_at(r, bytes, base, upto - 1),
		                    upto > 1 ? byte_at(r, bytes, base, upto - 2) : 0 };
	int64_t at = r->out;
	size_t span = 0;
	while (at < upto) {
		while (span < r->nspans && r->spans[span].to <= at)
			span++;
		bool masked = span < r->nspans && r->spans[span].from <= at;
		int64_t end = upto;
		if (span < r->nspans)
			end = MIN(upto, masked ? r->spans[span].to : r->spans[span].from);
		if (masked && !r->masking) {
			str_add(out, REDACT_MASK);
			r->count++;
		}
		if (!masked && at < base)
			str_add_len(out, r->held.p + (at - r->out), (size_t)(MIN(end, base) - at));
		if (!masked && end > base)
			str_add_len(out, bytes + (MAX(at, base) - base),
			            (size_t)(end - MAX(at, base)));
		r->masking = masked;
		at = end;
	}
	while (span < r->nspans && r->spans[span].to <= upto)
		span++;
	if (span) {
		memmove(r->spans, r->spans + span, (r->nspans - span) * sizeof(*r->spans));
		r->nspans -= span;
	}
	if (upto >= base) {
		str_clear(&r->held);
	} else {
		memmove(r->held.p, r->held.p + (upto - r->out),
		        r->held.len - (size_t)(upto - r->out));
		str_cut(&r->held, r->held.len - (size_t)(upto - r->out));
	}
	r->out = upto;
	memcpy(r->before, before, sizeof(before));
}

void redact_feed(struct redactor *r, const char *bytes, size_t len, struct str *out)
{
	if (len == 0)
		return;
	int64_t base = r->pos;
	for (size_t at = 0; at < len;) {
		if (r->state == 0 && r->ncandidates == 0) {
			at = skip(r->set, bytes, at, len);
			r->pos = base + (int64_t)at;
		}
		if (at < len) {
			feed_byte(r, (unsigned char)bytes[at], bytes, base);
			at++;
		}
	}
	int64_t sure = r->pos - r->set->nodes[r->state].depth;
	for (size_t i = 0; i < r->ncandidates; i++)
		sure = MIN(sure, r->candidates[i].hold);
	give(r, sure, bytes, base, out);
	int64_t keep = MAX(r->out, base);
	str_add_len(&r->held, bytes + (keep - base), (size_t)(r->pos - keep));
}

/* The state stays: of a secret that is only then completed, the rest is still masked. */
void redact_flush(struct redactor *r, struct str *out)
{
	give(r, r->pos, "", r->pos, out);
}

int64_t redact_count(const struct redactor *r)
{
	return r->count;
}

size_t redact_held(const struct redactor *r)
{
	return r->held.len;
}

void redact_text(const struct redact_set *set, const char *text, size_t len, struct str *out)
{
	struct redactor *r = redactor_new(set);
	redact_feed(r, text, len, out);
	redact_flush(r, out);
	redactor_free(r);
}
