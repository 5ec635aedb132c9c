/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going back: the checkpoints of a run, what a way back would do to its nodes and to its files, and how files differ
 * between checkpoints. What looks at files does so in the thread pool. */
#include "api/api_internal.h"
#include "engine/gc.h"
#include "space/snapshot.h"
#include "space/worktree.h"
#include "store/steer.h"

#include "base/fs.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define NODES_MAX 64     /* named in one question */
#define NAMES_MAX 200    /* files named in a preview, of each kind */
#define CHANGES_MAX 5000 /* in one list of differences */
#define TEXT_MAX ((size_t)2 * MIB)

/* ---- checkpoints ---- */

struct point {
	struct checkpoint_row row;
	char *tree, *why_not;
};

struct points {
	struct point *v;
	size_t n, cap;
};

static void add_point(void *ctx, const struct checkpoint_row *c)
{
	struct points *p = ctx;
	GROW(p->v, p->n, p->cap);
	p->v[p->n++] = (struct point){ *c, c->tree ? xstrdup(c->tree) : NULL, c->why_not ? xstrdup(c->why_not) : NULL };
}

static void points_done(struct points *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].tree);
		free(p->v[i].why_not);
	}
	free(p->v);
}

struct newest {
	int idx, generation;
	enum node_state state;
	char outputs[HASH_TEXT_LEN + 1];
	int want;
};

static void take_newest(void *ctx, const struct node_row *n)
{
	struct newest *v = ctx;
	v->generation = n->generation;
	v->state = n->state;
	v->outputs[0] = '\0';
	if (!n->outputs)
		return;
	struct hash h = hash_bytes(n->outputs, strlen(n->outputs));
	hash_hex(&h, v->outputs);
}

static void show_point(struct api *a, struct jw *w, const struct point *p, const struct graph *g, const char *hash)
{
	const struct checkpoint_row *c = &p->row;
	struct newest newest = { .generation = -1 };
	auto_str name = STR_INIT;
	bool start = c->number == 0;
	if (!start && read_nodes(a->store, c->run, c->idx, c->idx + 1, take_newest, &newest, NULL))
		newest.generation = -1;
	bool stands = start || (newest.generation == c->generation && newest.state == NODE_SUCCEEDED);
	if (!start && !node_name(a, c->run, c->idx, &name))
		str_addf(&name, "%d", c->idx);
	jw_obj(w, NULL);
	jw_int(w, "number", c->number);
	jw_str(w, "name", start ? "start" : str_text(&name));
	jw_str(w, "node", start ? NULL : str_text(&name));
	jw_str(w, "workstream", g && (size_t)c->stream < g->nstreams ? g->streams[c->stream].name : "main");
	jw_int(w, "generation", c->generation);
	jw_int(w, "iteration", c->iteration);
	jw_int(w, "seq", c->seq);
	jw_time(w, "at_ms", c->at_ms);
	jw_bool(w, "stands", stands);
	jw_str(w, "files", !p->tree ? "not_kept" : str_eq(p->tree, SPACE_EMPTY) ? "empty" : "kept");
	jw_str(w, "tree", p->tree);
	jw_str(w, "why_not", p->why_not ? _(p->why_not) : NULL);
	jw_int(w, "not_covered", c->nleft);
	jw_str(w, "outputs_hash", stands && newest.outputs[0] ? newest.outputs : NULL);
	jw_str(w, "graph_hash", hash);
	jw_end_obj(w);
}

static const char *step_name(enum procedure_step step)
{
	static const char *const steps[STEP_COUNT] = { "acquire", "protect", "restore", "commit",
						       "health",  "done",    "undone",	"put_back", "quiesce" };
	static_assert(COUNT(steps) == STEP_COUNT, "every step has a name");
	return (size_t)step < COUNT(steps) ? steps[step] : "?";
}

const char *way_back_step(struct api *a, const struct run_row *r)
{
	struct procedure_row p;
	bool may = r->state == RUN_ROLLING_BACK || r->state == RUN_PAUSING || r->state == RUN_PAUSED ||
		   r->state == RUN_FROZEN;
	if (!may || store_procedure_get(a->store, r->id, &p, NULL) || p.ended_ms)
		return NULL;
	return step_name(p.step);
}

static void show_way_back(struct api *a, struct jw *w, id_t64 run)
{
	struct procedure_row p;
	if (store_procedure_get(a->store, run, &p, NULL)) {
		jw_null(w, "way_back");
		return;
	}
	jw_obj(w, "way_back");
	jw_str(w, "step", step_name(p.step));
	jw_raw(w, "request", p.request);
	jw_raw(w, "files", p.spaces);
	jw_time(w, "began_ms", p.began_ms);
	jw_time(w, "ended_ms", p.ended_ms);
	jw_int(w, "lost_ms", p.lost_ms);
	jw_above(w, "took_ms", p.ended_ms ? p.ended_ms - p.began_ms : -1);
	jw_str(w, "error", p.error);
	jw_end_obj(w);
}

enum err_code api_checkpoints(struct request *r, struct err *err)
{
	id_t64 run;
	size_t limit = 0;
	int64_t after = 0;
	CLEANUP(points_done) struct points points = { NULL, 0, 0 };
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &run, err);
	if (!code)
		code = request_limit(r, &limit, err);
	if (!code)
		code = request_cursor(r, &after, err);
	if (!code)
		code = store_checkpoints_of(r->api->store, run, (int)after - 1, (int64_t)limit + 1, add_point, &points,
					    err);
	if (code)
		return code;
	const struct run_graph *rg = run_graph(r->api, run);
	char hex[HASH_TEXT_LEN + 1] = "";
	if (rg)
		hash_hex(&rg->workflow, hex);
	const struct graph *g = graph_of(r->api, run);
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_arr(&w, "items");
	for (size_t i = 0; i < points.n && i < limit; i++)
		show_point(r->api, &w, &points.v[i], g, hex);
	jw_end_arr(&w);
	jw_cursor(&w, points.n > limit ? points.v[limit].row.number + 1 : 0);
	jw_null(&w, "total");
	show_way_back(r->api, &w, run);
	jw_end_obj(&w);
	return ERR_OK;
}

/* ---- preview ---- */

static const char *const verdicts[] = { "open", "kept", "rerun", "stale", "ineligible" };

struct effect {
	char *stream, *path, *to, *why;
	bool gone, include_ignored;
	char *repository, *branch; /* of a worktree; else NULL */
};

struct preview {
	struct job job;
	struct jw w;
	int counts[COUNT(verdicts)];
	struct effect *v;
	size_t n, cap;
	char *home;
	bool copies; /* a fork: the files of the run itself stay */
	bool now;
	int running; /* nodes that end first, or are stopped */
};

static void show_row(void *ctx, const struct reset_preview *p)
{
	struct preview *l = ctx;
	jw_obj(&l->w, NULL);
	jw_str(&l->w, "node", p->node);
	jw_str(&l->w, "state", state_name(ENTITY_NODE, (int)p->state));
	jw_str(&l->w, "verdict", p->verdict);
	jw_str(&l->w, "why", p->why);
	jw_str(&l->w, "first", !p->runs ? NULL : l->now ? "is_stopped" : "ends");
	jw_end_obj(&l->w);
	l->running += p->runs;
	for (size_t i = 0; i < COUNT(verdicts); i++)
		l->counts[i] += str_eq(p->verdict, verdicts[i]);
}

static void add_effect(void *ctx, const struct reset_files *f)
{
	struct preview *l = ctx;
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = (struct effect){ xstrdup(f->stream), xstrdup(f->path), f->to ? xstrdup(f->to) : NULL,
					f->why ? xstrdup(f->why) : NULL, f->gone, f->include_ignored,
					f->repository ? xstrdup(f->repository) : NULL, f->branch ? xstrdup(f->branch) : NULL };
}

static void preview_free(struct job *j)
{
	struct preview *l = CONTAINER_OF(j, struct preview, job);
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].stream);
		free(l->v[i].path);
		free(l->v[i].to);
		free(l->v[i].why);
		free(l->v[i].repository);
		free(l->v[i].branch);
	}
	free(l->v);
	free(l->home);
	free(l);
}

struct names {
	struct jw *w;
	size_t n, skipped[3]; /* written, removed, modes */
	int kind;
};

static int kind_of(enum space_change change)
{
	switch (change) {
	case SPACE_REMOVED:
		return 1;
	case SPACE_MODE:
		return 2;
	case SPACE_ADDED:
	case SPACE_MODIFIED:
	case SPACE_KIND:
		break;
	}
	return 0;
}

static bool add_name(void *with, const char *path, enum space_change change)
{
	struct names *l = with;
	if (kind_of(change) != l->kind)
		return true;
	if (++l->n <= NAMES_MAX)
		jw_str(l->w, NULL, path);
	return true;
}

/* From the files as they are to those of the snapshot. */
static enum err_code show_changes(struct jw *w, const char *store, const char *now, const char *to, struct err *err)
{
	static const char *const lists[] = { "written", "removed", "modes" };
	static const char *const counts[] = { "nwritten", "nremoved", "nmodes" };
	enum err_code code = ERR_OK;
	for (int i = 0; i < 3 && !code; i++) {
		struct names l = { .w = w, .kind = i };
		jw_arr(w, lists[i]);
		if (!str_eq(now, to))
			code = space_diff(store, now, to, add_name, &l, err);
		jw_end_arr(w);
		jw_int(w, counts[i], (int64_t)l.n);
	}
	return code;
}

static void show_left(struct jw *w, const struct space_report *report)
{
	jw_obj(w, "not_covered");
	for (int i = 0; i < SPACE_LEFT_COUNT; i++)
		if (report->nleft[i])
			jw_int(w, space_left_name((enum space_left)i), (int64_t)report->nleft[i]);
	jw_end_obj(w);
	jw_arr(w, "not_covered_names");
	for (size_t i = 0; i < report->n && i < NAMES_MAX; i++)
		jw_str(w, NULL, report->left[i].path);
	jw_end_arr(w);
}

static bool is_empty_folder(const char *path)
{
	DIR *d = opendir(path);
	bool empty = d != NULL;
	for (const struct dirent *i; d && (i = readdir(d));)
		empty = empty && (str_eq(i->d_name, ".") || str_eq(i->d_name, ".."));
	if (d)
		(void)closedir(d);
	return empty;
}

/* Where the branch of the worktree goes with the files. */
static void show_head(const struct preview *l, struct jw *w, const struct effect *v)
{
	char to[WORKTREE_OID_LEN + 1] = "", from[WORKTREE_OID_LEN + 1] = "";
	auto_free char *store = xasprintf("%s/snapshots", l->home);
	bool known = v->to && !str_eq(v->to, SPACE_EMPTY) && v->branch && !space_head(store, v->to, to, NULL) && to[0];
	if (known && worktree_head(v->repository, v->branch, from, NULL))
		from[0] = '\0';
	if (!known || str_eq(from, to)) {
		jw_null(w, "head");
		return;
	}
	jw_obj(w, "head");
	jw_str(w, "branch", v->branch);
	jw_str(w, "from", from[0] ? from : NULL);
	jw_str(w, "to", to);
	jw_end_obj(w);
}

static enum err_code show_restore(struct preview *l, struct jw *w, const struct effect *v, struct err *err)
{
	auto_free char *store = xasprintf("%s/snapshots", l->home);
	char now[SPACE_ID_LEN + 1], to[SPACE_ID_LEN + 1];
	auto_report report = { .files = 0 };
	struct space_options options = { .include_ignored = v->include_ignored };
	/* No files then and none now: nothing has to be looked at. */
	if (str_eq(v->to, SPACE_EMPTY) && !v->gone && !l->copies && is_empty_folder(v->path)) {
		show_left(w, &report);
		jw_null(w, "conflict");
		return show_changes(w, store, SPACE_EMPTY, SPACE_EMPTY, err);
	}
	enum err_code code = space_tree_id(l->home, v->to, to, err);
	if (code || v->gone || l->copies || !fs_exists(v->path))
		return code;
	code = space_snapshot(store, v->path, &options, now, &report, err);
	if (!code)
		code = show_changes(w, store, now, to, err);
	if (code)
		return code;
	show_left(w, &report);
	struct space_restored restored = { .removed = 0 };
	struct err conflict;
	bool stands = space_restore_preview(store, v->path, to, &restored, &conflict) != ERR_OK;
	jw_str(w, "conflict", stands ? conflict.message : NULL);
	space_restored_done(&restored);
	return ERR_OK;
}

static enum err_code look_at_files(struct job *j, struct err *err)
{
	struct preview *l = CONTAINER_OF(j, struct preview, job);
	struct jw w = l->w; /* goes on where the nodes ended */
	enum err_code code = ERR_OK;
	size_t nback = 0;
	w.out = &j->out;
	jw_arr(&w, "files");
	for (size_t i = 0; i < l->n && !code; i++) {
		const struct effect *v = &l->v[i];
		nback += v->to != NULL;
		jw_obj(&w, NULL);
		jw_str(&w, "workstream", v->stream);
		jw_str(&w, "path", v->path);
		jw_str(&w, "action", v->to ? (l->copies ? "copy" : v->gone ? "make_again" : "restore") : "stays");
		jw_str(&w, "to", v->to);
		jw_str(&w, "why", v->why);
		show_head(l, &w, v);
		if (v->to)
			code = show_restore(l, &w, v, err);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	if (nback)
		jw_str(&w, "workspace", l->copies ? _("is copied as it was then") :
						    _("goes back, too: its files become what they were"));
	else
		jw_str(&w, "workspace", _("stays as it is"));
	jw_end_obj(&w);
	return code;
}

/* "a,b" cut into its parts, in place. */
static size_t split_names(char *text, const char **names)
{
	size_t n = 0;
	for (char *save = NULL, *part = strtok_r(text, ",", &save); part && n < NODES_MAX;
	     part = strtok_r(NULL, ",", &save))
		names[n++] = part;
	return n;
}

static enum err_code read_question(const struct request *r, struct command *c, struct err *err)
{
	static const enum verb known[] = { VERB_RETRY, VERB_RESUME_FROM, VERB_ROLLBACK, VERB_FORK };
	const char *verb = request_query(r, "verb", "retry");
	size_t i = 0;
	while (i < COUNT(known) && !str_eq(verb, verb_name(known[i])))
		i++;
	if (i == COUNT(known))
		return err_set(err, ERR_USAGE,
			       _("verb: \"%.40s\" has no preview; retry, resume_from, rollback and fork have one"), verb);
	c->verb = known[i];
	c->checkpoint = request_query(r, "checkpoint", NULL);
	enum err_code code = find_run(r->api, r->args[0], &c->id, err);
	if (!code)
		code = request_flag(r, "only", &c->only, err);
	if (!code)
		code = request_flag(r, "keep_files", &c->keep_files, err);
	if (!code)
		code = request_flag(r, "now", &c->now, err);
	if (!code)
		code = request_flag(r, "restore", &c->restore, err);
	const char *definition = request_query(r, "definition", "pinned");
	bool news = str_eq(definition, "new");
	if (!code && !news && !str_eq(definition, "pinned"))
		return err_set(err, ERR_USAGE, _("definition: possible are \"new\" and \"pinned\""));
	if (!code && news && c->verb != VERB_RETRY && c->verb != VERB_RESUME_FROM)
		return err_set(err, ERR_USAGE, _("definition: %s goes back with the definition that the run has"), verb);
	return code;
}

/* "set" and "env", objects as in the body of the verb itself; they are only checked. */
static enum err_code read_edits(const struct request *r, struct json **ret, struct edit_spec *ret_edit, struct err *err)
{
	const char *set = request_query(r, "set", NULL), *env = request_query(r, "env", NULL);
	bool any;
	if (!set && !env)
		return ERR_OK;
	auto_free char *text = xasprintf("{\"set\":%s,\"env\":%s}", set ? set : "null", env ? env : "null");
	enum err_code code = json_parse(text, strlen(text), TARGET_MAX, ret, err);
	if (!code && json_count(*ret) != 2)
		code = err_set(err, ERR_USAGE, _("set and env: expected a JSON object each"));
	return code ? code : read_edit(*ret, true, ret_edit, &any, err);
}

enum err_code api_preview(struct request *r, struct err *err)
{
	struct command c = { .verb = VERB_RETRY };
	engine_settle(r->api->engine);
	enum err_code code = read_question(r, &c, err);
	if (code)
		return code;
	auto_free char *text = xstrdup(request_query(r, "node", ""));
	const char *names[NODES_MAX];
	c.nodes = names;
	c.nnodes = split_names(text, names);
	auto_json *edits = NULL;
	struct edit_spec edit = { .from_file = false };
	code = read_edits(r, &edits, &edit, err);
	if (code)
		return code;
	edit.from_file = str_eq(request_query(r, "definition", "pinned"), "new");
	c.edit = edits || edit.from_file ? &edit : NULL;
	struct preview *p = xcalloc(1, sizeof(*p));
	p->home = xstrdup(engine_home(r->api->engine));
	p->copies = c.verb == VERB_FORK;
	p->now = c.now;
	p->w = jw_begin(&p->job.out);
	jw_obj(&p->w, NULL);
	jw_str(&p->w, "run", id_text('r', c.id).s);
	jw_str(&p->w, "verb", verb_name(c.verb));
	jw_arr(&p->w, "items");
	code = engine_reset_preview(r->api->engine, &c, show_row, add_effect, p, err);
	if (code) {
		str_done(&p->job.out);
		preview_free(&p->job);
		return code;
	}
	jw_end_arr(&p->w);
	jw_obj(&p->w, "counts");
	for (size_t i = 0; i < COUNT(verdicts); i++)
		jw_int(&p->w, verdicts[i], p->counts[i]);
	jw_int(&p->w, "running", p->running);
	jw_end_obj(&p->w);
	auto_str news = STR_INIT;
	engine_definition_news(r->api->engine, c.id, &news);
	jw_raw(&p->w, "definition", str_text(&news));
	p->job.request = r;
	p->job.run = look_at_files;
	p->job.free = preview_free;
	job_start(r->api, &p->job);
	return ERR_OK;
}

/* ---- differences ---- */

static bool climbs(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
		if (str_starts(p, "..") && (p[2] == '/' || !p[2]))
			return true;
	return path[0] == '/';
}

struct side {
	char *name; /* as asked for */
	char *tree; /* NULL: the files as they are now */
};

struct differ {
	struct job job;
	struct side from, to;
	char *home, *folder, *path, *stream;
	bool include_ignored, text;
	struct jw w;
	size_t n;
};

static void differ_free(struct job *j)
{
	struct differ *d = CONTAINER_OF(j, struct differ, job);
	free(d->from.name);
	free(d->from.tree);
	free(d->to.name);
	free(d->to.tree);
	free(d->home);
	free(d->folder);
	free(d->path);
	free(d->stream);
	free(d);
}

static bool add_change(void *with, const char *path, enum space_change change)
{
	struct differ *d = with;
	if (d->path && !str_eq(d->path, path))
		return true;
	if (d->n++ < CHANGES_MAX) {
		jw_obj(&d->w, NULL);
		jw_str(&d->w, "path", path);
		jw_str(&d->w, "change", space_change_name(change));
		jw_end_obj(&d->w);
	}
	return true;
}

static enum err_code id_of(struct differ *d, const char *store, const struct side *s, char ret[41], struct err *err)
{
	struct space_options options = { .include_ignored = d->include_ignored };
	if (s->tree)
		return space_tree_id(d->home, s->tree, ret, err);
	return space_snapshot(store, d->folder, &options, ret, NULL, err);
}

static enum err_code differ(struct job *j, struct err *err)
{
	struct differ *d = CONTAINER_OF(j, struct differ, job);
	auto_free char *store = xasprintf("%s/snapshots", d->home);
	char from[41], to[41];
	enum err_code code = id_of(d, store, &d->from, from, err);
	if (!code)
		code = id_of(d, store, &d->to, to, err);
	if (code)
		return code;
	d->w = jw_begin(&j->out);
	jw_obj(&d->w, NULL);
	jw_str(&d->w, "from", d->from.name);
	jw_str(&d->w, "to", d->to.name);
	jw_str(&d->w, "workstream", d->stream);
	jw_arr(&d->w, "items");
	code = space_diff(store, from, to, add_change, d, err);
	jw_end_arr(&d->w);
	jw_int(&d->w, "total", (int64_t)d->n);
	if (d->text && !code) {
		auto_str text = STR_INIT;
		code = space_diff_text(store, from, to, d->path, TEXT_MAX, &text, err);
		jw_strn(&d->w, "text", str_text(&text), text.len);
	}
	jw_end_obj(&d->w);
	return code;
}

struct found_space {
	const char *name; /* of the workstream */
	int stream;       /* -1: not found */
	char *path, *tree;
	bool gone, include_ignored;
};

static void take_space(void *ctx, const struct workspace_info *w)
{
	struct found_space *f = ctx;
	if (!str_eq(w->name, f->name))
		return;
	f->stream = w->stream;
	f->path = xstrdup(w->path);
	f->tree = w->tree ? xstrdup(w->tree) : NULL;
	f->gone = w->gone;
	f->include_ignored = w->include_ignored;
}

static void take_generation(void *ctx, const struct node_row *n)
{
	*(int *)ctx = n->generation;
}

static int newest_generation(struct api *a, id_t64 run, int idx)
{
	int generation = 1;
	return read_nodes(a->store, run, idx, idx + 1, take_generation, &generation, NULL) ? 1 : generation;
}

struct began {
	int generation;
	char *tree;
};

static void take_before(void *ctx, const struct node_row *n)
{
	struct began *b = ctx;
	if (n->generation == b->generation && n->before && !b->tree)
		b->tree = xstrdup(n->before);
}

/* "NODE@0": as they were when the node began. */
static enum err_code find_began(struct api *a, id_t64 run, const char *name, int idx, int generation, struct side *ret,
				struct err *err)
{
	struct began b = { generation, NULL };
	enum err_code code = store_node_generations(a->store, run, idx, take_before, &b, err);
	if (!code && !b.tree)
		code = err_set(err, ERR_CONFLICT, _("the files of %.80s were not kept"), name);
	ret->tree = b.tree;
	return code;
}

/* "NODE@ITERATION" or "NODE@GENERATION.ITERATION": the files after the work of an iteration, before it was checked. */
static enum err_code find_iteration(struct api *a, id_t64 run, const char *name, const char *at, struct side *ret,
				    struct err *err)
{
	auto_free char *node = xstrndup(name, (size_t)(at - name));
	struct iteration_row i;
	const char *dot = strchr(at, '.'), *number = dot ? dot + 1 : at + 1;
	bool began = str_eq(number, "0");
	auto_free char *text = began ? xasprintf("%.*s1", (int)(number - at - 1), at + 1) : xstrdup(at + 1);
	int v[3], idx = -1;
	enum err_code code = attempt_numbers(text, v, err);
	if (code || v[0] >= 0)
		return err_set(err, ERR_USAGE, _("\"%.40s\" is no iteration: expected NODE@I or NODE@G.I"), name);
	code = node_find(a, run, node, &idx, err);
	if (code)
		return code;
	int generation = v[1] >= 0 ? v[1] : newest_generation(a, run, idx);
	if (began)
		return find_began(a, run, name, idx, generation, ret, err);
	code = store_iteration_get(a->store, run, idx, generation, v[2], &i, err);
	if (!code && !i.tree)
		code = err_set(err, ERR_CONFLICT, _("the files of %.80s were not kept"), name);
	if (!code)
		ret->tree = xstrdup(i.tree);
	return code;
}

static enum err_code find_side(struct api *a, id_t64 run, const char *name, const struct found_space *space,
			       struct side *ret, struct err *err)
{
	struct checkpoint_row c;
	const char *at = strrchr(name, '@');
	ret->name = xstrdup(name);
	if (at)
		return find_iteration(a, run, name, at, ret, err);
	if (str_eq(name, "now")) {
		if (space->gone && !space->tree)
			return err_set(err, ERR_CONFLICT, _("the workspace was given back, and no snapshot of it was kept"));
		ret->tree = space->gone ? xstrdup(space->tree) : NULL;
		return ERR_OK;
	}
	enum err_code code = engine_checkpoint(a->engine, run, name, &c, err);
	if (!code)
		code = store_checkpoint_files(a->store, run, space->stream, c.seq, &c, err);
	if (!code && !c.tree)
		code = err_set(err, ERR_CONFLICT, _("the files of checkpoint %s were not kept: %s"), name, _(c.why_not));
	if (!code)
		ret->tree = xstrdup(c.tree);
	return code;
}

enum err_code api_diff(struct request *r, struct err *err)
{
	id_t64 run;
	struct api *a = r->api;
	struct found_space space = { .name = request_query(r, "workstream", "main"), .stream = -1 };
	const char *from = request_query(r, "from", "start"), *to = request_query(r, "to", "now");
	const char *path = request_query(r, "path", NULL);
	if (path && climbs(path))
		return err_set(err, ERR_USAGE, _("path=%.200s: expected a file of the workspace, as src/main.c"), path);
	bool text = false;
	engine_settle(a->engine);
	enum err_code code = find_run(a, r->args[0], &run, err);
	if (!code)
		code = request_flag(r, "text", &text, err);
	if (!code)
		code = engine_workspaces(a->engine, run, take_space, &space, err);
	if (!code && space.stream < 0)
		code = err_set(err, ERR_NOT_FOUND, _("the run has no workstream %.64s"), space.name);
	if (code)
		return code;
	struct differ *d = xcalloc(1, sizeof(*d));
	d->home = xstrdup(engine_home(a->engine));
	d->folder = space.path;
	d->stream = xstrdup(space.name);
	d->path = path ? xstrdup(path) : NULL;
	d->text = text || path;
	d->include_ignored = space.include_ignored;
	code = find_side(a, run, from, &space, &d->from, err);
	if (!code)
		code = find_side(a, run, to, &space, &d->to, err);
	free(space.tree);
	if (code) {
		differ_free(&d->job);
		return code;
	}
	d->job.request = r;
	d->job.run = differ;
	d->job.free = differ_free;
	job_start(a, &d->job);
	return ERR_OK;
}

/* ---- gc ---- */

static const char *const gc_kinds[GC_KINDS] = { "workspace", "worktree", "folder", "orphan", "temporary" };

static void gc_done(void *ctx, enum err_code code, const struct err *err, const struct gc *gc)
{
	struct request *r = ctx;
	r->api->collecting = false;
	if (code) {
		request_finish(r, code, err);
		return;
	}
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_bool(&w, "dry_run", gc->dry_run);
	jw_int(&w, "runs", (int64_t)gc->nruns);
	jw_int(&w, "bytes", (int64_t)gc->bytes);
	jw_int(&w, "store_bytes", (int64_t)gc->store_bytes);
	jw_int(&w, "snapshots_kept", (int64_t)gc->nkeep);
	jw_arr(&w, "items");
	for (size_t i = 0; i < gc->n && i < CHANGES_MAX; i++) {
		const struct gc_item *v = &gc->v[i];
		jw_obj(&w, NULL);
		jw_str(&w, "kind", gc_kinds[v->kind]);
		jw_id(&w, "run", 'r', v->run);
		jw_str(&w, "path", v->path[0] ? v->path : NULL);
		jw_str(&w, "repository", v->repository);
		jw_str(&w, "branch", v->branch);
		jw_int(&w, "bytes", (int64_t)v->bytes);
		jw_bool(&w, "kept", v->kept);
		jw_str(&w, "error", v->failed ? v->err.message : NULL);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_int(&w, "total", (int64_t)gc->n);
	jw_end_obj(&w);
	request_finish(r, ERR_OK, NULL);
}

enum err_code api_gc(struct request *r, struct err *err)
{
	int64_t older_ms = 0;
	bool dry_run = true;
	if (json_type(json_get(r->json, "older_ms")) != JSON_NUMBER)
		return err_set(err, ERR_USAGE, _("older_ms: expected how many milliseconds ago a run must have ended"));
	enum err_code code = body_number(r->json, "older_ms", 0, 0, INT64_MAX / 4, &older_ms, err);
	if (!code && json_get(r->json, "dry_run"))
		code = body_flag(r->json, "dry_run", &dry_run, err);
	/* What an import has brought belongs to no run before its commit. */
	if (!code && (r->api->importing || r->api->collecting)) {
		code = err_set(err, ERR_CONFLICT, _("an import or another gc is under way"));
		err_hint(err, _("ask again when it is done"));
	}
	if (code)
		return code;
	engine_settle(r->api->engine);
	request_wait(r);
	r->api->collecting = true;
	code = engine_gc(r->api->engine, older_ms, dry_run, gc_done, r, err);
	if (code) {
		r->api->collecting = false;
		request_finish(r, code, err);
	}
	return ERR_OK;
}
