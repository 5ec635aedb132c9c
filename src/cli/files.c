/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl validate and pawl graph. The loader is a program of its own, pawl-flow, so that files are
 * checked without an engine and this program stays small. */
#include "cli/commands.h"

#include "base/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORDS 16

struct words {
	const char **v;
	size_t n;
};

static void begin_words(struct words *w, const struct call *call, const char *program,
                        const char *verb)
{
	w->v = xcalloc(call->nargs + WORDS, sizeof(*w->v));
	w->v[w->n++] = program;
	w->v[w->n++] = verb;
	if (call->cli->json)
		w->v[w->n++] = "--json";
	if (!call->cli->colour)
		w->v[w->n++] = "--no-color";
	if (!call->cli->utf8)
		w->v[w->n++] = "--ascii";
}

static enum err_code become(struct words *w, struct err *err)
{
	enum err_code code = cli_exec(w->v[0], w->v, err);
	free(w->v);
	return code;
}

static enum err_code run_validate(struct call *call, struct err *err)
{
	auto_free char *program = NULL;
	enum err_code code = cli_program("pawl-flow", &program, err);
	if (code)
		return code;
	struct words w = { .n = 0 };
	begin_words(&w, call, program, "validate");
	if (call->cli->quiet)
		w.v[w.n++] = "--quiet";
	w.v[w.n++] = "--";
	for (size_t i = 0; i < call->nargs; i++)
		w.v[w.n++] = call->args[i];
	return become(&w, err);
}

/* ---- graph ---- */

/* A definition of the same shape: names and needs alone, so that it draws without the files it was
 * made of. */
static void write_shape(const struct json *definition, struct str *out)
{
	struct jw w = jw_begin(out);
	jw_obj(&w, NULL);
	jw_str(&w, "name", json_get_str(definition, "name", "workflow"));
	jw_obj(&w, "nodes");
	for (const struct json *n = json_first(json_get(definition, "nodes")); n;
	     n = json_next(n)) {
		const char *handler = json_get_str(n, "handler", NULL);
		if (handler || json_get_bool(n, "handler", false))
			continue; /* it needs nothing and nothing needs it */
		jw_obj(&w, json_get_str(n, "name", "?"));
		jw_arr(&w, "run");
		jw_str(&w, NULL, "true");
		jw_end_arr(&w);
		jw_obj(&w, "needs");
		for (const struct json *e = json_first(json_get(n, "needs")); e; e = json_next(e))
			jw_str(&w, json_get_str(e, "node", json_str(e, "?")),
			       json_get_str(e, "when", "success"));
		jw_end_obj(&w);
		jw_end_obj(&w);
	}
	jw_end_obj(&w);
	jw_end_obj(&w);
}

/* "NAME STATE" lines. */
struct state_lines {
	struct str text;
};

static enum err_code state_line(void *ctx, const struct json *node, struct err *err UNUSED)
{
	struct state_lines *s = ctx;
	str_addf(&s->text, "%s %s\n", json_get_str(node, "node", "?"),
	         json_get_str(node, "state", "pending"));
	return ERR_OK;
}

/* A file without a name that the next program reads from its start. */
static enum err_code memory_file(const char *name, const struct str *text, int *ret_fd,
                                 struct err *err)
{
	int fd = memfd_create(name, 0);
	if (fd < 0 || !fs_write_all(fd, str_text(text), text->len) || lseek(fd, 0, SEEK_SET)) {
		enum err_code code = err_sys(err, ERR_IO, _("cannot make a temporary file"));
		if (fd >= 0)
			(void)close(fd);
		return code;
	}
	*ret_fd = fd;
	return ERR_OK;
}

static enum err_code read_run(struct call *call, const char *id, struct str *shape,
                              struct str *states, struct err *err)
{
	struct cli *cli = call->cli;
	auto_json *run = NULL, *definition = NULL;
	enum err_code code = target_run(cli, id, &run, err);
	if (code)
		return code;
	auto_free char *path = xasprintf("/v1/runs/%s/definition", json_get_str(run, "id", ""));
	code = cli_get(cli, path, &definition, err);
	if (code)
		return code;
	write_shape(definition, shape);
	auto_free char *nodes = xasprintf("/v1/runs/%s/nodes", json_get_str(run, "id", ""));
	struct state_lines lines = { .text = STR_INIT };
	bool json = cli->json;
	cli->json = false; /* the items come here, not to the output */
	code = cli_list(cli, nodes, INT64_C(10000000), state_line, &lines, NULL, err);
	cli->json = json;
	*states = lines.text;
	return code;
}

/* Make `fd` the descriptor `wanted` of the program that this one becomes. */
static enum err_code place(int fd, int wanted, struct err *err)
{
	if (fd != wanted && dup2(fd, wanted) < 0)
		return err_sys(err, ERR_IO, _("cannot pass a file on"));
	return ERR_OK;
}

static enum err_code graph_of_run(struct call *call, struct words *w, struct err *err)
{
	auto_str shape = STR_INIT, states = STR_INIT;
	int shape_fd = -1, states_fd = -1;
	enum err_code code = read_run(call, call->args[0], &shape, &states, err);
	code = code ? code : memory_file("workflow", &shape, &shape_fd, err);
	code = code ? code : memory_file("states", &states, &states_fd, err);
	code = code ? code : place(shape_fd, 0, err);
	if (code)
		return code;
	char number[16];
	(void)snprintf(number, sizeof(number), "%d", states_fd);
	w->v[w->n++] = "--states";
	w->v[w->n++] = number;
	w->v[w->n++] = "-";
	return become(w, err);
}

static enum err_code run_graph(struct call *call, struct err *err)
{
	auto_free char *program = NULL, *width = xasprintf("%zu", call->cli->columns);
	enum err_code code = cli_program("pawl-flow", &program, err);
	if (code)
		return code;
	struct words w = { .n = 0 };
	begin_words(&w, call, program, "graph");
	if (call_has(call, "dot"))
		w.v[w.n++] = "--dot";
	if (call_has(call, "mermaid"))
		w.v[w.n++] = "--mermaid";
	w.v[w.n++] = "--width";
	w.v[w.n++] = call_value(call, "width") ? call_value(call, "width") : width;
	const char *what = call->args[0];
	if (str_eq(what, "-") || (access(what, F_OK) == 0 && !str_starts(what, "r-"))) {
		w.v[w.n++] = "--";
		w.v[w.n++] = what;
		return become(&w, err);
	}
	size_t len = strlen(what);
	bool like_file =
	    strchr(what, '/') ||
	    (len > 5 && (str_eq(what + len - 5, ".yaml") || str_eq(what + len - 5, ".json")));
	if (like_file) {
		errno = ENOENT;
		code = err_sys(err, ERR_NOT_FOUND, _("cannot read %s"), what);
	} else {
		code = graph_of_run(call, &w, err);
	}
	free(w.v);
	return code;
}

/* clang-format off */
static const struct cli_option graph_options[] = {
	{ "dot",     0,   NULL,    N_("for Graphviz") },
	{ "mermaid", 0,   NULL,    N_("for Mermaid, as in Markdown") },
	{ "width",   'w', N_("N"), N_("columns of the drawing (default: the terminal's)") },
	{ NULL },
};
static const struct cli_example validate_examples[] = {
	{ "pawl validate build.yaml", N_("every mistake of the file, with line and column; exit status 3 if there is one") },
	{ "pawl validate workflows/*.yaml --json", N_("for programs") },
	{ NULL },
};
static const struct cli_example graph_examples[] = {
	{ "pawl graph build.yaml", N_("drawn in the terminal") },
	{ "pawl graph last", N_("a run, with the states of its nodes") },
	{ "pawl graph build.yaml --dot | dot -Tsvg > build.svg", N_("as a picture") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_validate = {
	.name = "validate",
	.alias = "check",
	.group = GROUP_FILE,
	.arguments = "FILE…",
	.words = "FILE",
	.min = 1,
	.max = -1,
	.help = N_("check workflow files"),
	.about = N_("Checks workflow files and prints all their mistakes at once, as "
	            "file:line:column: path: what is wrong, and "
	            "what would be right. It needs no engine. The exit status is 3 if a file is "
	            "not valid."),
	.examples = validate_examples,
	.run = run_validate,
};

const struct command cmd_graph = {
	.name = "graph",
	.group = GROUP_FILE,
	.arguments = "FILE|RUN",
	.words = "FILE",
	.min = 1,
	.max = 1,
	.help = N_("draw a workflow or a run"),
	.about =
	    N_("Draws the graph of a workflow file, or of a run with the states of its nodes."),
	.options = graph_options,
	.examples = graph_examples,
	.run = run_graph,
};
