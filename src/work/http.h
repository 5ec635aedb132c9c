/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What pawl-http's exit status means; the program and the executor share it. */
#ifndef PAWL_WORK_HTTP_H
#define PAWL_WORK_HTTP_H

#include "model/error.h"

enum http_exit {
	HTTP_EXIT_OK = 0,
	HTTP_EXIT_USAGE = 2,       /* the request itself is wrong */
	HTTP_EXIT_CONNECTION = 7,  /* no connection, or it broke */
	HTTP_EXIT_STATUS = 22,     /* a status that was not expected */
	HTTP_EXIT_OUTPUT = 23,     /* an output could not be taken from the answer */
	HTTP_EXIT_TIMEOUT = 28,
	HTTP_EXIT_TOO_LARGE = 63,  /* the answer is larger than the limit */
};

/* The class of failure that an exit status stands for; CLASS_NONE when it stands for none. */
static inline enum error_class http_exit_class(int status)
{
	switch (status) {
	case HTTP_EXIT_CONNECTION:
		return CLASS_CONNECTION;
	case HTTP_EXIT_STATUS:
		return CLASS_HTTP_STATUS;
	case HTTP_EXIT_OUTPUT:
	case HTTP_EXIT_TOO_LARGE:
		return CLASS_OUTPUT;
	case HTTP_EXIT_TIMEOUT:
		return CLASS_TIMEOUT;
	default:
		return CLASS_NONE;
	}
}

#endif
