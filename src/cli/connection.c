/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine that a command speaks to, and the programs and files that belong to the installation.
 */
#include "cli/cli_internal.h"

#include "base/fs.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum err_code cli_home(struct cli *cli, bool create, struct err *err)
{
	if (cli->home && !create)
		return ERR_OK;
	char *home;
	enum err_code code = fs_home(cli->home_option, create, &home, err);
	if (code)
		return code;
	free(cli->home);
	cli->home = home;
	return ERR_OK;
}

static enum err_code open_client(struct cli *cli, bool start, struct err *err)
{
	struct client_options o = { .base_url = cli->url, .token = cli->token };
	if (cli->url)
		return client_new(&o, &cli->client, err);
	enum err_code code = cli_home(cli, false, err);
	if (code)
		return code;
	if (start)
		return engine_ensure(cli->home, NULL, &cli->client, err);
	o.home = cli->home;
	struct client *c;
	code = client_new(&o, &c, err);
	if (code)
		return code;
	code = client_connect(c, err);
	if (code)
		client_free(c);
	else
		cli->client = c;
	return code;
}

enum err_code cli_connect(struct cli *cli, bool start, struct err *err)
{
	if (cli->client)
		return ERR_OK;
	enum err_code code = open_client(cli, start, err);
	if (!code && cli->json)
		client_neutral(cli->client);
	return code;
}

/* An engine that was killed a moment ago still takes a connection, which nobody reads. Then another engine is
 * started, and what was asked is asked again: a change with its key, so that it is made once. */
static enum err_code call(struct cli *cli, const char *method, const char *path, const char *body, struct json **ret,
			  struct err *err)
{
	enum err_code code = cli_connect(cli, true, err);
	if (code)
		return code;
	code = client_call(cli->client, method, path, body, ret, err);
	if (code != ERR_UNAVAILABLE || cli->url || client_error_body(cli->client))
		return code;
	auto_free char *key = xstrdup(client_last_key(cli->client));
	client_free(TAKE(cli->client));
	code = cli_connect(cli, true, err);
	if (code)
		return code;
	if (key[0])
		client_key(cli->client, key);
	return client_call(cli->client, method, path, body, ret, err);
}

enum err_code cli_get(struct cli *cli, const char *path, struct json **ret, struct err *err)
{
	return call(cli, "GET", path, NULL, ret, err);
}

enum err_code cli_post(struct cli *cli, const char *path, const char *body, struct json **ret,
                       struct err *err)
{
	return call(cli, "POST", path, body, ret, err);
}

/* The folder of this program; NULL if the kernel does not tell. */
static char *own_folder(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return NULL;
	self[n] = '\0';
	char *slash = strrchr(self, '/');
	return slash ? xstrndup(self, (size_t)(slash - self)) : NULL;
}

enum err_code cli_program(const char *name, char **ret, struct err *err)
{
	auto_free char *folder = own_folder();
	const char *const places[] = { folder, PKGLIBEXECDIR, BINDIR };
	for (size_t i = 0; i < COUNT(places); i++) {
		if (!places[i])
			continue;
		auto_free char *path = xasprintf("%s/%s", places[i], name);
		if (access(path, X_OK) == 0) {
			*ret = TAKE(path);
			return ERR_OK;
		}
	}
	return err_set(err, ERR_UNSUPPORTED, _("the program %s is neither beside pawl nor in %s"),
	               name, PKGLIBEXECDIR);
}

enum err_code cli_exec(const char *path, const char *const *argv, struct err *err)
{
	if (fflush(stdout))
		return err_sys(err, ERR_IO, _("cannot write the output"));
	/* execv() does not write to its arguments. */
	(void)execv(path, (char *const *)(uintptr_t)argv);
	return err_sys(err, ERR_UNSUPPORTED, _("cannot run %s"), path);
}

enum err_code cli_wait(const char *path, const char *const *argv, int *ret_status, struct err *err)
{
	pid_t pid;
	int status = 0;
	/* posix_spawn() does not write to its arguments. */
	int e = posix_spawn(&pid, path, NULL, NULL, (char *const *)(uintptr_t)argv, environ);
	if (e) {
		errno = e;
		return err_sys(err, ERR_UNSUPPORTED, _("cannot run %s"), path);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return ERR_OK;
}

char *cli_data_folder(const char *name)
{
	auto_free char *own = own_folder();
	char *tries[] = {
		getenv("PAWL_DATA") ? xasprintf("%s/%s", getenv("PAWL_DATA"), name) : NULL,
		own ? xasprintf("%s/../data/%s", own, name)
		    : NULL, /* in a build folder of the sources */
		xasprintf("%s/%s", PKGDATADIR, name),
	};
	char *found = NULL;
	for (size_t i = 0; i < COUNT(tries); i++) {
		if (!found && tries[i] && access(tries[i], R_OK | X_OK) == 0)
			found = tries[i];
		else
			free(tries[i]);
	}
	return found;
}

/* ---- lists ---- */

#define PAGE 500

static void page_path(struct str *s, const char *path, int64_t limit, const char *after)
{
	str_addf(s, "%s%climit=%lld", path, strchr(path, '?') ? '&' : '?', (long long)limit);
	if (after) {
		str_add(s, "&after=");
		client_add_encoded(s, after);
	}
}

/* One page: hands out its items; *ret_next is the cursor of the following one, NULL at the end. */
static enum err_code one_page(struct cli *cli, const char *path, int64_t *left, cli_item_fn fn,
                              void *ctx, struct str *items, char **ret_next, int64_t *ret_total,
                              struct err *err)
{
	auto_json *page = NULL;
	enum err_code code = cli_get(cli, path, &page, err);
	if (code)
		return code;
	if (ret_total)
		*ret_total = json_get_int(page, "total", -1);
	const struct json *e = json_first(json_get(page, "items"));
	for (; e && *left > 0; e = json_next(e), --*left) {
		if (items) {
			if (items->len)
				str_add_char(items, ',');
			json_add(items, e);
			continue;
		}
		code = fn(ctx, e, err);
		if (code)
			return code;
	}
	const struct json *next = json_get(page, "next");
	if (json_type(next) == JSON_STRING)
		*ret_next = xstrdup(json_str(next, ""));
	else if (json_type(next) == JSON_NUMBER)
		*ret_next = xasprintf("%lld", (long long)json_int(next, 0));
	return ERR_OK;
}

/* One list, page by page; *left counts down. */
static enum err_code one_list(struct cli *cli, const char *path, int64_t *left, cli_item_fn fn, void *ctx,
			      struct str *items, char **ret_next, int64_t *total, struct err *err)
{
	auto_free char *after = NULL;
	int64_t mine = -1;
	do {
		auto_str page = STR_INIT;
		page_path(&page, path, MIN(*left, (int64_t)PAGE), after);
		auto_free char *next = NULL;
		enum err_code code = one_page(cli, page.p, left, fn, ctx, items, &next, &mine, err);
		if (code)
			return code;
		free(after);
		after = TAKE(next);
	} while (after && *left > 0);
	*total = *total < 0 || mine < 0 ? -1 : *total + mine;
	*ret_next = TAKE(after);
	return ERR_OK;
}

enum err_code cli_lists(struct cli *cli, const char *const *paths, size_t n, int64_t max, cli_item_fn fn, void *ctx,
			int64_t *ret_total, struct err *err)
{
	auto_str items = STR_INIT;
	auto_free char *next = NULL;
	int64_t left = max, total = 0;
	for (size_t i = 0; i < n && left > 0; i++) {
		free(next);
		next = NULL;
		enum err_code code = one_list(cli, paths[i], &left, fn, ctx, cli->json ? &items : NULL, &next, &total, err);
		if (code)
			return code;
	}
	if (ret_total)
		*ret_total = total;
	if (!cli->json)
		return ERR_OK;
	auto_str out = STR_INIT;
	struct jw w = jw_begin(&out);
	jw_obj(&w, NULL);
	auto_free char *list = xasprintf("[%s]", str_text(&items));
	jw_raw(&w, "items", list);
	jw_str(&w, "next", next);
	if (total >= 0)
		jw_int(&w, "total", total);
	else
		jw_null(&w, "total");
	jw_end_obj(&w);
	str_add_char(&out, '\n');
	out_text(&out);
	return ERR_OK;
}

enum err_code cli_list(struct cli *cli, const char *path, int64_t max, cli_item_fn fn, void *ctx,
		       int64_t *ret_total, struct err *err)
{
	return cli_lists(cli, &path, 1, max, fn, ctx, ret_total, err);
}
