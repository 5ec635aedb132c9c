/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/nearest.h"

#include <string.h>

#define WORD_MAX 64

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Edits between a and b, or something above `limit` as soon as it is sure to be more. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb, size_t limit)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= nb; j++)
		above[j] = before[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t least = row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);
			size_t d = MIN(above[j], row[j - 1]) + 1;
			d = MIN(d, above[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				d = MIN(d, before[j - 2] + 1);
			row[j] = d;
			least = MIN(least, d);
		}
		if (least > limit)
			return least;
		size_t *free_row = before;
		before = above;
		above = row;
		row = free_row;
	}
	return above[nb];
}

void nearest_try(struct nearest *s, const char *candidate)
{
	size_t n = strlen(s->word), m = strlen(candidate);
	if (!n || n > WORD_MAX || m > WORD_MAX)
		return;
	size_t limit = s->best ? s->edits - 1 : MAX(n / 3, (size_t)1);
	if ((s->best && s->edits == 0) || (n > m ? n - m : m - n) > limit)
		return;
	size_t edits = distance(s->word, n, candidate, m, limit);
	/* A word of one or two letters is near to every other one: only its case may differ. */
	if (edits > limit || (edits && edits >= MIN(n, m)))
		return;
	s->best = candidate;
	s->edits = edits;
}

const char *nearest_word(const char *word, const char *const *words, size_t n)
{
	struct nearest s = { .word = word };
	for (size_t i = 0; i < n; i++)
		nearest_try(&s, words[i]);
	return s.best;
}
