/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: what is worth another try. */
#include "flow/keys.h"
#include "base/regex.h"
#include "model/error.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

#define CLASS_BIT(c) (1U << (c))
/* What passes by itself more often than not. */
#define CLASSES_DEFAULT                                                                            \
	(CLASS_BIT(CLASS_TIMEOUT) | CLASS_BIT(CLASS_CONNECTION) | CLASS_BIT(CLASS_INTERRUPTED) |   \
	 CLASS_BIT(CLASS_SIGNAL) | CLASS_BIT(CLASS_AGENT_TIMEOUT) | CLASS_BIT(CLASS_PROVIDER))
/* The command, the server or the agent itself said no. */
#define CLASSES_AGGRESSIVE                                                                         \
	(CLASSES_DEFAULT | CLASS_BIT(CLASS_EXIT) | CLASS_BIT(CLASS_HTTP_STATUS) |                  \
	 CLASS_BIT(CLASS_AGENT_CRASH) | CLASS_BIT(CLASS_AGENT_FAILURE) | CLASS_BIT(CLASS_PUBLISH))

/* clang-format off */
static const struct retry_policy policies[] = {
	{ .max_attempts = 1, .factor = 1 },
	{ .max_attempts = 3, .initial_ms = 1000, .factor = 2, .max_ms = 60000, .jitter = true,
	  .classes = CLASSES_DEFAULT },
	{ .max_attempts = 6, .initial_ms = 1000, .factor = 1.5, .max_ms = 60000, .jitter = true,
	  .classes = CLASSES_AGGRESSIVE, .any_exit = true },
};
static const char *const policy_names[] = { "none", "default", "aggressive" };
/* Without an `on:` of its own: who writes the number of attempts wants another one whatever failed. */
static const struct retry_policy policy_own = {
	.max_attempts = 3, .initial_ms = 1000, .factor = 2, .max_ms = 60000, .jitter = true,
	.classes = CLASSES_AGGRESSIVE, .any_exit = true,
};
static const struct { const char *name; int number; } signals[] = {
	{ "ABRT", SIGABRT }, { "ALRM", SIGALRM }, { "BUS", SIGBUS }, { "FPE", SIGFPE }, { "HUP", SIGHUP },
	{ "ILL", SIGILL }, { "INT", SIGINT }, { "KILL", SIGKILL }, { "PIPE", SIGPIPE }, { "QUIT", SIGQUIT },
	{ "SEGV", SIGSEGV }, { "SYS", SIGSYS }, { "TERM", SIGTERM }, { "TRAP", SIGTRAP }, { "USR1", SIGUSR1 },
	{ "USR2", SIGUSR2 }, { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },
};
/* Classes that another attempt can help against. What a check refuses needs another iteration, not the
 * same check again; budgets and loops end what would be tried. */
static const enum error_class retried[] = {
	CLASS_EXIT, CLASS_SIGNAL, CLASS_TIMEOUT, CLASS_SPAWN, CLASS_OUTPUT, CLASS_HTTP_STATUS,
	CLASS_CONNECTION, CLASS_INTERRUPTED, CLASS_WORKSPACE, CLASS_CHILD, CLASS_SYSTEM,
	CLASS_AGENT_CRASH, CLASS_AGENT_TIMEOUT, CLASS_AGENT_FAILURE, CLASS_PROVIDER, CLASS_PUBLISH,
};
static_assert(CLASS_COUNT <= 32, "the classes of a policy are bits of an unsigned int");
/* clang-format on */

void load_retry(struct load *l, const struct tree *v, struct retry_policy *retry)
{
	if (v->kind != TREE_MAP) {
		int which = load_word(l, v, policy_names, COUNT(policy_names));
		if (which >= 0)
			*retry = policies[which];
		return;
	}
	*retry = policy_own;
	load_map(l, v, &flow_retry_keys, retry);
	if (retry->max_ms < retry->initial_ms)
		issue(l, v, _("the longest wait (max) is shorter than the first (initial)"));
}

KEY(retry_max_attempts)
{
	int64_t n = 0;
	if (load_int(l, v, 1, 100, &n))
		((struct retry_policy *)target)->max_attempts = (int)n;
}

KEY(retry_initial)
{
	struct retry_policy *r = target;
	if (load_duration(l, v, &r->initial_ms))
		r->max_ms = MAX(r->max_ms, r->initial_ms);
}

KEY(retry_factor)
{
	load_number(l, v, 1, 10, &((struct retry_policy *)target)->factor);
}

KEY(retry_max)
{
	load_duration(l, v, &((struct retry_policy *)target)->max_ms);
}

KEY(retry_jitter)
{
	load_bool(l, v, &((struct retry_policy *)target)->jitter);
}

/* A number within bounds, -1 if it is none. */
static int number_in(const char *text, int min, int max)
{
	size_t n = strlen(text);
	if (!n || n > 4 || strspn(text, "0123456789") != n)
		return -1;
	int number = atoi(text);
	return number >= min && number <= max ? number : -1;
}

static void add_exit(struct load *l, const struct tree *e, const char *text, struct retry_policy *r)
{
	int code = number_in(text, 1, 255);
	if (code < 0) {
		issue(l, e, _("an exit code is a number from 1 to 255, as in exit:75"));
		return;
	}
	r->exit_codes = xreallocarray(r->exit_codes, r->nexit_codes + 1, sizeof(int));
	r->exit_codes[r->nexit_codes++] = code;
}

static void add_signal(struct load *l, const struct tree *e, const char *text, struct retry_policy *r)
{
	const char *names[COUNT(signals)];
	const char *bare = str_starts(text, "SIG") ? text + 3 : text;
	int number = number_in(text, 1, 64);
	for (size_t i = 0; i < COUNT(signals); i++) {
		names[i] = signals[i].name;
		if (str_eq(signals[i].name, bare))
			number = signals[i].number;
	}
	if (number < 0) {
		issue(l, e, _("'%s' is no signal; write its name, as in signal:KILL%s"), word_of(text).s,
		      suggest_of(l, bare, names, COUNT(names)).s);
		return;
	}
	r->signals = xreallocarray(r->signals, r->nsignals + 1, sizeof(int));
	r->signals[r->nsignals++] = number;
}

static void add_pattern(struct load *l, const struct tree *e, const char *text, struct retry_policy *r)
{
	struct err err = { 0 };
	auto_regex *re = NULL;
	if (strlen(text) > WORD_MAX) {
		issue(l, e, _("longer than %d bytes"), WORD_MAX);
		return;
	}
	if (!*text) {
		issue(l, e, _("which output? write a regular expression, as in output:try again"));
		return;
	}
	if (regex_new(text, 0, &re, &err) != ERR_OK) {
		issue(l, e, "%s", err.message);
		return;
	}
	r->patterns = xreallocarray(r->patterns, r->npatterns + 1, sizeof(char *));
	r->patterns[r->npatterns++] = xstrdup(text);
}

static void add_class(struct load *l, const struct tree *e, struct retry_policy *r)
{
	const char *names[COUNT(retried)];
	auto_str known = STR_INIT;
	for (size_t i = 0; i < COUNT(retried); i++) {
		names[i] = error_class_name(retried[i]);
		str_addf(&known, "%s, ", names[i]);
		if (!str_eq(names[i], e->text))
			continue;
		r->classes |= CLASS_BIT(retried[i]);
		r->any_exit |= retried[i] == CLASS_EXIT;
		return;
	}
	issue(l, e, _("'%s' is nothing to retry on%s; there are %sexit:CODE, signal:NAME and output:PATTERN"),
	      word_of(e->text).s, suggest_of(l, e->text, names, COUNT(names)).s, str_text(&known));
}

static void add_cause(struct load *l, const struct tree *e, struct retry_policy *r)
{
	/* clang-format off */
	static const struct {
		const char *prefix;
		void (*add)(struct load *l, const struct tree *e, const char *text, struct retry_policy *r);
	} rows[] = {
		{ "exit:", add_exit }, { "signal:", add_signal }, { "output:", add_pattern },
	};
	/* clang-format on */
	if (!load_scalar(l, e))
		return;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (str_starts(e->text, rows[i].prefix)) {
			rows[i].add(l, e, e->text + strlen(rows[i].prefix), r);
			return;
		}
	add_class(l, e, r);
}

KEY(retry_on)
{
	struct retry_policy *r = target;
	size_t i = 0;
	r->classes = 0;
	r->any_exit = false;
	if (v->kind != TREE_LIST) {
		add_cause(l, v, r);
		return;
	}
	if (v->n > WORDS_MAX) {
		issue(l, v, _("more than %d elements"), WORDS_MAX);
		return;
	}
	for (const struct tree *e = v->first; e; e = e->next) {
		size_t before = path_push_index(l, i++);
		add_cause(l, e, r);
		path_pop(l, before);
	}
}
