/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the end of a step means: outputs, report, class and message out of the result and $PAWL_OUTPUT. */
#include "work/executor.h"

#include "base/utf8.h"

#include <string.h>

#define MESSAGE_MAX 1000 /* bytes of the sentence that are taken */

void step_end_done(struct step_end *end)
{
	str_done(&end->outputs);
	str_done(&end->report);
	str_done(&end->message);
	*end = (struct step_end){ 0 };
}

/* ---- the report of pawl's own programs ---- */

static void take_outputs(const struct json *outputs, struct str *ret)
{
	struct jw w = jw_begin(ret);
	jw_obj(&w, NULL);
	for (const struct json *o = json_first(outputs); o; o = json_next(o)) {
		auto_str text = STR_INIT;
		if (json_type(o) == JSON_NULL)
			continue;
		if (json_type(o) == JSON_STRING)
			str_add(&text, json_str(o, ""));
		else
			json_add(&text, o);
		jw_strn(&w, json_key(o), str_text(&text), text.len);
	}
	jw_end_obj(&w);
}

static void take_message(const char *text, struct str *ret)
{
	size_t len = utf8_floor(text, MIN(strlen(text), (size_t)MESSAGE_MAX));
	str_clear(ret);
	text_add_safe(ret, text, len, SAFE_PLAIN, false);
}

static enum err_code take_document(struct step_result *r, struct step_end *end, enum error_class *ret_class,
				   struct err *err)
{
	auto_json *v = NULL;
	enum err_code code = json_parse(r->outputs, r->outputs_len, OUTPUTS_MAX, &v, err);
	if (code)
		return code;
	if (json_type(v) != JSON_OBJECT)
		return err_set(err, ERR_INVALID, _("$PAWL_OUTPUT is not a JSON object"));
	const struct json *outputs = json_get(v, "outputs"), *report = json_get(v, "report");
	const char *class = json_get_str(v, "class", NULL), *message = json_get_str(v, "message", NULL);
	if (json_type(outputs) == JSON_OBJECT)
		take_outputs(outputs, &end->outputs);
	if (json_type(report) == JSON_OBJECT)
		json_add(&end->report, report);
	if (message && *message)
		take_message(message, &end->message);
	*ret_class = class ? error_class_from_name(class) : CLASS_NONE;
	end->retry_after_ms = json_get_int(v, "retry_after_ms", 0);
	return ERR_OK;
}

static void fail_output(struct step_result *r, struct step_end *end, const char *why)
{
	if (r->class != CLASS_NONE)
		return;
	r->class = CLASS_OUTPUT;
	str_clear(&end->message);
	str_add(&end->message, why);
}

void report_take(struct step_result *r, struct step_end *end)
{
	struct err err;
	enum error_class class;
	bool own = r->class == CLASS_NONE || r->class == CLASS_EXIT;
	if (!r->outputs)
		return;
	if (take_document(r, end, &class, &err)) {
		fail_output(r, end, err.message);
		return;
	}
	if (own && class != CLASS_NONE && class != CLASS_COUNT)
		r->class = class;
	if (!own || r->class == CLASS_NONE)
		str_clear(&end->message);
}

/* ---- any step ---- */

static void take_lines(struct step_result *r, struct step_end *end)
{
	struct err err;
	if (outputs_parse(r->outputs, r->outputs_len, &end->outputs, &err)) {
		str_clear(&end->outputs);
		fail_output(r, end, err.message);
	}
}

static void check_declared(const struct graph_node *node, struct step_result *r, struct step_end *end)
{
	auto_json *v = NULL;
	if (r->class != CLASS_NONE || node->noutputs == 0)
		return;
	if (end->outputs.len && json_parse(end->outputs.p, end->outputs.len, MIB * 2, &v, NULL))
		return;
	for (size_t i = 0; i < node->noutputs; i++) {
		if (json_get(v, node->outputs[i]))
			continue;
		r->class = CLASS_OUTPUT;
		str_clear(&end->message);
		str_addf(&end->message, _("it declares the output %s but did not write it to $PAWL_OUTPUT"),
			 node->outputs[i]);
		return;
	}
}

void step_end_take_at(const struct graph_node *node, enum attempt_phase phase, struct step_result *r,
		      struct step_end *ret)
{
	const struct executor *x = executor_at(node->kind, phase);
	*ret = (struct step_end){ 0 };
	if (phase == PHASE_VERIFY) {
		verify_end_take(r, ret);
		return;
	}
	if (x->form == OUTPUT_REPORT)
		report_take(r, ret);
	else if (r->outputs)
		take_lines(r, ret);
	if (phase == PHASE_WORK)
		check_declared(node, r, ret);
	if (x->finish)
		x->finish(node, r, ret);
}

void step_end_take(const struct graph_node *node, struct step_result *r, struct step_end *ret)
{
	step_end_take_at(node, PHASE_WORK, r, ret);
}
