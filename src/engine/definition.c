/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Definitions: compiled once, shared by runs, found again in the store after a restart. */
#include "engine/engine_internal.h"

#include <string.h>

#define UNUSED_KEPT 64 /* compiled definitions kept although no run uses them */

static uint64_t short_key(const struct hash *h)
{
	uint64_t k;
	memcpy(&k, h->b, sizeof(k));
	return k;
}

struct definition *definition_ref(struct definition *d)
{
	d->refs++;
	return d;
}

static void drop_oldest(struct engine *e)
{
	size_t at = 0, unused = 0;
	struct definition *d, *oldest = NULL;
	while ((d = map_next(&e->definitions, &at))) {
		if (d->refs)
			continue;
		unused++;
		if (!oldest || d->used < oldest->used)
			oldest = d;
	}
	if (unused <= UNUSED_KEPT)
		return;
	(void)map_del(&e->definitions, short_key(&oldest->hash));
	/* by_text may name it under another key. */
	at = 0;
	struct hash text = hash_bytes(oldest->graph->source, oldest->graph->source_len);
	if (map_get(&e->by_text, short_key(&text)) == oldest)
		(void)map_del(&e->by_text, short_key(&text));
	graph_free(oldest->graph);
	free(oldest);
}

void definition_unref(struct engine *e, struct definition *d)
{
	if (--d->refs == 0 && e->definitions.n > UNUSED_KEPT)
		drop_oldest(e);
}

static struct definition *keep(struct engine *e, struct graph *g)
{
	struct definition *d = map_get(&e->definitions, short_key(&g->hash));
	if (d) {
		graph_free(g);
	} else {
		d = xcalloc(1, sizeof(*d));
		d->hash = g->hash;
		d->graph = g;
		map_put(&e->definitions, short_key(&d->hash), d);
	}
	d->used = ++e->uses;
	return definition_ref(d);
}

/* ---- texts of sub-workflows, as they were when it was submitted ---- */

struct bundle {
	const struct flow_source *source; /* where they come from first */
	struct str json;                  /* what was read, as a list */
	struct jw w;
	const struct json *stored;        /* or: read from here */
};

static void bundle_add(struct bundle *b, const char *from, const char *name, const char *text, size_t len,
		       const char *file)
{
	jw_obj(&b->w, NULL);
	jw_str(&b->w, "from", from);
	jw_str(&b->w, "name", name);
	jw_str(&b->w, "file", file);
	jw_strn(&b->w, "text", text, len);
	jw_end_obj(&b->w);
}

static enum err_code bundle_read(void *ctx, const char *from, const char *name, char **ret, size_t *ret_len,
				 char **ret_file, struct err *err)
{
	struct bundle *b = ctx;
	for (const struct json *i = json_first(b->stored); i; i = json_next(i)) {
		if (!str_eq(json_get_str(i, "from", ""), from) || !str_eq(json_get_str(i, "name", ""), name))
			continue;
		const char *text = json_get_str(i, "text", "");
		*ret = xstrdup(text);
		*ret_len = strlen(text);
		*ret_file = xstrdup(json_get_str(i, "file", ""));
		if (b->source)
			bundle_add(b, from, name, *ret, *ret_len, *ret_file);
		return ERR_OK;
	}
	if (!b->source)
		return err_set(err, ERR_CORRUPT, _("the stored definition lacks the sub-workflow %s"), name);
	enum err_code code = b->source->read(b->source->ctx, from, name, ret, ret_len, ret_file, err);
	if (code)
		return code;
	bundle_add(b, from, name, *ret, *ret_len, *ret_file);
	return ERR_OK;
}

/* Where the nodes stand, among the texts: {"places": [name or null…]}. */
static const struct json *places_of(const struct json *includes)
{
	for (const struct json *i = json_first(includes); i; i = json_next(i))
		if (json_get(i, "places"))
			return json_get(i, "places");
	return NULL;
}

/* Its hash is over the text and the places, then. */
static enum err_code put_into(struct graph *g, const char *const *places, size_t n, struct err *err)
{
	char was[HASH_TEXT_LEN + 1];
	auto_str names = STR_INIT;
	enum err_code code = graph_place(g, places, n, err);
	if (code)
		return code;
	for (size_t i = 0; i < n; i++)
		str_addf(&names, "%s\n", places[i] ? places[i] : "");
	hash_hex(&g->hash, was);
	struct hash_part parts[] = { { was, strlen(was) }, { str_text(&names), names.len } };
	g->hash = hash_parts(parts, COUNT(parts));
	return ERR_OK;
}

static enum err_code place(struct graph *g, const struct json *list, struct err *err)
{
	size_t n = 0;
	auto_free const char **places = xcalloc(json_count(list) + 1, sizeof(*places));
	for (const struct json *i = json_first(list); i; i = json_next(i))
		places[n++] = json_str(i, NULL);
	return list ? put_into(g, places, n, err) : ERR_OK;
}

enum err_code definition_compile(const char *file, const char *text, const char *includes, struct graph **ret,
				 struct err *err)
{
	auto_json *stored = NULL;
	struct graph *g = NULL;
	enum err_code code = includes ? json_parse(includes, strlen(includes), 64 * MIB, &stored, err) : ERR_OK;
	if (code)
		return code;
	struct bundle b = { .stored = stored };
	struct flow_source source = { bundle_read, &b };
	struct flow_report report = { 0 };
	code = flow_load(file, text, strlen(text), &source, &g, &report, err);
	flow_report_done(&report);
	if (!code)
		code = place(g, places_of(stored), err);
	if (code)
		graph_free(g);
	else
		*ret = g;
	return code;
}

enum err_code definition_load(struct store *store, const struct hash *hash, struct graph **ret, struct err *err)
{
	auto_free char *file = NULL, *text = NULL, *includes = NULL;
	enum err_code code = store_workflow_get(store, hash, &file, &text, &includes, err);
	if (!code)
		code = definition_compile(file, text, includes, ret, err);
	if (!code)
		(*ret)->hash = *hash; /* what it was stored under, whatever a newer loader would make of it */
	return code;
}

enum err_code definition_get(struct engine *e, const struct hash *hash, struct definition **ret, struct err *err)
{
	struct definition *d = map_get(&e->definitions, short_key(hash));
	if (d) {
		d->used = ++e->uses;
		*ret = definition_ref(d);
		return ERR_OK;
	}
	struct graph *g = NULL;
	enum err_code code = definition_load(e->store, hash, &g, err);
	if (!code)
		*ret = keep(e, g);
	return code;
}

/* Its nodes stand where the places say already: behind them are instances alone. */
static bool stands(const struct graph *g, const char *const *places, size_t n)
{
	for (size_t i = 0; i < MAX(n, g->nnodes); i++) {
		const char *name = i < n ? places[i] : NULL;
		bool handler = name && name[0] == PLACE_HANDLER;
		if (i >= g->nnodes ? name != NULL :
				     !name || handler != (g->nodes[i].handler != HANDLER_NONE) ||
					     !str_eq(name + handler, g->nodes[i].name))
			return false;
	}
	return true;
}

static enum err_code place_text(struct graph *g, const struct definition_text *t, struct jw *w, struct err *err)
{
	if (!t->places || stands(g, t->places, t->nplaces))
		return ERR_OK;
	jw_obj(w, NULL);
	jw_arr(w, "places");
	for (size_t i = 0; i < t->nplaces; i++)
		jw_str(w, NULL, t->places[i]);
	jw_end_arr(w);
	jw_end_obj(w);
	return put_into(g, t->places, t->nplaces, err);
}

/* Sub-workflows are those of `stored` (a list, may be NULL), then those of the files. `includes` becomes the list of
 * what was read, "[]": nothing. */
static enum err_code load_text(const struct definition_text *t, const struct json *stored, struct graph **ret,
			       struct str *includes, struct flow_report *report, struct err *err)
{
	struct bundle b = { .source = &flow_files, .json = STR_INIT, .stored = stored };
	b.w = jw_begin(&b.json);
	jw_arr(&b.w, NULL);
	struct flow_source source = { bundle_read, &b };
	struct graph *g = NULL;
	enum err_code code = flow_load(t->file, t->text, t->len, &source, &g, report, err);
	if (!code)
		code = place_text(g, t, &b.w, err);
	jw_end_arr(&b.w);
	str_add(includes, str_text(&b.json));
	str_done(&b.json);
	if (code)
		graph_free(g);
	else
		*ret = g;
	return code;
}

static struct definition *put(struct engine *e, struct graph *g, const char *file, const char *includes)
{
	store_workflow_put(e->store, &g->hash, g->name, file, g->source, str_eq(includes, "[]") ? NULL : includes,
			   e->now.wall_ms);
	return keep(e, g);
}

static enum err_code compile(struct engine *e, const struct definition_text *t, struct definition **ret, bool *ret_alone,
			     struct flow_report *report, struct err *err)
{
	auto_str includes = STR_INIT;
	struct graph *g;
	enum err_code code = load_text(t, NULL, &g, &includes, report, err);
	*ret_alone = str_eq(str_text(&includes), "[]");
	if (!code)
		*ret = put(e, g, t->file, str_text(&includes));
	return code;
}

enum err_code definition_submit(struct engine *e, const struct submission *s, struct definition **ret,
				struct flow_report *report, struct err *err)
{
	if (s->hash)
		return definition_get(e, s->hash, ret, err);
	if (!s->source)
		return err_set(err, ERR_USAGE, _("a workflow or its hash is wanted"));
	struct hash text = hash_bytes(s->source, s->source_len);
	struct definition *d = map_get(&e->by_text, short_key(&text));
	if (d) {
		d->used = ++e->uses;
		*ret = definition_ref(d);
		return ERR_OK;
	}
	auto_free char *file = s->dir && s->dir[0] && s->file && s->file[0] && s->file[0] != '/' &&
					       !str_eq(s->file, "-") ?
				       xasprintf("%s/%s", s->dir, strrchr(s->file, '/') ? strrchr(s->file, '/') + 1 : s->file) :
				       xstrdup(s->file ? s->file : "");
	bool alone;
	struct definition_text t = { .file = file, .text = s->source, .len = s->source_len };
	enum err_code code = compile(e, &t, ret, &alone, report, err);
	if (!code && alone)
		map_put(&e->by_text, short_key(&text), *ret);
	return code;
}

/* `was`: the sub-workflows are those of that one. */
static enum err_code edited(struct engine *e, const struct hash *was, const struct definition_text *given,
			    struct graph **ret, struct str *includes, char **ret_file, struct flow_report *report,
			    struct err *err)
{
	auto_free char *source = NULL, *texts = NULL;
	auto_json *stored = NULL;
	struct definition_text t = *given;
	enum err_code code = was ? store_workflow_get(e->store, was, ret_file, &source, &texts, err) : ERR_OK;
	if (!was)
		*ret_file = xstrdup(given->file);
	if (!code && texts)
		code = json_parse(texts, strlen(texts), 64 * MIB, &stored, err);
	t.file = *ret_file;
	return code ? code : load_text(&t, stored, ret, includes, report, err);
}

enum err_code definition_edited(struct engine *e, const struct hash *was, const struct definition_text *t,
				struct definition **ret, struct flow_report *report, struct err *err)
{
	auto_str includes = STR_INIT;
	auto_free char *file = NULL;
	struct graph *g;
	enum err_code code = edited(e, was, t, &g, &includes, &file, report, err);
	if (!code)
		*ret = put(e, g, file, str_text(&includes));
	return code;
}

enum err_code definition_try(struct engine *e, const struct hash *was, const struct definition_text *t,
			     struct graph **ret, struct flow_report *report, struct err *err)
{
	auto_str includes = STR_INIT;
	auto_free char *file = NULL;
	return edited(e, was, t, ret, &includes, &file, report, err);
}

const struct graph *definition_sub(const struct definition *d, const char *sub)
{
	return graph_sub(d->graph, sub);
}

const struct graph *graph_sub(const struct graph *g, const char *sub)
{
	while (g && sub && *sub) {
		size_t len = strcspn(sub, "/");
		const struct graph_node *n = smap_getn(&g->by_name, sub, len);
		if (n && n->kind == NODE_GROUP)
			n = n->group.body;
		g = n && n->kind == NODE_WORKFLOW ? n->workflow.graph : NULL;
		sub += len;
		if (*sub == '/')
			sub++;
	}
	return g;
}
