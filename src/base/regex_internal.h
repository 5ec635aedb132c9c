/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the regular expressions share: reading patterns. */
#ifndef PAWL_BASE_REGEX_INTERNAL_H
#define PAWL_BASE_REGEX_INTERNAL_H

#include "base/regex.h"

/* The end of the class that begins at `p`: behind its bracket. */
const char *regex_skip_class(const char *p, const char *end);
/* How long the quantifier at `p` is, 0 if none is there; *least is 0 when it allows absence. */
size_t regex_quantifier(const char *p, const char *end, unsigned int *least);
/* Fill in the texts of a plan whose `fold` is set. */
void regex_texts_find(struct regex_plan *plan, const char *pattern, unsigned int flags);

#endif
