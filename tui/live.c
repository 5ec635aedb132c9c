/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/live.h"

#include "base/utf8.h"

#include <string.h>

#define EVERY_US 2000000

struct live {
	struct console *c;
	char *id;              /* of the row */
	int64_t attempt;
	unsigned int request;
	int64_t asked_us;
	char *usage;           /* the last line about it; NULL: none yet */
};

static bool works(const struct iteration_row *it)
{
	return it && it->round && it->row.state == STATE_RUNNING;
}

static void forget(struct live *l)
{
	if (l->request)
		client_drop(l->c->client, l->request);
	l->request = 0;
	l->asked_us = 0;
	free(l->id);
	free(l->usage);
	l->id = l->usage = NULL;
}

static void on_lines(void *ctx, const struct client_reply *r)
{
	struct live *l = ctx;
	const struct json *hit = json_first(json_get(r->body, "hits"));
	const char *text = json_get_str(json_get(hit, "line"), "text", "");
	l->request = 0;
	if (r->code != ERR_OK || !str_starts(text, "usage> "))
		return;
	auto_str safe = STR_INIT;
	text_add_safe(&safe, text + strlen("usage> "), strlen(text) - strlen("usage> "), SAFE_PLAIN, false);
	free(l->usage);
	l->usage = str_take(&safe);
	l->c->dirty = true;
}

static void ask(struct live *l, const struct iteration_row *it)
{
	auto_str path = STR_INIT;
	struct log_name name = { .run = it->run, .node = it->node, .generation = it->generation,
				 .iteration = it->iteration, .attempt = it->attempt };
	log_path(&name, "/search?pattern=%5Eusage%3E&dir=prev&limit=1&", &path);
	l->asked_us = l->c->mono_us;
	l->request = client_send(l->c->client, "GET", str_text(&path), NULL, on_lines, l);
}

/* What is told by lines of its log, and by the engine of the call that is under way. */
static void look(struct live *l, const struct iteration_row *it)
{
	ask(l, it);
	model_stale(&l->c->model, TOPIC_BIT(TOPIC_ITERATIONS));
}

void live_turn(struct console *c)
{
	const struct iteration_row *it = console_iteration(c);
	if (!c->live) {
		if (!works(it))
			return;
		c->live = xcalloc(1, sizeof(*c->live));
		c->live->c = c;
	}
	struct live *l = c->live;
	if (!works(it) || !it->run || !it->node) {
		forget(l);
		return;
	}
	if (!l->id || !str_eq(l->id, it->row.id) || l->attempt != it->attempt) {
		forget(l);
		l->id = xstrdup(it->row.id);
		l->attempt = it->attempt;
	}
	bool speaks = it->phase && str_eq(it->phase, "work");
	if (speaks && !l->request && !model_down(&c->model) && (!l->asked_us || c->mono_us - l->asked_us >= EVERY_US))
		look(l, it);
}

bool live_busy(const struct console *c)
{
	return c->live && c->live->request;
}

void live_add(const struct console *c, const struct iteration_row *it, struct str *s)
{
	static const char marks[] = "|/-\\";
	const struct live *l = c->live;
	if (!works(it))
		return;
	int64_t now = console_seen_ms(c);
	str_addf(s, "%c ", marks[(size_t)(now / 1000) % (sizeof(marks) - 1)]);
	int64_t since = it->round_started_ms ? it->round_started_ms : it->started_at_ms;
	add_took(s, MAX(now - since, (int64_t)0) / 1000 * 1000);
	if (l && l->usage && l->id && str_eq(l->id, it->row.id)) {
		str_addf(s, "  %s", l->usage);
		return;
	}
	if (it->tokens < 0)
		return;
	str_add(s, "  ");
	add_count(s, it->tokens);
	str_add(s, _(" tokens  "));
	add_cost(s, it->cost_micro_usd);
}

void live_free(struct console *c)
{
	if (!c->live)
		return;
	forget(c->live);
	free(c->live);
	c->live = NULL;
}
