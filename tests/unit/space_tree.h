/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random trees for the tests of snapshots, and a picture of a tree that was made without git. */
#ifndef PAWL_TESTS_SPACE_TREE_H
#define PAWL_TESTS_SPACE_TREE_H

#include "base/fs.h"
#include "base/hash.h"
#include "base/rng.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
	char *root, *store, *folder;
};

static inline void world_open(struct world *w)
{
	char name[] = "/tmp/pawl-space-XXXXXX";
	ck_assert_ptr_nonnull(mkdtemp(name));
	w->root = xstrdup(name);
	w->store = xasprintf("%s/snapshots.git", name);
	w->folder = xasprintf("%s/work", name);
	ck_assert_int_eq(mkdir(w->folder, 0755), 0);
}

static inline void world_close(struct world *w)
{
	struct err err;
	ck_assert_msg(fs_rmtree(w->root, &err) == ERR_OK, "%s", err.message);
	free(w->root);
	free(w->store);
	free(w->folder);
}

static inline void put(const struct world *w, const char *path, const char *text)
{
	auto_free char *full = xasprintf("%s/%s", w->folder, path);
	for (char *slash = full + strlen(w->folder) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	(void)unlink(full);
	int fd = open(full, O_WRONLY | O_CREAT | O_EXCL, 0644);
	ck_assert_msg(fd >= 0, "%s: %s", full, strerror(errno));
	ck_assert(fs_write_all(fd, text, strlen(text)));
	(void)close(fd);
}

static inline bool has(const struct world *w, const char *path)
{
	struct stat st;
	auto_free char *full = xasprintf("%s/%s", w->folder, path);
	return lstat(full, &st) == 0;
}

/* Kind, permissions, contents and link target of everything below, in the order of names. */
static inline void picture(const char *dir, const char *under, struct str *out)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort);
	ck_assert_int_ge(n, 0);
	for (int i = 0; i < n; i++) {
		auto_free struct dirent *d = list[i];
		if (str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
			continue;
		auto_free char *full = xasprintf("%s/%s", dir, d->d_name);
		auto_free char *path = xasprintf("%s/%s", under, d->d_name);
		struct stat st;
		ck_assert_int_eq(lstat(full, &st), 0);
		str_addf(out, "%s %o", path, st.st_mode);
		if (S_ISREG(st.st_mode)) {
			auto_free char *text = NULL;
			size_t len;
			char hex[HASH_TEXT_LEN + 1];
			ck_assert_int_eq(fs_read(full, 64 * MIB, &text, &len, NULL), ERR_OK);
			struct hash hash = hash_bytes(text, len);
			hash_hex(&hash, hex);
			str_addf(out, " %zu %s", len, hex);
		} else if (S_ISLNK(st.st_mode)) {
			char target[4096];
			ssize_t len = readlink(full, target, sizeof target - 1);
			ck_assert_int_ge(len, 0);
			str_add(out, " -> ");
			str_add_len(out, target, (size_t)len);
		}
		str_add_char(out, '\n');
		if (S_ISDIR(st.st_mode))
			picture(full, path, out);
	}
	free(list);
}

static const char *const odd_names[] = {
	"a",	 "b",	 "c",	   "d.c",      "e f",	  "new\nline", "tab\there", "\xff\xfe raw",
	"-dash", "quo\"te", "back\\slash", "*", "[x]",	  ":(top)a",   "\xc3\xa9",  "e\xcc\x81",
	"~",	 "A",	 "git~1",  ".GIT",     "a.b",	  "a-b",       "\x01\x02",  "con",
};

/* One random change of the tree; what cannot be done is no change. */
static inline void change(const struct world *w, struct rng *r)
{
	auto_str path = STR_INIT;
	str_add(&path, w->folder);
	size_t depth = 1 + rng_below(r, 4);
	for (size_t i = 0; i < depth; i++) {
		if (i)
			(void)mkdir(str_text(&path), 0755);
		str_add_char(&path, '/');
		str_add(&path, odd_names[rng_below(r, COUNT(odd_names))]);
	}
	const char *at = str_text(&path);
	static const mode_t modes[] = { 0644, 0755, 0600, 0444, 0700, 0664, 0400 };
	auto_free char *other = xasprintf("%s/%s", w->folder, odd_names[rng_below(r, COUNT(odd_names))]);
	switch (rng_below(r, 9)) {
	case 0:
	case 1:
	case 2: {
		int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644);
		size_t len = rng_below(r, 10) ? rng_below(r, 300) : 0;
		if (rng_below(r, 200) == 0)
			len = (size_t)9 * MIB; /* larger than what git keeps in memory at once */
		auto_free char *bytes = xmalloc(len + 8);
		for (size_t i = 0; i < len; i += 8) {
			uint64_t v = rng_u64(r);
			memcpy(bytes + i, &v, 8);
		}
		if (fd >= 0) {
			ck_assert(fs_write_all(fd, bytes, len));
			(void)close(fd);
		}
		break;
	}
	case 3:
		if (fs_rmtree(at, NULL)) /* a file stands where a folder would have to be */
			return;
		break;
	case 4:
		(void)rename(at, other);
		break;
	case 5:
		if (has(w, at + strlen(w->folder) + 1)) {
			struct stat st;
			if (lstat(at, &st) == 0 && !S_ISLNK(st.st_mode))
				(void)chmod(at, S_ISDIR(st.st_mode) ? 0750 : modes[rng_below(r, COUNT(modes))]);
		}
		break;
	case 6:
		(void)symlink(rng_below(r, 2) ? "../outside/nowhere" : "/etc", at);
		break;
	case 7:
		(void)mkdir(at, 0755);
		break;
	default: {
		int fd = open(at, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK);
		if (fd >= 0) {
			ck_assert(fs_write_all(fd, "more\r\n", 6));
			(void)close(fd);
		}
	}
	}
}

#endif
