/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of a run from one database to another. The tables and what in them is renumbered stand in one list; the
 * columns are those of the schema, which must be the same on both sides. */
#include "store/carry.h"
#include "store/store_internal.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 64

/* In an order in which each refers to those before it. `where`: of the rows, by ?1 the run; `tokens` and `seqs`: the
 * columns that number attempts and events. Events are written one by one, for their chain. */
static const struct table {
	const char *name, *where, *tokens, *seqs;
	bool event;
} tables[] = {
	{ "workflow", "hash = (SELECT workflow FROM run WHERE id = ?1)", "", "", false },
	{ "work_order", "id = (SELECT order_id FROM run WHERE id = ?1)", "", "", false },
	{ "run", "id = ?1", " failed_token ", "", false },
	{ "event", "run = ?1 OR (run IS NULL AND order_id = (SELECT order_id FROM run WHERE id = ?1)) ORDER BY seq", "",
	  " seq ", true },
	{ "node", "run = ?1", " token ", " seq began ", false },
	{ "instance", "run = ?1", "", "", false },
	{ "attempt", "run = ?1 ORDER BY token", " token previous ", "", false },
	{ "checkpoint", "run = ?1", "", " seq ", false },
	{ "procedure", "run = ?1", "", "", false },
	{ "iteration", "run = ?1", " work verify strategy last ", "", false },
	{ "report", "token IN (SELECT token FROM attempt WHERE run = ?1)", " token ", "", false },
	{ "usage", "run = ?1", " token ", "", false },
	{ "approval", "run = ?1", "", "", false },
};

/* ---- out ---- */

static void put_value(struct jw *w, sqlite3_stmt *s, int i)
{
	auto_str text = STR_INIT;
	const unsigned char *bytes;
	switch (sqlite3_column_type(s, i)) {
	case SQLITE_INTEGER:
		str_add_char(&text, 'i');
		str_add_i64(&text, col_int(s, i));
		break;
	case SQLITE_TEXT:
		str_add_char(&text, 't');
		str_add(&text, col_text(s, i));
		break;
	case SQLITE_BLOB:
		str_add_char(&text, 'b');
		bytes = sqlite3_column_blob(s, i);
		for (int k = 0; k < sqlite3_column_bytes(s, i); k++)
			str_addf(&text, "%02x", bytes[k]);
		break;
	default:
		jw_null(w, NULL);
		return;
	}
	jw_str(w, NULL, str_text(&text));
}

static enum err_code put_table(struct store *st, const struct table *t, id_t64 run, struct jw *w, struct err *err)
{
	auto_free char *sql = xasprintf("SELECT * FROM %s WHERE %s", t->name, t->where);
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(st->db, sql, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(s, 1, run);
	if (rc != SQLITE_OK) {
		(void)sqlite3_finalize(s);
		return store_error(st, rc, err, t->name);
	}
	jw_obj(w, t->name);
	jw_arr(w, "columns");
	for (int i = 0; i < sqlite3_column_count(s); i++)
		jw_str(w, NULL, sqlite3_column_name(s, i));
	jw_end_arr(w);
	jw_arr(w, "rows");
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		jw_arr(w, NULL);
		for (int i = 0; i < sqlite3_column_count(s); i++)
			put_value(w, s, i);
		jw_end_arr(w);
	}
	jw_end_arr(w);
	jw_end_obj(w);
	(void)sqlite3_finalize(s);
	return rc == SQLITE_DONE ? ERR_OK : store_error(st, rc, err, t->name);
}

enum err_code carry_out(struct store *st, id_t64 run, struct str *out, struct err *err)
{
	struct jw w = jw_begin(out);
	enum err_code code = ERR_OK;
	jw_obj(&w, NULL);
	jw_int(&w, "version", store_version(st));
	jw_obj(&w, "tables");
	for (size_t i = 0; i < COUNT(tables) && !code; i++)
		code = put_table(st, &tables[i], run, &w, err);
	jw_end_obj(&w);
	jw_end_obj(&w);
	return code;
}

/* ---- in ---- */

struct seqs {
	int64_t *old, *new;
	size_t n, cap;
};

struct way_in {
	struct store *st;
	struct carry *c;
	id_t64 run, order;
	struct seqs seqs;
	int64_t shift; /* what is added to the numbers of attempts */
	const struct table *t;
	const char *columns[COLUMNS_MAX];
	size_t ncolumns;
	sqlite3_stmt *s;
};

static enum err_code broken(const struct way_in *in, struct err *err)
{
	return err_set(err, ERR_CORRUPT, _("the rows of %s are not what an export holds"), in->t->name);
}

static bool is_in(const char *list, const char *name)
{
	auto_free char *word = xasprintf(" %s ", name);
	return strstr(list, word) != NULL;
}

/* The event here that stands for one there: that one, or the last of the run before it. */
static int64_t new_seq(const struct seqs *s, int64_t old)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->old[mid] <= old)
			low = mid + 1;
		else
			high = mid;
	}
	return old == 0 || s->n == 0 ? 0 : s->new[low > 0 ? low - 1 : 0];
}

static int64_t renumber(const struct way_in *in, const char *column, int64_t v)
{
	if (v > 0 && is_in(in->t->tokens, column))
		return v + in->shift;
	return is_in(in->t->seqs, column) ? new_seq(&in->seqs, v) : v;
}

static int hex_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int bind_bytes(sqlite3_stmt *s, int i, const char *hex)
{
	size_t n = strlen(hex) / 2;
	auto_free unsigned char *v = xmalloc(n + 1);
	for (size_t k = 0; k < n; k++) {
		int high = hex_of(hex[2 * k]), low = hex_of(hex[2 * k + 1]);
		if (high < 0 || low < 0)
			return SQLITE_MISMATCH;
		v[k] = (unsigned char)(high * 16 + low);
	}
	return sqlite3_bind_blob(s, i, v, (int)n, SQLITE_TRANSIENT);
}

/* What belongs to the place and not to the run. */
static bool is_local(const struct way_in *in, const char *column)
{
	bool parent = str_eq(in->t->name, "run") && (str_eq(column, "parent_run") || str_eq(column, "parent_node"));
	return parent || (str_eq(in->t->name, "node") && str_eq(column, "child"));
}

static int bind_value(const struct way_in *in, int i, const char *column, const struct json *v)
{
	const char *text = json_type(v) == JSON_STRING ? json_str(v, "") : NULL;
	if (str_eq(in->t->name, "run") && str_eq(column, "workspace"))
		return sqlite3_bind_text(in->s, i, in->c->workspace, -1, SQLITE_TRANSIENT);
	if (!text || is_local(in, column))
		return sqlite3_bind_null(in->s, i);
	if (text[0] == 'i')
		return sqlite3_bind_int64(in->s, i, renumber(in, column, strtoll(text + 1, NULL, 10)));
	if (text[0] == 't')
		return sqlite3_bind_text(in->s, i, text + 1, -1, SQLITE_TRANSIENT);
	return text[0] == 'b' ? bind_bytes(in->s, i, text + 1) : SQLITE_MISMATCH;
}

static const struct json *cell(const struct way_in *in, const struct json *row, const char *column)
{
	const struct json *v = json_first(row);
	for (size_t i = 0; i < in->ncolumns && v; i++, v = json_next(v))
		if (str_eq(in->columns[i], column))
			return v;
	return NULL;
}

static int64_t number(const struct way_in *in, const struct json *row, const char *column, int64_t none)
{
	const char *text = json_str(cell(in, row, column), "");
	return text[0] == 'i' ? strtoll(text + 1, NULL, 10) : none;
}

static const char *text_of(const struct way_in *in, const struct json *row, const char *column)
{
	const char *text = json_str(cell(in, row, column), "");
	return text[0] == 't' ? text + 1 : NULL;
}

/* Rows of somebody else have no business here. */
static bool is_ours(const struct way_in *in, const struct json *row)
{
	bool of_run = cell(in, row, "run") == NULL || str_eq(in->t->name, "work_order") ||
		      number(in, row, "run", in->run) == in->run;
	if (str_eq(in->t->name, "run"))
		return number(in, row, "id", 0) == in->run && number(in, row, "order_id", 0) == in->order;
	if (str_eq(in->t->name, "work_order"))
		return number(in, row, "id", 0) == in->order;
	return of_run;
}

static void write_event(struct way_in *in, const struct json *row)
{
	struct event_row e = { .at_ms = number(in, row, "at_ms", 0),
			       .type = text_of(in, row, "type") ? text_of(in, row, "type") : "unknown",
			       .order = number(in, row, "order_id", 0),
			       .run = number(in, row, "run", 0),
			       .idx = (int)number(in, row, "idx", -1),
			       .generation = (int)number(in, row, "generation", 0),
			       .iteration = (int)number(in, row, "iteration", 0),
			       .attempt = (int)number(in, row, "attempt", 0),
			       .was = (int)number(in, row, "was", -1),
			       .now = (int)number(in, row, "now", -1),
			       .actor = (enum actor)number(in, row, "actor", 0),
			       .who = text_of(in, row, "who"),
			       .reason = text_of(in, row, "reason"),
			       .data = text_of(in, row, "data") };
	store_event(in->st, &e);
	struct seqs *s = &in->seqs;
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->old = xreallocarray(s->old, s->cap, sizeof(*s->old));
		s->new = xreallocarray(s->new, s->cap, sizeof(*s->new));
	}
	s->old[s->n] = number(in, row, "seq", 0);
	s->new[s->n++] = e.seq;
}

static enum err_code write_row(struct way_in *in, const struct json *row, struct err *err)
{
	const struct json *v = json_first(row);
	int rc = sqlite3_reset(in->s);
	for (size_t i = 0; i < in->ncolumns; i++, v = v ? json_next(v) : NULL) {
		if (!v || bind_value(in, (int)i + 1, in->columns[i], v) != SQLITE_OK)
			return broken(in, err);
	}
	if (v)
		return broken(in, err);
	rc = sqlite3_step(in->s);
	return rc == SQLITE_DONE ? ERR_OK : store_error(in->st, rc, err, in->t->name);
}

/* The columns as they are here, each once and in their order: nothing of the file becomes SQL. */
static enum err_code prepare(struct way_in *in, const struct json *columns, struct err *err)
{
	auto_free char *ask = xasprintf("SELECT * FROM %s LIMIT 0", in->t->name);
	auto_str sql = STR_INIT;
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(in->st->db, ask, -1, &s, NULL);
	in->ncolumns = 0;
	bool same = rc == SQLITE_OK;
	for (const struct json *c = json_first(columns); c && same; c = json_next(c)) {
		int i = (int)in->ncolumns;
		same = i < COLUMNS_MAX && i < sqlite3_column_count(s) && str_eq(json_str(c, ""), sqlite3_column_name(s, i));
		in->columns[in->ncolumns++] = json_str(c, "");
	}
	same = same && (int)in->ncolumns == sqlite3_column_count(s);
	(void)sqlite3_finalize(s);
	if (!same)
		return broken(in, err);
	/* The same definition may be here already. */
	str_addf(&sql, "INSERT %s INTO %s VALUES (", str_eq(in->t->name, "workflow") ? "OR IGNORE" : "", in->t->name);
	for (size_t i = 0; i < in->ncolumns; i++)
		str_add(&sql, i ? ", ?" : "?");
	str_add_char(&sql, ')');
	rc = sqlite3_prepare_v2(in->st->db, str_text(&sql), -1, &in->s, NULL);
	return rc == SQLITE_OK ? ERR_OK : store_error(in->st, rc, err, in->t->name);
}

static enum err_code read_table(struct way_in *in, const struct json *v, struct err *err)
{
	enum err_code code = prepare(in, json_get(v, "columns"), err);
	for (const struct json *row = json_first(json_get(v, "rows")); row && !code; row = json_next(row)) {
		if (!is_ours(in, row))
			code = broken(in, err);
		else if (in->t->event)
			write_event(in, row);
		else
			code = write_row(in, row, err);
		if (!code && str_eq(in->t->name, "attempt"))
			in->c->last_token = MAX(in->c->last_token, number(in, row, "token", 0) + in->shift);
	}
	(void)sqlite3_finalize(in->s);
	in->s = NULL;
	return code;
}

/* The first attempt there becomes the next one here. */
static void find_shift(struct way_in *in, const struct json *attempts)
{
	int64_t first = 0;
	in->ncolumns = 0;
	for (const struct json *c = json_first(json_get(attempts, "columns")); c && in->ncolumns < COLUMNS_MAX;
	     c = json_next(c))
		in->columns[in->ncolumns++] = json_str(c, "");
	for (const struct json *row = json_first(json_get(attempts, "rows")); row; row = json_next(row)) {
		int64_t token = number(in, row, "token", 0);
		first = !first || token < first ? token : first;
	}
	in->shift = in->c->last_token + 1 - first;
}

enum err_code carry_in(struct store *st, const struct json *v, id_t64 run, id_t64 order, struct carry *c,
		       struct err *err)
{
	struct way_in in = { .st = st, .c = c, .run = run, .order = order };
	if (json_get_int(v, "version", 0) != store_version(st))
		return err_set(err, ERR_VERSION, _("the export is of version %d of the schema, this home has %d"),
			       (int)json_get_int(v, "version", 0), store_version(st));
	const struct json *all = json_get(v, "tables");
	enum err_code code = ERR_OK;
	turn_begin(st);
	find_shift(&in, json_get(all, "attempt"));
	for (size_t i = 0; i < COUNT(tables) && !code; i++) {
		in.t = &tables[i];
		if (json_type(json_get(all, in.t->name)) != JSON_OBJECT)
			code = broken(&in, err);
		else
			code = read_table(&in, json_get(all, in.t->name), err);
	}
	free(in.seqs.old);
	free(in.seqs.new);
	return code;
}
