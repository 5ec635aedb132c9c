/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of an import: from text to cells of the types that the tables have, judged value by value, and given the
 * numbers that they have here. They may be anybody's: nothing is believed. */
#include "engine/carry_internal.h"
#include "model/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

static int index_of(const struct import *x, enum carry_table t, const char *column)
{
	for (size_t i = 0; i < x->columns[t].n; i++)
		if (str_eq(x->columns[t].v[i].name, column))
			return (int)i;
	return -1;
}

struct carry_cell *import_cell(const struct import *x, enum carry_table t, size_t row, const char *column)
{
	int i = index_of(x, t, column);
	if (i < 0)
		abort(); /* the columns named here are those of the schema */
	return &x->rows[t].v[row * x->rows[t].width + (size_t)i];
}

int64_t import_number(const struct import *x, enum carry_table t, size_t row, const char *column)
{
	const struct carry_cell *c = import_cell(x, t, row, column);
	return !c->null && c->type == CARRY_INT ? c->i : 0;
}

const char *import_text(const struct import *x, enum carry_table t, size_t row, const char *column)
{
	const struct carry_cell *c = import_cell(x, t, row, column);
	return !c->null && c->type != CARRY_INT ? c->s : NULL;
}

static bool read_number(const struct json *v, int64_t *ret)
{
	if (json_type(v) == JSON_NUMBER) {
		int64_t a = json_int(v, INT64_MIN), b = json_int(v, INT64_MAX);
		*ret = a;
		return a == b;
	}
	const char *text = json_str(v, "");
	char *end;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	return *text && !*end && !errno && strspn(text, "-0123456789") == strlen(text);
}

static bool read_bytes(struct import *x, const char *hex, struct carry_cell *c)
{
	size_t len = strlen(hex);
	if (len % 2 || strspn(hex, "0123456789abcdef") != len)
		return false;
	unsigned char *b = arena_alloc(&x->texts, len / 2 + 1);
	for (size_t i = 0; i < len / 2; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };
		b[i] = (unsigned char)strtol(pair, NULL, 16);
	}
	c->s = (const char *)b;
	c->len = len / 2;
	return true;
}

/* A column that the writer did not have yet: what the migration that brought it would have put there. */
static void read_missing(struct carry_cell *c)
{
	c->null = c->type != CARRY_INT;
}

static bool read_cell(struct import *x, const struct json *v, struct carry_cell *c)
{
	if (!v) {
		read_missing(c);
		return true;
	}
	if (json_type(v) == JSON_NULL) {
		c->null = true;
		return true;
	}
	if (c->type == CARRY_INT)
		return (json_type(v) == JSON_NUMBER || json_type(v) == JSON_STRING) && read_number(v, &c->i);
	if (json_type(v) != JSON_STRING)
		return false;
	const char *text = json_str(v, "");
	if (c->type == CARRY_BYTES)
		return read_bytes(x, text, c);
	c->len = strlen(text);
	c->s = arena_text(&x->texts, text, c->len);
	return true;
}

static enum err_code read_row(struct import *x, enum carry_table t, const char *line, size_t len, struct err *err)
{
	struct import_rows *r = &x->rows[t];
	const struct carry_columns *columns = &x->columns[t];
	auto_json *v = NULL;
	const char *name = carry_table_name(t);
	if (json_parse(line, len, CARRY_LINE_MAX, &v, NULL) || json_type(v) != JSON_OBJECT)
		return err_set(err, ERR_INVALID, _("row %zu of %s is no object"), r->n + 1, name);
	if (++x->nrows > CARRY_ROWS_MAX)
		return err_set(err, ERR_TOO_LARGE, _("there are more than %d rows"), CARRY_ROWS_MAX);
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 64;
		r->v = xreallocarray(r->v, r->cap * columns->n, sizeof(*r->v));
	}
	struct carry_cell *cells = &r->v[r->n * columns->n];
	size_t known = 0;
	for (size_t i = 0; i < columns->n; i++) {
		const struct json *m = json_get(v, columns->v[i].name);
		cells[i] = (struct carry_cell){ .type = columns->v[i].type };
		known += m != NULL;
		if (!read_cell(x, m, &cells[i]))
			return err_set(err, ERR_INVALID, _("row %zu of %s: %s has a value of another kind"), r->n + 1, name,
				       columns->v[i].name);
	}
	if (json_count(v) != known)
		return err_set(err, ERR_INVALID, _("row %zu of %s has a column that is not known here"), r->n + 1, name);
	r->n++;
	return ERR_OK;
}

enum err_code import_rows_read(struct import *x, enum carry_table t, const char *path, struct err *err)
{
	x->rows[t].width = x->columns[t].n;
	FILE *f = fopen(path, "re");
	if (!f)
		return err_sys(err, ERR_IO, _("cannot read %s"), path);
	char *line = NULL;
	size_t cap = 0;
	enum err_code code = ERR_OK;
	for (ssize_t n; !code && (n = getline(&line, &cap, f)) > 0;) {
		size_t len = (size_t)n;
		if (line[len - 1] != '\n' || len > CARRY_LINE_MAX)
			code = err_set(err, ERR_INVALID, _("a row of %s is too long, or not whole"), carry_table_name(t));
		else
			code = read_row(x, t, line, len - 1, err);
	}
	free(line);
	(void)fclose(f);
	return code;
}

/* ---- judging ---- */

#define FEW INT32_MAX
#define TIME_MAX INT64_C(100000000000000) /* the year 5138 */

/* clang-format off */
/* Numbers that count, or that stand for something: what is possible. A null passes; the table says where none may be. */
static const struct range {
	enum carry_table table;
	const char *column;
	int64_t min, max;
} ranges[] = {
	{ CARRY_ORDER, "state", 0, ORDER_STATE_COUNT - 1 }, { CARRY_ORDER, "flags", 0, ORDER_FLAGS_ALL },
	{ CARRY_ORDER, "priority", -1000000, 1000000 },
	{ CARRY_RUN, "state", 0, RUN_STATE_COUNT - 1 }, { CARRY_RUN, "result", 0, RESULT_COUNT - 1 },
	{ CARRY_RUN, "mode", 0, MODE_COUNT - 1 }, { CARRY_RUN, "generation", 1, FEW },
	{ CARRY_RUN, "priority", -1000000, 1000000 }, { CARRY_RUN, "parent_node", 0, FEW },
	{ CARRY_RUN, "failed_node", 0, FEW }, { CARRY_RUN, "acknowledged", 0, 1 }, { CARRY_RUN, "crashes", 0, FEW },
	{ CARRY_NODE, "idx", 0, FEW }, { CARRY_NODE, "generation", 1, FEW }, { CARRY_NODE, "state", 0, NODE_STATE_COUNT - 1 },
	{ CARRY_NODE, "iteration", 0, FEW }, { CARRY_NODE, "attempt", 0, FEW }, { CARRY_NODE, "class", 0, CLASS_COUNT - 1 },
	{ CARRY_NODE, "stale", 0, 1 },
	{ CARRY_INSTANCE, "idx", 0, FEW }, { CARRY_INSTANCE, "parent", 0, FEW }, { CARRY_INSTANCE, "expansion", 0, FEW },
	{ CARRY_ATTEMPT, "idx", 0, FEW }, { CARRY_ATTEMPT, "generation", 1, FEW }, { CARRY_ATTEMPT, "iteration", 0, FEW },
	{ CARRY_ATTEMPT, "attempt", 0, FEW }, { CARRY_ATTEMPT, "state", 0, ATTEMPT_STATE_COUNT - 1 },
	{ CARRY_ATTEMPT, "class", 0, CLASS_COUNT - 1 }, { CARRY_ATTEMPT, "exit_code", -1, FEW },
	{ CARRY_ATTEMPT, "signal", -1, 128 }, { CARRY_ATTEMPT, "phase", 0, ATTEMPT_PHASE_COUNT - 1 },
	{ CARRY_USAGE, "number", 0, FEW }, { CARRY_USAGE, "idx", 0, FEW }, { CARRY_USAGE, "generation", 1, FEW },
	{ CARRY_USAGE, "iteration", 0, FEW }, { CARRY_USAGE, "http_status", -1, 9999 },
	{ CARRY_USAGE, "retry_count", 0, FEW },
	{ CARRY_ITERATION, "idx", 0, FEW }, { CARRY_ITERATION, "generation", 1, FEW },
	{ CARRY_ITERATION, "iteration", 0, FEW }, { CARRY_ITERATION, "state", 0, ITERATION_STATE_COUNT - 1 },
	{ CARRY_ITERATION, "action", 0, LOOP_ACTION_COUNT - 1 }, { CARRY_ITERATION, "final", 0, FINAL_COUNT - 1 },
	{ CARRY_ITERATION, "trend", 0, TREND_COUNT - 1 }, { CARRY_ITERATION, "class", 0, CLASS_COUNT - 1 },
	{ CARRY_ITERATION, "level", -1, VERIFY_LEVEL_COUNT }, { CARRY_ITERATION, "bits", 0, 31 },
	{ CARRY_ITERATION, "problems", -1, FEW }, { CARRY_ITERATION, "score", -FEW, FEW },
	{ CARRY_ITERATION, "confidence", -FEW, FEW },
	{ CARRY_APPROVAL, "idx", 0, FEW }, { CARRY_APPROVAL, "generation", 1, FEW }, { CARRY_APPROVAL, "iteration", 0, FEW },
	{ CARRY_APPROVAL, "state", 0, APPROVAL_STATE_COUNT - 1 }, { CARRY_APPROVAL, "choices", 0, (1 << APPROVAL_CHOICE_COUNT) - 1 },
	{ CARRY_APPROVAL, "on_timeout", -1, APPROVAL_CHOICE_COUNT - 1 }, { CARRY_APPROVAL, "choice", -1, APPROVAL_CHOICE_COUNT - 1 },
	{ CARRY_WORKSPACE, "stream", 0, 10000 }, { CARRY_WORKSPACE, "kind", 0, WORKSPACE_REPO },
	{ CARRY_WORKSPACE, "state", 0, SPACE_REMOVING },
	{ CARRY_CHECKPOINT, "number", 0, FEW }, { CARRY_CHECKPOINT, "stream", 0, 10000 }, { CARRY_CHECKPOINT, "idx", -1, FEW },
	{ CARRY_CHECKPOINT, "generation", 1, FEW }, { CARRY_CHECKPOINT, "iteration", 0, FEW },
	{ CARRY_PROCEDURE, "step", 0, STEP_COUNT - 1 }, { CARRY_PROCEDURE, "verb", 0, VERB_COUNT - 1 },
	{ CARRY_PROCEDURE, "was", 0, RUN_STATE_COUNT - 1 },
	{ CARRY_FORK, "checkpoint", 0, FEW },
	{ CARRY_DEFINITION, "generation", 1, FEW },
	{ CARRY_BREAKPOINT, "number", 1, FEW }, { CARRY_BREAKPOINT, "state", 0, NODE_STATE_COUNT - 1 },
	{ CARRY_BREAKPOINT, "class", 0, CLASS_COUNT - 1 }, { CARRY_BREAKPOINT, "wanted", 0, FEW },
	{ CARRY_BREAKPOINT, "hits", 0, FEW },
	{ CARRY_HOLD, "number", 1, FEW }, { CARRY_HOLD, "idx", 0, FEW }, { CARRY_HOLD, "exit_code", -1, FEW },
	{ CARRY_EVENT, "seq", 1, INT64_C(1) << 50 }, { CARRY_EVENT, "idx", 0, FEW }, { CARRY_EVENT, "generation", 0, FEW },
	{ CARRY_EVENT, "iteration", 0, FEW }, { CARRY_EVENT, "attempt", 0, FEW }, { CARRY_EVENT, "actor", 0, ACTOR_COUNT - 1 },
};
/* Texts that are JSON, and of what kind. */
static const struct document {
	enum carry_table table;
	const char *column;
	enum json_type type; /* JSON_NULL: any */
} documents[] = {
	{ CARRY_WORKFLOW, "includes", JSON_ARRAY },
	{ CARRY_ORDER, "params", JSON_OBJECT }, { CARRY_ORDER, "env", JSON_OBJECT }, { CARRY_ORDER, "until", JSON_ARRAY },
	{ CARRY_RUN, "params", JSON_OBJECT }, { CARRY_RUN, "env", JSON_OBJECT }, { CARRY_RUN, "until", JSON_ARRAY },
	{ CARRY_RUN, "counts", JSON_OBJECT }, { CARRY_NODE, "outputs", JSON_OBJECT },
	{ CARRY_INSTANCE, "bindings", JSON_OBJECT }, { CARRY_REPORT, "text", JSON_OBJECT },
	{ CARRY_APPROVAL, "roles", JSON_ARRAY }, { CARRY_APPROVAL, "targets", JSON_ARRAY },
	{ CARRY_PROCEDURE, "request", JSON_OBJECT }, { CARRY_PROCEDURE, "spaces", JSON_ARRAY },
	{ CARRY_EVENT, "data", JSON_NULL },
};
/* Names of snapshots. */
static const struct { enum carry_table table; const char *column; } snapshots[] = {
	{ CARRY_NODE, "before" }, { CARRY_CHECKPOINT, "tree" }, { CARRY_WORKSPACE, "tree" }, { CARRY_ITERATION, "tree" },
};
/* clang-format on */

static enum err_code unfit(const struct import *x, enum carry_table t, size_t row, const char *column, struct err *err)
{
	(void)x;
	return err_set(err, ERR_INVALID, _("row %zu of %s: %s has a value that cannot be"), row + 1, carry_table_name(t),
		       column);
}

static enum err_code check_ranges(struct import *x, struct err *err)
{
	for (size_t i = 0; i < COUNT(ranges); i++) {
		const struct range *r = &ranges[i];
		for (size_t k = 0; k < x->rows[r->table].n; k++) {
			const struct carry_cell *c = import_cell(x, r->table, k, r->column);
			if (c->type != CARRY_INT || (!c->null && (c->i < r->min || c->i > r->max)))
				return unfit(x, r->table, k, r->column, err);
		}
	}
	return ERR_OK;
}

static enum err_code check_times(struct import *x, struct err *err)
{
	for (int t = 0; t < CARRY_ORDER_EVENT; t++) {
		for (size_t i = 0; i < x->columns[t].n; i++) {
			const char *name = x->columns[t].v[i].name;
			size_t len = strlen(name);
			if (x->columns[t].v[i].type != CARRY_INT || len < 3 || !str_eq(name + len - 3, "_ms"))
				continue;
			for (size_t k = 0; k < x->rows[t].n; k++) {
				const struct carry_cell *c = import_cell(x, (enum carry_table)t, k, name);
				if (!c->null && (c->i < -TIME_MAX || c->i > TIME_MAX))
					return unfit(x, (enum carry_table)t, k, name, err);
			}
		}
	}
	return ERR_OK;
}

static enum err_code check_documents(struct import *x, struct err *err)
{
	for (size_t i = 0; i < COUNT(documents); i++) {
		const struct document *d = &documents[i];
		for (size_t k = 0; k < x->rows[d->table].n; k++) {
			const char *text = import_text(x, d->table, k, d->column);
			auto_json *v = NULL;
			if (text && (json_parse(text, strlen(text), 16 * MIB, &v, NULL) ||
				     (d->type != JSON_NULL && json_type(v) != d->type)))
				return unfit(x, d->table, k, d->column, err);
		}
	}
	return ERR_OK;
}

static bool tree_is_known(const struct import *x, const char *tree)
{
	if (str_eq(tree, SPACE_EMPTY))
		return true;
	for (size_t i = 0; i < x->ntrees; i++)
		if (str_eq(x->trees[i], tree))
			return true;
	return false;
}

static enum err_code check_snapshots(struct import *x, struct err *err)
{
	struct smap known = SMAP_INIT;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < x->ntrees; i++)
		smap_put(&known, x->trees[i], x);
	for (size_t i = 0; i < COUNT(snapshots) && !code; i++) {
		for (size_t k = 0; k < x->rows[snapshots[i].table].n && !code; k++) {
			const char *tree = import_text(x, snapshots[i].table, k, snapshots[i].column);
			if (tree && !str_eq(tree, SPACE_EMPTY) && !smap_get(&known, tree))
				code = unfit(x, snapshots[i].table, k, snapshots[i].column, err);
		}
	}
	for (size_t k = 0; k < x->rows[CARRY_PROCEDURE].n && !code; k++) {
		const char *text = import_text(x, CARRY_PROCEDURE, k, "spaces");
		auto_json *v = NULL;
		if (!text || json_parse(text, strlen(text), 16 * MIB, &v, NULL))
			return unfit(x, CARRY_PROCEDURE, k, "spaces", err);
		for (const struct json *s = json_first(v); s && !code; s = json_next(s)) {
			const char *to = json_get_str(s, "to", ""), *present = json_get_str(s, "present", "");
			if ((*to && !tree_is_known(x, to)) || (*present && !tree_is_known(x, present)))
				code = unfit(x, CARRY_PROCEDURE, k, "spaces", err);
		}
	}
	smap_done(&known);
	return code;
}

/* States of an event belong to what it is about. */
static enum err_code check_events(struct import *x, struct err *err)
{
	static const struct {
		const char *begins;
		int64_t states;
	} kinds[] = { { "node.", NODE_STATE_COUNT }, { "run.", RUN_STATE_COUNT }, { "order.", ORDER_STATE_COUNT } };
	for (size_t k = 0; k < x->rows[CARRY_EVENT].n; k++) {
		const char *type = import_text(x, CARRY_EVENT, k, "type");
		if (!type || !*type || strlen(type) > 64 || strspn(type, "abcdefghijklmnopqrstuvwxyz_.") != strlen(type))
			return unfit(x, CARRY_EVENT, k, "type", err);
		int64_t states = 0;
		for (size_t i = 0; i < COUNT(kinds); i++)
			if (str_starts(type, kinds[i].begins))
				states = kinds[i].states;
		static const char *const columns[] = { "was", "now" };
		for (size_t i = 0; i < COUNT(columns); i++) {
			const struct carry_cell *c = import_cell(x, CARRY_EVENT, k, columns[i]);
			if (c->type != CARRY_INT || (!c->null && (c->i < 0 || c->i >= states)))
				return unfit(x, CARRY_EVENT, k, columns[i], err);
		}
	}
	return ERR_OK;
}

enum err_code import_rows_check(struct import *x, struct err *err)
{
	enum err_code code = check_ranges(x, err);
	if (!code)
		code = check_times(x, err);
	if (!code)
		code = check_documents(x, err);
	if (!code)
		code = check_snapshots(x, err);
	return code ? code : check_events(x, err);
}

/* ---- the numbers here ---- */

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static enum err_code sorted(const struct import *x, enum carry_table t, const char *column, int64_t **ret, size_t *ret_n,
			    struct err *err)
{
	size_t n = x->rows[t].n;
	*ret = xcalloc(n + 1, sizeof(**ret));
	*ret_n = n;
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = import_number(x, t, i, column);
	qsort(*ret, n, sizeof(**ret), by_number);
	for (size_t i = 0; i < n; i++)
		if ((*ret)[i] <= 0 || (i && (*ret)[i] == (*ret)[i - 1]))
			return err_set(err, ERR_INVALID, _("the rows of %s do not have a number each"), carry_table_name(t));
	return ERR_OK;
}

/* How many are not above it. */
static size_t rank_of(const int64_t *v, size_t n, int64_t number)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (v[middle] <= number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* clang-format off */
enum meaning { MEANS_RUN, MEANS_ORDER, MEANS_TOKEN, MEANS_SEQ };
static const struct reference {
	enum carry_table table;
	const char *column;
	enum meaning meaning;
} references[] = {
	{ CARRY_ORDER, "id", MEANS_ORDER }, { CARRY_ORDER, "run", MEANS_RUN },
	{ CARRY_RUN, "id", MEANS_RUN }, { CARRY_RUN, "order_id", MEANS_ORDER }, { CARRY_RUN, "parent_run", MEANS_RUN },
	{ CARRY_RUN, "failed_token", MEANS_TOKEN },
	{ CARRY_NODE, "run", MEANS_RUN }, { CARRY_NODE, "child", MEANS_RUN }, { CARRY_NODE, "token", MEANS_TOKEN },
	{ CARRY_NODE, "seq", MEANS_SEQ }, { CARRY_NODE, "began", MEANS_SEQ },
	{ CARRY_INSTANCE, "run", MEANS_RUN },
	{ CARRY_ATTEMPT, "run", MEANS_RUN }, { CARRY_ATTEMPT, "token", MEANS_TOKEN },
	{ CARRY_ATTEMPT, "previous", MEANS_TOKEN },
	{ CARRY_REPORT, "token", MEANS_TOKEN },
	{ CARRY_USAGE, "token", MEANS_TOKEN }, { CARRY_USAGE, "run", MEANS_RUN },
	{ CARRY_ITERATION, "run", MEANS_RUN }, { CARRY_ITERATION, "work", MEANS_TOKEN },
	{ CARRY_ITERATION, "verify", MEANS_TOKEN }, { CARRY_ITERATION, "strategy", MEANS_TOKEN },
	{ CARRY_ITERATION, "last", MEANS_TOKEN },
	{ CARRY_APPROVAL, "run", MEANS_RUN },
	{ CARRY_CHECKPOINT, "run", MEANS_RUN }, { CARRY_CHECKPOINT, "seq", MEANS_SEQ },
	{ CARRY_PROCEDURE, "run", MEANS_RUN },
	{ CARRY_FORK, "run", MEANS_RUN }, { CARRY_FORK, "order_id", MEANS_ORDER },
	{ CARRY_DEFINITION, "run", MEANS_RUN },
	{ CARRY_BREAKPOINT, "run", MEANS_RUN },
	{ CARRY_HOLD, "run", MEANS_RUN }, { CARRY_HOLD, "token", MEANS_TOKEN },
	{ CARRY_EVENT, "run", MEANS_RUN }, { CARRY_EVENT, "order_id", MEANS_ORDER },
};
/* clang-format on */

static int64_t run_here(const struct import *x, int64_t was)
{
	for (size_t low = 0, high = x->nruns; low < high;) {
		size_t middle = (low + high) / 2;
		if (x->runs[middle].was == was)
			return x->runs[middle].id;
		if (x->runs[middle].was < was)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

/* What is not in the file becomes null; the tables refuse that where it may not be. */
static void map_cell(const struct import *x, enum meaning meaning, struct carry_cell *c)
{
	if (c->null || (meaning != MEANS_SEQ && c->i == 0))
		return;
	size_t rank;
	switch (meaning) {
	case MEANS_RUN:
		c->i = run_here(x, c->i);
		break;
	case MEANS_ORDER:
		c->i = c->i == x->old_order ? x->order : 0;
		break;
	case MEANS_TOKEN:
		rank = rank_of(x->tokens, x->ntokens, c->i);
		c->i = rank && x->tokens[rank - 1] == c->i ? x->first_token + (int64_t)rank - 1 : 0;
		break;
	case MEANS_SEQ: /* of another run's event: the one before it */
		c->i = c->i ? (int64_t)MAX(rank_of(x->seqs, x->nseqs, c->i), (size_t)1) : 0;
		return;
	}
	c->null = c->i == 0;
}

/* Texts that name files beneath the old home. */
static void map_paths(struct import *x, enum carry_table t, const char *column)
{
	for (size_t k = 0; k < x->rows[t].n; k++) {
		struct carry_cell *c = import_cell(x, t, k, column);
		if (c->null || !strstr(c->s, x->old_home))
			continue;
		auto_str text = STR_INIT;
		for (const char *p = c->s; *p;) {
			const char *hit = strstr(p, x->old_home);
			if (!hit) {
				str_add(&text, p);
				break;
			}
			str_add_len(&text, p, (size_t)(hit - p));
			p = hit + strlen(x->old_home);
			const char *id = str_starts(p, "/runs/") ? p + 6 : "";
			id_t64 first, last, now = 0;
			auto_free char *name = xstrndup(id, strcspn(id, "/\"\\ "));
			if (*name && id_parse('r', name, &first, &last, NULL) == ERR_OK && first == last)
				now = run_here(x, first);
			str_add(&text, x->home);
			if (!now)
				continue;
			str_addf(&text, "/runs/%s", id_text('r', now).s);
			p = id + strlen(name);
		}
		c->len = text.len;
		c->s = arena_text(&x->texts, str_text(&text), text.len);
	}
}

/* Nobody here has what ran or stood there. */
static void map_present(struct import *x)
{
	for (size_t k = 0; k < x->rows[CARRY_ATTEMPT].n; k++) {
		struct carry_cell *boot = import_cell(x, CARRY_ATTEMPT, k, "boot_id");
		boot->null = false;
		boot->s = "imported";
		boot->len = strlen(boot->s);
		import_cell(x, CARRY_ATTEMPT, k, "worker_pid")->i = 0;
		import_cell(x, CARRY_ATTEMPT, k, "worker_start")->i = 0;
	}
	for (size_t k = 0; k < x->rows[CARRY_HOLD].n; k++) {
		struct carry_cell *ended = import_cell(x, CARRY_HOLD, k, "ended_ms");
		struct carry_cell *outcome = import_cell(x, CARRY_HOLD, k, "outcome");
		if (ended->i)
			continue;
		ended->i = x->made_ms;
		outcome->null = false;
		outcome->s = "lost";
		outcome->len = 4;
	}
	for (size_t k = 0; k < x->rows[CARRY_RUN].n; k++)
		import_cell(x, CARRY_RUN, k, "epoch")->i = x->epoch;
}

/* Of an order that is not in the file, or whose run is not: nothing follows from it here. */
static void drop_forks(struct import *x)
{
	struct import_rows *r = &x->rows[CARRY_FORK];
	size_t kept = 0;
	for (size_t k = 0; k < r->n; k++) {
		if (import_number(x, CARRY_FORK, k, "order_id") != x->old_order)
			continue;
		memmove(&r->v[kept++ * r->width], &r->v[k * r->width], r->width * sizeof(*r->v));
	}
	r->n = kept;
}

enum err_code import_rows_map(struct import *x, struct err *err)
{
	enum err_code code = sorted(x, CARRY_ATTEMPT, "token", &x->tokens, &x->ntokens, err);
	if (!code)
		code = sorted(x, CARRY_EVENT, "seq", &x->seqs, &x->nseqs, err);
	if (code)
		return code;
	drop_forks(x);
	for (size_t i = 0; i < COUNT(references); i++)
		for (size_t k = 0; k < x->rows[references[i].table].n; k++)
			map_cell(x, references[i].meaning,
				 import_cell(x, references[i].table, k, references[i].column));
	map_paths(x, CARRY_EVENT, "data");
	map_paths(x, CARRY_PROCEDURE, "request");
	map_paths(x, CARRY_PROCEDURE, "spaces");
	map_present(x);
	return ERR_OK;
}

/* ---- putting ---- */

static int64_t or_none(const struct import *x, size_t row, const char *column)
{
	const struct carry_cell *c = import_cell(x, CARRY_EVENT, row, column);
	return !c->null ? c->i : -1;
}

struct numbered {
	int64_t seq;
	size_t row;
};

static int by_seq(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static void put_events(const struct import *x, struct store *st)
{
	size_t n = x->rows[CARRY_EVENT].n;
	auto_free struct numbered *v = xcalloc(n + 1, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = (struct numbered){ import_number(x, CARRY_EVENT, i, "seq"), i };
	qsort(v, n, sizeof(*v), by_seq);
	for (size_t i = 0; i < n; i++) {
		size_t k = v[i].row;
		struct event_row e = {
			.at_ms = import_number(x, CARRY_EVENT, k, "at_ms"),
			.type = import_text(x, CARRY_EVENT, k, "type"),
			.order = import_number(x, CARRY_EVENT, k, "order_id"),
			.run = import_number(x, CARRY_EVENT, k, "run"),
			.idx = (int)or_none(x, k, "idx"),
			.generation = (int)import_number(x, CARRY_EVENT, k, "generation"),
			.iteration = (int)import_number(x, CARRY_EVENT, k, "iteration"),
			.attempt = (int)import_number(x, CARRY_EVENT, k, "attempt"),
			.was = (int)or_none(x, k, "was"),
			.now = (int)or_none(x, k, "now"),
			.actor = (enum actor)import_number(x, CARRY_EVENT, k, "actor"),
			.who = import_text(x, CARRY_EVENT, k, "who"),
			.reason = import_text(x, CARRY_EVENT, k, "reason"),
			.data = import_text(x, CARRY_EVENT, k, "data"),
		};
		store_event(st, &e);
	}
}

void import_rows_put(const struct import *x, struct store *st)
{
	int64_t base = store_last_seq(st);
	put_events(x, st);
	for (int t = 0; t < CARRY_EVENT; t++) {
		const struct import_rows *r = &x->rows[t];
		int moved[2] = { index_of(x, (enum carry_table)t, "seq"), index_of(x, (enum carry_table)t, "began") };
		struct carry_cell cells[CARRY_COLUMNS];
		for (size_t k = 0; k < r->n; k++) {
			memcpy(cells, &r->v[k * r->width], r->width * sizeof(*cells));
			for (size_t i = 0; i < COUNT(moved); i++)
				if (moved[i] >= 0 && !cells[moved[i]].null && cells[moved[i]].i > 0)
					cells[moved[i]].i += base;
			store_carry_put(st, (enum carry_table)t, cells, r->width);
		}
	}
}
