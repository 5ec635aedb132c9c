/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/fuzzy.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static int lower(char c)
{
	return tolower((unsigned char)c);
}

static int part_score(const char *pattern, size_t len, const char *text)
{
	int score = 0;
	const char *at = text, *previous = NULL;
	for (size_t i = 0; i < len; i++) {
		const char *hit = at;
		while (*hit && lower(*hit) != lower(pattern[i]))
			hit++;
		if (!*hit)
			return -1;
		bool together = previous && hit == previous + 1;
		bool start = hit == text || !isalnum((unsigned char)hit[-1]);
		score += together ? 8 : start ? 6 : 1;
		previous = hit;
		at = hit + 1;
	}
	return score;
}

/* Letters that stand together count more than letters found one by one. */
static int substring_score(const char *pattern, size_t len, const char *text)
{
	for (const char *p = text; *p; p++) {
		size_t i = 0;
		while (i < len && p[i] && lower(p[i]) == lower(pattern[i]))
			i++;
		if (i == len)
			return (int)(len * 8 + (p == text ? 10 : 4));
	}
	return -1;
}

int fuzzy_score(const char *pattern, const char *text)
{
	int score = 0;
	while (*pattern) {
		size_t len = strcspn(pattern, " ");
		if (len) {
			int best = substring_score(pattern, len, text);
			if (best < 0)
				best = part_score(pattern, len, text);
			if (best < 0)
				return -1;
			score += best;
		}
		pattern += len;
		pattern += strspn(pattern, " ");
	}
	return score;
}
