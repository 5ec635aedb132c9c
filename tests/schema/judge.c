/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the loader says of workflow files, for comparison with the JSON Schema: for each file a line of
 * JSON { "file", "good", "message" (the first mistake), "value" (the file as JSON, null if it is none) }. */
#include "base/fs.h"
#include "flow/tree.h"

#include <stdio.h>

static void judge(const char *file, struct str *out)
{
	auto_free char *text = NULL;
	size_t len;
	struct err err = { 0 };
	struct flow_report report = { 0 }, ignored = { 0 };
	auto_arena arena = ARENA_INIT;
	struct graph *g = NULL;
	struct jw w = jw_begin(out);
	jw_obj(&w, NULL);
	jw_str(&w, "file", file);
	enum err_code code = fs_read(file, 2 * FLOW_MAX, &text, &len, &err);
	const struct tree *tree = code ? NULL : tree_parse(&arena, file, text, len, &ignored);
	if (!code)
		code = flow_load(file, text, len, &flow_files, &g, &report, &err);
	jw_bool(&w, "good", code == ERR_OK);
	jw_str(&w, "message", code ? err.message : NULL);
	auto_str value = STR_INIT;
	if (tree && ignored.n == 0)
		tree_add_json(&value, tree);
	jw_raw(&w, "value", value.len ? str_text(&value) : "null");
	jw_end_obj(&w);
	str_add_char(out, '\n');
	graph_free(g);
	flow_report_done(&report);
	flow_report_done(&ignored);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		auto_str out = STR_INIT;
		judge(argv[i], &out);
		if (fputs(str_text(&out), stdout) < 0)
			return 1;
	}
	return fflush(stdout) ? 1 : 0;
}
