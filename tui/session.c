/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/session.h"

#include "base/fs.h"
#include "base/hash.h"

#include <string.h>

#define SESSION_MAX (256 * KIB)
#define HISTORY_SAVED 20

/* A session is a convenience: what cannot be read or written is left out, and nobody is bothered. */
static char *session_path(const struct console *c, bool make)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	auto_free char *folder = NULL;
	if (state && state[0] == '/')
		folder = xasprintf("%s/pawl-console", state);
	else if (home && home[0] == '/')
		folder = xasprintf("%s/.local/state/pawl-console", home);
	if (!folder || (make && fs_mkdirs(folder, 0700, NULL)))
		return NULL;
	const char *engine = c->options.base_url ? c->options.base_url : c->options.home;
	struct hash hash = hash_bytes(engine, strlen(engine));
	char hex[HASH_TEXT_LEN + 1];
	hash_hex(&hash, hex);
	return xasprintf("%s/%.16s.json", folder, hex);
}

static void save_prompts(struct jw *w, const struct prompt *p)
{
	jw_arr(w, "history");
	for (size_t kind = 0; kind < PROMPT_KIND_COUNT; kind++) {
		jw_arr(w, NULL);
		for (size_t i = 0; i < HISTORY_SAVED && p->history[kind][i]; i++)
			jw_str(w, NULL, p->history[kind][i]);
		jw_end_arr(w);
	}
	jw_end_arr(w);
}

void session_save(const struct console *c)
{
	if (c->options.no_session)
		return;
	auto_free char *path = session_path(c, true);
	if (!path)
		return;
	auto_str s = STR_INIT;
	struct jw w = jw_begin(&s);
	const struct iteration_row *it = console_iteration(c);
	jw_obj(&w, NULL);
	jw_str(&w, "pane", pane_ops(c->focus)->name);
	jw_str(&w, "run", c->model.run);
	if (it && it->node) {
		auto_free char *name = xasprintf("%s/%lld", it->node, (long long)it->iteration);
		jw_str(&w, "iteration", name);
		jw_int(&w, "line", logview_number(&c->log, c->log.cursor));
	}
	jw_str(&w, "theme", theme_names()[c->theme]);
	jw_bool(&w, "wrap", c->log.wrap);
	jw_int(&w, "time", (int64_t)c->log.time_style);
	jw_int(&w, "graph", (int64_t)c->graph_mode);
	jw_int(&w, "split", c->split);
	jw_obj(&w, "lists");
	for (int p = 0; p < PANES_MAIN; p++) {
		if (!console_list_pane((enum pane)p))
			continue;
		jw_obj(&w, pane_ops((enum pane)p)->name);
		jw_int(&w, "sort", c->list[p].sort_column);
		jw_bool(&w, "reverse", c->list[p].reverse);
		jw_int(&w, "hidden", c->list[p].hidden);
		jw_end_obj(&w);
	}
	jw_end_obj(&w);
	jw_obj(&w, "filters");
	for (int i = 0; i < 26; i++)
		if (c->saved_filters[i])
			jw_str(&w, (char[]){ (char)('a' + i), 0 }, c->saved_filters[i]);
	jw_end_obj(&w);
	save_prompts(&w, &c->prompt);
	jw_end_obj(&w);
	if (fs_write(path, s.p, s.len, 0600, NULL))
		return; /* see above */
}

static char *copy(const struct json *v, const char *key)
{
	const char *text = json_get_str(v, key, NULL);
	return text ? xstrdup(text) : NULL;
}

static void restore_lists(struct console *c, const struct json *lists)
{
	for (int p = 0; p < PANES_MAIN; p++) {
		const struct json *v = json_get(lists, pane_ops((enum pane)p)->name);
		struct list *l = &c->list[p];
		if (!v || !console_list_pane((enum pane)p))
			continue;
		int64_t sort = json_get_int(v, "sort", -1);
		if (sort >= -1 && sort < (int64_t)l->ops->ncolumns)
			list_set_sort(l, (int)sort, json_get_bool(v, "reverse", false));
		l->hidden = (uint32_t)json_get_int(v, "hidden", 0) & 0xfffeU;
	}
}

static void restore_history(struct console *c, const struct json *history)
{
	size_t kind = 0;
	for (const struct json *k = json_first(history); k && kind < PROMPT_KIND_COUNT;
	     k = json_next(k), kind++) {
		size_t i = 0;
		for (const struct json *e = json_first(k); e && i < HISTORY_SAVED; e = json_next(e))
			if (json_str(e, NULL))
				c->prompt.history[kind][i++] = xstrdup(json_str(e, ""));
	}
}

void session_restore(struct console *c)
{
	auto_free char *path = c->options.no_session ? NULL : session_path(c, false);
	auto_free char *text = NULL;
	auto_json *v = NULL;
	size_t len = 0;
	if (!path || fs_read(path, SESSION_MAX, &text, &len, NULL) ||
	    json_parse(text, len, SESSION_MAX, &v, NULL))
		return;
	for (int p = 0; p < PANES_MAIN; p++)
		if (str_eq(json_get_str(v, "pane", ""), pane_ops((enum pane)p)->name))
			console_focus(c, (enum pane)p);
	c->restored_run = copy(v, "run");
	c->restored_iteration = copy(v, "iteration");
	c->restored_line = json_get_int(v, "line", 0);
	for (size_t i = 0; !c->options.theme && theme_names()[i]; i++)
		if (str_eq(theme_names()[i], json_get_str(v, "theme", "")))
			c->theme = i;
	c->log.wrap = json_get_bool(v, "wrap", false);
	int64_t style = json_get_int(v, "time", 0);
	if (style >= 0 && style < TIME_STYLE_COUNT)
		c->log.time_style = (enum time_style)style;
	c->graph_mode = json_get_int(v, "graph", 0) == GRAPH_OFF ? GRAPH_OFF : GRAPH_STRIP;
	int64_t split = json_get_int(v, "split", 0);
	c->split = split > 0 && split < 500 ? (int)split : 0;
	restore_lists(c, json_get(v, "lists"));
	const struct json *filters = json_get(v, "filters");
	for (const struct json *e = json_first(filters); e; e = json_next(e)) {
		char letter = json_key(e)[0];
		if (letter >= 'a' && letter <= 'z' && json_str(e, NULL))
			c->saved_filters[letter - 'a'] = xstrdup(json_str(e, ""));
	}
	restore_history(c, json_get(v, "history"));
}
