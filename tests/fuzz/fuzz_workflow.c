/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a workflow file: it is compiled, or refused with places and words that are fit to be shown. */
#include "tests/fuzz/fuzz.h"
#include "base/utf8.h"
#include "flow/flow.h"

#include <stdio.h>
#include <string.h>

/* Whatever file is named, there is this one; a workflow that names itself is reached, too. */
static const char child[] = "params: {who: {required: true}, n: {type: int, default: 1}}\n"
			    "nodes: {a: {run: echo, outputs: [x]}}\n";

static enum err_code read_text(void *ctx, const char *from UNUSED, const char *name, char **ret,
			       size_t *ret_len, char **ret_file, struct err *err UNUSED)
{
	const struct str *self = ctx;
	bool again = str_eq(name, "self");
	*ret_len = again ? self->len : strlen(child);
	*ret = xmalloc(*ret_len + 1);
	memcpy(*ret, again ? str_text(self) : child, *ret_len);
	(*ret)[*ret_len] = '\0';
	*ret_file = xstrdup(again ? name : "child.yaml");
	return ERR_OK;
}

static void check_words(const char *text)
{
	size_t len = strlen(text);
	MUST(utf8_valid(text, len, NULL));
	for (size_t i = 0; i < len; i++)
		MUST((unsigned char)text[i] >= 0x20 || text[i] == '\t');
}

static void check_report(const struct flow_report *r)
{
	MUST(r->n > 0 && r->n <= FLOW_ISSUES_MAX);
	for (size_t i = 0; i < r->n; i++) {
		MUST(r->v[i].line >= 1 && r->v[i].column >= 1);
		MUST(r->v[i].file[0] && r->v[i].message[0]);
		check_words(r->v[i].message);
		check_words(r->v[i].path);
	}
}

static void check_graph(const struct graph *g)
{
	MUST(g->name && g->nnodes > g->nhandlers);
	for (size_t i = 0; i < g->nnodes; i++) {
		const struct graph_node *n = &g->nodes[i];
		MUST(n->name && n->rank >= 1 && n->line >= 1);
		MUST(graph_find(g, n->name) == (int)i);
		for (size_t j = 0; j < n->nneeds; j++)
			MUST(g->nodes[n->needs[j].node].rank > n->rank);
	}
	for (int kind = FLOW_TERMINAL; kind <= FLOW_MERMAID && g->nnodes < 200; kind++) {
		auto_str out = STR_INIT;
		flow_draw(g, (enum flow_drawing)kind, 80, true, NULL, &out);
		MUST(out.len > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	auto_str self = STR_INIT, words = STR_INIT;
	str_add_len(&self, bytes, len);
	const struct flow_source source = { .read = read_text, .ctx = &self };
	struct flow_report report = { 0 };
	struct graph *g = NULL;
	struct err err = { 0 };
	enum err_code code = flow_load("f.yaml", str_text(&self), len, &source, &g, &report, &err);
	MUST((code == ERR_OK) == (g != NULL));
	if (g) {
		MUST(report.n == 0);
		check_graph(g);
		auto_free char *values = NULL;
		if (flow_params(g, NULL, &values, &err) == ERR_OK)
			MUST(values[0] == '{');
	} else {
		check_report(&report);
		flow_report_text(&report, &words);
	}
	graph_free(g);
	flow_report_done(&report);
	return 0;
}
