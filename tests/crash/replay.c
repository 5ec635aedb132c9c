/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a disk may hold after the power failed: rebuilt, again and again, from a log of record.so.
 *
 *   replay [options] LOG SCRATCH CHECK [ARGUMENT]…
 *
 * Chooses points of the log at random. For each it builds in SCRATCH/image the folder as it may be
 * found after a power loss at that point, runs CHECK ARGUMENT… SCRATCH/image LAST-MARK, and
 * takes its exit status: 0 fine, 1 something acknowledged is lost, 2 corrupt. Options:
 *
 *   --images N      how many (100)          --mode M    keep, drop, tear, none, or mixed (default)
 *   --seed N        which ones (1)          --names M   posix or journal (default: both by turns)
 *   --only N        build image N only, and keep it
 *   --flushes no    a disk that lies: flushes do nothing; to show that CHECK can fail
 *   --verify DIR    no images: the end of the log must equal DIR, byte for byte
 *
 * The model. A write or truncation is safe after a flush of its file; what is not yet flushed is kept
 * whole or lost (drop), or kept and lost by sectors of 512 bytes (tear), or all lost (none), or
 * all there (keep: what a kill -9 leaves). When writes that made the file longer are lost, it may be
 * long all the same, with zeros. A name (create, rename, unlink, mkdir) is safe after a flush of its
 * folder (posix); of those that are not, a folder loses all from some moment on; a rename happens
 * wholly or not at all. With "journal", as on ext4, any flush makes all names before it safe, and
 * names are lost in one order for all folders. */
#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include <unistd.h>

#define SECTOR 512

extern char **environ;

enum mode { MODE_KEEP, MODE_DROP, MODE_TEAR, MODE_NONE, MODE_MIXED };
static const char *const mode_names[] = { "keep", "drop", "tear", "none", "mixed" };

struct change { /* a write, or a new size when `bytes` is NULL */
	const char *bytes; /* in the log */
	uint64_t at, len;
};

struct inode {
	uint64_t number;
	bool dir;
	char *target; /* of a symbolic link */
	char *data;   /* safe */
	uint64_t len, cap;
	struct change *changes; /* not yet flushed */
	size_t nchanges, cap_changes;
	struct smap now;  /* of a folder: name → struct inode, as the programs see it */
	struct smap safe; /* name → struct entry */
};

struct entry { /* what is known to be on disk about a name */
	struct inode *inode; /* NULL: no such name */
	size_t seq;          /* of the change that said so */
};

struct naming { /* one change of one or two names that happens wholly or not at all */
	struct inode *dir[2], *inode[2];
	char *name[2];
	int n;
};

struct world {
	const char *log;
	size_t len, at, nrecords;
	struct map inodes;   /* number → the inode that has it now */
	struct inode **all;  /* and those whose number went to another file */
	size_t nall, cap_all;
	struct inode *root;
	struct naming *namings; /* all, in order; `done` tells which are safe */
	bool *done;
	size_t n, cap, cap_done;
	const char *mark; /* the last mark */
	size_t mark_len;
};

static struct {
	size_t images, only;
	uint64_t seed;
	enum mode mode;
	int journal; /* -1: by turns */
	const char *verify;
	bool deaf;
} option = { .images = 100, .only = SIZE_MAX, .seed = 1, .mode = MODE_MIXED, .journal = -1 };

NORETURN static void die(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("replay: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(3);
}

/* ---- the model of the disk ---- */

static struct inode *inode_new(struct world *w, uint64_t number, bool dir)
{
	struct inode *i = xcalloc(1, sizeof(*i));
	i->number = number;
	i->dir = dir;
	map_put(&w->inodes, number, i);
	GROW(w->all, w->nall, w->cap_all);
	w->all[w->nall++] = i;
	return i;
}

static struct inode *inode_find(struct world *w, uint64_t number)
{
	struct inode *i = map_get(&w->inodes, number);
	if (!i)
		die("record %zu: inode %" PRIu64 " was never seen", w->nrecords, number);
	return i;
}

/* The folder of a path and, in *ret_name, its last part. */
static struct inode *folder_of(struct world *w, char *path, char **ret_name)
{
	struct inode *dir = w->root;
	for (char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		*slash = '\0';
		dir = smap_get(&dir->now, path);
		if (!dir || !dir->dir)
			die("record %zu: no folder %s", w->nrecords, path);
	}
	*ret_name = path;
	return dir;
}

static struct naming *naming_new(struct world *w)
{
	GROW(w->namings, w->n, w->cap);
	w->cap_done = w->cap;
	w->done = xreallocarray(w->done, w->cap_done, sizeof(*w->done));
	w->done[w->n] = false;
	w->namings[w->n] = (struct naming){ .n = 0 };
	return &w->namings[w->n++];
}

static void naming_add(struct naming *n, struct inode *dir, const char *name, struct inode *inode)
{
	n->dir[n->n] = dir;
	n->inode[n->n] = inode;
	n->name[n->n++] = xstrdup(name);
	if (inode)
		smap_put(&dir->now, name, inode);
	else
		smap_del(&dir->now, name);
}

static void naming_apply(const struct naming *n, size_t seq)
{
	for (int i = 0; i < n->n; i++) {
		struct entry *e = smap_get(&n->dir[i]->safe, n->name[i]);
		if (!e) {
			e = xcalloc(1, sizeof(*e));
			smap_put(&n->dir[i]->safe, n->name[i], e);
		} else if (e->seq > seq) {
			continue;
		}
		e->inode = n->inode[i];
		e->seq = seq;
	}
}

static void change_apply(const struct change *c, char **data, uint64_t *len, uint64_t *cap)
{
	uint64_t end = c->at + c->len;
	if (end > *cap) {
		*cap = end * 2;
		*data = xrealloc(*data, *cap);
	}
	if (c->bytes) {
		if (c->at > *len)
			memset(*data + *len, 0, c->at - *len);
		memcpy(*data + c->at, c->bytes, c->len);
		*len = MAX(*len, end);
	} else {
		if (c->at > *len)
			memset(*data + *len, 0, c->at - *len);
		*len = c->at;
	}
}

static void flush(struct world *w, struct inode *i)
{
	for (size_t k = 0; k < i->nchanges; k++)
		change_apply(&i->changes[k], &i->data, &i->len, &i->cap);
	i->nchanges = 0;
	for (size_t k = 0; i->dir && k < w->n; k++) {
		const struct naming *n = &w->namings[k];
		if (!w->done[k] && (n->dir[0] == i || (n->n == 2 && n->dir[1] == i))) {
			naming_apply(n, k);
			w->done[k] = true;
		}
	}
}

static void flush_names(struct world *w)
{
	for (size_t k = 0; k < w->n; k++)
		if (!w->done[k]) {
			naming_apply(&w->namings[k], k);
			w->done[k] = true;
		}
}

static void names_free(struct world *w)
{
	for (size_t k = 0; k < w->n; k++)
		for (int i = 0; i < w->namings[k].n; i++)
			free(w->namings[k].name[i]);
	w->n = 0;
}

/* When all namings are safe, their order need not be remembered. */
static void forget_done(struct world *w)
{
	for (size_t k = 0; k < w->n; k++)
		if (!w->done[k])
			return;
	for (size_t k = 0; k < w->nall && w->n; k++) {
		size_t at = 0;
		for (struct entry *e; (e = smap_next(&w->all[k]->safe, &at, NULL));)
			e->seq = 0;
	}
	names_free(w);
}

static void world_free(struct world *w)
{
	names_free(w);
	for (size_t k = 0; k < w->nall; k++) {
		struct inode *i = w->all[k];
		size_t at = 0;
		for (struct entry *e; (e = smap_next(&i->safe, &at, NULL));)
			free(e);
		smap_done(&i->safe);
		smap_done(&i->now);
		free(i->changes);
		free(i->target);
		free(i->data);
		free(i);
	}
	free(w->all);
	free(w->namings);
	free(w->done);
	map_done(&w->inodes);
	free(w);
}

/* ---- the log ---- */

static char *line_next(struct world *w, struct str *line)
{
	const char *end = memchr(w->log + w->at, '\n', w->len - w->at);
	if (!end)
		return NULL;
	str_clear(line);
	str_add_len(line, w->log + w->at, (size_t)(end - (w->log + w->at)));
	w->at = (size_t)(end - w->log) + 1;
	return line->p ? line->p : NULL;
}

static uint64_t number_next(char **p)
{
	char *end;
	uint64_t v = strtoull(*p, &end, 10);
	if (end == *p)
		die("bad record: %s", *p);
	*p = *end ? end + 1 : end;
	return v;
}

static void change_add(struct inode *i, struct change c)
{
	GROW(i->changes, i->nchanges, i->cap_changes);
	i->changes[i->nchanges++] = c;
}

static void file_made(struct world *w, char *path, uint64_t number, bool dir, const char *target)
{
	char *name;
	struct inode *parent = folder_of(w, path, &name);
	struct inode *i = inode_new(w, number, dir);
	i->target = target ? xstrdup(target) : NULL;
	naming_add(naming_new(w), parent, name, i);
}

static void file_opened(struct world *w, char *path, uint64_t number)
{
	char *name;
	struct inode *parent = folder_of(w, path, &name);
	struct inode *known = smap_get(&parent->now, name);
	if (!known || known->number != number)
		die("record %zu: %s was there before the recording began; begin with an empty "
		    "folder", w->nrecords, name);
}

static void file_renamed(struct world *w, char *paths, bool hard_link)
{
	char *to = strchr(paths, '\t'), *a, *b;
	*to++ = '\0';
	struct inode *from_dir = folder_of(w, paths, &a), *to_dir = folder_of(w, to, &b);
	struct inode *i = smap_get(&from_dir->now, a);
	if (!i)
		die("record %zu: no file %s", w->nrecords, a);
	if (i == smap_get(&to_dir->now, b))
		return;
	struct naming *n = naming_new(w);
	naming_add(n, to_dir, b, i);
	if (!hard_link)
		naming_add(n, from_dir, a, NULL);
}

/* The bytes of a write stand behind its line; false when the recording was cut within them. */
static bool write_taken(struct world *w, struct inode *i, char *rest)
{
	struct change c = { .at = number_next(&rest) };
	c.len = number_next(&rest);
	if (c.len + 1 > w->len - w->at)
		return false;
	c.bytes = w->log + w->at;
	w->at += c.len + 1;
	change_add(i, c);
	return true;
}

/* Take the next record; false at the end of the log. */
static bool record_next(struct world *w, bool journal)
{
	auto_str line = STR_INIT;
	char *p = line_next(w, &line);
	if (!p)
		return false;
	w->nrecords++;
	char kind = p[0];
	char *rest = p[0] && p[1] ? p + 2 : p + 1;
	struct inode *i;
	char *name;
	uint64_t number = strchr("cdyowts", kind) ? number_next(&rest) : 0;
	switch (kind) {
	case 'c':
	case 'd':
		file_made(w, rest, number, kind == 'd', NULL);
		break;
	case 'y':
		name = strchr(rest, '\t');
		*name++ = '\0';
		file_made(w, name, number, false, rest);
		break;
	case 'o':
		file_opened(w, rest, number);
		break;
	case 'w':
		return write_taken(w, inode_find(w, number), rest);
	case 't':
		change_add(inode_find(w, number), (struct change){ .at = number_next(&rest) });
		break;
	case 's':
		if (option.deaf)
			break;
		i = map_get(&w->inodes, number);
		flush(w, i ? i : w->root); /* the folder itself has no record that made it */
		if (journal)
			flush_names(w);
		forget_done(w);
		break;
	case 'S':
		for (size_t k = 0; k < w->nall; k++)
			flush(w, w->all[k]);
		flush_names(w);
		break;
	case 'r':
	case 'l':
		file_renamed(w, rest, kind == 'l');
		break;
	case 'u':
		i = folder_of(w, rest, &name);
		naming_add(naming_new(w), i, name, NULL);
		break;
	case 'm':
		w->mark_len = strlen(rest);
		w->mark = w->log + w->at - 1 - w->mark_len;
		break;
	case 'x':
		die("record %zu: %s: cannot be replayed", w->nrecords, rest);
	default:
		die("record %zu: unknown: %s", w->nrecords, p);
	}
	return true;
}

/* ---- images ---- */

static void tear(const struct change *c, struct rng *rng, char **data, uint64_t *len, uint64_t *cap)
{
	uint64_t from = c->at, end = c->at + c->len;
	while (from < end) {
		uint64_t next = MIN((from / SECTOR + 1) * SECTOR, end);
		struct change part = { c->bytes + (from - c->at), from, next - from };
		if (rng_below(rng, 2))
			change_apply(&part, data, len, cap);
		from = next;
	}
}

static void write_file(const struct inode *i, const char *path, enum mode mode, struct rng *rng)
{
	uint64_t len = i->len, cap = i->len, longest = i->len;
	char *data = xmalloc(cap + 1);
	if (i->len)
		memcpy(data, i->data, i->len);
	for (size_t k = 0; k < i->nchanges; k++) {
		const struct change *c = &i->changes[k];
		longest = MAX(longest, c->at + c->len);
		if (mode == MODE_TEAR && c->bytes)
			tear(c, rng, &data, &len, &cap);
		else if (mode == MODE_KEEP || (mode != MODE_NONE && rng_below(rng, 2)))
			change_apply(c, &data, &len, &cap);
	}
	if ((mode == MODE_DROP || mode == MODE_TEAR) && longest > len && rng_below(rng, 2))
		change_apply(&(struct change){ .at = longest, .len = 0 }, &data, &len, &cap);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !fs_write_all(fd, data, len) || close(fd))
		die("%s: %s", path, strerror(errno));
	free(data);
}

/* The names that are on disk: what is safe, and of each folder the unsafe ones up to its moment. */
static void fold_names(struct world *w, bool journal, enum mode mode, struct rng *rng,
		       struct map *ret_extra)
{
	uint64_t salt = rng_u64(rng);
	for (size_t k = 0; k < w->n; k++) {
		if (w->done[k])
			continue;
		struct rng own = { salt ^ (journal ? 0 : w->namings[k].dir[0]->number) };
		(void)rng_u64(&own);
		uint64_t until = mode == MODE_KEEP ? w->n :
				 mode == MODE_NONE ? 0 : rng_below(&own, w->n + 1);
		if (k < until)
			map_put(ret_extra, k + 1, &w->namings[k]);
	}
}

static void write_folder(struct world *w, const struct inode *dir, const char *path,
			 const struct map *extra, enum mode mode, struct rng *rng, int depth);

static void write_inode(struct world *w, const struct inode *i, const char *path,
			const struct map *extra, enum mode mode, struct rng *rng, int depth)
{
	if (depth > 64)
		die("folders within folders without end");
	if (i->target) {
		if (symlink(i->target, path))
			die("%s: %s", path, strerror(errno));
	} else if (i->dir) {
		if (mkdir(path, 0700))
			die("%s: %s", path, strerror(errno));
		write_folder(w, i, path, extra, mode, rng, depth + 1);
	} else {
		write_file(i, path, mode, rng);
	}
}

static void write_folder(struct world *w, const struct inode *dir, const char *path,
			 const struct map *extra, enum mode mode, struct rng *rng, int depth)
{
	struct smap names = SMAP_INIT; /* name → struct entry */
	const char *name;
	size_t at = 0;
	for (struct entry *e; (e = smap_next(&dir->safe, &at, &name));)
		smap_put(&names, name, e);
	struct entry *made = xcalloc(w->n * 2 + 1, sizeof(*made)), *next = made;
	for (size_t k = 0; k < w->n; k++) {
		const struct naming *n = map_get(extra, k + 1);
		for (int i = 0; n && i < n->n; i++) {
			const struct entry *e = smap_get(&names, n->name[i]);
			if (n->dir[i] != dir || (e && e->seq > k))
				continue;
			*next = (struct entry){ n->inode[i], k };
			smap_put(&names, n->name[i], next++);
		}
	}
	at = 0;
	for (struct entry *e; (e = smap_next(&names, &at, &name));) {
		char *whole = xasprintf("%s/%s", path, name);
		if (e->inode)
			write_inode(w, e->inode, whole, extra, mode, rng, depth);
		free(whole);
	}
	smap_done(&names);
	free(made);
}

static enum mode choose_mode(struct rng *rng)
{
	static const enum mode mix[] = { MODE_DROP, MODE_TEAR, MODE_TEAR, MODE_NONE, MODE_KEEP };
	return option.mode == MODE_MIXED ? mix[rng_below(rng, COUNT(mix))] : option.mode;
}

static enum mode image_write(struct world *w, const char *path, bool journal, struct rng *rng)
{
	struct err err;
	enum mode mode = choose_mode(rng);
	struct map extra = MAP_INIT;
	fold_names(w, journal, mode, rng, &extra);
	if (fs_rmtree(path, &err) || mkdir(path, 0700))
		die("%s: cannot make it anew", path);
	write_folder(w, w->root, path, &extra, mode, rng, 0);
	map_done(&extra);
	return mode;
}

static int run_check(char **check, int n, const char *image, const char *mark)
{
	const char **argv = xcalloc((size_t)n + 3, sizeof(*argv));
	for (int i = 0; i < n; i++)
		argv[i] = check[i];
	argv[n] = image;
	argv[n + 1] = mark;
	pid_t pid;
	int status;
	if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ) ||
	    waitpid(pid, &status, 0) != pid)
		die("cannot run %s", argv[0]);
	free(argv);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 2)
		die("%s %s %s ended with status %#x", check[0], image, mark, (unsigned)status);
	return WEXITSTATUS(status);
}

static struct world *world_new(const char *log, size_t len)
{
	struct world *w = xcalloc(1, sizeof(*w));
	w->log = log;
	w->len = len;
	w->root = inode_new(w, UINT64_MAX - 1, true);
	return w;
}

static int compare_points(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	return (x > y) - (x < y);
}

/* One walk through the log under one naming model, stopping at its share of the points. */
static void walk(const char *log, size_t len, size_t nrecords, bool journal, const char *scratch,
		 char **check, int ncheck, size_t tally[3])
{
	size_t *points = xcalloc(option.images, sizeof(*points)), n = 0;
	struct rng rng = { option.seed };
	for (size_t i = 0; i < option.images; i++)
		points[n++] = 1 + rng_below(&rng, nrecords);
	qsort(points, n, sizeof(*points), compare_points);
	struct world *w = world_new(log, len);
	char *image = xasprintf("%s/image", scratch);
	for (size_t i = 0; i < n; i++) {
		while (w->nrecords < points[i] && record_next(w, journal))
			;
		bool mine = option.journal >= 0 || (i % 2 == 1) == journal;
		if (!mine || (option.only != SIZE_MAX && i != option.only))
			continue;
		struct rng own = { option.seed * 1000003 + i };
		enum mode mode = image_write(w, image, journal, &own);
		char *mark = w->mark ? xstrndup(w->mark, w->mark_len) : xstrdup("");
		int found = run_check(check, ncheck, image, mark);
		tally[found]++;
		if (found || option.only != SIZE_MAX)
			printf("image %zu: record %zu of %zu, %s, %s names, mark \"%s\": %s\n", i,
			       w->nrecords, nrecords, mode_names[mode],
			       journal ? "journal" : "posix", mark,
			       found == 2 ? "corrupt" : found ? "lost" : "fine");
		free(mark);
	}
	free(image);
	free(points);
	world_free(w);
}

/* ---- does the log tell the whole story? ---- */

static size_t compare_folder(const struct inode *dir, const char *path)
{
	size_t differences = 0, on_disk = 0;
	DIR *d = opendir(path);
	if (!d)
		die("%s: %s", path, strerror(errno));
	for (const struct dirent *de; (de = readdir(d));) {
		bool known = de->d_type == DT_REG || de->d_type == DT_DIR || de->d_type == DT_LNK;
		if (!known || str_eq(de->d_name, ".") || str_eq(de->d_name, ".."))
			continue; /* sockets and pipes mean nothing after a reboot */
		on_disk++;
		if (!smap_get(&dir->now, de->d_name))
			printf("%s/%s: is not in the log\n", path, de->d_name);
	}
	closedir(d);
	differences += on_disk != dir->now.n;
	size_t at = 0;
	const char *name;
	for (struct inode *i; (i = smap_next(&dir->now, &at, &name));) {
		char *whole = xasprintf("%s/%s", path, name);
		struct stat st;
		if (lstat(whole, &st)) {
			printf("%s: is not there\n", whole);
			differences++;
		} else if (i->dir) {
			differences += compare_folder(i, whole);
		} else if (S_ISREG(st.st_mode)) {
			auto_free char *bytes = NULL;
			size_t len;
			if (fs_read(whole, SIZE_MAX / 2, &bytes, &len, NULL))
				die("%s: cannot be read", whole);
			if (len != i->len || (len && memcmp(bytes, i->data, len) != 0)) {
				printf("%s: differs (%zu bytes, the log makes %" PRIu64 ")\n", whole,
				       len, i->len);
				differences++;
			}
		}
		free(whole);
	}
	return differences;
}

static int verify(const char *log, size_t len)
{
	struct world *w = world_new(log, len);
	while (record_next(w, true))
		;
	for (size_t k = 0; k < w->nall; k++)
		flush(w, w->all[k]);
	size_t differences = compare_folder(w->root, option.verify);
	printf("%zu records, %zu differences from %s\n", w->nrecords, differences, option.verify);
	world_free(w);
	return differences ? 1 : 0;
}

static size_t count_records(const char *log, size_t len)
{
	struct world *w = world_new(log, len);
	while (record_next(w, true))
		;
	size_t n = w->nrecords;
	world_free(w);
	return n;
}

/* ---- the command ---- */

static int option_of(const char *name, const char *value)
{
	if (!value)
		die("%s needs a value", name);
	if (str_eq(name, "--images"))
		option.images = strtoull(value, NULL, 10);
	else if (str_eq(name, "--seed"))
		option.seed = strtoull(value, NULL, 10);
	else if (str_eq(name, "--only"))
		option.only = strtoull(value, NULL, 10);
	else if (str_eq(name, "--verify"))
		option.verify = value;
	else if (str_eq(name, "--flushes"))
		option.deaf = str_eq(value, "no");
	else if (str_eq(name, "--names"))
		option.journal = str_eq(value, "journal");
	else if (str_eq(name, "--mode")) {
		size_t m = 0;
		while (m < COUNT(mode_names) && !str_eq(value, mode_names[m]))
			m++;
		if (m == COUNT(mode_names))
			die("no mode %s", value);
		option.mode = (enum mode)m;
	} else {
		die("unknown option %s", name);
	}
	return 2;
}

int main(int argc, char **argv)
{
	int at = 1;
	while (at < argc && str_starts(argv[at], "--"))
		at += option_of(argv[at], argv[at + 1]);
	if (argc - at < (option.verify ? 1 : 3))
		die("usage: replay [options] LOG SCRATCH CHECK [ARGUMENT]...");
	struct err err;
	auto_free char *log = NULL;
	size_t len;
	if (fs_read(argv[at], (size_t)4 << 30, &log, &len, &err))
		die("%s", err.message);
	if (option.verify)
		return verify(log, len);
	size_t nrecords = count_records(log, len), tally[3] = { 0, 0, 0 };
	if (!nrecords)
		die("%s: nothing was recorded", argv[at]);
	for (int journal = 0; journal < 2; journal++)
		if (option.journal < 0 || option.journal == journal)
			walk(log, len, nrecords, journal, argv[at + 1], argv + at + 2, argc - at - 2, tally);
	printf("%zu images of %zu records: %zu fine, %zu lost, %zu corrupt\n",
	       tally[0] + tally[1] + tally[2], nrecords, tally[0], tally[1], tally[2]);
	return tally[2] ? 2 : tally[1] ? 1 : 0;
}
