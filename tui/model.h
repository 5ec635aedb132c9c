/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the console knows: pages read through the API, kept fresh by the event stream. A list is asked for
 * again when an event says that it changed, at most a few times a second; what was read stays until
 * something newer came, and everything knows how old it is. */
#ifndef PAWL_TUI_MODEL_H
#define PAWL_TUI_MODEL_H

#include "base/map.h"
#include "client/client.h"
#include "tui/rows.h"

/* What can be read, and so what can become stale. */
enum topic {
	TOPIC_ENGINE,
	TOPIC_ORDERS,
	TOPIC_RUNS,
	TOPIC_RUNS_MORE,  /* the page after the last row */
	TOPIC_FAILURES,   /* failed runs that nobody acknowledged, newest first */
	TOPIC_ITERATIONS, /* of the selected run */
	TOPIC_NODES,      /* of the selected run */
	TOPIC_BREAKPOINTS, /* of the selected run */
	TOPIC_CHECKPOINTS, /* of the selected run, while their view is open */
	TOPIC_APPROVALS,  /* of all runs */
	TOPIC_BREAKERS,   /* while their view is open */
	TOPIC_EVENTS,     /* only while the events view is open */
	TOPIC_EVENTS_MORE,
	TOPIC_COUNT
};
#define TOPIC_BIT(t) (1U << (t))

struct model;

struct feed {
	struct model *model;
	enum topic topic;
	unsigned int request; /* in flight, 0: none */
	bool stale;
	int64_t asked_us;     /* when the request in flight was sent */
	int64_t sent_us;      /* when the last one was sent */
	int64_t read_at_ms;   /* wall clock of the last answer, 0: never */
	bool failed;          /* the last answer was an error: see `err` */
	struct err err;
};

#define FAILED_HOURS 12
struct engine_info {
	char *version, *home, *state, *reason;
	int64_t pid, started_at_ms, last_seq, new_failures, queue_waiting, queue_held, oldest_wait_ms;
	int64_t steps_running, steps_limit, runs_limit;
	int64_t runs[STATE_COUNT]; /* runs by state */
	int64_t failed[FAILED_HOURS]; /* runs that failed, by hour; the present one last */
	bool tells_hours;
	bool queue_paused;
};

struct model {
	struct client *client;
	struct feed feed[TOPIC_COUNT];
	unsigned int watched; /* topics that are read at all */
	unsigned int changed; /* topics with news since the console looked */
	struct engine_info engine;
	struct rows orders, runs, failures, iterations, nodes, events, breakpoints, checkpoints, approvals, breakers;
	char *run;            /* whose iterations and nodes are wanted; NULL: none */
	char *iterations_of, *nodes_of; /* whose are shown */
	char *runs_state, *runs_text;   /* filters that the engine applies; NULL: none */
	char *way_back;       /* what the last way back of the run came to; NULL: there was none */
	char *events_run;     /* NULL: of everything */
	struct smap stale_runs; /* ids of single runs to read again */
	struct map run_requests; /* in flight: request → itself */
	/* connection */
	unsigned int stream;
	enum stream_state link;
	struct err link_err;
	bool was_up;             /* an engine answered at least once */
	int64_t down_since_ms;   /* wall clock; 0: up */
	int64_t heard_ms;        /* wall clock of the last word from the engine */
	int64_t wall_ms, mono_us; /* now, set by model_turn() */
};

void model_init(struct model *m, struct client *client);
void model_done(struct model *m);
/* Ask for what is stale and due. Returns the microseconds until something will be due, -1: nothing. */
int64_t model_turn(struct model *m, int64_t wall_ms, int64_t mono_us);
void model_stale(struct model *m, unsigned int topics);
/* Read again at once; an answer to an older question is not taken any more. */
void model_ask_anew(struct model *m, enum topic topic);
/* Choose whose iterations and nodes are read; NULL for none. */
void model_select_run(struct model *m, const char *run);
/* Filter the list of runs in the engine; NULL for none. Rows are read anew. */
void model_filter_runs(struct model *m, const char *state, const char *text);
/* Whether a first answer to all of `topics` has come (or an error). */
bool model_has(const struct model *m, unsigned int topics);
/* Whether something is being read, or is to be. */
bool model_busy(const struct model *m);
/* Try to reach the engine at once. */
void model_retry(struct model *m);
static inline bool model_down(const struct model *m)
{
	return m->down_since_ms != 0;
}
struct run_row *model_run(const struct model *m, const char *id);
/* Take a run or order from the answer to a change. */
void model_take_run(struct model *m, const struct json *object);

#endif
