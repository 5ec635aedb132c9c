/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an agent used and what it cost, as rows for the report: one a model. */
#include "work/agent.h"

#include "base/fs.h"
#include "model/price.h"

#include <string.h>

void agent_write_count(struct jw *w, const char *key, int64_t n)
{
	if (n == UNKNOWN)
		jw_null(w, key);
	else
		jw_int(w, key, n);
}

/* -m X, --model X or --model=X among the words of the command: for programs that do not tell. */
static const char *model_in_argv(const struct agent_spec *spec)
{
	for (size_t i = 1; i < spec->nargv; i++) {
		if (str_starts(spec->argv[i], "--model="))
			return spec->argv[i] + strlen("--model=");
		if ((str_eq(spec->argv[i], "--model") || str_eq(spec->argv[i], "-m")) && i + 1 < spec->nargv)
			return spec->argv[i + 1];
	}
	return NULL;
}

const char *agent_main_model(const struct agent *a, const struct agent_spec *spec)
{
	return a->model ? a->model : model_in_argv(spec);
}

/* ---- rows ---- */

struct usage_rows {
	const struct agent *a;
	const struct agent_spec *spec;
	const struct agent_end *end;
	struct price_table *prices; /* NULL: none */
	struct str unpriced;        /* models without a price */
	int64_t priced_micro_usd;   /* by the table, all rows together */
	struct jw w;
};

static void price_row(struct usage_rows *u, const char *model, const struct agent_tokens *t, int64_t *cost,
		      const char **ret_version)
{
	const char *provider = u->a->row->provider;
	struct token_counts counts = { .input = t->input, .output = t->output, .cache_read = t->cache_read,
				       .cache_write_5m = t->cache_write, .cache_write_1h = UNKNOWN };
	*ret_version = NULL;
	if (*cost != UNKNOWN)
		return;
	struct price p = { .micro_usd = PRICE_UNKNOWN };
	if (model)
		p = price_of(u->prices, provider, provider, model, &counts, u->end->began_ms);
	if (p.micro_usd == PRICE_UNKNOWN) {
		str_addf(&u->unpriced, "%s%s", u->unpriced.len ? ", " : "", model ? model : _("a model that it did not name"));
		return;
	}
	*cost = p.micro_usd;
	u->priced_micro_usd += p.micro_usd;
	*ret_version = p.version;
}

static void write_row(struct usage_rows *u, const char *model, const struct agent_tokens *t, int64_t cost)
{
	const char *version;
	struct jw *w = &u->w;
	price_row(u, model, t, &cost, &version);
	jw_obj(w, NULL);
	jw_str(w, "provider", u->a->row->provider);
	jw_str(w, "model", model);
	agent_write_count(w, "input", t->input);
	agent_write_count(w, "output", t->output);
	agent_write_count(w, "cache_read", t->cache_read);
	agent_write_count(w, "cache_write", t->cache_write);
	agent_write_count(w, "total", t->input == UNKNOWN || t->output == UNKNOWN ? UNKNOWN : agent_tokens_sum(t));
	agent_write_count(w, "cost_micro_usd", cost);
	jw_str(w, "price_version", version);
	jw_str(w, "status", u->a->api_failed ? "error" : "ok");
	jw_null(w, "http_status");
	jw_int(w, "retry_count", u->a->retries);
	jw_int(w, "latency_ms", u->a->api_ms != UNKNOWN ? u->a->api_ms : u->end->duration_ms);
	jw_int(w, "at_ms", u->end->began_ms + u->end->duration_ms);
	jw_end_obj(w);
}

/* A cost that is told only as a whole goes with the main model. */
static void rows_by_model(struct usage_rows *u)
{
	const struct agent *a = u->a;
	size_t main = 0;
	int64_t told = UNKNOWN;
	for (size_t i = 0; i < a->by_model.n; i++) {
		if (a->model && str_eq(a->by_model.v[i].id, a->model))
			main = i;
		told = MAX(told, a->by_model.v[i].cost_micro_usd);
	}
	for (size_t i = 0; i < a->by_model.n; i++) {
		const struct agent_use *use = &a->by_model.v[i];
		int64_t cost = use->cost_micro_usd;
		if (told == UNKNOWN && a->cost_micro_usd != UNKNOWN)
			cost = i == main ? a->cost_micro_usd : 0;
		write_row(u, use->id, &use->tokens, cost);
	}
}

/* The stream broke off: what the messages had used till then, by model. */
static void rows_by_message(struct usage_rows *u)
{
	const struct agent_uses *uses = &u->a->by_message;
	const char *fallback = agent_main_model(u->a, u->spec);
	auto_free bool *taken = xcalloc(uses->n + 1, sizeof(*taken));
	for (size_t i = 0, nrows = 0; i < uses->n && nrows < AGENT_MODELS_MAX; i++) {
		const char *model = uses->v[i].model ? uses->v[i].model : fallback;
		struct agent_tokens sum = NO_TOKENS;
		for (size_t k = i; k < uses->n; k++) {
			const char *other = uses->v[k].model ? uses->v[k].model : fallback;
			if (taken[k] || (model == NULL) != (other == NULL) || (model && !str_eq(model, other)))
				continue;
			taken[k] = true;
			agent_tokens_add(&sum, &uses->v[k].tokens);
		}
		if (agent_tokens_sum(&sum) == UNKNOWN)
			continue;
		write_row(u, model, &sum, UNKNOWN);
		nrows++;
	}
}

static struct price_table *read_prices(struct agent *a, const struct agent_spec *spec)
{
	auto_free char *text = NULL;
	size_t len;
	struct price_table *table = NULL;
	struct err err;
	if (!spec->prices || !fs_exists(spec->prices))
		return NULL;
	enum err_code code = fs_read(spec->prices, PRICE_FILE_MAX, &text, &len, &err);
	if (!code)
		code = price_table_new(text, len, &table, &err);
	if (code)
		agent_warn(a, "%s: %s", spec->prices, err.message);
	return code ? NULL : table;
}

void agent_add_usage_rows(struct agent *a, const struct agent_spec *spec, const struct agent_end *end, struct str *json)
{
	struct usage_rows u = { .a = a, .spec = spec, .end = end, .w = jw_begin(json) };
	int64_t cost;
	a->priced_micro_usd = UNKNOWN; /* of an earlier call; more was used since */
	struct agent_tokens total = agent_total(a, &cost);
	bool known = agent_tokens_sum(&total) != UNKNOWN || cost != UNKNOWN;
	u.prices = known && end->ended && a->row->provider ? read_prices(a, spec) : NULL;
	jw_arr(&u.w, NULL);
	if (a->by_model.n)
		rows_by_model(&u);
	else if (known && (cost != UNKNOWN || agent_tokens_sum(&a->summed) != UNKNOWN))
		write_row(&u, agent_main_model(a, spec), &total, cost);
	else if (known)
		rows_by_message(&u);
	jw_end_arr(&u.w);
	if (cost == UNKNOWN && u.prices && !u.unpriced.len)
		a->priced_micro_usd = u.priced_micro_usd;
	if (u.unpriced.len && end->ended)
		agent_warn(a, _("no price is known for %s; the cost is left open"), u.unpriced.p);
	str_done(&u.unpriced);
	price_table_free(u.prices);
}
