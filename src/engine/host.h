/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine in the world: a libuv loop with the worker socket, timers, signals and the turn's end. The API
 * adds its own descriptors to the loop. */
#ifndef PAWL_ENGINE_HOST_H
#define PAWL_ENGINE_HOST_H

#include "engine/engine.h"

#include <uv.h>

struct host;

struct host_options {
	const char *home;
	struct engine_settings settings;
	const char *libexec; /* folder of pawl-worker and pawl-http */
	bool unsafe_network_fs;
};

/* Take the home (lock file), open the store, start the engine. ERR_CONFLICT when another engine has it. */
enum err_code host_new(uv_loop_t *loop, const struct host_options *o, struct host **ret,
		       struct err *err) MUST_CHECK;
struct engine *host_engine(struct host *h);
struct store *host_store(struct host *h);
/* Called after each turn's commit with the number of the newest event. */
void host_on_published(struct host *h, void (*fn)(void *ctx, int64_t seq), void *ctx);
/* Called after the commit of each change of an iteration's row. */
void host_on_iteration(struct host *h, void (*fn)(void *ctx, id_t64 run, int idx, int generation, int iteration), void *ctx);
void host_on_progress(struct host *h, void (*fn)(void *ctx, int64_t token), void *ctx);
/* Why nothing can be stored at present, "" when it can. */
const char *host_storage_trouble(const struct host *h);
/* Leave: steps go on under their workers, or are ended too. The loop ends when all is closed. */
void host_stop(struct host *h, bool kill);
bool host_stopping(const struct host *h);
void host_free(struct host *h);
int64_t host_started_ms(const struct host *h);

#endif
