/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "Did you mean …": the known word that a mistyped one is nearest to. */
#ifndef PAWL_BASE_NEAREST_H
#define PAWL_BASE_NEAREST_H

#include "base/base.h"

/* The candidate with the fewest edits (insert, delete, replace, swap of neighbours; Damerau 1964,
 * in its optimal string alignment form), upper and lower case alike; NULL when none is within a third
 * of the word's length. Words longer than 64 bytes have no neighbours. */
const char *nearest_word(const char *word, const char *const *words, size_t n);

/* The same, one candidate at a time. Begin with { .word = word }. */
struct nearest {
	const char *word;
	const char *best; /* NULL until one is near enough; borrowed from the candidates */
	size_t edits;     /* of the best */
};
void nearest_try(struct nearest *s, const char *candidate);

#endif
