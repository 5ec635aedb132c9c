/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands share: their rows, the parsed call, the connection, and how things are printed.
 * A command is one file with its row `cmd_…`; table.c lists the rows; help, completions and the
 * manual's tables come from them. */
#ifndef PAWL_CLI_INTERNAL_H
#define PAWL_CLI_INTERNAL_H

#include "cli/cli.h"

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "client/client.h"

#include <stdio.h>

/* ---- rows ---- */

struct cli_option {
	const char *name;  /* without the dashes */
	char letter;       /* 0: none */
	const char *value; /* what it takes, for help ("N"); NULL: nothing */
	const char *help;
	bool many;         /* may be given several times */
	const char *words; /* its values for completion, separated by blanks; "FILE" and "ID" are
	                      known kinds */
};

struct cli_example {
	const char *command;
	const char *help;
};

enum command_group {
	GROUP_RUN,
	GROUP_LOOK,
	GROUP_VERB,
	GROUP_FILE,
	GROUP_ENGINE,
	GROUP_OTHER,
	GROUP_COUNT
};

struct call;

struct command {
	const char *name;
	const char *alias; /* a second name, NULL if none */
	enum command_group group;
	const char *arguments; /* "RUN[/NODE]"; "" if none */
	const char *words; /* the arguments for completion, as in options; NULL: nothing known */
	int min, max;      /* how many; max -1: any number */
	const char *help;  /* one line, no full stop */
	const char *about; /* the long help, whole sentences */
	const struct cli_option *options;   /* up to one without name; NULL: none */
	const struct cli_example *examples; /* up to one without command; at least one */
	enum err_code (*run)(struct call *call, struct err *err);
};

/* All of them, in the order of the help; NULL-terminated. */
extern const struct command *const commands[];
extern const struct cli_option global_options[];
const char *command_group_title(enum command_group g); /* translate on use */
const struct command *command_find(const char *name);  /* by name or alias */

/* ---- the call ---- */

enum style { STYLE_NONE, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_GREEN, STYLE_YELLOW, STYLE_CYAN };

struct cli {
	const char *home_option, *url, *token; /* borrowed */
	char *home;                            /* checked; NULL until needed */
	bool json, quiet;
	bool tty_in, tty_out, tty_err; /* is a terminal that can move its cursor */
	bool any_tty_out;              /* is a terminal of any kind */
	bool colour, utf8;
	size_t columns, rows;
	struct client *client;
	int status; /* exit status if it does not follow from the error; -1 */
};

struct given {
	const struct cli_option *option;
	const char *value;
};

struct call {
	struct cli *cli;
	const struct command *command;
	char **args; /* the arguments that are not options */
	size_t nargs;
	struct given *given;
	size_t ngiven;
};

/* args.c: split argv[1..) into a call. `call->command` is NULL when there is none. */
enum err_code call_parse(struct call *call, int argc, char **argv, struct err *err) MUST_CHECK;
void call_done(struct call *call);
bool call_has(const struct call *call, const char *option);
const char *call_value(const struct call *call,
                       const char *option); /* the last one, NULL if none */
/* The values of an option that may be repeated: const char *v; size_t at = 0; while ((v =
 * call_next(…)) …) */
const char *call_next(const struct call *call, const char *option, size_t *at);
enum err_code call_int(const struct call *call, const char *option, int64_t min, int64_t max,
                       int64_t *value,
                       struct err *err) MUST_CHECK; /* *value stays when it is not given */
/* "90s", "10m"; "14:07", "2h" ago, "2026-11-21". */
enum err_code call_duration(const struct call *call, const char *option, int64_t *value_ms,
                            struct err *err) MUST_CHECK;
enum err_code call_time(const struct call *call, const char *option, int64_t *value_ms,
                        struct err *err) MUST_CHECK;

/* ---- connection.c ---- */

enum err_code cli_home(struct cli *cli, bool create, struct err *err) MUST_CHECK;
/* Connect unless that was done. `start`: an engine that does not run is started. */
enum err_code cli_connect(struct cli *cli, bool start, struct err *err) MUST_CHECK;
/* GET and POST with an engine that is started on demand. */
enum err_code cli_get(struct cli *cli, const char *path, struct json **ret,
                      struct err *err) MUST_CHECK;
enum err_code cli_post(struct cli *cli, const char *path, const char *body, struct json **ret,
                       struct err *err) MUST_CHECK;
/* A program of the installation ("pawl-flow"): beside this one, then in the installation. *ret is
 * yours. */
enum err_code cli_program(const char *name, char **ret, struct err *err) MUST_CHECK;
/* Become it. Returns only on failure. */
enum err_code cli_exec(const char *path, const char *const *argv, struct err *err) MUST_CHECK;
/* Run it and wait for its end. */
enum err_code cli_wait(const char *path, const char *const *argv, int *ret_status, struct err *err) MUST_CHECK;
/* A folder of shipped files ("examples"); NULL when there is none. */
char *cli_data_folder(const char *name);

/* All pages of a list, at most `max` items: calls `fn` for each. With --json the items are
 * collected into one list object and printed instead. `path` has its own query or none. */
typedef enum err_code (*cli_item_fn)(void *ctx, const struct json *item, struct err *err);
enum err_code cli_list(struct cli *cli, const char *path, int64_t max, cli_item_fn fn, void *ctx,
                       int64_t *ret_total, struct err *err) MUST_CHECK;

/* Several lists one after the other as one. */
enum err_code cli_lists(struct cli *cli, const char *const *paths, size_t n, int64_t max, cli_item_fn fn, void *ctx,
			int64_t *ret_total, struct err *err) MUST_CHECK;

/* ---- target.c: what an id on the command line means ---- */

enum target_kind {
	TARGET_ANY,
	TARGET_ORDER,
	TARGET_RUN,
	TARGET_NODE,
	TARGET_ATTEMPT,
	TARGET_EVENT,
	TARGET_WORKFLOW
};

struct target {
	enum target_kind kind;
	char *id;   /* order, run or hash as given; encoded for a path */
	char *node; /* encoded for a path; TARGET_NODE and TARGET_ATTEMPT */
	int64_t seq;
	int64_t generation, iteration, attempt; /* 0: the newest */
};
/* Read "r-…", "o-…", "last", a prefix, RUN/NODE, RUN/NODE.ATTEMPT, "#EVENT" or a workflow's hash.
 */
enum err_code target_parse(const char *text, struct target *ret, struct err *err) MUST_CHECK;
/* ERR_NOT_FOUND, of an id that may be either. */
enum err_code no_such(const char *id, struct err *err);
void target_done(struct target *t);
/* RUN/NODE.3 may be a node of that name or an attempt of RUN/NODE: ask the engine. */
enum err_code target_settle(struct cli *cli, struct target *t, struct err *err) MUST_CHECK;
/* The run that an id of either kind means: an order's run. *ret_run (the run's object) is yours. */
enum err_code target_run(struct cli *cli, const char *id, struct json **ret_run,
                         struct err *err) MUST_CHECK;

/* ---- out.c ---- */

const char *style_on(const struct cli *cli,
                     enum style s); /* the escape sequence, "" without colour */
const char *style_off(const struct cli *cli);
enum style state_style(const char *state);
const char *mark(const struct cli *cli,
                 const char *state);            /* one column: ✓ ✗ … or an ASCII letter */
void add_safe(struct str *s, const char *text); /* text from outside, one line */
void out_safe(const char *text);                /* … to stdout */
void out_json(const struct json *v);            /* a line */
void out_text(const struct str *s);
void note_line(const struct cli *cli, const char *fmt, ...)
    PRINTF_LIKE(2, 3); /* to stderr, not with -q */
void leave_line(const struct cli *cli); /* after the ^C that a terminal shows */
void error_print(const struct cli *cli, const struct err *err, const struct json *body);
/* Appends: "2m11s", "14:07:31", "3/12". */
void add_time(struct str *s, const struct json *object, const char *key);
void add_duration(struct str *s, const struct json *object, const char *key);
void add_progress(struct str *s, const struct json *run);
/* "label   value" with a common width; text from outside. Nothing when value is "". */
void out_field(const struct cli *cli, const char *label, const char *value);
void out_field_time(const struct cli *cli, const char *label, const struct json *object,
                    const char *key);

/* Rows whose columns are as wide as their widest cell. */
struct grid {
	size_t ncolumns;
	struct grid_cell {
		char *text;
		enum style style;
		bool right;
	} * cells;
	size_t n, cap;
};
void grid_begin(struct grid *g, size_t ncolumns);
void grid_head(struct grid *g,
               const char *title); /* one a column; "" for none; a leading '>' aligns right */
void grid_add(struct grid *g, enum style style, const char *text); /* from outside; made safe */
void grid_print(const struct cli *cli,
                const struct grid *g); /* the last column is cut to the terminal */
void grid_done(struct grid *g);

/* ---- pieces that several commands use ---- */

/* card.c: why a run failed, on one screen. */
void card_print(struct cli *cli, const struct json *run, FILE *to);

/* submit.c: the body of POST /v1/orders from FILE and the options. */
enum err_code submit_body(const struct call *call, const char *file, struct str *body,
                          struct err *err) MUST_CHECK;

/* follow.c: watch orders until they end. */
struct followed {
	char *order; /* id */
	char *run;   /* id, NULL until it has one */
	char *title; /* what it is, for people */
	bool ended;
	bool stopped;      /* not ended, but paused: nothing more comes by itself */
	struct json *last; /* its run (or order) object as last read */
	/* private to follow.c */
	unsigned int request;
	bool dirty, heard_end;
	int64_t asked_us, ended_us;
	struct smap *started;
	int64_t shown_tenth;
};
struct follow_options {
	int64_t after_seq; /* events after it */
	bool leave_when_paused;
	bool asks;  /* Ctrl-C asks what to do; otherwise it leaves */
	bool lines; /* a line for each change even on a terminal */
};
enum follow_end { FOLLOW_ALL_ENDED, FOLLOW_DETACHED };
enum err_code follow(struct cli *cli, struct followed *v, size_t n, const struct follow_options *o,
                     enum follow_end *ret, struct err *err) MUST_CHECK;
void followed_done(struct followed *f);
/* What the end of a run means for the exit status: prints the summary or the card. */
enum err_code followed_report(struct cli *cli, const struct followed *f,
                              struct err *err) MUST_CHECK;

/* help.c */
void help_command(const struct cli *cli, const struct command *c, FILE *to);
void help_overview(const struct cli *cli, FILE *to);
void help_usage(struct str *s, const struct command *c); /* "pawl runs [OPTIONS] [TEXT]" */

/* Signals of a command that watches: a descriptor that becomes readable, and what came. */
int signals_open(void);
int signals_take(int fd); /* the next one, 0 if there is none */
void signals_close(int fd);

#endif
