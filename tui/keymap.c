/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/action.h"

#include "base/fs.h"

#include <string.h>

#define KEYMAP_MAX (256 * KIB)

const char *pane_name(enum pane pane)
{
	return pane_ops(pane)->name;
}

/* Scopes of keymap files that are more than one pane. */
static const struct {
	const char *name;
	unsigned int where;
} scopes[] = {
	{ "all", IN_ALL },
	{ "panes", IN_PANES },
	{ "lists", IN_LISTS },
	{ "work", IN_WORK },
};

static bool scope_parse(const char *word, unsigned int *ret)
{
	for (size_t i = 0; i < COUNT(scopes); i++) {
		if (str_eq(scopes[i].name, word)) {
			*ret = scopes[i].where;
			return true;
		}
	}
	for (int p = 0; p < PANE_COUNT; p++) {
		if (str_eq(pane_name((enum pane)p), word)) {
			*ret = IN(p);
			return true;
		}
	}
	return false;
}

static bool same_keys(const struct binding *b, const int *keys, int n)
{
	return b->n == n && memcmp(b->key, keys, (size_t)n * sizeof(*keys)) == 0;
}

static bool begins(const struct binding *b, const int *keys, int n)
{
	return b->n > n && memcmp(b->key, keys, (size_t)n * sizeof(*keys)) == 0;
}

static void unbind(struct keymap *m, enum pane pane, const int *keys, int n)
{
	for (size_t i = m->n; i-- > 0;)
		if (m->v[i].pane == pane && same_keys(&m->v[i], keys, n))
			m->v[i] = m->v[--m->n];
}

static void bind(struct keymap *m, unsigned int where, const int *keys, int n,
		 const struct action *action)
{
	for (int p = 0; p < PANE_COUNT; p++) {
		if (!(where & IN(p)))
			continue;
		unbind(m, (enum pane)p, keys, n);
		if (!action)
			continue;
		GROW(m->v, m->n, m->cap);
		struct binding *b = &m->v[m->n++];
		*b = (struct binding){ .n = n, .pane = (enum pane)p, .action = action };
		memcpy(b->key, keys, (size_t)n * sizeof(*keys));
	}
}

/* Keys of "y l"; the number of them, 0 if one is no key or there are too many. */
static int sequence_parse(const char *text, int *keys)
{
	int n = 0;
	while (*text) {
		size_t used = n < SEQUENCE_MAX ? key_parse(text, &keys[n]) : 0;
		if (!used)
			return 0;
		n++;
		text += used;
		if (*text && *text != ' ')
			return 0;
		text += strspn(text, " ");
	}
	return n;
}

struct keymap *keymap_new(void)
{
	struct keymap *m = xcalloc(1, sizeof(*m));
	for (size_t i = 0; i < nactions; i++) {
		for (size_t k = 0; k < ACTION_KEYS && actions[i].keys[k]; k++) {
			int keys[SEQUENCE_MAX];
			int n = sequence_parse(actions[i].keys[k], keys);
			if (n)
				bind(m, actions[i].where, keys, n, &actions[i]);
		}
	}
	return m;
}

void keymap_free(struct keymap *m)
{
	if (!m)
		return;
	free(m->v);
	free(m);
}

static enum err_code parse_line(struct keymap *m, const char *path, int number, char *line,
				struct err *err)
{
	size_t end = strlen(line);
	while (end && (line[end - 1] == ' ' || line[end - 1] == '\t' || line[end - 1] == '\r'))
		line[--end] = '\0';
	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return ERR_OK;
	for (char *p = line; *p; p++)
		if (*p == '\t')
			*p = ' ';
	char *name = strrchr(line, ' ');
	char *keys_at = strchr(line, ' ');
	if (!name || name == keys_at)
		return err_set(err, ERR_INVALID,
			       _("%s:%d: a line is: SCOPE KEY ACTION, for example: runs x cancel"), path,
			       number);
	*name++ = '\0';
	char *last = name - 2;
	while (last > keys_at && *last == ' ')
		*last-- = '\0';
	*keys_at++ = '\0';
	keys_at += strspn(keys_at, " ");
	unsigned int where = 0;
	if (!scope_parse(line, &where))
		return err_set(err, ERR_INVALID,
			       _("%s:%d: no scope '%.40s'; there are all, panes, lists, work, queue, "
				 "runs, iterations, log, graph, inspect, events, help"),
			       path, number, line);
	const struct action *action = str_eq(name, "-") ? NULL : action_find(name);
	if (!action && !str_eq(name, "-"))
		return err_set(err, ERR_INVALID, _("%s:%d: no action '%.60s'; ? lists them"), path,
			       number, name);
	int keys[SEQUENCE_MAX];
	int n = sequence_parse(keys_at, keys);
	if (!n)
		return err_set(err, ERR_INVALID,
			       _("%s:%d: '%.40s' is no key; write j, C-d, PgDn, Space, or a sequence: y l"),
			       path, number, keys_at);
	bind(m, where, keys, n, action);
	return ERR_OK;
}

enum err_code keymap_parse(struct keymap *m, const char *path, const char *text, struct err *err)
{
	auto_free char *copy = xstrdup(text);
	int number = 0;
	for (char *at = copy, *line; (line = at) != NULL;) {
		at = strchr(line, '\n');
		if (at)
			*at++ = '\0';
		enum err_code code = parse_line(m, path, ++number, line, err);
		if (code)
			return code;
	}
	return ERR_OK;
}

enum err_code keymap_load(struct keymap *m, const char *path, struct err *err)
{
	auto_free char *text = NULL;
	size_t len = 0;
	enum err_code code = fs_read(path, KEYMAP_MAX, &text, &len, err);
	return code ? code : keymap_parse(m, path, text, err);
}

enum keymap_match keymap_look(const struct keymap *m, enum pane pane, const int *keys, int n,
			      const struct action **ret)
{
	enum keymap_match match = MATCH_NONE;
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].pane != pane)
			continue;
		if (same_keys(&m->v[i], keys, n)) {
			*ret = m->v[i].action;
			return MATCH_ACTION;
		}
		if (begins(&m->v[i], keys, n))
			match = MATCH_PREFIX;
	}
	return match;
}

static void add_sequence(struct str *s, const struct binding *b)
{
	for (int i = 0; i < b->n; i++) {
		if (i)
			str_add_char(s, ' ');
		key_add_name(s, b->key[i]);
	}
}

void keymap_add_keys(const struct keymap *m, const struct action *a, enum pane pane, struct str *s)
{
	bool any = false;
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].action != a || m->v[i].pane != pane)
			continue;
		if (any)
			str_add_char(s, ' ');
		add_sequence(s, &m->v[i]);
		any = true;
	}
}

/* The panes in which the action has exactly the keys of `b`, as scope names. */
static unsigned int where_bound(const struct keymap *m, const struct binding *b)
{
	unsigned int where = 0;
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].action == b->action && same_keys(&m->v[i], b->key, b->n))
			where |= IN(m->v[i].pane);
	return where;
}

static void print_binding(const struct binding *b, const char *scope, struct str *s)
{
	str_addf(s, "%-11s ", scope);
	size_t from = s->len;
	for (int i = 0; i < b->n; i++) {
		if (i)
			str_add_char(s, ' ');
		if (b->key[i] < K_SPACE && b->key[i] != K_TAB && b->key[i] != K_ENTER &&
		    b->key[i] != K_ESCAPE)
			str_addf(s, "C-%c", b->key[i] + 0x60);
		else
			key_add_name(s, b->key[i]);
	}
	while (s->len - from < 8)
		str_add_char(s, ' ');
	str_addf(s, " %s\n", b->action->name);
}

void keymap_print(const struct keymap *m, struct str *s)
{
	for (size_t a = 0; a < nactions; a++) {
		for (size_t i = 0; i < m->n; i++) {
			const struct binding *b = &m->v[i];
			unsigned int where = b->action == &actions[a] ? where_bound(m, b) : 0;
			/* Once per key: by the first pane that has it. */
			if (!where || (where & (IN(b->pane) - 1)))
				continue;
			for (size_t j = 0; j < COUNT(scopes); j++) {
				if (where == scopes[j].where) {
					print_binding(b, scopes[j].name, s);
					where = 0;
					break;
				}
			}
			for (int p = 0; p < PANE_COUNT; p++)
				if (where & IN(p))
					print_binding(b, pane_name((enum pane)p), s);
		}
	}
}
