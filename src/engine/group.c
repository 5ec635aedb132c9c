/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nodes that the engine does itself: groups (matrix, foreach) and sub-workflows. */
#include "engine/engine_internal.h"

#include <string.h>

#define INSTANCES_MAX 10000

void own_begin(struct engine *e, struct node *n)
{
	if (n->iteration == 0)
		n->iteration = 1;
	n->attempt = 1;
	n->token = 0; /* of an earlier failure beneath it */
	n->started_ms = e->now.wall_ms;
	const struct space *sp = node_space(n);
	free(n->before);
	n->before = sp->policy != SNAPSHOT_OFF && sp->tree[0] ? xstrdup(sp->tree) : NULL;
	if (n->parent >= 0)
		n->run->nodes[n->parent]->instances_active++;
	node_move(e, n, NODE_RUNNING, &BY_ENGINE);
}

/* ---- groups ---- */

static enum err_code evaluate_list(const struct tmpl *t, const struct expr_scope *scope, struct json **ret,
				   struct err *err)
{
	auto_str text = STR_INIT;
	enum err_code code = tmpl_value(t, scope, &text, err);
	if (code)
		return code;
	struct json *v = NULL;
	code = json_parse(str_text(&text), text.len, 4 * MIB, &v, err);
	/* Outputs are text: a JSON list, or lines. */
	if (!code && json_type(v) == JSON_STRING) {
		auto_str list = STR_INIT;
		const char *s = json_str(v, "");
		if (s[0] == '[') {
			str_add(&list, s);
		} else {
			struct jw w = jw_begin(&list);
			jw_arr(&w, NULL);
			for (size_t len; *s; s += len + (s[len] == '\n')) {
				len = strcspn(s, "\n");
				if (len)
					jw_strn(&w, NULL, s, len);
			}
			jw_end_arr(&w);
		}
		json_free(v);
		v = NULL;
		code = json_parse(str_text(&list), list.len, 4 * MIB, &v, err);
	}
	if (code)
		return code;
	if (json_type(v) != JSON_ARRAY) {
		json_free(v);
		return err_set(err, ERR_INVALID, _("the value to go over is not a list"));
	}
	if (json_count(v) > INSTANCES_MAX) {
		size_t n = json_count(v);
		json_free(v);
		return err_set(err, ERR_TOO_LARGE, _("%zu items to go over; the limit is %d"), n, INSTANCES_MAX);
	}
	*ret = v;
	return ERR_OK;
}

static void name_part(struct str *name, const struct json *v)
{
	auto_str text = STR_INIT;
	if (json_type(v) == JSON_STRING)
		str_add(&text, json_str(v, ""));
	else
		json_add(&text, v);
	for (size_t i = 0; i < text.len && i < 40; i++) {
		char c = text.p[i];
		str_add_char(name, (unsigned char)c > 0x20 && c != '[' && c != ']' && c != '/' && c != ',' &&
						   (unsigned char)c < 0x7f ? c : '_');
	}
}

static void add_instance(struct engine *e, struct node *g, const char *name, const char *bindings)
{
	struct run *r = g->run;
	int idx = (int)r->nnodes;
	struct instance_row row = { .run = r->id, .idx = idx, .parent = g->idx, .expansion = g->iteration,
				    .name = name, .bindings = bindings };
	store_instance_add(e->store, &row);
	(void)node_instance(r, g, idx, g->iteration, name, bindings);
	if (g->ninstances++ == 0)
		g->first_instance = idx;
}

static enum err_code expand_foreach(struct engine *e, struct node *g, const struct expr_scope *scope,
				    struct err *err)
{
	auto_json *list = NULL;
	enum err_code code = evaluate_list(g->def->group.foreach, scope, &list, err);
	if (code)
		return code;
	int64_t i = 0;
	for (const struct json *v = json_first(list); v; v = json_next(v), i++) {
		auto_str name = STR_INIT, bindings = STR_INIT;
		str_addf(&name, "%s[%d", g->name, (int)i);
		if (json_type(v) == JSON_STRING || json_type(v) == JSON_NUMBER) {
			str_add_char(&name, ':');
			name_part(&name, v);
		}
		str_add_char(&name, ']');
		struct jw w = jw_begin(&bindings);
		auto_str item = STR_INIT;
		json_add(&item, v);
		jw_obj(&w, NULL);
		jw_raw(&w, "item", str_text(&item));
		jw_int(&w, "index", i);
		jw_end_obj(&w);
		add_instance(e, g, str_text(&name), str_text(&bindings));
	}
	return ERR_OK;
}

static enum err_code expand_matrix(struct engine *e, struct node *g, const struct expr_scope *scope,
				   struct err *err)
{
	size_t n = g->def->group.naxes, total = 1;
	struct json **axes = xcalloc(n + 1, sizeof(*axes));
	const struct json **at = xcalloc(n + 1, sizeof(*at));
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < n && !code; i++) {
		code = evaluate_list(g->def->group.axes[i].values, scope, &axes[i], err);
		if (!code) {
			total *= json_count(axes[i]);
			at[i] = json_first(axes[i]);
			if (total > INSTANCES_MAX)
				code = err_set(err, ERR_TOO_LARGE, _("more than %d instances"), INSTANCES_MAX);
		}
	}
	for (size_t k = 0; k < total && !code; k++) {
		auto_str name = STR_INIT, matrix = STR_INIT, bindings = STR_INIT;
		struct jw w = jw_begin(&matrix);
		str_addf(&name, "%s[", g->name);
		jw_obj(&w, NULL);
		for (size_t i = 0; i < n; i++) {
			auto_str value = STR_INIT;
			json_add(&value, at[i]);
			jw_raw(&w, g->def->group.axes[i].name, str_text(&value));
			if (i)
				str_add_char(&name, ',');
			name_part(&name, at[i]);
		}
		jw_end_obj(&w);
		str_add_char(&name, ']');
		str_addf(&bindings, "{\"matrix\":%s,\"index\":%zu}", str_text(&matrix), k);
		add_instance(e, g, str_text(&name), str_text(&bindings));
		for (size_t i = n; i-- > 0;) {
			at[i] = json_next(at[i]);
			if (at[i])
				break;
			at[i] = json_first(axes[i]);
		}
	}
	for (size_t i = 0; i < n; i++)
		json_free(axes[i]);
	free(axes);
	free(at);
	return code;
}

static void close_group(struct engine *e, struct node *g);

void group_start(struct engine *e, struct node *g)
{
	struct scope_ctx ctx = { e, g, g->run, NULL, 0 };
	struct expr_scope scope = node_scope(&ctx);
	struct err err;
	own_begin(e, g);
	enum err_code code = ERR_OK;
	if (g->ninstances == 0)
		code = g->def->group.foreach ? expand_foreach(e, g, &scope, &err) : expand_matrix(e, g, &scope, &err);
	if (code) {
		node_end(e, g, NODE_FAILED, CLASS_EXPRESSION, err.message);
		return;
	}
	if (g->ninstances == 0) {
		node_end(e, g, NODE_SUCCEEDED, CLASS_NONE, NULL);
		return;
	}
	for (int i = 0; i < g->ninstances; i++)
		if (g->run->nodes[g->first_instance + i]->state == NODE_PENDING)
			node_consider(e, g->run->nodes[g->first_instance + i]);
	/* A way back may have left only what is done. */
	if (g->state == NODE_RUNNING && g->instances_done == g->ninstances)
		close_group(e, g);
}

/* The outputs of all instances: each name with the list of its values, in the order of the instances. */
static void gather_outputs(struct node *g)
{
	struct run *r = g->run;
	struct smap names = SMAP_INIT;
	struct json **v = xcalloc((size_t)g->ninstances, sizeof(*v));
	auto_str out = STR_INIT;
	struct jw w = jw_begin(&out);
	jw_obj(&w, NULL);
	for (int i = 0; i < g->ninstances; i++) {
		const char *text = r->nodes[g->first_instance + i]->outputs;
		if (text && json_parse(text, strlen(text), 4 * MIB, &v[i], NULL))
			v[i] = NULL;
	}
	for (int i = 0; i < g->ninstances; i++) {
		for (const struct json *m = json_first(v[i]); m; m = json_next(m)) {
			const char *key = json_key(m);
			if (smap_get(&names, key))
				continue;
			smap_put(&names, key, &names);
			jw_arr(&w, key);
			for (int k = 0; k < g->ninstances; k++) {
				auto_str value = STR_INIT;
				json_add(&value, json_get(v[k], key));
				jw_raw(&w, NULL, str_text(&value));
			}
			jw_end_arr(&w);
		}
	}
	jw_end_obj(&w);
	for (int i = 0; i < g->ninstances; i++)
		json_free(v[i]);
	free(v);
	smap_done(&names);
	free(g->outputs);
	g->outputs = str_take(&out);
}

static void close_group(struct engine *e, struct node *g)
{
	if (g->run->state == RUN_CANCELING) {
		node_end(e, g, NODE_CANCELED, CLASS_CANCELED, NULL);
		return;
	}
	gather_outputs(g);
	if (g->instances_failed == 0 && g->instances_done < g->ninstances) {
		node_end(e, g, NODE_CANCELED, CLASS_CANCELED, "a critical node failed");
		return;
	}
	if (g->instances_failed == 0) {
		node_end(e, g, NODE_SUCCEEDED, CLASS_NONE, NULL);
		return;
	}
	const struct node *first = NULL;
	for (int i = 0; i < g->ninstances && !first; i++)
		if (g->run->nodes[g->first_instance + i]->state == NODE_FAILED)
			first = g->run->nodes[g->first_instance + i];
	auto_free char *why = xasprintf(_("%d of %d failed, first %s: %s"), g->instances_failed, g->ninstances,
					first ? first->name : "?", first && first->reason ? first->reason : "");
	g->token = first ? first->token : 0;
	node_end(e, g, NODE_FAILED, CLASS_CHILD, why);
}

void group_instance_ended(struct engine *e, struct node *g, struct node *n)
{
	if ((n->attempt > 0 || n->loop) && g->instances_active > 0)
		g->instances_active--;
	g->instances_done++;
	bool failed = n->state == NODE_FAILED && n->def->critical;
	g->instances_failed += failed;
	struct run *r = g->run;
	if (state_final(ENTITY_NODE, (int)g->state) || r->state == RUN_ROLLING_BACK)
		return; /* a way back ends the group itself */
	if (failed && g->def->group.fail_fast && g->instances_failed == 1) {
		for (int i = 0; i < g->ninstances; i++) {
			struct node *m = r->nodes[g->first_instance + i];
			if (m->state == NODE_PENDING || m->state == NODE_RETRYING || m->state == NODE_WAITING ||
			    loop_between(m))
				node_end(e, m, NODE_CANCELED, CLASS_CANCELED, "another instance failed");
		}
		if (state_final(ENTITY_NODE, (int)g->state))
			return;
	}
	bool stop = (r->failing && !node_goes_on(g)) || r->state == RUN_CANCELING;
	if (g->instances_done == g->ninstances || (stop && g->instances_active == 0)) {
		close_group(e, g);
		return;
	}
	if (!stop && g->waiting && g->waiting->n > 0)
		node_make_ready(e, CONTAINER_OF(heap_min(g->waiting), struct node, ready));
}

/* ---- sub-workflows ---- */

static enum err_code child_params(const struct node *n, const struct expr_scope *scope, char **ret, struct err *err)
{
	auto_str text = STR_INIT;
	struct jw w = jw_begin(&text);
	jw_obj(&w, NULL);
	for (size_t i = 0; i < n->def->workflow.nparams; i++) {
		auto_str value = STR_INIT;
		enum err_code code = tmpl_value(n->def->workflow.params[i].value, scope, &value, err);
		if (code)
			return code;
		jw_raw(&w, n->def->workflow.params[i].name, str_text(&value));
	}
	jw_end_obj(&w);
	auto_json *given = NULL;
	enum err_code code = json_parse(str_text(&text), text.len, 4 * MIB, &given, err);
	return code ? code : flow_params(n->def->workflow.graph, given, ret, err);
}

void workflow_start(struct engine *e, struct node *n)
{
	struct scope_ctx ctx = { e, n, n->run, NULL, 0 };
	struct expr_scope scope = node_scope(&ctx);
	auto_free char *params = NULL;
	struct err err;
	own_begin(e, n);
	enum err_code code = child_params(n, &scope, &params, &err);
	struct run *c = code ? NULL : run_start_child(e, n, params, &err);
	if (!c) {
		node_end(e, n, NODE_FAILED, code ? CLASS_EXPRESSION : CLASS_WORKSPACE, err.message);
		return;
	}
	n->child = c;
	n->child_id = c->id;
	/* The row has to name the child, so that a restart finds it. */
	struct node_row row = { .run = n->run->id, .idx = n->idx, .generation = n->generation, .state = n->state,
				.iteration = 1, .attempt = 1, .child = c->id, .started_ms = n->started_ms,
				.seq = store_last_seq(e->store), .began = n->began, .before = n->before };
	store_node_put(e->store, &row);
}

static void child_outputs(struct node *n, const struct run *c)
{
	auto_str out = STR_INIT;
	struct jw w = jw_begin(&out);
	jw_obj(&w, NULL);
	for (size_t i = 0; i < c->graph->nnodes; i++)
		if (c->nodes[i]->outputs && c->nodes[i]->state == NODE_SUCCEEDED)
			jw_raw(&w, c->nodes[i]->name, c->nodes[i]->outputs);
	jw_end_obj(&w);
	free(n->outputs);
	n->outputs = str_take(&out);
}

void workflow_ended(struct engine *e, struct run *c)
{
	struct run *p = c->parent;
	struct node *n = p->nodes[c->parent_node];
	n->child = NULL;
	if (state_final(ENTITY_NODE, (int)n->state))
		return;
	child_outputs(n, c);
	if (p->state == RUN_ROLLING_BACK) {
		node_end(e, n, NODE_CANCELED, CLASS_CANCELED, WAY_BACK_REASON);
	} else if (c->state == RUN_SUCCEEDED) {
		node_end(e, n, NODE_SUCCEEDED, CLASS_NONE, NULL);
	} else if (c->state == RUN_CANCELED) {
		node_end(e, n, NODE_CANCELED, CLASS_CANCELED, _("its run was canceled"));
	} else {
		const struct node *f = c->failed_node >= 0 ? c->nodes[c->failed_node] : NULL;
		auto_free char *why = f ? xasprintf("%s/%s: %s", id_text('r', c->id).s, f->name,
						    f->reason ? f->reason : _("failed")) :
					  xasprintf(_("%s failed"), id_text('r', c->id).s);
		n->token = c->failed_token;
		node_end(e, n, NODE_FAILED, CLASS_CHILD, why);
	}
	run_touch(e, p);
}
