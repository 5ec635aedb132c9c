/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Export: the rows are read page by page between the turns, and read again if something happened to the run
 * meanwhile; everything else is done beside the loop. */
#include "engine/carry_internal.h"
#include "base/diag.h"
#include "space/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_ROWS 2000
#define TRIES 5

struct member {
	char *name, *path;
	int64_t size;
	struct hash hash;
};

struct export {
	char *home, *libexec, *dir, *file;
	id_t64 run, order;
	char *name;
	enum run_state state;
	bool logs, live;
	int64_t epoch, made_ms, schema;
	id_t64 *runs; /* the run, then those below it */
	int64_t *seqs; /* newest event of each when it was begun to be read */
	size_t nruns, capruns;
	struct hash *definitions;
	size_t ndefinitions, capdefinitions;
	/* Where reading is. */
	enum carry_table table;
	size_t at;
	struct carry_cursor cursor;
	int tries;
	bool again, all;
	struct str pages[CARRY_TABLES]; /* read, and not written yet */
	int64_t counts[CARRY_TABLES];
	struct smap trees;
	struct member *members;
	size_t nmembers, capmembers;
};

/* ---- which runs ---- */

static void add_child(void *ctx, id_t64 child)
{
	struct export *x = ctx;
	if (x->nruns >= CARRY_RUNS_MAX)
		return;
	GROW(x->runs, x->nruns, x->capruns);
	x->runs[x->nruns++] = child;
}

static enum err_code check_state(struct export *x, const struct run_row *row, struct err *err)
{
	static const enum run_state passing[] = { RUN_PENDING, RUN_PREPARING, RUN_CANCELING, RUN_ROLLING_BACK };
	for (size_t i = 0; i < COUNT(passing); i++) {
		if (row->state != passing[i])
			continue;
		enum err_code code = err_set(err, ERR_CONFLICT, _("%s is %s"), id_text('r', row->id).s,
					     state_name(ENTITY_RUN, (int)row->state));
		err_hint(err, _("that does not last: ask again"));
		return code;
	}
	x->live |= !state_final(ENTITY_RUN, (int)row->state);
	return ERR_OK;
}

static void add_definition(void *ctx, const struct hash *hash)
{
	struct export *x = ctx;
	for (size_t i = 0; i < x->ndefinitions; i++)
		if (memcmp(&x->definitions[i], hash, sizeof(*hash)) == 0)
			return;
	GROW(x->definitions, x->ndefinitions, x->capdefinitions);
	x->definitions[x->ndefinitions++] = *hash;
}

static void add_tree(void *ctx, const char *tree)
{
	struct export *x = ctx;
	if (tree && tree[0] && !str_eq(tree, SPACE_EMPTY))
		smap_put(&x->trees, tree, x);
}

static enum err_code add_trees(struct engine *e, struct export *x, id_t64 run, struct err *err)
{
	struct procedure_row p;
	enum err_code code = store_carry_trees(e->store, run, add_tree, x, err);
	if (code || store_procedure_get(e->store, run, &p, NULL))
		return code;
	auto_json *spaces = NULL;
	if (json_parse(p.spaces, strlen(p.spaces), 4 * MIB, &spaces, NULL))
		return ERR_OK;
	for (const struct json *s = json_first(spaces); s; s = json_next(s)) {
		add_tree(x, json_get_str(s, "to", ""));
		add_tree(x, json_get_str(s, "present", ""));
	}
	return ERR_OK;
}

/* From the beginning: what there is to read. */
static enum err_code begin(struct engine *e, struct export *x, struct err *err)
{
	enum err_code code = ERR_OK;
	smap_done(&x->trees);
	x->nruns = x->ndefinitions = 0;
	x->table = 0;
	x->at = 0;
	x->live = false;
	x->cursor = (struct carry_cursor){ .begun = false };
	add_child(x, x->run);
	for (size_t i = 0; i < x->nruns && !code; i++) {
		struct run_row row;
		code = store_run_get(e->store, x->runs[i], &row, err);
		if (!code)
			code = check_state(x, &row, err);
		if (code)
			return code;
		if (i == 0) {
			x->order = row.order;
			x->state = row.state;
			free(x->name);
			x->name = xstrdup(row.name);
		}
		code = store_carry_definitions(e->store, x->runs[i], add_definition, x, err);
		if (!code)
			code = add_trees(e, x, x->runs[i], err);
		if (!code)
			code = store_carry_children(e->store, x->runs[i], add_child, x, err);
	}
	if (!code && x->nruns >= CARRY_RUNS_MAX)
		code = err_set(err, ERR_TOO_LARGE, _("it has more than %d runs below it"), CARRY_RUNS_MAX);
	x->seqs = xreallocarray(x->seqs, x->nruns + 1, sizeof(*x->seqs));
	for (size_t i = 0; i < x->nruns; i++)
		x->seqs[i] = store_carry_seq(e->store, x->runs[i]);
	for (int t = 0; t < CARRY_TABLES; t++) {
		str_clear(&x->pages[t]);
		x->counts[t] = 0;
	}
	return code;
}

enum err_code export_new(struct engine *e, id_t64 run, bool logs, struct export **ret, struct err *err)
{
	struct run_row row;
	enum err_code code = store_run_get(e->store, run, &row, err);
	if (code)
		return code;
	if (row.parent_run) {
		code = err_set(err, ERR_CONFLICT, _("%s is a part of another run"), id_text('r', run).s);
		err_hint(err, _("export that one: %s"), id_text('r', row.parent_run).s);
		return code;
	}
	if (!e->libexec)
		return err_set(err, ERR_UNSUPPORTED, _("the engine does not know where its programs are"));
	struct export *x = xcalloc(1, sizeof(*x));
	x->home = xstrdup(e->home);
	x->libexec = xstrdup(e->libexec);
	x->run = run;
	x->logs = logs;
	x->epoch = e->epoch;
	x->made_ms = e->io->now(e->io_ctx).wall_ms;
	x->schema = store_newest_version();
	code = begin(e, x, err);
	if (code)
		export_free(x);
	else
		*ret = x;
	return code;
}

/* ---- rows ---- */

static bool changed(struct engine *e, const struct export *x)
{
	for (size_t i = 0; i < x->nruns; i++)
		if (store_carry_seq(e->store, x->runs[i]) != x->seqs[i])
			return true;
	return false;
}

/* One page of the present table. */
static enum err_code read_page(struct engine *e, struct export *x, int64_t *left, struct err *err)
{
	struct str *page = &x->pages[x->table];
	bool of_order = x->table == CARRY_ORDER || x->table == CARRY_ORDER_EVENT;
	size_t last = x->table == CARRY_WORKFLOW ? x->ndefinitions : of_order ? 1 : x->nruns;
	int64_t n = 0;
	enum err_code code = ERR_OK;
	if (x->table == CARRY_WORKFLOW) {
		code = store_carry_workflow(e->store, &x->definitions[x->at], page, err);
		x->counts[x->table]++;
	} else {
		code = store_carry_rows(e->store, x->table, of_order ? x->order : x->runs[x->at], &x->cursor, *left, page,
					&n, err);
		x->counts[x->table] += n;
	}
	*left -= n;
	if (n > 0 || code)
		return code;
	x->cursor = (struct carry_cursor){ .begun = false };
	if (++x->at == last) {
		x->at = 0;
		x->table++;
	}
	return ERR_OK;
}

enum err_code export_next(struct engine *e, struct export *x, bool *ret_more, struct err *err)
{
	enum err_code code = ERR_OK;
	*ret_more = !x->all;
	if (x->all)
		return ERR_OK;
	engine_settle(e);
	if (changed(e, x)) {
		if (++x->tries >= TRIES) {
			code = err_set(err, ERR_CONFLICT, _("%s changes faster than it can be read"), id_text('r', x->run).s);
			err_hint(err, _("pause it first: pawl pause %s"), id_text('r', x->run).s);
			return code;
		}
		x->again = true;
		code = begin(e, x, err);
	}
	size_t bytes = 0;
	for (int64_t left = PAGE_ROWS; !code && left > 0 && bytes < MIB && x->table < CARRY_TABLES;) {
		enum carry_table t = x->table;
		size_t before = x->pages[t].len;
		code = read_page(e, x, &left, err);
		bytes += x->pages[t].len - before;
	}
	x->all = x->table == CARRY_TABLES;
	return code;
}

/* ---- files ---- */

static enum err_code append(struct export *x, enum carry_table t, struct err *err)
{
	struct str *page = &x->pages[t];
	auto_free char *path = xasprintf("%s/%s.jsonl", x->dir, carry_table_name(t));
	if (!page->len)
		return ERR_OK;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	bool good = fd >= 0 && fs_write_all(fd, page->p, page->len);
	enum err_code code = good ? ERR_OK :
				    err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE : ERR_IO,
					    _("cannot write %s"), path);
	if (fd >= 0)
		(void)close(fd);
	str_clear(page);
	return code;
}

static void add_member(struct export *x, char *name, char *path)
{
	GROW(x->members, x->nmembers, x->capmembers);
	x->members[x->nmembers++] = (struct member){ .name = name, .path = path };
}

/* A file that may grow while it is read: what it is now. */
static enum err_code copy(struct export *x, struct member *m, struct err *err)
{
	char *to = xasprintf("%s/copy-%zu", x->dir, x->nmembers);
	int in = open(m->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;
	bool good = in >= 0 && out >= 0 && fstat(in, &st) == 0;
	off_t left = good ? st.st_size : 0;
	while (good && left > 0) {
		ssize_t n = copy_file_range(in, NULL, out, NULL, (size_t)left, 0);
		good = n > 0;
		left -= n > 0 ? n : 0;
	}
	enum err_code code = good ? ERR_OK : err_sys(err, ERR_IO, _("cannot copy %s"), m->path);
	if (in >= 0)
		(void)close(in);
	if (out >= 0)
		(void)close(out);
	free(m->path);
	m->path = to;
	return code;
}

/* What is being written under another name is no file of the run yet. */
static bool plain(const char *name)
{
	size_t len = strlen(name);
	return name[0] != '.' && !(len > 4 && str_eq(name + len - 4, ".tmp")) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+") == strlen(name);
}

/* The plain files of a folder whose names end so; a missing folder has none. */
static enum err_code add_files(struct export *x, const char *kind, id_t64 run, const char *folder, const char *end,
			       struct err *err)
{
	enum err_code code = ERR_OK;
	DIR *d = opendir(folder);
	for (const struct dirent *i; d && !code && (i = readdir(d));) {
		size_t len = strlen(i->d_name), tail = strlen(end);
		char *path = xasprintf("%s/%s", folder, i->d_name);
		struct stat st;
		if (!plain(i->d_name) || len < tail || !str_eq(i->d_name + len - tail, end) || lstat(path, &st) ||
		    !S_ISREG(st.st_mode)) {
			free(path);
			continue;
		}
		add_member(x, xasprintf("%s/%s/%s", kind, id_text('r', run).s, i->d_name), path);
		if (x->live)
			code = copy(x, &x->members[x->nmembers - 1], err);
	}
	if (d)
		(void)closedir(d);
	return code;
}

static enum err_code collect(struct export *x, struct err *err)
{
	enum err_code code = ERR_OK;
	for (int t = 0; t < CARRY_ORDER_EVENT; t++) {
		char *path = xasprintf("%s/%s.jsonl", x->dir, carry_table_name((enum carry_table)t));
		if (fs_exists(path))
			add_member(x, xasprintf("rows/%s.jsonl", carry_table_name((enum carry_table)t)), path);
		else
			free(path);
	}
	for (size_t i = 0; i < x->nruns && !code; i++) {
		auto_free char *folder = xasprintf("%s/runs/%s", x->home, id_text('r', x->runs[i]).s);
		auto_free char *log = xasprintf("%s/log", folder);
		code = add_files(x, "patch", x->runs[i], folder, ".patch", err);
		if (!code && x->logs)
			code = add_files(x, "log", x->runs[i], log, "", err);
	}
	return code;
}

static enum err_code pack_trees(struct export *x, struct err *err)
{
	if (!x->trees.n)
		return ERR_OK;
	auto_free const char **trees = xcalloc(x->trees.n, sizeof(*trees));
	auto_free char *store = xasprintf("%s/snapshots", x->home);
	size_t at = 0, n = 0;
	const char *tree;
	while (smap_next(&x->trees, &at, &tree))
		trees[n++] = tree;
	char *path = xasprintf("%s/snapshots.pack", x->dir);
	add_member(x, xstrdup("snapshots.pack"), path);
	return space_pack(store, trees, n, path, err);
}

static void write_members(const struct export *x, struct jw *w)
{
	jw_arr(w, "members");
	for (size_t i = 0; i < x->nmembers; i++) {
		char hex[HASH_TEXT_LEN + 1];
		hash_hex(&x->members[i].hash, hex);
		jw_obj(w, NULL);
		jw_str(w, "name", x->members[i].name);
		jw_int(w, "size", x->members[i].size);
		jw_str(w, "hash", hex);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void write_manifest(const struct export *x, struct str *out)
{
	struct jw w = jw_begin(out);
	size_t at = 0;
	const char *tree;
	jw_obj(&w, NULL);
	jw_str(&w, "format", CARRY_FORMAT);
	jw_int(&w, "version", CARRY_VERSION);
	jw_str(&w, "pawl", PACKAGE_VERSION);
	jw_int(&w, "schema", x->schema);
	jw_int(&w, "made_ms", x->made_ms);
	jw_str(&w, "run", id_text('r', x->run).s);
	jw_str(&w, "order", id_text('o', x->order).s);
	jw_str(&w, "name", x->name);
	jw_str(&w, "state", state_name(ENTITY_RUN, (int)x->state));
	jw_bool(&w, "logs", x->logs);
	jw_str(&w, "home", x->home);
	jw_arr(&w, "runs");
	for (size_t i = 0; i < x->nruns; i++)
		jw_str(&w, NULL, id_text('r', x->runs[i]).s);
	jw_end_arr(&w);
	jw_obj(&w, "rows");
	for (int t = 0; t < CARRY_ORDER_EVENT; t++)
		jw_int(&w, carry_table_name((enum carry_table)t),
		       x->counts[t] + (t == CARRY_EVENT ? x->counts[CARRY_ORDER_EVENT] : 0));
	jw_end_obj(&w);
	jw_arr(&w, "snapshots");
	while (smap_next(&x->trees, &at, &tree))
		jw_str(&w, NULL, tree);
	jw_end_arr(&w);
	write_members(x, &w);
	jw_end_obj(&w);
	str_add_char(out, '\n');
}

static void list(struct str *out, const char *name, const char *path, int64_t size)
{
	str_add_len(out, name, strlen(name) + 1);
	str_add_len(out, path, strlen(path) + 1);
	str_addf(out, "%lld", (long long)size);
	str_add_char(out, '\0');
}

static enum err_code finish(struct export *x, struct err *err)
{
	enum err_code code = collect(x, err);
	if (!code)
		code = pack_trees(x, err);
	for (size_t i = 0; i < x->nmembers && !code; i++)
		code = hash_file(x->members[i].path, &x->members[i].hash, &x->members[i].size, err);
	if (code)
		return code;
	auto_str manifest = STR_INIT, members = STR_INIT;
	auto_free char *path = xasprintf("%s/" CARRY_FORMAT ".json", x->dir), *sum = xasprintf("%s/" CARRY_FORMAT ".sum", x->dir);
	write_manifest(x, &manifest);
	struct hash hash = hash_bytes(manifest.p, manifest.len);
	char hex[HASH_TEXT_LEN + 1];
	hash_hex(&hash, hex);
	code = fs_write(path, manifest.p, manifest.len, 0600, err);
	if (!code)
		code = fs_write(sum, hex, strlen(hex), 0600, err);
	if (code)
		return code;
	list(&members, CARRY_FORMAT ".json", path, (int64_t)manifest.len);
	for (size_t i = 0; i < x->nmembers; i++)
		list(&members, x->members[i].name, x->members[i].path, x->members[i].size);
	list(&members, CARRY_FORMAT ".sum", sum, (int64_t)strlen(hex));
	x->file = xasprintf("%s/run.pawl", x->dir);
	const char *const words[] = { "pack", x->file, NULL };
	return archive_run(x->libexec, words, &members, err);
}

static enum err_code begin_files(struct export *x, struct err *err)
{
	if (x->again && x->dir) {
		enum err_code code = fs_rmtree(x->dir, err);
		if (code)
			return code;
		free(TAKE(x->dir));
	}
	x->again = false;
	return x->dir ? ERR_OK : staging_make(x->home, "export", x->epoch, &x->dir, err);
}

enum err_code export_work(struct export *x, struct err *err)
{
	enum err_code code = begin_files(x, err);
	for (int t = 0; t < CARRY_TABLES && !code; t++)
		code = append(x, (enum carry_table)t, err);
	return code || !x->all ? code : finish(x, err);
}

const char *export_path(const struct export *x)
{
	return x->file;
}

void export_free(struct export *x)
{
	if (!x)
		return;
	if (x->dir && fs_rmtree(x->dir, NULL))
		diag(DIAG_WARN, "cannot remove %s", x->dir); /* gc finds it */
	for (size_t i = 0; i < x->nmembers; i++) {
		free(x->members[i].name);
		free(x->members[i].path);
	}
	for (int t = 0; t < CARRY_TABLES; t++)
		str_done(&x->pages[t]);
	smap_done(&x->trees);
	free(x->members);
	free(x->definitions);
	free(x->runs);
	free(x->seqs);
	free(x->name);
	free(x->dir);
	free(x->file);
	free(x->home);
	free(x->libexec);
	free(x);
}
