/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The language of what people read. A program takes characters and texts from its environment and nothing else: numbers are
 * read by programs, too, and have a point everywhere. The engine keeps what it stores in English, and answers each
 * who asks in their language. */
#ifndef PAWL_BASE_LANGUAGE_H
#define PAWL_BASE_LANGUAGE_H

#include "base/str.h"

#include <locale.h>

/* Where the texts are: installed, or in $PAWL_TEXTDOMAINDIR. */
void language_texts(void);
/* Characters and texts as the environment says; to be called first of all by a program. */
void language_begin(void);
/* From here on texts are in English, whatever the environment says, but for threads with a language of their own. */
void language_neutral(void);

/* The languages in which this process speaks, as the value of Accept-Language (RFC 9110, 12.5.4): "de-DE, de".
 * Nothing when it is English. */
void language_wanted(struct str *ret);

/* The locale for uselocale() in which to answer an Accept-Language: of those asked for the one with the most weight
 * that this machine has; LC_GLOBAL_LOCALE when there is none, or `accept` is NULL. Kept until the process ends, at most
 * 16 of them. For one thread alone. */
locale_t language_find(const char *accept);

#endif
