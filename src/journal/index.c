/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal/index.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a (Fowler, Noll, Vo) over 32-bit words: enough to tell a record from what a crash left. A
 * record of zeroes does not pass. */
static uint32_t sum(const struct index_record *record)
{
	uint32_t word[7], h = 2166136261U;
	memcpy(word, record, sizeof(word));
	for (size_t i = 0; i < COUNT(word); i++)
		h = (h ^ word[i]) * 16777619U;
	return h ^ (h >> 15);
}

void index_seal(struct index_record *record)
{
	record->check = sum(record);
}

bool index_sound(const struct index_record *record)
{
	return record->check == sum(record) && record->line_start <= 1 && record->offset >= 0 &&
	       record->line > 0 && record->kind >= INDEX_BURST && record->kind <= INDEX_DONE;
}

void index_head(char head[sizeof(struct index_record)])
{
	memset(head, 0, sizeof(struct index_record));
	memcpy(head, INDEX_HEAD, sizeof(INDEX_HEAD));
}

size_t cut_mark(char mark[CUT_MARK_MAX], int64_t bytes, int64_t lines)
{
	/* Not translated: programs read it, too. */
	int n = snprintf(mark, CUT_MARK_MAX, "[pawl: %lld bytes (%lld lines) cut here]\n",
	                 (long long)bytes, (long long)lines);
	return n < 0 ? 0 : (size_t)n;
}

bool cut_mark_parse(const char *line, size_t len, int64_t *ret_bytes)
{
	char text[CUT_MARK_MAX];
	if (len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	long long bytes, lines;
	int end = 0;
	if (sscanf(text, "[pawl: %18lld bytes (%18lld lines) cut here]%n", &bytes, &lines, &end) !=
	        2 ||
	    (size_t)end != len || bytes < 0)
		return false;
	*ret_bytes = bytes;
	return true;
}
