/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listing a folder: one pass, by descriptors, so that no link swapped in meanwhile leads elsewhere. */
#include "space/internal.h"

#include "space/ignore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct walker {
	const struct rules *rules;
	struct listing *listing;
	struct space_report *report;
	dev_t device;
	char path[SPACE_PATH_MAX + 1]; /* of what is looked at */
	size_t len, depth;
};

struct name {
	char *text;
};

struct names {
	struct arena arena;
	struct name *v;
	size_t n, cap;
};

static void names_done(struct names *names)
{
	arena_done(&names->arena);
	free(names->v);
}

static int name_order(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

int path_order(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	/* A '/' sorts before every other byte, the end before that. */
	int x = !*a ? 0 : *a == '/' ? 1 : (unsigned char)*a + 1;
	int y = !*b ? 0 : *b == '/' ? 1 : (unsigned char)*b + 1;
	return x - y;
}

int open_beneath(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	return (int)syscall(SYS_openat2, root, path[0] ? path : ".", &how, sizeof how);
}

static void leave_out(struct walker *w, enum space_left why, bool folder)
{
	struct space_report *report = w->report;
	report->nleft[why]++;
	/* A restore must know all, to see what stands in its way. */
	if (report->n >= SPACE_LEFT_MAX && !w->rules->recorded)
		return;
	if ((report->n & (report->n - 1)) == 0) /* 0 or a power of two: all room is taken */
		report->left = xreallocarray(report->left, report->n ? report->n * 2 : 1,
					     sizeof *report->left);
	report->left[report->n].why = why;
	report->left[report->n++].path = xasprintf("%s%s", w->path, folder ? "/" : "");
}

static enum err_code read_names(struct names *names, int dir, struct err *err)
{
	int copy = fcntl(dir, F_DUPFD_CLOEXEC, 3); /* "." could not be opened without the right to enter */
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	if (!stream) {
		space_close(&copy);
		return err_sys(err, ERR_IO, _("cannot list a folder"));
	}
	struct dirent *found;
	rewinddir(stream); /* the place in it is that of `dir` */
	errno = 0;
	while ((found = readdir(stream))) {
		if (str_eq(found->d_name, ".") || str_eq(found->d_name, ".."))
			continue;
		GROW(names->v, names->n, names->cap);
		names->v[names->n++].text =
			arena_text(&names->arena, found->d_name, strlen(found->d_name));
	}
	int error = errno;
	(void)closedir(stream); /* only read from */
	errno = error;
	if (error)
		return err_sys(err, ERR_IO, _("cannot list a folder"));
	if (names->n)
		qsort(names->v, names->n, sizeof *names->v, name_order);
	return ERR_OK;
}

/* The patterns that stand in the folder, or stood there at the snapshot. */
static enum err_code read_patterns(struct walker *w, int dir, const struct ignore *parent, struct ignore *ret,
				   bool *ret_any, struct err *err)
{
	*ret_any = false;
	if (w->rules->include_ignored)
		return ERR_OK;
	if (w->rules->recorded) {
		const char *text = smap_getn(&w->rules->texts, w->path, w->len);
		if (text)
			ignore_init(ret, text, strlen(text), w->len, parent);
		*ret_any = text != NULL;
		return ERR_OK;
	}
	auto_fd fd = openat(dir, ".gitignore", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return ERR_OK;
	auto_str text = STR_INIT;
	for (;;) {
		str_reserve(&text, 16 * KIB);
		ssize_t n = read(fd, text.p + text.len, 16 * KIB);
		if (n < 0 && errno != EINTR)
			return err_sys(err, ERR_IO, _("cannot read .gitignore"));
		if (n == 0)
			break;
		text.len += n > 0 ? (size_t)n : 0;
		if (text.len > IGNORE_MAX)
			return err_set(err, ERR_TOO_LARGE, _(".gitignore is larger than %d bytes"),
				       IGNORE_MAX);
	}
	ignore_init(ret, str_text(&text), text.len, w->len, parent);
	*ret_any = true;
	return ERR_OK;
}

static size_t add_entry(struct walker *w, const struct stat *st)
{
	struct listing *listing = w->listing;
	GROW(listing->v, listing->n, listing->cap);
	listing->v[listing->n] = (struct entry){
		.path = arena_text(&listing->names, w->path, w->len),
		.mode = st->st_mode,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.ctime_ns = st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
		.changed = true,
	};
	return listing->n++;
}

static enum err_code walk_folder(struct walker *w, int dir, const struct ignore *above, bool ignored,
				 bool *ret_any, struct err *err);

static enum err_code enter(struct walker *w, int dir, const char *name, const struct stat *st,
			   const struct ignore *rules, bool ignored, struct err *err)
{
	if (st->st_dev != w->device) {
		leave_out(w, SPACE_LEFT_MOUNT, true);
		return ERR_OK;
	}
	auto_fd fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		leave_out(w, SPACE_LEFT_UNREADABLE, true);
	if (fd < 0 && (errno == EACCES || errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return ERR_OK; /* it went away just now: as if it had never been */
	auto_free char *shown = git_shown(w->path);
	if (fd < 0)
		return err_sys(err, ERR_IO, _("cannot open the folder %s"), shown);
	if (w->depth >= SPACE_DEPTH_MAX)
		return err_set(err, ERR_TOO_LARGE, _("%s: folders are nested deeper than %d"), shown,
			       SPACE_DEPTH_MAX);
	size_t at = add_entry(w, st);
	bool any = false;
	w->depth++;
	enum err_code code = walk_folder(w, fd, rules, ignored, &any, err);
	w->depth--;
	w->listing->v[at].empty = w->listing->n == at + 1 &&
				  (!any || smap_get(&w->rules->empty, w->listing->v[at].path));
	if (!code && any && w->listing->n == at + 1 && !w->listing->v[at].empty)
		w->listing->n = at; /* nothing in it is covered, so neither is it */
	return code;
}

static enum err_code walk_name(struct walker *w, int dir, const char *name, const struct ignore *rules,
			       bool ignored, struct err *err)
{
	struct stat st;
	if (str_eq(name, ".git")) {
		leave_out(w, SPACE_LEFT_REPOSITORY, false);
		return ERR_OK;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno == EACCES) /* names can be listed here, but nothing beneath can be reached */
			leave_out(w, SPACE_LEFT_UNREADABLE, false);
		return errno == ENOENT || errno == EACCES ? ERR_OK : err_sys(err, ERR_IO, _("cannot look at a file"));
	}
	bool folder = S_ISDIR(st.st_mode);
	if (!ignored && rules)
		ignored = ignore_matches(rules, w->path, folder);
	if (ignored && !smap_getn(&w->rules->always, w->path, w->len)) {
		leave_out(w, SPACE_LEFT_IGNORED, folder);
		return ERR_OK;
	}
	if (folder)
		return enter(w, dir, name, &st, rules, ignored, err);
	if (S_ISSOCK(st.st_mode))
		leave_out(w, SPACE_LEFT_SOCKET, false);
	else if (S_ISFIFO(st.st_mode))
		leave_out(w, SPACE_LEFT_FIFO, false);
	else if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		leave_out(w, SPACE_LEFT_DEVICE, false);
	else if (S_ISREG(st.st_mode) && !(st.st_mode & S_IRUSR) && faccessat(dir, name, R_OK, AT_EACCESS))
		leave_out(w, SPACE_LEFT_UNREADABLE, false);
	else
		(void)add_entry(w, &st);
	if (w->listing->n > SPACE_ENTRY_MAX)
		return err_set(err, ERR_TOO_LARGE, _("the workspace has more than %d files"),
			       SPACE_ENTRY_MAX);
	return ERR_OK;
}

static enum err_code walk_folder(struct walker *w, int dir, const struct ignore *above, bool ignored,
				 bool *ret_any, struct err *err)
{
	CLEANUP(names_done) struct names names = { ARENA_INIT, NULL, 0, 0 };
	CLEANUP(ignore_done) struct ignore own = { 0 };
	bool has_own = false;
	enum err_code code = read_names(&names, dir, err);
	size_t len = w->len;
	if (len)
		w->path[w->len++] = '/';
	w->path[w->len] = '\0';
	if (!code)
		code = read_patterns(w, dir, above, &own, &has_own, err);
	size_t base = w->len;
	for (size_t i = 0; i < names.n && !code; i++) {
		size_t n = strlen(names.v[i].text);
		if (base + n + 2 > SPACE_PATH_MAX)
			return err_set(err, ERR_TOO_LARGE, _("a path is longer than %d bytes"),
				       SPACE_PATH_MAX);
		memcpy(w->path + base, names.v[i].text, n + 1);
		w->len = base + n;
		code = walk_name(w, dir, names.v[i].text, has_own ? &own : above, ignored, err);
	}
	*ret_any = names.n > 0;
	w->len = len;
	w->path[len] = '\0';
	return code;
}

enum err_code walk(int root, const struct rules *rules, struct listing *listing,
		   struct space_report *report, struct err *err)
{
	auto_free struct walker *w = xcalloc(1, sizeof *w);
	struct stat st;
	w->rules = rules;
	w->listing = listing;
	w->report = report;
	if (fstat(root, &st))
		return err_sys(err, ERR_IO, _("cannot look at the workspace"));
	w->device = st.st_dev;
	(void)add_entry(w, &st);
	CLEANUP(ignore_done) struct ignore exclude = { 0 };
	bool excluding = !rules->include_ignored && rules->exclude;
	if (excluding)
		ignore_init(&exclude, rules->exclude, strlen(rules->exclude), 0, NULL);
	bool any;
	enum err_code code = walk_folder(w, root, excluding ? &exclude : NULL, false, &any, err);
	for (size_t i = 0; i < listing->n; i++) {
		const struct entry *e = &listing->v[i];
		report->folders += S_ISDIR(e->mode);
		report->links += S_ISLNK(e->mode);
		report->files += S_ISREG(e->mode);
		report->bytes += S_ISREG(e->mode) ? e->size : 0;
	}
	return code;
}

void listing_done(struct listing *listing)
{
	arena_done(&listing->names);
	free(listing->v);
	*listing = (struct listing)LISTING_INIT;
}
