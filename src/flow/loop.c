/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: loops and budgets. */
#include "flow/keys.h"

#include <inttypes.h>
#include <string.h>

#define ITERATIONS_MAX 1000

/* ---- loops ---- */

KEY(loop_strategy)
{
	const char *words[LOOP_STRATEGY_COUNT];
	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = loop_strategy_name((enum loop_strategy)i);
	int which = load_word(l, v, words, COUNT(words));
	if (which >= 0)
		((struct graph_loop *)target)->strategy = (enum loop_strategy)which;
}

static void load_count(struct load *l, const struct tree *v, int min, int *ret)
{
	int64_t n = 0;
	if (load_int(l, v, min, ITERATIONS_MAX, &n))
		*ret = (int)n;
}

/* Keys that only one strategy looks at. */
static bool of_strategy(struct load *l, const struct tree *v, const struct graph_loop *loop,
			enum loop_strategy wanted)
{
	if (loop->strategy == wanted)
		return true;
	issue_key(l, v, _("this belongs to strategy: %s; here it is %s"), loop_strategy_name(wanted),
		  loop_strategy_name(loop->strategy));
	return false;
}

KEY(loop_max)
{
	load_count(l, v, 1, &((struct graph_loop *)target)->max);
}

KEY(loop_base)
{
	struct graph_loop *loop = target;
	if (of_strategy(l, v, loop, LOOP_HYBRID))
		load_count(l, v, 1, &loop->base);
}

KEY(loop_bonus)
{
	struct graph_loop *loop = target;
	if (of_strategy(l, v, loop, LOOP_HYBRID))
		load_count(l, v, 0, &loop->bonus);
}

KEY(loop_threshold)
{
	struct graph_loop *loop = target;
	if (of_strategy(l, v, loop, LOOP_HYBRID))
		load_number(l, v, 0, 1, &loop->threshold);
}

KEY(loop_min)
{
	load_count(l, v, 1, &((struct graph_loop *)target)->min);
}

KEY(loop_window)
{
	load_count(l, v, 2, &((struct graph_loop *)target)->window);
}

KEY(loop_similarity)
{
	load_number(l, v, 0, 1, &((struct graph_loop *)target)->similarity);
}

KEY(loop_signals)
{
	struct graph_loop *loop = target;
	if (!of_strategy(l, v, loop, LOOP_RALPH))
		return;
	loop->signals = load_texts(l, v, WORDS_MAX, &loop->nsignals);
	for (size_t i = 0; i < loop->nsignals; i++) {
		const char *s = loop->signals[i];
		if (!*s || strlen(s) > WORD_MAX || strpbrk(s, "\r\n"))
			issue(l, v, _("a signal is one whole line of the answer, of 1 to %d bytes"), WORD_MAX);
	}
}

KEY(loop_run)
{
	struct graph_loop *loop = target;
	if (of_strategy(l, v, loop, LOOP_CUSTOM))
		load_command(l, v, &loop->command);
}

static void set_max(struct load *l, const struct tree *v, struct graph_loop *loop)
{
	static const int by_strategy[] = { [LOOP_FIXED] = 3, [LOOP_RALPH] = 10, [LOOP_CUSTOM] = 10 };
	const struct tree *max = v->kind == TREE_MAP ? tree_get(v, "max") : NULL;
	if (!loop->max)
		loop->max = loop->strategy == LOOP_HYBRID ? loop->base + loop->bonus : by_strategy[loop->strategy];
	if (max && loop->strategy == LOOP_HYBRID && loop->max < loop->base)
		issue(l, max, _("at most %d, but base: is %d"), loop->max, loop->base);
	else if (loop->min > loop->max)
		issue(l, v, _("at least %d iterations, but at most %d"), loop->min, loop->max);
}

/* A loop ends when the checks pass, when the answer says so (ralph), or when the command says so. */
static bool has_an_end(const struct node_load *nl, const struct graph_loop *loop)
{
	return loop->strategy == LOOP_CUSTOM || loop->strategy == LOOP_RALPH || tree_get(nl->map, "verify");
}

KEY(node_loop)
{
	struct node_load *nl = target;
	struct graph_loop *loop = xcalloc(1, sizeof(*loop));
	*loop = (struct graph_loop){ .strategy = LOOP_HYBRID, .base = 3, .bonus = 2, .threshold = 0.1, .min = 1,
				     .window = 3, .similarity = 0.95 };
	nl->work->loop = loop;
	if (v->kind == TREE_TEXT)
		loop_strategy(l, v, loop);
	else
		load_map(l, v, &flow_loop_keys, loop);
	if (v->kind != TREE_TEXT && v->kind != TREE_MAP)
		return;
	set_max(l, v, loop);
	if (loop->strategy == LOOP_CUSTOM && !(v->kind == TREE_MAP && tree_get(v, "run")))
		issue(l, v, _("who decides? strategy: custom wants run:, the command that says what comes next"));
	if (!has_an_end(nl, loop))
		issue_key(l, v, _("what ends it? a loop goes on while verify: fails; add checks, or use retry: for a "
				  "command that may fail"));
}

/* ---- budgets ---- */

KEY(budget_wall)
{
	load_duration(l, v, &((struct graph_budget *)target)->wall_ms);
}

KEY(budget_iteration)
{
	load_duration(l, v, &((struct graph_budget *)target)->iteration_ms);
}

KEY(budget_tokens)
{
	load_int(l, v, 1, 1000000000000000, &((struct graph_budget *)target)->tokens);
}

KEY(budget_tokens_per_iteration)
{
	load_int(l, v, 1, 1000000000000000, &((struct graph_budget *)target)->tokens_per_iteration);
}

/* "5 USD", "0.25 USD": digits, at most six behind the point, and the currency. */
static bool parse_money(const char *text, int64_t *ret_micro)
{
	size_t whole = strspn(text, "0123456789");
	const char *at = text + whole;
	int64_t micro = 0, unit = 1000000;
	if (!whole || whole > 9)
		return false;
	for (size_t i = 0; i < whole; i++)
		micro = micro * 10 + (text[i] - '0') * 1000000LL;
	if (*at == '.') {
		size_t digits = strspn(++at, "0123456789");
		if (!digits || digits > 6)
			return false;
		for (size_t i = 0; i < digits; i++)
			micro += (*at++ - '0') * (unit /= 10);
	}
	at += strspn(at, " ");
	*ret_micro = micro;
	return micro > 0 && str_eq(at, "USD");
}

KEY(budget_cost)
{
	const char *text = load_scalar(l, v);
	if (text && !parse_money(text, &((struct graph_budget *)target)->cost_micro_usd))
		issue(l, v, _("'%s' is no amount of money; write it as \"5 USD\" or \"0.25 USD\""), word_of(text).s);
}

KEY(budget_iterations)
{
	int64_t n = 0;
	if (load_int(l, v, 1, 1000000, &n))
		((struct graph_budget *)target)->iterations = (int)n;
}

KEY(budget_disk)
{
	load_size(l, v, &((struct graph_budget *)target)->disk_bytes);
}

KEY(budget_memory)
{
	load_size(l, v, &((struct graph_budget *)target)->memory_bytes);
}

static void load_budget(struct load *l, const struct tree *v, struct graph_budget *b)
{
	load_map(l, v, &flow_budget_keys, b);
	if (b->wall_ms && b->iteration_ms > b->wall_ms)
		issue(l, v, _("one iteration may take longer than all of them together (iteration, wall)"));
	if (b->tokens && b->tokens_per_iteration > b->tokens)
		issue(l, v, _("one iteration may use more than all of them together (tokens_per_iteration, tokens)"));
}

KEY(workflow_budget)
{
	load_budget(l, v, &l->g->budget);
}

KEY(node_budget)
{
	struct node_load *nl = target;
	load_budget(l, v, &nl->work->budget);
	const struct graph_loop *loop = nl->work->loop;
	if (loop && nl->work->budget.iterations && nl->work->budget.iterations < loop->min)
		issue(l, v, _("%d iterations are less than the min: %d of the loop"), nl->work->budget.iterations,
		      loop->min);
}
