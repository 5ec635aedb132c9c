/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A graph by itself: names of what it is made of, finding nodes, and an end that frees everything (the
 * sanitizers look). What graphs mean is tested where they are made, in flow_load. */
#include "model/graph.h"

#include <check.h>

/* Every name of a table is there, and none twice. */
#define NAMES_DIFFER(type, count, name)                                                  \
	for (int i = 0; i < (int)(count); i++) {                                          \
		ck_assert(name((type)i)[0]);                                              \
		for (int j = 0; j < i; j++)                                               \
			ck_assert_str_ne(name((type)i), name((type)j));                   \
	}

START_TEST(names_are_words)
{
	NAMES_DIFFER(enum agent_adapter, ADAPTER_COUNT, agent_adapter_name)
	NAMES_DIFFER(enum prompt_via, PROMPT_VIA_COUNT, prompt_via_name)
	NAMES_DIFFER(enum provider_type, PROVIDER_TYPE_COUNT, provider_type_name)
	NAMES_DIFFER(enum provider_type, PROVIDER_TYPE_COUNT, provider_default_url)
	NAMES_DIFFER(enum approval_choice, APPROVAL_CHOICE_COUNT, approval_choice_name)
	NAMES_DIFFER(enum patch_compensation, PATCH_COMPENSATION_COUNT, patch_compensation_name)
	NAMES_DIFFER(enum publish_mode, PUBLISH_MODE_COUNT, publish_mode_name)
	NAMES_DIFFER(enum verify_level, VERIFY_LEVEL_COUNT, verify_level_name)
	NAMES_DIFFER(enum check_kind, CHECK_KIND_COUNT, check_kind_name)
	NAMES_DIFFER(enum check_parse, CHECK_PARSE_COUNT, check_parse_name)
	NAMES_DIFFER(enum loop_strategy, LOOP_STRATEGY_COUNT, loop_strategy_name)
	NAMES_DIFFER(enum snapshot_policy, SNAPSHOT_POLICY_COUNT, snapshot_policy_name)
	for (int k = 0; k < NODE_KIND_COUNT; k++)
		ck_assert(node_kind_name((enum node_kind)k)[0]);
	for (int w = 0; w < EDGE_WHEN_COUNT; w++)
		ck_assert(edge_when_name((enum edge_when)w)[0]);
	for (int t = 0; t < PARAM_TYPE_COUNT; t++)
		ck_assert(param_type_name((enum param_type)t)[0]);
	ck_assert_str_eq(node_kind_name(NODE_GROUP), "group");
	ck_assert_str_eq(edge_when_name(EDGE_DONE), "done");
	ck_assert_str_eq(param_type_name(PARAM_ENUM), "enum");
}
END_TEST

static struct tmpl *text(const char *s)
{
	auto_str json = STR_INIT;
	json_add_quoted(&json, s, __builtin_strlen(s));
	return tmpl_const(str_text(&json));
}

START_TEST(nodes_are_found_and_all_is_freed)
{
	struct graph *g = xcalloc(1, sizeof(*g));
	g->name = xstrdup("g");
	g->nodes = xcalloc(3, sizeof(*g->nodes));
	g->nnodes = 3;
	static const char *const names[] = { "run", "group", "sub" };
	for (size_t i = 0; i < COUNT(names); i++) {
		g->nodes[i].name = xstrdup(names[i]);
		smap_put(&g->by_name, names[i], &g->nodes[i]);
	}
	struct graph_node *run = &g->nodes[0], *group = &g->nodes[1], *sub = &g->nodes[2];
	run->kind = NODE_RUN;
	run->run.nargv = 1;
	run->run.argv = xcalloc(2, sizeof(char *));
	run->run.argv[0] = xstrdup("true");
	run->run.argv_tmpl = xcalloc(2, sizeof(struct tmpl *));
	run->run.argv_tmpl[0] = text("true");
	run->cwd = text("dir");
	group->kind = NODE_GROUP;
	group->cwd = tmpl_ref(run->cwd); /* one template, two holders */
	group->group.body = xcalloc(1, sizeof(struct graph_node));
	group->group.body->kind = NODE_HTTP;
	group->group.body->http.url = text("http://h");
	sub->kind = NODE_WORKFLOW;
	sub->workflow.graph = xcalloc(1, sizeof(struct graph));
	ck_assert_int_eq(graph_find(g, "run"), 0);
	ck_assert_int_eq(graph_find(g, "sub"), 2);
	ck_assert_int_eq(graph_find(g, "none"), -1);
	graph_free(g);
	graph_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model_graph");
	TCase *t = tcase_create("graph");
	tcase_add_test(t, names_are_words);
	tcase_add_test(t, nodes_are_found_and_all_is_freed);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
