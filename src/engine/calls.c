/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What calls of models took since this engine began, by provider, model and outcome: counters that only grow. The rows
 * in the store are the record; these are for whoever watches. */
#include "engine/engine_internal.h"

#define CALLS_MAX 256 /* names are what workflows say: past so many, all others are one */
#define OTHERS "others"

static struct call_count *counter(struct engine *e, const char *provider, const char *model, const char *status)
{
	for (size_t i = 0; i < e->ncalls; i++) {
		const struct call_count *c = &e->calls[i];
		if (str_eq(c->provider, provider) && str_eq(c->model, model) && str_eq(c->status, status))
			return &e->calls[i];
	}
	if (e->ncalls >= CALLS_MAX && !str_eq(provider, OTHERS))
		return counter(e, OTHERS, "", "");
	GROW(e->calls, e->ncalls, e->capcalls);
	e->calls[e->ncalls] = (struct call_count){ .provider = xstrdup(provider), .model = xstrdup(model), .status = xstrdup(status) };
	return &e->calls[e->ncalls++];
}

static void add(int64_t *sum, int64_t v)
{
	*sum += MAX(v, (int64_t)0);
}

void calls_count(struct engine *e, const struct usage_row *u)
{
	struct call_count *k = counter(e, u->provider ? u->provider : "", u->model ? u->model : "", u->status ? u->status : "");
	k->calls++;
	add(&k->input, u->input);
	add(&k->output, u->output);
	add(&k->cache_read, u->cache_read);
	add(&k->cache_write, u->cache_write);
	add(&k->cost_micro_usd, u->cost_micro_usd);
	k->no_cost += u->cost_micro_usd < 0;
	add(&k->retries, u->retry_count);
	add(&k->latency_ms, u->latency_ms);
}

void calls_done(struct engine *e)
{
	for (size_t i = 0; i < e->ncalls; i++) {
		free((char *)(uintptr_t)e->calls[i].provider);
		free((char *)(uintptr_t)e->calls[i].model);
		free((char *)(uintptr_t)e->calls[i].status);
	}
	free(e->calls);
}

void engine_calls(const struct engine *e, void (*fn)(void *ctx, const struct call_count *c), void *ctx)
{
	for (size_t i = 0; i < e->ncalls; i++)
		fn(ctx, &e->calls[i]);
}
