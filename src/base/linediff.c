/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/linediff.h"

#include <string.h>

#define EDITS_MAX 1200 /* of one stretch; the trace takes EDITS_MAX² ints at most */

/* ---- numbers ---- */

static uint64_t hash_of(const char *p, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)p[i]) * 0x100000001b3ULL;
	return h ^ h >> 29;
}

static struct line_slot *slot_of(struct line_slot *slots, size_t cap, uint64_t hash, const char *text, size_t len)
{
	size_t at = hash & (cap - 1);
	while (slots[at].number &&
	       (slots[at].hash != hash || slots[at].len != len || (len && memcmp(slots[at].text, text, len))))
		at = (at + 1) & (cap - 1);
	return &slots[at];
}

int line_number(struct line_numbers *m, const char *text, size_t len)
{
	if (m->n * 2 >= m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 256;
		struct line_slot *slots = xcalloc(cap, sizeof(*slots));
		for (size_t i = 0; i < m->cap; i++)
			if (m->slots[i].number)
				*slot_of(slots, cap, m->slots[i].hash, m->slots[i].text, m->slots[i].len) = m->slots[i];
		free(m->slots);
		m->slots = slots;
		m->cap = cap;
	}
	uint64_t hash = hash_of(text, len);
	struct line_slot *s = slot_of(m->slots, m->cap, hash, text, len);
	if (!s->number)
		*s = (struct line_slot){ hash, text, len, (int)++m->n };
	return s->number;
}

void line_numbers_done(struct line_numbers *m)
{
	free(m->slots);
	*m = (struct line_numbers){ NULL, 0, 0 };
}

/* ---- the script ---- */

struct work {
	const int *a, *b;
	struct linediff *out;
	int *count_a, *count_b; /* by number, for what stands once; 0 between uses */
	size_t *where_b;
};

static void emit(struct linediff *d, enum diff_op op, size_t a, size_t b, size_t n)
{
	struct diff_part *last = d->n ? &d->v[d->n - 1] : NULL;
	if (n == 0)
		return;
	if (last && last->op == op) {
		last->n += n;
		return;
	}
	GROW(d->v, d->n, d->cap);
	d->v[d->n++] = (struct diff_part){ op, a, b, n };
}

static void replaced(struct work *w, size_t a, size_t na, size_t b, size_t nb)
{
	emit(w->out, DIFF_REMOVE, a, b, na);
	emit(w->out, DIFF_ADD, a + na, b, nb);
}

struct step {
	enum diff_op op;
};

/* Follow the trace back from the end; the steps come out last to first. */
static size_t walk_back(int *const *trace, int d, int x, int y, struct step *steps)
{
	size_t n = 0;
	for (; d > 0; d--) {
		const int *v = trace[d - 1] + d; /* index 0 is diagonal 0; it holds -(d-1) … d-1 */
		int k = x - y;
		bool down = k == -d || (k != d && (k - 1 < -(d - 1) ? -1 : v[k - 1]) < (k + 1 > d - 1 ? -1 : v[k + 1]));
		int was_k = down ? k + 1 : k - 1;
		int was_x = v[was_k], was_y = was_x - was_k;
		while (x > was_x + !down && y > was_y + down) {
			steps[n++].op = DIFF_SAME;
			x--;
			y--;
		}
		steps[n++].op = down ? DIFF_ADD : DIFF_REMOVE;
		x = was_x;
		y = was_y;
	}
	while (x > 0) {
		steps[n++].op = DIFF_SAME;
		x--;
	}
	return n;
}

/* False: there are more than EDITS_MAX edits. */
static bool myers(struct work *w, size_t a, size_t na, size_t b, size_t nb)
{
	int n = (int)na, m = (int)nb, max = (int)MIN(na + nb, (size_t)EDITS_MAX), d, found = -1;
	int **trace = xcalloc((size_t)max + 1, sizeof(*trace));
	for (d = 0; d <= max && found < 0; d++) {
		/* Of this round: diagonals -d … d, with one to spare at both ends. */
		int *v = xmalloc(sizeof(int) * (size_t)(2 * d + 3));
		trace[d] = v;
		v += d + 1;
		v[-d - 1] = v[d + 1] = -1;
		const int *p = d ? trace[d - 1] + d : NULL;
		for (int k = -d; k <= d; k += 2) {
			int left = d && k - 1 >= -(d - 1) ? p[k - 1] : -1, up = d && k + 1 <= d - 1 ? p[k + 1] : -1;
			int x = d == 0 ? 0 : k == -d || (k != d && left < up) ? up : left + 1;
			int y = x - k;
			while (x < n && y < m && w->a[a + (size_t)x] == w->b[b + (size_t)y]) {
				x++;
				y++;
			}
			v[k] = x;
			if (k < d)
				v[k + 1] = -1;
			if (x >= n && y >= m)
				found = d;
		}
	}
	if (found >= 0) {
		struct step *steps = xmalloc(sizeof(*steps) * (na + nb + 1));
		size_t count = walk_back(trace, found, n, m, steps), x = a, y = b;
		while (count > 0) {
			/* Between two that are the same, removals go first. */
			size_t removed = 0, added = 0;
			for (; count > 0 && steps[count - 1].op != DIFF_SAME; count--) {
				removed += steps[count - 1].op == DIFF_REMOVE;
				added += steps[count - 1].op == DIFF_ADD;
			}
			replaced(w, x, removed, y, added);
			x += removed;
			y += added;
			for (; count > 0 && steps[count - 1].op == DIFF_SAME; count--)
				emit(w->out, DIFF_SAME, x++, y++, 1);
		}
		free(steps);
	}
	for (int i = 0; i <= max && trace[i]; i++)
		free(trace[i]);
	free(trace);
	return found >= 0;
}

struct anchor {
	size_t a, b;
	int before; /* of the chain that ends here; -1: none */
};

/* Those that stand once in both, as the longest chain that ascends in both. Returns how many; *ret is yours. */
static size_t anchors(struct work *w, size_t a, size_t na, size_t b, size_t nb, struct anchor **ret)
{
	struct anchor *v = xmalloc(sizeof(*v) * (MIN(na, nb) + 1));
	int *piles = xmalloc(sizeof(*piles) * (MIN(na, nb) + 1));
	size_t n = 0, npiles = 0;
	for (size_t i = 0; i < na; i++)
		w->count_a[w->a[a + i]]++;
	for (size_t i = 0; i < nb; i++) {
		w->count_b[w->b[b + i]]++;
		w->where_b[w->b[b + i]] = b + i;
	}
	for (size_t i = 0; i < na; i++) {
		int line = w->a[a + i];
		if (w->count_a[line] != 1 || w->count_b[line] != 1)
			continue;
		v[n] = (struct anchor){ a + i, w->where_b[line], -1 };
		size_t low = 0, high = npiles;
		while (low < high) {
			size_t middle = (low + high) / 2;
			if (v[piles[middle]].b < v[n].b)
				low = middle + 1;
			else
				high = middle;
		}
		v[n].before = low ? piles[low - 1] : -1;
		piles[low] = (int)n;
		npiles = MAX(npiles, low + 1);
		n++;
	}
	for (size_t i = 0; i < na; i++)
		w->count_a[w->a[a + i]] = 0;
	for (size_t i = 0; i < nb; i++)
		w->count_b[w->b[b + i]] = 0;
	struct anchor *chain = xmalloc(sizeof(*chain) * (npiles + 1));
	int at = npiles ? piles[npiles - 1] : -1;
	for (size_t i = npiles; i-- > 0; at = v[at].before)
		chain[i] = v[at];
	free(piles);
	free(v);
	*ret = chain;
	return npiles;
}

static void stretch(struct work *w, size_t a, size_t na, size_t b, size_t nb, int depth)
{
	size_t head = 0, tail = 0;
	while (head < na && head < nb && w->a[a + head] == w->b[b + head])
		head++;
	while (tail < na - head && tail < nb - head && w->a[a + na - 1 - tail] == w->b[b + nb - 1 - tail])
		tail++;
	emit(w->out, DIFF_SAME, a, b, head);
	size_t ra = a + head, rb = b + head, ma = na - head - tail, mb = nb - head - tail;
	struct anchor *v = NULL;
	size_t n = ma && mb && depth < 64 ? anchors(w, ra, ma, rb, mb, &v) : 0;
	if (n == 0) {
		if (!ma || !mb || !myers(w, ra, ma, rb, mb))
			replaced(w, ra, ma, rb, mb);
	} else {
		size_t x = ra, y = rb;
		for (size_t i = 0; i < n; i++) {
			stretch(w, x, v[i].a - x, y, v[i].b - y, depth + 1);
			emit(w->out, DIFF_SAME, v[i].a, v[i].b, 1);
			x = v[i].a + 1;
			y = v[i].b + 1;
		}
		stretch(w, x, ra + ma - x, y, rb + mb - y, depth + 1);
	}
	free(v);
	emit(w->out, DIFF_SAME, a + na - tail, b + nb - tail, tail);
}

/* An addition before a removal, where two stretches meet, changes places with it. */
static void tidy(struct linediff *d)
{
	size_t n = 0;
	for (size_t i = 0; i < d->n; i++) {
		struct diff_part p = d->v[i];
		struct diff_part *last = n ? &d->v[n - 1] : NULL;
		if (last && last->op == DIFF_ADD && p.op == DIFF_REMOVE) {
			struct diff_part *first = n > 1 && d->v[n - 2].op == DIFF_REMOVE ? &d->v[n - 2] : NULL;
			if (first) {
				first->n += p.n;
				last->a += p.n;
				continue;
			}
			struct diff_part added = *last;
			*last = (struct diff_part){ DIFF_REMOVE, p.a, added.b, p.n };
			added.a = p.a + p.n;
			d->v[n++] = added;
			continue;
		}
		if (last && last->op == p.op)
			last->n += p.n;
		else
			d->v[n++] = p;
	}
	d->n = n;
}

void linediff_make(const int *a, size_t na, const int *b, size_t nb, struct linediff *ret)
{
	*ret = (struct linediff){ NULL, 0, 0 };
	int max = 0;
	for (size_t i = 0; i < na; i++)
		max = MAX(max, a[i]);
	for (size_t i = 0; i < nb; i++)
		max = MAX(max, b[i]);
	struct work w = { a, b, ret, xcalloc((size_t)max + 1, sizeof(int)), xcalloc((size_t)max + 1, sizeof(int)),
			  xcalloc((size_t)max + 1, sizeof(size_t)) };
	stretch(&w, 0, na, 0, nb, 0);
	tidy(ret);
	free(w.count_a);
	free(w.count_b);
	free(w.where_b);
}

void linediff_done(struct linediff *d)
{
	free(d->v);
	*d = (struct linediff){ NULL, 0, 0 };
}
