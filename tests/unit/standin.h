/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A stand-in for the engine: answers HTTP on a unix socket from a table, and remembers what it was
 * asked. */
#ifndef PAWL_TESTS_STANDIN_H
#define PAWL_TESTS_STANDIN_H

#include "base/base.h"

struct standin_row {
	const char *request; /* how the request begins: "GET /v1/runs" */
	const char *reply; /* JSON text for a 200, or a whole answer that begins with "HTTP/"; NULL:
	                      hang up */
	int uses;          /* how often it serves; 0: always */
	size_t piece;      /* bytes a write; 0: all at once */
	bool close;        /* hang up afterwards */
	bool hold;         /* leave the connection open without an end */
};

struct standin;

/* Serve home/pawl.sock (the folder exists) in a thread until standin_stop(). */
struct standin *standin_start(const char *home, const struct standin_row *rows, size_t n);
/* The same on a free TCP port of this machine. */
struct standin *standin_start_tcp(const struct standin_row *rows, size_t n, int *ret_port);
void standin_stop(struct standin *s);
/* How many requests and connections came until now; the text of request `i` (head and body). */
size_t standin_requests(struct standin *s);
size_t standin_connections(struct standin *s);
const char *standin_request(struct standin *s, size_t i);

/* A fresh folder for a home, and its removal. */
char *standin_home(void);
void standin_home_remove(char *home);

#endif
