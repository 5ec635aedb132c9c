/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of pawl-llm: one question to a language model as a step. It asks providers in their order: each
 * is tried again after failures that pass, then comes the next one. Files:
 *
 *   llm_main.c     start, files, $PAWL_OUTPUT, end
 *   llm_chain.c    providers, tries, waiting, the repair of an answer that does not fit its schema
 *   llm_call.c     one HTTP exchange
 *   llm_request.c  what is sent, in the three protocols
 *   llm_decode.c   what comes back, out of bytes in any pieces
 *   llm_spec.c     the document on stdin
 *   llm_report.c   the report
 *
 * The document on stdin (so that nothing of it is seen in the list of processes); only `providers` and
 * `prompt` must be there:
 *
 *	{"providers": [{"name": "claude", "type": "anthropic" | "ollama" | "openai", "model": "…",
 *	    "url": "https://…" (without the path of the call; the maker's own if missing),
 *	    "key": "…" (or "missing_key": name of the variable that does not hold it: passed over), "headers": [{"name": "…", "value": "…"}], "timeout_ms": 60000,
 *	    "max_tokens": 4096,
 *	    "retry": {"max_attempts": 4, "initial_ms": 1000, "factor": 2, "max_ms": 60000, "jitter": true,
 *	              "on": ["timeout", "connection", "http_status"] (all three if missing)},
 *	    "breaker_open_until_ms": wall clock (passed over until then; -1: until somebody closes it)}],
 *	 "system": "…", "prompt": "…", "temperature": 0.2, "max_tokens": 1000 (before the provider's),
 *	 "schema": {JSON Schema}, "stream": true,
 *	 "secrets": ["…"] (masked in all that is written; keys are by themselves),
 *	 "prices": "/path/prices.json", "files": "/path/log/IDX.gG.iI.aA" (beginning of the names of the files)}
 *
 * To stdout goes the text of the answer, as it comes, line by line; to stderr a line for each thing that happens.
 * Files: FILES.prompt.txt, what was asked, and FILES.llm.json, the report with the whole text and every try.
 * $PAWL_OUTPUT: {"outputs", "report", "class", "message", "retry_after_ms"}, see report_take(). Outputs are text (the
 * answer; with a schema the JSON alone), provider, model, stop, and with a schema json. The report:
 *
 *	{"kind": "llm", "adapter": "anthropic", "session_id": null, "model", "provider", "success", "final_text",
 *	 "turns": 1 (2: it was repaired), "tool_calls": 0, "duration_ms", "prompt_bytes", "stop",
 *	 "usage": [{"provider", "model", "input", "output", "cache_read", "cache_write", "total", "cost_micro_usd",
 *	            "price_version", "status": "ok" or what failed, "http_status", "retry_count", "latency_ms", "at_ms",
 *	            "request_id"}… one row a try],
 *	 "warnings": ["…"], "files": {"result": "….llm.json", "prompt": "….prompt.txt"},
 *	 "skipped": [{"provider", "reason"}…], "breakers": [{"name": "llm:claude", "ok": false}…]}
 *
 * `input` is without what was read from or written to a cache; counts that the server did not give are null. */
#ifndef PAWL_WORK_LLM_H
#define PAWL_WORK_LLM_H

#include "journal/redact.h"
#include "model/error.h"
#include "model/graph.h"
#include "work/llm_decode.h"

#include <signal.h>

#define LLM_SPEC_MAX (8 * MIB)
#define LLM_PROVIDERS_MAX 32
#define LLM_TRIES_MAX 1000
#define LLM_FINAL_MAX (32 * KIB)        /* of final_text in the report */
#define LLM_OUTPUT_TEXT_MAX (96 * KIB)  /* of the output `text` */
#define LLM_ASK_LATER_MS (10 * 60 * 1000) /* a server that wants to be asked later than that is left alone */

enum llm_exit { LLM_EXIT_OK = 0, LLM_EXIT_FAILED = 1, LLM_EXIT_USAGE = 2 };

/* ---- llm_spec.c ---- */

struct llm_provider {
	const char *name, *url, *model, *key; /* key: NULL if none */
	const char *missing_key;              /* where it should have been; NULL: nothing is missing */
	enum provider_type type;
	const struct json *headers;
	int64_t timeout_ms; /* 0: none */
	int64_t max_tokens; /* 0: not said */
	struct retry_policy retry;
	int64_t breaker_open_until_ms; /* 0: closed; -1: open for good */
};

struct llm_spec {
	struct json *document; /* owns the texts */
	struct llm_provider *providers;
	size_t nproviders;
	const char *system, *prompt; /* system: NULL if none */
	double temperature;          /* below 0: not said */
	const struct json *schema;   /* NULL if none */
	bool stream;
	const char *prices, *files;  /* NULL if none */
	struct redact_set *secrets;
};

/* Check and take the document; on success call llm_spec_done() later. */
enum err_code llm_spec_parse(const char *text, size_t len, struct llm_spec *ret, struct err *err) MUST_CHECK;
void llm_spec_done(struct llm_spec *s);

/* ---- llm_request.c ---- */

/* What was said until now: the prompt, and for a repair the answer and what is wrong with it. */
struct llm_talk {
	const char *answer, *complaint; /* NULL: the first question */
};

/* The address of the call. */
void llm_request_url(const struct llm_provider *p, struct str *ret);
void llm_request_body(const struct llm_spec *s, const struct llm_provider *p, const struct llm_talk *talk,
		      struct str *ret);
/* "Name: value" for each header of the protocol, the key among them, and those of the provider. */
void llm_request_headers(const struct llm_provider *p, bool stream, void (*add)(void *ctx, const char *line),
			 void *ctx);

/* ---- llm_call.c ---- */

/* One try at one provider. */
struct llm_try {
	const struct llm_provider *provider;
	int number; /* at this provider, from 1 */
	struct llm_answer answer;
	const char *status;      /* "ok", "timeout", "connection", "incomplete" …; else error_type of the server */
	enum error_class class;  /* CLASS_NONE: it is good */
	struct str why;          /* a sentence */
	bool again;              /* it may pass */
	long http_status;        /* 0: no answer came */
	int64_t retry_after_ms;  /* 0: not said */
	int64_t at_ms, latency_ms;
	struct str request_id;
	struct price price;
};

struct llm_caller; /* the connection, used again from try to try */

struct llm_caller *llm_caller_new(void);
void llm_caller_free(struct llm_caller *c);
/* Ask, and fill all of `t` but provider and number. Text goes to `text` as it comes. Ends early when *stopped. */
void llm_call(struct llm_caller *c, const struct llm_spec *s, const struct llm_talk *talk,
	      const volatile sig_atomic_t *stopped, llm_text_fn text, void *ctx, struct llm_try *t);
void llm_try_done(struct llm_try *t);
/* What an answer with this status and error means: fills status, class, why and again of `t`. */
void llm_judge_status(struct llm_try *t, const struct str *error_type, const struct str *error);

/* ---- llm_chain.c ---- */

struct llm_run {
	const struct llm_spec *spec;
	const struct price_table *prices; /* NULL: none */
	const volatile sig_atomic_t *stopped;
	struct llm_caller *caller;
	struct redactor *out;  /* what goes to stdout */
	struct str line;       /* the line that is not complete yet */
	struct llm_try *tries;
	size_t ntries, captries;
	struct { const char *provider; char *reason; } skipped[LLM_PROVIDERS_MAX];
	size_t nskipped;
	struct { const char *provider; bool ok; } breakers[LLM_PROVIDERS_MAX * 2];
	size_t nbreakers;
	char **warnings;
	size_t nwarnings, capwarnings;
	const struct llm_provider *answered; /* who gave the answer; NULL: nobody */
	size_t good;                         /* the try that did */
	struct str text;                     /* the answer; with a schema the JSON alone */
	int turns;
	enum error_class class;              /* CLASS_NONE: success */
	struct str message;
	int64_t retry_after_ms, began_ms, duration_ms;
	/* Keeps what is known until now, for whoever ends this program by force; NULL: nobody does. */
	void (*keep)(const struct llm_run *r);
	int64_t kept_us;   /* when it was called last, of the monotonic clock … */
	size_t kept_tries; /* … and how many tries there were */
	int64_t told_us;   /* when what it used so far was told last */
};

/* Ask until there is an answer that fits, or nobody is left. */
void llm_chain(struct llm_run *r);
void llm_run_done(struct llm_run *r);
/* A line to stderr, secrets masked. */
void llm_note(struct llm_run *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same, kept for the report. */
void llm_warn(struct llm_run *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The JSON within an answer: fences and words around it left out. NULL: there is none, and why. */
struct json *llm_extract(const struct str *text, struct str *ret_json, struct err *err);

/* ---- llm_report.c ---- */

/* The report; `whole`: with all of the text and what is of no use to the engine. Secrets are masked. */
void llm_report(const struct llm_run *r, bool whole, struct str *ret);
/* What goes to $PAWL_OUTPUT, never longer than the worker takes. */
void llm_output(const struct llm_run *r, struct str *ret);
/* What was asked, for people. */
void llm_prompt_text(const struct llm_spec *s, struct str *ret);

#endif
