/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands, in the order of the help. */
#include "cli/commands.h"

#include <assert.h>

const struct command *const commands[] = {
	&cmd_submit,   &cmd_run,        &cmd_follow,     &cmd_demo,     &cmd_status,  &cmd_queue,
	&cmd_runs,     &cmd_show,       &cmd_why,        &cmd_diff,       &cmd_checkpoints, &cmd_changes,
	&cmd_logs,       &cmd_events,   &cmd_workers, &cmd_console,
	&cmd_pause,    &cmd_freeze,     &cmd_resume,     &cmd_step,     &cmd_until,   &cmd_cancel,
	&cmd_retry,    &cmd_resume_from, &cmd_rollback, &cmd_fork,
	&cmd_approve,  &cmd_approvals,  &cmd_iterations, &cmd_report, &cmd_usage, &cmd_breakers, &cmd_breaker, &cmd_patches,
	&cmd_skip,     &cmd_mark,       &cmd_break,      &cmd_shell,    &cmd_exec,
	&cmd_edit,     &cmd_undo,
	&cmd_ack,      &cmd_hold,       &cmd_release,    &cmd_priority, &cmd_front,   &cmd_back,
	&cmd_validate, &cmd_graph,      &cmd_engine,     &cmd_fsck, &cmd_gc, &cmd_export, &cmd_import,     &cmd_doctor,  &cmd_help,
	&cmd_version,  &cmd_exit_codes, &cmd_completion, NULL,
};

/* clang-format off */
const struct cli_option global_options[] = {
	{ "home",     0,   N_("DIR"), N_("the engine's folder (default: $PAWL_HOME, or ~/.local/state/pawl)"), .words = "FILE" },
	{ "url",      0,   N_("URL"), N_("an engine elsewhere, with the token in $PAWL_TOKEN (default: $PAWL_URL)") },
	{ "json",     0,   NULL,      N_("print JSON; errors, too, on standard error") },
	{ "no-color", 0,   NULL,      N_("no colours; they are off under NO_COLOR and away from a terminal anyway") },
	{ "quiet",    'q', NULL,      N_("only what was asked for: no notes") },
	{ "help",     'h', NULL,      N_("help with examples") },
	{ "version",  0,   NULL,      N_("print the version") },
	{ NULL },
};

static const char *const titles[] = {
	[GROUP_RUN]    = N_("Run workflows"),
	[GROUP_LOOK]   = N_("Look"),
	[GROUP_VERB]   = N_("Steer runs and orders"),
	[GROUP_FILE]   = N_("Workflow files"),
	[GROUP_ENGINE] = N_("The engine"),
	[GROUP_OTHER]  = N_("Help"),
};
/* clang-format on */
static_assert(COUNT(titles) == GROUP_COUNT, "every group has a title");

const char *command_group_title(enum command_group g)
{
	return titles[g];
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (str_eq(commands[i]->name, name) ||
		    (commands[i]->alias && str_eq(commands[i]->alias, name)))
			return commands[i];
	return NULL;
}
