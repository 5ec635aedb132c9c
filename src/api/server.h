/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTTP server of the engine, on HOME/pawl.sock, driven by the engine's own loop. */
#ifndef PAWL_API_SERVER_H
#define PAWL_API_SERVER_H

#include "api/config.h"
#include "engine/host.h"

struct api;

/* Listen and answer. The home's lock is held by then (host_new()), so a socket at which nobody
 * answers is a left-over and is replaced. Borrows loop, host and config. ERR_CONFLICT when somebody
 * answers there. */
enum err_code api_new(uv_loop_t *loop, struct host *host, const struct config *config,
                      struct api **ret, struct err *err) MUST_CHECK;
/* Accept nothing more, end the streams, remove the socket; what is being answered is answered. */
void api_stop(struct api *a);
/* After the loop ended. NULL is fine. */
void api_free(struct api *a);

#endif
