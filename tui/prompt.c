/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/prompt.h"

#include "base/utf8.h"
#include "tui/key.h"

#include <assert.h>
#include <string.h>

/* clang-format off */
static const char *const labels[] = {
	[PROMPT_NONE]       = "",
	[PROMPT_FILTER]     = N_("filter: "),
	[PROMPT_SEARCH]     = N_("search: "),
	[PROMPT_SEARCH_UP]  = N_("search up: "),
	[PROMPT_LOG_FILTER] = N_("show lines that match: "),
	[PROMPT_PALETTE]    = N_("command: "),
	[PROMPT_SAVE]       = N_("save the log as: "),
	[PROMPT_PRIORITY]   = N_("priority: "),
	[PROMPT_UNTIL]      = N_("run until node: "),
	[PROMPT_STEP]       = N_("step node: "),
	[PROMPT_FROM]       = N_("run again from node: "),
	[PROMPT_SKIP]       = N_("do without it, because: "),
	[PROMPT_MARK]       = N_("it is done, because: "),
	[PROMPT_BREAK]      = N_("stop at NODE or NODE:CONDITION: "),
	[PROMPT_EDIT]       = N_("from now on, NAME=VALUE: "),
	[PROMPT_DECIDE]     = N_("answer (Tab: choices), then a reason: "),
	[PROMPT_OPEN]       = N_("force it open, because: "),
	[PROMPT_CLOSE]      = N_("force it closed, because: "),
};
/* clang-format on */
static_assert(COUNT(labels) == PROMPT_KIND_COUNT, "every prompt has a label");

const char *prompt_label(enum prompt_kind kind)
{
	return *labels[kind] ? _(labels[kind]) : "";
}

static void set_text(struct prompt *p, const char *text)
{
	size_t len = utf8_floor(text, strnlen(text, PROMPT_MAX - 1));
	memcpy(p->text, text, len);
	p->text[len] = '\0';
	p->len = p->at = len;
}

void prompt_open(struct prompt *p, enum prompt_kind kind, const char *text)
{
	p->kind = kind;
	p->browsing = -1;
	p->chosen = 0;
	free(p->problem);
	p->problem = NULL;
	free(p->about);
	p->about = NULL;
	set_text(p, text ? text : "");
}

void prompt_close(struct prompt *p)
{
	prompt_open(p, PROMPT_NONE, NULL);
}

void prompt_done(struct prompt *p)
{
	for (size_t i = 0; i < PROMPT_KIND_COUNT; i++)
		for (size_t j = 0; j < HISTORY_MAX; j++)
			free(p->history[i][j]);
	free(p->problem);
	free(p->about);
	*p = (struct prompt){ 0 };
}

void prompt_remember(struct prompt *p)
{
	char **h = p->history[p->kind];
	if (!p->len || (h[0] && str_eq(h[0], p->text)))
		return;
	free(h[HISTORY_MAX - 1]);
	memmove(h + 1, h, (HISTORY_MAX - 1) * sizeof(*h));
	h[0] = xstrdup(p->text);
}

static size_t previous(const struct prompt *p, size_t at)
{
	do
		at = at ? at - 1 : 0;
	while (at && ((unsigned char)p->text[at] & 0xc0) == 0x80);
	return at;
}

static size_t following(const struct prompt *p, size_t at)
{
	size_t n = utf8_len(p->text + at, p->len - at);
	return MIN(at + (n ? n : 1), p->len);
}

static void erase(struct prompt *p, size_t from, size_t to)
{
	memmove(p->text + from, p->text + to, p->len - to + 1);
	p->len -= to - from;
	p->at = from;
	p->chosen = 0;
}

static void browse(struct prompt *p, int by)
{
	int to = p->browsing + by;
	if (to < -1 || to >= HISTORY_MAX || (to >= 0 && !p->history[p->kind][to]))
		return;
	p->browsing = to;
	set_text(p, to < 0 ? "" : p->history[p->kind][to]);
}

static void insert(struct prompt *p, int key)
{
	auto_str s = STR_INIT;
	utf8_add(&s, (uint32_t)key);
	if (p->len + s.len >= PROMPT_MAX)
		return;
	memmove(p->text + p->at + s.len, p->text + p->at, p->len - p->at + 1);
	memcpy(p->text + p->at, s.p, s.len);
	p->len += s.len;
	p->at += s.len;
	p->chosen = 0;
}

static size_t word_start(const struct prompt *p)
{
	size_t at = p->at;
	while (at && p->text[at - 1] == ' ')
		at--;
	while (at && p->text[at - 1] != ' ')
		at--;
	return at;
}

bool prompt_edit(struct prompt *p, int key)
{
	free(p->problem);
	p->problem = NULL;
	switch (key) {
	case K_LEFT:
		p->at = previous(p, p->at);
		return true;
	case K_RIGHT:
		p->at = following(p, p->at);
		return true;
	case K_HOME:
	case K_CTRL('a'):
		p->at = 0;
		return true;
	case K_END:
	case K_CTRL('e'):
		p->at = p->len;
		return true;
	case K_BACKSPACE:
		erase(p, previous(p, p->at), p->at);
		return true;
	case K_DELETE:
		erase(p, p->at, following(p, p->at));
		return true;
	case K_CTRL('u'):
		erase(p, 0, p->at);
		return true;
	case K_CTRL('k'):
		erase(p, p->at, p->len);
		return true;
	case K_CTRL('w'):
		erase(p, word_start(p), p->at);
		return true;
	case K_UP:
	case K_DOWN:
		if (p->kind == PROMPT_PALETTE)
			return false;
		browse(p, key == K_UP ? 1 : -1);
		return true;
	default:
		if (key < K_SPACE || key >= K_SPECIAL || (key >= 0x7f && key < 0xa0))
			return false;
		insert(p, key);
		return true;
	}
}

int prompt_draw(const struct prompt *p, struct cells *g, int row)
{
	cells_clear(g, (struct rect){ row, 0, 1, g->columns }, ROLE_PROMPT);
	int at = 0;
	if (p->about)
		at += cells_putf(g, row, 0, g->columns, ROLE_PROMPT, "%s: ", p->about);
	at += cells_puts(g, row, at, g->columns - at, ROLE_PROMPT, prompt_label(p->kind));
	/* When the text is wider than the row, what is around the cursor is shown. */
	size_t from = 0;
	while (from < p->at && at + cells_width(g, p->text + from, p->at - from) >= g->columns)
		from = following(p, from);
	int used = cells_put(g, row, at, g->columns - at, ROLE_PROMPT, p->text + from, p->len - from);
	if (p->problem)
		(void)cells_puts(g, row, at + used + 2, g->columns - at - used - 2, ROLE_ALARM,
				 p->problem);
	return at + cells_width(g, p->text + from, p->at - from);
}
