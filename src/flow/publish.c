/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: where what a run has made goes. */
#include "flow/keys.h"

#include <string.h>

KEY(publish_to)
{
	static const char *const words[] = { "git", "github" };
	int which = load_word(l, v, words, COUNT(words));
	if (which >= 0)
		((struct node_load *)target)->work->publish.github = which == 1;
}

/* https://user:token@host: what stands there is seen in lists of processes and in logs. */
static bool holds_password(const char *url)
{
	const char *host = strstr(url, "://");
	const char *at = host ? strchr(host + 3, '@') : NULL;
	return at && at < host + 3 + strcspn(host + 3, "/") && memchr(host + 3, ':', (size_t)(at - host - 3));
}

KEY(publish_remote)
{
	struct node_load *nl = target;
	nl->work->publish.remote = load_scalar(l, v) ? load_tmpl(l, v, nl->names) : NULL;
	const char *text = nl->work->publish.remote ? tmpl_literal(nl->work->publish.remote) : NULL;
	if (text && (!*text || *text == '-'))
		issue(l, v, _("'%s' is neither the name nor the address of a remote"), word_of(text).s);
	else if (text && holds_password(text))
		issue(l, v, _("no password or token in an address; git finds it with a credential helper or a key"));
}

KEY(publish_branch)
{
	struct node_load *nl = target;
	nl->work->publish.branch = load_scalar(l, v) ? load_tmpl(l, v, nl->names) : NULL;
	const char *text = nl->work->publish.branch ? tmpl_literal(nl->work->publish.branch) : NULL;
	if (text && (!*text || *text == '-' || *text == '/' || strpbrk(text, " \t\r\n~^:?*[\\") || strstr(text, "..")))
		issue(l, v, _("'%s' is no name of a branch"), word_of(text).s);
}

KEY(publish_message)
{
	struct node_load *nl = target;
	nl->work->publish.message = load_scalar(l, v) ? load_tmpl(l, v, nl->names) : NULL;
	if (nl->work->publish.message && v->len == 0)
		issue(l, v, _("the message is empty; without it the names of workflow and run are written"));
}

KEY(publish_push)
{
	load_bool(l, v, &((struct node_load *)target)->work->publish.push);
}

KEY(publish_mode)
{
	const char *words[PUBLISH_MODE_COUNT];
	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = publish_mode_name((enum publish_mode)i);
	int which = load_word(l, v, words, COUNT(words));
	if (which >= 0)
		((struct node_load *)target)->work->publish.mode = (enum publish_mode)which;
}

/* ---- a pull request ---- */

static struct tmpl *some_text(struct load *l, const struct tree *v, struct node_load *nl)
{
	struct tmpl *t = load_scalar(l, v) ? load_tmpl(l, v, nl->names) : NULL;
	if (t && v->len == 0)
		issue(l, v, _("it is empty; leave it out instead"));
	return t;
}

/* OWNER/NAME, of letters that addresses are made of. */
static bool is_repository(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t owner = strspn(text, letters), name = text[owner] == '/' ? strspn(text + owner + 1, letters) : 0;
	return owner && name && !text[owner + 1 + name];
}

KEY(publish_repository)
{
	struct node_load *nl = target;
	nl->work->publish.repository = some_text(l, v, nl);
	const char *text = nl->work->publish.repository ? tmpl_literal(nl->work->publish.repository) : NULL;
	if (text && *text && !is_repository(text))
		issue(l, v, _("'%s' is not OWNER/NAME"), word_of(text).s);
}

KEY(publish_base)
{
	((struct node_load *)target)->work->publish.base = some_text(l, v, target);
}

KEY(publish_title)
{
	((struct node_load *)target)->work->publish.title = some_text(l, v, target);
}

KEY(publish_body)
{
	((struct node_load *)target)->work->publish.body = some_text(l, v, target);
}

KEY(publish_draft)
{
	load_bool(l, v, &((struct node_load *)target)->work->publish.draft);
}

KEY(publish_api)
{
	struct node_load *nl = target;
	nl->work->publish.api = some_text(l, v, nl);
	const char *text = nl->work->publish.api ? tmpl_literal(nl->work->publish.api) : NULL;
	if (text && *text && strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0)
		issue(l, v, _("the address of the API begins with https://"));
	else if (text && holds_password(text))
		issue(l, v, _("no password or token in an address; write token_env: NAME"));
}

KEY(publish_token_env)
{
	struct node_publish *p = &((struct node_load *)target)->work->publish;
	const char *name = load_scalar(l, v);
	struct tree member = { .key = name, .key_line = v->line, .key_column = v->column };
	if (name && load_variable_name(l, &member))
		p->token_env = xstrdup(name);
}

KEY(publish_token)
{
	struct node_load *nl = target;
	nl->work->publish.token = some_text(l, v, nl);
	if (nl->work->publish.token)
		load_check_secret(l, v, nl->work->publish.token, "token", "token_env");
}

/* Keys that mean something with a pull request alone. */
static void check_github(struct load *l, const struct tree *v, const struct node_publish *p)
{
	static const char *const only[] = { "repository", "base", "title", "body", "draft", "api", "token_env", "token" };
	for (size_t i = 0; i < COUNT(only) && !p->github; i++)
		if (tree_get(v, only[i]))
			issue_key(l, tree_get(v, only[i]), _("%s: is of a pull request; it goes with to: github"), only[i]);
	if (p->github && tree_get(v, "push") && !p->push)
		issue_key(l, tree_get(v, "push"), _("a pull request is made of what was pushed"));
	if (tree_get(v, "token") && tree_get(v, "token_env"))
		issue_key(l, tree_get(v, "token"), _("a token: or a token_env:, not both"));
}

KEY(node_publish)
{
	struct node_load *nl = target;
	struct node_publish *p = &nl->work->publish;
	p->push = true;
	p->mode = PUBLISH_FAIL_FAST;
	if (v->kind != TREE_MAP) {
		issue(l, v, _("publish: is a map: {to: git} or {to: github}"));
		return;
	}
	if (!tree_get(v, "to"))
		issue(l, v, _("where? write to: git or to: github"));
	load_map(l, v, &flow_publish_keys, nl);
	check_github(l, v, p);
	const struct tree *remote = tree_get(v, "remote"), *to = tree_get(v, "to");
	if (remote && !p->push)
		issue_key(l, remote, _("nothing is pushed with push: false; a remote is not needed"));
	const struct graph_stream *s = &l->g->streams[nl->node->stream];
	bool repo = (s->declared || nl->node->stream == 0 ? s : l->g->streams)->workspace.kind == WORKSPACE_REPO;
	if (to && !repo && !tree_get(v, "branch"))
		issue(l, v, _("which branch? without a workspace: {repo: PATH} the run has none of its own; write branch:"));
}
