/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside of the redactor: the automaton of all patterns, and the shapes of tokens. */
#ifndef PAWL_JOURNAL_REDACT_SET_H
#define PAWL_JOURNAL_REDACT_SET_H

#include "journal/redact.h"

#define SECRET_MAX (64 * KIB)
#define FILTER_BITS 16

/* A node of the automaton of Aho and Corasick ("Efficient string matching", 1975), kept sparse: the
 * children are a list. Node 0 is the root. */
struct redact_node {
	uint32_t child, next; /* first child, next child of the same parent; 0: none */
	uint32_t fail;        /* the longest proper suffix that is a node, too */
	uint32_t depth;
	uint32_t match; /* length of the longest secret that ends here; 0: none */
	uint8_t byte;
	uint8_t shape; /* 1 + the shape whose anchor ends here; 0: none */
};

struct redact_set {
	struct redact_node *nodes;
	size_t n, cap;
	uint32_t root[256];
	/* Most bytes of a log are passed by with these two: whether a pair of bytes begins a
	 * pattern (1), and whether it stands behind the first byte of one (2); and whether three
	 * bytes begin one, by hash. */
	uint8_t pair[1 << 16];
	uint8_t filter[(1 << FILTER_BITS) / 8];
	bool compiled;
};

static inline uint32_t filter_hash(const unsigned char *p)
{
	uint32_t three = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
	return three * 0x9e3779b1U >> (32 - FILTER_BITS);
}

/* Shorter patterns are not taken: they would mask too much. */
void redact_pattern(struct redact_set *set, const char *bytes, size_t len, unsigned int shape);
/* All the encodings in which a program may print `value`. */
void redact_add_forms(struct redact_set *set, const char *value, size_t len);

/* ---- shapes ---- */

enum shape_kind { SHAPE_RUN, SHAPE_JWT, SHAPE_KEY, SHAPE_URL };

struct shape {
	enum shape_kind kind;
	const char *anchors[6];
	const char *also;   /* characters of the run besides letters and digits; NULL: capitals and
	                       digits only */
	unsigned int least; /* characters of a run that make it a token */
	bool border;        /* must not follow a letter, digit or underscore */
};

extern const struct shape shapes[];
extern const size_t shapes_count;

/* A token that may have begun. Nothing from `hold` on is given out before that is decided. */
struct candidate {
	unsigned int shape;
	unsigned int phase, n, dashes;
	int64_t start, hold; /* hold: INT64_MAX when all that is masked is known */
	char label[32];
};

/* What one byte at `pos` does to a candidate: false when it is over. Masks [*ret_from, *ret_to) if
 * that is not empty. */
bool candidate_feed(struct candidate *c, int64_t pos, unsigned char byte, int64_t *ret_from,
                    int64_t *ret_to);

#endif
