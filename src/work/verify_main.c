/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-verify: see verify.h for what it reads and writes. All checks of a level are run, so that all that is wrong
 * is told at once; a level that fails is the last. */
#include "work/verify.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/utf8.h"
#include "work/proto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define HEADER_COMMAND_MAX 200

/* ---- the log ---- */

static void say(const struct str *s)
{
	(void)!fs_write_all(STDOUT_FILENO, str_text(s), s->len);
}

static void add_command(struct str *s, const struct check *c)
{
	auto_str text = STR_INIT;
	const struct json *argv = json_get(c->v, "argv");
	for (const struct json *e = json_first(argv); e; e = json_next(e))
		str_addf(&text, " %s", json_str(e, ""));
	if (!text.len)
		return;
	str_add_char(s, ':');
	size_t n = utf8_floor(text.p, MIN(text.len, (size_t)HEADER_COMMAND_MAX));
	text_add_safe(s, text.p, n, SAFE_PLAIN, false);
	if (n < text.len)
		str_add(s, "…");
}

static void say_begin(const struct check *c)
{
	auto_str s = STR_INIT;
	str_addf(&s, "== %s %s", verify_level_name(c->level), c->name);
	add_command(&s, c);
	str_add_char(&s, '\n');
	say(&s);
}

static void say_end(const struct check *c)
{
	auto_str s = STR_INIT;
	str_addf(&s, "== %s %s: %s", verify_level_name(c->level), c->name, check_state_name(c->state));
	if (c->state == STATE_PASSED || c->state == STATE_FAILED) {
		str_add(&s, " in ");
		duration_add(&s, c->duration_ms);
	}
	if (c->message.len) {
		str_add(&s, ": ");
		text_add_safe(&s, c->message.p, c->message.len, SAFE_PLAIN, false);
	}
	str_add_char(&s, '\n');
	say(&s);
}

/* ---- checks ---- */

static enum err_code run_check(struct verify *v, struct check *c, struct err *err)
{
	/* clang-format off */
	static enum err_code (*const rows[CHECK_KIND_COUNT])(struct verify *v, struct check *c, struct err *err) = {
		[CHECK_FILES] = check_contract, [CHECK_FORBID] = check_contract, [CHECK_PATHS] = check_contract,
		[CHECK_SECRETS] = check_contract, [CHECK_RUN] = check_command, [CHECK_FIXTURE] = check_fixture,
	};
	/* clang-format on */
	int64_t began_us = clock_mono_us();
	say_begin(c);
	enum err_code code = rows[c->kind](v, c, err);
	if (c->kind != CHECK_RUN && c->kind != CHECK_FIXTURE)
		say(&c->output); /* that of commands went there as it came */
	c->duration_ms = (clock_mono_us() - began_us) / 1000;
	if (code)
		return code;
	if (c->state == STATE_FAILED && c->class == CLASS_NONE) {
		struct check_case k = { .level = c->level, .kind = c->kind, .name = c->name };
		c->class = classify_check(&k);
	}
	say_end(c);
	return ERR_OK;
}

static enum err_code run_checks(struct verify *v, struct err *err)
{
	enum verify_level level = LEVEL_L0;
	bool failed = false;
	for (size_t i = 0; i < v->nchecks; i++) {
		struct check *c = &v->checks[i];
		enum err_code code = ERR_OK;
		if (c->level != level && failed)
			break; /* the rest stays as not reached … */
		level = c->level;
		if (c->skip || v->skip_levels >> c->level & 1) {
			c->state = STATE_SKIPPED;
			say_end(c);
			continue;
		}
		code = run_check(v, c, err);
		if (code)
			return code;
		failed |= c->state == STATE_FAILED;
	}
	for (size_t i = 0; i < v->nchecks; i++) { /* … or as configured, which is known of it all the same */
		struct check *c = &v->checks[i];
		if (c->state == STATE_NOT_REACHED && (c->skip || v->skip_levels >> c->level & 1))
			c->state = STATE_SKIPPED;
	}
	return ERR_OK;
}

/* ---- files ---- */

static void write_report(struct verify *v)
{
	auto_str json = STR_INIT;
	struct err err;
	if (!v->report)
		return;
	verify_add_report(v, &json);
	if (!fs_write(v->report, json.p, json.len, 0600, &err))
		return;
	v->report_lost = true;
	(void)fprintf(stderr, "pawl-verify: %s: %s\n", v->report, err.message);
}

/* With rename: half a report is none. The worker reads it in this boot, so the disk need not have it. */
static bool write_output(const struct str *json)
{
	const char *path = getenv("PAWL_OUTPUT");
	if (!path)
		return true;
	auto_free char *temporary = xasprintf("%s.new", path);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good = fd >= 0 && fs_write_all(fd, json->p, json->len);
	if (fd >= 0)
		(void)close(fd);
	if (good && rename(temporary, path) == 0)
		return true;
	(void)fprintf(stderr, "pawl-verify: %s: %s\n", path, strerror(errno));
	(void)unlink(temporary);
	return false;
}

static enum verify_exit finish(struct verify *v, int64_t began_us)
{
	auto_str json = STR_INIT;
	v->duration_ms = (clock_mono_us() - began_us) / 1000;
	write_report(v);
	verify_add_output(v, OUTPUTS_MAX, &json);
	if (!write_output(&json))
		return VERIFY_FAULT;
	return verify_passed(v) ? VERIFY_PASSED : VERIFY_REJECTED;
}

/* A fault of pawl-verify itself: what it was, and no report that could be taken for one. */
static enum verify_exit fault(const struct verify *v, const struct err *err)
{
	auto_str json = STR_INIT, clean = STR_INIT;
	if (v && v->secrets)
		redact_text(v->secrets, err->message, strlen(err->message), &clean);
	else
		str_add(&clean, err->message);
	struct jw w = jw_begin(&json);
	jw_obj(&w, NULL);
	jw_str(&w, "class", error_class_name(CLASS_SYSTEM));
	jw_str(&w, "message", str_text(&clean));
	jw_end_obj(&w);
	(void)fprintf(stderr, "pawl-verify: %s\n", str_text(&clean));
	(void)write_output(&json);
	return VERIFY_FAULT;
}

static enum err_code read_stdin(struct str *s, struct err *err)
{
	for (;;) {
		str_reserve(s, 64 * KIB);
		ssize_t n = read(STDIN_FILENO, s->p + s->len, 64 * KIB);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read the spec"));
		if (n == 0)
			return ERR_OK;
		s->len += (size_t)n;
		if (s->len > VERIFY_SPEC_MAX)
			return err_set(err, ERR_TOO_LARGE, _("the spec is larger than %d bytes"), VERIFY_SPEC_MAX);
	}
}

int main(int argc, char **argv UNUSED)
{
	auto_str text = STR_INIT;
	struct verify v = { .root = -1 };
	struct err err;
	int64_t began_us = clock_mono_us();
	if (argc != 1) {
		(void)fputs("usage: pawl-verify < SPEC.json\nThe worker starts it for the checks of a node.\n", stderr);
		return VERIFY_FAULT;
	}
	/* Whoever leaves his parent in a check comes to us, and is ended with it. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (read_stdin(&text, &err) || verify_parse(str_text(&text), text.len, &v, &err))
		return (int)fault(NULL, &err);
	v.began_ms = clock_wall_ms();
	enum err_code code = tree_open(&v, &err);
	if (!code)
		code = run_checks(&v, &err);
	enum verify_exit end = code ? fault(&v, &err) : finish(&v, began_us);
	verify_done(&v);
	return (int)end;
}
