/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/price.h"
#include "base/clock.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* Both bounds keep the product of any two of these far below 2^63. */
#define AMOUNT_MAX INT64_C(1000000000)
#define ROWS_MAX 10000
#define MILLION 1000000

enum kind { INPUT, OUTPUT, CACHE_READ, CACHE_WRITE_5M, CACHE_WRITE_1H, KIND_COUNT };

static const char *const kind_names[] = {
	[INPUT] = "input",
	[OUTPUT] = "output",
	[CACHE_READ] = "cache_read",
	[CACHE_WRITE_5M] = "cache_write_5m",
	[CACHE_WRITE_1H] = "cache_write_1h",
};
static_assert(COUNT(kind_names) == KIND_COUNT, "every kind of token has a name");

struct row {
	const char *provider, *model, *version;
	int64_t from_ms;
	size_t letters; /* of the two patterns: how closely it fits */
	int64_t amounts[KIND_COUNT]; /* -1: not said */
	int64_t tier_above;          /* -1: no tier */
	int64_t tier[KIND_COUNT];
};

struct price_table {
	struct json *document; /* owns the texts */
	struct row *rows;
	size_t nrows;
};

/* ---- reading ---- */

static enum err_code take_amounts(const struct json *v, const char *where, int64_t *ret, struct err *err)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		const struct json *amount = json_get(v, kind_names[i]);
		ret[i] = amount && json_type(amount) != JSON_NULL ? json_int(amount, -2) : -1;
		if (ret[i] < -1 || ret[i] > AMOUNT_MAX)
			return err_set(err, ERR_INVALID,
				       _("prices, %s: \"%s\" is whole micro-USD for a million tokens, 0 to %lld"), where,
				       kind_names[i], (long long)AMOUNT_MAX);
	}
	if (ret[INPUT] < 0 || ret[OUTPUT] < 0)
		return err_set(err, ERR_INVALID, _("prices, %s: \"input\" and \"output\" must be given"), where);
	return ERR_OK;
}

/* "2025-05-22", the first moment of the day in UTC. */
static enum err_code take_date(const char *text, const char *where, int64_t *ret_ms, struct err *err)
{
	auto_free char *full = xasprintf("%sT00:00:00Z", text);
	if (strlen(text) != 10 || time_parse(full, 0, ret_ms, NULL))
		return err_set(err, ERR_INVALID, _("prices, %s: \"effective_from\" is a date such as 2025-05-22"), where);
	return ERR_OK;
}

static size_t letters(const char *pattern)
{
	size_t n = 0;
	for (; *pattern; pattern++)
		n += *pattern != '*' && *pattern != '?';
	return n;
}

static enum err_code take_row(const struct json *v, size_t number, struct row *r, struct err *err)
{
	char where[40];
	(void)snprintf(where, sizeof(where), _("row %zu"), number);
	r->provider = json_get_str(v, "provider", "");
	r->model = json_get_str(v, "model", "");
	r->version = json_get_str(v, "version", json_get_str(v, "effective_from", ""));
	if (!*r->provider || !*r->model)
		return err_set(err, ERR_INVALID, _("prices, %s: \"provider\" and \"model\" must be given"), where);
	r->letters = letters(r->model);
	enum err_code code = take_date(json_get_str(v, "effective_from", ""), where, &r->from_ms, err);
	if (!code)
		code = take_amounts(v, where, r->amounts, err);
	const struct json *tier = json_get(v, "tier");
	r->tier_above = tier ? json_get_int(tier, "above", -1) : -1;
	if (code || !tier || json_type(tier) == JSON_NULL)
		return code;
	if (r->tier_above < 0)
		return err_set(err, ERR_INVALID, _("prices, %s: \"tier\" needs \"above\", a number of tokens"), where);
	return take_amounts(tier, where, r->tier, err);
}

enum err_code price_table_new(const char *text, size_t len, struct price_table **ret, struct err *err)
{
	auto_prices *t = xcalloc(1, sizeof(*t));
	enum err_code code = json_parse(text, len, PRICE_FILE_MAX, &t->document, err);
	if (code)
		return code;
	const struct json *list = json_get(t->document, "prices");
	if (json_type(list) != JSON_ARRAY)
		return err_set(err, ERR_INVALID, _("prices: a list \"prices\" is missing"));
	size_t n = json_count(list);
	if (n > ROWS_MAX)
		return err_set(err, ERR_TOO_LARGE, _("prices: %zu rows; at most %d are taken"), n, ROWS_MAX);
	t->rows = xcalloc(n ? n : 1, sizeof(*t->rows));
	for (const struct json *v = json_first(list); v; v = json_next(v)) {
		code = take_row(v, t->nrows + 1, &t->rows[t->nrows], err);
		if (code)
			return code;
		t->nrows++;
	}
	*ret = TAKE(t);
	return ERR_OK;
}

void price_table_free(struct price_table *t)
{
	if (!t)
		return;
	json_free(t->document);
	free(t->rows);
	free(t);
}

/* ---- counting ---- */

static int64_t known(int64_t n)
{
	return n > 0 ? n : 0;
}

int64_t tokens_cache_write(const struct token_counts *t)
{
	if (t->cache_write_5m < 0 && t->cache_write_1h < 0)
		return -1;
	return known(t->cache_write_5m) + known(t->cache_write_1h);
}

int64_t tokens_total(const struct token_counts *t)
{
	if (t->input < 0 || t->output < 0)
		return -1;
	return t->input + t->output + known(t->cache_read) + known(tokens_cache_write(t));
}

static bool is_better(const struct row *a, bool a_named, const struct row *b, bool b_named)
{
	if (a_named != b_named)
		return a_named;
	if (a->letters != b->letters)
		return a->letters > b->letters;
	return a->from_ms >= b->from_ms; /* of two that begin at once, the later one in the file */
}

static const struct row *find(const struct price_table *t, const char *provider, const char *type,
			      const char *model, int64_t at_ms)
{
	const struct row *best = NULL;
	bool best_named = false;
	for (size_t i = 0; t && i < t->nrows; i++) {
		const struct row *r = &t->rows[i];
		bool named = fnmatch(r->provider, provider, 0) == 0;
		if ((!named && fnmatch(r->provider, type, 0) != 0) || fnmatch(r->model, model, 0) != 0 ||
		    r->from_ms > at_ms)
			continue;
		if (!best || is_better(r, named, best, best_named)) {
			best = r;
			best_named = named;
		}
	}
	return best;
}

static PRINTF_LIKE(1, 2) struct price unknown(const char *fmt, ...)
{
	struct price p = { .micro_usd = PRICE_UNKNOWN };
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(p.why, sizeof(p.why), fmt, ap);
	va_end(ap);
	return p;
}

static struct price sum(const struct row *r, const struct token_counts *tokens)
{
	const int64_t counts[] = {
		[INPUT] = tokens->input,
		[OUTPUT] = tokens->output,
		[CACHE_READ] = known(tokens->cache_read),
		[CACHE_WRITE_5M] = known(tokens->cache_write_5m),
		[CACHE_WRITE_1H] = known(tokens->cache_write_1h),
	};
	int64_t prompt = counts[INPUT] + counts[CACHE_READ] + counts[CACHE_WRITE_5M] + counts[CACHE_WRITE_1H];
	const int64_t *amounts = r->tier_above >= 0 && prompt > r->tier_above ? r->tier : r->amounts;
	/* Whole micro-USD and millionths of it apart, so that nothing overflows and only the sum is rounded. */
	int64_t whole = 0, rest = 0;
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (counts[i] > 0 && amounts[i] < 0)
			return unknown(_("the price of %s tokens of %.60s is not in the table"), kind_names[i], r->model);
		if (counts[i] > AMOUNT_MAX)
			return unknown(_("%lld tokens are more than can be counted"), (long long)counts[i]);
		int64_t part = counts[i] > 0 ? counts[i] * amounts[i] : 0;
		whole += part / MILLION;
		rest += part % MILLION;
	}
	return (struct price){ .micro_usd = whole + (rest + MILLION / 2) / MILLION, .version = r->version };
}

struct price price_of(const struct price_table *t, const char *provider, const char *type, const char *model,
		      const struct token_counts *tokens, int64_t at_ms)
{
	const struct row *r = find(t, provider, type, model, at_ms);
	if (!r && str_eq(type, "ollama"))
		return (struct price){ .micro_usd = 0 };
	if (!r)
		return unknown(_("no price is known for the model %.60s of %.40s"), model, provider);
	if (tokens->input < 0 || tokens->output < 0)
		return unknown(_("%.40s did not say how many tokens it took"), provider);
	return sum(r, tokens);
}
