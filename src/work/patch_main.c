/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-patch: a unified diff is judged and applied. What follows, the commit or the way back, is the engine's, when
 * the checks of the node are known. The spec, one JSON object on stdin (+ must be there):
 *
 *	{"workspace": "/…" +, "stem": "/…" + (space/patch.h), "patch": "p-…", "file": "PATH" or "text": "…" +, "strip": 1,
 *	 "allow": […], "deny": […], "max_file": n, "max_files": n, "max_lines": n, "binary", "modes", "symlinks",
 *	 "commit": true (there will be one: the workspace has to be a repository)}
 *
 * stdout: a line for each step. $PAWL_OUTPUT: outputs patch, files, added, removed, and the report:
 *
 *	{"kind": "patch", "patch", "state": "applied" | "quarantined" | "apply_failed", "reason", "moves": ["validated", …],
 *	 "hash", "nfiles", "added", "removed", "files": [{"path", "from", "change", "added", "removed", "binary"}…]}
 *
 * `apply_failed`: the files could not be made what they were; that is to be tried again. Begun again after it was
 * interrupted, it finds what it had done. Exit status: 0 applied, 1 not, 2 a spec that is none. */
#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/utf8.h"
#include "model/error.h"
#include "space/git.h"
#include "space/patch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPEC_MAX (8 * MIB)
#define TRIES 3
#define SHOWN_MAX 200 /* files that the report names */

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

struct job {
	struct json *spec;
	struct patch_place place;
	struct patch_rules rules;
	const char **globs[2];
	struct patch patch;
	char hash[HASH_TEXT_LEN + 1];
	const char *moves[3 * TRIES + 4];
	size_t nmoves;
	const char *state;
	struct err err; /* with a state that is not "applied" */
};

static PRINTF_LIKE(1, 2) void say(const char *fmt, ...)
{
	auto_str text = STR_INIT, s = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	text_add_safe(&s, str_text(&text), text.len, SAFE_PLAIN, false);
	str_add_char(&s, '\n');
	(void)!fs_write_all(STDOUT_FILENO, s.p, s.len);
}

static void move(struct job *j, const char *to)
{
	if (j->nmoves < COUNT(j->moves))
		j->moves[j->nmoves++] = to;
}

static bool ended(struct job *j, enum err_code code)
{
	if (!code && stopped)
		code = err_set(&j->err, ERR_CANCELED, _("it was stopped"));
	return code != ERR_OK;
}

/* ---- where the diff is ---- */

static enum err_code read_file(const struct job *j, const char *path, struct str *ret, struct err *err)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	struct stat st;
	auto_fd root = open(j->place.folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0 && errno == EXDEV)
		return err_set(err, ERR_FORBIDDEN, _("%s leads out of the workspace"), path);
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, ERR_NOT_FOUND, _("cannot read the diff %s"), path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, _("the diff %s is no file"), path);
	for (;;) {
		str_reserve(ret, 64 * KIB);
		ssize_t n = read(fd, ret->p + ret->len, 64 * KIB);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read the diff %s"), path);
		if (n == 0)
			return ERR_OK;
		ret->len += (size_t)n;
		if (ret->len > PATCH_TEXT_MAX)
			return err_set(err, ERR_TOO_LARGE, _("the diff has more than %zu bytes"), PATCH_TEXT_MAX);
	}
}

/* Kept as STEM.diff, whatever becomes of it. */
static enum err_code take_diff(struct job *j, struct str *ret)
{
	const char *file = json_get_str(j->spec, "file", NULL), *text = json_get_str(j->spec, "text", NULL), *from;
	auto_free char *path = xasprintf("%s.diff", j->place.stem);
	auto_str raw = STR_INIT;
	size_t len;
	enum err_code code = ERR_OK;
	if (file)
		code = read_file(j, file, &raw, &j->err);
	else
		str_add(&raw, text);
	if (code)
		return code;
	patch_unfence(str_text(&raw), raw.len, &from, &len);
	str_add_len(ret, from, len);
	/* A template or an answer often ends without its last newline. */
	if (text && ret->len && ret->p[ret->len - 1] != '\n')
		str_add_char(ret, '\n');
	struct hash h = hash_bytes(str_text(ret), ret->len);
	hash_hex(&h, j->hash);
	if (ret->len > PATCH_TEXT_MAX)
		return err_set(&j->err, ERR_TOO_LARGE, _("the diff has %zu bytes; at most %zu are read"), ret->len, PATCH_TEXT_MAX);
	return fs_write(path, str_text(ret), ret->len, 0600, &j->err);
}

/* ---- the work ---- */

static enum err_code validate(struct job *j, const struct str *diff)
{
	enum err_code code = patch_read(str_text(diff), diff->len, j->place.strip, &j->patch, &j->err);
	if (code)
		return code;
	say(ngettext("%zu file, %zu lines added, %zu removed", "%zu files, %zu lines added, %zu removed", j->patch.n), j->patch.n,
	    j->patch.added, j->patch.removed);
	for (size_t i = 0; i < j->patch.n && i < SHOWN_MAX; i++)
		say("  %s %s", patch_change(&j->patch.v[i]), patch_path(&j->patch.v[i]));
	code = patch_judge(&j->patch, &j->rules, &j->err);
	if (!code && json_get_bool(j->spec, "commit", false) && !patch_can_commit(j->place.folder))
		code = err_set(&j->err, ERR_CONFLICT, _("%s is no git repository; commit: wants one"), j->place.folder);
	if (!code)
		code = patch_try(&j->place, &j->patch, &j->err);
	return code;
}

static void apply(struct job *j)
{
	bool stuck = false;
	for (int i = 0; i < TRIES; i++) {
		move(j, "queued");
		move(j, "applying");
		enum err_code code = patch_apply(&j->place, &j->patch, &j->rules, &stuck, &j->err);
		if (!code && !stopped) {
			move(j, "applied");
			j->state = "applied";
			return;
		}
		if (!code) { /* told to end: whole, but nobody wants it */
			struct err also;
			stuck = patch_restore(&j->place, &also) != ERR_OK;
			j->err = stuck ? also : j->err;
		}
		move(j, "apply_failed");
		say(_("try %d: %s"), i + 1, j->err.message);
		if (stuck || ended(j, ERR_OK) || code == ERR_FORBIDDEN || code == ERR_TOO_LARGE)
			break;
	}
	j->state = stuck ? "apply_failed" : "quarantined";
}

static void work(struct job *j)
{
	auto_str diff = STR_INIT;
	enum patch_stand stand = PATCH_NONE;
	enum err_code code = patch_look(&j->place, &stand, &j->err);
	if (!code && stand != PATCH_NONE && stand != PATCH_AFTER) {
		say("%s", _("an earlier try was interrupted: the files are made what they were"));
		code = patch_restore(&j->place, &j->err);
		j->state = "apply_failed";
		if (code)
			return;
	}
	j->state = "quarantined";
	if (!code)
		code = take_diff(j, &diff);
	if (ended(j, code) || ended(j, stand == PATCH_AFTER ? patch_read(str_text(&diff), diff.len, j->place.strip, &j->patch, &j->err) :
							       validate(j, &diff)))
		return;
	move(j, "validated");
	if (stand == PATCH_AFTER) {
		say("%s", _("it is applied already"));
		move(j, "queued");
		move(j, "applying");
		move(j, "applied");
		j->state = "applied";
		return;
	}
	apply(j);
}

/* ---- what came of it ---- */

static void write_files(struct jw *w, const struct patch *p)
{
	jw_arr(w, "files");
	for (size_t i = 0; i < p->n && i < SHOWN_MAX; i++) {
		const struct patch_file *f = &p->v[i];
		jw_obj(w, NULL);
		jw_str(w, "path", patch_path(f));
		if (f->renamed || f->copied)
			jw_str(w, "from", f->from);
		jw_str(w, "change", patch_change(f));
		jw_int(w, "added", (int64_t)f->added);
		jw_int(w, "removed", (int64_t)f->removed);
		jw_bool(w, "binary", f->binary);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void write_output(const struct job *j)
{
	const char *path = getenv("PAWL_OUTPUT"), *id = json_get_str(j->spec, "patch", NULL);
	bool applied = str_eq(j->state, "applied");
	auto_str json = STR_INIT;
	struct err err;
	struct jw w = jw_begin(&json);
	jw_obj(&w, NULL);
	jw_obj(&w, "outputs");
	if (applied) {
		jw_str(&w, "patch", id);
		jw_int(&w, "files", (int64_t)j->patch.n);
		jw_int(&w, "added", (int64_t)j->patch.added);
		jw_int(&w, "removed", (int64_t)j->patch.removed);
	}
	jw_end_obj(&w);
	jw_obj(&w, "report");
	jw_str(&w, "kind", "patch");
	jw_str(&w, "patch", id);
	jw_str(&w, "state", j->state);
	jw_str(&w, "reason", applied ? NULL : j->err.message);
	jw_arr(&w, "moves");
	for (size_t i = 0; i < j->nmoves; i++)
		jw_str(&w, NULL, j->moves[i]);
	jw_end_arr(&w);
	jw_str(&w, "hash", j->hash);
	jw_int(&w, "nfiles", (int64_t)j->patch.n);
	jw_int(&w, "added", (int64_t)j->patch.added);
	jw_int(&w, "removed", (int64_t)j->patch.removed);
	write_files(&w, &j->patch);
	jw_end_obj(&w);
	if (!applied) {
		jw_str(&w, "class", error_class_name(CLASS_PATCH));
		auto_free char *message = xasprintf(_("%s; see: pawl patches show %s"), j->err.message, id ? id : "?");
		jw_str(&w, "message", message);
	}
	jw_end_obj(&w);
	if (path && fs_write(path, json.p, json.len, 0600, &err))
		(void)fprintf(stderr, "pawl-patch: %s\n", err.message);
}

/* ---- the spec ---- */

static const char **read_list(const struct json *v, size_t *ret_n)
{
	const char **list = xcalloc(json_count(v) + 1, sizeof(*list));
	*ret_n = 0;
	for (const struct json *e = json_first(v); e; e = json_next(e))
		if (json_type(e) == JSON_STRING)
			list[(*ret_n)++] = json_str(e, "");
	return list;
}

static enum err_code read_spec(struct job *j, struct err *err)
{
	auto_str in = STR_INIT;
	ssize_t n;
	do {
		str_reserve(&in, 64 * KIB);
		n = read(STDIN_FILENO, in.p + in.len, 64 * KIB);
		in.len += n > 0 ? (size_t)n : 0;
	} while ((n > 0 || (n < 0 && errno == EINTR)) && in.len <= SPEC_MAX);
	enum err_code code = json_parse(in.p, in.len, SPEC_MAX, &j->spec, err);
	if (code)
		return code;
	const struct json *v = j->spec;
	j->place = (struct patch_place){ .folder = json_get_str(v, "workspace", NULL), .stem = json_get_str(v, "stem", NULL),
					 .strip = (int)json_get_int(v, "strip", 1) };
	j->globs[0] = read_list(json_get(v, "allow"), &j->rules.nallow);
	j->globs[1] = read_list(json_get(v, "deny"), &j->rules.ndeny);
	j->rules.allow = j->globs[0];
	j->rules.deny = j->globs[1];
	j->rules.max_file = json_get_int(v, "max_file", 0);
	j->rules.max_files = (size_t)MAX(json_get_int(v, "max_files", 0), (int64_t)0);
	j->rules.max_lines = (size_t)MAX(json_get_int(v, "max_lines", 0), (int64_t)0);
	j->rules.binary = json_get_bool(v, "binary", false);
	j->rules.modes = json_get_bool(v, "modes", false);
	j->rules.symlinks = json_get_bool(v, "symlinks", false);
	bool one = !json_get_str(v, "file", NULL) != !json_get_str(v, "text", NULL);
	if (!j->place.folder || j->place.folder[0] != '/' || !j->place.stem || j->place.stem[0] != '/' || !one)
		return err_set(err, ERR_INVALID, _("the spec wants an absolute workspace and stem, and a file or a text"));
	auto_free char *folder = xstrndup(j->place.stem, (size_t)(strrchr(j->place.stem, '/') - j->place.stem));
	return fs_mkdirs(folder, 0700, err);
}

static void job_done(struct job *j)
{
	patch_done(&j->patch);
	free(j->globs[0]);
	free(j->globs[1]);
	json_free(j->spec);
}

int main(void)
{
	CLEANUP(job_done) struct job j = { .state = "quarantined" };
	struct err err = { 0 };
	const struct sigaction action = { .sa_handler = stop, .sa_flags = SA_RESTART };
	(void)setlocale(LC_ALL, "");
	/* Told to end, it leaves no half: it stops after what it is at, and takes that back. */
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	if (read_spec(&j, &err)) {
		(void)fprintf(stderr, "pawl-patch: %s\n", err.message);
		return 2;
	}
	work(&j);
	bool applied = str_eq(j.state, "applied");
	if (applied)
		say("%s", _("applied"));
	else
		say("%s: %s", j.state, j.err.message);
	write_output(&j);
	return !applied;
}
