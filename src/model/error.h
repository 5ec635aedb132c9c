/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Classes of failure of an attempt. The class decides what a retry policy does with it and is what
 * people filter by. Their numbers are in databases and in messages of workers: new ones come last. */
#ifndef PAWL_MODEL_ERROR_H
#define PAWL_MODEL_ERROR_H

#include "base/base.h"

enum error_class {
	CLASS_NONE,
	CLASS_EXIT,        /* ended with a code that is not 0 */
	CLASS_SIGNAL,      /* ended by a signal */
	CLASS_TIMEOUT,     /* its time ran out */
	CLASS_SPAWN,       /* could not be started: no such program, no permission, no such folder */
	CLASS_OUTPUT,      /* its outputs are missing, too large or not understood */
	CLASS_EXPRESSION,  /* a value or condition could not be evaluated */
	CLASS_HTTP_STATUS, /* the server answered with a status that was not expected */
	CLASS_CONNECTION,  /* no connection, or it broke */
	CLASS_INTERRUPTED, /* the machine or the worker went away under it */
	CLASS_WORKSPACE,   /* the workspace could not be made or used */
	CLASS_CHILD,       /* the sub-workflow or an instance failed */
	CLASS_CANCELED,
	CLASS_SYSTEM,      /* an error of pawl or its surroundings */
	CLASS_AGENT_CRASH,   /* the agent program ended badly, without a result that is understood */
	CLASS_AGENT_TIMEOUT, /* the agent program was stopped, since its time ran out */
	CLASS_AGENT_FAILURE, /* the agent says itself that it did not do its task */
	CLASS_TYPECHECK,     /* a check found code that does not compile, or wrong types */
	CLASS_LINT,          /* a check found what a linter refuses */
	CLASS_TEST,          /* tests of the project fail */
	CLASS_BLACKBOX,      /* the program does not do what a fixture says */
	CLASS_CI,            /* the build server says no */
	CLASS_CONTRACT,      /* level L0: files, patterns, paths, secrets */
	CLASS_VERIFICATION,  /* another check failed */
	CLASS_SNAPSHOT,      /* the files of the workspace could not be kept */
	CLASS_PROVIDER,      /* no provider of language models answered */
	CLASS_BUDGET,        /* a limit of time, tokens, cost or space is used up */
	CLASS_LOOP,          /* iterations go in circles, or there are no more */
	CLASS_PUBLISH,       /* the work could not be handed on: branch, commit, push */
	CLASS_APPROVAL,      /* a person decided against it, or nobody decided in time */
	CLASS_PATCH,         /* a patch was refused, does not apply, or could not be committed */
	CLASS_COUNT
};

const char *error_class_name(enum error_class c);    /* "timeout"; never translated */
const char *error_class_meaning(enum error_class c); /* one sentence; translate on use */
enum error_class error_class_from_name(const char *name); /* CLASS_COUNT when unknown */

#endif
