/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The handlers of the rows in kinds.c. Each gets the value that the key has, and the thing that the
 * table is about: the graph is l->g, `target` a struct node_load, graph_param, retry_policy, node_load
 * (http) or graph_limits. */
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
KEY(workflow_workspace);
KEY(workflow_snapshot);
KEY(workflow_defaults);
KEY(workflow_nodes);
KEY(workflow_on_success);
KEY(workflow_on_failure);
KEY(workflow_on_cancel);
KEY(workflow_on_exit);
KEY(workspace_folder);
KEY(workspace_shared);

/* node.c */
KEY(node_description);
KEY(node_needs);
KEY(node_when);
KEY(node_critical);
KEY(node_allow_skipped);
KEY(node_workstream);
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
