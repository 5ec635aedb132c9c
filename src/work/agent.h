/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of pawl-agent, shared by its files and their tests:
 *
 *   agent_main.c    the agent's process: prompt in, output out, signals, the files beside the log
 *   agent_spec.c    what to do, from stdin
 *   agent_stream.c  from bytes to lines to the adapter's row
 *   agent_claude.c  agent_codex.c   one adapter each: what a line means
 *   agent_record.c  what is known so far: tokens, tool calls, texts, and the transcript
 *   agent_usage.c   what it used and what that cost, as JSON
 *   agent_report.c  class and message, the kept result and the report, as JSON
 *
 * The spec, one JSON object on stdin (+ must be there):
 *
 *   adapter     +  "claude" | "codex" | "text"
 *   argv        +  list: the program and its words; the program is looked up in PATH
 *   program        what the program is called in messages and for its breaker; default: the name of argv[0]
 *   prompt         text; prompt_via "stdin" (default), "argument" (appended to argv), "file" (its path is in
 *                  PAWL_PROMPT_FILE; the file lives as long as the agent)
 *   max_stdout, max_stderr   bytes of each kept in the result; default 1 MiB
 *   max_stream     bytes of raw lines kept; default 64 MiB
 *   tool_calls     whether the result keeps them; default true
 *   secrets        list of values to mask in everything that is written
 *   result, stream, prompt_file   paths of the files to write; each may be missing
 *   prices         path of the price table; may be missing
 *
 * Environment and folder are the caller's. The agent gets a PAWL_OUTPUT of its own: what it writes there
 * (name=value) is added to the outputs.
 *
 * What is written:
 *
 *   stdout         the transcript, a line a line of message, each with what it is in front: see enum agent_mark.
 *                  Of the adapter text: the agent's own stdout, unchanged
 *   stderr         the agent's own stderr, unchanged
 *   stream         the raw lines of stdout as they came, masked (JSON Lines for claude and codex)
 *   prompt_file    the prompt, masked
 *   result         one JSON object, agent_add_result(); now and then while the agent runs, and at its end
 *   $PAWL_OUTPUT   one JSON object, agent_add_output(); now and then, and at the end
 *
 * Exit status: 0 when the agent succeeded, else the agent's own, or 1 if that is 0. */
#ifndef PAWL_WORK_AGENT_H
#define PAWL_WORK_AGENT_H

#include "base/json.h"
#include "journal/redact.h"
#include "model/error.h"
#include "model/graph.h"

#define AGENT_SPEC_MAX (4 * MIB)
#define AGENT_LINE_MAX (8 * MIB)        /* longer lines are passed over, up to their end */
#define AGENT_FINAL_MAX (32 * KIB)      /* of the final text in the report */
#define AGENT_STRUCTURED_MAX (64 * KIB) /* of structured output in the report */
#define AGENT_MODELS_MAX 50             /* rows of usage */
#define AGENT_TOOLS_MAX 2000            /* tool calls kept */
#define AGENT_TOOL_TEXT_MAX (64 * KIB)  /* of the input and the output of each */
#define AGENT_TOOLS_BYTES_MAX (8 * MIB) /* of all of them */

/* ---- the spec ---- */

struct agent_spec {
	struct json *document; /* owns the texts */
	enum agent_adapter adapter;
	enum prompt_via prompt_via;
	const char **argv; /* NULL-terminated, with room for one more */
	size_t nargv;
	const char *program, *prompt, *result, *stream, *prompt_file, *prices;
	int64_t max_stdout, max_stderr, max_stream;
	bool tool_calls;
	const struct json *secrets;
};

enum err_code agent_spec_parse(const char *text, size_t len, struct agent_spec *ret, struct err *err) MUST_CHECK;
void agent_spec_done(struct agent_spec *spec);

/* ---- what is known of an agent's work ---- */

#define UNKNOWN (-1) /* a count that nobody told; null in JSON, never 0 */

/* `input` is what was neither read from nor written to a cache; the four are apart from each other. */
struct agent_tokens {
	int64_t input, output, cache_read, cache_write;
};
#define NO_TOKENS ((struct agent_tokens){ UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN })

/* Tokens by the message that used them (while it runs), or by model (as the program sums up). */
struct agent_use {
	char *id, *model; /* model may be NULL */
	struct agent_tokens tokens;
	int64_t cost_micro_usd; /* UNKNOWN */
};

struct agent_uses {
	struct agent_use *v;
	size_t n, cap;
};

struct agent_tool {
	char *id, *name;
	struct str input, output; /* JSON text; text. Cut at AGENT_TOOL_TEXT_MAX */
	int64_t output_len;       /* before the cut */
	int64_t began_us;
	int64_t duration_ms; /* UNKNOWN until it ended */
	bool failed, ended;
};

struct agent_other { /* events whose type nobody knows */
	char *type;
	int64_t n;
};

struct agent_adapter_row;

struct agent {
	const struct agent_adapter_row *row;
	int64_t now_us; /* given with the last bytes */
	struct str log; /* transcript not yet taken by the caller, whole lines */
	/* lines */
	struct str line;      /* the present one, without its end */
	bool skipping;        /* it is too long */
	int64_t skipped;      /* bytes of it */
	int64_t lines, unparsed, too_long, cut;
	/* what came of it */
	char *session_id, *model; /* NULL: unknown */
	bool result_seen; /* the program said how it ended … */
	bool success;     /* … and that it did well */
	bool api_failed;  /* … or that the service behind it did not answer */
	char *subtype;    /* of the result: "error_max_turns" */
	struct str problem; /* a sentence of the program about its failure */
	struct str final_text, structured;
	bool final_is_result; /* said by the result, not just the last message */
	int64_t turns, api_ms, cost_micro_usd; /* as the program says; UNKNOWN */
	int64_t priced_micro_usd; /* by the price table, when the program does not say; UNKNOWN */
	int64_t messages, retries, denials;
	struct agent_uses by_message, by_model;
	struct agent_tokens summed; /* the program's own sum without models */
	struct agent_tool *tools;
	size_t ntools, captools, tool_bytes;
	int64_t tools_seen, tools_failed; /* those that are not kept, too */
	struct agent_other *others;
	size_t nothers, capothers;
	struct str warnings; /* each with its NUL */
	size_t nwarnings;
};

struct agent_adapter_row {
	enum agent_adapter adapter;
	const char *provider; /* of its model, for prices; NULL: none */
	bool structured;      /* lines are JSON, and a result is to come */
	void (*take)(struct agent *a, const struct json *event);
};
extern const struct agent_adapter_row agent_claude, agent_codex, agent_text;
const struct agent_adapter_row *agent_adapter_for(enum agent_adapter adapter);

void agent_init(struct agent *a, enum agent_adapter adapter);
void agent_done(struct agent *a);
/* Bytes of the agent's stdout, cut anywhere. */
void agent_feed(struct agent *a, const char *bytes, size_t len, int64_t now_us);
/* The end of its stdout: what is left of a line is taken if it is whole, and else kept as raw. */
void agent_feed_end(struct agent *a, int64_t now_us);

/* Escape sequences and control characters out of a line; `line` may be the text of `ret` only if empty. */
void agent_strip(const char *line, size_t len, struct str *ret);

/* ---- for the adapters ---- */

/* What a line of the transcript is. Its name and "> " begin the line; tool results are "tool<". */
enum agent_mark {
	MARK_AGENT,    /* agent> text of the agent */
	MARK_THINK,    /* think> */
	MARK_TOOL,     /* tool> Bash make -j2 */
	MARK_TOOL_END, /* tool< Bash: 12 lines, 0.4 s */
	MARK_NOTE,     /* note> session, plans, the end */
	MARK_RETRY,    /* retry> attempt 1 of 10 in 2 s: 529 overloaded */
	MARK_ERROR,    /* error> */
	MARK_USAGE,    /* usage> 12.3k in, 840 out, $0.0123 */
	MARK_OTHER,    /* other> type of an event that nobody knows */
	MARK_RAW,      /* raw> a line that is no event */
	MARK_COUNT
};
const char *agent_mark_text(enum agent_mark m); /* "agent> " */

/* A text of any number of lines into the transcript. */
void agent_say(struct agent *a, enum agent_mark mark, const char *text, size_t len);
void agent_sayf(struct agent *a, enum agent_mark mark, const char *fmt, ...) PRINTF_LIKE(3, 4);
void agent_warn(struct agent *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
void agent_set(char **p, const char *text); /* replace, unless `text` is NULL or empty */
void agent_other(struct agent *a, const char *type);

void agent_tool_begin(struct agent *a, const char *id, const char *name, const struct json *input);
void agent_tool_end(struct agent *a, const char *id, const char *output, size_t len, bool failed);
bool agent_tool_open(const struct agent *a, const char *id);

struct agent_use *agent_use_of(struct agent_uses *uses, const char *id);
/* A count of a JSON object: UNKNOWN when it is missing, null or no whole number ≥ 0. */
int64_t agent_count(const struct json *v, const char *key);
int64_t agent_micro_usd(const struct json *v, const char *key);
void agent_tokens_max(struct agent_tokens *t, const struct agent_tokens *other); /* each the larger one */
void agent_tokens_add(struct agent_tokens *t, const struct agent_tokens *other);
int64_t agent_tokens_sum(const struct agent_tokens *t); /* UNKNOWN when none is known */
/* All of the tokens so far, and what they cost: as the program says, else by the price table once it was asked. */
struct agent_tokens agent_total(const struct agent *a, int64_t *ret_cost_micro_usd);
/* "12.3k in (10k cached), 840 out, 3 turns, $0.0123"; nothing when nothing is known. */
void agent_add_usage(const struct agent *a, struct str *s);

/* ---- results ---- */

/* Bytes of one stream as the result keeps them: masked, the head up to `max`. */
struct agent_kept {
	struct redactor *redactor; /* owned */
	struct str bytes;          /* may be more than `max`: cut when it is written */
	struct str tail;           /* the last ones, not masked yet */
	int64_t size, max;         /* size: of all that came */
};
void agent_keep(struct agent_kept *k, const char *bytes, size_t len);
/* The last 50 lines, but no more than `max` bytes of whole lines, masked. */
void agent_tail(const struct agent_kept *k, const struct redact_set *secrets, size_t max, struct str *ret);
void agent_kept_done(struct agent_kept *k);

struct agent_end {
	bool ended;       /* false: a result written while it runs */
	int exit_code;    /* 128 + n for a signal */
	int signal;       /* that ended it; 0 */
	int stopped;      /* the signal by which pawl-agent was told to stop; 0 */
	int64_t began_ms, duration_ms;
	enum error_class class; /* CLASS_NONE: success */
	struct str message;     /* a sentence when not */
	const char *last_stderr; /* line; may be NULL */
	struct str out_tail, err_tail; /* last lines of a failure */
	bool result_lost, stream_lost; /* these files could not be written */
};

/* Class and message of the end, from the exit status and what the program said. */
void agent_judge(const struct agent *a, const struct agent_spec *spec, struct agent_end *end);

/* A number, or null for UNKNOWN. */
void agent_write_count(struct jw *w, const char *key, int64_t n);
/* The model as the program tells it, or else as its command does; NULL: unknown. */
const char *agent_main_model(const struct agent *a, const struct agent_spec *spec);
/* The rows of usage, a list: one a model, with what it cost by the program, or else by the price table. */
void agent_add_usage_rows(struct agent *a, const struct agent_spec *spec, const struct agent_end *end, struct str *json);
/* The kept result. */
void agent_add_result(const struct agent *a, const struct agent_spec *spec, const struct agent_end *end,
		      const struct agent_kept *out, const struct agent_kept *err_kept, const char *usage,
		      struct str *json);
/* The document for $PAWL_OUTPUT: outputs (with those of `own`, an object or NULL), report, class, message; at most
 * `max` bytes. */
void agent_add_output(const struct agent *a, const struct agent_spec *spec, const struct agent_end *end,
		      const char *usage, const struct json *own, size_t max, struct str *json);

#endif
