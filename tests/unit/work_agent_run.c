/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node of kind agent, from the node through a real worker and a real pawl-agent to a scripted agent program,
 * and back to class, outputs, report and the files beside the log. */
#include "tests/unit/work_engine.h"
#include "work/executor.h"

static struct engine e;
static char libexec[256];

static void open_all(void)
{
	ck_assert_ptr_nonnull(getcwd(libexec, sizeof(libexec)));
	engine_open(&e);
}

static void close_all(void)
{
	engine_close(&e);
}

/* ---- a node ---- */

struct answer {
	struct step_result r; /* texts are not kept */
	struct step_end end;
	struct json *outputs, *report;
	char *log;
};

static struct tmpl *text(const char *s)
{
	struct tmpl *t = NULL;
	struct err err;
	ck_assert_msg(tmpl_new(s, strlen(s), &t, NULL, &err) == ERR_OK, "%s", err.message);
	return t;
}

/* A node of an agent whose prompt is "make it so", or `long_prompt` bytes more. */
struct trial {
	enum agent_adapter adapter;
	enum prompt_via via;
	const char *script;
	size_t long_prompt;
	int64_t timeout_ms, max_stdout;
	const char *feedback;
	const char *log_folder; /* instead of the engine's */
};

struct prepared {
	struct graph_node node;
	struct step_build b;
	struct proto_message m;
	char *script, *log_path;
};

static void prepare(const struct trial *t, struct prepared *p)
{
	static const char *const secrets[] = { "letmein-123", NULL };
	auto_str prompt = STR_INIT;
	struct err err;
	str_add(&prompt, "make it so, letmein-123");
	for (size_t i = 0; i < t->long_prompt; i++)
		str_add_char(&prompt, 'p');
	*p = (struct prepared){ .node = { .name = (char[]){ "fix" }, .kind = NODE_AGENT } };
	p->script = xstrdup(t->script);
	p->node.agent = (struct node_agent){ .command = { .shell = SHELL_SH, .script = p->script },
					     .adapter = t->adapter, .prompt = text(prompt.p), .prompt_via = t->via,
					     .max_stdout = t->max_stdout ? t->max_stdout : MIB, .max_stderr = MIB,
					     .tool_calls = true };
	struct expr_scope scope = { 0 };
	struct step_context c = { .node = &p->node, .scope = &scope, .libexec = libexec, .iteration = 2,
				  .feedback = t->feedback };
	spec_init(&e, &p->m);
	p->b.spec = p->m.spec;
	if (t->log_folder) {
		p->log_path = xasprintf("%s/1.log", t->log_folder);
		p->b.spec.log_path = p->log_path;
	}
	p->b.spec.secrets = secrets;
	p->b.spec.timeout_ms = t->timeout_ms;
	p->b.spec.grace_ms = 5000;
	step_env(&p->b, "PATH", "/usr/bin:/bin");
	step_env(&p->b, "PAWL_ITERATION", "2");
	step_env(&p->b, "PAWL_HOME", e.home);
	ck_assert_msg(executor_for(NODE_AGENT)->prepare(&c, &p->b, &err) == ERR_OK, "%s", err.message);
	for (size_t i = 0; p->b.spec.argv[i]; i++)
		ck_assert(!strstr(p->b.spec.argv[i], "make it so"));
	p->m.spec = p->b.spec;
}

static void prepared_done(struct prepared *p)
{
	p->b.secrets = NULL;
	step_build_done(&p->b);
	tmpl_free(p->node.agent.prompt);
	free(p->script);
	free(p->log_path);
}

static void parse(const struct str *s, struct json **ret)
{
	struct err err;
	*ret = NULL;
	if (s->len)
		ck_assert_msg(json_parse(s->p, s->len, MIB, ret, &err) == ERR_OK, "%s", err.message);
}

static void judge(const struct prepared *p, struct proto_message *result, struct answer *ret)
{
	*ret = (struct answer){ .r = result->result };
	step_end_take(&p->node, &ret->r, &ret->end);
	parse(&ret->end.outputs, &ret->outputs);
	parse(&ret->end.report, &ret->report);
	ret->log = engine_log(&e);
}

static void ask(const struct trial *t, struct answer *ret)
{
	struct prepared p;
	struct proto_message result;
	prepare(t, &p);
	engine_run(&e, &p.m, &result);
	judge(&p, &result, ret);
	proto_done(&result);
	prepared_done(&p);
}

static void answer_done(struct answer *a)
{
	step_end_done(&a->end);
	json_free(a->outputs);
	json_free(a->report);
	free(a->log);
}

static char *beside_log(const char *ending)
{
	auto_free char *path = xasprintf("%s/logs/%d%s", e.home, (int)e.token, ending);
	char *bytes;
	struct err err;
	ck_assert_msg(fs_read(path, 64 * MIB, &bytes, NULL, &err) == ERR_OK, "%s", err.message);
	return bytes;
}

static struct json *kept_result(void)
{
	auto_free char *bytes = beside_log(".agent.json");
	struct json *v = NULL;
	ck_assert_int_eq(json_parse(bytes, strlen(bytes), 64 * MIB, &v, NULL), ERR_OK);
	return v;
}

static char *fixture(const char *name)
{
	const char *srcdir = getenv("srcdir");
	auto_free char *path = xasprintf("%s/tests/fixtures/agent/%s", srcdir ? srcdir : "..", name);
	return realpath(path, NULL);
}

/* ---- the tests ---- */

START_TEST(an_agent_succeeds)
{
	auto_free char *stream = fixture("claude-success.jsonl");
	auto_free char *script = xasprintf("cat > got; echo careful >&2; cat %s; echo more=1 > \"$PAWL_OUTPUT\"", stream);
	struct trial t = { .adapter = ADAPTER_CLAUDE, .script = script, .feedback = "The last try failed." };
	struct answer a;
	auto_free char *prompt = NULL, *got = engine_path(&e, "got");
	ask(&t, &a);
	ck_assert_msg(a.r.class == CLASS_NONE, "%s\n%s", str_text(&a.end.message), a.log);
	ck_assert_int_eq(fs_read(got, MIB, &prompt, NULL, NULL), ERR_OK);
	ck_assert_str_eq(prompt, "make it so, letmein-123\n\nThe last try failed.");
	ck_assert_str_eq(json_get_str(a.outputs, "text", ""), "A semicolon is missing.\n\nIt is mended now.");
	ck_assert_str_eq(json_get_str(a.outputs, "cost_usd", ""), "0.050217");
	ck_assert_str_eq(json_get_str(a.outputs, "more", ""), "1");
	ck_assert_str_eq(json_get_str(a.report, "kind", ""), "agent");
	ck_assert_ptr_nonnull(strstr(a.log, "agent> It is mended now.\n"));
	ck_assert_ptr_nonnull(strstr(a.log, "careful\n"));
	auto_free char *raw = beside_log(".stream.jsonl"), *whole = NULL, *asked = beside_log(".prompt.txt");
	ck_assert_int_eq(fs_read(stream, MIB, &whole, NULL, NULL), ERR_OK);
	ck_assert_str_eq(raw, whole);
	ck_assert_str_eq(asked, "make it so, ***\n\nThe last try failed.");
	auto_json *kept = kept_result();
	ck_assert_str_eq(json_get_str(kept, "stdout", ""), whole);
	ck_assert_str_eq(json_get_str(kept, "stderr", ""), "careful\n");
	ck_assert_int_eq(json_get_int(kept, "iteration", 0), 2);
	ck_assert(json_get_bool(kept, "complete", false));
	auto_free char *name = xasprintf("%d.agent.json", (int)e.token);
	ck_assert_str_eq(json_get_str(json_get(a.report, "files"), "result", ""), name);
	answer_done(&a);
}
END_TEST

/* clang-format off */
static const struct {
	enum agent_adapter adapter;
	const char *script;
	enum error_class class;
	int exit_code;
	const char *says;
} failures[] = {
	{ ADAPTER_CLAUDE, "echo 'cannot log in' >&2; exit 3",            CLASS_AGENT_CRASH,   3,   "ended with exit code 3 and told no result: cannot log in" },
	{ ADAPTER_CLAUDE, "exit 0",                                      CLASS_AGENT_CRASH,   1,   "and told no result" },
	{ ADAPTER_CLAUDE, "cat $FIXTURES/claude-truncated.jsonl; kill -9 $$", CLASS_AGENT_CRASH, 137, "was ended by signal 9" },
	{ ADAPTER_CLAUDE, "cat $FIXTURES/claude-is-error.jsonl",         CLASS_AGENT_FAILURE, 1,   "API Error: 529 overloaded" },
	{ ADAPTER_CLAUDE, "cat $FIXTURES/claude-max-turns.jsonl; exit 1", CLASS_AGENT_FAILURE, 1,  "error_max_turns after 30 turns" },
	{ ADAPTER_CLAUDE, "cat $FIXTURES/claude-success.jsonl; exit 4",  CLASS_AGENT_FAILURE, 4,   "told success, but ended with exit code 4" },
	{ ADAPTER_CODEX,  "cat $FIXTURES/codex-failed.jsonl; exit 1",    CLASS_AGENT_FAILURE, 1,   "stream disconnected" },
	{ ADAPTER_TEXT,   "echo no; exit 2",                             CLASS_AGENT_CRASH,   2,   "ended with exit code 2" },
	{ ADAPTER_TEXT,   "no-such-agent-program",                       CLASS_SPAWN,         127, "no-such-agent-program cannot be started" },
};
/* clang-format on */

START_TEST(a_failure_has_its_class)
{
	auto_free char *stream = fixture("claude-success.jsonl");
	*strrchr(stream, '/') = '\0';
	auto_free char *script = str_starts(failures[_i].script, "no-such") ?
					 xstrdup(failures[_i].script) :
					 xasprintf("FIXTURES=%s; %s", stream, failures[_i].script);
	struct trial t = { .adapter = failures[_i].adapter, .script = script };
	struct answer a;
	ask(&t, &a);
	ck_assert_msg(a.r.class == failures[_i].class, "%s: %s", error_class_name(a.r.class), a.log);
	ck_assert_int_eq(a.r.exit_code, failures[_i].exit_code);
	ck_assert_msg(strstr(str_text(&a.end.message), failures[_i].says), "%s", str_text(&a.end.message));
	ck_assert(!json_get_bool(a.report, "success", true));
	auto_json *kept = kept_result();
	ck_assert(json_get_bool(kept, "complete", false));
	ck_assert_str_eq(json_get_str(kept, "class", ""), error_class_name(failures[_i].class));
	answer_done(&a);
}
END_TEST

/* Both write before they read: each must go on all the same. */
START_TEST(a_long_prompt_and_a_talkative_agent_do_not_wait_for_each_other)
{
	struct trial t = { .adapter = ADAPTER_TEXT, .long_prompt = 900 * KIB,
			   .script = "head -c 3000000 /dev/zero | tr '\\0' x; head -c 1000000 /dev/zero | tr '\\0' y >&2; echo; wc -c" };
	struct answer a;
	ask(&t, &a);
	ck_assert_int_eq(a.r.class, CLASS_NONE);
	ck_assert_msg(strstr(json_get_str(a.outputs, "text", ""), "\n921623"), "the prompt was not whole");
	auto_json *kept = kept_result();
	ck_assert_int_eq(json_get_int(kept, "stderr_bytes", 0), 1000000);
	ck_assert_int_eq(json_get_int(kept, "stdout_bytes", 0), 3000008);
	ck_assert(json_get_bool(kept, "stdout_truncated", false));
	answer_done(&a);
}
END_TEST

START_TEST(an_agent_need_not_read_its_prompt)
{
	struct trial t = { .adapter = ADAPTER_TEXT, .long_prompt = 900 * KIB, .script = "exec <&-; printf done" };
	struct answer a;
	ask(&t, &a);
	ck_assert_int_eq(a.r.class, CLASS_NONE);
	ck_assert_str_eq(json_get_str(a.outputs, "text", ""), "done");
	answer_done(&a);
}
END_TEST

/* clang-format off */
static const struct { enum prompt_via via; const char *script; } ways[] = {
	{ PROMPT_STDIN,    "cat" },
	{ PROMPT_ARGUMENT, "printf %s" },
	{ PROMPT_ARGUMENT, "printf '%s'" },
	{ PROMPT_ARGUMENT, "x=\"$1\"; printf '%s' \"$x\"; cat" },
	{ PROMPT_FILE,     "cat; cat \"$PAWL_PROMPT_FILE\"" },
};
/* clang-format on */

START_TEST(a_prompt_goes_every_way)
{
	struct trial t = { .adapter = ADAPTER_TEXT, .via = ways[_i].via, .script = ways[_i].script };
	struct answer a;
	ask(&t, &a);
	/* It is what the agent was given that is masked on its way out. */
	ck_assert_msg(str_eq(json_get_str(a.outputs, "text", "?"), "make it so, ***"), "%s: %s", a.log,
		      json_get_str(a.outputs, "text", "?"));
	answer_done(&a);
}
END_TEST

START_TEST(a_failure_shows_its_last_lines)
{
	struct trial t = { .adapter = ADAPTER_TEXT, .script = "seq 100; seq 200 300 >&2; echo letmein-123 >&2; exit 1" };
	struct answer a;
	ask(&t, &a);
	const char *tail = json_get_str(a.report, "stderr_tail", "");
	ck_assert_msg(str_starts(tail, "252\n") && str_eq(tail + strlen(tail) - 8, "300\n***\n"), "%s", tail);
	auto_json *kept = kept_result();
	ck_assert(str_starts(json_get_str(kept, "stdout_tail", ""), "51\n52\n"));
	answer_done(&a);
}
END_TEST

START_TEST(a_long_argument_is_refused)
{
	struct graph_node node = { .name = (char[]){ "fix" }, .kind = NODE_AGENT };
	auto_free char *prompt = xmalloc(200 * KIB), *script = xstrdup("x");
	memset(prompt, 'p', 200 * KIB);
	prompt[200 * KIB - 1] = '\0';
	node.agent = (struct node_agent){ .command = { .shell = SHELL_SH, .script = script },
					  .prompt = text(prompt), .prompt_via = PROMPT_ARGUMENT };
	struct expr_scope scope = { 0 };
	struct step_context c = { .node = &node, .scope = &scope, .libexec = libexec };
	struct step_build b = { .spec = { .log_path = "/x.log" } };
	struct err err;
	ck_assert_int_eq(executor_for(NODE_AGENT)->prepare(&c, &b, &err), ERR_TOO_LARGE);
	ck_assert_ptr_nonnull(strstr(err.message, "prompt_via: stdin or file"));
	step_build_done(&b);
	tmpl_free(node.agent.prompt);
}
END_TEST

START_TEST(no_secret_is_written)
{
	struct trial t = { .adapter = ADAPTER_CLAUDE,
			   .script = "cat > /dev/null; echo letmein-123 >&2;"
				     "printf '{\"type\":\"assistant\",\"session_id\":\"letmein-123\",\"message\":{\"id\":\"m\",\"content\":"
				     "[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{\"command\":\"curl -H letmein-123\"}}]}}\\n';"
				     "printf '{\"type\":\"result\",\"subtype\":\"success\",\"result\":\"it is let'; sleep 0.1;"
				     "printf 'mein-123\"}\\n'" };
	struct answer a;
	ask(&t, &a);
	ck_assert_int_eq(a.r.class, CLASS_NONE);
	auto_free char *raw = beside_log(".stream.jsonl"), *kept = beside_log(".agent.json"), *prompt = beside_log(".prompt.txt");
	const char *const texts[] = { a.log, raw, kept, prompt, a.end.outputs.p, a.end.report.p };
	for (size_t i = 0; i < COUNT(texts); i++)
		ck_assert_msg(!strstr(texts[i], "mein-123"), "text %zu: %s", i, texts[i]);
	ck_assert_str_eq(json_get_str(a.outputs, "text", ""), "it is ***");
	ck_assert_ptr_nonnull(strstr(a.log, "tool> Bash curl -H ***"));
	answer_done(&a);
}
END_TEST

/* The folder of the log is not there and cannot be made: that is told, and the agent's success stays. */
START_TEST(files_that_cannot_be_written_are_warnings)
{
	auto_free char *stream = fixture("claude-success.jsonl");
	auto_free char *script = xasprintf("cat %s", stream);
	struct trial t = { .adapter = ADAPTER_CLAUDE, .script = script, .log_folder = "/proc/no-such-folder" };
	struct answer a;
	ask(&t, &a);
	ck_assert_int_eq(a.r.class, CLASS_NONE);
	ck_assert_str_eq(json_get_str(a.outputs, "session_id", ""), "0f7c2a9e-5b1d-4c3e-9a60-2f4d8b7e6c11");
	ck_assert_uint_eq(json_count(json_get(a.report, "warnings")), 3);
	ck_assert_int_eq(json_type(json_get(json_get(a.report, "files"), "result")), JSON_NULL);
	ck_assert_int_eq(json_type(json_get(json_get(a.report, "files"), "stream")), JSON_NULL);
	answer_done(&a);
}
END_TEST

/* ---- while it runs ---- */

/* Prints two messages, waits for the file "go", prints the rest. */
static char *slow_agent(const char *after)
{
	auto_free char *stream = fixture("claude-parallel.jsonl");
	return xasprintf("head -n 5 %s; touch waiting; while ! [ -e go ]; do sleep 0.02; done; tail -n +6 %s; %s", stream,
			 stream, after);
}

static int64_t usage_sum(const struct json *report, const char *key)
{
	int64_t n = 0;
	for (const struct json *u = json_first(json_get(report, "usage")); u; u = json_next(u))
		n += json_get_int(u, key, 0);
	return n;
}

START_TEST(the_transcript_comes_while_it_runs)
{
	auto_free char *script = slow_agent("true");
	struct trial t = { .adapter = ADAPTER_CLAUDE, .script = script };
	struct prepared p;
	struct proto_message result;
	struct answer a;
	prepare(&t, &p);
	engine_send(&e, &p.m);
	wait_for_log(&e, "tool> Task Find callers\n");
	wait_for_log(&e, "usage> ");
	make_file(&e, "go", "", 0600);
	engine_wait(&e, MSG_RESULT, &result);
	engine_ack(&e, &result);
	judge(&p, &result, &a);
	ck_assert_int_eq(a.r.class, CLASS_NONE);
	ck_assert_int_eq(usage_sum(a.report, "output"), 205);
	answer_done(&a);
	proto_done(&result);
	prepared_done(&p);
}
END_TEST

/* The engine dies in the middle of the stream and comes back: the agent went on, its transcript, result and
 * raw stream are whole, and what it used is told once, with the token of the attempt. */
START_TEST(an_agent_outlives_the_engine)
{
	auto_free char *script = slow_agent("touch finished"), *stream = fixture("claude-parallel.jsonl");
	struct trial t = { .adapter = ADAPTER_CLAUDE, .script = script };
	struct prepared p;
	struct proto_message hello, result;
	struct answer a;
	prepare(&t, &p);
	engine_send(&e, &p.m);
	wait_for_log(&e, "tool> Task");
	engine_vanish(&e);
	make_file(&e, "go", "", 0600);
	wait_for_file(&e, "finished");
	engine_listen(&e);
	engine_accept(&e, &hello);
	engine_send(&e, &(struct proto_message){ .type = MSG_WELCOME, .key = hello.hello.key, .keep = true });
	proto_done(&hello);
	engine_wait(&e, MSG_RESULT, &result);
	engine_ack(&e, &result);
	judge(&p, &result, &a);
	ck_assert_int_eq(result.result.key.token, p.m.spec.key.token);
	ck_assert_int_eq(a.r.class, CLASS_NONE);
	ck_assert_int_eq(usage_sum(a.report, "output"), 205);
	ck_assert_int_eq(usage_sum(a.report, "cost_micro_usd"), 31200);
	ck_assert_ptr_nonnull(strstr(a.log, "agent> One test fails: tests/log.\n"));
	auto_free char *raw = beside_log(".stream.jsonl"), *whole = NULL;
	ck_assert_int_eq(fs_read(stream, MIB, &whole, NULL, NULL), ERR_OK);
	ck_assert_str_eq(raw, whole);
	answer_done(&a);
	proto_done(&result);
	prepared_done(&p);
}
END_TEST

static void stop_in_the_middle(const struct trial *t, enum step_signal how, struct answer *ret)
{
	struct prepared p;
	struct proto_message result;
	prepare(t, &p);
	engine_send(&e, &p.m);
	wait_for_log(&e, "tool> Task");
	if (how == STEP_KILL) {
		wait_for_log(&e, "usage> "); /* the report is written after it … */
		auto_free char *spool = xasprintf("%s/spool/w%d/%d", e.home, (int)e.worker, (int)e.token);
		for (int64_t until = 0; waiting(&until);) { /* … and then has all that was printed */
			auto_free char *bytes = NULL;
			if (fs_read(spool, MIB, &bytes, NULL, NULL) == ERR_OK && strstr(bytes, "\"tool_calls\":\"3\""))
				break;
		}
	}
	if (!t->timeout_ms)
		engine_signal(&e, how, 5000);
	engine_wait(&e, MSG_RESULT, &result);
	engine_ack(&e, &result);
	judge(&p, &result, ret);
	proto_done(&result);
	prepared_done(&p);
}

static void check_half(const struct answer *a)
{
	ck_assert_msg(a->report, "%s", a->log);
	ck_assert(!json_get_bool(a->report, "success", true));
	ck_assert_int_eq(json_get_int(a->report, "tool_calls", 0), 3);
	ck_assert_int_eq(usage_sum(a->report, "output"), 120); /* of the three lines of one message: once */
	ck_assert_int_eq(usage_sum(a->report, "cache_read"), 5000);
	ck_assert_uint_eq(json_count(json_get(a->report, "breakers")), 0);
}

START_TEST(a_canceled_agent_leaves_what_it_did)
{
	auto_free char *script = slow_agent("true");
	struct trial t = { .adapter = ADAPTER_CLAUDE, .script = script };
	struct answer a;
	stop_in_the_middle(&t, STEP_CANCEL, &a);
	ck_assert_int_eq(a.r.class, CLASS_CANCELED);
	check_half(&a);
	auto_json *kept = kept_result();
	ck_assert(json_get_bool(kept, "complete", false));
	ck_assert_uint_eq(json_count(json_get(kept, "tool_calls")), 3);
	answer_done(&a);
}
END_TEST

START_TEST(a_killed_one_leaves_its_last_report)
{
	auto_free char *script = slow_agent("true");
	struct trial t = { .adapter = ADAPTER_CLAUDE, .script = script };
	struct answer a;
	stop_in_the_middle(&t, STEP_KILL, &a);
	ck_assert_int_eq(a.r.class, CLASS_CANCELED);
	check_half(&a);
	auto_json *kept = kept_result();
	ck_assert(!json_get_bool(kept, "complete", true));
	auto_free char *raw = beside_log(".stream.jsonl");
	ck_assert_ptr_nonnull(strstr(raw, "toolu_c"));
	answer_done(&a);
}
END_TEST

START_TEST(a_time_limit_is_the_agents)
{
	auto_free char *script = slow_agent("true");
	struct trial t = { .adapter = ADAPTER_CLAUDE, .script = script, .timeout_ms = 1500 };
	struct answer a;
	stop_in_the_middle(&t, STEP_CANCEL, &a);
	ck_assert_int_eq(a.r.class, CLASS_AGENT_TIMEOUT);
	check_half(&a);
	answer_done(&a);
}
END_TEST

/* Without a worker, which would tell everybody: pawl-agent hands the signal on, and reads what the agent still
 * has to say. */
START_TEST(a_signal_goes_to_all_of_the_agent)
{
	auto_free char *stream = fixture("claude-success.jsonl"), *spec = engine_path(&e, "spec.json");
	auto_free char *out = engine_path(&e, "out"), *program = xasprintf("%s/pawl-agent", libexec);
	auto_free char *script = xasprintf("trap 'cat %s; exit 0' TERM; sh -c 'trap \"echo too > %s/child; exit 0\" TERM;"
					   "echo $$ > %s/pid; while :; do sleep 0.02; done' & wait; wait", stream, e.home,
					   e.home);
	auto_str json = STR_INIT;
	struct jw w = jw_begin(&json);
	jw_obj(&w, NULL);
	jw_str(&w, "adapter", "claude");
	jw_arr(&w, "argv");
	jw_str(&w, NULL, "sh");
	jw_str(&w, NULL, "-c");
	jw_str(&w, NULL, script);
	jw_end_arr(&w);
	jw_end_obj(&w);
	ck_assert_int_eq(fs_write(spec, json.p, json.len, 0600, NULL), ERR_OK);
	auto_free char *command = xasprintf("PAWL_OUTPUT=%s exec %s < %s > %s", out, program, spec, "/dev/null");
	const char *argv[] = { "sh", "-c", command, NULL };
	pid_t pid;
	int status;
	ck_assert_int_eq(posix_spawnp(&pid, "sh", NULL, NULL, (char *const *)(uintptr_t)argv, environ), 0);
	(void)read_pid(&e, "pid");
	ck_assert_int_eq(kill(pid, SIGTERM), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned int)status);
	wait_for_file(&e, "child");
	auto_free char *bytes = NULL;
	ck_assert_int_eq(fs_read(out, MIB, &bytes, NULL, NULL), ERR_OK);
	ck_assert_ptr_nonnull(strstr(bytes, "\"text\":\"A semicolon is missing."));
}
END_TEST

/* What an agent left in the background holds its pipes open; the step ends with the agent. */
START_TEST(a_process_left_behind_does_not_hold_the_step)
{
	struct trial t = { .adapter = ADAPTER_TEXT, .script = "sleep 1000 & echo done" };
	struct answer a;
	ask(&t, &a);
	ck_assert_int_eq(a.r.class, CLASS_NONE);
	ck_assert_int_eq(a.r.leftover, 1);
	ck_assert_str_eq(json_get_str(a.outputs, "text", ""), "done");
	answer_done(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("work_agent_run");
	TCase *t = tcase_create("agent");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, open_all, close_all);
	tcase_add_test(t, an_agent_succeeds);
	tcase_add_loop_test(t, a_failure_has_its_class, 0, (int)COUNT(failures));
	tcase_add_test(t, a_long_prompt_and_a_talkative_agent_do_not_wait_for_each_other);
	tcase_add_test(t, an_agent_need_not_read_its_prompt);
	tcase_add_loop_test(t, a_prompt_goes_every_way, 0, (int)COUNT(ways));
	tcase_add_test(t, a_failure_shows_its_last_lines);
	tcase_add_test(t, a_long_argument_is_refused);
	tcase_add_test(t, no_secret_is_written);
	tcase_add_test(t, files_that_cannot_be_written_are_warnings);
	tcase_add_test(t, the_transcript_comes_while_it_runs);
	tcase_add_test(t, an_agent_outlives_the_engine);
	tcase_add_test(t, a_canceled_agent_leaves_what_it_did);
	tcase_add_test(t, a_killed_one_leaves_its_last_report);
	tcase_add_test(t, a_time_limit_is_the_agents);
	tcase_add_test(t, a_signal_goes_to_all_of_the_agent);
	tcase_add_test(t, a_process_left_behind_does_not_hold_the_step);
	suite_add_tcase(s, t);
	return run_suite(s);
}
