/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fsck: the invariants of what is stored, checked through the running engine or, without one, on
 * the home itself. */
#include "api/fsck.h"
#include "api/api_internal.h"

#include "base/fs.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static void problems(struct jw *w, const struct str *text)
{
	jw_arr(w, "problems");
	for (const char *p = str_text(text); *p;) {
		size_t len = strcspn(p, "\n");
		jw_strn(w, NULL, p, len);
		p += len + (p[len] == '\n');
	}
	jw_end_arr(w);
}

static void show(struct str *out, const struct fsck *f)
{
	struct jw w = jw_begin(out);
	jw_obj(&w, NULL);
	jw_bool(&w, "ok", f->ok);
	jw_arr(&w, "checks");
	for (size_t i = 0; i < f->n; i++) {
		jw_obj(&w, NULL);
		jw_str(&w, "name", f->v[i].name);
		jw_bool(&w, "ok", f->v[i].problems == 0);
		jw_int(&w, "count", f->v[i].checked);
		jw_int(&w, "nproblems", f->v[i].problems);
		problems(&w, &f->v[i].text);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
}

enum err_code api_fsck(struct request *r, struct err *err UNUSED)
{
	struct api *a = r->api;
	struct fsck f = { .n = 0 };
	engine_settle(a->engine);
	fsck_run(a->store, engine_home(a->engine), a->engine, &f);
	show(&r->out, &f);
	fsck_done(&f);
	return ERR_OK;
}

static void print(const struct fsck *f)
{
	auto_str s = STR_INIT;
	for (size_t i = 0; i < f->n; i++) {
		const struct fsck_check *c = &f->v[i];
		str_addf(&s, "%s %s (%lld)\n", c->problems ? _("WRONG") : _("ok   "), c->name,
		         (long long)c->checked);
		text_add_safe(&s, str_text(&c->text), c->text.len, SAFE_PLAIN, true);
	}
	str_addf(&s, "%s\n", f->ok ? _("all is well") : _("what is stored breaks the rules above"));
	(void)fputs(str_text(&s), stdout);
}

enum err_code fsck_home(const char *home, bool unsafe_network_fs, bool json, struct err *err)
{
	auto_free char *db = xasprintf("%s/state.db", home);
	if (!fs_exists(db))
		return err_set(err, ERR_NOT_FOUND, _("nothing is stored in %s"), home);
	struct store_options o = { .unsafe_network_fs = unsafe_network_fs };
	struct store *store;
	enum err_code code = store_open(db, &o, &store, err);
	if (code)
		return code;
	struct fsck f = { .n = 0 };
	fsck_run(store, home, NULL, &f);
	if (json) {
		auto_str s = STR_INIT;
		show(&s, &f);
		(void)printf("%s\n", str_text(&s));
	} else {
		print(&f);
	}
	if (!f.ok)
		code = err_set(err, ERR_CORRUPT, _("what is stored breaks the rules"));
	fsck_done(&f);
	store_close(store);
	return code;
}
