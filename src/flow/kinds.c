/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every key of the format. The order of the rows is the order in which they are loaded: what a row
 * needs stands above it. The handlers are in keys.h, one line each where possible. */
#include "flow/keys.h"

#define TABLE(rows, definition, text) { .name = definition, .what = text, .keys = rows, .n = COUNT(rows) }
#define RUN (1U << NODE_RUN)
#define HTTP (1U << NODE_HTTP)
#define WORKFLOW (1U << NODE_WORKFLOW)

/* clang-format off */
static const struct flow_key workflow_rows[] = {
	{ "name", workflow_name },
	{ "description", workflow_description },
	{ "params", workflow_params },
	{ "pass_env", workflow_pass_env },
	{ "env", workflow_env },
	{ "concurrency", workflow_concurrency },
	{ "resources", workflow_resources },
	{ "workspace", workflow_workspace },
	{ "snapshot", workflow_snapshot },
	{ "defaults", workflow_defaults },
	{ "nodes", workflow_nodes },
	{ "on_success", workflow_on_success },
	{ "on_failure", workflow_on_failure },
	{ "on_cancel", workflow_on_cancel },
	{ "on_exit", workflow_on_exit },
};
static const struct flow_key node_rows[] = {
	{ "description", node_description },
	{ "needs", node_needs },
	{ "matrix", node_matrix },
	{ "foreach", node_foreach },
	{ "max_parallel", node_max_parallel },
	{ "fail_fast", node_fail_fast },
	{ "when", node_when },
	{ "critical", node_critical },
	{ "allow_skipped", node_allow_skipped },
	{ "workstream", node_workstream },
	{ "env", node_env, .shared = true },
	{ "shell", node_shell, .kinds = RUN, .shared = true },
	{ "run", node_run, .kinds = RUN },
	{ "cwd", node_cwd, .kinds = RUN, .shared = true },
	{ "http", node_http, .kinds = HTTP },
	{ "workflow", node_workflow, .kinds = WORKFLOW },
	{ "params", node_params, .kinds = WORKFLOW },
	{ "timeout", node_timeout, .shared = true },
	{ "grace", node_grace, .kinds = RUN, .shared = true },
	{ "retry", node_retry, .shared = true },
	{ "on_crash", node_on_crash, .shared = true },
	{ "resources", node_resources },
	{ "limits", node_limits, .kinds = RUN, .shared = true },
	{ "outputs", node_outputs, .kinds = RUN },
};
static const struct flow_key param_rows[] = {
	{ "type", param_type },
	{ "enum", param_enum },
	{ "required", param_required },
	{ "secret", param_secret },
	{ "pattern", param_pattern },
	{ "help", param_help },
	{ "default", param_default },
};
static const struct flow_key workspace_rows[] = {
	{ "folder", workspace_folder },
	{ "shared", workspace_shared },
};
static const struct flow_key retry_rows[] = {
	{ "max_attempts", retry_max_attempts },
	{ "initial", retry_initial },
	{ "factor", retry_factor },
	{ "max", retry_max },
	{ "jitter", retry_jitter },
	{ "on", retry_on },
};
static const struct flow_key http_rows[] = {
	{ "url", http_url },
	{ "method", http_method },
	{ "headers", http_headers },
	{ "body", http_body },
	{ "expect", http_expect },
	{ "outputs", http_outputs },
	{ "follow_redirects", http_follow_redirects },
};
static const struct flow_key limits_rows[] = {
	{ "memory", limits_memory },
	{ "cpu", limits_cpu },
	{ "file", limits_file },
	{ "output", limits_output },
	{ "open_files", limits_open_files },
	{ "processes", limits_processes },
};
/* clang-format on */

const struct flow_table flow_workflow_keys = TABLE(workflow_rows, "workflow", N_("a workflow"));
const struct flow_table flow_node_keys = TABLE(node_rows, "node", N_("a node"));
const struct flow_table flow_param_keys = TABLE(param_rows, "param", N_("a parameter"));
const struct flow_table flow_workspace_keys = TABLE(workspace_rows, "workspace", N_("a workspace"));
const struct flow_table flow_retry_keys = TABLE(retry_rows, "retry", N_("retry:"));
const struct flow_table flow_http_keys = TABLE(http_rows, "http", N_("http:"));
const struct flow_table flow_limits_keys = TABLE(limits_rows, "limits", N_("limits:"));

const struct flow_table *const flow_tables[] = {
	&flow_workflow_keys, &flow_node_keys, &flow_param_keys,	 &flow_workspace_keys,
	&flow_retry_keys,    &flow_http_keys, &flow_limits_keys, NULL,
};
