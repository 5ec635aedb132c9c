/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must be removed from and added to one sequence to make it another. Equal things have equal numbers; what
 * stands once in both (patience diff, B. Cohen) is held fast, between that the shortest script is looked for (Myers,
 * "An O(ND) Difference Algorithm", 1986) up to a limit, beyond which all is taken as replaced. */
#ifndef PAWL_BASE_LINEDIFF_H
#define PAWL_BASE_LINEDIFF_H

#include "base/base.h"

enum diff_op { DIFF_SAME, DIFF_REMOVE, DIFF_ADD };

struct diff_part {
	enum diff_op op;
	size_t a, b; /* where it begins in each, from 0 */
	size_t n;    /* so many */
};

struct linediff {
	struct diff_part *v; /* in order; neighbours differ in `op`; removals stand before additions */
	size_t n, cap;
};

/* `a` and `b`: the numbers of what is compared. */
void linediff_make(const int *a, size_t na, const int *b, size_t nb, struct linediff *ret);
void linediff_done(struct linediff *d);

/* Numbers for texts: the same for equal ones. */
struct line_numbers {
	struct line_slot {
		uint64_t hash;
		const char *text; /* borrowed: it lives as long as the numbers */
		size_t len;
		int number; /* from 1; 0: free */
	} *slots;
	size_t n, cap;
};
int line_number(struct line_numbers *m, const char *text, size_t len);
void line_numbers_done(struct line_numbers *m);

#endif
