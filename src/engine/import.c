/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Import: unpacked into a folder of its own and checked there, given ids that are free, tried in a store of its own
 * with fsck as the judge, and only then put into this one, in one turn. */
#include "base/diag.h"
#include "engine/carry_internal.h"
#include "space/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err_code import_new(struct engine *e, const char *path, const struct import_limits *limits, struct import **ret,
			 struct err *err)
{
	if (!e->libexec)
		return err_set(err, ERR_UNSUPPORTED, _("the engine does not know where its programs are"));
	struct import *x = xcalloc(1, sizeof(*x));
	enum err_code code = ERR_OK;
	for (int t = 0; t < CARRY_ORDER_EVENT && !code; t++)
		code = store_carry_columns(e->store, (enum carry_table)t, &x->columns[t], err);
	x->home = xstrdup(e->home);
	x->libexec = xstrdup(e->libexec);
	x->upload = xstrdup(path);
	x->epoch = e->epoch;
	x->limits = *limits;
	if (code)
		import_free(x);
	else
		*ret = x;
	return code;
}

/* ---- what it says it is ---- */

static enum err_code broken(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, _("this is not what pawl export writes: %s"), what);
}

static enum err_code read_manifest(struct import *x, struct err *err)
{
	auto_free char *path = xasprintf("%s/" CARRY_FORMAT ".json", x->dir), *text = NULL;
	auto_free char *sum_path = xasprintf("%s/" CARRY_FORMAT ".sum", x->dir), *sum = NULL;
	size_t len = 0;
	if (fs_read(path, CARRY_MANIFEST_MAX, &text, &len, NULL))
		return broken(err, CARRY_FORMAT ".json");
	if (fs_read(sum_path, HASH_TEXT_LEN, &sum, NULL, NULL))
		return broken(err, CARRY_FORMAT ".sum");
	char hex[HASH_TEXT_LEN + 1];
	struct hash hash = hash_bytes(text, len);
	hash_hex(&hash, hex);
	x->hash = hash;
	if (!str_eq(hex, sum))
		return broken(err, _("it was changed, or is damaged"));
	if (json_parse(text, len, CARRY_MANIFEST_MAX, &x->manifest, NULL) ||
	    !str_eq(json_get_str(x->manifest, "format", ""), CARRY_FORMAT))
		return broken(err, CARRY_FORMAT ".json");
	if (json_get_int(x->manifest, "version", 0) != CARRY_VERSION)
		return err_set(err, ERR_VERSION, _("it has the format %lld; this is %d"),
			       (long long)json_get_int(x->manifest, "version", 0), CARRY_VERSION);
	if (json_get_int(x->manifest, "schema", 0) > store_newest_version())
		return err_set(err, ERR_VERSION, _("pawl %.40s wrote it, which knows more than this version"),
			       json_get_str(x->manifest, "pawl", "?"));
	return ERR_OK;
}

static enum err_code read_id(const struct json *v, char kind, id_t64 *ret, struct err *err)
{
	id_t64 last;
	const char *text = json_str(v, "");
	if (id_parse(kind, text, ret, &last, NULL) || *ret != last || *ret <= 0)
		return broken(err, _("an id is none"));
	return ERR_OK;
}

static enum err_code take_manifest(struct import *x, struct err *err)
{
	const struct json *trees = json_get(x->manifest, "snapshots");
	const char *home = json_get_str(x->manifest, "home", "");
	if (home[0] != '/' || strlen(home) < 2 || strlen(home) > 4096)
		return broken(err, _("its home is none"));
	x->old_home = xstrdup(home);
	x->name = xstrdup(json_get_str(x->manifest, "name", ""));
	x->logs = json_get_bool(x->manifest, "logs", false);
	x->made_ms = json_get_int(x->manifest, "made_ms", 0);
	if (x->made_ms < 0)
		return broken(err, _("its time is none"));
	x->trees = xcalloc(json_count(trees) + 1, sizeof(*x->trees));
	for (const struct json *i = json_first(trees); i; i = json_next(i)) {
		const char *tree = json_str(i, "");
		if (strlen(tree) != SPACE_ID_LEN || strspn(tree, "0123456789abcdef") != SPACE_ID_LEN)
			return broken(err, _("a snapshot has no name"));
		x->trees[x->ntrees++] = tree;
	}
	return read_id(json_get(x->manifest, "order"), 'o', &x->old_order, err);
}

/* ---- members ---- */

static int table_of(const char *name)
{
	for (int t = 0; t < CARRY_ORDER_EVENT; t++) {
		auto_free char *file = xasprintf("rows/%s.jsonl", carry_table_name((enum carry_table)t));
		if (str_eq(file, name))
			return t;
	}
	return -1;
}

/* "log/r-…/FILE" and "patch/r-…/FILE". */
static bool is_run_file(const char *name)
{
	const char *id = str_starts(name, "log/") ? name + 4 : str_starts(name, "patch/") ? name + 6 : NULL;
	const char *slash = id ? strchr(id, '/') : NULL;
	if (!slash || (size_t)(slash - id) != ID_LEN || strchr(slash + 1, '/'))
		return false;
	size_t len = strlen(slash + 1);
	/* Beside the logs nothing else than logs, so that nothing is taken for the run's own. */
	return *id == 'r' && len > 0 && (*name == 'l' || (len > 6 && str_eq(slash + 1 + len - 6, ".patch")));
}

static enum err_code check_member(struct import *x, const struct json *m, struct err *err)
{
	const char *name = json_get_str(m, "name", "");
	struct hash told, is;
	int64_t size = 0;
	int t = table_of(name);
	bool pack = str_eq(name, "snapshots.pack");
	if ((t < 0 && !pack && !is_run_file(name)) || strstr(name, "..") || strlen(name) > 300)
		return broken(err, _("a member is none of a run's"));
	auto_free char *path = xasprintf("%s/%s", x->dir, name);
	enum err_code code = hash_file(path, &is, &size, err);
	if (code || size != json_get_int(m, "size", -1) || !hash_parse(json_get_str(m, "hash", ""), &told) ||
	    memcmp(&told, &is, sizeof(is)))
		return err_set(err, ERR_INVALID, _("%s in the archive is missing, or damaged"), name);
	x->pack |= pack;
	x->nfiles += t < 0 && !pack;
	return t < 0 ? ERR_OK : import_rows_read(x, (enum carry_table)t, path, err);
}

static size_t count_files(const char *folder, int depth)
{
	size_t n = 0;
	DIR *d = depth < 4 ? opendir(folder) : NULL;
	for (const struct dirent *i; d && (i = readdir(d));) {
		auto_free char *path = xasprintf("%s/%s", folder, i->d_name);
		struct stat st;
		if (i->d_name[0] == '.' || lstat(path, &st))
			continue;
		n += S_ISDIR(st.st_mode) ? count_files(path, depth + 1) : 1;
	}
	if (d)
		(void)closedir(d);
	return n;
}

static enum err_code check_members(struct import *x, struct err *err)
{
	const struct json *members = json_get(x->manifest, "members");
	struct smap seen = SMAP_INIT;
	enum err_code code = ERR_OK;
	for (const struct json *m = json_first(members); m && !code; m = json_next(m)) {
		const char *name = json_get_str(m, "name", "");
		if (smap_get(&seen, name))
			code = broken(err, _("a member is listed twice"));
		else
			code = check_member(x, m, err);
		smap_put(&seen, name, x);
	}
	smap_done(&seen);
	if (!code && count_files(x->dir, 0) != json_count(members) + 2)
		code = broken(err, _("it has a member that is not listed"));
	return code;
}

/* ---- runs and definitions ---- */

static int by_was(const void *a, const void *b)
{
	const struct import_run *x = a, *y = b;
	return (x->was > y->was) - (x->was < y->was);
}

static enum err_code find_runs(struct import *x, struct err *err)
{
	size_t n = x->rows[CARRY_RUN].n;
	id_t64 top;
	enum err_code code = read_id(json_get(x->manifest, "run"), 'r', &top, err);
	if (code)
		return code;
	if (n == 0 || n > CARRY_RUNS_MAX || x->rows[CARRY_ORDER].n != 1 ||
	    import_number(x, CARRY_ORDER, 0, "id") != x->old_order || import_number(x, CARRY_ORDER, 0, "run") != top)
		return broken(err, _("it has not one order with its run"));
	x->runs = xcalloc(n, sizeof(*x->runs));
	x->nruns = n;
	for (size_t i = 0; i < n; i++)
		x->runs[i].was = import_number(x, CARRY_RUN, i, "id");
	qsort(x->runs, n, sizeof(*x->runs), by_was);
	size_t ntops = 0;
	for (size_t k = 0; k < n; k++) {
		struct import_run key = { .was = import_number(x, CARRY_RUN, k, "id") };
		struct import_run *r = bsearch(&key, x->runs, n, sizeof(key), by_was);
		struct import_run above = { .was = import_number(x, CARRY_RUN, k, "parent_run") };
		const struct import_run *p = above.was ? bsearch(&above, x->runs, n, sizeof(above), by_was) : NULL;
		bool right = above.was ? p && p->was < r->was : r->was == top &&
			     import_number(x, CARRY_RUN, k, "order_id") == x->old_order;
		if (r->was <= 0 || (r + 1 < x->runs + n && r[1].was == r->was) || !right)
			return broken(err, _("a run belongs to none of the others"));
		r->parent = p ? (size_t)(p - x->runs) : SIZE_MAX;
		r->parent_node = (int)import_number(x, CARRY_RUN, k, "parent_node");
		ntops += !p;
		if (!p)
			x->top = (size_t)(r - x->runs);
		enum run_state state = (enum run_state)import_number(x, CARRY_RUN, k, "state");
		if (state == RUN_PENDING || state == RUN_PREPARING || state == RUN_CANCELING || state == RUN_ROLLING_BACK)
			return broken(err, _("a run is in a state in which none is exported"));
		x->live |= !state_final(ENTITY_RUN, (int)state);
	}
	return ntops == 1 ? ERR_OK : broken(err, _("it has not one order with its run"));
}

static const struct graph *definition_of(const struct import *x, const char *hash)
{
	for (size_t i = 0; i < x->ngraphs; i++)
		if (memcmp(x->graphs[i]->hash.b, hash, HASH_LEN) == 0)
			return x->graphs[i];
	return NULL;
}

static enum err_code compile_all(struct import *x, struct err *err)
{
	size_t n = x->rows[CARRY_WORKFLOW].n;
	x->graphs = xcalloc(n + 1, sizeof(struct graph *));
	for (size_t k = 0; k < n; k++) {
		const char *file = import_text(x, CARRY_WORKFLOW, k, "file"), *source = import_text(x, CARRY_WORKFLOW, k, "source");
		const struct carry_cell *hash = import_cell(x, CARRY_WORKFLOW, k, "hash");
		struct err why = { .code = ERR_OK };
		if (!file || !source || hash->null || hash->len != HASH_LEN)
			return broken(err, _("a definition is not whole"));
		struct graph *g = NULL;
		if (definition_compile(file, source, import_text(x, CARRY_WORKFLOW, k, "includes"), &g, &why))
			return err_set(err, ERR_INVALID, _("its definition is not valid here: %s"), why.message);
		x->graphs[x->ngraphs++] = g;
		if (memcmp(g->hash.b, hash->s, HASH_LEN))
			return err_set(err, ERR_INVALID, _("a definition is not the one whose hash it has"));
	}
	for (size_t k = 0; k < x->nruns; k++) {
		struct import_run key = { .was = import_number(x, CARRY_RUN, k, "id") };
		struct import_run *r = bsearch(&key, x->runs, x->nruns, sizeof(key), by_was);
		const char *hash = import_text(x, CARRY_RUN, k, "workflow");
		const struct carry_cell *cell = import_cell(x, CARRY_RUN, k, "workflow");
		const struct graph *g = hash && cell->len == HASH_LEN ? definition_of(x, hash) : NULL;
		r->graph = g ? graph_sub(g, import_text(x, CARRY_RUN, k, "sub")) : NULL;
		if (!r->graph)
			return broken(err, _("the definition of a run is not there"));
	}
	return ERR_OK;
}

static enum err_code check_pack(struct import *x, struct err *err)
{
	if (x->ntrees == 0)
		return x->pack ? broken(err, "snapshots.pack") : ERR_OK;
	if (!x->pack)
		return broken(err, "snapshots.pack");
	auto_free char *pack = xasprintf("%s/snapshots.pack", x->dir), *into = xasprintf("%s/.store", x->dir);
	return space_unpack(pack, x->trees, x->ntrees, into, err);
}

enum err_code import_read(struct import *x, struct err *err)
{
	auto_free char *bytes = xasprintf("%lld", (long long)x->limits.bytes);
	auto_free char *files = xasprintf("%lld", (long long)x->limits.files);
	enum err_code code = staging_make(x->home, "import", x->epoch, &x->dir, err);
	if (code)
		return code;
	const char *const words[] = { "unpack", x->upload, x->dir, bytes, files, NULL };
	code = archive_run(x->libexec, words, NULL, err);
	if (!code)
		code = read_manifest(x, err);
	if (!code)
		code = take_manifest(x, err);
	if (!code)
		code = check_members(x, err);
	if (!code)
		code = import_rows_check(x, err); /* before anything is done with a value */
	if (!code)
		code = find_runs(x, err);
	if (!code)
		code = compile_all(x, err);
	return code ? code : check_pack(x, err);
}

/* ---- ids ---- */

enum err_code import_reserve(struct engine *e, struct import *x, struct err *err)
{
	engine_touch(e);
	x->now_ms = e->now.wall_ms;
	x->epoch = e->epoch;
	/* An id from the future would leave none for those who come after it. */
	int64_t tomorrow_ms = e->now.wall_ms + INT64_C(24) * 3600 * 1000;
	bool taken = store_carry_known_order(e->store, x->old_order) || map_get(&e->orders, (uint64_t)x->old_order) ||
		     x->old_order > id_next(0, tomorrow_ms, 0);
	for (size_t i = 0; i < x->nruns && !taken; i++)
		taken = store_carry_known_run(e->store, x->runs[i].was) || map_get(&e->runs, (uint64_t)x->runs[i].was) ||
			x->runs[i].was > id_next(0, tomorrow_ms, 0);
	x->order = taken ? id_next(e->last_order, e->now.wall_ms, (uint32_t)e->io->random(e->io_ctx)) : x->old_order;
	e->last_order = MAX(e->last_order, x->order);
	for (size_t i = 0; i < x->nruns; i++) {
		x->runs[i].id = taken ? id_next(e->last_run, e->now.wall_ms, (uint32_t)e->io->random(e->io_ctx)) :
					x->runs[i].was;
		e->last_run = MAX(e->last_run, x->runs[i].id);
	}
	x->first_token = e->last_token + 1;
	e->last_token += (int64_t)x->rows[CARRY_ATTEMPT].n;
	return e->storage_failed ? err_set(err, ERR_STORAGE, _("nothing can be stored at present; what runs goes on")) : ERR_OK;
}

/* ---- files ---- */

static enum err_code make_folder(const char *path, struct err *err)
{
	if (mkdir(path, 0700) == 0)
		return ERR_OK;
	return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE : ERR_IO, _("cannot make the folder %s"), path);
}

static enum err_code move_all(const char *from, const char *to, struct err *err)
{
	enum err_code code = ERR_OK;
	DIR *d = opendir(from);
	for (const struct dirent *i; d && !code && (i = readdir(d));) {
		if (i->d_name[0] == '.')
			continue;
		auto_free char *old = xasprintf("%s/%s", from, i->d_name), *new = xasprintf("%s/%s", to, i->d_name);
		if (rename(old, new))
			code = err_sys(err, ERR_IO, _("cannot make %s"), new);
	}
	if (d)
		(void)closedir(d);
	return code;
}

static enum err_code make_run(struct import *x, const struct import_run *r, struct err *err)
{
	auto_free char *folder = xasprintf("%s/runs/%s", x->home, id_text('r', r->id).s);
	auto_free char *log = xasprintf("%s/log", folder);
	auto_free char *logs = xasprintf("%s/log/%s", x->dir, id_text('r', r->was).s);
	auto_free char *patches = xasprintf("%s/patch/%s", x->dir, id_text('r', r->was).s);
	enum err_code code = make_folder(folder, err);
	if (!code)
		code = make_folder(log, err);
	if (!code)
		code = move_all(logs, log, err);
	return code ? code : move_all(patches, folder, err);
}

static enum err_code make_space(const struct import *x, const struct import_space *s, struct err *err)
{
	auto_free char *store = xasprintf("%s/snapshots", x->home);
	struct space_restored restored = { .removed = 0 };
	enum err_code code = make_folder(s->path, err);
	if (code || !s->tree[0] || str_eq(s->tree, SPACE_EMPTY))
		return code;
	code = space_restore(store, s->path, s->tree, &restored, err);
	space_restored_done(&restored);
	return code;
}

static enum err_code make_files(struct import *x, struct err *err)
{
	auto_free char *store = xasprintf("%s/snapshots", x->home), *staged = xasprintf("%s/.store", x->dir);
	enum err_code code = x->ntrees ? space_join(staged, store, err) : ERR_OK;
	x->made = true;
	for (size_t i = 0; i < x->nruns && !code; i++)
		code = make_run(x, &x->runs[i], err);
	for (size_t i = 0; i < x->nspaces && !code; i++)
		code = make_space(x, &x->spaces[i], err);
	return code;
}

/* ---- the trial ---- */

static enum err_code judge(struct store *st, const char *home, struct err *err)
{
	struct fsck f;
	enum err_code code = ERR_OK;
	fsck_run(st, home, NULL, &f);
	for (size_t i = 0; i < f.n && !code; i++)
		if (f.v[i].problems) {
			auto_free char *first = xstrndup(str_text(&f.v[i].text), strcspn(str_text(&f.v[i].text), "\n"));
			code = err_set(err, ERR_INVALID, _("its rows contradict each other: %s"), first);
		}
	fsck_done(&f);
	return code;
}

static enum err_code try_rows(struct import *x, struct err *err)
{
	auto_free char *home = xasprintf("%s/.trial", x->dir), *db = xasprintf("%s/state.db", home);
	struct store *st = NULL;
	enum err_code code = make_folder(home, err);
	if (!code)
		code = store_open(db, &(struct store_options){ .unsafe_network_fs = true, .relaxed_sync = true }, &st, err);
	if (code)
		return code;
	struct err why = { .code = ERR_OK };
	import_rows_put(x, st);
	code = store_commit(st, &why);
	if (code == ERR_STORAGE || code == ERR_IO) {
		if (err)
			*err = why;
	} else if (code) {
		code = err_set(err, ERR_INVALID, _("its rows do not fit together: %s"), why.message);
	} else {
		code = judge(st, home, err);
	}
	store_close(st);
	return code;
}

enum err_code import_make(struct import *x, struct err *err)
{
	enum err_code code = import_rows_map(x, err);
	if (code)
		return code;
	import_spaces(x);
	code = try_rows(x, err);
	return code ? code : make_files(x, err);
}

/* ---- the end ---- */

static void note_origin(struct engine *e, const struct import *x)
{
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_str(&w, "run", id_text('r', x->runs[x->top].was).s);
	jw_str(&w, "order", id_text('o', x->old_order).s);
	jw_str(&w, "home", x->old_home);
	jw_str(&w, "pawl", json_get_str(x->manifest, "pawl", ""));
	jw_int(&w, "made_ms", x->made_ms);
	jw_bool(&w, "logs", x->logs);
	jw_end_obj(&w);
	for (size_t i = 0; i < x->nruns; i++) {
		const struct import_run *r = &x->runs[i];
		bool top = i == x->top;
		struct event_row ev = { .at_ms = e->now.wall_ms, .type = "run.imported", .order = top ? x->order : 0,
					.run = r->id, .idx = -1, .was = -1, .now = -1, .actor = ACTOR_OPERATOR,
					.who = "local", .reason = id_text('r', r->was).s,
					.data = top ? str_text(&data) : NULL };
		store_event(e->store, &ev);
	}
}

enum err_code import_seen(struct engine *e, const struct import *x, const char *idempotency_key, id_t64 *ret,
			  struct err *err)
{
	struct hash body;
	int kind;
	*ret = 0;
	engine_settle(e);
	if (!idempotency_key || !store_idempotency_get(e->store, idempotency_key, &body, &kind, ret))
		return ERR_OK;
	if (memcmp(&body, &x->hash, sizeof(body)) == 0)
		return ERR_OK;
	return err_set(err, ERR_CONFLICT, _("the idempotency key was used with another request"));
}

void import_commit(struct engine *e, struct import *x, const char *idempotency_key, command_reply_fn reply, void *ctx)
{
	engine_settle(e); /* its rows are a turn of their own */
	engine_touch(e);
	if (e->storage_failed) {
		struct err err;
		struct command_reply r = { .code = err_set(&err, ERR_STORAGE, _("nothing can be stored at present")),
					   .err = &err, .state = -1 };
		reply(ctx, &r);
		return;
	}
	import_rows_put(x, e->store);
	note_origin(e, x);
	if (idempotency_key)
		store_idempotency_put(e->store, idempotency_key, &x->hash, 2, x->runs[x->top].id, e->now.wall_ms);
	struct order_row order;
	if (x->live && store_order_get(e->store, x->order, &order, NULL) == ERR_OK) {
		auto_free id_t64 *ids = xcalloc(x->nruns, sizeof(*ids));
		for (size_t i = 0; i < x->nruns; i++)
			ids[i] = x->runs[i].id;
		if (!state_final(ENTITY_ORDER, (int)order.state))
			(void)order_load(e, &order);
		recover_imported(e, ids, x->nruns,
				 &(struct note){ .actor = ACTOR_OPERATOR, .who = "local", .reason = "imported" });
	}
	struct effect *f = effect_add(e, EFFECT_REPLY);
	f->reply = reply;
	f->ctx = ctx;
	f->answer = (struct command_reply){ .id = x->runs[x->top].id, .state = -1 };
}

void import_result(const struct import *x, struct imported *ret)
{
	const struct import_run *top = &x->runs[x->top];
	*ret = (struct imported){ .run = top->id, .from_run = top->was, .order = x->order, .from_order = x->old_order,
				  .nruns = x->nruns, .nfolders = x->nspaces, .nsnapshots = x->ntrees,
				  .nrows = x->nrows, .nfiles = x->nfiles, .logs = x->logs, .live = x->live,
				  .moved = x->moved };
}

void import_keep(struct import *x)
{
	x->kept = true;
}

static void remove_all(const char *path)
{
	if (fs_rmtree(path, NULL))
		diag(DIAG_WARN, "cannot remove %s", path); /* gc finds it */
}

void import_free(struct import *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->nruns && x->made && !x->kept; i++) {
		auto_free char *folder = xasprintf("%s/runs/%s", x->home, id_text('r', x->runs[i].id).s);
		remove_all(folder);
	}
	if (x->dir)
		remove_all(x->dir);
	for (size_t i = 0; i < x->ngraphs; i++)
		graph_free(x->graphs[i]);
	for (size_t i = 0; i < x->nspaces; i++)
		free(x->spaces[i].path);
	for (int t = 0; t < CARRY_TABLES; t++)
		free(x->rows[t].v);
	arena_done(&x->texts);
	json_free(x->manifest);
	free(x->trees);
	free(x->spaces);
	free(x->graphs);
	free(x->tokens);
	free(x->seqs);
	free(x->runs);
	free(x->old_home);
	free(x->name);
	free(x->upload);
	free(x->home);
	free(x->libexec);
	free(x->dir);
	free(x);
}
