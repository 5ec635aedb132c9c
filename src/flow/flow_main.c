/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-flow: checks and draws workflow files without an engine. `pawl validate` and `pawl graph`
 * become this program.
 *
 *   pawl-flow validate [--json] [--quiet] [--no-color] [--ascii] [--] FILE…
 *   pawl-flow graph [--json] [--dot|--mermaid] [--width N] [--states FD] [--no-color] [--ascii]
 * [--] FILE|- */
#include "flow/flow.h"

#include "base/fs.h"
#include "base/language.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STATES_MAX (16 * MIB)

struct options {
	bool json, quiet, ascii, no_colour;
	enum flow_drawing drawing;
	size_t width;
	int states; /* descriptor; -1: none */
	char **files;
	int nfiles;
};

static void say(const struct err *err, bool json)
{
	auto_str s = STR_INIT;
	if (json) {
		struct jw w = jw_begin(&s);
		jw_obj(&w, NULL);
		jw_str(&w, "code", err_name(err->code));
		jw_str(&w, "message", err->message);
		jw_raw(&w, "details", "{}");
		jw_str(&w, "hint", err->hint[0] ? err->hint : NULL);
		jw_end_obj(&w);
	} else {
		str_add(&s, "pawl: ");
		text_add_safe(&s, err->message, strlen(err->message), SAFE_PLAIN, true);
	}
	(void)fprintf(stderr, "%s\n", str_text(&s));
}

static enum err_code number(const char *text, long min, long max, long *ret, struct err *err)
{
	char *end = NULL;
	errno = 0;
	long v = text ? strtol(text, &end, 10) : 0;
	if (!text || !*text || *end || errno || v < min || v > max)
		return err_set(err, ERR_USAGE, _("\"%s\" must be a whole number from %ld to %ld"),
		               text ? text : "", min, max);
	*ret = v;
	return ERR_OK;
}

static enum err_code read_options(int argc, char **argv, struct options *o, struct err *err)
{
	int i = 2;
	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		long v;
		enum err_code code = ERR_OK;
		if (str_eq(argv[i], "--")) {
			i++;
			break;
		} else if (str_eq(argv[i], "--json")) {
			o->json = true;
		} else if (str_eq(argv[i], "--quiet")) {
			o->quiet = true;
		} else if (str_eq(argv[i], "--ascii")) {
			o->ascii = true;
		} else if (str_eq(argv[i], "--no-color")) {
			o->no_colour = true;
		} else if (str_eq(argv[i], "--dot")) {
			o->drawing = FLOW_DOT;
		} else if (str_eq(argv[i], "--mermaid")) {
			o->drawing = FLOW_MERMAID;
		} else if (str_eq(argv[i], "--width")) {
			code = number(argv[++i], 20, 10000, &v, err);
			o->width = code ? 0 : (size_t)v;
		} else if (str_eq(argv[i], "--states")) {
			code = number(argv[++i], 0, 1000000, &v, err);
			o->states = code ? -1 : (int)v;
		} else {
			code = err_set(err, ERR_USAGE, _("there is no option %s"), argv[i]);
		}
		if (code)
			return code;
	}
	o->files = argv + MIN(i, argc);
	o->nfiles = argc - MIN(i, argc);
	return o->nfiles > 0 ? ERR_OK : err_set(err, ERR_USAGE, _("no file is named"));
}

static enum err_code read_all(int fd, const char *name, size_t max, struct str *s, struct err *err)
{
	for (;;) {
		str_reserve(s, 64 * KIB);
		ssize_t n = read(fd, s->p + s->len, 64 * KIB);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read %s"), name);
		if (n == 0)
			return ERR_OK;
		s->len += (size_t)n;
		s->p[s->len] = '\0';
		if (s->len > max)
			return err_set(err, ERR_TOO_LARGE, _("%s is larger than %zu bytes"), name,
			               max);
	}
}

static enum err_code load(const char *file, struct graph **ret, struct flow_report *report,
                          struct err *err)
{
	auto_str in = STR_INIT;
	auto_free char *text = NULL;
	size_t len = 0;
	bool standard = str_eq(file, "-");
	enum err_code code;
	if (standard) {
		code = read_all(0, _("standard input"), FLOW_MAX, &in, err);
		len = in.len;
		text = str_take(&in);
	} else {
		code = fs_read(file, FLOW_MAX, &text, &len, err);
	}
	return code ? code
	            : flow_load(standard ? "<stdin>" : file, text, len, &flow_files, ret, report,
	                        err);
}

/* ---- validate ---- */

static void issues_json(struct jw *w, const struct flow_report *r)
{
	jw_arr(w, "issues");
	for (size_t i = 0; i < r->n; i++) {
		jw_obj(w, NULL);
		jw_str(w, "file", r->v[i].file);
		jw_int(w, "line", r->v[i].line);
		jw_int(w, "column", r->v[i].column);
		jw_str(w, "path", r->v[i].path);
		jw_str(w, "message", r->v[i].message);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_int(w, "dropped", (int64_t)r->dropped);
}

static void result_json(struct jw *w, const char *file, const struct graph *g,
                        const struct flow_report *r, const struct err *err)
{
	jw_obj(w, NULL);
	jw_str(w, "file", file);
	jw_bool(w, "valid", g != NULL);
	if (g) {
		char hash[HASH_TEXT_LEN + 1];
		hash_hex(&g->hash, hash);
		jw_str(w, "name", g->name);
		jw_str(w, "hash", hash);
		jw_int(w, "nodes", (int64_t)(g->nnodes - g->nhandlers));
	} else if (!r->n) {
		jw_str(w, "error", err->message);
	}
	issues_json(w, r);
	jw_end_obj(w);
}

/* Mistakes are the answer and go to the standard output; that a file cannot be read is an error. */
static void result_lines(const struct options *o, const char *file, const struct graph *g,
                         const struct flow_report *r, const struct err *err)
{
	auto_str s = STR_INIT;
	flow_report_text(r, &s);
	if (g && !o->quiet) {
		size_t n = g->nnodes - g->nhandlers;
		text_add_safe(&s, file, strlen(file), SAFE_PLAIN, false);
		str_addf(&s, ngettext(": valid, %zu node\n", ": valid, %zu nodes\n", n), n);
	}
	(void)fputs(str_text(&s), stdout);
	if (!g && !r->n)
		say(err, false);
}

static enum err_code validate(const struct options *o, struct err *err UNUSED)
{
	enum err_code worst = ERR_OK;
	auto_str out = STR_INIT;
	struct jw w = jw_begin(&out);
	jw_obj(&w, NULL);
	jw_arr(&w, "items");
	for (int i = 0; i < o->nfiles; i++) {
		struct flow_report report = { 0 };
		struct graph *g = NULL;
		struct err why = { .code = ERR_OK };
		enum err_code code = load(o->files[i], &g, &report, &why);
		if (o->json)
			result_json(&w, o->files[i], g, &report, &why);
		else
			result_lines(o, o->files[i], g, &report, &why);
		if (!worst || worst == ERR_INVALID)
			worst = code ? code : worst;
		graph_free(g);
		flow_report_done(&report);
	}
	jw_end_arr(&w);
	jw_bool(&w, "valid", worst == ERR_OK);
	jw_end_obj(&w);
	if (o->json)
		(void)printf("%s\n", out.p);
	return worst;
}

/* ---- graph ---- */

/* Marks from lines "NODE STATE". */
struct states {
	const struct graph *g;
	struct smap by_node; /* name → a row below */
	bool ascii, colour;
};

/* clang-format off */
static const struct row { const char *state, *utf8, *ascii; int sgr; } rows[] = {
	{ "succeeded", "✓", "+", 32 }, { "failed",     "✗", "x", 31 }, { "canceled", "⊘", "c", 2 },
	{ "skipped",   "–", "-", 2 },  { "running",    "▶", ">", 36 }, { "retrying", "↻", "~", 33 },
	{ "waiting",   "?", "?", 33 }, { "validating", "▶", ">", 36 }, { "ready",    "○", "o", 0 },
	{ "pending",   "·", ".", 0 },  { "blocked",    "·", ".", 0 },
};
/* clang-format on */

static const char *mark_of(void *ctx, int node, int *ret_sgr)
{
	const struct states *s = ctx;
	const struct row *row = smap_get(&s->by_node, s->g->nodes[node].name);
	if (!row)
		return NULL;
	*ret_sgr = s->colour ? row->sgr : 0;
	return s->ascii ? row->ascii : row->utf8;
}

static enum err_code read_states(int fd, struct states *s, struct err *err)
{
	auto_str text = STR_INIT;
	enum err_code code = read_all(fd, _("the states"), STATES_MAX, &text, err);
	if (code)
		return code;
	for (char *save = NULL, *line = text.p ? strtok_r(text.p, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *blank = strrchr(line, ' ');
		if (!blank)
			continue;
		*blank = '\0';
		for (size_t i = 0; i < COUNT(rows); i++)
			if (str_eq(rows[i].state, blank + 1))
				smap_put(&s->by_node, line, (void *)(uintptr_t)&rows[i]);
	}
	return ERR_OK;
}

static void draw(const struct options *o, const struct graph *g, struct states *s)
{
	auto_str out = STR_INIT;
	struct flow_mark mark = { mark_of, s };
	s->g = g;
	s->ascii = o->ascii;
	s->colour = !o->no_colour;
	flow_draw(g, o->drawing, o->width, !o->ascii, s->by_node.n ? &mark : NULL, &out);
	if (o->json) {
		auto_str text = STR_INIT;
		struct jw w = jw_begin(&text);
		jw_obj(&w, NULL);
		jw_str(&w, "name", g->name);
		jw_str(&w, "drawing", str_text(&out));
		jw_end_obj(&w);
		(void)printf("%s\n", text.p);
	} else {
		(void)fputs(str_text(&out), stdout);
	}
}

static enum err_code graph(const struct options *o, struct err *err)
{
	if (o->nfiles > 1)
		return err_set(err, ERR_USAGE, _("one file at a time can be drawn"));
	struct flow_report report = { 0 };
	struct graph *g = NULL;
	struct states s = { .by_node = SMAP_INIT };
	enum err_code code = o->states >= 0 ? read_states(o->states, &s, err) : ERR_OK;
	code = code ? code : load(o->files[0], &g, &report, err);
	if (!code)
		draw(o, g, &s);
	else if (report.n && !o->json) {
		auto_str text = STR_INIT;
		flow_report_text(&report, &text);
		(void)fputs(str_text(&text), stderr);
	}
	smap_done(&s.by_node);
	graph_free(g);
	flow_report_done(&report);
	return code;
}

int main(int argc, char **argv)
{
	language_begin();
	struct err err = { .code = ERR_OK };
	struct options o = { .width = 80, .states = -1 };
	const char *verb = argc > 1 ? argv[1] : "";
	enum err_code code = ERR_OK;
	bool draws = str_eq(verb, "graph");
	if (!draws && !str_eq(verb, "validate"))
		code = err_set(&err, ERR_USAGE,
		               _("use: pawl-flow validate FILE…, or pawl-flow graph FILE"));
	code = code ? code : read_options(argc, argv, &o, &err);
	code = code ? code : draws ? graph(&o, &err) : validate(&o, &err);
	if ((fflush(stdout) || ferror(stdout)) && !err.code)
		code = err_sys(&err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot write the output"));
	if (err.code)
		say(&err, o.json);
	return err_exit_status(code);
}
