/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Classes of failure of an attempt. The class decides what a retry policy does with it and is what
 * people filter by. */
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
	CLASS_COUNT
};

const char *error_class_name(enum error_class c);    /* "timeout"; never translated */
const char *error_class_meaning(enum error_class c); /* one sentence; translate on use */
enum error_class error_class_from_name(const char *name); /* CLASS_COUNT when unknown */

#endif
