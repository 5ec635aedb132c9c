/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going back to a snapshot. First a snapshot of the present by the same rules: it holds all that could
 * be lost, and the difference of the two is the work to do. Then removing, making, writing, permissions;
 * then a snapshot again, which must be the one that was asked for. Every step may be repeated. */
#include "space/internal.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct item { /* of the snapshot */
	const char *path;
	char oid[SPACE_ID_LEN + 1];
	uint32_t mode;
	bool write;
};

struct going_back {
	struct place place;
	struct meta meta;
	struct rules rules;
	struct str tree; /* `git ls-tree -r -z`, which the items point into */
	struct item *items;
	size_t nitems, cap;
	struct smap wanted; /* path → item; folder → &folder_mark */
	struct listing now;
};

static char folder_mark;

static void going_back_done(struct going_back *g)
{
	smap_done(&g->wanted);
	listing_done(&g->now);
	free(g->items);
	str_done(&g->tree);
	rules_done(&g->rules);
	meta_done(&g->meta);
	place_close(&g->place);
}
#define auto_going_back CLEANUP(going_back_done) struct going_back
#define GOING_BACK_INIT                                                                                \
	{ PLACE_INIT, META_INIT, RULES_INIT, STR_INIT, NULL, 0, 0, MAP_INIT, LISTING_INIT }

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

static enum err_code read_tree(struct going_back *g, const char *id, struct err *err)
{
	const char *const args[] = { "ls-tree", "-r", "-z", id, NULL };
	enum err_code code = git_capture(&g->place.git, args, -1, SPACE_META_MAX * 4, &g->tree, err);
	for (size_t at = 0; !code && at < g->tree.len; at += strlen(g->tree.p + at) + 1) {
		char *line = g->tree.p + at, *tab = strchr(line, '\t');
		if (!tab || tab - line < SPACE_ID_LEN + 12)
			return err_set(err, ERR_CORRUPT, _("snapshot %s cannot be read"), id);
		if (!str_starts(tab + 1, "tree/"))
			continue;
		struct item item = { .path = tab + 1 + strlen("tree/"),
				     .mode = (uint32_t)strtoul(line, NULL, 8) };
		memcpy(item.oid, tab - SPACE_ID_LEN, SPACE_ID_LEN);
		GROW(g->items, g->nitems, g->cap);
		g->items[g->nitems++] = item;
	}
	smap_put(&g->wanted, "", &folder_mark);
	for (size_t i = 0; i < g->nitems; i++) {
		smap_put(&g->wanted, g->items[i].path, &g->items[i]);
		want_folders(g, g->items[i].path, false);
		rules_always(&g->rules, g->items[i].path);
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
	for (size_t i = 0; i < g->nitems && !code && !g->rules.include_ignored; i++) {
		const struct item *item = &g->items[i];
		const char *slash = strrchr(item->path, '/'), *name = slash ? slash + 1 : item->path;
		if (!str_eq(name, ".gitignore") || !S_ISREG(item->mode))
			continue;
		const char *const args[] = { "cat-file", "blob", item->oid, NULL };
		auto_str text = STR_INIT;
		code = git_capture(&g->place.git, args, -1, 4 * MIB, &text, err);
		auto_free char *folder = xstrndup(item->path, (size_t)(name - item->path));
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

/* Mark the items that must be written, from the difference of the two trees. */
static enum err_code mark_changes(struct going_back *g, const char *from, const char *to,
				  struct space_restored *ret, struct err *err)
{
	const char *const args[] = { "diff-tree", "-r", "-z", "--no-renames", from, to, NULL };
	auto_str out = STR_INIT;
	enum err_code code = git_capture(&g->place.git, args, -1, SPACE_META_MAX * 4, &out, err);
	for (size_t at = 0; !code && at < out.len;) {
		const char *line = out.p + at;
		at += strlen(line) + 1;
		const char *path = at < out.len ? out.p + at : "";
		at += strlen(path) + 1;
		if (!str_starts(path, "tree/"))
			continue;
		struct item *item = smap_get(&g->wanted, path + strlen("tree/"));
		if (item && (void *)item != &folder_mark) {
			item->write = true;
			ret->written++;
		} else {
			ret->removed++;
		}
	}
	return code;
}

static enum err_code plan(struct going_back *g, const char *id, struct space_restored *ret, struct err *err)
{
	char before[SPACE_ID_LEN + 1];
	enum err_code code = take(&g->place, &g->rules, before, &g->now, &ret->report, err);
	if (code)
		return code;
	memcpy(ret->before, before, sizeof before);
	code = check_way(g, &ret->report, err);
	return code ? code : mark_changes(g, before, id, ret, err);
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
		const struct item *item = wanted;
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

struct reader { /* of what `git cat-file --batch` answers */
	int fd;
	size_t at, len;
	char bytes[256 * KIB];
};

static bool fill(struct reader *r)
{
	ssize_t n;
	do
		n = read(r->fd, r->bytes, sizeof r->bytes);
	while (n < 0 && errno == EINTR);
	r->at = 0;
	r->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool read_line(struct reader *r, char *line, size_t size)
{
	size_t n = 0;
	while (n < size - 1 && (r->at < r->len || fill(r))) {
		char c = r->bytes[r->at++];
		if (c == '\n') {
			line[n] = '\0';
			return true;
		}
		line[n++] = c;
	}
	return false;
}

/* `size` bytes, and the newline after them, to `fd` or into `text`. */
static bool read_blob(struct reader *r, uint64_t size, int fd, struct str *text)
{
	while (size) {
		if (r->at == r->len && !fill(r)) {
			errno = EPIPE;
			return false;
		}
		size_t n = (size_t)MIN(size, (uint64_t)(r->len - r->at));
		if (text)
			str_add_len(text, r->bytes + r->at, n);
		else if (!fs_write_all(fd, r->bytes + r->at, n))
			return false;
		r->at += n;
		size -= n;
	}
	if (r->at == r->len && !fill(r))
		return false;
	r->at++;
	return true;
}

static enum err_code write_item(struct going_back *g, const struct item *item, struct parent *parent,
				struct reader *r, struct err *err)
{
	char line[128], *end = NULL;
	if (!read_line(r, line, sizeof line) || !str_starts(line, item->oid) ||
	    !str_starts(line + SPACE_ID_LEN, " blob "))
		return err_set(err, ERR_CORRUPT, _("the snapshot lacks object %s"), item->oid);
	uint64_t size = strtoull(line + SPACE_ID_LEN + strlen(" blob "), &end, 10);
	const char *name;
	int fd = parent_of(parent, item->path, &name);
	if (fd < 0)
		return cannot(item->path, err);
	if (S_ISLNK(item->mode)) {
		auto_str target = STR_INIT;
		if (size > (uint64_t)64 * KIB || !read_blob(r, size, -1, &target) ||
		    symlinkat(str_text(&target), fd, name))
			return cannot(item->path, err);
		return ERR_OK;
	}
	/* Made anew, never written over: another name of the old file keeps its bytes. */
	auto_fd file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	uint32_t mode = meta_mode(&g->meta, item->path, item->mode, item->mode & S_IXUSR);
	if (file < 0 || !read_blob(r, size, file, NULL) || fchmod(file, mode))
		return cannot(item->path, err);
	return ERR_OK;
}

static enum err_code write_items(struct going_back *g, struct err *err)
{
	static const char *const args[] = { "cat-file", "--batch", "--buffer", NULL };
	auto_str wants = STR_INIT;
	for (size_t i = 0; i < g->nitems; i++) {
		if (!g->items[i].write)
			continue;
		str_add(&wants, g->items[i].oid);
		str_add_char(&wants, '\n');
	}
	if (!wants.len)
		return ERR_OK;
	auto_fd input = git_memory(wants.p, wants.len);
	auto_git proc = GIT_PROC_INIT;
	if (input < 0)
		return err_sys(err, ERR_IO, _("cannot ask git for files"));
	enum err_code code = git_start(&proc, &g->place.git, args, input, false, err);
	if (code)
		return code;
	auto_free struct reader *reader = xmalloc(sizeof *reader);
	reader->fd = proc.out;
	reader->at = reader->len = 0;
	auto_parent parent = PARENT_INIT(g->place.root);
	for (size_t i = 0; i < g->nitems && !code; i++)
		if (g->items[i].write)
			code = write_item(g, &g->items[i], &parent, reader, err);
	return code ? code : git_finish(&proc, err);
}

/* Permissions of what stayed, then of folders, the deepest first. */
static enum err_code set_modes(struct going_back *g, struct space_restored *ret, struct err *err)
{
	auto_parent parent = PARENT_INIT(g->place.root);
	for (size_t i = 0; i < g->now.n; i++) {
		const struct entry *e = &g->now.v[i];
		const void *wanted = smap_get(&g->wanted, e->path);
		const struct item *item = wanted;
		if (!S_ISREG(e->mode) || !wanted || wanted == &folder_mark || item->write)
			continue;
		uint32_t mode = meta_mode(&g->meta, e->path, e->mode, item->mode & S_IXUSR);
		if ((e->mode & 07777) == mode)
			continue;
		const char *name;
		int fd = parent_of(&parent, e->path, &name);
		if (fd < 0 || fchmodat(fd, name, mode, AT_SYMLINK_NOFOLLOW))
			return cannot(e->path, err);
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
		ret->changed_mode++;
	}
	return ERR_OK;
}

static enum err_code verify(struct going_back *g, const char *id, struct space_restored *ret, struct err *err)
{
	char after[SPACE_ID_LEN + 1];
	if (syncfs(g->place.root))
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
		code = plan(&g, id, &done, err);
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
		code = plan(&g, id, &done, err);
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
