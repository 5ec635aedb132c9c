/* SPDX-License-Identifier: GPL-3.0-or-later */
/* go build, go vet and go test, plain and with -json (cmd/test2json). A test's own lines stand before its end
 * with -v and -json, and after it without. */
#include "model/diagnostic_rules.h"

#include "base/json.h"

#include <string.h>

static bool test_runs(struct diagnostics *d, const struct diagnostic_match *m)
{
	pending_set(&d->go_test, m->s[1]);
	return true;
}

static bool test_passed(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (str_eq(str_text(&d->go_said), m->s[1]))
		str_clear(&d->go_said);
	str_clear(&d->go_test);
	return true;
}

/* "TestX" of "TestX/one" only sums up. */
static void demote_parent(struct diagnostics *d, const char *test)
{
	const char *slash = strrchr(test, '/');
	if (!slash)
		return;
	auto_free char *parent = xstrndup(test, (size_t)(slash - test));
	struct diagnostic *row = diagnostic_of_test(d, parent);
	if (row && !row->file)
		diagnostic_demote(d, row);
}

static bool has_child(struct diagnostics *d, const char *test)
{
	size_t len = strlen(test);
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].test && strncmp(d->v[i].test, test, len) == 0 && d->v[i].test[len] == '/')
			return true;
	return false;
}

static bool test_failed(struct diagnostics *d, const struct diagnostic_match *m)
{
	const char *test = m->s[1];
	bool said = str_eq(str_text(&d->go_said), test);
	pending_set(&d->go_test, test);
	if ((!said && has_child(d, test)) || diagnostic_of_test(d, test))
		return true;
	demote_parent(d, test);
	(void)diagnostic_add(d, DIAGNOSTIC_FAILURE, SORT_TEST, said ? str_text(&d->go_file) : NULL,
			     said ? d->go_line : 0, 0, test, said ? str_text(&d->go_message) : "");
	return true;
}

/* "    add_test.go:8: got 3" */
static bool test_says(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct diagnostic *row = d->go_test.len ? diagnostic_of_test(d, d->go_test.p) : NULL;
	if (!d->go_test.len)
		return false;
	if (row && !row->file) {
		diagnostic_place(d, row, m->s[1], diagnostic_number(m->s[2]), 0);
		if (!row->message[0])
			diagnostic_say(row, m->s[3]);
	} else if (!row && !str_eq(str_text(&d->go_said), d->go_test.p)) {
		pending_set(&d->go_said, d->go_test.p);
		pending_set(&d->go_file, m->s[1]);
		pending_set(&d->go_message, m->s[3]);
		d->go_line = diagnostic_number(m->s[2]);
	}
	return true;
}

static bool compile(struct diagnostics *d, const struct diagnostic_match *m)
{
	(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_COMPILER, m->s[1], diagnostic_number(m->s[2]),
			     diagnostic_number(m->s[3]), NULL, m->s[4]);
	return true;
}

static bool panic(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_begin(d, &go_family, DIAGNOSTIC_ERROR, SORT_TEST);
	pending_set(&p->message, m->s[1]);
	return true;
}

/* The first own file in the trace of a panic. */
static bool frame(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &go_family);
	if (!p || (d->root && strncmp(m->s[1], d->root, strlen(d->root)) != 0))
		return false;
	struct diagnostic *row = d->go_test.len ? diagnostic_of_test(d, d->go_test.p) : NULL;
	if (row && !row->file) { /* it is this test that panicked */
		diagnostic_place(d, row, m->s[1], diagnostic_number(m->s[2]), 0);
		if (!row->message[0])
			diagnostic_say(row, str_text(&p->message));
		pending_drop(d);
		return true;
	}
	pending_set(&p->file, m->s[1]);
	p->line = diagnostic_number(m->s[2]);
	pending_flush(d);
	return true;
}

/* One event of -json; its output is a line as without. */
static bool json_event(struct diagnostics *d, const struct diagnostic_match *m)
{
	auto_json *v = NULL;
	if (json_parse(m->s[0], strlen(m->s[0]), 64 * KIB, &v, NULL))
		return false;
	const char *test = json_get_str(v, "Test", NULL), *output = json_get_str(v, "Output", NULL);
	if (test)
		pending_set(&d->go_test, test);
	if (!output || str_starts(output, "{"))
		return true;
	diagnostic_line(d, output, strlen(output));
	return true;
}

/* clang-format off */
static const struct diagnostic_rule go_rules[] = {
	{ "\"Action\"",    "^\\{.*\"Action\".*\\}$", json_event },
	{ "=== ",          "^=== (?:RUN|CONT|NAME) +(\\S+)$", test_runs },
	{ "--- FAIL: ",    "^\\s*--- FAIL: (\\S+) \\([\\d.]+s\\)$", test_failed },
	{ "--- ",          "^\\s*--- (?:PASS|SKIP): (\\S+) \\([\\d.]+s\\)$", test_passed },
	{ ".go:",          "^ +(\\S+\\.go):(\\d+): (.*)$", test_says },
	{ ".go:",          "^(?:vet: |# )?([^\\s:]+\\.go):(\\d+):(\\d+): (.*)$", compile },
	{ "panic: ",       "^panic: (.*?)(?: \\[recovered.*\\])?$", panic },
	{ ".go:",          "^\\s+(/\\S+\\.go):(\\d+)(?: \\+0x[0-9a-f]+)?$", frame },
	{ ".go:",          "^(?:go: |package )?(\\S+\\.go):(\\d+)()?: (.*)$", compile },
};
/* clang-format on */
const struct diagnostic_family go_family = { PARSE_GO, go_rules, COUNT(go_rules), NULL, NULL };
