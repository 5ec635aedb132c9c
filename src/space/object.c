/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading what a store holds, through one `git cat-file --batch` for as long as the store is open: a program
 * started for each question would take longer than all answers. */
#include "space/internal.h"

#include "base/fs.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Questions that were asked and not read must fit into the socket, or git and we would wait for each other. */
static_assert(OBJECTS_AHEAD * (SPACE_ID_LEN + sizeof(":meta\n")) < 8 * KIB, "questions fit into any socket");

struct object_buffer {
	size_t at, len;
	char bytes[128 * KIB];
};

void objects_done(struct objects *o)
{
	git_abort(&o->proc);
	free(o->buffer);
	o->buffer = NULL;
}

static bool fill(struct objects *o)
{
	struct object_buffer *b = o->buffer;
	ssize_t n;
	do
		n = read(o->proc.out, b->bytes, sizeof b->bytes);
	while (n < 0 && errno == EINTR);
	b->at = 0;
	b->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* It ended early: what it said is the reason. */
static enum err_code ended(struct objects *o, struct err *err)
{
	enum err_code code = git_finish(&o->proc, err);
	objects_done(o);
	return code ? code : err_set(err, ERR_IO, _("git %s failed: %s"), "cat-file", _("it gave no reason"));
}

enum err_code objects_ask(struct objects *o, const char *name, const char *suffix, struct err *err)
{
	static const char *const args[] = { "cat-file", "--batch", NULL };
	if (!o->buffer) {
		enum err_code code = git_start(&o->proc, o->git, args, -1, true, err);
		if (code)
			return code;
		o->buffer = xmalloc(sizeof *o->buffer);
		o->buffer->at = o->buffer->len = 0;
	}
	char line[SPACE_ID_LEN + 16];
	int len = snprintf(line, sizeof line, "%.*s%s\n", SPACE_ID_LEN, name, suffix);
	return git_send(&o->proc, line, (size_t)len) ? ERR_OK : ended(o, err);
}

static bool read_line(struct objects *o, char *line, size_t size)
{
	struct object_buffer *b = o->buffer;
	size_t n = 0;
	while (n < size - 1 && (b->at < b->len || fill(o))) {
		char c = b->bytes[b->at++];
		if (c == '\n') {
			line[n] = '\0';
			return true;
		}
		line[n++] = c;
	}
	return false;
}

enum err_code objects_head(struct objects *o, const char *kind, struct object_head *ret, struct err *err)
{
	char line[128] = "", *end = NULL;
	if (!read_line(o, line, sizeof line))
		return ended(o, err);
	size_t len = strlen(line);
	bool missing = len > SPACE_ID_LEN && str_eq(line + len - strlen(" missing"), " missing");
	const char *is = line + SPACE_ID_LEN + 1;
	size_t n = strlen(kind);
	bool good = len > SPACE_ID_LEN + 1 + n && str_starts(is, kind) && is[n] == ' ';
	memcpy(ret->oid, line, SPACE_ID_LEN);
	ret->oid[SPACE_ID_LEN] = '\0';
	if (missing)
		return err_set(err, ERR_NOT_FOUND, _("the snapshot lacks object %s"), ret->oid);
	if (!good)
		return err_set(err, ERR_CORRUPT, _("snapshot %s cannot be read"), ret->oid);
	ret->size = strtoull(is + n, &end, 10);
	return ERR_OK;
}

/* Blocks of zeros become holes, so that a file that had holes takes no more room than before; the caller's file is
 * new, and gets its length afterwards. */
static bool write_sparse(int fd, const char *p, size_t len)
{
	static const char zeros[4 * KIB];
	for (size_t n; len; p += n, len -= n) {
		n = MIN(len, sizeof zeros);
		bool hole = n == sizeof zeros && memcmp(p, zeros, n) == 0;
		for (size_t more; !hole && n < len; n += more) {
			more = MIN(len - n, sizeof zeros);
			if (more == sizeof zeros && memcmp(p + n, zeros, more) == 0)
				break;
		}
		if (hole ? lseek(fd, (off_t)n, SEEK_CUR) < 0 : !fs_write_all(fd, p, n))
			return false;
	}
	return true;
}

enum err_code objects_body(struct objects *o, uint64_t size, int fd, struct str *text, struct err *err)
{
	struct object_buffer *b = o->buffer;
	uint64_t length = size;
	while (size) {
		if (b->at == b->len && !fill(o))
			return ended(o, err);
		size_t n = (size_t)MIN(size, (uint64_t)(b->len - b->at));
		if (text)
			str_add_len(text, b->bytes + b->at, n);
		else if (!write_sparse(fd, b->bytes + b->at, n))
			return ERR_STORAGE; /* errno says why; the caller knows of which file */
		b->at += n;
		size -= n;
	}
	if (!text && length >= 4 * KIB && ftruncate(fd, (off_t)length))
		return ERR_STORAGE;
	if (b->at == b->len && !fill(o))
		return ended(o, err);
	b->at++; /* the newline behind it */
	return ERR_OK;
}

enum err_code objects_get(struct objects *o, const char *name, const char *suffix, const char *kind, size_t max,
			  struct object_head *ret, struct str *text, struct err *err)
{
	struct object_head head = { .size = 0 };
	enum err_code code = objects_ask(o, name, suffix, err);
	if (!code)
		code = objects_head(o, kind, &head, err);
	if (!code && head.size > max)
		code = err_set(err, ERR_TOO_LARGE, _("git %s answers more than %zu bytes"), "cat-file", max);
	if (!code)
		code = objects_body(o, head.size, -1, text, err);
	if (!code && ret)
		*ret = head;
	return code;
}

/* ---- trees ---- */

void files_done(struct files *files)
{
	arena_done(&files->names);
	free(files->v);
	*files = (struct files)FILES_INIT;
}

static void hex(const unsigned char *raw, char *oid)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < SPACE_ID_LEN / 2; i++) {
		*oid++ = digits[raw[i] >> 4];
		*oid++ = digits[raw[i] & 15];
	}
	*oid = '\0';
}

/* "MODE NAME\0" and 20 bytes, repeated. `folder` ends in '/', or is "". */
static bool add_entries(struct files *files, const char *folder, const struct str *tree)
{
	size_t at_folder = strlen(folder);
	for (size_t at = 0; at < tree->len;) {
		char *mode_end = NULL;
		unsigned long mode = strtoul(tree->p + at, &mode_end, 8);
		const char *name = mode_end + 1;
		size_t len = *mode_end == ' ' ? strlen(name) : 0;
		size_t oid = (size_t)(name - tree->p) + len + 1;
		if (!len || oid + SPACE_ID_LEN / 2 > tree->len || at_folder + len > SPACE_PATH_MAX + 1)
			return false;
		GROW(files->v, files->n, files->cap);
		struct file *f = &files->v[files->n++];
		char *path = arena_alloc(&files->names, at_folder + len + 1);
		memcpy(path, folder, at_folder);
		memcpy(path + at_folder, name, len + 1);
		*f = (struct file){ .path = path, .mode = (uint32_t)mode };
		hex((const unsigned char *)tree->p + oid, f->oid);
		at = oid + SPACE_ID_LEN / 2;
	}
	return true;
}

static enum err_code read_folder(struct objects *o, struct files *files, const char *path, struct str *tree,
				 struct object_head *head, struct err *err)
{
	str_clear(tree);
	enum err_code code = objects_head(o, "tree", head, err);
	if (!code && head->size > SPACE_META_MAX)
		code = err_set(err, ERR_TOO_LARGE, _("git %s answers more than %zu bytes"), "cat-file",
			       SPACE_META_MAX);
	if (!code)
		code = objects_body(o, head->size, -1, tree, err);
	auto_free char *folder = *path ? xasprintf("%s/", path) : xstrdup("");
	if (!code && !add_entries(files, folder, tree))
		code = err_set(err, ERR_CORRUPT, _("snapshot %s cannot be read"), head->oid);
	return code;
}

enum err_code files_read(struct objects *o, const char *id, bool (*skip)(void *with, const char *path, const char *oid),
			 void *with, struct files *ret, struct err *err)
{
	auto_str tree = STR_INIT;
	struct object_head head = { .size = 0 };
	enum err_code code = objects_ask(o, id, ":tree", err);
	if (code)
		return code;
	code = read_folder(o, ret, "", &tree, &head, err);
	if (code == ERR_NOT_FOUND) /* nothing but what stands in the meta text */
		return ERR_OK;
	memcpy(ret->oid, head.oid, sizeof ret->oid);
	if (!code && skip && skip(with, "", head.oid))
		ret->n = 0;
	/* Folders are appended behind what is read, so all are met, and those that come next are asked for ahead. */
	for (size_t asked = 0, at = 0, open = 0; !code && at < ret->n; at++) {
		for (; !code && asked < ret->n && open < OBJECTS_AHEAD; asked++) {
			struct file *f = &ret->v[asked];
			if (!S_ISDIR(f->mode))
				continue;
			f->skipped = skip && skip(with, f->path, f->oid);
			if (!f->skipped)
				code = objects_ask(o, f->oid, "", err);
			open += !f->skipped;
		}
		if (code || !S_ISDIR(ret->v[at].mode) || ret->v[at].skipped)
			continue;
		code = read_folder(o, ret, ret->v[at].path, &tree, &head, err);
		open--;
		if (code == ERR_NOT_FOUND)
			code = err_set(err, ERR_CORRUPT, _("the snapshot lacks object %s"), ret->v[at].oid);
	}
	return code;
}
