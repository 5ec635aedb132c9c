/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run as one file: its rows, logs, snapshots and definition; and back, also into another home.
 *
 * The file: a line "pawl-export 1", then parts. A part is a line "KIND LENGTH NAME" and that many bytes and a newline;
 * KIND is rows (JSON, store/carry.h, the first one), log (NAME beside the others), pack (snapshots, of git). */
#include "api/api_internal.h"
#include "space/snapshot.h"
#include "store/carry.h"

#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "pawl-export 1\n"
#define ROWS_MAX ((size_t)256 * MIB)
#define LINE_MAX_LEN 300
#define NAME_MAX_BYTES 200

/* ---- out ---- */

struct trees {
	char **v;
	size_t n, cap;
};

static void trees_done(struct trees *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i]);
	free(t->v);
}

struct export {
	struct job job;
	char *home, *name;
	struct str rows;
	struct trees trees;
	int fd;
};

static void export_free(struct job *j)
{
	struct export *x = CONTAINER_OF(j, struct export, job);
	if (x->fd >= 0)
		(void)close(x->fd);
	trees_done(&x->trees);
	str_done(&x->rows);
	free(x->home);
	free(x->name);
	free(x);
}

static void add_tree(struct trees *t, const char *tree)
{
	if (!tree || strlen(tree) != SPACE_ID_LEN)
		return;
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(t->v[i], tree))
			return;
	GROW(t->v, t->n, t->cap);
	t->v[t->n++] = xstrdup(tree);
}

static void point_tree(void *ctx, const struct checkpoint_row *c)
{
	add_tree(ctx, c->tree);
}

static void node_tree(void *ctx, const struct node_row *n)
{
	add_tree(ctx, n->before);
}

static enum err_code cannot_write(struct err *err)
{
	return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("the export cannot be written"));
}

static enum err_code put_part(int fd, const char *kind, const char *name, const void *p, size_t len, struct err *err)
{
	auto_free char *line = xasprintf("%s %zu %s\n", kind, len, name);
	if (!fs_write_all(fd, line, strlen(line)) || !fs_write_all(fd, p, len) || !fs_write_all(fd, "\n", 1))
		return cannot_write(err);
	return ERR_OK;
}

/* From the beginning of a file; its length must not change meanwhile. */
static enum err_code put_file(int to, const char *kind, const char *name, int from, struct err *err)
{
	struct stat st;
	auto_free char *block = xmalloc(256 * KIB);
	if (fstat(from, &st) || lseek(from, 0, SEEK_SET) < 0)
		return err_sys(err, ERR_IO, _("%s cannot be read"), name);
	auto_free char *line = xasprintf("%s %lld %s\n", kind, (long long)st.st_size, name);
	if (!fs_write_all(to, line, strlen(line)))
		return cannot_write(err);
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = read(from, block, (size_t)MIN((off_t)(256 * KIB), left));
		if (n <= 0)
			return err_set(err, ERR_IO, _("%s got shorter while it was read"), name);
		if (!fs_write_all(to, block, (size_t)n))
			return cannot_write(err);
		left -= n;
	}
	return fs_write_all(to, "\n", 1) ? ERR_OK : cannot_write(err);
}

static bool good_name(const char *name)
{
	size_t len = strlen(name);
	return len > 0 && len <= NAME_MAX_BYTES && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static enum err_code put_logs(struct export *x, struct err *err)
{
	auto_free char *folder = xasprintf("%s/runs/%s/log", x->home, x->name);
	DIR *d = opendir(folder);
	enum err_code code = ERR_OK;
	for (const struct dirent *i; d && !code && (i = readdir(d));) {
		if (!good_name(i->d_name))
			continue;
		int fd = openat(dirfd(d), i->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		code = put_file(x->fd, "log", i->d_name, fd, err);
		(void)close(fd);
	}
	if (d)
		(void)closedir(d);
	return code;
}

static int temporary(const char *home)
{
	auto_free char *path = xasprintf("%s/spool/.export-XXXXXX", home);
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

static enum err_code put_pack(struct export *x, struct err *err)
{
	auto_free char *store = xasprintf("%s/snapshots", x->home);
	if (x->trees.n == 0)
		return ERR_OK;
	int fd = temporary(x->home);
	enum err_code code = fd < 0 ? cannot_write(err) :
				      space_pack(store, (const char *const *)x->trees.v, x->trees.n, fd, err);
	if (!code)
		code = put_file(x->fd, "pack", "snapshots", fd, err);
	if (fd >= 0)
		(void)close(fd);
	return code;
}

static enum err_code export_run(struct job *j, struct err *err)
{
	struct export *x = CONTAINER_OF(j, struct export, job);
	x->fd = temporary(x->home);
	if (x->fd < 0 || !fs_write_all(x->fd, MAGIC, strlen(MAGIC)))
		return cannot_write(err);
	enum err_code code = put_part(x->fd, "rows", x->name, str_text(&x->rows), x->rows.len, err);
	if (!code)
		code = put_logs(x, err);
	return code ? code : put_pack(x, err);
}

static void exported(struct job *j)
{
	struct export *x = CONTAINER_OF(j, struct export, job);
	struct request *r = j->request;
	struct stat st;
	if (!j->code && fstat(x->fd, &st) == 0) {
		r->type = "application/octet-stream";
		r->response = MHD_create_response_from_fd64((uint64_t)st.st_size, x->fd);
		x->fd = r->response ? -1 : x->fd; /* it closes it */
	}
	if (!j->code && !r->response)
		j->code = err_set(&j->err, ERR_INTERNAL, _("the stream cannot be made"));
	request_finish(r, j->code, &j->err);
}

enum err_code api_export(struct request *r, struct err *err)
{
	id_t64 id;
	struct run_row row;
	struct api *a = r->api;
	engine_settle(a->engine);
	enum err_code code = find_run(a, r->args[0], &id, err);
	if (!code)
		code = store_run_get(a->store, id, &row, err);
	if (!code && (!state_final(ENTITY_RUN, (int)row.state) || row.parent_run)) {
		code = err_set(err, ERR_CONFLICT, _("only a run that has ended, and belongs to no other, can be exported; this one is %s"),
			       state_name(ENTITY_RUN, (int)row.state));
		err_hint(err, _("let it end, or cancel it: it can be sent back afterwards, also elsewhere"));
	}
	if (code)
		return code;
	struct export *x = xcalloc(1, sizeof(*x));
	x->fd = -1;
	x->home = xstrdup(engine_home(a->engine));
	x->name = xstrdup(id_text('r', id).s);
	x->rows = (struct str)STR_INIT;
	code = carry_out(a->store, id, &x->rows, err);
	if (!code)
		code = store_checkpoints_of(a->store, id, -1, INT64_MAX, point_tree, &x->trees, err);
	if (!code)
		code = store_nodes_of(a->store, id, node_tree, &x->trees, err);
	if (code) {
		export_free(&x->job);
		return code;
	}
	x->job.request = r;
	x->job.run = export_run;
	x->job.done = exported;
	x->job.free = export_free;
	job_start(a, &x->job);
	return ERR_OK;
}

/* ---- in ---- */

struct import {
	struct job job;
	char *home, *path, *staging; /* staging: what becomes the folder of the run */
	struct json *rows;
	char run[ID_LEN + 1];
	FILE *f;
};

static void import_free(struct job *j)
{
	struct import *m = CONTAINER_OF(j, struct import, job);
	if (m->staging && fs_exists(m->staging) && fs_rmtree(m->staging, NULL))
		(void)0; /* gc finds it */
	if (m->f)
		(void)fclose(m->f);
	json_free(m->rows);
	free(m->home);
	free(m->path);
	free(m->staging);
	free(m);
}

static enum err_code broken(const struct import *m, struct err *err)
{
	return err_set(err, ERR_CORRUPT, _("%s is no export of a run, or is cut off"), m->path);
}

static enum err_code read_rows(struct import *m, const char *name, size_t len, struct err *err)
{
	id_t64 first, last;
	if (len > ROWS_MAX)
		return err_set(err, ERR_TOO_LARGE, _("the rows have more than %zu bytes"), ROWS_MAX);
	if (id_parse('r', name, &first, &last, NULL) || first != last)
		return broken(m, err);
	(void)snprintf(m->run, sizeof(m->run), "%s", id_text('r', first).s);
	auto_free char *text = xmalloc(len + 1);
	if (fread(text, 1, len, m->f) != len)
		return broken(m, err);
	m->staging = xasprintf("%s/runs/.import-%s", m->home, m->run);
	auto_free char *log = xasprintf("%s/log", m->staging);
	enum err_code code = fs_exists(m->staging) ? fs_rmtree(m->staging, err) : ERR_OK;
	if (!code)
		code = json_parse(text, len, ROWS_MAX, &m->rows, err);
	return code ? code : fs_mkdirs(log, 0700, err);
}

static enum err_code copy_part(struct import *m, int to, size_t len, struct err *err)
{
	auto_free char *block = xmalloc(256 * KIB);
	while (len > 0) {
		size_t n = fread(block, 1, MIN((size_t)(256 * KIB), len), m->f);
		if (n == 0)
			return broken(m, err);
		if (!fs_write_all(to, block, n))
			return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot write what is imported"));
		len -= n;
	}
	return ERR_OK;
}

static enum err_code read_log(struct import *m, const char *name, size_t len, struct err *err)
{
	if (!m->staging || !good_name(name))
		return broken(m, err);
	auto_free char *path = xasprintf("%s/log/%s", m->staging, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, ERR_IO, _("cannot make %s"), path);
	enum err_code code = copy_part(m, fd, len, err);
	(void)close(fd);
	return code;
}

static enum err_code read_pack(struct import *m, size_t len, struct err *err)
{
	auto_free char *store = xasprintf("%s/snapshots", m->home);
	int fd = temporary(m->home);
	if (fd < 0)
		return err_sys(err, ERR_IO, _("cannot make a temporary file"));
	enum err_code code = copy_part(m, fd, len, err);
	if (!code && lseek(fd, 0, SEEK_SET) < 0)
		code = err_sys(err, ERR_IO, _("cannot read a temporary file"));
	if (!code)
		code = space_unpack(store, fd, err);
	(void)close(fd);
	return code;
}

/* The newest snapshot of main in the rows; "" when there is none. */
static void newest_tree(const struct import *m, char ret[41])
{
	const struct json *t = json_get(json_get(m->rows, "tables"), "checkpoint");
	int at = -1, stream = -1, i = 0;
	ret[0] = '\0';
	for (const struct json *c = json_first(json_get(t, "columns")); c; c = json_next(c), i++) {
		at = str_eq(json_str(c, ""), "tree") ? i : at;
		stream = str_eq(json_str(c, ""), "stream") ? i : stream;
	}
	for (const struct json *row = json_first(json_get(t, "rows")); row; row = json_next(row)) {
		const char *tree = NULL, *of = "";
		i = 0;
		for (const struct json *v = json_first(row); v; v = json_next(v), i++) {
			tree = i == at ? json_str(v, NULL) : tree;
			of = i == stream ? json_str(v, "") : of;
		}
		if (tree && tree[0] == 't' && str_eq(of, "i0") && strlen(tree) <= 41)
			(void)snprintf(ret, 41, "%s", tree + 1);
	}
}

static enum err_code fill_workspace(struct import *m, struct err *err)
{
	char tree[41], id[41];
	auto_free char *store = xasprintf("%s/snapshots", m->home), *work = xasprintf("%s/work", m->staging);
	enum err_code code = fs_mkdirs(work, 0700, err);
	newest_tree(m, tree);
	if (code || !tree[0])
		return code;
	struct space_restored restored = { .removed = 0 };
	code = space_tree_id(m->home, tree, id, err);
	if (!code)
		code = space_restore(store, work, id, &restored, err);
	space_restored_done(&restored);
	return code;
}

static enum err_code read_part(struct import *m, char *line, struct err *err)
{
	char *save = NULL;
	const char *kind = strtok_r(line, " \n", &save), *length = strtok_r(NULL, " \n", &save);
	const char *name = strtok_r(NULL, " \n", &save);
	char *end = NULL;
	errno = 0;
	unsigned long long len = length ? strtoull(length, &end, 10) : 0;
	if (!kind || !name || !end || *end || errno || !good_name(name))
		return broken(m, err);
	enum err_code code;
	if (str_eq(kind, "rows") && !m->rows)
		code = read_rows(m, name, (size_t)len, err);
	else if (str_eq(kind, "log"))
		code = read_log(m, name, (size_t)len, err);
	else if (str_eq(kind, "pack") && m->rows)
		code = read_pack(m, (size_t)len, err);
	else
		code = broken(m, err);
	return !code && fgetc(m->f) != '\n' ? broken(m, err) : code;
}

static enum err_code import_file(struct job *j, struct err *err)
{
	struct import *m = CONTAINER_OF(j, struct import, job);
	char line[LINE_MAX_LEN];
	m->f = fopen(m->path, "re");
	if (!m->f)
		return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, _("cannot open %s"), m->path);
	if (!fgets(line, sizeof(line), m->f) || !str_eq(line, MAGIC))
		return broken(m, err);
	enum err_code code = ERR_OK;
	while (!code && fgets(line, sizeof(line), m->f))
		code = strchr(line, '\n') ? read_part(m, line, err) : broken(m, err);
	if (!code && !m->rows)
		code = broken(m, err);
	return code ? code : fill_workspace(m, err);
}

static void imported(struct job *j)
{
	struct import *m = CONTAINER_OF(j, struct import, job);
	struct request *r = j->request;
	struct api *a = j->api;
	struct run_row row;
	id_t64 run = 0, last = 0;
	enum err_code code = j->code;
	if (!code)
		code = id_parse('r', m->run, &run, &last, &j->err);
	if (!code)
		code = engine_import(a->engine, run, m->rows, m->staging, &j->err);
	if (!code)
		code = store_run_get(a->store, run, &row, &j->err);
	if (!code) {
		struct jw w = jw_begin(&r->out);
		show_run(a, &w, NULL, &row);
		r->status = 201;
	}
	request_finish(r, code, &j->err);
}

enum err_code api_import(struct request *r, struct err *err)
{
	const char *path = NULL;
	enum err_code code = body_text(r->json, "path", &path, err);
	if (code)
		return code;
	if (!path || path[0] != '/')
		return err_set(err, ERR_USAGE, _("path: name the file, from / on"));
	struct import *m = xcalloc(1, sizeof(*m));
	m->home = xstrdup(engine_home(r->api->engine));
	m->path = xstrdup(path);
	m->job.request = r;
	m->job.run = import_file;
	m->job.done = imported;
	m->job.free = import_free;
	job_start(r->api, &m->job);
	return ERR_OK;
}
