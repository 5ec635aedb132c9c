/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of an agent's work so far, and its transcript. */
#include "work/agent.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define OTHERS_MAX 100    /* types of unknown events that are counted apart */
#define OTHERS_SHOWN 3    /* times that each is shown */
#define WARNINGS_MAX 50
#define USES_MAX 100000
#define NAME_KEPT 200     /* bytes of ids and names that come from outside */
#define WARNING_KEPT 400
#define INPUT_SHOWN 160   /* bytes of a tool's input in the transcript */

/* ---- life ---- */

void agent_init(struct agent *a, enum agent_adapter adapter)
{
	*a = (struct agent){ .row = agent_adapter_for(adapter), .turns = UNKNOWN, .api_ms = UNKNOWN,
			     .cost_micro_usd = UNKNOWN, .priced_micro_usd = UNKNOWN, .summed = NO_TOKENS };
}

static void uses_done(struct agent_uses *uses)
{
	for (size_t i = 0; i < uses->n; i++) {
		free(uses->v[i].id);
		free(uses->v[i].model);
	}
	free(uses->v);
}

void agent_done(struct agent *a)
{
	struct str *texts[] = { &a->log, &a->line, &a->problem, &a->final_text, &a->structured, &a->warnings };
	for (size_t i = 0; i < COUNT(texts); i++)
		str_done(texts[i]);
	for (size_t i = 0; i < a->ntools; i++) {
		free(a->tools[i].id);
		free(a->tools[i].name);
		str_done(&a->tools[i].input);
		str_done(&a->tools[i].output);
	}
	for (size_t i = 0; i < a->nothers; i++)
		free(a->others[i].type);
	uses_done(&a->by_message);
	uses_done(&a->by_model);
	free(a->tools);
	free(a->others);
	free(a->session_id);
	free(a->model);
	free(a->subtype);
	*a = (struct agent){ 0 };
}

void agent_set(char **p, const char *text)
{
	if (!text || !*text || (*p && str_eq(*p, text)))
		return;
	free(*p);
	*p = xstrndup(text, utf8_floor(text, MIN(strlen(text), (size_t)NAME_KEPT)));
}

/* ---- the transcript ---- */

/* clang-format off */
static const char *const marks[] = {
	[MARK_AGENT]    = "agent> ",
	[MARK_THINK]    = "think> ",
	[MARK_TOOL]     = "tool> ",
	[MARK_TOOL_END] = "tool< ",
	[MARK_NOTE]     = "note> ",
	[MARK_RETRY]    = "retry> ",
	[MARK_ERROR]    = "error> ",
	[MARK_USAGE]    = "usage> ",
	[MARK_OTHER]    = "other> ",
	[MARK_RAW]      = "raw> ",
};
/* clang-format on */
static_assert(COUNT(marks) == MARK_COUNT, "every mark has its text");

const char *agent_mark_text(enum agent_mark m)
{
	return marks[m];
}

void agent_say(struct agent *a, enum agent_mark mark, const char *text, size_t len)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	do {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) : len;
		size_t shown = n && text[n - 1] == '\r' ? n - 1 : n;
		str_add(&a->log, marks[mark]);
		text_add_safe(&a->log, text, shown, SAFE_PLAIN, false);
		str_add_char(&a->log, '\n');
		n += newline != NULL;
		text += n;
		len -= n;
	} while (len);
}

void agent_sayf(struct agent *a, enum agent_mark mark, const char *fmt, ...)
{
	auto_str s = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	agent_say(a, mark, str_text(&s), s.len);
}

void agent_warn(struct agent *a, const char *fmt, ...)
{
	if (a->nwarnings++ >= WARNINGS_MAX)
		return;
	auto_str s = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	str_add_len(&a->warnings, str_text(&s), utf8_floor(str_text(&s), MIN(s.len, (size_t)WARNING_KEPT)));
	str_add_char(&a->warnings, '\0');
}

void agent_other(struct agent *a, const char *type)
{
	auto_str name = STR_INIT;
	size_t i = 0;
	text_add_safe(&name, type, strlen(type), SAFE_PLAIN, false);
	str_cut(&name, utf8_floor(str_text(&name), MIN(name.len, (size_t)NAME_KEPT)));
	while (i < a->nothers && !str_eq(a->others[i].type, str_text(&name)))
		i++;
	if (i == OTHERS_MAX) { /* the last one counts all the rest */
		i--;
	} else if (i == a->nothers) {
		GROW(a->others, a->nothers, a->capothers);
		a->others[a->nothers++] = (struct agent_other){ i == OTHERS_MAX - 1 ? xstrdup("…") : str_take(&name), 0 };
	}
	if (a->others[i].n++ < OTHERS_SHOWN)
		agent_say(a, MARK_OTHER, a->others[i].type, strlen(a->others[i].type));
}

/* ---- tool calls ---- */

static struct agent_tool *tool_of(const struct agent *a, const char *id)
{
	for (size_t i = a->ntools; id && i > 0; i--)
		if (!a->tools[i - 1].ended && str_eq(a->tools[i - 1].id, id))
			return &a->tools[i - 1];
	return NULL;
}

bool agent_tool_open(const struct agent *a, const char *id)
{
	return tool_of(a, id) != NULL;
}

static void keep_text(struct agent *a, struct str *kept, const char *text, size_t len)
{
	size_t left = a->tool_bytes < AGENT_TOOLS_BYTES_MAX ? AGENT_TOOLS_BYTES_MAX - a->tool_bytes : 0;
	size_t max = MIN((size_t)AGENT_TOOL_TEXT_MAX, left);
	size_t n = len > max ? utf8_floor(text, max) : len;
	str_add_len(kept, text, n);
	a->tool_bytes += n;
}

/* The one member of a tool's input that says most. */
static const char *input_gist(const struct json *input)
{
	static const char *const keys[] = { "command", "file_path", "pattern", "path", "query", "url",
					    "description", "prompt" };
	for (size_t i = 0; i < COUNT(keys); i++) {
		const char *text = json_get_str(input, keys[i], NULL);
		if (text && *text)
			return text;
	}
	return NULL;
}

static void show_tool(struct agent *a, const char *name, const struct json *input)
{
	auto_str whole = STR_INIT, s = STR_INIT;
	const char *gist = input_gist(input);
	if (gist)
		str_add(&whole, gist);
	else if (json_count(input))
		json_add(&whole, input);
	str_addf(&s, "%.100s ", name);
	size_t line = strcspn(str_text(&whole), "\n"), n = utf8_floor(str_text(&whole), MIN(line, (size_t)INPUT_SHOWN));
	str_add_len(&s, str_text(&whole), n);
	if (n < whole.len)
		str_add(&s, " …");
	agent_say(a, MARK_TOOL, s.p, s.len);
}

void agent_tool_begin(struct agent *a, const char *id, const char *name, const struct json *input)
{
	a->tools_seen++;
	show_tool(a, name, input);
	if (a->ntools == AGENT_TOOLS_MAX) {
		if (a->tools_seen == AGENT_TOOLS_MAX + 1)
			agent_warn(a, _("more than %d tool calls; the later ones are only counted"), AGENT_TOOLS_MAX);
		return;
	}
	GROW(a->tools, a->ntools, a->captools);
	struct agent_tool *t = &a->tools[a->ntools++];
	*t = (struct agent_tool){ .id = xstrdup(id), .name = xstrndup(name, 200), .began_us = a->now_us,
				  .duration_ms = UNKNOWN };
	auto_str text = STR_INIT;
	json_add(&text, input);
	keep_text(a, &t->input, str_text(&text), text.len);
}

static int64_t count_lines(const char *text, size_t len)
{
	int64_t n = len && text[len - 1] != '\n';
	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

void agent_tool_end(struct agent *a, const char *id, const char *output, size_t len, bool failed)
{
	struct agent_tool *t = tool_of(a, id);
	auto_str s = STR_INIT;
	int64_t lines = count_lines(output, len);
	a->tools_failed += failed;
	str_addf(&s, "%s: ", t ? t->name : _("a tool"));
	if (failed)
		str_add(&s, _("failed, "));
	str_addf(&s, ngettext("%" PRId64 " line", "%" PRId64 " lines", (unsigned long)lines), lines);
	if (t) {
		t->ended = true;
		t->failed = failed;
		t->output_len = (int64_t)len;
		t->duration_ms = MAX((a->now_us - t->began_us) / 1000, INT64_C(0));
		keep_text(a, &t->output, output, len);
		str_addf(&s, ", %" PRId64 ".%" PRId64 " s", t->duration_ms / 1000, t->duration_ms % 1000 / 100);
	}
	if (failed && len) {
		size_t line = MIN(strcspn(output, "\n"), (size_t)INPUT_SHOWN);
		str_add(&s, ": ");
		str_add_len(&s, output, utf8_floor(output, line));
	}
	agent_say(a, MARK_TOOL_END, s.p, s.len);
}

/* ---- tokens ---- */

struct agent_use *agent_use_of(struct agent_uses *uses, const char *id)
{
	for (size_t i = uses->n; i > 0; i--)
		if (str_eq(uses->v[i - 1].id, id))
			return &uses->v[i - 1];
	if (uses->n == USES_MAX)
		return &uses->v[USES_MAX - 1];
	GROW(uses->v, uses->n, uses->cap);
	uses->v[uses->n] = (struct agent_use){ .id = xstrdup(id), .tokens = NO_TOKENS, .cost_micro_usd = UNKNOWN };
	return &uses->v[uses->n++];
}

int64_t agent_count(const struct json *v, const char *key)
{
	int64_t n = json_get_int(v, key, UNKNOWN);
	return n >= 0 ? n : UNKNOWN;
}

int64_t agent_micro_usd(const struct json *v, const char *key)
{
	double usd = json_num(json_get(v, key), -1);
	return usd >= 0 && usd < 1e9 ? (int64_t)llround(usd * 1e6) : UNKNOWN;
}

void agent_tokens_max(struct agent_tokens *t, const struct agent_tokens *other)
{
	t->input = MAX(t->input, other->input);
	t->output = MAX(t->output, other->output);
	t->cache_read = MAX(t->cache_read, other->cache_read);
	t->cache_write = MAX(t->cache_write, other->cache_write);
}

static int64_t plus(int64_t a, int64_t b)
{
	return a == UNKNOWN ? b : b == UNKNOWN ? a : a + b;
}

void agent_tokens_add(struct agent_tokens *t, const struct agent_tokens *other)
{
	t->input = plus(t->input, other->input);
	t->output = plus(t->output, other->output);
	t->cache_read = plus(t->cache_read, other->cache_read);
	t->cache_write = plus(t->cache_write, other->cache_write);
}

int64_t agent_tokens_sum(const struct agent_tokens *t)
{
	return plus(plus(t->input, t->output), plus(t->cache_read, t->cache_write));
}

static struct agent_tokens sum_of(const struct agent_uses *uses, int64_t *ret_cost)
{
	struct agent_tokens sum = NO_TOKENS;
	for (size_t i = 0; i < uses->n; i++) {
		agent_tokens_add(&sum, &uses->v[i].tokens);
		*ret_cost = plus(*ret_cost, uses->v[i].cost_micro_usd);
	}
	return sum;
}

/* The program's own account by model is complete. Its sum without models leaves out what sub-agents used, and
 * the messages lack what came after their first words: of these two, the larger count. */
struct agent_tokens agent_total(const struct agent *a, int64_t *ret_cost_micro_usd)
{
	int64_t by_model = UNKNOWN, none = UNKNOWN;
	struct agent_tokens sum = sum_of(&a->by_model, &by_model);
	if (!a->by_model.n) {
		sum = sum_of(&a->by_message, &none);
		agent_tokens_max(&sum, &a->summed);
	}
	*ret_cost_micro_usd = a->cost_micro_usd != UNKNOWN ? a->cost_micro_usd :
			      by_model != UNKNOWN	   ? by_model :
							     a->priced_micro_usd;
	return sum;
}

static void add_short(struct str *s, int64_t n)
{
	if (n < 1000)
		str_addf(s, "%" PRId64, n);
	else if (n < 1000000)
		str_addf(s, "%" PRId64 ".%" PRId64 "k", n / 1000, n % 1000 / 100);
	else
		str_addf(s, "%" PRId64 ".%" PRId64 "M", n / 1000000, n % 1000000 / 100000);
}

void agent_add_usage(const struct agent *a, struct str *s)
{
	int64_t cost;
	struct agent_tokens t = agent_total(a, &cost);
	int64_t cached = plus(t.cache_read, t.cache_write), in = plus(t.input, cached);
	if (in != UNKNOWN) {
		add_short(s, in);
		str_add(s, " in");
	}
	if (cached > 0) {
		str_add(s, " (");
		add_short(s, cached);
		str_add(s, " cached)");
	}
	if (t.output != UNKNOWN) {
		str_add(s, s->len ? ", " : "");
		add_short(s, t.output);
		str_add(s, " out");
	}
	if (cost != UNKNOWN)
		str_addf(s, "%s$%" PRId64 ".%04" PRId64, s->len ? ", " : "", cost / 1000000, cost % 1000000 / 100);
}
