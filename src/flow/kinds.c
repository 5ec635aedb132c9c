/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every key of the format. The order of the rows is the order in which they are loaded: what a row
 * needs stands above it. The handlers are in keys.h, one line each where possible. */
#include "flow/keys.h"

#define TABLE(rows, definition, text) { .name = definition, .what = text, .keys = rows, .n = COUNT(rows) }
#define RUN (1U << NODE_RUN)
#define HTTP (1U << NODE_HTTP)
#define WORKFLOW (1U << NODE_WORKFLOW)
#define AGENT (1U << NODE_AGENT)
#define LLM (1U << NODE_LLM)
#define APPROVAL (1U << NODE_APPROVAL)
#define PUBLISH (1U << NODE_PUBLISH)
#define PATCH (1U << NODE_PATCH)
#define TRIES (RUN | HTTP | WORKFLOW | AGENT | LLM | PUBLISH | PATCH) /* what can be tried again */
#define ITERATES (RUN | AGENT | LLM)                                  /* what can be done again when checks fail */
#define CHECKED (ITERATES | PATCH)                                    /* what can be checked */

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
	{ "workstreams", workflow_workstreams },
	{ "snapshot", workflow_snapshot },
	{ "budget", workflow_budget },
	{ "providers", workflow_providers },
	{ "defaults", workflow_defaults },
	{ "nodes", workflow_nodes },
	{ "on_success", workflow_on_success },
	{ "on_failure", workflow_on_failure },
	{ "on_cancel", workflow_on_cancel },
	{ "on_exit", workflow_on_exit },
	{ "health", workflow_health },
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
	{ "checkpoint", node_checkpoint },
	{ "env", node_env, .shared = true },
	{ "shell", node_shell, .kinds = RUN, .shared = true },
	{ "run", node_run, .kinds = RUN },
	{ "agent", node_agent, .kinds = AGENT },
	{ "llm", node_llm, .kinds = LLM },
	{ "approval", node_approval, .kinds = APPROVAL },
	{ "publish", node_publish, .kinds = PUBLISH },
	{ "patch", node_patch, .kinds = PATCH },
	{ "verify", node_verify, .kinds = CHECKED },
	{ "verify_skip", node_verify_skip, .kinds = CHECKED },
	{ "loop", node_loop, .kinds = ITERATES },
	{ "budget", node_budget, .kinds = ITERATES },
	{ "cwd", node_cwd, .kinds = RUN | AGENT, .shared = true },
	{ "http", node_http, .kinds = HTTP },
	{ "workflow", node_workflow, .kinds = WORKFLOW },
	{ "params", node_params, .kinds = WORKFLOW },
	{ "timeout", node_timeout, .kinds = TRIES, .shared = true },
	{ "grace", node_grace, .kinds = RUN | AGENT, .shared = true },
	{ "retry", node_retry, .kinds = TRIES, .shared = true },
	{ "on_crash", node_on_crash, .kinds = TRIES, .shared = true },
	{ "resources", node_resources },
	{ "limits", node_limits, .kinds = RUN | AGENT, .shared = true },
	{ "outputs", node_outputs, .kinds = RUN | AGENT },
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
	{ "repo", workspace_repo },
	{ "base", workspace_base },
	{ "shared", workspace_shared },
	{ "include_ignored", workspace_include_ignored },
};
static const struct flow_key workstream_rows[] = {
	{ "workspace", workstream_workspace },
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
static const struct flow_key budget_rows[] = {
	{ "wall", budget_wall },
	{ "iteration", budget_iteration },
	{ "tokens", budget_tokens },
	{ "tokens_per_iteration", budget_tokens_per_iteration },
	{ "cost", budget_cost },
	{ "iterations", budget_iterations },
	{ "disk", budget_disk },
	{ "memory", budget_memory },
};
static const struct flow_key provider_rows[] = {
	{ "type", provider_type },
	{ "url", provider_url },
	{ "model", provider_model },
	{ "key_env", provider_key_env },
	{ "key", provider_key },
	{ "timeout", provider_timeout },
	{ "max_tokens", provider_max_tokens },
	{ "retry", provider_retry },
	{ "headers", provider_headers },
};
static const struct flow_key agent_rows[] = {
	{ "command", agent_command },
	{ "adapter", agent_adapter },
	{ "prompt", agent_prompt },
	{ "prompt_via", agent_prompt_via },
	{ "max_stdout", agent_max_stdout },
	{ "max_stderr", agent_max_stderr },
	{ "tool_calls", agent_tool_calls },
};
static const struct flow_key llm_rows[] = {
	{ "providers", llm_providers },
	{ "model", llm_model },
	{ "system", llm_system },
	{ "prompt", llm_prompt },
	{ "max_tokens", llm_max_tokens },
	{ "temperature", llm_temperature },
	{ "schema", llm_schema },
	{ "stream", llm_stream },
};
static const struct flow_key approval_rows[] = {
	{ "ask", approval_ask },
	{ "choices", approval_choices },
	{ "roles", approval_roles },
	{ "timeout", approval_timeout },
	{ "on_timeout", approval_on_timeout },
	{ "retries", approval_retries },
	{ "to", approval_to },
};
static const struct flow_key publish_rows[] = {
	{ "to", publish_to },
	{ "remote", publish_remote },
	{ "branch", publish_branch },
	{ "message", publish_message },
	{ "push", publish_push },
	{ "mode", publish_mode },
	{ "repository", publish_repository },
	{ "base", publish_base },
	{ "title", publish_title },
	{ "body", publish_body },
	{ "draft", publish_draft },
	{ "api", publish_api },
	{ "token_env", publish_token_env },
	{ "token", publish_token },
};
static const struct flow_key patch_rows[] = {
	{ "file", patch_file },
	{ "text", patch_text },
	{ "strip", patch_strip },
	{ "paths", patch_paths },
	{ "max_files", patch_max_files },
	{ "max_lines", patch_max_lines },
	{ "binary", patch_binary },
	{ "modes", patch_modes },
	{ "symlinks", patch_symlinks },
	{ "commit", patch_commit },
	{ "compensate", patch_compensate },
};
static const struct flow_key commit_rows[] = {
	{ "message", commit_message },
	{ "author", commit_author },
};
static const struct flow_key compensate_rows[] = {
	{ "shell", compensate_shell },
	{ "run", compensate_run },
};
static const struct flow_key check_rows[] = {
	{ "level", check_level },
	{ "name", check_name },
	{ "skip", check_skip },
	{ "timeout", check_timeout },
	{ "shell", check_shell },
	{ "parse", check_parse },
	{ "report", check_report },
	{ "files", check_files },
	{ "forbid", check_forbid },
	{ "paths", check_paths },
	{ "secrets", check_secrets },
	{ "run", check_run },
	{ "fixture", check_fixture },
};
static const struct flow_key forbid_rows[] = {
	{ "patterns", forbid_patterns },
	{ "in", forbid_in },
};
static const struct flow_key paths_rows[] = {
	{ "allow", paths_allow },
	{ "deny", paths_deny },
	{ "max_file", paths_max_file },
};
static const struct flow_key fixture_rows[] = {
	{ "run", fixture_run },
	{ "stdin", fixture_stdin },
	{ "exit", fixture_exit },
	{ "contains", fixture_contains },
	{ "matches", fixture_matches },
	{ "json", fixture_json },
	{ "schema", fixture_schema },
	{ "file", fixture_file },
};
static const struct flow_key loop_rows[] = {
	{ "strategy", loop_strategy },
	{ "max", loop_max },
	{ "base", loop_base },
	{ "bonus", loop_bonus },
	{ "threshold", loop_threshold },
	{ "min", loop_min },
	{ "window", loop_window },
	{ "similarity", loop_similarity },
	{ "signals", loop_signals },
	{ "run", loop_run },
};
/* clang-format on */

const struct flow_table flow_workflow_keys = TABLE(workflow_rows, "workflow", N_("a workflow"));
const struct flow_table flow_node_keys = TABLE(node_rows, "node", N_("a node"));
const struct flow_table flow_param_keys = TABLE(param_rows, "param", N_("a parameter"));
const struct flow_table flow_workspace_keys = TABLE(workspace_rows, "workspace", N_("a workspace"));
const struct flow_table flow_retry_keys = TABLE(retry_rows, "retry", N_("retry:"));
const struct flow_table flow_http_keys = TABLE(http_rows, "http", N_("http:"));
const struct flow_table flow_limits_keys = TABLE(limits_rows, "limits", N_("limits:"));
const struct flow_table flow_budget_keys = TABLE(budget_rows, "budget", N_("budget:"));
const struct flow_table flow_provider_keys = TABLE(provider_rows, "provider", N_("a provider"));
const struct flow_table flow_workstream_keys = TABLE(workstream_rows, "workstream", N_("a workstream"));
const struct flow_table flow_agent_keys = TABLE(agent_rows, "agent", N_("agent:"));
const struct flow_table flow_llm_keys = TABLE(llm_rows, "llm", N_("llm:"));
const struct flow_table flow_approval_keys = TABLE(approval_rows, "approval", N_("approval:"));
const struct flow_table flow_publish_keys = TABLE(publish_rows, "publish", N_("publish:"));
const struct flow_table flow_patch_keys = TABLE(patch_rows, "patch", N_("patch:"));
const struct flow_table flow_commit_keys = TABLE(commit_rows, "commit", N_("commit:"));
const struct flow_table flow_compensate_keys = TABLE(compensate_rows, "compensate", N_("compensate:"));
const struct flow_table flow_check_keys = TABLE(check_rows, "check", N_("a check"));
const struct flow_table flow_forbid_keys = TABLE(forbid_rows, "forbid", N_("forbid:"));
const struct flow_table flow_paths_keys = TABLE(paths_rows, "paths", N_("paths:"));
const struct flow_table flow_fixture_keys = TABLE(fixture_rows, "fixture", N_("fixture:"));
const struct flow_table flow_loop_keys = TABLE(loop_rows, "loop", N_("loop:"));

/* clang-format off */
const struct flow_table *const flow_tables[] = {
	&flow_workflow_keys, &flow_node_keys, &flow_param_keys, &flow_workspace_keys,
	&flow_workstream_keys, &flow_retry_keys, &flow_http_keys, &flow_limits_keys,
	&flow_budget_keys, &flow_provider_keys, &flow_agent_keys, &flow_llm_keys,
	&flow_approval_keys, &flow_publish_keys, &flow_patch_keys,
	&flow_commit_keys, &flow_compensate_keys, &flow_check_keys, &flow_forbid_keys,
	&flow_paths_keys, &flow_fixture_keys, &flow_loop_keys, NULL,
};
/* clang-format on */
