/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/loop.h"

#include "base/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPEATS 2         /* so often the same as before is going in circles */
#define SAME_PROBLEMS 3   /* iterations in a row with the same first diagnostics */
#define WORDS_MAX 8192    /* of a text that are compared */

static const char *const actions[] = { "stop", "continue", "retry", "escalate" };
static_assert(COUNT(actions) == LOOP_ACTION_COUNT, "every action has a name");
static const char *const finals[] = { "none", "passed", "max_iterations", "timeout", "budget", "loop",
				      "strategy_stop", "error", "canceled" };
static_assert(COUNT(finals) == FINAL_COUNT, "every end has a name");
static const char *const trends[] = { "unknown", "improving", "stagnant", "regressing" };
static_assert(COUNT(trends) == TREND_COUNT, "every trend has a name");

const char *loop_action_name(enum loop_action a)
{
	return actions[a];
}

enum loop_action loop_action_from_name(const char *name)
{
	for (size_t i = 0; i < COUNT(actions); i++)
		if (str_eq(actions[i], name))
			return (enum loop_action)i;
	return LOOP_ACTION_COUNT;
}

const char *loop_final_name(enum loop_final f)
{
	return finals[f];
}

enum loop_final loop_final_from_name(const char *name)
{
	for (size_t i = 0; i < COUNT(finals); i++)
		if (str_eq(finals[i], name))
			return (enum loop_final)i;
	return FINAL_COUNT;
}

const char *loop_trend_name(enum loop_trend t)
{
	return trends[t];
}

/* ---- measures ---- */

double loop_progress(const struct loop_round *before, const struct loop_round *now)
{
	if (now->passed != before->passed)
		return now->passed ? 1 : -1;
	if (now->level != before->level)
		return now->level > before->level ? 1 : -1;
	if (now->problems == before->problems)
		return 0;
	int most = MAX(now->problems, before->problems);
	return (double)(before->problems - now->problems) / most;
}

double loop_score(const struct loop_round *r, int levels)
{
	if (r->passed)
		return 1;
	if (levels <= 0 || !r->verified)
		return 0;
	double within = r->problems > 0 ? 1.0 / (1 + r->problems) : 0;
	return (MIN(r->level, levels - 1) + within) / levels;
}

static bool is_word(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* The set of words, as sorted hashes (FNV-1a) without doubles; returns how many. Case does not count. */
static size_t words_of(const char *text, uint64_t *v)
{
	size_t n = 0, unique = 0;
	for (const unsigned char *p = (const unsigned char *)text; *p && n < WORDS_MAX;) {
		if (!is_word(*p)) {
			p++;
			continue;
		}
		uint64_t h = 0xcbf29ce484222325ULL;
		for (; is_word(*p); p++)
			h = (h ^ (*p >= 'A' && *p <= 'Z' ? *p + 32U : *p)) * 0x100000001b3ULL;
		v[n++] = h;
	}
	qsort(v, n, sizeof(*v), by_number);
	for (size_t i = 0; i < n; i++)
		if (unique == 0 || v[unique - 1] != v[i])
			v[unique++] = v[i];
	return unique;
}

double loop_likeness(const char *a, const char *b)
{
	auto_free uint64_t *x = xcalloc(WORDS_MAX, sizeof(*x));
	auto_free uint64_t *y = xcalloc(WORDS_MAX, sizeof(*y));
	size_t nx = words_of(a ? a : "", x), ny = words_of(b ? b : "", y), both = 0;
	for (size_t i = 0, k = 0; i < nx && k < ny;) {
		both += x[i] == y[k];
		size_t step_x = x[i] <= y[k], step_y = y[k] <= x[i];
		i += step_x;
		k += step_y;
	}
	return nx + ny == 0 ? 1 : (double)both / (double)(nx + ny - both);
}

const char *loop_signal(const struct graph_loop *loop, const char *text)
{
	static const char *const usual[] = { "TASK_COMPLETE", "TASK_COMPLETED", "DONE", "[COMPLETE]", "[DONE]" };
	bool own = loop->nsignals > 0;
	size_t n = own ? loop->nsignals : COUNT(usual);
	for (const char *p = text; p && *p;) {
		size_t len = strcspn(p, "\n");
		const char *from = p, *end = p + len;
		p = end + (*end == '\n');
		while (from < end && strchr(" \t\r*`", *from))
			from++;
		while (end > from && strchr(" \t\r*`", end[-1]))
			end--;
		for (size_t i = 0; i < n; i++) {
			const char *signal = own ? loop->signals[i] : usual[i];
			if (strlen(signal) == (size_t)(end - from) && memcmp(signal, from, (size_t)(end - from)) == 0)
				return signal;
		}
	}
	return NULL;
}

int loop_most(const struct graph_loop *loop)
{
	if (!loop)
		return 1;
	int hybrid = loop->base + loop->bonus;
	if (loop->strategy == LOOP_HYBRID)
		return loop->max > 0 ? MIN(loop->max, hybrid) : hybrid;
	return MAX(loop->max, 1);
}

/* ---- going in circles ---- */

/* The round `back` before the present one (0: itself); NULL: there is none. */
static const struct loop_round *round_at(const struct loop_case *c, size_t back)
{
	if (back == 0)
		return &c->now;
	return back <= c->nprevious ? &c->previous[c->nprevious - back] : NULL;
}

static uint64_t content_of(const struct loop_round *r)
{
	return r ? r->content : 0;
}

static uint64_t signature_of(const struct loop_round *r)
{
	return r ? r->signature : 0;
}

static bool swings(const struct loop_case *c, uint64_t (*of)(const struct loop_round *r))
{
	uint64_t a = of(round_at(c, 0)), b = of(round_at(c, 1));
	return a && b && a != b && a == of(round_at(c, 2)) && b == of(round_at(c, 3));
}

/* How often it made the very same before, without being better off. */
static int same_content(const struct loop_case *c)
{
	int n = 0;
	for (size_t i = 0; i < c->nprevious && c->now.content; i++)
		n += c->previous[i].content == c->now.content && loop_progress(&c->previous[i], &c->now) <= 0;
	return n;
}

static bool same_diagnostics(const struct loop_case *c)
{
	if (!c->now.signature)
		return false;
	for (size_t i = 1; i < SAME_PROBLEMS; i++)
		if (signature_of(round_at(c, i)) != c->now.signature)
			return false;
	/* The first ones may stay while there are fewer behind them. */
	const struct loop_round *first = round_at(c, SAME_PROBLEMS - 1);
	return first && loop_progress(first, &c->now) <= 0;
}

static bool no_change(const struct loop_case *c)
{
	const struct loop_round *before = round_at(c, 1);
	/* What helps although no file changed was done elsewhere. */
	return before && c->now.worked && before->worked && !c->now.changed && !before->changed &&
	       loop_progress(before, &c->now) <= 0;
}

static void found(struct loop_decision *d, const char *what, double confidence)
{
	d->detected = what;
	d->confidence = confidence;
}

static void detect(const struct loop_case *c, struct loop_decision *d)
{
	if (swings(c, content_of) || swings(c, signature_of))
		found(d, "oscillation", 0.9);
	else if (no_change(c))
		found(d, "no_change", 0.8);
	else if (same_content(c) >= REPEATS)
		found(d, "repeat", 1);
	else if (same_diagnostics(c))
		found(d, "diagnostics", 0.8);
}

static const char *detected_text(const char *what)
{
	static const struct {
		const char *what, *text;
	} rows[] = {
		{ "oscillation", N_("it goes back and forth between two states") },
		{ "no_change", N_("nothing changed in two iterations in a row") },
		{ "repeat", N_("it made the very same again, for the third time") },
		{ "diagnostics", N_("the same problems come first in three iterations, and there are not fewer") },
		{ "similar", N_("what it says no longer differs") },
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (str_eq(rows[i].what, what))
			return _(rows[i].text);
	return what;
}

static enum loop_trend trend_of(const struct loop_case *c)
{
	const struct loop_round *before = round_at(c, 1);
	double threshold = c->loop ? c->loop->threshold : 0;
	if (!before)
		return TREND_UNKNOWN;
	double p = loop_progress(before, &c->now);
	return p > 0 && p >= threshold ? TREND_IMPROVING : p < 0 && p <= -threshold ? TREND_REGRESSING : TREND_STAGNANT;
}

/* Better than every iteration before, by the threshold: a noisy one does not count as progress. */
static bool gains_ground(const struct loop_case *c)
{
	for (size_t i = 0; i < c->nprevious; i++) {
		double p = loop_progress(&c->previous[i], &c->now);
		if (p <= 0 || p < c->loop->threshold)
			return false;
	}
	return c->nprevious > 0;
}

/* What is said is as what was said in each iteration of the window. */
static bool converged(const struct loop_case *c)
{
	if (!c->now.said || c->loop->window < 2)
		return false;
	for (size_t i = 1; i < (size_t)c->loop->window; i++) {
		const struct loop_round *r = round_at(c, i);
		if (!r || !r->said || loop_likeness(r->said, c->now.said) < c->loop->similarity)
			return false;
	}
	return true;
}

/* ---- rules ---- */

static void PRINTF_LIKE(4, 5) decide(struct loop_decision *d, enum loop_action action, enum loop_final final,
				     const char *fmt, ...)
{
	va_list ap;
	d->action = action;
	d->final = final;
	va_start(ap, fmt);
	(void)vsnprintf(d->reason, sizeof(d->reason), fmt, ap);
	d->reason[utf8_floor(d->reason, strlen(d->reason))] = '\0'; /* it may have been cut */
	va_end(ap);
}

static enum loop_final failed_final(const struct loop_case *c, enum loop_final otherwise)
{
	return c->now.worked ? otherwise : FINAL_ERROR;
}

static void go_on(const struct loop_case *c, struct loop_decision *d)
{
	if (!c->now.worked)
		decide(d, LOOP_CONTINUE, FINAL_NONE, _("the work failed, and iterations are left"));
	else if (!c->now.passed)
		decide(d, LOOP_CONTINUE, FINAL_NONE, _("its checks failed, and iterations are left"));
	else
		decide(d, LOOP_CONTINUE, FINAL_NONE, _("it is not complete yet"));
}

static void fixed(const struct loop_case *c, struct loop_decision *d)
{
	go_on(c, d);
}

/* Beyond the base it goes on only while it gains ground. */
static void hybrid(const struct loop_case *c, struct loop_decision *d)
{
	if (c->iteration < c->loop->base)
		go_on(c, d);
	else if (gains_ground(c))
		decide(d, LOOP_CONTINUE, FINAL_NONE, _("it gains ground: iteration %d of %d more"),
		       c->iteration - c->loop->base + 1, c->loop->bonus);
	else
		decide(d, LOOP_STOP, failed_final(c, FINAL_STRATEGY), _("it gains no ground after %d iterations"),
		       c->iteration);
}

static void ralph(const struct loop_case *c, struct loop_decision *d)
{
	const char *signal = loop_signal(c->loop, c->now.said);
	if (signal && c->now.verified && !c->now.passed)
		decide(d, LOOP_CONTINUE, FINAL_NONE, _("it says %s, but its checks failed"), signal);
	else
		go_on(c, d);
}

static void custom(const struct loop_case *c, struct loop_decision *d)
{
	if (!c->answer) {
		decide(d, LOOP_ESCALATE, FINAL_NONE, "%s", c->no_answer ? c->no_answer : _("the command of the strategy did not answer"));
		return;
	}
	enum loop_trend trend = d->trend;
	*d = *c->answer;
	d->trend = trend;
	if (d->action == LOOP_STOP)
		d->final = c->now.passed ? FINAL_PASSED : failed_final(c, FINAL_STRATEGY);
}

/* Whether an iteration that passed is the last one. */
static bool always_complete(const struct loop_case *c UNUSED, struct loop_decision *d)
{
	decide(d, LOOP_STOP, FINAL_PASSED, _("it passed"));
	return true;
}

/* A signal ends it before the minimum; so does one who says the same again and again. */
static bool ralph_complete(const struct loop_case *c, struct loop_decision *d)
{
	const char *signal = loop_signal(c->loop, c->now.said);
	if (signal)
		decide(d, LOOP_STOP, FINAL_PASSED, _("it says %s"), signal);
	else if (converged(c))
		decide(d, LOOP_STOP, FINAL_PASSED, "%s", detected_text("similar"));
	else if (c->now.verified && c->iteration >= c->loop->min)
		decide(d, LOOP_STOP, FINAL_PASSED, _("it passed, and the minimum of %d is reached"), c->loop->min);
	else
		return false;
	return true;
}

static bool never_complete(const struct loop_case *c UNUSED, struct loop_decision *d UNUSED)
{
	return false; /* its command is asked */
}

/* clang-format off */
static const struct {
	bool (*complete)(const struct loop_case *c, struct loop_decision *d);
	void (*next)(const struct loop_case *c, struct loop_decision *d);
} strategies[] = {
	[LOOP_FIXED]  = { always_complete, fixed },
	[LOOP_HYBRID] = { always_complete, hybrid },
	[LOOP_RALPH]  = { ralph_complete,  ralph },
	[LOOP_CUSTOM] = { never_complete,  custom },
};
/* clang-format on */
static_assert(COUNT(strategies) == LOOP_STRATEGY_COUNT, "every strategy has a row");

/* No iteration is left. What passed has passed, whatever its strategy still wanted of it. */
static void at_most(const struct loop_case *c, struct loop_decision *d)
{
	if (c->now.passed && (c->now.verified || !c->loop || c->loop->strategy != LOOP_RALPH))
		decide(d, LOOP_STOP, FINAL_PASSED, _("it passed"));
	else if (!c->loop)
		decide(d, LOOP_STOP, failed_final(c, FINAL_MAX_ITERATIONS), "%s",
		       c->now.worked ? _("its checks failed") : _("the work failed"));
	else if (c->now.passed)
		decide(d, LOOP_STOP, FINAL_MAX_ITERATIONS, _("%d iterations, and it never said that it is done"), c->iteration);
	else
		decide(d, LOOP_STOP, failed_final(c, FINAL_MAX_ITERATIONS), _("no iteration is left after %d"), c->iteration);
}

static void in_circles(const struct loop_case *c, struct loop_decision *d)
{
	char how[8] = "";
	if (d->confidence < 1)
		(void)snprintf(how, sizeof(how), " (%.1f)", d->confidence);
	decide(d, LOOP_STOP, failed_final(c, FINAL_LOOP), "%s%s", detected_text(d->detected), how);
}

void loop_decide(const struct loop_case *c, struct loop_decision *ret)
{
	const struct graph_loop *loop = c->loop;
	*ret = (struct loop_decision){ .trend = trend_of(c) };
	bool at_end = c->iteration >= loop_most(loop);
	if (c->canceled) {
		decide(ret, LOOP_STOP, FINAL_CANCELED, _("canceled"));
		return;
	}
	/* A limit does not take back what is done. */
	if (c->now.passed && (loop ? strategies[loop->strategy].complete : always_complete)(c, ret))
		return;
	if (c->limit && !(c->now.verified && c->now.passed)) {
		decide(ret, LOOP_STOP, c->limit_final, "%s", c->limit);
		return;
	}
	if (at_end || c->limit) {
		at_most(c, ret);
		return;
	}
	if (!c->now.passed || !c->now.verified)
		detect(c, ret);
	if (!ret->detected && !c->now.passed && loop->strategy == LOOP_RALPH && converged(c))
		found(ret, "similar", 0.95);
	if (ret->detected) {
		in_circles(c, ret);
		return;
	}
	if (c->breaker) {
		decide(ret, LOOP_ESCALATE, FINAL_NONE, "%s", c->breaker);
		return;
	}
	if (c->iteration < loop->min && loop->strategy != LOOP_CUSTOM)
		decide(ret, LOOP_CONTINUE, FINAL_NONE, _("at least %d iterations"), loop->min);
	else
		strategies[loop->strategy].next(c, ret);
}

static void put_text(char *at, size_t size, const char *text)
{
	size_t len = strlen(text);
	len = len < size ? len : utf8_floor(text, size - 1);
	memcpy(at, text, len);
	at[len] = '\0';
}

void loop_say(struct loop_decision *d, const char *reason, const char *feedback)
{
	put_text(d->reason, sizeof(d->reason), reason);
	put_text(d->feedback, sizeof(d->feedback), feedback ? feedback : "");
}

enum err_code loop_answer(const struct json *v, struct loop_decision *ret, struct err *err)
{
	const char *name = json_get_str(v, "decision", NULL);
	*ret = (struct loop_decision){ .action = name ? loop_action_from_name(name) : LOOP_ACTION_COUNT };
	if (json_type(v) != JSON_OBJECT)
		return err_set(err, ERR_INVALID, _("the strategy's command answered with no JSON object"));
	if (!name)
		return err_set(err, ERR_INVALID, _("the strategy's command gave no `decision`"));
	if (ret->action == LOOP_ACTION_COUNT)
		return err_set(err, ERR_INVALID, _("the strategy's command decided \"%.40s\"; it is one of continue, stop, retry, "
						   "escalate"), name);
	const char *reason = json_get_str(v, "reason", ""), *feedback = json_get_str(v, "feedback", "");
	loop_say(ret, *reason ? reason : _("the strategy's command decided so"), feedback);
	return ERR_OK;
}
