/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/submit.h"

#include "base/fs.h"
#include "base/regex.h"
#include "base/utf8.h"
#include "tui/panes.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 200
#define FIELDS_MAX 64
#define VALUE_MAX 1024
#define WORKFLOW_MAX (4 * MIB - 64 * KIB) /* what a request may hold, less the rest of it */

enum field_type { FIELD_STRING, FIELD_INT, FIELD_NUMBER, FIELD_BOOL, FIELD_ENUM, FIELD_LIST };

struct field {
	char *name, *help, *pattern;
	enum field_type type;
	bool required, secret, is_param;
	char **choices;
	size_t nchoices;
	char value[VALUE_MAX];
};

struct submit {
	struct console *c;
	char *dir;
	char **files;
	size_t nfiles, file, top;
	bool chosen;               /* a file was chosen: the fields are shown */
	char *path, *text;         /* of the workflow */
	struct field field[FIELDS_MAX];
	size_t nfields, at;
	unsigned int request;
	char *problem;
	char **issues;             /* of a file that does not validate */
	size_t nissues;
};

static void clear_issues(struct submit *s)
{
	for (size_t i = 0; i < s->nissues; i++)
		free(s->issues[i]);
	free(s->issues);
	s->issues = NULL;
	s->nissues = 0;
}

static void clear_fields(struct submit *s)
{
	for (size_t i = 0; i < s->nfields; i++) {
		struct field *f = &s->field[i];
		free(f->name), free(f->help), free(f->pattern);
		for (size_t k = 0; k < f->nchoices; k++)
			free(f->choices[k]);
		free(f->choices);
	}
	memset(s->field, 0, sizeof(s->field));
	s->nfields = s->at = 0;
}

void submit_free(struct console *c)
{
	struct submit *s = c->submit;
	if (!s)
		return;
	if (s->request)
		client_drop(c->client, s->request);
	for (size_t i = 0; i < s->nfiles; i++)
		free(s->files[i]);
	free(s->files);
	clear_fields(s);
	clear_issues(s);
	free(s->dir);
	free(s->path);
	free(s->text);
	free(s->problem);
	free(s);
	c->submit = NULL;
}

static void say(struct submit *s, const char *text)
{
	free(s->problem);
	s->problem = text ? xstrdup(text) : NULL;
	s->c->dirty = true;
}

bool submit_busy(const struct console *c)
{
	return c->submit && c->submit->request;
}

/* ---- files ---- */

static bool is_workflow(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot && name[0] != '.' &&
	       (str_eq(dot, ".yaml") || str_eq(dot, ".yml") || str_eq(dot, ".json"));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_folder(struct submit *s, const char *below)
{
	auto_free char *path = *below ? xasprintf("%s/%s", s->dir, below) : xstrdup(s->dir);
	DIR *dir = opendir(path);
	if (!dir)
		return;
	for (struct dirent *e; s->nfiles < FILES_MAX && (e = readdir(dir)) != NULL;)
		if (is_workflow(e->d_name))
			s->files[s->nfiles++] =
				xasprintf("%s%s%s", below, *below ? "/" : "", e->d_name);
	(void)closedir(dir);
}

void submit_open(struct console *c)
{
	submit_free(c);
	struct submit *s = xcalloc(1, sizeof(*s));
	s->c = c;
	c->submit = s;
	s->dir = getcwd(NULL, 0);
	if (!s->dir)
		s->dir = xstrdup("/");
	s->files = xcalloc(FILES_MAX, sizeof(*s->files));
	static const char *const below[] = { "", ".pawl", "workflows", ".pawl/workflows" };
	for (size_t i = 0; i < COUNT(below); i++)
		list_folder(s, below[i]);
	qsort(s->files, s->nfiles, sizeof(*s->files), by_name);
	struct field *f = &s->field[s->nfields++];
	f->name = xstrdup(N_("file"));
	f->help = xstrdup(_("type a path, or choose one with the arrows; Enter reads it"));
}

/* ---- fields from the workflow's parameters ---- */

static enum field_type type_of(const char *name)
{
	static const struct {
		const char *name;
		enum field_type type;
	} types[] = {
		{ "int", FIELD_INT },   { "number", FIELD_NUMBER }, { "bool", FIELD_BOOL },
		{ "enum", FIELD_ENUM }, { "list", FIELD_LIST },
	};
	for (size_t i = 0; i < COUNT(types); i++)
		if (str_eq(types[i].name, name))
			return types[i].type;
	return FIELD_STRING;
}

static char *copy(const struct json *v, const char *key)
{
	const char *text = json_get_str(v, key, NULL);
	return text ? xstrdup(text) : NULL;
}

static void set_value(struct field *f, const char *text)
{
	size_t n = utf8_floor(text, strnlen(text, VALUE_MAX - 1));
	memcpy(f->value, text, n);
	f->value[n] = '\0';
}

static void add_param(struct submit *s, const struct json *p)
{
	if (s->nfields >= FIELDS_MAX - 2)
		return;
	struct field *f = &s->field[s->nfields++];
	const struct json *choices = json_get(p, "choices"), *value = json_get(p, "default");
	f->is_param = true;
	f->name = copy(p, "name");
	f->help = copy(p, "help");
	f->pattern = copy(p, "pattern");
	f->required = json_get_bool(p, "required", false);
	f->secret = json_get_bool(p, "secret", false);
	f->type = type_of(json_get_str(p, "type", "string"));
	f->choices = xcalloc(json_count(choices) + 1, sizeof(*f->choices));
	for (const struct json *e = json_first(choices); e; e = json_next(e))
		f->choices[f->nchoices++] = xstrdup(json_str(e, ""));
	if (f->nchoices)
		f->type = FIELD_ENUM;
	if (json_type(value) == JSON_STRING) {
		set_value(f, json_str(value, ""));
	} else if (json_type(value) != JSON_NULL) {
		auto_str text = STR_INIT;
		json_add(&text, value);
		set_value(f, str_text(&text));
	}
}

static void add_own(struct submit *s, const char *name, const char *help, enum field_type type,
		    const char *value)
{
	struct field *f = &s->field[s->nfields++];
	f->name = xstrdup(name);
	f->help = xstrdup(help);
	f->type = type;
	set_value(f, value);
}

static void take_issues(struct submit *s, const struct json *body)
{
	const struct json *issues = json_get(body, "issues");
	clear_issues(s);
	s->issues = xcalloc(json_count(issues) + 1, sizeof(*s->issues));
	for (const struct json *e = json_first(issues); e; e = json_next(e))
		s->issues[s->nissues++] =
			xasprintf("%lld:%lld: %s%s%s", (long long)json_get_int(e, "line", 0),
				  (long long)json_get_int(e, "column", 0), json_get_str(e, "path", ""),
				  *json_get_str(e, "path", "") ? ": " : "",
				  json_get_str(e, "message", ""));
}

static void on_valid(void *ctx, const struct client_reply *r)
{
	struct submit *s = ctx;
	s->request = 0;
	s->c->dirty = true;
	if (r->code != ERR_OK) {
		say(s, r->err ? r->err->message : err_name(r->code));
		return;
	}
	take_issues(s, r->body);
	if (!json_get_bool(r->body, "valid", false)) {
		say(s, _("the workflow does not validate:"));
		return;
	}
	say(s, NULL);
	s->chosen = true;
	const struct json *params = json_get(r->body, "params");
	for (const struct json *p = json_first(params); p; p = json_next(p))
		add_param(s, p);
	add_own(s, N_("priority"), _("higher runs first"), FIELD_INT, "0");
	add_own(s, N_("hold"), _("keep it from starting until it is released"), FIELD_BOOL, "false");
	s->at = MIN((size_t)1, s->nfields - 1);
}

static void read_file(struct submit *s)
{
	struct err err = { 0 };
	auto_str body = STR_INIT;
	free(s->path);
	s->path = fs_absolute(s->dir, s->field[0].value);
	free(s->text);
	s->text = NULL;
	size_t len = 0;
	clear_issues(s);
	if (fs_read(s->path, WORKFLOW_MAX, &s->text, &len, &err)) {
		say(s, err.message);
		return;
	}
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	jw_strn(&w, "workflow", s->text, len);
	jw_str(&w, "file", s->path);
	auto_free char *dir = xstrdup(s->path);
	char *slash = strrchr(dir, '/');
	if (slash && slash != dir)
		*slash = '\0';
	jw_str(&w, "dir", dir);
	jw_end_obj(&w);
	say(s, NULL);
	s->request = client_send(s->c->client, "POST", "/v1/validate", str_text(&body), on_valid, s);
}

/* ---- checking and sending ---- */

static char *field_problem(const struct field *f)
{
	char *end = NULL;
	if (!*f->value)
		return f->required ? xasprintf(_("%s is required"), f->name) : NULL;
	if (f->type == FIELD_INT) {
		(void)strtoll(f->value, &end, 10);
		if (*end)
			return xasprintf(_("%s: expected a whole number"), f->name);
	} else if (f->type == FIELD_NUMBER) {
		(void)strtod(f->value, &end);
		if (*end)
			return xasprintf(_("%s: expected a number"), f->name);
	} else if (f->type == FIELD_BOOL) {
		if (!str_eq(f->value, "true") && !str_eq(f->value, "false"))
			return xasprintf(_("%s: expected true or false"), f->name);
	} else if (f->type == FIELD_LIST) {
		auto_json *v = NULL;
		if (json_parse(f->value, strlen(f->value), VALUE_MAX, &v, NULL) ||
		    json_type(v) != JSON_ARRAY)
			return xasprintf(_("%s: expected a list such as [\"a\", \"b\"]"), f->name);
	} else if (f->pattern) {
		auto_regex *re = NULL;
		size_t from, to;
		auto_free char *whole = xasprintf("^(?:%s)$", f->pattern);
		if (regex_new(whole, 0, &re, NULL) == ERR_OK &&
		    !regex_find(re, f->value, strlen(f->value), 0, &from, &to, NULL))
			return xasprintf(_("%s does not match %s"), f->name, f->pattern);
	}
	return NULL;
}

static void write_param(struct jw *w, const struct field *f)
{
	if (f->type == FIELD_STRING || f->type == FIELD_ENUM)
		jw_str(w, f->name, f->value);
	else if (f->type == FIELD_INT)
		jw_int(w, f->name, strtoll(f->value, NULL, 10));
	else if (f->type == FIELD_NUMBER)
		jw_num(w, f->name, strtod(f->value, NULL));
	else
		jw_raw(w, f->name, f->value);
}

static void on_order(void *ctx, const struct client_reply *r)
{
	struct submit *s = ctx;
	struct console *c = s->c;
	s->request = 0;
	c->dirty = true;
	if (r->code != ERR_OK) {
		say(s, r->err ? r->err->message : err_name(r->code));
		return;
	}
	auto_free char *id = safe_text(json_get(r->body, "id"));
	int64_t position = json_get_int(r->body, "position", -1);
	if (position > 0)
		console_say(c, ROLE_OK, _("submitted %s, number %lld in the queue"), id ? id : "?",
			    (long long)position);
	else
		console_say(c, ROLE_OK, _("submitted %s"), id ? id : "?");
	model_stale(&c->model, TOPIC_BIT(TOPIC_ORDERS) | TOPIC_BIT(TOPIC_RUNS) |
				       TOPIC_BIT(TOPIC_ENGINE));
	console_view(c, c->focus);
	submit_free(c);
}

static void send_order(struct submit *s)
{
	for (size_t i = 0; i < s->nfields; i++) {
		auto_free char *problem = field_problem(&s->field[i]);
		if (!problem)
			continue;
		s->at = i;
		say(s, problem);
		return;
	}
	auto_str body = STR_INIT;
	struct jw w = jw_begin(&body);
	auto_free char *dir = xstrdup(s->path);
	char *slash = strrchr(dir, '/');
	if (slash && slash != dir)
		*slash = '\0';
	jw_obj(&w, NULL);
	jw_str(&w, "workflow", s->text);
	jw_str(&w, "file", s->path);
	jw_str(&w, "dir", dir);
	jw_obj(&w, "params");
	for (size_t i = 0; i < s->nfields; i++)
		if (s->field[i].is_param && *s->field[i].value)
			write_param(&w, &s->field[i]);
	jw_end_obj(&w);
	jw_int(&w, "priority", strtoll(s->field[s->nfields - 2].value, NULL, 10));
	jw_bool(&w, "hold", str_eq(s->field[s->nfields - 1].value, "true"));
	jw_end_obj(&w);
	say(s, NULL);
	s->request = client_send(s->c->client, "POST", "/v1/orders", str_text(&body), on_order, s);
}

/* ---- keys ---- */

static void cycle(struct field *f, int by)
{
	static const char *const bools[] = { "false", "true" };
	size_t n = f->type == FIELD_BOOL ? 2 : f->nchoices, at = 0;
	for (size_t i = 0; i < n; i++)
		if (str_eq(f->value, f->type == FIELD_BOOL ? bools[i] : f->choices[i]))
			at = i;
	at = (at + n + (size_t)(by + (int)n)) % n;
	set_value(f, f->type == FIELD_BOOL ? bools[at] : f->choices[at]);
}

static void edit(struct submit *s, struct field *f, int key)
{
	size_t len = strlen(f->value);
	say(s, NULL);
	if (key == K_BACKSPACE) {
		while (len && ((unsigned char)f->value[len - 1] & 0xc0) == 0x80)
			len--;
		f->value[len ? len - 1 : 0] = '\0';
	} else if (key == K_CTRL('u')) {
		f->value[0] = '\0';
	} else if (key >= K_SPACE && key < K_SPECIAL) {
		auto_str one = STR_INIT;
		utf8_add(&one, (uint32_t)key);
		if (len + one.len < VALUE_MAX)
			memcpy(f->value + len, one.p, one.len + 1);
	}
}

static void choose_file(struct submit *s, int by)
{
	if (!s->nfiles)
		return;
	bool listed = false;
	for (size_t i = 0; i < s->nfiles; i++)
		listed = listed || str_eq(s->field[0].value, s->files[i]);
	if (listed)
		s->file = (s->file + s->nfiles + (size_t)(by + (int)s->nfiles)) % s->nfiles;
	set_value(&s->field[0], s->files[s->file]);
	say(s, NULL);
}

static bool submit_key(struct console *c, int key)
{
	struct submit *s = c->submit;
	if (!s || key == K_ESCAPE || key == K_CTRL('c')) {
		console_view(c, c->focus);
		submit_free(c);
		return true;
	}
	if (s->request)
		return true;
	struct field *f = &s->field[s->at];
	bool choice = f->type == FIELD_BOOL || f->type == FIELD_ENUM;
	c->dirty = true;
	if (!s->chosen && (key == K_DOWN || key == K_UP))
		choose_file(s, key == K_DOWN ? 1 : -1);
	else if (!s->chosen && key == K_ENTER)
		read_file(s);
	else if (key == K_TAB || key == K_DOWN)
		s->at = (s->at + 1) % s->nfields;
	else if (key == K_BACKTAB || key == K_UP)
		s->at = (s->at + s->nfields - 1) % s->nfields;
	else if (key == K_ENTER)
		send_order(s);
	else if (choice && (key == K_LEFT || key == K_RIGHT || key == K_SPACE))
		cycle(f, key == K_LEFT ? -1 : 1);
	else
		edit(s, f, key);
	if (s->chosen && s->at == 0) /* another file: begin again */
		s->at = key == K_BACKTAB || key == K_UP ? s->nfields - 1 : 1;
	return true;
}

/* ---- drawing ---- */

static void draw_field(struct console *c, struct rect r, int row, const struct field *f, bool here)
{
	char *masked = NULL;
	const char *value = f->value;
	if (f->secret) {
		masked = xcalloc(strlen(value) + 1, 1);
		memset(masked, '*', strlen(value));
		value = masked;
	}
	int label = 22;
	(void)cells_putf(c->cells, row, r.column + 2, label - 2, here ? ROLE_SELECTED : ROLE_TEXT,
			 "%s%s", !f->name ? "?" : f->is_param ? f->name : _(f->name), f->required ? " *" : "");
	int width = MIN(r.columns - label - 2, 60);
	uint32_t style = here ? ROLE_CURSOR : ROLE_TEXT | STYLE_UNDERLINE;
	cells_clear(c->cells, (struct rect){ row, r.column + label, 1, width }, style);
	int used = cells_puts(c->cells, row, r.column + label, width, style, value);
	if (here)
		screen_cursor(c->screen, row, r.column + label + used);
	const char *side = f->type == FIELD_ENUM || f->type == FIELD_BOOL ? _("Left Right choose") : "";
	(void)cells_puts(c->cells, row, r.column + label + width + 1, r.columns - label - width - 1,
			 ROLE_DIM, side);
	free(masked);
}

static void submit_draw(struct console *c, struct rect r, bool focused)
{
	struct submit *s = c->submit;
	if (!s)
		return;
	draw_title(c, r, focused, 0, _(pane_submit.title), s->chosen ? s->path : s->dir,
		   s->chosen ? _("Tab next  Enter submits  Esc leaves") : _("Enter reads  Esc leaves"));
	int row = r.row + 2, end = r.row + r.rows;
	size_t first = s->chosen ? 1 : 0;
	for (size_t i = first; i < s->nfields && row < end - 3; i++)
		draw_field(c, r, row++, &s->field[i], i == s->at);
	const char *help = s->field[s->at].help;
	if (help && row < end)
		(void)cells_puts(c->cells, row + 1, r.column + 2, r.columns - 2, ROLE_DIM, help);
	row += 3;
	if (s->request && row < end)
		(void)cells_puts(c->cells, row++, r.column + 2, r.columns - 2, ROLE_DIM, _("asking ..."));
	if (s->problem && row < end)
		(void)cells_puts(c->cells, row++, r.column + 2, r.columns - 2, ROLE_ALARM, s->problem);
	for (size_t i = 0; i < s->nissues && row < end; i++)
		(void)cells_puts(c->cells, row++, r.column + 2, r.columns - 2, ROLE_TEXT, s->issues[i]);
	for (size_t i = 0; !s->chosen && !s->nissues && i < s->nfiles && row < end; i++)
		(void)cells_puts(c->cells, row++, r.column + 4, r.columns - 4,
				 i == s->file ? ROLE_SELECTED : ROLE_TEXT, s->files[i]);
}

const struct pane_ops pane_submit = {
	.name = "submit",
	.title = N_("SUBMIT"),
	.draw = submit_draw,
	.key = submit_key,
	.parent = PANE_QUEUE,
};
