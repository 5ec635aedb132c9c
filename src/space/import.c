/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing what changed into the store, through one `git fast-import`: one pack and one fsync for all,
 * and trees made from the last snapshot's. */
#include "space/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FLUSH_AT ((size_t)MIB)
#define PACK_FILES_MAX 100 /* two for each pack, and what git keeps beside them */

struct stream {
	struct git_proc proc;
	struct str text; /* not sent yet */
	bool broken;
};

static void stream_done(struct stream *s)
{
	git_abort(&s->proc);
	str_done(&s->text);
}

static void flush(struct stream *s, bool all)
{
	if (!all && s->text.len < FLUSH_AT)
		return;
	if (!s->broken && s->text.len)
		s->broken = !git_send(&s->proc, s->text.p, s->text.len);
	str_clear(&s->text);
}

/* A path in the quotes that fast-import reads. */
static void add_path(struct str *s, const char *path)
{
	str_add(s, "\"tree/");
	for (; *path; path++) {
		if (*path == '\n') {
			str_add(s, "\\n");
			continue;
		}
		if (*path == '"' || *path == '\\')
			str_add_char(s, '\\');
		str_add_char(s, *path);
	}
	str_add(s, "\"\n");
}

static void add_head(struct stream *s, const char *mode, const char *path, uint64_t size)
{
	str_addf(&s->text, "M %s inline ", mode);
	add_path(&s->text, path);
	str_addf(&s->text, "data %llu\n", (unsigned long long)size);
}

static int64_t ns(const struct timespec *t)
{
	return t->tv_sec * 1000000000 + t->tv_nsec;
}

/* The bytes that the file had when it was opened; *ret_again when it is another kind of file by now,
 * or shorter than it said. */
static enum err_code add_file(struct stream *s, int root, struct entry *e, struct space_report *report,
			      bool *ret_again, struct err *err)
{
	auto_fd fd = open_beneath(root, e->path, O_RDONLY | O_NONBLOCK);
	struct stat st, after;
	if (fd < 0 || fstat(fd, &st)) {
		*ret_again = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO ||
			     errno == EXDEV || errno == EAGAIN;
		auto_free char *shown = git_shown(e->path);
		return *ret_again ? ERR_OK : err_sys(err, ERR_IO, _("cannot read %s"), shown);
	}
	*ret_again = !S_ISREG(st.st_mode) || st.st_mode != e->mode;
	if (*ret_again)
		return ERR_OK;
	add_head(s, e->mode & S_IXUSR ? "100755" : "100644", e->path, (uint64_t)st.st_size);
	for (uint64_t left = (uint64_t)st.st_size; left && !s->broken;) {
		size_t want = (size_t)MIN(left, (uint64_t)(256 * KIB));
		str_reserve(&s->text, want);
		ssize_t n = read(fd, s->text.p + s->text.len, want);
		if (n < 0 && errno == EINTR)
			continue;
		auto_free char *shown = n < 0 ? git_shown(e->path) : NULL;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read %s"), shown);
		*ret_again = n == 0;
		if (n == 0)
			return ERR_OK;
		s->text.len += (size_t)n;
		left -= (uint64_t)n;
		flush(s, false);
	}
	str_add_char(&s->text, '\n');
	report->read++;
	e->ino = st.st_ino;
	e->size = (uint64_t)st.st_size;
	e->mtime_ns = ns(&st.st_mtim);
	e->ctime_ns = ns(&st.st_ctim);
	if (fstat(fd, &after) || ns(&after.st_mtim) != e->mtime_ns || after.st_size != st.st_size) {
		report->changing++;
		e->mtime_ns = e->ctime_ns = 0;
	}
	return ERR_OK;
}

static enum err_code add_link(struct stream *s, int root, const struct entry *e, bool *ret_again,
			      struct err *err)
{
	char target[SPACE_PATH_MAX + 100];
	auto_fd fd = open_beneath(root, e->path, O_PATH);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof target);
	*ret_again = n < 0;
	if (n < 0)
		return ERR_OK;
	if ((size_t)n == sizeof target)
		return err_set(err, ERR_TOO_LARGE, _("the target of a link is longer than %d bytes"),
			       SPACE_PATH_MAX);
	add_head(s, "120000", e->path, (uint64_t)n);
	str_add_len(&s->text, target, (size_t)n);
	str_add_char(&s->text, '\n');
	return ERR_OK;
}

static bool is_content(const struct entry *e)
{
	return !S_ISDIR(e->mode);
}

/* What is gone, or is a folder now. First, so that a file's name is free for a folder. */
static void add_removed(struct stream *s, const struct listing *last, const struct listing *now)
{
	for (size_t i = 0, j = 0; i < last->n; i++) {
		if (!is_content(&last->v[i]))
			continue;
		int order = 1;
		while (j < now->n && (order = path_order(now->v[j].path, last->v[i].path)) < 0)
			j++;
		if (j < now->n && order == 0 && is_content(&now->v[j]))
			continue;
		str_add(&s->text, "D ");
		add_path(&s->text, last->v[i].path);
		flush(s, false);
	}
}

static enum err_code add_all(struct stream *s, struct place *place, const struct cache *last,
			     struct listing *now, const struct str *meta, struct space_report *report,
			     bool *ret_again, struct err *err)
{
	str_addf(&s->text,
		 "commit refs/pawl/%s\nmark :1\ncommitter pawl <pawl@localhost> 0 +0000\ndata 0\n",
		 place->key);
	if (last->id[0])
		str_addf(&s->text, "M 040000 %s \"\"\n", last->id);
	add_removed(s, &last->listing, now);
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < now->n && !code && !*ret_again && !s->broken; i++) {
		struct entry *e = &now->v[i];
		if (!e->changed || !is_content(e))
			continue;
		code = S_ISLNK(e->mode) ? add_link(s, place->root, e, ret_again, err) :
					  add_file(s, place->root, e, report, ret_again, err);
		flush(s, false);
	}
	str_addf(&s->text, "M 100644 inline meta\ndata %zu\n", meta->len);
	str_add_len(&s->text, str_text(meta), meta->len);
	str_add(&s->text, "\n\nls :1 \"\"\ndone\n");
	return code;
}

static enum err_code read_answer(struct git_proc *proc, char id[SPACE_ID_LEN + 1], struct err *err)
{
	static const char head[] = "040000 tree ";
	char line[128];
	size_t len = 0;
	for (ssize_t n; len < sizeof line - 1; len += (size_t)n) {
		n = read(proc->out, line + len, sizeof line - 1 - len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			break;
	}
	enum err_code code = git_finish(proc, err);
	if (code)
		return code;
	line[len] = '\0';
	if (!str_starts(line, head) || len < sizeof head - 1 + SPACE_ID_LEN)
		return err_set(err, ERR_IO, _("git fast-import does not name the tree that it made"));
	memcpy(id, line + sizeof head - 1, SPACE_ID_LEN);
	id[SPACE_ID_LEN] = '\0';
	return check_id(id, err);
}

/* git makes the pack durable; the name of the pack is ours to make so. */
static enum err_code sync_names(const struct place *place, struct err *err)
{
	auto_free char *path = xasprintf("%s/objects/pack", place->store);
	auto_fd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) ? err_sys(err, ERR_IO, _("cannot make %s durable"), path) : ERR_OK;
}

/* Each snapshot is a pack, and git looks into all of them for what it does not have yet. Now and then those that are
 * small beside the others become one; nothing is dropped, and who reads meanwhile finds it in the new one. */
static void tidy(struct place *place)
{
	auto_free char *packs = xasprintf("%s/objects/pack", place->store);
	auto_free char *lock = xasprintf("%s/pawl/tidy.lock", place->store);
	DIR *dir = opendir(packs);
	size_t files = 0;
	while (dir && readdir(dir))
		files++;
	if (dir)
		(void)closedir(dir); /* only read from */
	if (files < PACK_FILES_MAX)
		return;
	auto_fd fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return; /* somebody else is at it */
	static const char *const args[] = { "repack", "-d", "-q", "-n", "--geometric=2", "--window=0", NULL };
	/* What fails costs time at the next snapshot, nothing else. */
	if (git_capture(&place->git, args, -1, 4 * KIB, NULL, NULL))
		return;
}

enum err_code import(struct place *place, const struct cache *last, struct listing *now,
		     const struct str *meta, struct space_report *report, char id[SPACE_ID_LEN + 1],
		     bool *ret_again, struct err *err)
{
	/* The objects are the result; the branch that fast-import wants is of no account. It is held by
	 * the lock of the folder, so a lock that git left behind is of one that was killed. */
	static const char *const args[] = { "fast-import", "--quiet",	"--force",
					    "--done",	   "--depth=0", "--big-file-threshold=8m",
					    NULL };
	CLEANUP(stream_done) struct stream s = { GIT_PROC_INIT, STR_INIT, false };
	*ret_again = false;
	auto_free char *branch = xasprintf("%s/refs/pawl/%s", place->store, place->key);
	auto_free char *stale = xasprintf("%s.lock", branch);
	(void)unlink(stale); /* seldom there */
	(void)unlink(branch); /* it is not flushed, so after a power failure it may hold anything */
	enum err_code code = git_start(&s.proc, &place->git, args, -1, true, err);
	if (!code)
		code = add_all(&s, place, last, now, meta, report, ret_again, err);
	if (code || *ret_again)
		return code;
	flush(&s, true);
	space_close(&s.proc.in);
	code = read_answer(&s.proc, id, err);
	if (!code)
		code = sync_names(place, err);
	if (!code)
		tidy(place);
	return code;
}
