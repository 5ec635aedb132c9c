/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drawings of a graph: rails, the list that stands in for them, dot and mermaid. */
#include "flow/flow.h"
#include "base/utf8.h"

#include <check.h>
#include <locale.h>
#include <string.h>

static const char text[] = "name: ship\nparams: {p: {type: bool}}\nnodes:\n"
			   "  fetch: {run: x}\n  lint: {run: x, needs: fetch}\n"
			   "  gcc: {run: x, needs: fetch}\n  clang: {run: x, needs: fetch}\n"
			   "  unit: {run: x, needs: gcc, matrix: {n: [1, 2]}}\n  fuzz: {run: x, needs: clang}\n"
			   "  docs: {run: x, critical: false}\n  pack: {run: x, needs: [unit, fuzz, lint, docs]}\n"
			   "  publish: {run: x, needs: pack, when: params.p}\n"
			   "  rescue: {run: x, needs: {unit: failure}}\non_failure: {run: x}\n";

static struct graph *load(const char *workflow)
{
	struct flow_report report = { 0 };
	struct graph *g = NULL;
	struct err err = { 0 };
	ck_assert_msg(flow_load("f", workflow, strlen(workflow), NULL, &g, &report, &err) == ERR_OK, "%s",
		      err.message);
	flow_report_done(&report);
	return g;
}

static const char *mark_of(void *ctx, int node, int *ret_sgr)
{
	*ret_sgr = node == 0 ? 32 : 0;
	return node < 2 ? "v" : ctx;
}

START_TEST(rails)
{
	struct graph *g = load(text);
	auto_str utf8 = STR_INIT, ascii = STR_INIT;
	flow_draw(g, FLOW_TERMINAL, 80, true, NULL, &utf8);
	ck_assert_str_eq(str_text(&utf8), "● fetch\n"
					  "├─╮\n"
					  "│ ● lint\n"
					  "├─│─╮\n"
					  "│ │ ● gcc\n"
					  "│ │ ◆ unit  (matrix n)\n"
					  "│ │ ├─╮\n"
					  "│ │ │ ● rescue  (if unit failed)\n"
					  "● │ │ clang\n"
					  "● │ │ fuzz\n"
					  "│ │ │ ● docs  (may fail)\n"
					  "├─┴─┴─╯\n"
					  "● pack\n"
					  "● publish  (has a condition)\n"
					  "◇ on_failure\n");
	struct flow_mark mark = { mark_of, (void *)(uintptr_t)"." };
	flow_draw(g, FLOW_TERMINAL, 34, false, &mark, &ascii);
	ck_assert_str_eq(str_text(&ascii), "\033[32mv\033[0m fetch\n"
					   "+-.\n"
					   "| v lint\n"
					   "+-|-.\n"
					   "| | . gcc\n"
					   "| | . unit  (matrix n)\n"
					   "| | +-.\n"
					   "| | | . rescue  (if unit failed)\n"
					   ". | | clang\n"
					   ". | | fuzz\n"
					   "| | | . docs  (may fail)\n"
					   "+-+-+-'\n"
					   ". pack\n"
					   ". publish  (has a condition)\n"
					   ". on_failure\n");
	graph_free(g);
}
END_TEST

START_TEST(a_list_when_rails_do_not_fit)
{
	struct graph *g = load(text);
	auto_str s = STR_INIT;
	flow_draw(g, FLOW_TERMINAL, 30, true, NULL, &s);
	ck_assert_str_eq(str_text(&s), "   1 ● fetch\n"
				       "   1 ● docs  (may fail)\n"
				       "   2   ● lint <- fetch\n"
				       "   2   ● gcc <- fetch\n"
				       "   2   ● clang <- fetch\n"
				       "   3     ◆ unit  (matrix n) <- 1\n"
				       "   3     ● fuzz <- clang\n"
				       "   4       ● pack <- 4\n"
				       "   4       ● rescue  (if unit… <- 1\n"
				       "   5        ● publish  (has a… <- 1\n"
				       "   1 ◇ on_failure\n");
	graph_free(g);
}
END_TEST

START_TEST(what_does_the_work_stands_beside_it)
{
	struct graph *g = load("providers: {a: {type: ollama, model: m}, b: {type: ollama, model: m}}\n"
			       "workspace: {repo: .}\nnodes:\n"
			       "  plan: {llm: {providers: [a, b], prompt: p}}\n"
			       "  fix: {needs: plan, agent: {command: codex exec --json, prompt: p}, verify: [{run: x}, {files: y}, {run: z}], loop: hybrid}\n"
			       "  say: {needs: fix, agent: {command: mine, prompt: p}, workstream: docs}\n"
			       "  ask: {needs: say, approval: q}\n  ship: {needs: ask, publish: {to: git}}\n");
	auto_str s = STR_INIT, dot = STR_INIT, mermaid = STR_INIT;
	flow_draw(g, FLOW_TERMINAL, 80, false, NULL, &s);
	ck_assert_str_eq(str_text(&s), "* plan  (llm a, b)\n"
				       "* fix  (agent codex, verify L0 L1, loop hybrid up to 5)\n"
				       "* say  (agent, workstream docs)\n* ask  (approval)\n* ship  (publish to git)\n");
	flow_draw(g, FLOW_DOT, 0, true, NULL, &dot);
	ck_assert_ptr_nonnull(strstr(str_text(&dot), "\"ask\" [shape=diamond];"));
	flow_draw(g, FLOW_MERMAID, 0, true, NULL, &mermaid);
	ck_assert_ptr_nonnull(strstr(str_text(&mermaid), "n3{\"ask\"}"));
	graph_free(g);
}
END_TEST

START_TEST(files_for_other_programs)
{
	struct graph *g = load("nodes: {a: {run: x}, b: {run: x, needs: {a: done}}, c: {run: x, needs: b}}\n"
			       "on_exit: {run: x}");
	auto_str dot = STR_INIT, mermaid = STR_INIT;
	flow_draw(g, FLOW_DOT, 0, true, NULL, &dot);
	ck_assert_str_eq(str_text(&dot),
			 "digraph \"f\" {\n\trankdir=LR;\n\tnode [shape=box, style=rounded];\n\t\"a\";\n\t\"b\";\n"
			 "\t\"c\";\n\t\"on_exit\" [style=dashed];\n\t\"a\" -> \"b\" [label=\"done\"];\n"
			 "\t\"b\" -> \"c\";\n}\n");
	flow_draw(g, FLOW_MERMAID, 0, true, NULL, &mermaid);
	ck_assert_str_eq(str_text(&mermaid),
			 "flowchart LR\n    n0[\"a\"]\n    n1[\"b\"]\n    n2[\"c\"]\n    n3([\"on_exit\"])\n"
			 "    n0 -->|done| n1\n    n1 --> n2\n");
	graph_free(g);
}
END_TEST

/* Any graph: every node is drawn once, and no line is wider than was asked for. */
START_TEST(every_drawing_is_whole)
{
	unsigned int seed = (unsigned int)_i * 2654435761U + 1;
	auto_str workflow = STR_INIT, s = STR_INIT;
	int n = 2 + _i % 40;
	str_add(&workflow, "nodes:\n");
	for (int i = 0; i < n; i++) {
		str_addf(&workflow, "  node%d: {run: x, needs: [", i);
		for (int j = 0, any = 0; j < i; j++) {
			seed = seed * 1103515245U + 12345U;
			if ((seed >> 16) % (unsigned int)(3 + _i % 7) == 0)
				str_addf(&workflow, "%snode%d", any++ ? ", " : "", j);
		}
		str_add(&workflow, "]}\n");
	}
	struct graph *g = load(str_text(&workflow));
	size_t width = 40 + (size_t)(_i % 5) * 20, drawn = 0;
	flow_draw(g, FLOW_TERMINAL, width, true, NULL, &s);
	for (const char *p = str_text(&s); *p; p = strchr(p, '\n') + 1) {
		size_t len = strcspn(p, "\n");
		ck_assert_msg(text_width(p, len) <= width, "%.*s", (int)len, p);
		drawn += memmem(p, len, "●", strlen("●")) != NULL;
	}
	ck_assert_uint_eq(drawn, (size_t)n);
	graph_free(g);
}
END_TEST

int main(void)
{
	if (!setlocale(LC_ALL, "C.UTF-8"))
		return 77; /* without it nothing has a width */
	Suite *s = suite_create("flow_draw");
	TCase *t = tcase_create("draw");
	tcase_add_test(t, rails);
	tcase_add_test(t, a_list_when_rails_do_not_fit);
	tcase_add_test(t, what_does_the_work_stands_beside_it);
	tcase_add_test(t, files_for_other_programs);
	tcase_add_loop_test(t, every_drawing_is_whole, 0, 100);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
