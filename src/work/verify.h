/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-verify: the checks of a node, level by level, as a step; and how the engine starts it. Files:
 *
 *   verify_prepare.c   in the engine: the step of a node's checks, and what its end means
 *   verify_main.c      start, levels, end
 *   verify_spec.c      the document on stdin
 *   verify_tree.c      files of the workspace: never out of it, whatever links say
 *   verify_contract.c  files, forbid, paths, secrets
 *   verify_command.c   commands: process group, time limit, output
 *   verify_fixture.c   what a command must answer
 *   verify_report.c    the report
 *
 * The spec, one JSON object on stdin (+ must be there):
 *
 *   workspace      absolute path; default: the folder it is started in. Commands run in that folder, paths of
 *                  files count from the workspace
 *   changed        list of paths that were changed since the base; null or missing: what `git status` names, or
 *                  all files where there is no repository
 *   skip_levels    list of "L0" … "L3" that are configured not to be run
 *   run, node, iteration   for the report alone
 *   report         path of the whole report, beside the log; may be missing
 *   secrets        list of values to mask in everything that is written
 *   checks      +  list of objects, sorted by level:
 *     level, kind, name +   "L1", "run", "build"
 *     skip, timeout_ms      shown as skipped; of a command
 *     files      files: [PATH…]
 *     forbid     patterns: [REGEX…], in: [GLOB…] (none: what changed)
 *     paths      allow: [GLOB…], deny: [GLOB…], max_file: BYTES
 *     secrets    in: [GLOB…] (none: what changed)
 *     run        argv: [WORD…], script: TEXT (given as the path of a file behind argv; may be missing),
 *                parse: NAME, report: PATH (parsed instead of the output)
 *     fixture    argv, script, stdin, exit, contains: [TEXT…], matches: [REGEX…], json: VALUE, schema: VALUE,
 *                compare: [{path, expected}…]
 *
 * stdout and stderr are the log: a line "== L1 build: COMMAND" before each check, what commands write, and
 * "== L1 build: failed in 2s: WHY" behind it. The report goes to $PAWL_OUTPUT, see verify_add_output(); exit
 * status 0: passed, 1: rejected, 2: a fault of pawl-verify itself or its spec. Nothing is kept between
 * two starts: one that was killed begins from L0. */
#ifndef PAWL_WORK_VERIFY_H
#define PAWL_WORK_VERIFY_H

#include "base/json.h"
#include "journal/redact.h"
#include "model/classify.h"
#include "model/graph.h"

#define VERIFY_SPEC_MAX (4 * MIB)
#define VERIFY_CHECKS_MAX 1000
#define VERIFY_FILE_MAX (16 * MIB)    /* larger files are not searched, and it is said */
#define VERIFY_FILES_MAX 200000       /* files of a workspace */
#define VERIFY_STDOUT_MAX (4 * MIB)   /* of a fixture */
#define VERIFY_KEPT_MAX (256 * KIB)   /* of the output of a check, in the whole report */
#define VERIFY_TAIL_MAX (32 * KIB)    /* of the last lines of one stream */
#define VERIFY_KEPT_ALL (32 * MIB)    /* of all checks; what comes behind is kept as in $PAWL_OUTPUT */
#define VERIFY_SHOWN_MAX (8 * KIB)    /* … in $PAWL_OUTPUT */

enum verify_exit { VERIFY_PASSED = 0, VERIFY_REJECTED = 1, VERIFY_FAULT = 2 };

enum check_state { STATE_NOT_REACHED, STATE_SKIPPED, STATE_PASSED, STATE_FAILED, CHECK_STATE_COUNT };
const char *check_state_name(enum check_state s); /* "not_reached", "skipped_config", "passed", "failed" */

struct check {
	const struct json *v; /* its object in the spec */
	enum verify_level level;
	enum check_kind kind;
	const char *name;
	bool skip;
	int64_t timeout_ms;
	enum check_parse parse;
	const char *report; /* may be NULL */
	/* what came of it */
	enum check_state state;
	enum error_class class; /* CLASS_NONE unless it failed */
	struct str message, output, out_tail, err_tail; /* output: both streams together */
	int64_t output_bytes; /* before the cut */
	int exit_code, signal;
	bool ran;             /* a command did */
	int64_t duration_ms;
	struct diagnostics *diagnostics; /* may be NULL */
};

struct verify {
	struct json *document; /* owns the texts */
	const char *report;    /* may be NULL */
	char *workspace, *cwd;
	unsigned int skip_levels; /* bits */
	struct check *checks;
	size_t nchecks;
	struct redact_set *secrets;
	struct redact_set *shapes; /* of tokens, to be found in files */
	int root;             /* the workspace; -1 */
	char **changed;       /* sorted; see tree_changed() */
	size_t nchanged;
	bool changed_known;
	char **files;         /* of the whole workspace; see tree_files() */
	size_t nfiles;
	bool files_known;
	size_t kept;          /* bytes of output of all checks so far */
	int64_t began_ms, duration_ms;
	bool report_lost;
};

/* ---- spec ---- */

enum err_code verify_parse(const char *text, size_t len, struct verify *ret, struct err *err) MUST_CHECK;
void verify_done(struct verify *v);

/* ---- files ---- */

struct tree_file {
	char *bytes; /* owned; NULL: see why */
	size_t len;
	enum tree_why {
		TREE_READ,
		TREE_MISSING,
		TREE_OUTSIDE,  /* a link leads out of the workspace */
		TREE_NO_FILE,  /* a folder, a socket … */
		TREE_LARGE,
		TREE_REFUSED,  /* no permission, or a fault */
	} why;
	int64_t size;
};

/* Open the workspace. */
enum err_code tree_open(struct verify *v, struct err *err) MUST_CHECK;
/* A descriptor of something in the workspace; -1 with errno set (EXDEV: it leads out of it). */
int tree_open_at(const struct verify *v, const char *path, int flags);
void tree_read(const struct verify *v, const char *path, int64_t max, struct tree_file *ret);
void tree_file_done(struct tree_file *f);
/* Every file of the workspace but those of git, sorted; symlinks are named, folders behind them not entered. */
enum err_code tree_files(struct verify *v, struct err *err) MUST_CHECK;
/* The paths that were changed: as given, or found out. */
enum err_code tree_changed(struct verify *v, struct err *err) MUST_CHECK;

/* ---- checks ---- */

/* Each sets state and message; false when it could not be judged: `err` says why. */
enum err_code check_contract(struct verify *v, struct check *c, struct err *err) MUST_CHECK;
enum err_code check_command(struct verify *v, struct check *c, struct err *err) MUST_CHECK;
enum err_code check_fixture(struct verify *v, struct check *c, struct err *err) MUST_CHECK;

PRINTF_LIKE(2, 3) void check_fail(struct check *c, const char *fmt, ...);
/* A program of a check and what it wrote. */
struct command {
	struct str out; /* stdout, at most `out_max` bytes */
	size_t out_max;
	bool out_cut, timed_out;
};
enum err_code command_run(struct verify *v, struct check *c, const char *input, size_t input_len,
			  struct command *ret, struct err *err) MUST_CHECK;

/* ---- report ---- */

/* The whole report as it is kept beside the log. */
void verify_add_report(const struct verify *v, struct str *json);
/* {"outputs": {…}, "report": {…}, "class": …, "message": …} for $PAWL_OUTPUT, at most `max` bytes. */
void verify_add_output(const struct verify *v, size_t max, struct str *json);
bool verify_passed(const struct verify *v);
/* State of a level; false if it has no checks. */
bool verify_level_state(const struct verify *v, enum verify_level level, enum check_state *ret);

#endif
