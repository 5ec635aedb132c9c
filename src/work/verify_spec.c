/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The document on stdin of pawl-verify. */
#include "work/verify.h"

#include <assert.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
static const char *const state_names[] = {
	[STATE_NOT_REACHED] = "not_reached", [STATE_SKIPPED] = "skipped_config",
	[STATE_PASSED] = "passed", [STATE_FAILED] = "failed",
};
/* clang-format on */
static_assert(COUNT(state_names) == CHECK_STATE_COUNT, "every state has a name");

const char *check_state_name(enum check_state s)
{
	return state_names[s];
}

static int word_of(const char *text, const char *(*name)(int), int n)
{
	for (int i = 0; i < n; i++)
		if (str_eq(text, name(i)))
			return i;
	return -1;
}

static const char *level_name(int i)
{
	return verify_level_name((enum verify_level)i);
}

static const char *kind_name(int i)
{
	return check_kind_name((enum check_kind)i);
}

static const char *parse_name(int i)
{
	return check_parse_name((enum check_parse)i);
}

static bool has_argv(const struct json *v)
{
	const struct json *argv = json_get(v, "argv");
	for (const struct json *e = json_first(argv); e; e = json_next(e))
		if (json_type(e) != JSON_STRING)
			return false;
	return json_type(argv) == JSON_ARRAY && json_first(argv) && json_str(json_first(argv), "")[0];
}

static enum err_code take_check(const struct json *v, struct check *c, struct err *err)
{
	int level = word_of(json_get_str(v, "level", ""), level_name, VERIFY_LEVEL_COUNT);
	int kind = word_of(json_get_str(v, "kind", ""), kind_name, CHECK_KIND_COUNT);
	int parse = word_of(json_get_str(v, "parse", "auto"), parse_name, CHECK_PARSE_COUNT);
	*c = (struct check){ .v = v,
			     .name = json_get_str(v, "name", ""),
			     .skip = json_get_bool(v, "skip", false),
			     .timeout_ms = json_get_int(v, "timeout_ms", 0),
			     .report = json_get_str(v, "report", NULL) };
	if (level < 0 || kind < 0 || parse < 0 || !c->name[0])
		return err_set(err, ERR_INVALID, _("check '%.64s' has no level, kind, name or parser that is known"),
			       c->name);
	c->level = (enum verify_level)level;
	c->kind = (enum check_kind)kind;
	c->parse = (enum check_parse)parse;
	if ((c->kind == CHECK_RUN || c->kind == CHECK_FIXTURE) && !has_argv(v))
		return err_set(err, ERR_INVALID, _("check '%.64s' names no program"), c->name);
	return ERR_OK;
}

static enum err_code take_checks(struct verify *v, struct err *err)
{
	const struct json *list = json_get(v->document, "checks");
	size_t n = json_count(list);
	if (json_type(list) != JSON_ARRAY || n > VERIFY_CHECKS_MAX)
		return err_set(err, ERR_INVALID, _("the spec has no list of at most %d checks"), VERIFY_CHECKS_MAX);
	v->checks = xcalloc(n + 1, sizeof(*v->checks));
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		struct check *c = &v->checks[v->nchecks];
		enum err_code code = take_check(e, c, err);
		if (code)
			return code;
		if (v->nchecks++ && c[-1].level > c->level)
			return err_set(err, ERR_INVALID, _("the checks of the spec are not sorted by level"));
	}
	for (const struct json *e = json_first(json_get(v->document, "skip_levels")); e; e = json_next(e)) {
		int level = word_of(json_str(e, ""), level_name, VERIFY_LEVEL_COUNT);
		if (level >= 0)
			v->skip_levels |= 1U << level;
	}
	return ERR_OK;
}

static enum err_code take_folders(struct verify *v, struct err *err)
{
	char cwd[PATH_MAX];
	if (!getcwd(cwd, sizeof(cwd)))
		return err_sys(err, ERR_IO, _("the present folder has no path"));
	v->cwd = xstrdup(cwd);
	v->workspace = xstrdup(json_get_str(v->document, "workspace", cwd));
	if (v->workspace[0] != '/')
		return err_set(err, ERR_INVALID, _("the workspace is no absolute path"));
	return ERR_OK;
}

static void take_secrets(struct verify *v)
{
	v->secrets = redact_set_new(true);
	v->shapes = redact_set_new(true);
	for (const struct json *e = json_first(json_get(v->document, "secrets")); e; e = json_next(e)) {
		const char *value = json_str(e, "");
		/* Too short ones cannot be masked; the worker says so for the log. */
		(void)!redact_secret(v->secrets, value, strlen(value), NULL);
		(void)!redact_secret(v->shapes, value, strlen(value), NULL);
	}
	redact_compile(v->secrets);
	redact_compile(v->shapes);
}

enum err_code verify_parse(const char *text, size_t len, struct verify *ret, struct err *err)
{
	struct verify v = { .root = -1 };
	enum err_code code = json_parse(text, len, VERIFY_SPEC_MAX, &v.document, err);
	if (!code && json_type(v.document) != JSON_OBJECT)
		code = err_set(err, ERR_INVALID, _("the spec is not a JSON object"));
	if (!code)
		code = take_folders(&v, err);
	if (!code)
		code = take_checks(&v, err);
	if (code) {
		verify_done(&v);
		return code;
	}
	v.report = json_get_str(v.document, "report", NULL);
	take_secrets(&v);
	*ret = v;
	return ERR_OK;
}

static void free_paths(char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}

void verify_done(struct verify *v)
{
	for (size_t i = 0; i < v->nchecks; i++) {
		struct check *c = &v->checks[i];
		str_done(&c->message);
		str_done(&c->output);
		str_done(&c->out_tail);
		str_done(&c->err_tail);
		diagnostics_free(c->diagnostics);
	}
	free(v->checks);
	free_paths(v->changed, v->nchanged);
	free_paths(v->files, v->nfiles);
	redact_set_free(v->secrets);
	redact_set_free(v->shapes);
	if (v->root >= 0)
		(void)close(v->root);
	free(v->workspace);
	free(v->cwd);
	json_free(v->document);
	*v = (struct verify){ .root = -1 };
}
