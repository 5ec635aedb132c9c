/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the API share: the server and its connections. */
#ifndef PAWL_API_API_INTERNAL_H
#define PAWL_API_API_INTERNAL_H

#include "api/request.h"
#include "api/server.h"
#include "base/map.h"
#include "model/graph.h"
#include "model/loop.h"
#include "store/read.h"

#include <microhttpd.h>

/* A connection waits for a request, reads one, or is busy with one. The first two end in time. */
enum conn_phase { CONN_IDLE, CONN_READING, CONN_BUSY, CONN_PHASES };

struct conn {
	struct api *api;
	int fd;
	bool own; /* the peer is this user or root */
	const char *who; /* its name, as the socket says */
	enum conn_phase phase;
	int64_t deadline_ms; /* boot clock */
	struct conn *next, *previous;
};

struct conn_list {
	struct conn *first, *last; /* by deadline */
};

struct events;  /* stream.c */
struct follows; /* follow.c */
struct files;   /* iteration_files.c */

struct api {
	uv_loop_t *loop;
	struct host *host;
	struct engine *engine;
	struct store *store;
	const struct config *config;
	char *socket_path;
	char *user; /* that it runs as */
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t timer;    /* when the server library wants to be called */
	uv_timer_t deadline; /* of connections */
	struct conn_list conns[CONN_PHASES];
	struct request *requests;
	size_t nrequests;
	uint64_t next_number;
	char start_id[9];    /* makes request ids differ between starts */
	bool turning, again; /* something was resumed: run once more */
	bool stopping, closed;
	bool stop_wanted, stop_kill; /* when the present request is answered */
	int closing;                 /* handles whose close is under way */
	int jobs;                    /* in the thread pool */
	int streams;
	bool importing, collecting; /* one or the other, one at a time */

	struct events *events;
	struct follows *follows;
	struct files *files;
	struct map run_graphs;   /* id → struct run_graph: what a run executes */
	struct map first_errors; /* token → line of the first error + 1 */
	struct read_counts counts;
	int64_t average_wait_ms, average_wait_at_ms;
};

/* ---- server.c ---- */
/* Let the server library work until nothing is left to do now. */
void api_turn(struct api *a);
/* Have api_turn() done in the next round of the loop (or again in this one). */
void api_wake(struct api *a);
/* Leave at the end of the present turn. */
void api_stop_soon(struct api *a, bool kill);

/* ---- conn.c ---- */
void conn_notify(void *cls, struct MHD_Connection *mhd, void **context,
                 enum MHD_ConnectionNotificationCode code);
void conn_phase(struct conn *c, enum conn_phase phase);
void conn_cut_late(uv_timer_t *timer);

/* ---- request.c ---- */
void *request_line(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result request_access(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_len, void **context);
void request_completed(void *cls, struct MHD_Connection *mhd, void **context,
                       enum MHD_RequestTerminationCode why);
/* Answer with a stream; `size` -1: not known. Counts it in streams, and refuses it beyond the
 * limit. Takes `ctx`: `done` is called in any case and gives the place back (streams--). */
enum err_code request_stream(struct request *r, MHD_ContentReaderCallback read, void *ctx,
                             MHD_ContentReaderFreeCallback done, int64_t size,
                             struct err *err) MUST_CHECK;

/* ---- job.c: work in the thread pool ---- */
struct job {
	uv_work_t work;
	struct api *api;
	struct request *request; /* NULL: of nobody's request */
	enum err_code code;
	struct err err;
	locale_t language; /* that of who asked */
	struct str out; /* becomes the request's answer */
	/* In the pool: touches nothing but the job. */
	enum err_code (*run)(struct job *j, struct err *err);
	/* On the loop again; NULL: the request is finished with `out`. Does not free the job. */
	void (*done)(struct job *j);
	void (*free)(struct job *j); /* frees what holds the job, and the job */
};
/* Start; takes the job. With a request, that one waits. */
void job_start(struct api *a, struct job *j);
bool job_canceled(void *job); /* the engine is leaving */

/* ---- show.c: rows as JSON ---- */
struct run_graph {
	struct hash workflow;
	char *sub, *name;
};
/* What a run executes; NULL when there is no such run. */
const struct run_graph *run_graph(struct api *a, id_t64 run);
/* Its graph; NULL when it cannot be had. Valid until the next question. */
const struct graph *graph_of(struct api *a, id_t64 run);
void jw_id(struct jw *w, const char *key, char kind, id_t64 id); /* 0 is null */
void jw_above(struct jw *w, const char *key, int64_t v);         /* below 0 is null */
void jw_node(struct api *a, struct jw *w, const char *key, id_t64 run, int idx); /* its name */
bool node_name(struct api *a, id_t64 run, int idx, struct str *out);
/* Index of a node by its name; ERR_NOT_FOUND with what was probably meant. */
enum err_code node_find(struct api *a, id_t64 run, const char *name, int *ret,
                        struct err *err) MUST_CHECK;

void show_order(struct api *a, struct jw *w, const char *key, const struct order_row *o);
/* The step of a way back that is under way; NULL: none is. */
const char *way_back_step(struct api *a, const struct run_row *r);
void show_run(struct api *a, struct jw *w, const char *key, const struct run_row *r);
/* `row` NULL: it never left pending. `name` and `parent` as in the instance, if it is one (parent
 * -1). */
struct node_shown {
	id_t64 run;
	int idx;
	const struct node_row *row;
	const struct instance_row *instance; /* NULL: a node of the graph */
};
void show_node(struct api *a, struct jw *w, const char *key, const struct node_shown *n);
int node_state_now(struct api *a, id_t64 run, int idx, const struct node_row *row);
void show_iteration(struct api *a, struct jw *w, const char *key, const struct attempt_row *at,
                    int newest);
void show_attempt(struct api *a, struct jw *w, const char *key, const struct attempt_row *at,
                  int newest);
/* All of an iteration, with the files that tell more. */
/* A row that outlives the next question; iteration_copy_done() later, also after a fault. */
enum err_code iteration_copy(struct api *a, id_t64 run, int idx, int generation, int iteration, struct iteration_row *ret);
void iteration_copy_done(struct iteration_row *i);
struct files *iteration_files_new(struct api *a);
void iteration_files_free(struct files *f);
void show_iteration_row(struct api *a, struct jw *w, const struct iteration_row *i);
/* Of a failure: "files", "trail" (what was decided), "diagnostics". */
void show_failure_trail(struct api *a, struct jw *w, id_t64 run, int idx, int generation);
/* "budget": the limits of a node and of its run, and what is used of them. */
void show_budget(struct api *a, struct jw *w, id_t64 run, int idx);
void show_sum(struct jw *w, const char *key, const struct usage_sum *u);
void breaker_answer(struct request *r, const char *name); /* into the request's answer */
enum err_code patch_answer(struct request *r, id_t64 id, struct err *err) MUST_CHECK; /* the same */
void show_approval(struct api *a, struct jw *w, const char *key, const struct approval_row *row);
void show_event(struct api *a, struct jw *w, const char *key, const struct event_row *e);
/* `row` NULL: it is read when it is needed. */
void show_failure(struct api *a, struct jw *w, const char *key, id_t64 run, int idx, int64_t token,
                  const struct node_row *row);
/* "params": what a workflow asks for. */
void show_params(struct jw *w, const struct graph *g);
void show_report(struct jw *w, const char *key, const struct flow_report *report);

/* ---- what the handlers share ---- */
/* Prefix, "last" or whole id to the id. */
enum err_code find_order(struct api *a, const char *text, id_t64 *ret, struct err *err) MUST_CHECK;
enum err_code find_run(struct api *a, const char *text, id_t64 *ret, struct err *err) MUST_CHECK;
/* The states named in ?state=; 0 when there is none. */
enum err_code query_states(const struct request *r, enum entity e, unsigned int *ret,
                           struct err *err) MUST_CHECK;
/* Counts by state, up to date. */
const struct read_counts *counts_now(struct api *a);

/* ---- command.c ---- */
/* Member "checkpoint": a number (written into `number`) or a name. */
enum err_code body_checkpoint(const struct json *body, char *number, size_t size, const char **ret,
			      struct err *err) MUST_CHECK;
/* Give a command to the engine; the answer is what the reply concerns. */
void command_start(struct request *r, struct command *c);

/* ---- edit.c ---- */
/* "params" (or "set"), "env", "outputs" and "definition" of a body; *ret_any: there are some. */
enum err_code read_edit(const struct json *body, bool reset, struct edit_spec *ret, bool *ret_any,
                        struct err *err) MUST_CHECK;
/* What a run executes has changed. */
void forget_run_graph(struct api *a, id_t64 run);

/* ---- compare.c ---- */
/* "A", "I.A" or "G.I.A" as generation, iteration, attempt; -1: the newest. */
enum err_code attempt_numbers(const char *text, int ret[3], struct err *err) MUST_CHECK;

/* ---- raw.c ---- */
/* Answer with bytes of a file, which are read in the thread pool; takes the descriptor. */
enum err_code raw_stream(struct request *r, int fd, int64_t offset, int64_t len,
                         struct err *err) MUST_CHECK;

/* ---- shell.c ---- */
enum err_code show_shell(struct request *r, struct jw *w, id_t64 run, struct err *err) MUST_CHECK;

/* ---- breakpoints.c ---- */
enum err_code show_breakpoints(struct api *a, struct jw *w, const char *key, id_t64 run, struct err *err);

/* ---- errors.c: the first line of a log that looks like an error ---- */
/* Line of an ended attempt's first error: > 0, 0: none or not known. `r` waits for it if it has to
 * be looked for, and its handler is called again then: *ret_wait. */
int64_t first_error(struct api *a, int64_t token);
enum err_code first_error_wait(struct request *r, const struct attempt_row *at, bool *ret_wait,
                               struct err *err) MUST_CHECK;

/* ---- stream.c, follow.c ---- */
struct events *events_new(struct api *a);
void events_free(struct events *e);
void events_published(void *api, int64_t seq);
void events_stop(struct events *e);
struct follows *follows_new(struct api *a);
void follows_free(struct follows *f);
void follows_stop(struct follows *f);
void follows_published(struct follows *f);

/* Members of an order in a submission. */
#define ORDER_FIELDS \
	"workflow workflow_hash file dir params priority max_wait_ms depends_on " \
	"on_dependency_failure hold " \
	"paused until until_failure env submitter breakpoints"

/* ---- handlers, by file; the table is in routes.c ---- */
#define ROUTE(name) enum err_code name(struct request *r, struct err *err)
ROUTE(api_engine);
ROUTE(api_health_live);
ROUTE(api_metrics);
ROUTE(api_health_ready);
ROUTE(api_health);
ROUTE(api_queue_stats);
ROUTE(api_queue_health);
ROUTE(api_workers);
ROUTE(api_fsck);
ROUTE(api_engine_stop);
ROUTE(api_queue_verb);
ROUTE(api_orders);
ROUTE(api_order);
ROUTE(api_order_position);
ROUTE(api_order_verb);
ROUTE(api_submit);
ROUTE(api_batch);
ROUTE(api_validate);
ROUTE(api_workflow);
ROUTE(api_runs);
ROUTE(api_run);
ROUTE(api_run_definition);
ROUTE(api_run_verb);
ROUTE(api_node_verb);
ROUTE(api_breakpoints);
ROUTE(api_why);
ROUTE(api_compare);
ROUTE(api_edit);
ROUTE(api_shell);
ROUTE(api_shell_renew);
ROUTE(api_shell_end);
ROUTE(api_break);
ROUTE(api_unbreak);
ROUTE(api_nodes);
ROUTE(api_node);
ROUTE(api_node_attempts);
ROUTE(api_iterations);
ROUTE(api_partial);
ROUTE(api_checkpoints);
ROUTE(api_preview);
ROUTE(api_diff);
ROUTE(api_fork);
ROUTE(api_gc);
ROUTE(api_approvals);
ROUTE(api_node_iterations);
ROUTE(api_node_report);
ROUTE(api_usage);
ROUTE(api_breakers);
ROUTE(api_breaker);
ROUTE(api_patches);
ROUTE(api_patch);
ROUTE(api_patch_do);
ROUTE(api_decide);
ROUTE(api_events);
ROUTE(api_event_stream);
ROUTE(api_log);
ROUTE(api_log_raw);
ROUTE(api_log_search);
ROUTE(api_log_follow);
ROUTE(api_export);
ROUTE(api_import);

#endif
