/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Standing where an attempt stood: what a client needs for a shell there, and the hold that keeps the place. */
#include "api/api_internal.h"

#include "base/fs.h"
#include "store/steer.h"

#include <stdio.h>
#include <string.h>

struct shell {
	struct jw *w;
	struct hold_row hold; /* its texts are not used */
};

static void show_stand(void *ctx, const struct stand *s)
{
	struct jw *w = ((struct shell *)ctx)->w;
	if (s->argv) {
		jw_arr(w, "argv");
		for (const char *const *p = s->argv; *p; p++)
			jw_str(w, NULL, *p);
		jw_end_arr(w);
	} else {
		jw_null(w, "argv");
	}
	jw_str(w, "script", s->script);
	jw_obj(w, "env");
	for (size_t i = 0; i < s->nenv; i++) {
		const char *equals = strchr(s->env[i], '=');
		auto_free char *name = equals ? xstrndup(s->env[i], (size_t)(equals - s->env[i])) : NULL;
		if (name)
			jw_str(w, name, equals + 1);
	}
	jw_end_obj(w);
	jw_str(w, "cwd", s->cwd);
	jw_obj(w, "limits");
	jw_int(w, "memory_bytes", s->memory_bytes);
	jw_int(w, "cpu_s", s->cpu_s);
	jw_int(w, "file_bytes", s->file_bytes);
	jw_int(w, "open_files", s->open_files);
	jw_int(w, "processes", s->processes);
	jw_end_obj(w);
}

static void note_open(void *ctx, const struct hold_row *h)
{
	struct shell *s = ctx;
	if (!h->ended_ms)
		s->hold = *h;
}

/* Steps have the engine's. */
static int own_umask(void)
{
	auto_free char *text = NULL;
	if (fs_read("/proc/self/status", 64 * KIB, &text, NULL, NULL))
		return 022;
	const char *line = strstr(text, "\nUmask:");
	return line ? (int)strtol(line + 7, NULL, 8) : 022;
}

enum err_code show_shell(struct request *r, struct jw *w, id_t64 run, struct err *err)
{
	struct shell s = { .w = w };
	struct api *a = r->api;
	struct attempt_row at;
	enum err_code code = store_holds_of(a->store, run, note_open, &s, err);
	if (!code && !s.hold.number)
		code = err_set(err, ERR_CONFLICT, _("the hold has ended already"));
	bool tried = !code && s.hold.token && !store_attempt_get(a->store, s.hold.token, &at, NULL);
	if (code)
		return code;
	at.message = at.tail = at.retry_reason = at.boot_id = NULL;
	jw_obj(w, NULL);
	jw_int(w, "hold", s.hold.number);
	jw_id(w, "run", 'r', run);
	jw_node(a, w, "node", run, s.hold.idx);
	auto_free char *numbers = tried ? xasprintf("%d.%d.%d", at.generation, at.iteration, at.attempt) : NULL;
	jw_str(w, "attempt", numbers);
	jw_str(w, "state", tried ? state_name(ENTITY_ATTEMPT, (int)at.state) : "pending");
	code = engine_stand(a->engine, run, r->args[1], tried ? &at : NULL, show_stand, &s, err);
	jw_int(w, "umask", own_umask());
	jw_int(w, "lease_ms", HOLD_LEASE_MS);
	jw_int(w, "until_ms", s.hold.until_ms);
	jw_end_obj(w);
	return code;
}

static enum err_code begin(struct request *r, struct command *c, int *ret_idx, struct err *err)
{
	int64_t number = 0;
	c->nodes = &r->args[1];
	c->nnodes = 1;
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &c->id, err);
	if (!code)
		code = node_find(r->api, c->id, r->args[1], ret_idx, err);
	if (!code)
		code = body_number(r->json, "hold", 0, 1, INT32_MAX, &number, err);
	if (!code)
		code = body_text(r->json, "reason", &c->reason, err);
	c->number = (int)number;
	return code;
}

static void drop(void *ctx UNUSED, const struct stand *s UNUSED)
{
}

enum err_code api_shell(struct request *r, struct err *err)
{
	struct command c = { .exit_code = -1 };
	int idx, v[3] = { -1, -1, -1 };
	const char *attempt = NULL;
	struct attempt_row at;
	enum err_code code = begin(r, &c, &idx, err);
	if (!code)
		code = body_text(r->json, "attempt", &attempt, err);
	if (!code && attempt)
		code = attempt_numbers(attempt, v, err);
	if (code)
		return code;
	code = read_attempt(r->api->store, c.id, idx, v[0], v[1], v[2], &at, err);
	if (code == ERR_NOT_FOUND && !attempt)
		code = ERR_OK; /* it has not run: where it would stand */
	else if (!code)
		c.token = at.token;
	if (c.token)
		at.message = at.tail = at.retry_reason = at.boot_id = NULL;
	/* What cannot be made again cannot be stood in: better told before it is held. */
	if (!code)
		code = engine_stand(r->api->engine, c.id, r->args[1], c.token ? &at : NULL, drop, NULL, err);
	if (!code)
		command_start(r, &c);
	return code;
}

enum err_code api_shell_renew(struct request *r, struct err *err)
{
	struct command c = { .exit_code = -1 };
	int idx;
	enum err_code code = begin(r, &c, &idx, err);
	if (!code)
		command_start(r, &c);
	return code;
}

enum err_code api_shell_end(struct request *r, struct err *err)
{
	static const char *const outcomes[] = { "leave", "retry", "done" };
	struct command c = { .outcome = SHELL_LEAVE };
	const char *outcome = "leave";
	int64_t exit_code = -1;
	int idx;
	enum err_code code = begin(r, &c, &idx, err);
	if (!code)
		code = body_text(r->json, "outcome", &outcome, err);
	if (!code)
		code = body_number(r->json, "exit_code", -1, 0, 255, &exit_code, err);
	if (code)
		return code;
	size_t i = 0;
	while (i < COUNT(outcomes) && !str_eq(outcomes[i], outcome ? outcome : "leave"))
		i++;
	if (i == COUNT(outcomes))
		return err_set(err, ERR_USAGE, _("outcome: \"%.40s\"; possible are leave, retry and done"), outcome);
	const struct json *outputs = json_get(r->json, "outputs");
	c.outputs = json_type(outputs) == JSON_NULL ? NULL : outputs;
	c.outcome = (enum shell_outcome)i;
	c.exit_code = (int)exit_code;
	command_start(r, &c);
	return ERR_OK;
}
