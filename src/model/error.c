/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/error.h"

#include <assert.h>

/* clang-format off */
static const struct {
	const char *name, *meaning;
} rows[] = {
	[CLASS_NONE]          = { "none",                N_("nothing failed") },
	[CLASS_EXIT]          = { "exit",                N_("the command ended with an exit code that is not 0") },
	[CLASS_SIGNAL]        = { "signal",              N_("the command was ended by a signal") },
	[CLASS_TIMEOUT]       = { "timeout",             N_("the time allowed for one attempt ran out") },
	[CLASS_SPAWN]         = { "spawn",               N_("the command could not be started") },
	[CLASS_OUTPUT]        = { "output",              N_("outputs are missing, too large or not understood") },
	[CLASS_EXPRESSION]    = { "expression",          N_("a value or condition could not be evaluated") },
	[CLASS_HTTP_STATUS]   = { "http_status",         N_("the server answered with a status that was not expected") },
	[CLASS_CONNECTION]    = { "connection",          N_("there was no connection, or it broke") },
	[CLASS_INTERRUPTED]   = { "interrupted",         N_("the machine or the worker went away while it ran") },
	[CLASS_WORKSPACE]     = { "workspace",           N_("the workspace could not be made or used") },
	[CLASS_CHILD]         = { "child",               N_("the sub-workflow or an instance failed") },
	[CLASS_CANCELED]      = { "canceled",            N_("it was canceled") },
	[CLASS_SYSTEM]        = { "system",              N_("an error of pawl or of the machine") },
	[CLASS_AGENT_CRASH]   = { "agent_crash",         N_("the agent program ended badly and left no result") },
	[CLASS_AGENT_TIMEOUT] = { "agent_timeout",       N_("the agent program was stopped because its time ran out") },
	[CLASS_AGENT_FAILURE] = { "agent_failure",       N_("the agent ended without having done its task") },
	[CLASS_TYPECHECK]     = { "typecheck_failed",    N_("the code does not compile, or its types are wrong") },
	[CLASS_LINT]          = { "lint_failed",         N_("a linter refuses the code") },
	[CLASS_TEST]          = { "test_failed",         N_("tests fail") },
	[CLASS_BLACKBOX]      = { "blackbox_failed",     N_("the program does not do what a fixture says") },
	[CLASS_CI]            = { "ci_failed",           N_("the build server refuses the work") },
	[CLASS_CONTRACT]      = { "contract_failed",     N_("a rule for files, patterns, paths or secrets is broken") },
	[CLASS_VERIFICATION]  = { "verification_failed", N_("a check of the work failed") },
	[CLASS_SNAPSHOT]      = { "snapshot_error",      N_("the files of the workspace could not be kept") },
	[CLASS_PROVIDER]      = { "provider",            N_("no provider of language models gave an answer") },
	[CLASS_BUDGET]        = { "budget",              N_("a limit of time, tokens, cost or space is used up") },
	[CLASS_LOOP]          = { "loop",                N_("the iterations go in circles, or none is left") },
	[CLASS_PUBLISH]       = { "publish",             N_("the work could not be published") },
	[CLASS_APPROVAL]      = { "approval",            N_("a person decided against it, or nobody decided in time") },
	[CLASS_PATCH]         = { "patch",               N_("a patch was refused, does not apply, or could not be committed") },
};
/* clang-format on */
static_assert(COUNT(rows) == CLASS_COUNT, "every class has a row");

const char *error_class_name(enum error_class c)
{
	return rows[c].name;
}

const char *error_class_meaning(enum error_class c)
{
	return rows[c].meaning;
}

enum error_class error_class_from_name(const char *name)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (str_eq(rows[i].name, name))
			return (enum error_class)i;
	return CLASS_COUNT;
}
