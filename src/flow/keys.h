/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The handlers of the rows in kinds.c. Each gets the value that the key has, and the thing that the
 * table is about: the graph is l->g, `target` a struct graph_param, graph_workspace, graph_stream,
 * graph_provider, retry_policy, graph_limits, graph_budget, graph_loop, check_load (and graph_check
 * within forbid, paths and fixture), and for all else a struct node_load. */
#ifndef PAWL_FLOW_KEYS_H
#define PAWL_FLOW_KEYS_H

#include "flow/load.h"

#define KEY(name) void name(struct load *l UNUSED, const struct tree *v, void *target UNUSED)

/* load.c */
KEY(workflow_name);
KEY(workflow_description);
KEY(workflow_params);
KEY(workflow_env);
KEY(workflow_pass_env);
KEY(workflow_concurrency);
KEY(workflow_resources);
KEY(workflow_defaults);
KEY(workflow_nodes);
KEY(workflow_on_success);
KEY(workflow_on_failure);
KEY(workflow_on_cancel);
KEY(workflow_on_exit);
KEY(workflow_health);

/* space.c */
KEY(workflow_workspace);
KEY(workflow_workstreams);
KEY(workflow_snapshot);
KEY(workspace_folder);
KEY(workspace_repo);
KEY(workspace_base);
KEY(workspace_shared);
KEY(workspace_include_ignored);
KEY(workstream_workspace);
KEY(node_workstream);
KEY(node_checkpoint);

/* node.c */
KEY(node_description);
KEY(node_needs);
KEY(node_when);
KEY(node_critical);
KEY(node_allow_skipped);
KEY(node_env);
KEY(node_cwd);
KEY(node_shell);
KEY(node_run);
KEY(node_timeout);
KEY(node_grace);
KEY(node_retry);
KEY(node_on_crash);
KEY(node_resources);
KEY(node_limits);
KEY(node_outputs);
KEY(limits_memory);
KEY(limits_cpu);
KEY(limits_file);
KEY(limits_output);
KEY(limits_open_files);
KEY(limits_processes);

/* group.c */
KEY(node_matrix);
KEY(node_foreach);
KEY(node_max_parallel);
KEY(node_fail_fast);

/* sub.c */
KEY(node_workflow);
KEY(node_params);

/* http.c */
KEY(node_http);
KEY(http_url);
KEY(http_method);
KEY(http_headers);
KEY(http_body);
KEY(http_expect);
KEY(http_outputs);
KEY(http_follow_redirects);

/* agent.c */
KEY(node_agent);
KEY(agent_command);
KEY(agent_adapter);
KEY(agent_prompt);
KEY(agent_prompt_via);
KEY(agent_max_stdout);
KEY(agent_max_stderr);
KEY(agent_tool_calls);

/* llm.c */
KEY(workflow_providers);
KEY(provider_type);
KEY(provider_url);
KEY(provider_model);
KEY(provider_key_env);
KEY(provider_key);
KEY(provider_timeout);
KEY(provider_max_tokens);
KEY(provider_retry);
KEY(provider_headers);
KEY(node_llm);
KEY(llm_providers);
KEY(llm_model);
KEY(llm_system);
KEY(llm_prompt);
KEY(llm_max_tokens);
KEY(llm_temperature);
KEY(llm_schema);
KEY(llm_stream);

/* approval.c */
KEY(node_approval);
KEY(approval_ask);
KEY(approval_choices);
KEY(approval_roles);
KEY(approval_timeout);
KEY(approval_on_timeout);
KEY(approval_retries);
KEY(approval_to);
/* publish.c */
KEY(node_publish);
KEY(publish_to);
KEY(publish_remote);
KEY(publish_branch);
KEY(publish_message);
KEY(publish_push);
KEY(publish_mode);
KEY(publish_repository);
KEY(publish_base);
KEY(publish_title);
KEY(publish_body);
KEY(publish_draft);
KEY(publish_api);
KEY(publish_token_env);
KEY(publish_token);

/* patch.c */
KEY(node_patch);
KEY(patch_file);
KEY(patch_text);
KEY(patch_strip);
KEY(patch_paths);
KEY(patch_max_files);
KEY(patch_max_lines);
KEY(patch_binary);
KEY(patch_modes);
KEY(patch_symlinks);
KEY(patch_commit);
KEY(patch_compensate);
KEY(commit_message);
KEY(commit_author);
KEY(compensate_shell);
KEY(compensate_run);

/* verify.c */
KEY(node_verify);
KEY(node_verify_skip);
KEY(check_level);
KEY(check_name);
KEY(check_skip);
KEY(check_timeout);
KEY(check_shell);
KEY(check_parse);
KEY(check_report);
KEY(check_files);
KEY(check_forbid);
KEY(check_paths);
KEY(check_secrets);
KEY(check_run);
KEY(check_fixture);
KEY(forbid_patterns);
KEY(forbid_in);
KEY(paths_allow);
KEY(paths_deny);
KEY(paths_max_file);
KEY(fixture_run);
KEY(fixture_stdin);
KEY(fixture_exit);
KEY(fixture_contains);
KEY(fixture_matches);
KEY(fixture_json);
KEY(fixture_schema);
KEY(fixture_file);

/* loop.c */
KEY(node_loop);
KEY(loop_strategy);
KEY(loop_max);
KEY(loop_base);
KEY(loop_bonus);
KEY(loop_threshold);
KEY(loop_min);
KEY(loop_window);
KEY(loop_similarity);
KEY(loop_signals);
KEY(loop_run);
KEY(workflow_budget);
KEY(node_budget);
KEY(budget_wall);
KEY(budget_iteration);
KEY(budget_tokens);
KEY(budget_tokens_per_iteration);
KEY(budget_cost);
KEY(budget_iterations);
KEY(budget_disk);
KEY(budget_memory);

/* retry.c */
KEY(retry_max_attempts);
KEY(retry_initial);
KEY(retry_factor);
KEY(retry_max);
KEY(retry_jitter);
KEY(retry_on);

/* param.c */
KEY(param_type);
KEY(param_enum);
KEY(param_required);
KEY(param_secret);
KEY(param_pattern);
KEY(param_help);
KEY(param_default);

#endif
