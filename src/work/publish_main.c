/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-publish: what a run has made becomes a commit on a branch, and goes to a git remote. The spec, one JSON
 * object on stdin (+ must be there):
 *
 *	{"workspace": "/…" +, "mode": "fail_fast" + | "best_effort" | "disabled", "push": true, "remote": "origin",
 *	 "branch": "…" (missing: the one that is checked out), "message": "…" +,
 *	 "github": {"title": "…" +, "body": "…", "token": "…" or "missing_token": the variable that does not hold it,
 *	    "api": "https://…" (missing: GitHub's own), "repository": "OWNER/NAME" (missing: that of the remote),
 *	    "base": "…" (missing: the default branch), "draft": false} (missing: no pull request)}
 *
 * stdout: a line for each operation. $PAWL_OUTPUT: outputs branch, commit, files, pushed ("true" or "false"), and of a
 * pull request pr_url and pr_number, as far as they came about, and the report:
 *
 *	{"kind": "publish", "mode", "operations": [{"operation": "commit" | "create_branch" | "push" | "create_pr",
 *	 "success", "skipped", "error", "retried"}…], "all_succeeded", "any_failed", "branch", "commit", "pr_url",
 *	 "pr_number", "pr_created"}
 *
 * Exit status: 0 done, or failed with best_effort; 1 failed; 2 a spec that is none. */
#include "base/json.h"
#include "base/fs.h"
#include "base/language.h"
#include "base/utf8.h"
#include "model/error.h"
#include "model/graph.h"
#include "space/publish.h"
#include "work/github.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#define SPEC_MAX (1 * MIB)
#define TRIES 3
#define WAIT_S 2 /* before the second try, then twice as long */

struct operation {
	const char *name;
	bool success, skipped;
	int retried;
	char *error;
};

struct publish {
	const char *workspace, *remote, *branch, *message;
	enum publish_mode mode;
	bool push, pushed;
	struct publish_commit made;
	const struct json *github; /* NULL: no pull request */
	struct pull_made pull;
	struct operation v[4];
	size_t n;
	const char *why; /* of the first that failed */
};

static void say(const struct operation *o, const char *more)
{
	auto_str s = STR_INIT;
	str_addf(&s, "%s: %s", o->name, o->skipped ? "skipped" : o->success ? "done" : "failed");
	if (more && *more) {
		str_add(&s, ": ");
		text_add_safe(&s, more, strlen(more), SAFE_PLAIN, false);
	}
	str_add_char(&s, '\n');
	(void)!fs_write_all(o->success ? STDOUT_FILENO : STDERR_FILENO, s.p, s.len);
}

static struct operation *add(struct publish *p, const char *name, bool success, bool skipped, const char *error)
{
	struct operation *o = &p->v[p->n++];
	*o = (struct operation){ .name = name, .success = success, .skipped = skipped, .error = error ? xstrdup(error) : NULL };
	if (!success && !p->why)
		p->why = o->error;
	return o;
}

static void do_commit(struct publish *p)
{
	struct err err = { 0 };
	auto_str more = STR_INIT;
	if (publish_commit(p->workspace, p->branch, p->message, &p->made, &err)) {
		say(add(p, "commit", false, false, err.message), err.message);
		return;
	}
	if (p->made.made_branch)
		say(add(p, "create_branch", true, false, NULL), p->made.branch);
	if (p->made.made_commit)
		str_addf(&more, ngettext("%zu file, %.12s on %s", "%zu files, %.12s on %s", p->made.files), p->made.files,
			 p->made.commit, p->made.branch);
	else
		str_addf(&more, _("nothing has changed since %.12s on %s"), p->made.commit, p->made.branch);
	say(add(p, "commit", true, !p->made.made_commit, NULL), str_text(&more));
}

static void do_push(struct publish *p)
{
	struct err err = { 0 };
	enum err_code code = ERR_OK;
	int tries = 0;
	auto_str more = STR_INIT;
	do {
		if (tries)
			(void)sleep(WAIT_S << (tries - 1));
		code = publish_push(p->workspace, p->remote, p->made.branch, &err);
	} while (code && ++tries < TRIES && publish_may_pass(&err));
	p->pushed = !code;
	struct operation *o = add(p, "push", !code, false, code ? err.message : NULL);
	o->retried = code ? tries - 1 : tries;
	str_addf(&more, _("%s to %s"), p->made.branch, p->remote);
	say(o, code ? err.message : str_text(&more));
}

static enum err_code pull(struct publish *p, struct github *g, struct err *err)
{
	auto_str address = STR_INIT, repository = STR_INIT;
	const char *missing = json_get_str(p->github, "missing_token", NULL);
	struct pull_request q = { .head = p->made.branch, .base = json_get_str(p->github, "base", NULL),
				  .title = json_get_str(p->github, "title", ""), .body = json_get_str(p->github, "body", NULL),
				  .draft = json_get_bool(p->github, "draft", false) };
	g->api = json_get_str(p->github, "api", GITHUB_API);
	g->token = json_get_str(p->github, "token", "");
	g->repository = json_get_str(p->github, "repository", NULL);
	if (missing)
		return err_set(err, ERR_USAGE, _("the token is missing: the engine has no variable %s"), missing);
	if (!*g->token || strpbrk(g->token, "\r\n"))
		return err_set(err, ERR_USAGE, _("the token is empty or has more than one line"));
	if (!g->repository) {
		enum err_code code = publish_address(p->workspace, p->remote, &address, err);
		if (code)
			return code;
		if (!github_repository(str_text(&address), &repository))
			return err_set(err, ERR_USAGE, _("the address of %s names no OWNER/NAME; write repository:"), p->remote);
		g->repository = repository.p;
	}
	auto_free char *api = xstrdup(g->api);
	for (size_t len = strlen(api); len && api[len - 1] == '/'; len--)
		api[len - 1] = '\0';
	g->api = api;
	return github_pull(g, &q, &p->pull, err);
}

static void do_pull(struct publish *p)
{
	struct err err = { 0 };
	struct github g = { 0 };
	auto_str more = STR_INIT;
	enum err_code code = pull(p, &g, &err);
	struct operation *o = add(p, "create_pr", !code, !code && !p->pull.created, code ? err.message : NULL);
	o->retried = g.retried;
	if (!code)
		str_addf(&more, p->pull.created ? _("%s into %s: %s") : _("%s into %s is open already: %s"), p->made.branch, p->pull.base,
			 p->pull.url);
	say(o, code ? err.message : str_text(&more));
}

static void work(struct publish *p)
{
	if (p->mode == PUBLISH_DISABLED) {
		say(add(p, "commit", true, true, NULL), _("publishing is disabled"));
		if (p->push)
			say(add(p, "push", true, true, NULL), NULL);
		if (p->github)
			say(add(p, "create_pr", true, true, NULL), NULL);
		return;
	}
	do_commit(p);
	if (p->push && p->made.branch)
		do_push(p);
	else if (p->push)
		say(add(p, "push", true, true, NULL), _("there is no commit"));
	if (p->github && p->pushed)
		do_pull(p);
	else if (p->github)
		say(add(p, "create_pr", true, true, NULL), _("nothing was pushed"));
}

static void write_report(struct jw *w, const struct publish *p)
{
	jw_obj(w, "report");
	jw_str(w, "kind", "publish");
	jw_str(w, "mode", publish_mode_name(p->mode));
	jw_arr(w, "operations");
	for (size_t i = 0; i < p->n; i++) {
		jw_obj(w, NULL);
		jw_str(w, "operation", p->v[i].name);
		jw_bool(w, "success", p->v[i].success);
		jw_bool(w, "skipped", p->v[i].skipped);
		jw_str(w, "error", p->v[i].error);
		jw_int(w, "retried", p->v[i].retried);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_bool(w, "all_succeeded", !p->why);
	jw_bool(w, "any_failed", p->why != NULL);
	jw_str(w, "branch", p->made.branch);
	jw_str(w, "commit", p->made.commit[0] ? p->made.commit : NULL);
	if (p->pull.number) {
		jw_str(w, "pr_url", p->pull.url);
		jw_int(w, "pr_number", p->pull.number);
		jw_bool(w, "pr_created", p->pull.created);
	}
	jw_end_obj(w);
}

static void write_output(const struct publish *p)
{
	const char *path = getenv("PAWL_OUTPUT");
	auto_str json = STR_INIT;
	struct err err;
	struct jw w = jw_begin(&json);
	jw_obj(&w, NULL);
	jw_obj(&w, "outputs");
	if (p->made.branch) {
		jw_str(&w, "branch", p->made.branch);
		jw_str(&w, "commit", p->made.commit);
		jw_int(&w, "files", (int64_t)p->made.files);
	}
	jw_bool(&w, "pushed", p->pushed);
	if (p->pull.number) {
		jw_str(&w, "pr_url", p->pull.url);
		jw_int(&w, "pr_number", p->pull.number);
	}
	jw_end_obj(&w);
	write_report(&w, p);
	if (p->why && p->mode == PUBLISH_FAIL_FAST) {
		jw_str(&w, "class", error_class_name(CLASS_PUBLISH));
		jw_str(&w, "message", p->why);
	}
	jw_end_obj(&w);
	if (path && fs_write(path, json.p, json.len, 0600, &err))
		(void)fprintf(stderr, "pawl-publish: %s\n", err.message);
}

static enum err_code read_spec(struct json **ret, struct publish *p, struct err *err)
{
	auto_str in = STR_INIT;
	ssize_t n;
	do {
		str_reserve(&in, 64 * KIB);
		n = read(STDIN_FILENO, in.p + in.len, 64 * KIB);
		in.len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR && in.len <= SPEC_MAX));
	enum err_code code = json_parse(in.p, in.len, SPEC_MAX, ret, err);
	if (code)
		return code;
	const char *mode = json_get_str(*ret, "mode", "");
	p->workspace = json_get_str(*ret, "workspace", NULL);
	p->message = json_get_str(*ret, "message", NULL);
	p->branch = json_get_str(*ret, "branch", NULL);
	p->remote = json_get_str(*ret, "remote", "origin");
	p->github = json_type(json_get(*ret, "github")) == JSON_OBJECT ? json_get(*ret, "github") : NULL;
	p->push = json_bool(json_get(*ret, "push"), true);
	while (p->mode < PUBLISH_MODE_COUNT && !str_eq(publish_mode_name(p->mode), mode))
		p->mode++;
	if (!p->workspace || p->workspace[0] != '/' || !p->message || !*p->message || p->mode == PUBLISH_MODE_COUNT)
		return err_set(err, ERR_INVALID, _("the spec wants an absolute workspace, a message and a mode"));
	return ERR_OK;
}

int main(void)
{
	auto_json *spec = NULL;
	struct publish p = { .push = true };
	struct err err = { 0 };
	language_begin();
	if (read_spec(&spec, &p, &err)) {
		(void)fprintf(stderr, "pawl-publish: %s\n", err.message);
		return 2;
	}
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	work(&p);
	write_output(&p);
	bool failed = p.why && p.mode == PUBLISH_FAIL_FAST;
	for (size_t i = 0; i < p.n; i++)
		free(p.v[i].error);
	publish_commit_done(&p.made);
	pull_made_done(&p.pull);
	curl_global_cleanup();
	return failed;
}
