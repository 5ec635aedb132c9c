/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Thousands of malformed workflow files: good ones with something broken, and texts made to hurt. None
 * crashes, each that is refused is refused at a place in the file, none takes long. */
#include "base/fs.h"
#include "base/rng.h"
#include "flow/flow.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CHANGES 600      /* of each good file */
#define CPU_MS_MAX 1000  /* of one file: far above what it takes, a guard against loops */

static const char *const seeds[] = {
	"data/examples/handlers.yaml", "data/examples/matrix.yaml", "data/examples/params.yaml",
	"data/examples/retries.yaml", "data/examples/http.yaml", "data/examples/sub-child.yaml",
	"tests/fuzz/corpus/workflow/case-001",
};

struct tally {
	size_t files, refused;
	double slowest_ms;
};

static double cpu_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* cannot fail for this clock */
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void check_places(const struct flow_report *r, const char *text, size_t len)
{
	int lines = 1;
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n') ||
			 memcmp(text + i, "\xe2\x80\xa8", i + 3 <= len ? 3 : 1) == 0;
	for (size_t i = 0; i < r->n; i++) {
		ck_assert_msg(r->v[i].line >= 1 && r->v[i].line <= lines + 1, "line %d of %d in\n%.500s",
			      r->v[i].line, lines, text);
		ck_assert_int_ge(r->v[i].column, 1);
		ck_assert(r->v[i].message[0]);
	}
}

/* Load one text and look at the answer. */
static void try_text(const char *text, size_t len, struct tally *t)
{
	struct flow_report report = { 0 };
	struct graph *g = NULL;
	struct err err = { 0 };
	double before = cpu_ms();
	enum err_code code = flow_load("f.yaml", text, len, NULL, &g, &report, &err);
	double took = cpu_ms() - before;
	ck_assert_msg(took < CPU_MS_MAX, "%.0f ms for %.200s", took, text);
	t->slowest_ms = MAX(t->slowest_ms, took);
	t->files++;
	if (code) {
		t->refused++;
		ck_assert_int_eq(code, ERR_INVALID);
		ck_assert_uint_gt(report.n, 0);
		check_places(&report, text, len);
	}
	graph_free(g);
	flow_report_done(&report);
}

/* ---- good files, broken ---- */

static char *load_seed(const char *name, size_t *ret_len)
{
	const char *srcdir = getenv("srcdir");
	auto_free char *path = xasprintf("%s/%s", srcdir ? srcdir : ".", name);
	char *text = NULL;
	struct err err = { 0 };
	ck_assert_msg(fs_read(path, MIB, &text, ret_len, &err) == ERR_OK, "%s", err.message);
	return text;
}

static void insert(struct str *s, size_t at, const char *piece)
{
	auto_str out = STR_INIT;
	str_add_len(&out, str_text(s), at);
	str_add(&out, piece);
	str_add_len(&out, str_text(s) + at, s->len - at);
	str_done(s);
	*s = out;
	out = (struct str)STR_INIT;
}

static void cut(struct str *s, size_t at, size_t n)
{
	auto_str out = STR_INIT;
	n = MIN(n, s->len - at);
	str_add_len(&out, str_text(s), at);
	str_add_len(&out, str_text(s) + at + n, s->len - at - n);
	str_done(s);
	*s = out;
	out = (struct str)STR_INIT;
}

/* Begin and length of some line. */
static size_t some_line(const struct str *s, struct rng *rng, size_t *ret_len)
{
	size_t at = rng_below(rng, s->len);
	while (at > 0 && s->p[at - 1] != '\n')
		at--;
	*ret_len = strcspn(str_text(s) + at, "\n") + 1;
	return at;
}

static void break_it(struct str *s, struct rng *rng)
{
	static const char *const pieces[] = {
		"{", "}", "[", "]", ":", ": ", "- ", "'", "\"", "#", "&a ", "*a", "!!int ", "!x ", "<<: ", "|\n", ">-\n",
		"\t", "  ", " ", "\n", "---\n", "...\n", "%YAML 1.2\n", "? ", "${{ ", " }}", "${{ nodes.x.y }}", "null",
		"true", "0x", "1e999", ".inf", "\xff", "\x01", "\xc2\x85", "\xe2\x80\xae", "\r", "\\", "needs: ghost\n", "a: b: c", ",",
		"run: x\n", "zzz: 1\n", "(", "&&", "99999999999999999999",
	};
	if (s->len < 2) {
		insert(s, 0, "x");
		return;
	}
	size_t at = rng_below(rng, s->len), len, to;
	switch (rng_below(rng, 7)) {
	case 0:
		insert(s, at, pieces[rng_below(rng, COUNT(pieces))]);
		break;
	case 1:
		cut(s, at, 1 + rng_below(rng, 12));
		break;
	case 2:
		s->p[at] = (char)(1 + rng_below(rng, 255));
		break;
	case 3: { /* a line again, somewhere else */
		size_t from = some_line(s, rng, &len);
		auto_free char *line = xstrndup(s->p + from, MIN(len, s->len - from));
		to = some_line(s, rng, &len);
		insert(s, to, line);
		break;
	}
	case 4: /* a line less */
		at = some_line(s, rng, &len);
		cut(s, at, len);
		break;
	case 5: /* another indentation */
		at = some_line(s, rng, &len);
		insert(s, at, rng_below(rng, 2) ? " " : "   ");
		break;
	default:
		str_cut(s, at);
	}
}

START_TEST(broken_files)
{
	size_t len;
	auto_free char *seed = load_seed(seeds[_i], &len);
	struct rng rng = { (uint64_t)_i + 1 };
	struct tally t = { 0 };
	for (int i = 0; i < CHANGES; i++) {
		auto_str s = STR_INIT;
		str_add_len(&s, seed, len);
		for (uint64_t n = 1 + rng_below(&rng, 3); n > 0; n--)
			break_it(&s, &rng);
		auto_free char *text = xmemdup(str_text(&s), s.len + 1);
		try_text(text, s.len, &t);
	}
	printf("%s: %zu files, %zu refused, the slowest took %.1f ms\n", seeds[_i], t.files, t.refused,
	       t.slowest_ms);
	ck_assert_uint_gt(t.refused, CHANGES / 4);
}
END_TEST

/* ---- texts made to hurt ---- */

/* clang-format off */
static const struct { const char *before, *piece, *after; size_t n; } hurting[] = {
	{ "", "[", "", 500000 }, { "", "{", "", 500000 }, { "", "{a: ", "", 100000 }, { "", "- ", "", 400000 }, { "", "? ", "", 400000 },
	{ "a: ", "[a, ", "", 60 }, { "a: [", "[],", "]", 250000 }, { "a: [", "{},", "]", 250000 }, { "a: [", "'',", "]", 250000 },
	{ "", "a: &a\n", "", 1000 }, { "", "*a ", "", 100000 }, { "", "!!str ", "", 100000 }, { "", "---\n", "", 100000 }, { "", "%A\n", "", 100000 },
	{ "", "#\n", "", 400000 }, { "", "\n", "", 1000000 }, { "", " ", "", 1000000 }, { "", "\t", "", 1000000 }, { "", ":", "", 1000000 }, { "", "a:", "", 500000 },
	{ "", "a: 1\n", "", 200000 }, { "a: '", "''", "'", 100000 }, { "a: \"", "\\n", "\"", 100000 }, { "a: |\n", " x\n", "", 80000 }, { "a: >\n", " x\n\n", "", 60000 },
	{ "a: ", "x ", "", 120000 }, { "a: ", "x\n  ", "", 60000 }, { "a: \"", "x\n  ", "\"", 60000 }, { "'", "a", "': 1", 250000 }, { "", "a", ": 1", 250000 },
	{ "nodes: {a: {run: x, when: \"", "(", "\"}}", 4000 }, { "nodes: {a: {run: x, when: \"1", " + 1", "\"}}", 1000 }, { "nodes: {a: {run: x, when: \"", "!", "1\"}}", 4000 },
	{ "nodes: {a: {run: [x", ", \"${{ run.id }}\"", "]}}", 40000 }, { "nodes: {a: {run: [x, \"", "${{ run.id }}", "\"]}}", 15000 }, { "nodes: {a: {run: [x, \"", "${{", "\"]}}", 60000 },
	{ "nodes: {a: {run: x, env: {", "A: 1, ", "}}}", 100000 }, { "nodes: {a: {run: x, needs: [", "a, ", "]}}", 200000 }, { "nodes: {a: {run: x, needs: [", "zz, ", "]}}", 200000 },
	{ "nodes: {a: {run: x, outputs: [", "b, ", "]}}", 3000 }, { "nodes: {a: {run: x, retry: {on: [", "'exit:1', ", "]}}}", 50000 },
	{ "params: {p: {enum: [", "b, ", "]}}\nnodes: {a: {run: x}}", 200000 }, { "params: {p: {type: list, default: [", "1, ", "]}}\nnodes: {a: {run: x}}", 200000 },
	{ "nodes: {a: {run: x, matrix: {", "b: [1, 2], ", "}}}", 50000 }, { "nodes: {a: {run: x, foreach: [", "1, ", "]}}", 200000 },
	{ "nodes: {a: {http: {url: 'http://h', body: ", "[", "}}}", 60 }, { "nodes: {a: {http: {url: 'http://h', headers: {", "B: 1, ", "}}}}", 100000 },
	{ "resources: {", "b: 1, ", "}\nnodes: {a: {run: x}}", 100000 }, { "nodes: {a: {run: x, resources: [", "b, ", "]}}", 200000 }, { "pass_env: [", "B, ", "]\nnodes: {a: {run: x}}", 200000 },
};
/* A row of numbered pieces: %zu is the number, twice. */
static const struct { const char *before, *piece, *after; size_t n; } numbered[] = {
	{ "nodes:\n", " n%zu: {rum: x, needs: m%zu}\n", "", 30000 }, { "nodes:\n", " n%zu: {run: x, when: nodes.m%zu.state}\n", "", 25000 },
	{ "nodes:\n", " n%zu: {run: x, timeout: t%zu}\n", "", 30000 }, { "nodes:\n z: {run: x, needs: z}\n", " n%zu: {run: x, needs: z, cwd: c%zu}\n", "", 25000 },
	{ "nodes: {a: {run: x}}\nparams:\n", " p%zu: {type: int, default: d%zu}\n", "", 25000 }, { "nodes: {a: {run: x}}\nenv:\n", " V%zu: \"${{ env.W%zu }}\"\n", "", 25000 },
	{ "nodes: {a: {run: x}}\nresources:\n", " r%zu: -%zu\n", "", 50000 }, { "nodes:\n z: {run: x, env: {", "A%zu: '${{ params.p%zu }}', ", "}}\n", 25000 },
	{ "nodes: {z: {run: x}, ", "n%zu: {run: x, needs: z, when: nodes.z.state != 's%zu'}, ", "b: {run: x, needs: c}}\n", 25000 },
	{ "nodes: {z: {run: x}, ", "n%zu: {run: x, needs: z, env: {A: '${{ nodes.z.state }}${{ nodes.z.outputs.x%zu }}'}}, ", "b: {run: x, needs: c}}\n", 25000 },
	{ "nodes: {a: {run: x}}\n", "k%zu: v%zu\n", "", 60000 }, { "resources:\n z: 1\n", " r%zu: 1%zu\n", "nodes: {a: {run: x}}\n", 999999 },
	{ "nodes: {a: {run: x, resources: [", "r%zu, r%zu, ", "]}}\n", 999 }, { "nodes: {a: {run: x, retry: {on: [", "'output:x%zu%zu', ", "]}}}\n", 30000 },
	{ "nodes: {a: {run: x, shell: [", "w%zu, w%zu, ", "]}}\n", 30000 }, { "nodes: {a: {run: x, outputs: [", "w%zu, w%zu, ", "]}}\n", 400 },
};
/* clang-format on */

START_TEST(texts_made_to_hurt)
{
	struct tally t = { 0 };
	auto_str s = STR_INIT;
	str_add(&s, hurting[_i].before);
	for (size_t i = 0; i < hurting[_i].n; i++)
		str_add(&s, hurting[_i].piece);
	str_add(&s, hurting[_i].after);
	try_text(str_text(&s), s.len, &t);
	if (t.slowest_ms > 50)
		printf("%s%s… %zu bytes took %.1f ms\n", hurting[_i].before, hurting[_i].piece, s.len, t.slowest_ms);
}
END_TEST

/* "%zu" in `piece` becomes the number. */
static void add_numbered(struct str *s, const char *piece, size_t number)
{
	for (const char *p = piece; *p; p++) {
		if (str_starts(p, "%zu")) {
			str_add_u64(s, number);
			p += 2;
		} else {
			str_add_char(s, *p);
		}
	}
}

START_TEST(many_different_mistakes)
{
	struct tally t = { 0 };
	auto_str s = STR_INIT;
	str_add(&s, numbered[_i].before);
	for (size_t i = 0; i < numbered[_i].n && s.len < FLOW_MAX - 100; i++)
		add_numbered(&s, numbered[_i].piece, i);
	str_add(&s, numbered[_i].after);
	try_text(str_text(&s), s.len, &t);
	ck_assert_uint_eq(t.refused, 1);
	printf("%s… %zu bytes took %.1f ms\n", numbered[_i].piece, s.len, t.slowest_ms);
}
END_TEST

/* What one line of defaults: costs is paid once, not by every node. */
START_TEST(defaults_do_not_multiply)
{
	struct tally t = { 0 };
	auto_str s = STR_INIT;
	str_add(&s, "defaults:\n  cwd: \"");
	for (int i = 0; i < 3000; i++)
		str_add(&s, "${{ run.id }}");
	str_add(&s, "\"\n  retry: {on: [");
	for (int i = 0; i < 32; i++)
		str_addf(&s, "'output:%0200d', ", i);
	str_add(&s, "]}\n  env:\n");
	for (int i = 0; i < 1000; i++)
		str_addf(&s, "    V%d: \"${{ run.id }}\"\n", i);
	str_add(&s, "nodes:\n");
	for (int i = 0; i < 20000; i++)
		str_addf(&s, "  n%d: {run: x}\n", i);
	try_text(str_text(&s), s.len, &t);
	ck_assert_uint_eq(t.refused, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flow_malformed");
	TCase *t = tcase_create("malformed");
	tcase_add_loop_test(t, broken_files, 0, (int)COUNT(seeds));
	tcase_add_loop_test(t, texts_made_to_hurt, 0, (int)COUNT(hurting));
	tcase_add_loop_test(t, many_different_mistakes, 0, (int)COUNT(numbered));
	tcase_add_test(t, defaults_do_not_multiply);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
