/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going back to a snapshot. First a snapshot of the present by the same rules: it holds all that could
 * be lost, and the difference of the two is the work to do. Then removing, making, writing, permissions;
 * then a snapshot again, which must be the one that was asked for. Every step may be repeated. */
#include "space/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct going_back {
	struct place place;
	struct meta meta;
	struct rules rules;
	struct files files; /* what the snapshot holds */
	struct smap wanted; /* path → struct file; folder → &folder_mark */
	struct smap touched; /* what must be flushed: files, and folders that names came to or went from */
	struct listing now;
};

#define FLUSH_MAX 16 /* files and folders that are flushed one by one */

static char folder_mark;

static void going_back_done(struct going_back *g)
{
	smap_done(&g->wanted);
	smap_done(&g->touched);
	listing_done(&g->now);
	files_done(&g->files);
	rules_done(&g->rules);
	meta_done(&g->meta);
	place_close(&g->place);
}
#define auto_going_back CLEANUP(going_back_done) struct going_back
#define GOING_BACK_INIT                                                                                \
	{ PLACE_INIT, META_INIT, RULES_INIT, FILES_INIT, MAP_INIT, MAP_INIT, LISTING_INIT }

/* ---- what the snapshot holds ---- */

static void want_folders(struct going_back *g, const char *path, bool itself)
{
	auto_free char *prefix = xstrdup(path);
	char *slash = itself ? prefix + strlen(prefix) : strrchr(prefix, '/');
	for (; slash; slash = strrchr(prefix, '/')) {
		*slash = '\0';
		if (smap_get(&g->wanted, prefix))
			return;
		smap_put(&g->wanted, prefix, &folder_mark);
	}
}

static bool is_content(const struct file *f)
{
	return !S_ISDIR(f->mode);
}

static enum err_code read_tree(struct going_back *g, const char *id, struct err *err)
{
	enum err_code code = files_read(&g->place.objects, id, NULL, NULL, &g->files, err);
	smap_put(&g->wanted, "", &folder_mark);
	for (size_t i = 0; i < g->files.n; i++) {
		struct file *f = &g->files.v[i];
		smap_put(&g->wanted, f->path, is_content(f) ? (void *)f : &folder_mark);
		rules_always(&g->rules, f->path);
	}
	size_t at = 0;
	const char *path;
	while (!code && smap_next(&g->meta.empty, &at, &path)) {
		want_folders(g, path, true);
		rules_always(&g->rules, path);
		smap_put(&g->rules.empty, path, g);
	}
	return code;
}

static enum err_code read_ignore_files(struct going_back *g, struct err *err)
{
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < g->files.n && !code && !g->rules.include_ignored; i++) {
		const struct file *f = &g->files.v[i];
		const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;
		if (!str_eq(name, ".gitignore") || !S_ISREG(f->mode))
			continue;
		auto_str text = STR_INIT;
		code = objects_get(&g->place.objects, f->oid, "", "blob", 4 * MIB, NULL, &text, err);
		auto_free char *folder = xstrndup(f->path, (size_t)(name - f->path));
		smap_put(&g->rules.texts, folder, str_take(&text));
	}
	return code;
}

static enum err_code open_snapshot(struct going_back *g, const char *store, const char *folder,
				   const char *id, struct err *err)
{
	enum err_code code = check_id(id, err);
	if (!code)
		code = place_open(&g->place, store, folder, false, false, err);
	if (!code)
		code = meta_read(&g->place, id, &g->meta, err);
	g->rules.recorded = true;
	g->rules.include_ignored = g->meta.include_ignored;
	g->rules.exclude = g->meta.exclude ? xstrdup(g->meta.exclude) : NULL;
	g->rules.head = g->meta.head ? xstrdup(g->meta.head) : NULL;
	if (!code)
		code = read_tree(g, id, err);
	return code ? code : read_ignore_files(g, err);
}

/* ---- the plan ---- */

/* What is not covered must not stand where the snapshot has something else. */
static enum err_code check_way(struct going_back *g, const struct space_report *report, struct err *err)
{
	for (size_t i = 0; i < report->n; i++) {
		auto_free char *path = xstrdup(report->left[i].path);
		size_t len = strlen(path);
		bool folder = len && path[len - 1] == '/';
		if (folder)
			path[len - 1] = '\0';
		void *wanted = smap_get(&g->wanted, path);
		bool bad = wanted && !(folder && wanted == &folder_mark);
		for (char *slash; !bad && (slash = strrchr(path, '/'));) {
			*slash = '\0';
			wanted = smap_get(&g->wanted, path);
			bad = wanted && wanted != &folder_mark;
		}
		if (!bad)
			continue;
		auto_free char *shown = git_shown(report->left[i].path);
		enum err_code code = err_set(err, ERR_CONFLICT,
					     _("%s (%s) stands where the snapshot has something else"), shown,
					     space_left_name(report->left[i].why));
		err_hint(err, _("move it away; no snapshot has it, so it would be lost"));
		return code;
	}
	return ERR_OK;
}

/* Folders that are the same now. */
struct same {
	struct smap folders; /* of the snapshot: path → struct file */
	struct smap same;    /* the topmost that need no look */
	const char *oid;     /* of the whole */
};

static void same_done(struct same *s)
{
	smap_done(&s->folders);
	smap_done(&s->same);
}

static bool is_same(void *with, const char *path, const char *oid)
{
	struct same *s = with;
	const struct file *f = smap_get(&s->folders, path);
	bool same = str_eq(oid, *path ? f ? f->oid : "" : s->oid);
	if (same)
		smap_put(&s->same, path, s);
	return same;
}

static bool in_same_folder(const struct same *s, const char *path)
{
	bool same = smap_get(&s->same, "") != NULL;
	for (const char *slash = path; !same && s->same.n && (slash = strchr(slash, '/')); slash++)
		same = smap_getn(&s->same, path, (size_t)(slash - path)) != NULL;
	return same;
}

/* Mark the files that must be written: all but those that the present has, too. */
static enum err_code mark_changes(struct going_back *g, const char *from, struct space_restored *ret,
				  struct err *err)
{
	auto_files present = FILES_INIT;
	CLEANUP(same_done) struct same s = { MAP_INIT, MAP_INIT, g->files.oid };
	for (size_t i = 0; i < g->files.n; i++)
		if (S_ISDIR(g->files.v[i].mode))
			smap_put(&s.folders, g->files.v[i].path, &g->files.v[i]);
	enum err_code code = files_read(&g->place.objects, from, is_same, &s, &present, err);
	if (code)
		return code;
	for (size_t i = 0; i < g->files.n; i++)
		g->files.v[i].write = is_content(&g->files.v[i]) && !in_same_folder(&s, g->files.v[i].path);
	for (size_t i = 0; i < present.n; i++) {
		const struct file *f = &present.v[i];
		struct file *wanted = smap_get(&g->wanted, f->path);
		bool file = wanted && (void *)wanted != &folder_mark;
		if (is_content(f) && !file)
			ret->removed++;
		else if (is_content(f) && f->mode == wanted->mode && str_eq(f->oid, wanted->oid))
			wanted->write = false;
	}
	for (size_t i = 0; i < g->files.n; i++)
		ret->written += g->files.v[i].write;
	return code;
}

static enum err_code plan(struct going_back *g, struct space_restored *ret, struct err *err)
{
	char before[SPACE_ID_LEN + 1];
	enum err_code code = take(&g->place, &g->rules, before, &g->now, &ret->report, err);
	if (code)
		return code;
	memcpy(ret->before, before, sizeof before);
	code = check_way(g, &ret->report, err);
	return code ? code : mark_changes(g, before, ret, err);
}

/* ---- doing it ---- */

struct parent { /* of what is worked on, kept open from one path to the next */
	int root, fd;
	char *path;
};
#define PARENT_INIT(root) { root, -1, NULL }

static void parent_done(struct parent *p)
{
	space_close(&p->fd);
	free(p->path);
	p->path = NULL;
}
#define auto_parent CLEANUP(parent_done) struct parent

/* The folder that `path` stands in; *ret_name is its name there. -1 with errno set. */
static int parent_of(struct parent *p, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	*ret_name = slash ? slash + 1 : path;
	if (p->path && strlen(p->path) == len && strncmp(p->path, path, len) == 0)
		return p->fd;
	parent_done(p);
	auto_free char *folder = xstrndup(path, len);
	p->fd = open_beneath(p->root, folder, O_RDONLY | O_DIRECTORY);
	if (p->fd >= 0)
		p->path = TAKE(folder);
	return p->fd;
}

static enum err_code cannot(const char *path, struct err *err)
{
	auto_free char *shown = git_shown(path);
	return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE : ERR_IO, _("cannot restore %s"),
		       shown);
}

/* To be flushed: this, and the folder that has its name. */
static void touch(struct going_back *g, const char *path)
{
	if (g->touched.n > FLUSH_MAX)
		return;
	const char *slash = strrchr(path, '/');
	auto_free char *folder = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	smap_put(&g->touched, path, g);
	smap_put(&g->touched, folder, g);
}

/* Folders without the right to write are opened for the work; their permissions come last. */
static enum err_code open_folders(struct going_back *g, struct err *err)
{
	for (size_t i = 0; i < g->now.n && geteuid() != 0; i++) {
		const struct entry *e = &g->now.v[i];
		if (!S_ISDIR(e->mode) || (e->mode & S_IRWXU) == S_IRWXU)
			continue;
		auto_fd fd = open_beneath(g->place.root, e->path, O_RDONLY | O_DIRECTORY);
		if (fd < 0 || fchmod(fd, (e->mode & 07777) | S_IRWXU))
			return cannot(e->path, err);
	}
	return ERR_OK;
}

/* From the last to the first, so that a folder comes after what was in it. */
static enum err_code remove_later(struct going_back *g, struct err *err)
{
	auto_parent parent = PARENT_INIT(g->place.root);
	for (size_t i = g->now.n; i-- > 0;) {
		const struct entry *e = &g->now.v[i];
		const void *wanted = smap_get(&g->wanted, e->path);
		bool folder = S_ISDIR(e->mode);
		const struct file *item = wanted;
		bool stays = folder ? wanted == &folder_mark :
				      wanted && wanted != &folder_mark && !item->write;
		if (stays)
			continue;
		const char *name;
		int fd = parent_of(&parent, e->path, &name);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || (unlinkat(fd, name, folder ? AT_REMOVEDIR : 0) && errno != ENOENT &&
			       !(folder && !wanted && (errno == ENOTEMPTY || errno == EEXIST))))
			return cannot(e->path, err);
		touch(g, e->path);
	}
	return ERR_OK;
}

static enum err_code make_folder(struct going_back *g, const char *path, struct err *err)
{
	auto_free char *part = xstrdup(path);
	for (char *at = part;; at++) {
		at += strcspn(at, "/");
		char was = *at;
		*at = '\0';
		auto_parent parent = PARENT_INIT(g->place.root);
		const char *name;
		int fd = parent_of(&parent, part, &name);
		if (fd < 0 || (mkdirat(fd, name, 0700) && errno != EEXIST))
			return cannot(part, err);
		touch(g, part);
		if (!was)
			return ERR_OK;
		*at = was;
	}
}

static enum err_code make_folders(struct going_back *g, struct err *err)
{
	size_t at = 0;
	const char *path;
	enum err_code code = ERR_OK;
	for (void *wanted; !code && (wanted = smap_next(&g->wanted, &at, &path));)
		if (wanted == &folder_mark && path[0] && faccessat(g->place.root, path, F_OK, AT_SYMLINK_NOFOLLOW))
			code = make_folder(g, path, err);
	return code;
}

static enum err_code write_item(struct going_back *g, const struct file *item, struct parent *parent,
				struct err *err)
{
	struct objects *o = &g->place.objects;
	struct object_head head = { .size = 0 };
	enum err_code code = objects_head(o, "blob", &head, err);
	if (code)
		return code == ERR_NOT_FOUND ? ERR_CORRUPT : code;
	const char *name;
	int fd = parent_of(parent, item->path, &name);
	if (fd < 0)
		return cannot(item->path, err);
	if (S_ISLNK(item->mode)) {
		auto_str target = STR_INIT;
		errno = ENAMETOOLONG;
		if (head.size > (uint64_t)64 * KIB)
			return cannot(item->path, err);
		code = objects_body(o, head.size, -1, &target, err);
		return code ? code : symlinkat(str_text(&target), fd, name) ? cannot(item->path, err) : ERR_OK;
	}
	/* Made anew, never written over: another name of the old file keeps its bytes. */
	auto_fd file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	uint32_t mode = meta_mode(&g->meta, item->path, item->mode, item->mode & S_IXUSR);
	if (file < 0)
		return cannot(item->path, err);
	code = objects_body(o, head.size, file, NULL, err);
	if (code)
		return code == ERR_STORAGE ? cannot(item->path, err) : code;
	return fchmod(file, mode) ? cannot(item->path, err) : ERR_OK;
}

static enum err_code write_items(struct going_back *g, struct err *err)
{
	auto_parent parent = PARENT_INIT(g->place.root);
	enum err_code code = ERR_OK;
	size_t asked = 0, open = 0;
	for (size_t i = 0; i < g->files.n && !code; i++) {
		for (; !code && asked < g->files.n && open < OBJECTS_AHEAD; asked++) {
			if (!g->files.v[asked].write)
				continue;
			code = objects_ask(&g->place.objects, g->files.v[asked].oid, "", err);
			open++;
		}
		if (code || !g->files.v[i].write)
			continue;
		code = write_item(g, &g->files.v[i], &parent, err);
		open--;
		touch(g, g->files.v[i].path);
	}
	return code;
}

/* Permissions of what stayed, then of folders, the deepest first. */
static enum err_code set_modes(struct going_back *g, struct space_restored *ret, struct err *err)
{
	auto_parent parent = PARENT_INIT(g->place.root);
	for (size_t i = 0; i < g->now.n; i++) {
		const struct entry *e = &g->now.v[i];
		const void *wanted = smap_get(&g->wanted, e->path);
		const struct file *item = wanted;
		if (!S_ISREG(e->mode) || !wanted || wanted == &folder_mark || item->write)
			continue;
		uint32_t mode = meta_mode(&g->meta, e->path, e->mode, item->mode & S_IXUSR);
		if ((e->mode & 07777) == mode)
			continue;
		const char *name;
		int fd = parent_of(&parent, e->path, &name);
		if (fd < 0 || fchmodat(fd, name, mode, AT_SYMLINK_NOFOLLOW))
			return cannot(e->path, err);
		touch(g, e->path);
		ret->changed_mode++;
	}
	return ERR_OK;
}

static int deeper_first(const void *a, const void *b)
{
	return path_order(*(const char *const *)b, *(const char *const *)a);
}

static enum err_code set_folder_modes(struct going_back *g, struct space_restored *ret, struct err *err)
{
	auto_free const char **paths = xcalloc(g->wanted.n + 1, sizeof *paths);
	size_t n = 0, at = 0;
	const char *path;
	for (void *wanted; (wanted = smap_next(&g->wanted, &at, &path));)
		if (wanted == &folder_mark)
			paths[n++] = path;
	qsort((void *)paths, n, sizeof *paths, deeper_first);
	for (size_t i = 0; i < n; i++) {
		uint32_t mode = meta_mode(&g->meta, paths[i], S_IFDIR, false);
		struct stat st;
		auto_fd fd = open_beneath(g->place.root, paths[i], O_RDONLY | O_DIRECTORY);
		if (fd < 0 || fstat(fd, &st))
			return cannot(paths[i], err);
		if ((st.st_mode & 07777) == mode)
			continue;
		if (fchmod(fd, mode))
			return cannot(paths[i], err);
		touch(g, paths[i]);
		ret->changed_mode++;
	}
	return ERR_OK;
}

/* All of the file system when that is less work: it waits for what everybody has written. */
static bool flush_touched(struct going_back *g)
{
	if (g->touched.n > FLUSH_MAX)
		return syncfs(g->place.root) == 0;
	size_t n = 0, at = 0;
	int fds[FLUSH_MAX + 1];
	bool good = true;
	const char *path;
	while (smap_next(&g->touched, &at, &path)) {
		struct stat st;
		/* What was removed is flushed with the folder that it was in; so is a link. */
		if (fstatat(g->place.root, *path ? path : ".", &st, AT_SYMLINK_NOFOLLOW) ||
		    (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
			continue;
		int fd = open_beneath(g->place.root, path, O_RDONLY | O_NONBLOCK);
		if (fd < 0) /* its permissions are those of the snapshot by now */
			good = false;
		else
			fds[n++] = fd;
	}
	for (size_t i = 0; i < n; i++) /* together, so that they do not wait for each other */
		(void)sync_file_range(fds[i], 0, 0, SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; i < n; i++) {
		good = !fsync(fds[i]) && good;
		(void)close(fds[i]);
	}
	return good || syncfs(g->place.root) == 0;
}

static enum err_code verify(struct going_back *g, const char *id, struct space_restored *ret, struct err *err)
{
	char after[SPACE_ID_LEN + 1];
	if (!flush_touched(g))
		return err_sys(err, ERR_IO, _("cannot make the restored files durable"));
	enum err_code code = take(&g->place, &g->rules, after, NULL, &ret->report, err);
	if (code || str_eq(after, id))
		return code;
	return err_set(err, ERR_CONFLICT,
		       _("the workspace is %s after it was restored to %s: something else writes into it"), after,
		       id);
}

void space_restored_done(struct space_restored *restored)
{
	space_report_done(&restored->report);
}

enum err_code space_restore(const char *store, const char *folder, const char *id,
			    struct space_restored *ret, struct err *err)
{
	auto_going_back g = GOING_BACK_INIT;
	CLEANUP(space_restored_done) struct space_restored done = { 0 };
	enum err_code code = open_snapshot(&g, store, folder, id, err);
	if (!code)
		code = plan(&g, &done, err);
	if (!code)
		code = open_folders(&g, err);
	if (!code)
		code = remove_later(&g, err);
	if (!code)
		code = make_folders(&g, err);
	if (!code)
		code = write_items(&g, err);
	if (!code)
		code = set_modes(&g, &done, err);
	if (!code)
		code = set_folder_modes(&g, &done, err);
	if (!code)
		code = verify(&g, id, &done, err);
	if (code)
		return code;
	*ret = done;
	done = (struct space_restored){ 0 };
	return ERR_OK;
}

enum err_code space_restore_preview(const char *store, const char *folder, const char *id,
				    struct space_restored *ret, struct err *err)
{
	auto_going_back g = GOING_BACK_INIT;
	CLEANUP(space_restored_done) struct space_restored done = { 0 };
	enum err_code code = open_snapshot(&g, store, folder, id, err);
	if (!code)
		code = plan(&g, &done, err);
	if (code)
		return code;
	*ret = done;
	done = (struct space_restored){ 0 };
	return ERR_OK;
}

enum err_code space_same(const char *store, const char *folder, const char *id, bool *ret_same,
			 struct err *err)
{
	auto_going_back g = GOING_BACK_INIT;
	auto_report report = { 0 };
	char now[SPACE_ID_LEN + 1];
	enum err_code code = open_snapshot(&g, store, folder, id, err);
	if (!code)
		code = take(&g.place, &g.rules, now, NULL, &report, err);
	if (!code)
		*ret_same = str_eq(now, id);
	return code;
}
