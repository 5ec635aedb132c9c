/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A streaming filter that masks secrets in the bytes of a step, across any cut of the chunks: exact
 * values of configured secrets in their usual encodings, and the shapes of well-known tokens. It is
 * damage limitation, not a border: a program that prints one character a line defeats it. */
#ifndef PAWL_JOURNAL_REDACT_H
#define PAWL_JOURNAL_REDACT_H

#include "base/err.h"
#include "base/str.h"

#define REDACT_MASK "***"
#define SECRET_MIN 6 /* shorter values are not masked; redact_secret() says so */

struct redact_set; /* the patterns; compiled once, used by many streams */

struct redact_set *redact_set_new(bool token_shapes);
/* Add a secret: raw, each line of a multi-line one, base64 in three alignments, base64url, percent,
 * JSON-escaped, hex. ERR_USAGE when it is too short to be masked. */
enum err_code redact_secret(struct redact_set *set, const char *value, size_t len, struct err *err);
void redact_compile(struct redact_set *set);
void redact_set_free(struct redact_set *set);

struct redactor; /* the state of one stream */

struct redactor *redactor_new(const struct redact_set *set);
/* Feed bytes; what is safe is appended to `out`. Holds back only what could still become a secret. */
void redact_feed(struct redactor *r, const char *bytes, size_t len, struct str *out);
/* The end of the stream, or a quiet time: give out what was held back. */
void redact_flush(struct redactor *r, struct str *out);
int64_t redact_count(const struct redactor *r); /* masked so far */
/* How many bytes are held back now. */
size_t redact_held(const struct redactor *r);
void redactor_free(struct redactor *r);

/* A whole text at once, in place of a stream. */
void redact_text(const struct redact_set *set, const char *text, size_t len, struct str *out);

#endif
