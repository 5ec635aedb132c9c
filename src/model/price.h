/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a call of a language model costs, by a table that the user keeps: pawl knows no price by itself,
 * since prices move. Whole micro-USD; what is not known stays unknown and is never 0. Pure.
 *
 * The table is JSON (see data/prices.example.json): {"prices": [row…]}, a row being
 *
 *	{"provider": "anthropic",          the type or the name of a provider; may hold * and ?
 *	 "model": "claude-sonnet-4*",      may hold * and ?; the pattern with most letters wins, …
 *	 "effective_from": "2025-05-22",   … of these the newest that has begun (UTC)
 *	 "version": "2025-05-22",          kept with each cost
 *	 "input": 3000000, "output": 15000000,           micro-USD for a million tokens
 *	 "cache_read": 300000, "cache_write_5m": 3750000, "cache_write_1h": 6000000,
 *	 "tier": {"above": 200000, "input": 6000000, …}} where the whole prompt has more tokens than that */
#ifndef PAWL_MODEL_PRICE_H
#define PAWL_MODEL_PRICE_H

#include "base/json.h"

#define PRICE_FILE_MAX (1 * MIB)
#define PRICE_UNKNOWN (-1)

/* Counts of tokens of one call; -1 is unknown. They do not overlap: `input` is without what was read from
 * or written to the cache. */
struct token_counts {
	int64_t input, output, cache_read, cache_write_5m, cache_write_1h;
};
#define TOKENS_UNKNOWN ((struct token_counts){ -1, -1, -1, -1, -1 })

/* All tokens together; -1 if input or output is unknown. */
int64_t tokens_total(const struct token_counts *t);
/* Both kinds of cache writes; -1 if neither is known. */
int64_t tokens_cache_write(const struct token_counts *t);

struct price_table;

/* The error names the row and the member. */
enum err_code price_table_new(const char *text, size_t len, struct price_table **ret, struct err *err) MUST_CHECK;
void price_table_free(struct price_table *t);
static inline void price_table_free_p(struct price_table **p)
{
	price_table_free(*p);
}
#define auto_prices CLEANUP(price_table_free_p) struct price_table

struct price {
	int64_t micro_usd;    /* PRICE_UNKNOWN: see `why` */
	const char *version;  /* of the row that was used; NULL if none; lives as long as the table */
	char why[160];        /* a sentence, when it is not known */
};

/* The cost of a call by `provider` (its name) of `type` ("anthropic"). A row that names the provider wins over
 * one that names its type. Without a row, a call of type ollama, which runs on a machine of one's own, costs 0. `t`
 * may be NULL: there is no table. Counts of the cache that are unknown count as none. */
struct price price_of(const struct price_table *t, const char *provider, const char *type, const char *model,
		      const struct token_counts *tokens, int64_t at_ms);

#endif
