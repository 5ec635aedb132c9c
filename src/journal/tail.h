/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of a log whose head is full: a ring in a file of its own beside the log, so that a cap of
 * any size takes no memory, with the times and streams of what it holds. The writer copies it
 * behind the cut mark when the step ends. It is locked as long as the writer lives, and begins with
 * what is needed to do that for a writer that was killed. */
#ifndef PAWL_JOURNAL_TAIL_H
#define PAWL_JOURNAL_TAIL_H

#include "journal/index.h"

#define TAIL_SUFFIX ".tail"

struct tail;

/* Nothing is opened until the first byte. Keeps the last `keep` bytes; 0 keeps none. `head` is the
 * size of the text that precedes it. */
struct tail *tail_new(const char *log_path, int64_t keep, int64_t head);
/* What a writer left that was killed; NULL if there is nothing, or it lives. Times and streams are
 * lost. *ret_head is the size of its text without the tail, *ret_newlines how many were appended.
 */
struct tail *tail_adopt(const char *log_path, int64_t *ret_head, int64_t *ret_newlines);
/* Closes the ring's file and removes it, or leaves it to be adopted. NULL is fine. */
void tail_free(struct tail *t, bool leave);
/* Append. Returns 0, or the errno of a fault: then all that was held is lost, and held no more. */
int tail_write(struct tail *t, const char *bytes, size_t len, int stream, int64_t wall_ms);
/* Everything into the file, so that it could be adopted as it is. As tail_write(). */
int tail_flush(struct tail *t);
/* What is held: [*ret_from, *ret_to), counted from the first byte ever appended. */
void tail_held(const struct tail *t, int64_t *ret_from, int64_t *ret_to);
/* Read held bytes of one burst from `from` on into buf[size]: returns how many (0 when they cannot
 * be read), and their stream and time. */
size_t tail_read(struct tail *t, int64_t from, char *buf, size_t size, int *ret_stream,
                 int64_t *ret_wall_ms);

#endif
