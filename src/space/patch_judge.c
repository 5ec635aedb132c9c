/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a patch may do: rules for paths, sizes and kinds, all of which are asked before anything is written. */
#include "space/patch.h"

#include "base/map.h"
#include "space/ignore.h"

#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 100

/* ".git" as any file system may spell it: letters of either size, NTFS' short name, dots and blanks behind. */
static bool is_git(const char *name, size_t len)
{
	while (len && (name[len - 1] == '.' || name[len - 1] == ' '))
		len--;
	const char *stream = memchr(name, ':', len);
	len = stream ? (size_t)(stream - name) : len;
	return (len == 4 && strncasecmp(name, ".git", 4) == 0) || (len == 5 && strncasecmp(name, "git~1", 5) == 0);
}

static enum err_code judge_path(const char *path, struct err *err)
{
	int depth = 0;
	if (*path == '/')
		return err_set(err, ERR_FORBIDDEN, _("'%s' is absolute; names are relative to the workspace"), path);
	for (const char *p = path;; p++) {
		size_t len = strcspn(p, "/");
		if (len == 0 || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
			return err_set(err, ERR_FORBIDDEN, _("'%s' has an empty, . or .. folder in it, and may lead out of the workspace"),
				       path);
		if (is_git(p, len))
			return err_set(err, ERR_FORBIDDEN, _("'%s' is in a .git, which no patch may touch"), path);
		if (++depth > DEPTH_MAX)
			return err_set(err, ERR_FORBIDDEN, _("'%s' has more than %d folders"), path, DEPTH_MAX);
		p += len;
		if (!*p)
			return ERR_OK;
	}
}

static bool any(const char *const *globs, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (ignore_glob(globs[i], path, true))
			return true;
	return false;
}

static enum err_code judge_scope(const struct patch_rules *rules, const char *path, struct err *err)
{
	enum err_code code = judge_path(path, err);
	if (code)
		return code;
	if (rules->nallow && !any(rules->allow, rules->nallow, path))
		return err_set(err, ERR_FORBIDDEN, _("'%s' is not among the paths that are allowed"), path);
	if (any(rules->deny, rules->ndeny, path))
		return err_set(err, ERR_FORBIDDEN, _("'%s' is among the paths that are denied"), path);
	return ERR_OK;
}

static enum err_code judge_mode(const struct patch_rules *rules, const struct patch_file *f, struct err *err)
{
	const uint32_t modes[] = { f->old_mode, f->new_mode };
	for (size_t i = 0; i < COUNT(modes); i++) {
		uint32_t kind = modes[i] & S_IFMT;
		if (modes[i] == 0 || kind == S_IFREG)
			continue;
		if (kind != S_IFLNK)
			return err_set(err, ERR_FORBIDDEN, _("'%s' has the mode %o, which is neither a file nor a link"), patch_path(f),
				       modes[i]);
		if (!rules->symlinks)
			return err_set(err, ERR_FORBIDDEN, _("'%s' is a symbolic link; symlinks: true allows them"), patch_path(f));
	}
	bool executable = !f->from && f->new_mode & 0111;
	bool other = f->old_mode && f->new_mode && f->old_mode != f->new_mode;
	if ((executable || other) && !rules->modes)
		return err_set(err, ERR_FORBIDDEN,
			       executable ? _("'%s' is made executable; modes: true allows it") :
					    _("the mode of '%s' is changed; modes: true allows it"),
			       patch_path(f));
	return ERR_OK;
}

enum err_code patch_judge(const struct patch *p, const struct patch_rules *rules, struct err *err)
{
	struct smap paths = SMAP_INIT;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < p->n && !code; i++) {
		const struct patch_file *f = &p->v[i];
		code = f->from ? judge_scope(rules, f->from, err) : ERR_OK;
		if (!code && f->to)
			code = judge_scope(rules, f->to, err);
		if (!code)
			code = judge_mode(rules, f, err);
		if (!code && f->binary && !rules->binary)
			code = err_set(err, ERR_FORBIDDEN, _("'%s' is binary; binary: true allows it"), patch_path(f));
		if (f->from && !f->copied)
			smap_put(&paths, f->from, p->v);
		if (f->to)
			smap_put(&paths, f->to, p->v);
	}
	size_t n = paths.n, lines = p->added + p->removed;
	smap_done(&paths);
	if (!code && rules->max_files && n > rules->max_files)
		return err_set(err, ERR_FORBIDDEN, _("%zu files are changed; at most %zu are allowed"), n, rules->max_files);
	if (!code && rules->max_lines && lines > rules->max_lines)
		return err_set(err, ERR_FORBIDDEN, _("%zu lines are changed; at most %zu are allowed"), lines, rules->max_lines);
	return code;
}
