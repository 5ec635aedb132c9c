/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of the commands; each is in the file that does it. */
#ifndef PAWL_CLI_COMMANDS_H
#define PAWL_CLI_COMMANDS_H

#include "cli/cli_internal.h"

extern const struct command cmd_submit, cmd_run;   /* submit.c */
extern const struct command cmd_follow;            /* follow_command.c */
extern const struct command cmd_demo;              /* demo.c */
extern const struct command cmd_status;            /* status.c */
extern const struct command cmd_queue;             /* queue.c */
extern const struct command cmd_runs, cmd_workers; /* runs.c */
extern const struct command cmd_show;              /* show.c */
extern const struct command cmd_logs;              /* logs.c */
extern const struct command cmd_events;            /* events.c */
extern const struct command cmd_undo; /* verbs.c */
extern const struct command cmd_pause, cmd_freeze, cmd_resume, cmd_step, cmd_until, cmd_cancel,
    cmd_retry, cmd_resume_from, cmd_rollback, cmd_fork, /* reset.c */
    cmd_ack, cmd_hold, cmd_release, cmd_priority, cmd_front, cmd_back;          /* verbs.c */
extern const struct command cmd_edit;              /* edit.c */
extern const struct command cmd_shell, cmd_exec;   /* shell.c */
extern const struct command cmd_diff;              /* diff.c */
extern const struct command cmd_checkpoints, cmd_changes; /* back.c */
extern const struct command cmd_why;               /* why.c */
extern const struct command cmd_break;             /* breakpoints.c */
extern const struct command cmd_approve, cmd_approvals; /* approve.c */
extern const struct command cmd_iterations, cmd_report;  /* iterations.c */
extern const struct command cmd_usage, cmd_breakers, cmd_breaker; /* usage.c */
extern const struct command cmd_patches;           /* patches.c */
extern const struct command cmd_skip, cmd_mark;    /* decide.c */
extern const struct command cmd_validate, cmd_graph;                            /* files.c */
extern const struct command cmd_engine, cmd_fsck;                               /* engine.c */
extern const struct command cmd_export, cmd_import; /* carry.c */
extern const struct command cmd_gc;                /* gc.c */
extern const struct command cmd_doctor;                                         /* doctor.c */
extern const struct command cmd_console;                                /* console.c */
extern const struct command cmd_help, cmd_version, cmd_exit_codes; /* help.c */
extern const struct command cmd_completion;                                     /* completion.c */

/* --set, --env as members `params` (of that name) and "env" of a body; none when they are not given. edit.c */
enum err_code add_edits(const struct call *call, struct jw *w, const char *params, struct err *err) MUST_CHECK;
/* The lines of a node in $EDITOR; what was made of them is sent. *ret_changed: something was. edit.c */
enum err_code edit_node(struct cli *cli, const char *run, const char *node, const char *reason, bool *ret_changed,
			struct json **ret, struct err *err) MUST_CHECK;

/* NODE[:CONDITION] as the JSON of a breakpoint. breakpoints.c */
enum err_code break_json(struct jw *w, const char *text, struct err *err) MUST_CHECK;

/* RUN NODE or RUN/NODE at the front of the arguments: both encoded for a path, yours. *ret_used says how many arguments
 * they are. decide.c */
enum err_code node_args(const struct call *call, char **ret_run, char **ret_node, size_t *ret_used,
			struct err *err) MUST_CHECK;

#endif
