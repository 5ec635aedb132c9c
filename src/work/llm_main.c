/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-llm: one question to a language model as a step; see llm.h for what it reads and tells. */
#include "work/llm.h"

#include "base/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

static volatile sig_atomic_t stopped;

static void on_signal(int signal UNUSED)
{
	stopped = 1;
}

/* A step that is stopped still tells what it used. */
static void catch_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };
	for (size_t i = 0; i < COUNT(signals); i++)
		(void)sigaction(signals[i], &action, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static enum err_code read_stdin(struct str *s, struct err *err)
{
	for (;;) {
		str_reserve(s, 64 * KIB);
		ssize_t n = read(STDIN_FILENO, s->p + s->len, 64 * KIB);
		if (n < 0 && errno == EINTR && !stopped)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read the question"));
		if (n == 0)
			return ERR_OK;
		s->len += (size_t)n;
		if (s->len > LLM_SPEC_MAX)
			return err_set(err, ERR_TOO_LARGE, _("the question is larger than %d bytes"), LLM_SPEC_MAX);
	}
}

/* Prices that cannot be read are costs that are not known; the question is asked all the same. */
static struct price_table *read_prices(struct llm_run *r)
{
	auto_free char *text = NULL;
	struct price_table *t = NULL;
	size_t len = 0;
	struct err err;
	if (!r->spec->prices || !fs_exists(r->spec->prices))
		return NULL;
	if (fs_read(r->spec->prices, PRICE_FILE_MAX, &text, &len, &err) || price_table_new(text, len, &t, &err))
		llm_warn(r, _("warning: %s"), err.message);
	return t;
}

static void write_file(struct llm_run *r, const char *end, const struct str *text)
{
	struct err err;
	if (!r->spec->files)
		return;
	auto_free char *path = xasprintf("%s%s", r->spec->files, end);
	if (fs_write(path, str_text(text), text->len, 0600, &err))
		llm_warn(r, _("warning: %s"), err.message);
}

/* By rename, so that there is always a whole one. */
static bool write_output(const struct str *text)
{
	const char *path = getenv("PAWL_OUTPUT");
	struct err err;
	if (!path || fs_write(path, text->p, text->len, 0600, &err) == ERR_OK)
		return true;
	(void)fprintf(stderr, "pawl-llm: %s\n", err.message);
	return false;
}

static void keep_output(const struct llm_run *r)
{
	auto_str text = STR_INIT;
	llm_output(r, &text);
	(void)write_output(&text);
}

static bool ask(const struct llm_spec *s)
{
	struct llm_run r = { .spec = s, .stopped = &stopped, .keep = keep_output };
	auto_str prompt = STR_INIT, whole = STR_INIT, output = STR_INIT;
	auto_prices *prices = read_prices(&r);
	r.prices = prices;
	r.caller = llm_caller_new();
	r.out = redactor_new(s->secrets);
	llm_prompt_text(s, &prompt);
	write_file(&r, ".prompt.txt", &prompt);
	llm_chain(&r);
	if (r.class != CLASS_NONE)
		llm_note(&r, "%s", str_text(&r.message));
	llm_report(&r, true, &whole);
	write_file(&r, ".llm.json", &whole);
	llm_output(&r, &output);
	bool good = write_output(&output) && r.class == CLASS_NONE;
	redactor_free(r.out);
	llm_caller_free(r.caller);
	llm_run_done(&r);
	return good;
}

/* A question that is wrong: nothing was asked, and asking again does not help. */
static void refuse(const char *why)
{
	auto_str text = STR_INIT;
	struct jw w = jw_begin(&text);
	jw_obj(&w, NULL);
	jw_str(&w, "class", error_class_name(CLASS_EXPRESSION));
	jw_str(&w, "message", why);
	jw_end_obj(&w);
	(void)write_output(&text);
	(void)fprintf(stderr, "pawl-llm: %s\n", why);
}

int main(int argc, char **argv UNUSED)
{
	auto_str text = STR_INIT;
	struct llm_spec s = { 0 };
	struct err err;
	if (argc != 1) {
		(void)fputs("usage: pawl-llm < QUESTION.json\nThe worker starts it for a node of kind llm.\n", stderr);
		return LLM_EXIT_USAGE;
	}
	catch_signals();
	if (read_stdin(&text, &err) || llm_spec_parse(str_text(&text), text.len, &s, &err)) {
		refuse(err.message);
		return LLM_EXIT_USAGE;
	}
	explicit_bzero(text.p, text.len);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	bool good = ask(&s);
	llm_spec_done(&s);
	curl_global_cleanup();
	return good ? LLM_EXIT_OK : LLM_EXIT_FAILED;
}
