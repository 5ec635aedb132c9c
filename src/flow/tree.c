/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Over the events of libyaml, which by themselves accept too much: aliases that explode, keys given
 * twice, nesting without end. The scalar types are those of the core schema of YAML 1.2, but for
 * numbers that begin with 0: they stay texts (file modes, postal codes). */
#include "flow/tree.h"
#include "flow/report.h"
#include "base/utf8.h"

#include <yaml.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SMALL_MAP 12 /* up to this size keys are compared one by one */

struct level {
	struct tree *container;
	const char *key; /* read, its value not yet */
	int key_line, key_column;
	struct smap seen; /* keys of a large map */
};

struct parser {
	yaml_parser_t yaml;
	struct arena *arena;
	const char *file, *text;
	size_t len;
	struct flow_report *report;
	struct tree *root;
	struct level levels[TREE_DEPTH_MAX];
	size_t depth, nodes;
	bool documents; /* one was seen */
};

static int from_one(size_t n)
{
	return n < INT_MAX ? (int)n + 1 : INT_MAX;
}

/* The path of what is being read: "nodes.build.needs[2]". */
static void add_path(const struct parser *p, struct str *out)
{
	for (size_t i = 0; i < p->depth; i++) {
		const struct level *l = &p->levels[i];
		if (l->container->kind == TREE_LIST) /* what is open within was counted already */
			str_addf(out, "[%zu]", l->container->n - (i + 1 < p->depth ? 1 : 0));
		else if (l->key)
			str_addf(out, "%s%s", out->len ? "." : "", l->key);
	}
}

/* Evaluates to false. */
#define refuse(p, mark, ...) (refuse_at((p), (mark), __VA_ARGS__), false)
static PRINTF_LIKE(3, 4) void refuse_at(struct parser *p, const yaml_mark_t *mark, const char *fmt, ...)
{
	auto_str message = STR_INIT, path = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&message, fmt, ap);
	va_end(ap);
	add_path(p, &path);
	report_add(p->report, p->file, from_one(mark->line), from_one(mark->column), str_text(&path),
		   "%s", str_text(&message));
}

/* ---- scalars ---- */

static bool is_one_of(const char *text, const char *words)
{
	size_t len = strlen(text);
	const char *hit = len && text[0] != ' ' ? strstr(words, text) : NULL;
	return hit && hit[-1] == ' ' && hit[len] == ' ';
}

static size_t digits(const char *p)
{
	return strspn(p, "0123456789");
}

static bool is_whole(const char *p)
{
	if (p[0] == '0' && p[1] == 'x')
		return p[2] && strspn(p + 2, "0123456789abcdefABCDEF") == strlen(p + 2);
	if (p[0] == '0' && p[1] == 'o')
		return p[2] && strspn(p + 2, "01234567") == strlen(p + 2);
	if (*p == '-' || *p == '+')
		p++;
	return *p && digits(p) == strlen(p) && (p[0] != '0' || !p[1]);
}

static bool is_fraction(const char *p)
{
	if (*p == '-' || *p == '+')
		p++;
	size_t before = digits(p);
	if (before > 1 && p[0] == '0')
		return false;
	p += before;
	size_t after = *p == '.' ? digits(p + 1) : 0;
	if (!before && !after)
		return false;
	if (*p == '.')
		p += 1 + after;
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '-' || *p == '+')
			p++;
		size_t n = digits(p);
		if (!n)
			return false;
		p += n;
	}
	return !*p;
}

static enum tree_kind kind_of(const char *text)
{
	if (!*text || is_one_of(text, " ~ null Null NULL "))
		return TREE_NULL;
	if (is_one_of(text, " true True TRUE false False FALSE "))
		return TREE_BOOL;
	if (is_whole(text))
		return TREE_INT;
	return is_fraction(text) ? TREE_FLOAT : TREE_TEXT;
}

/* ---- building ---- */

static bool add_key(struct parser *p, struct level *l, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	if (len == 2 && memcmp(text, "<<", 2) == 0 &&
	    e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return refuse(p, &e->start_mark,
			      _("merge keys (<<) are not allowed; write the keys out, or use defaults:"));
	l->key = arena_text(p->arena, text, len);
	l->key_line = from_one(e->start_mark.line);
	l->key_column = from_one(e->start_mark.column);
	return true;
}

/* The member that has this key already, NULL if none. Large maps remember their keys. */
static const struct tree *member_before(struct level *l, const char *key)
{
	const struct tree *map = l->container;
	if (map->n < SMALL_MAP)
		return tree_get(map, key);
	if (!l->seen.n)
		for (struct tree *m = map->first; m; m = m->next)
			smap_put(&l->seen, m->key, m);
	return smap_get(&l->seen, key);
}

/* Put `t` where the parser stands. */
static void place(struct parser *p, struct tree *t)
{
	if (!p->depth) {
		p->root = t;
		return;
	}
	struct level *l = &p->levels[p->depth - 1];
	struct tree *c = l->container;
	if (c->kind == TREE_MAP) {
		t->key = l->key;
		t->key_line = l->key_line;
		t->key_column = l->key_column;
		const struct tree *before = member_before(l, l->key);
		if (before) {
			auto_str path = STR_INIT;
			add_path(p, &path);
			report_add(p->report, p->file, l->key_line, l->key_column, str_text(&path),
				   _("the key '%s' stands at %d:%d already; keep one of the two"),
				   word_of(l->key).s, before->key_line, before->key_column);
			return;
		}
		if (l->seen.n)
			smap_put(&l->seen, l->key, t);
	}
	if (c->last)
		c->last->next = t;
	else
		c->first = t;
	c->last = t;
	c->n++;
}

static struct tree *new_tree(struct parser *p, enum tree_kind kind, const yaml_event_t *e)
{
	struct tree *t = arena_alloc(p->arena, sizeof(*t));
	t->kind = kind;
	t->line = from_one(e->start_mark.line);
	t->column = from_one(e->start_mark.column);
	return t;
}

static bool refuse_extras(struct parser *p, const yaml_event_t *e, const yaml_char_t *anchor,
			  const yaml_char_t *tag)
{
	if (anchor)
		return refuse(p, &e->start_mark,
			      _("anchors (&%s) are not allowed; write the value out, or use defaults:"),
			      word_of((const char *)anchor).s);
	if (tag)
		return refuse(p, &e->start_mark,
			      _("tags (%s) are not allowed; quote the value if it is a text"),
			      word_of((const char *)tag).s);
	return true;
}

static bool on_scalar(struct parser *p, const yaml_event_t *e)
{
	if (!refuse_extras(p, e, e->data.scalar.anchor, e->data.scalar.tag))
		return false;
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	if (len > TREE_SCALAR_MAX)
		return refuse(p, &e->start_mark, _("the text is longer than %d KiB"), TREE_SCALAR_MAX / KIB);
	if (memchr(text, '\0', len))
		return refuse(p, &e->start_mark, _("a text may not hold the character NUL"));
	struct level *l = p->depth ? &p->levels[p->depth - 1] : NULL;
	if (l && l->container->kind == TREE_MAP && !l->key)
		return add_key(p, l, e);
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct tree *t = new_tree(p, TREE_TEXT, e);
	t->text = arena_text(p->arena, text, len);
	t->len = len;
	if (plain)
		t->kind = kind_of(t->text);
	if (plain && is_one_of(t->text + strspn(t->text, "+-"),
			       " .inf .Inf .INF .nan .NaN .NAN "))
		return refuse(p, &e->start_mark, _("%s is no number here; quote it if it is a text"),
			      word_of(t->text).s);
	place(p, t);
	if (l)
		l->key = NULL;
	return true;
}

static bool on_end(struct parser *p)
{
	smap_done(&p->levels[--p->depth].seen);
	if (p->depth)
		p->levels[p->depth - 1].key = NULL;
	return true;
}

static bool on_start(struct parser *p, const yaml_event_t *e, enum tree_kind kind)
{
	bool map = kind == TREE_MAP;
	if (!refuse_extras(p, e, map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor,
			   map ? e->data.mapping_start.tag : e->data.sequence_start.tag))
		return false;
	struct level *l = p->depth ? &p->levels[p->depth - 1] : NULL;
	if (l && l->container->kind == TREE_MAP && !l->key)
		return refuse(p, &e->start_mark, _("a key must be a plain text, not a list or map"));
	if (p->depth == TREE_DEPTH_MAX)
		return refuse(p, &e->start_mark, _("nested deeper than %d levels"), TREE_DEPTH_MAX);
	struct tree *t = new_tree(p, kind, e);
	place(p, t);
	p->levels[p->depth++] = (struct level){ .container = t };
	return true;
}

static bool on_document(struct parser *p, const yaml_event_t *e)
{
	if (p->documents)
		return refuse(p, &e->start_mark, _("a file holds one document; remove this ---"));
	p->documents = true;
	if (e->data.document_start.version_directive ||
	    e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
		return refuse(p, &e->start_mark, _("directives (%%) are not allowed; remove the line"));
	return true;
}

/* False when parsing cannot go on. */
static bool on_event(struct parser *p, const yaml_event_t *e)
{
	if (e->type >= YAML_ALIAS_EVENT && e->type <= YAML_MAPPING_START_EVENT &&
	    ++p->nodes > TREE_NODES_MAX)
		return refuse(p, &e->start_mark, _("more than %d values"), TREE_NODES_MAX);
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(p, e);
	case YAML_ALIAS_EVENT:
		return refuse(p, &e->start_mark,
			      _("aliases (*%s) are not allowed; write the value out, or use defaults:"),
			      word_of((const char *)e->data.alias.anchor).s);
	case YAML_SCALAR_EVENT:
		return on_scalar(p, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(p, e, TREE_LIST);
	case YAML_MAPPING_START_EVENT:
		return on_start(p, e, TREE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(p);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return true;
}

/* ---- the text before, and mistakes of the syntax ---- */

static bool is_allowed(uint32_t cp)
{
	return cp == '\t' || cp == '\n' || cp == '\r' || (cp >= 0x20 && cp < 0x7f) || cp >= 0xa0;
}

static bool check_bytes(struct parser *p)
{
	yaml_mark_t mark = { 0 };
	for (size_t i = 0; i < p->len; mark.column++) {
		uint32_t cp;
		size_t step = utf8_decode(p->text + i, p->len - i, &cp);
		if (!step)
			return refuse(p, &mark, _("the byte 0x%02X is not UTF-8; save the file as UTF-8"),
				      (unsigned int)(unsigned char)p->text[i]);
		if (!is_allowed(cp))
			return refuse(p, &mark, _("the control character U+%04X is not allowed"),
				      (unsigned int)cp);
		i += step;
		if (cp == '\n') {
			mark.line++;
			mark.column = (size_t)-1;
		}
	}
	return true;
}

/* The byte at a mark, '\0' at the end. */
static char byte_at(const struct parser *p, const yaml_mark_t *mark)
{
	const char *s = p->text, *end = p->text + p->len;
	for (size_t line = 0; line < mark->line && s < end; line++) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		s = nl ? nl + 1 : end;
	}
	for (size_t column = 0; column < mark->column && s < end; column++) {
		size_t step = utf8_len(s, (size_t)(end - s));
		s += step ? step : 1;
	}
	return s < end ? *s : '\0';
}

static void syntax_mistake(struct parser *p)
{
	const yaml_parser_t *y = &p->yaml;
	const yaml_mark_t *mark = &y->problem_mark;
	const char *problem = y->problem ? y->problem : "the text is not understood";
	const char *hint = "";
	char at = byte_at(p, mark);
	if (at == '\t')
		hint = _("; indent with spaces, not with a tab");
	else if (strstr(problem, "cannot start any token"))
		hint = _("; put a text that begins with this character in quotes");
	else if (strstr(problem, "mapping values are not allowed"))
		hint = _("; a text with ': ' in it stands in quotes, and keys of one map are indented alike");
	else if (strstr(problem, "could not find expected ':'"))
		hint = _("; is a ':' missing after a key, or a quote at its end?");
	else if (strstr(problem, "Unicode character escape"))
		hint = _("; write the character itself");
	if (y->context)
		refuse_at(p, mark, _("not well-formed: %s, %s that began at %d:%d%s"), problem, y->context,
			  from_one(y->context_mark.line), from_one(y->context_mark.column), hint);
	else
		refuse_at(p, mark, _("not well-formed: %s%s"), problem, hint);
}

static bool parse_events(struct parser *p)
{
	for (bool more = true; more;) {
		yaml_event_t e;
		if (!yaml_parser_parse(&p->yaml, &e)) {
			syntax_mistake(p);
			return false;
		}
		bool good = on_event(p, &e);
		more = e.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
		if (!good)
			return false;
	}
	return true;
}

struct tree *tree_parse(struct arena *arena, const char *file, const char *text, size_t len,
			struct flow_report *report)
{
	struct parser p = { .arena = arena, .file = file, .text = text, .len = len, .report = report };
	yaml_mark_t start = { 0 };
	if (len > FLOW_MAX) {
		refuse_at(&p, &start, _("the file is larger than %d KiB"), FLOW_MAX / KIB);
		return NULL;
	}
	if (!check_bytes(&p))
		return NULL;
	if (!yaml_parser_initialize(&p.yaml)) {
		refuse_at(&p, &start, _("no memory to parse the file"));
		return NULL;
	}
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.yaml, (const unsigned char *)text, len);
	bool good = parse_events(&p);
	while (p.depth)
		smap_done(&p.levels[--p.depth].seen);
	yaml_parser_delete(&p.yaml);
	if (good && !p.root)
		refuse_at(&p, &start, _("the file is empty; a workflow has at least nodes:"));
	return good ? p.root : NULL;
}

const struct tree *tree_get(const struct tree *map, const char *key)
{
	if (map->kind != TREE_MAP)
		return NULL;
	const struct tree *m = map->first;
	while (m && !str_eq(m->key, key))
		m = m->next;
	return m;
}

const char *tree_kind_name(const struct tree *t)
{
	/* clang-format off */
	static const char *const names[] = {
		[TREE_NULL] = N_("nothing"), [TREE_BOOL] = N_("true or false"), [TREE_INT] = N_("a whole number"),
		[TREE_FLOAT] = N_("a number"), [TREE_TEXT] = N_("a text"), [TREE_LIST] = N_("a list"),
		[TREE_MAP] = N_("a map"),
	};
	/* clang-format on */
	return _(names[t->kind]);
}

/* Decimal digits as JSON wants them: no plus, no hexadecimal. */
static void add_whole(struct str *out, const char *text)
{
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o'))
		str_add_u64(out, strtoull(text + 2, NULL, text[1] == 'x' ? 16 : 8));
	else
		str_add(out, text + (*text == '+'));
}

static void add_json(struct jw *w, const struct tree *t)
{
	auto_str number = STR_INIT;
	switch (t->kind) {
	case TREE_NULL:
		jw_null(w, t->key);
		break;
	case TREE_BOOL:
		jw_bool(w, t->key, (t->text[0] | 32) == 't');
		break;
	case TREE_INT:
		add_whole(&number, t->text);
		jw_raw(w, t->key, str_text(&number));
		break;
	case TREE_FLOAT:
		jw_num(w, t->key, strtod(t->text, NULL));
		break;
	case TREE_TEXT:
		jw_strn(w, t->key, t->text, t->len);
		break;
	case TREE_LIST:
		jw_arr(w, t->key);
		for (const struct tree *m = t->first; m; m = m->next)
			add_json(w, m);
		jw_end_arr(w);
		break;
	case TREE_MAP:
		jw_obj(w, t->key);
		for (const struct tree *m = t->first; m; m = m->next)
			add_json(w, m);
		jw_end_obj(w);
		break;
	}
}

void tree_add_json(struct str *out, const struct tree *t)
{
	struct tree plain = *t;
	plain.key = NULL;
	struct jw w = jw_begin(out);
	add_json(&w, &plain);
}
