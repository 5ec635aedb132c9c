/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is asked, how often, and when the next one has its turn; and the second question to a model whose
 * answer does not fit the schema. */
#include "work/llm.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "model/breaker.h"
#include "model/retry.h"
#include "model/schema.h"
#include "work/live.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_SHOWN (4 * KIB) /* a longer line goes to the log in pieces */
#define SLICE_MS 50          /* how soon a signal is seen while waiting */
#define WARNINGS_MAX 100
#define LIVE_US 250000       /* … and told so often */
#define BYTES_A_TOKEN 4      /* roughly, until the server says how many there were */
#define KEEP_US 1000000      /* while an answer comes, what it used is kept so often */

/* ---- telling ---- */

static PRINTF_LIKE(2, 0) void vnote(struct llm_run *r, const char *fmt, va_list ap, struct str *ret)
{
	auto_str text = STR_INIT, clean = STR_INIT;
	str_vaddf(&text, fmt, ap);
	redact_text(r->spec->secrets, text.p, text.len, &clean);
	text_add_safe(ret, str_text(&clean), clean.len, SAFE_PLAIN, false);
	(void)fprintf(stderr, "%s\n", str_text(ret));
}

void llm_note(struct llm_run *r, const char *fmt, ...)
{
	auto_str text = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	vnote(r, fmt, ap, &text);
	va_end(ap);
}

static void keep_warning(struct llm_run *r, const char *text)
{
	for (size_t i = 0; i < r->nwarnings; i++)
		if (str_eq(r->warnings[i], text))
			return;
	if (r->nwarnings >= WARNINGS_MAX)
		return;
	GROW(r->warnings, r->nwarnings, r->capwarnings);
	r->warnings[r->nwarnings++] = xstrdup(text);
}

void llm_warn(struct llm_run *r, const char *fmt, ...)
{
	auto_str text = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	vnote(r, fmt, ap, &text);
	va_end(ap);
	keep_warning(r, str_text(&text));
}

/* ---- the answer, line by line ---- */

/* Whole lines, and what of a very long one ends with a character. */
static void write_lines(struct llm_run *r, bool all)
{
	struct str *s = &r->line;
	const char *newline = s->len ? memrchr(s->p, '\n', s->len) : NULL;
	size_t n = all ? s->len : newline ? (size_t)(newline + 1 - s->p) : 0;
	if (!n && s->len > LINE_SHOWN)
		n = utf8_floor(s->p, s->len);
	if (!n)
		return;
	/* A log that cannot be written is the worker's concern; the answer is kept all the same. */
	(void)fs_write_all(STDOUT_FILENO, s->p, n);
	memmove(s->p, s->p + n, s->len - n);
	str_cut(s, s->len - n);
}

static void keep(struct llm_run *r)
{
	r->kept_us = clock_mono_us();
	r->kept_tries = r->ntries;
	if (r->keep)
		r->keep(r);
}

/* All tries together; of the present one the server may not have said anything yet, but its text is seen. */
static void tell_live(struct llm_run *r)
{
	struct live_counts sum = { -1, -1, -1 };
	for (size_t i = 0; i < r->ntries; i++) {
		const struct llm_try *t = &r->tries[i];
		struct token_counts c = t->answer.tokens;
		if (!t->answer.counted && t->answer.text.len)
			c.output = MAX(c.output, (int64_t)(t->answer.text.len / BYTES_A_TOKEN + 1));
		int64_t in = c.input < 0 ? -1 : c.input + MAX(c.cache_read, INT64_C(0)) + MAX(tokens_cache_write(&c), INT64_C(0));
		int64_t cost = price_of(r->prices, t->provider->name, provider_type_name(t->provider->type),
					t->answer.model.len ? t->answer.model.p : t->provider->model, &c, t->at_ms).micro_usd;
		sum.input = in < 0 ? sum.input : MAX(sum.input, INT64_C(0)) + in;
		sum.output = c.output < 0 ? sum.output : MAX(sum.output, INT64_C(0)) + c.output;
		sum.cost_micro_usd = cost < 0 ? sum.cost_micro_usd : MAX(sum.cost_micro_usd, INT64_C(0)) + cost;
	}
	r->told_us = clock_mono_us();
	live_tell(&sum);
}

static void show(void *ctx, const char *text, size_t len)
{
	struct llm_run *r = ctx;
	if (clock_mono_us() - r->told_us > LIVE_US)
		tell_live(r);
	if (r->kept_tries != r->ntries || clock_mono_us() - r->kept_us > KEEP_US)
		keep(r);
	redact_feed(r->out, text, len, &r->line);
	write_lines(r, false);
}

static void end_showing(struct llm_run *r)
{
	redact_flush(r->out, &r->line);
	if (r->line.len && r->line.p[r->line.len - 1] != '\n')
		str_add_char(&r->line, '\n');
	write_lines(r, true);
}

/* ---- one provider ---- */

static double unit_random(void)
{
	uint32_t n;
	random_bytes(&n, sizeof(n));
	return n / 4294967296.0;
}

/* False when it was cut short by a signal. */
static bool wait_ms(const struct llm_run *r, int64_t ms)
{
	int64_t until = clock_mono_us() + ms * 1000, left;
	while (!*r->stopped && (left = until - clock_mono_us()) > 0)
		(void)poll(NULL, 0, (int)MIN(left / 1000 + 1, (int64_t)SLICE_MS));
	return !*r->stopped;
}

static void add_count(struct str *s, int64_t n)
{
	if (n < 0)
		str_add_char(s, '?');
	else
		str_add_i64(s, n);
}

/* What a try took, where the server said it. */
static void note_usage(struct llm_run *r, struct llm_try *t)
{
	const struct token_counts *c = &t->answer.tokens;
	auto_str in = STR_INIT, out = STR_INIT;
	const char *model = t->answer.model.len ? t->answer.model.p : t->provider->model;
	t->price = price_of(r->prices, t->provider->name, provider_type_name(t->provider->type), model, c, t->at_ms);
	if (c->input < 0 && c->output < 0 && t->class != CLASS_NONE)
		return;
	if (t->price.micro_usd < 0)
		llm_warn(r, _("warning: the cost is not known: %s"), t->price.why);
	add_count(&in, c->input < 0 ? -1 : c->input + MAX(c->cache_read, INT64_C(0)) +
						   MAX(tokens_cache_write(c), INT64_C(0)));
	add_count(&out, c->output);
	if (t->price.micro_usd < 0)
		llm_note(r, _("%s: %s tokens in, %s out, %lld ms"), t->provider->name, in.p, out.p,
			 (long long)t->latency_ms);
	else
		llm_note(r, _("%s: %s tokens in, %s out, %lld.%06lld USD, %lld ms"), t->provider->name, in.p, out.p,
			 (long long)(t->price.micro_usd / 1000000), (long long)(t->price.micro_usd % 1000000),
			 (long long)t->latency_ms);
}

static struct llm_try *add_try(struct llm_run *r, const struct llm_provider *p, int number)
{
	GROW(r->tries, r->ntries, r->captries);
	struct llm_try *t = &r->tries[r->ntries++];
	*t = (struct llm_try){ .provider = p, .number = number, .status = "running", .class = CLASS_INTERRUPTED,
			       .price = { .micro_usd = PRICE_UNKNOWN } };
	llm_answer_init(&t->answer);
	return t;
}

static struct llm_try *try_once(struct llm_run *r, const struct llm_provider *p, const struct llm_talk *talk, int number)
{
	struct llm_try *t = add_try(r, p, number);
	llm_note(r, _("%s: asking %s (try %d of %d)"), p->name, p->model, number, MAX(p->retry.max_attempts, 1));
	llm_call(r->caller, r->spec, talk, r->stopped, show, r, t);
	end_showing(r);
	note_usage(r, t);
	tell_live(r);
	keep(r);
	if (t->answer.odd)
		llm_warn(r, _("warning: %s sent %zu events that are not understood; they were passed over"), p->name,
			 t->answer.odd);
	if (t->class == CLASS_NONE && t->answer.cut)
		llm_warn(r, _("warning: %s ended its answer at a limit of length (%s)"), p->name,
			 str_text(&t->answer.stop));
	return t;
}

/* Ask until it answers or gives no more hope; the last try. */
static struct llm_try *ask_provider(struct llm_run *r, const struct llm_provider *p, const struct llm_talk *talk)
{
	for (int number = 1;; number++) {
		struct llm_try *t = try_once(r, p, talk, number);
		bool may = t->again && p->retry.classes >> t->class & 1;
		if (t->class == CLASS_NONE || !may || number >= p->retry.max_attempts || r->ntries >= LLM_TRIES_MAX) {
			if (t->class != CLASS_NONE)
				llm_note(r, "%s: %s", p->name, str_text(&t->why));
			return t;
		}
		int64_t wait = MAX(retry_wait_ms(&p->retry, number, unit_random()), t->retry_after_ms);
		if (t->retry_after_ms > LLM_ASK_LATER_MS) {
			llm_note(r, _("%s: %s; it wants to be asked again in %lld s, which is too long to wait"), p->name,
				 str_text(&t->why), (long long)(t->retry_after_ms / 1000));
			return t;
		}
		llm_note(r, _("%s: %s; asking again in %lld ms"), p->name, str_text(&t->why), (long long)wait);
		if (!wait_ms(r, wait)) {
			t->class = CLASS_CANCELED;
			return t;
		}
	}
}

/* ---- the chain ---- */

static void add_reason(struct llm_run *r, const struct llm_provider *p, const char *why, int tries)
{
	str_addf(&r->message, "%s%s: %s", r->message.len ? "; " : "", p->name, why);
	if (tries > 1)
		str_addf(&r->message, ngettext(" (%d try)", " (%d tries)", (unsigned long)tries), tries);
}

/* Why a provider is not asked at all; NULL: it is. Yours. */
static char *why_skipped(const struct llm_provider *p)
{
	auto_str until = STR_INIT;
	if (p->missing_key)
		return xasprintf(_("its key is missing: the engine has no variable %s"), p->missing_key);
	if (p->breaker_open_until_ms < 0)
		return xasprintf(_("its circuit breaker is open until somebody closes it"));
	if (p->breaker_open_until_ms <= clock_wall_ms())
		return NULL;
	time_add_iso(&until, p->breaker_open_until_ms);
	return xasprintf(_("its circuit breaker is open until %s"), until.p);
}

/* Passes a provider over, with the reason; false when there is none. */
static bool skip(struct llm_run *r, const struct llm_provider *p)
{
	auto_free char *why = why_skipped(p);
	if (!why)
		return false;
	llm_note(r, _("%s: not asked: %s"), p->name, why);
	add_reason(r, p, why, 1);
	if (r->nskipped < COUNT(r->skipped)) {
		r->skipped[r->nskipped].provider = p->name;
		r->skipped[r->nskipped++].reason = TAKE(why);
	}
	return true;
}

/* What the breaker of the provider learns: nothing from mistakes that are ours. */
static void tell_breaker(struct llm_run *r, const struct llm_try *t)
{
	bool ok = t->class == CLASS_NONE || t->answer.refused;
	if (t->class == CLASS_CANCELED || t->class == CLASS_EXPRESSION || r->nbreakers >= COUNT(r->breakers))
		return;
	bool in_answer = t->answer.failed && t->http_status >= 200 && t->http_status <= 299;
	if (!ok && in_answer && !t->again)
		return;
	if (!ok && !in_answer && !breaker_status_counts((int)t->http_status))
		return;
	if (!ok && (str_eq(t->status, "spend_limit") || str_eq(t->status, "redirect")))
		return; /* the account's, and the address's */
	r->breakers[r->nbreakers].provider = t->provider->name;
	r->breakers[r->nbreakers++].ok = ok;
}

/* The first provider from `from` on that answers; its last try's index, or -1. */
static ssize_t ask_chain(struct llm_run *r, const struct llm_talk *talk, size_t from)
{
	const struct llm_spec *s = r->spec;
	for (size_t i = from; i < s->nproviders; i++) {
		const struct llm_provider *p = &s->providers[i];
		if (skip(r, p))
			continue;
		struct llm_try *t = ask_provider(r, p, talk);
		tell_breaker(r, t);
		if (t->class == CLASS_NONE) {
			str_clear(&r->message);
			return t - r->tries;
		}
		add_reason(r, p, str_text(&t->why), t->number);
		if (t->class == CLASS_CANCELED) {
			r->class = CLASS_CANCELED;
			return -1;
		}
		if (t->retry_after_ms && t->again)
			r->retry_after_ms = r->retry_after_ms ? MIN(r->retry_after_ms, t->retry_after_ms) :
								t->retry_after_ms;
	}
	r->class = CLASS_PROVIDER;
	return -1;
}

/* ---- answers with a schema ---- */

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void trim(const char **p, size_t *len)
{
	while (*len && is_space(**p)) {
		(*p)++;
		(*len)--;
	}
	while (*len && is_space((*p)[*len - 1]))
		(*len)--;
}

/* ``` and a word in the first line, ``` at the end. */
static void strip_fence(const char **p, size_t *len)
{
	const char *newline = memchr(*p, '\n', *len);
	if (*len < 6 || memcmp(*p, "```", 3) != 0 || !newline)
		return;
	*len -= (size_t)(newline + 1 - *p);
	*p = newline + 1;
	trim(p, len);
	if (*len >= 3 && memcmp(*p + *len - 3, "```", 3) == 0)
		*len -= 3;
	trim(p, len);
}

/* From the first bracket to the last one: words before and after are no part of the answer. */
static bool strip_words(const char **p, size_t *len)
{
	size_t from = 0, to = *len;
	while (from < to && (*p)[from] != '{' && (*p)[from] != '[')
		from++;
	while (to > from && (*p)[to - 1] != '}' && (*p)[to - 1] != ']')
		to--;
	*p += from;
	*len = to - from;
	return *len > 0;
}

struct json *llm_extract(const struct str *text, struct str *ret_json, struct err *err)
{
	const char *p = str_text(text);
	size_t len = text->len;
	struct json *v = NULL;
	trim(&p, &len);
	strip_fence(&p, &len);
	if (json_parse(p, len, LLM_TEXT_MAX, &v, err) &&
	    (!strip_words(&p, &len) || json_parse(p, len, LLM_TEXT_MAX, &v, NULL)))
		return NULL;
	str_add_len(ret_json, p, len);
	return v;
}

/* Whether the answer is what was asked for; if not, one line for each reason. */
static bool fits(struct llm_run *r, const struct llm_answer *a, struct str *ret_problems)
{
	struct err err = { 0 };
	str_clear(&r->text);
	if (!r->spec->schema) {
		str_add_len(&r->text, str_text(&a->text), a->text.len);
		return true;
	}
	auto_json *v = llm_extract(&a->text, &r->text, &err);
	if (!v) {
		str_addf(ret_problems, _("$: is not JSON: %s"), err.message);
		return false;
	}
	if (schema_fits(r->spec->schema, v, ret_problems))
		return true;
	str_cut(ret_problems, ret_problems->len - 1);
	return false;
}

/* The lines as one sentence. */
static char *one_line(const struct str *problems)
{
	auto_str s = STR_INIT;
	for (size_t i = 0; i < problems->len; i++) {
		if (problems->p[i] == '\n')
			str_add(&s, "; ");
		else
			str_add_char(&s, problems->p[i]);
	}
	return str_take(&s);
}

static void take_answer(struct llm_run *r, ssize_t index, struct str *ret_problems)
{
	struct llm_try *t = &r->tries[index];
	r->good = (size_t)index;
	r->answered = t->provider;
	r->turns++;
	if (!fits(r, &t->answer, ret_problems)) {
		auto_free char *problems = one_line(ret_problems);
		llm_note(r, _("%s: the answer does not fit the schema: %s"), t->provider->name, problems);
	}
}

/* Once more, with what was wrong; beginning with the provider that gave the answer. */
static void repair(struct llm_run *r, struct str *problems)
{
	auto_str answer = STR_INIT, complaint = STR_INIT;
	const struct llm_answer *a = &r->tries[r->good].answer;
	str_add_len(&answer, str_text(&a->text), a->text.len);
	/* For the model, so not translated. */
	str_addf(&complaint, "This answer is not valid:\n%s\nAnswer again, with the corrected JSON document alone.",
		 problems->p);
	struct llm_talk talk = { str_text(&answer), complaint.p };
	ssize_t index = ask_chain(r, &talk, (size_t)(r->answered - r->spec->providers));
	if (index < 0)
		return;
	str_clear(problems);
	take_answer(r, index, problems);
	if (!problems->len)
		return;
	auto_free char *text = one_line(problems);
	r->class = CLASS_OUTPUT;
	str_clear(&r->message);
	str_addf(&r->message, _("the answer of %s does not fit the schema, nor did the one before: %s"), r->answered->name,
		 text);
}

void llm_chain(struct llm_run *r)
{
	struct llm_talk first = { 0 };
	auto_str problems = STR_INIT;
	int64_t began = clock_mono_us();
	r->began_ms = clock_wall_ms();
	r->class = CLASS_INTERRUPTED; /* for who reads what is kept on the way */
	ssize_t index = ask_chain(r, &first, 0);
	if (index >= 0) {
		take_answer(r, index, &problems);
		if (problems.len)
			repair(r, &problems);
	}
	if (r->class == CLASS_INTERRUPTED)
		r->class = CLASS_NONE;
	if (r->class == CLASS_PROVIDER) {
		auto_str reasons = STR_INIT;
		str_addf(&reasons, _("no provider answered: %s"), str_text(&r->message));
		str_clear(&r->message);
		str_add(&r->message, reasons.p);
	}
	r->duration_ms = (clock_mono_us() - began) / 1000;
}

void llm_run_done(struct llm_run *r)
{
	for (size_t i = 0; i < r->ntries; i++)
		llm_try_done(&r->tries[i]);
	for (size_t i = 0; i < r->nskipped; i++)
		free(r->skipped[i].reason);
	for (size_t i = 0; i < r->nwarnings; i++)
		free(r->warnings[i]);
	free(r->tries);
	free(r->warnings);
	str_done(&r->line);
	str_done(&r->text);
	str_done(&r->message);
}
