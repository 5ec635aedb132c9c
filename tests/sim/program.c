/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What pawl's own programs (agents, checks, a strategy's command) leave, as the words of a script say it. */
#include "tests/sim/world.h"

#include <string.h>

/* The word of the iteration in a list; the last one for all that follow. */
static char *word_of(const char *list, int iteration)
{
	const char *at = list;
	for (int i = 1; i < iteration && strchr(at, ';'); i++)
		at = strchr(at, ';') + 1;
	return xstrndup(at, strcspn(at, ";"));
}

static void write_levels(struct jw *w, int level, bool passed)
{
	jw_arr(w, "levels");
	for (int i = 0; i < 4; i++) {
		const char *state = passed || i < level ? "passed" : i == level ? "failed" : "not_reached";
		auto_free char *name = xasprintf("L%d", i);
		jw_obj(w, NULL);
		jw_str(w, "level", name);
		jw_str(w, "state", state);
		jw_arr(w, "checks");
		jw_obj(w, NULL);
		jw_str(w, "name", "check");
		jw_str(w, "state", state);
		jw_str(w, "message", "it failed");
		jw_end_obj(w);
		jw_end_arr(w);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

/* "2f5/1" */
static void write_verdict(struct jw *w, const char *verdict, enum error_class *ret_class)
{
	bool leveled = strspn(verdict, "0123") == 1;
	int level = leveled ? verdict[0] - '0' : 0;
	const char *p = verdict + leveled;
	bool passed = *p == 'p';
	int problems = passed ? 0 : (int)MAX(strtol(p + 1, NULL, 10), 1L);
	const char *signature = strchr(p, '/');
	*ret_class = passed ? CLASS_NONE : CLASS_EXIT; /* the document says more */
	jw_obj(w, "report");
	jw_str(w, "kind", "verify");
	jw_bool(w, "passed", passed);
	write_levels(w, level, passed);
	jw_arr(w, "diagnostics");
	for (int i = 0; i < problems; i++) {
		auto_free char *message = xasprintf("problem %s", signature ? signature : verdict);
		auto_free char *at = xasprintf("L%d", level);
		jw_obj(w, NULL);
		jw_str(w, "level", at);
		jw_str(w, "kind", "error");
		jw_str(w, "message", message);
		jw_str(w, "file", "a.c");
		jw_int(w, "line", i + 1);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_end_obj(w);
	if (passed)
		return;
	jw_str(w, "class", error_class_name(CLASS_TEST));
	jw_str(w, "message", "the checks found something");
}

static void write_usage(struct jw *w, const struct script *s)
{
	jw_arr(w, "usage");
	if (s->tokens) {
		jw_obj(w, NULL);
		jw_str(w, "provider", "sim");
		jw_str(w, "model", "sim-1");
		jw_int(w, "input", s->tokens / 2);
		jw_int(w, "output", s->tokens - s->tokens / 2);
		jw_int(w, "total", s->tokens);
		if (s->cost >= 0)
			jw_int(w, "cost_micro_usd", s->cost);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void write_report(struct jw *w, const struct script *s, bool good)
{
	jw_obj(w, "report");
	jw_str(w, "kind", "agent");
	jw_bool(w, "success", good);
	if (s->said) {
		auto_free char *text = xstrdup(s->said);
		for (char *p = text; *p; p++)
			*p = *p == '_' ? ' ' : *p == '|' ? '\n' : *p;
		jw_str(w, "final_text", text);
	}
	write_usage(w, s);
	jw_arr(w, "breakers");
	if (s->breaker) {
		jw_obj(w, NULL);
		jw_str(w, "name", s->breaker);
		jw_bool(w, "ok", good);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_end_obj(w);
}

char *sim_document(struct sim_worker *s, enum error_class *class)
{
	auto_str out = STR_INIT;
	struct jw w = jw_begin(&out);
	if (*class == CLASS_CANCELED || *class == CLASS_TIMEOUT)
		return NULL;
	if (s->purpose == PHASE_STRATEGY) {
		auto_free char *word = word_of(s->script.decision ? s->script.decision : "continue", s->key.iteration);
		if (str_eq(word, "silent") || str_eq(word, "garbled"))
			return str_eq(word, "silent") || *class ? NULL : xstrdup("well, I think so\n");
		return *class ? NULL : xasprintf("decision=%s\nreason=the command says so\nfeedback=more of it\n", word);
	}
	jw_obj(&w, NULL);
	if (s->purpose == PHASE_VERIFY && *class == CLASS_NONE) {
		auto_free char *verdict = word_of(s->script.verdicts ? s->script.verdicts : "p", s->key.iteration);
		if (*verdict == 'x') {
			*class = CLASS_SIGNAL;
			s->result.signal = 11;
			return NULL;
		}
		write_verdict(&w, verdict, class);
	} else if (s->purpose == PHASE_WORK) {
		write_report(&w, &s->script, *class == CLASS_NONE);
	}
	jw_end_obj(&w);
	return str_take(&out);
}
