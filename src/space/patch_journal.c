/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "space/patch_journal.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "space/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define JOURNAL_MAX ((size_t)16 * MIB)

static const char *const phases[] = { "applying", "applied", "restored", "settled" };
static_assert(COUNT(phases) == JOURNAL_PHASE_COUNT, "every phase has a name");
static const char *const kinds[] = { "absent", "file", "link" };

void patch_journal_done(struct patch_journal *j)
{
	for (size_t i = 0; i < j->n; i++)
		free(j->v[i].path);
	for (size_t i = 0; i < j->nfolders; i++)
		free(j->folders[i].path);
	free(j->v);
	free(j->folders);
	*j = (struct patch_journal){ .phase = JOURNAL_APPLYING };
}

/* ---- on disk ---- */

static void write_stand(struct jw *w, const char *key, const struct kept_stand *s)
{
	jw_obj(w, key);
	jw_str(w, "kind", kinds[s->kind]);
	jw_int(w, "mode", s->mode);
	jw_str(w, "hash", s->hash);
	jw_end_obj(w);
}

enum err_code patch_journal_write(const char *stem, const struct patch_journal *j, struct err *err)
{
	auto_free char *path = xasprintf("%s.json", stem);
	auto_str text = STR_INIT;
	struct jw w = jw_begin(&text);
	jw_obj(&w, NULL);
	jw_int(&w, "version", 1);
	jw_str(&w, "phase", phases[j->phase]);
	jw_str(&w, "commit", j->commit);
	jw_arr(&w, "files");
	for (size_t i = 0; i < j->n; i++) {
		jw_obj(&w, NULL);
		jw_str(&w, "path", j->v[i].path);
		write_stand(&w, "before", &j->v[i].before);
		write_stand(&w, "after", &j->v[i].after);
		auto_free char *mtime = xasprintf("%lld", (long long)j->v[i].mtime_ns);
		jw_str(&w, "mtime_ns", mtime);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_arr(&w, "folders");
	for (size_t i = 0; i < j->nfolders; i++) {
		jw_obj(&w, NULL);
		jw_str(&w, "path", j->folders[i].path);
		jw_int(&w, "mode", j->folders[i].mode);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	return fs_write(path, text.p, text.len, 0600, err);
}

static bool read_stand(const struct json *v, struct kept_stand *ret)
{
	const char *kind = json_get_str(v, "kind", "");
	size_t k = 0;
	while (k < COUNT(kinds) && !str_eq(kinds[k], kind))
		k++;
	if (k == COUNT(kinds))
		return false;
	ret->kind = (enum kept_kind)k;
	ret->mode = (uint32_t)json_get_int(v, "mode", 0);
	(void)snprintf(ret->hash, sizeof(ret->hash), "%s", json_get_str(v, "hash", ""));
	return true;
}

static bool read_all(const struct json *v, struct patch_journal *j)
{
	const struct json *files = json_get(v, "files"), *folders = json_get(v, "folders");
	const char *phase = json_get_str(v, "phase", "");
	while (j->phase < JOURNAL_PHASE_COUNT && !str_eq(phases[j->phase], phase))
		j->phase++;
	j->v = xcalloc(json_count(files) + 1, sizeof(*j->v));
	j->folders = xcalloc(json_count(folders) + 1, sizeof(*j->folders));
	bool good = j->phase < JOURNAL_PHASE_COUNT && json_get_int(v, "version", 0) == 1;
	for (const struct json *e = json_first(files); e && good; e = json_next(e)) {
		struct kept *k = &j->v[j->n++];
		k->path = xstrdup(json_get_str(e, "path", ""));
		k->mtime_ns = strtoll(json_get_str(e, "mtime_ns", "0"), NULL, 10);
		good = k->path[0] && read_stand(json_get(e, "before"), &k->before) && read_stand(json_get(e, "after"), &k->after);
	}
	for (const struct json *e = json_first(folders); e && good; e = json_next(e))
		j->folders[j->nfolders++] = (struct kept_folder){ xstrdup(json_get_str(e, "path", "")), json_get_int(e, "mode", -1) };
	(void)snprintf(j->commit, sizeof(j->commit), "%s", json_get_str(v, "commit", ""));
	return good;
}

enum err_code patch_journal_read(const char *stem, struct patch_journal *ret, struct err *err)
{
	auto_free char *path = xasprintf("%s.json", stem), *text = NULL;
	auto_json *v = NULL;
	size_t len;
	*ret = (struct patch_journal){ .phase = JOURNAL_APPLYING };
	if (!fs_exists(path))
		return err_set(err, ERR_NOT_FOUND, _("there is no journal %s"), path);
	enum err_code code = fs_read(path, JOURNAL_MAX, &text, &len, err);
	if (!code)
		code = json_parse(text, len, JOURNAL_MAX, &v, err);
	if (!code && !read_all(v, ret)) {
		patch_journal_done(ret);
		code = err_set(err, ERR_CORRUPT, _("%s is no journal of a patch"), path);
	}
	return code;
}

/* ---- what stands there ---- */

enum err_code patch_root(const char *folder, int *ret, struct err *err)
{
	*ret = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, ERR_IO, _("cannot open the workspace %s"), folder) : ERR_OK;
}

int patch_parent(int root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	auto_free char *parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
	return open_beneath(root, parent, O_RDONLY | O_DIRECTORY);
}

static enum err_code hash_file(int parent, const char *name, const char *path, const struct stat *st, struct kept_stand *ret,
			       struct err *err)
{
	struct hash h;
	auto_fd fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || !hash_fd(fd, (uint64_t)st->st_size, &h))
		return err_sys(err, ERR_IO, _("cannot read %s"), path);
	hash_hex(&h, ret->hash);
	return ERR_OK;
}

enum err_code patch_stat(int root, const char *path, struct kept_stand *ret, int64_t *ret_mtime_ns, struct err *err)
{
	const char *name;
	struct stat st;
	*ret = (struct kept_stand){ .kind = KEPT_ABSENT };
	if (ret_mtime_ns)
		*ret_mtime_ns = 0;
	auto_fd parent = patch_parent(root, path, &name);
	if (parent < 0 && (errno == ENOENT || errno == ENOTDIR))
		return ERR_OK;
	if (parent < 0 && (errno == ELOOP || errno == EXDEV))
		return err_set(err, ERR_FORBIDDEN, _("a symbolic link leads to '%s'"), path);
	if (parent < 0)
		return err_sys(err, ERR_IO, _("cannot look at %s"), path);
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? ERR_OK : err_sys(err, ERR_IO, _("cannot look at %s"), path);
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return S_ISDIR(st.st_mode) ? ERR_OK : /* git says what is wrong with it */
					     err_set(err, ERR_FORBIDDEN, _("'%s' is neither a file nor a link"), path);
	if (st.st_size > PATCH_FILE_MAX)
		return err_set(err, ERR_TOO_LARGE, _("'%s' has more than %lld bytes"), path, (long long)PATCH_FILE_MAX);
	ret->kind = S_ISLNK(st.st_mode) ? KEPT_LINK : KEPT_FILE;
	ret->mode = st.st_mode & 07777;
	if (ret_mtime_ns)
		*ret_mtime_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	if (ret->kind == KEPT_FILE)
		return hash_file(parent, name, path, &st, ret, err);
	char target[4 * KIB];
	ssize_t n = readlinkat(parent, name, target, sizeof(target));
	if (n < 0)
		return err_sys(err, ERR_IO, _("cannot read %s"), path);
	struct hash h = hash_bytes(target, (size_t)n);
	hash_hex(&h, ret->hash);
	return ERR_OK;
}

bool kept_same(const struct kept_stand *a, const struct kept_stand *b)
{
	return a->kind == b->kind && (a->kind == KEPT_ABSENT || str_eq(a->hash, b->hash)) &&
	       (a->kind != KEPT_FILE || a->mode == b->mode);
}
