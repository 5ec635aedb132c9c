/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/error.h"

#include <assert.h>

/* clang-format off */
static const struct {
	const char *name, *meaning;
} rows[] = {
	[CLASS_NONE]        = { "none",        N_("nothing failed") },
	[CLASS_EXIT]        = { "exit",        N_("the command ended with an exit code that is not 0") },
	[CLASS_SIGNAL]      = { "signal",      N_("the command was ended by a signal") },
	[CLASS_TIMEOUT]     = { "timeout",     N_("the time allowed for one attempt ran out") },
	[CLASS_SPAWN]       = { "spawn",       N_("the command could not be started") },
	[CLASS_OUTPUT]      = { "output",      N_("outputs are missing, too large or not understood") },
	[CLASS_EXPRESSION]  = { "expression",  N_("a value or condition could not be evaluated") },
	[CLASS_HTTP_STATUS] = { "http_status", N_("the server answered with a status that was not expected") },
	[CLASS_CONNECTION]  = { "connection",  N_("there was no connection, or it broke") },
	[CLASS_INTERRUPTED] = { "interrupted", N_("the machine or the worker went away while it ran") },
	[CLASS_WORKSPACE]   = { "workspace",   N_("the workspace could not be made or used") },
	[CLASS_CHILD]       = { "child",       N_("the sub-workflow or an instance failed") },
	[CLASS_CANCELED]    = { "canceled",    N_("it was canceled") },
	[CLASS_SYSTEM]      = { "system",      N_("an error of pawl or of the machine") },
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
