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

enum err_code definition_compile(const char *file, const char *text, const char *includes, struct graph **ret,
				 struct err *err)
{
	auto_json *stored = NULL;
	enum err_code code = includes ? json_parse(includes, strlen(includes), 64 * MIB, &stored, err) : ERR_OK;
	if (code)
		return code;
	struct bundle b = { .stored = stored };
	struct flow_source source = { bundle_read, &b };
	struct flow_report report = { 0 };
	code = flow_load(file, text, strlen(text), &source, ret, &report, err);
	flow_report_done(&report);
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

/* Sub-workflows are those of `stored` (a list, may be NULL), then those of the files. *ret_alone: there are none. */
static enum err_code compile(struct engine *e, const char *file, const char *text, size_t len,
			     const struct json *stored, struct definition **ret, bool *ret_alone,
			     struct flow_report *report, struct err *err)
{
	struct bundle b = { .source = &flow_files, .json = STR_INIT, .stored = stored };
	b.w = jw_begin(&b.json);
	jw_arr(&b.w, NULL);
	struct flow_source source = { bundle_read, &b };
	struct graph *g = NULL;
	enum err_code code = flow_load(file, text, len, &source, &g, report, err);
	jw_end_arr(&b.w);
	*ret_alone = str_eq(str_text(&b.json), "[]");
	if (!code) {
		store_workflow_put(e->store, &g->hash, g->name, file, g->source, *ret_alone ? NULL : str_text(&b.json),
				   e->now.wall_ms);
		*ret = keep(e, g);
	}
	str_done(&b.json);
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
	enum err_code code = compile(e, file, s->source, s->source_len, NULL, ret, &alone, report, err);
	if (!code && alone)
		map_put(&e->by_text, short_key(&text), *ret);
	return code;
}

enum err_code definition_edited(struct engine *e, const struct hash *was, const char *text, size_t len,
				struct definition **ret, struct flow_report *report, struct err *err)
{
	auto_free char *file = NULL, *source = NULL, *includes = NULL;
	enum err_code code = store_workflow_get(e->store, was, &file, &source, &includes, err);
	if (code)
		return code;
	auto_json *stored = NULL;
	if (includes && (code = json_parse(includes, strlen(includes), 64 * MIB, &stored, err)))
		return code;
	bool alone;
	return compile(e, file, text, len, stored, ret, &alone, report, err);
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
