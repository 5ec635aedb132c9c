/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/retry.h"
#include "base/regex.h"

#include <stdio.h>
#include <string.h>

int64_t retry_wait_ms(const struct retry_policy *p, int attempt, double random)
{
	double wait = (double)p->initial_ms;
	double max = p->max_ms > 0 ? (double)p->max_ms : wait;
	for (int i = 1; i < attempt && wait < max; i++)
		wait *= p->factor;
	if (wait > max)
		wait = max;
	if (p->jitter)
		wait += wait * 0.25 * random;
	return (int64_t)wait;
}

static bool has(const int *v, size_t n, int x)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == x)
			return true;
	return false;
}

/* Patterns were checked when the workflow was loaded; one that does not compile matches nothing. */
static const char *pattern_of(const struct retry_policy *p, const struct retry_case *c)
{
	for (size_t i = 0; i < p->npatterns && c->tail; i++) {
		auto_regex *re = NULL;
		size_t start, end;
		if (regex_new(p->patterns[i], REGEX_MULTILINE, &re, NULL) == ERR_OK &&
		    regex_find(re, c->tail, c->tail_len, 0, &start, &end, NULL))
			return p->patterns[i];
	}
	return NULL;
}

/* The rule that asks for another try, "" if there is none. */
static void find_rule(const struct retry_policy *p, const struct retry_case *c, char *rule, size_t size)
{
	int sig = c->signal > 0 ? c->signal : c->exit_code > 128 && c->exit_code < 193 ? c->exit_code - 128 : 0;
	const char *pattern;
	rule[0] = '\0';
	if (c->class == CLASS_CANCELED || c->class == CLASS_EXPRESSION || c->class == CLASS_NONE ||
	    c->class == CLASS_BUDGET || c->class == CLASS_LOOP)
		return;
	if (c->class == CLASS_EXIT && has(p->exit_codes, p->nexit_codes, c->exit_code))
		(void)snprintf(rule, size, "exit:%d", c->exit_code);
	else if (sig && has(p->signals, p->nsignals, sig))
		(void)snprintf(rule, size, "signal:%d", sig);
	else if (p->classes >> c->class & 1)
		(void)snprintf(rule, size, "%s", error_class_name(c->class));
	else if (p->any_exit && c->class == CLASS_EXIT)
		(void)snprintf(rule, size, "exit");
	else if ((pattern = pattern_of(p, c)))
		(void)snprintf(rule, size, "output:%.60s", pattern);
}

struct retry_verdict retry_judge(const struct retry_policy *p, const struct retry_case *c)
{
	struct retry_verdict v = { .again = false };
	if (c->attempt >= p->max_attempts)
		return v;
	find_rule(p, c, v.reason, sizeof(v.reason));
	if (!v.reason[0])
		return v;
	v.again = true;
	v.wait_ms = retry_wait_ms(p, c->attempt, c->random);
	if (c->retry_after_ms > v.wait_ms)
		v.wait_ms = c->retry_after_ms;
	return v;
}
