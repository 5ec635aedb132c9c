/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JUnit's XML reports, with a small strict reader of XML (https://www.w3.org/TR/xml/): elements, attributes, text,
 * CDATA, comments, processing instructions. No document types, so no entities but the five and numbers: nothing
 * grows, nothing is fetched. */
#include "model/diagnostic_rules.h"

#include "base/regex.h"
#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX 64
#define NAME_BYTES 80
#define TEXT_MAX (16 * KIB) /* of an attribute or the text of a failure; the rest is left out */

enum attribute { AT_NAME, AT_CLASS, AT_FILE, AT_LINE, AT_MESSAGE, AT_TYPE, AT_COUNT };
static const char *const attribute_names[AT_COUNT] = { "name", "classname", "file", "line", "message", "type" };

struct reader {
	struct diagnostics *d;
	const char *start, *at, *end;
	const char *wrong; /* what is wrong at `at`; NULL: nothing */
	char stack[DEPTH_MAX][NAME_BYTES];
	size_t depth;
	struct str values[AT_COUNT]; /* of the present tag */
	struct str test, file;       /* of the present test case */
	int line;
	bool in_failure, in_case;
	enum diagnostic_kind kind;
	struct str message, text;
};

static bool fail(struct reader *x, const char *what)
{
	if (!x->wrong)
		x->wrong = what;
	return false;
}

static bool looking_at(const struct reader *x, const char *text)
{
	size_t n = strlen(text);
	return (size_t)(x->end - x->at) >= n && memcmp(x->at, text, n) == 0;
}

static void skip_space(struct reader *x)
{
	while (x->at < x->end && strchr(" \t\r\n", *x->at))
		x->at++;
}

static bool skip_past(struct reader *x, const char *text)
{
	const char *found = memmem(x->at, (size_t)(x->end - x->at), text, strlen(text));
	if (!found)
		return fail(x, "something begins here and does not end");
	x->at = found + strlen(text);
	return true;
}

static bool take_name(struct reader *x, char name[NAME_BYTES])
{
	size_t n = 0;
	while (x->at < x->end && (isalnum((unsigned char)*x->at) || strchr("_:.-", *x->at) || (*x->at & 0x80))) {
		if (n + 1 == NAME_BYTES)
			return fail(x, "a name is too long");
		name[n++] = *x->at++;
	}
	name[n] = '\0';
	return n ? true : fail(x, "a name is expected");
}

/* §4.1: only numbers and the five predefined ones. */
static bool take_entity(struct reader *x, struct str *out)
{
	/* clang-format off */
	static const struct { const char *text; char c; } known[] = {
		{ "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' }, { "&quot;", '"' }, { "&apos;", '\'' },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT(known); i++)
		if (looking_at(x, known[i].text)) {
			str_add_char(out, known[i].c);
			x->at += strlen(known[i].text);
			return true;
		}
	bool hex = looking_at(x, "&#x");
	uint32_t cp = 0;
	const char *p = x->at + (hex ? 3 : 2);
	if (!looking_at(x, "&#"))
		return fail(x, "an entity is not known");
	for (; p < x->end && p - x->at < 10 && (hex ? isxdigit((unsigned char)*p) : isdigit((unsigned char)*p)); p++)
		cp = cp * (hex ? 16 : 10) + (uint32_t)(isdigit((unsigned char)*p) ? *p - '0' : (*p | 0x20) - 'a' + 10);
	if (p == x->end || *p != ';' || cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return fail(x, "a character reference is not valid");
	x->at = p + 1;
	utf8_add(out, cp);
	return true;
}

/* Text up to one of the characters in `stop`. */
static bool take_text(struct reader *x, char stop, struct str *out)
{
	while (x->at < x->end && *x->at != stop) {
		size_t before = out->len;
		if (*x->at == '<')
			return fail(x, "'<' in a value");
		if (*x->at == '&') {
			if (!take_entity(x, out))
				return false;
		} else {
			str_add_char(out, *x->at++);
		}
		if (out->len > TEXT_MAX)
			str_cut(out, before);
	}
	return true;
}

static bool take_attribute(struct reader *x)
{
	char name[NAME_BYTES];
	auto_str unused = STR_INIT;
	struct str *value = &unused;
	if (!take_name(x, name))
		return false;
	skip_space(x);
	if (!looking_at(x, "="))
		return fail(x, "'=' is expected");
	x->at++;
	skip_space(x);
	char quote = x->at < x->end ? *x->at : '\0';
	if (quote != '"' && quote != '\'')
		return fail(x, "a quoted value is expected");
	x->at++;
	for (size_t i = 0; i < AT_COUNT; i++)
		if (str_eq(attribute_names[i], name))
			value = &x->values[i];
	str_clear(value);
	if (!take_text(x, quote, value))
		return false;
	if (x->at == x->end)
		return fail(x, "the document ends in a value");
	x->at++;
	return true;
}

/* ---- what it means ---- */

static void begin_case(struct reader *x)
{
	const struct str *name = &x->values[AT_NAME], *class = &x->values[AT_CLASS];
	x->in_case = true;
	str_clear(&x->test);
	str_addf(&x->test, "%s%s%s", str_text(class), class->len ? "." : "", str_text(name));
	pending_set(&x->file, str_text(&x->values[AT_FILE]));
	x->line = diagnostic_number(str_text(&x->values[AT_LINE]));
}

static void begin_element(struct reader *x, const char *name)
{
	if (str_eq(name, "testcase"))
		begin_case(x);
	if (!str_eq(name, "failure") && !str_eq(name, "error"))
		return;
	x->in_failure = true;
	/* An error outside of a test is one of the suite. */
	x->kind = x->in_case ? DIAGNOSTIC_FAILURE : DIAGNOSTIC_ERROR;
	pending_set(&x->message, str_text(&x->values[x->values[AT_MESSAGE].len ? AT_MESSAGE : AT_TYPE]));
	str_clear(&x->text);
}

/* The text of a failure mostly names a place, when the test case does not: the last one is the innermost. */
static void find_place(struct reader *x)
{
	auto_regex *re = NULL;
	size_t from = 0, start, end;
	if (x->file.len && x->line)
		return;
	if (regex_new("([\\w./+-]+\\.\\w+):(\\d+)(?::\\d+)?", REGEX_BYTES, &re, NULL) != ERR_OK)
		return;
	for (int i = 0; i < 200 && regex_find(re, str_text(&x->text), x->text.len, from, &start, &end, NULL); i++) {
		size_t a, b;
		from = end;
		if (!regex_group(re, 1, &a, &b))
			continue;
		auto_free char *file = xstrndup(x->text.p + a, b - a);
		if (strstr(file, "node_modules") || (file[0] == '/' && x->d->root && !str_starts(file, x->d->root)))
			continue;
		pending_set(&x->file, file);
		if (regex_group(re, 2, &a, &b))
			x->line = diagnostic_number(x->text.p + a);
	}
}

static void end_element(struct reader *x, const char *name)
{
	if (str_eq(name, "testcase"))
		x->in_case = false;
	if (!x->in_failure || (!str_eq(name, "failure") && !str_eq(name, "error")))
		return;
	x->in_failure = false;
	find_place(x);
	const char *text = str_text(&x->text);
	while (*text && isspace((unsigned char)*text))
		text++;
	auto_free char *first = xstrndup(text, strcspn(text, "\n"));
	const char *message = x->message.len ? str_text(&x->message) : first;
	auto_free char *line = xstrndup(message, strcspn(message, "\n"));
	(void)diagnostic_add(x->d, x->kind, SORT_TEST, str_text(&x->file), x->line, 0, x->in_case ? str_text(&x->test) : NULL,
			     *line ? line : "failed");
}

/* ---- the document ---- */

static bool take_start(struct reader *x)
{
	char name[NAME_BYTES];
	x->at++;
	if (!take_name(x, name))
		return false;
	for (size_t i = 0; i < AT_COUNT; i++)
		str_clear(&x->values[i]);
	for (;;) {
		const char *before = x->at;
		skip_space(x);
		if (x->at == x->end)
			return fail(x, "the document ends in a tag");
		if (*x->at == '>' || *x->at == '/')
			break;
		if (x->at == before)
			return fail(x, "a space is expected");
		if (!take_attribute(x))
			return false;
	}
	begin_element(x, name);
	if (*x->at == '/') {
		if (!looking_at(x, "/>"))
			return fail(x, "'>' is expected");
		x->at += 2;
		end_element(x, name);
		return true;
	}
	x->at++;
	if (x->depth == DEPTH_MAX)
		return fail(x, "elements are nested too deeply");
	memcpy(x->stack[x->depth++], name, sizeof(name));
	return true;
}

static bool take_end(struct reader *x)
{
	char name[NAME_BYTES];
	const char *before = x->at;
	x->at += 2;
	if (!take_name(x, name))
		return false;
	skip_space(x);
	if (x->at == x->end || *x->at != '>')
		return fail(x, "'>' is expected");
	if (!x->depth || !str_eq(x->stack[x->depth - 1], name)) {
		x->at = before;
		return fail(x, "the tag ends another element than the one that is open");
	}
	x->at++;
	x->depth--;
	end_element(x, name);
	return true;
}

static bool take_cdata(struct reader *x)
{
	x->at += strlen("<![CDATA[");
	const char *from = x->at;
	if (!skip_past(x, "]]>"))
		return false;
	size_t len = (size_t)(x->at - from) - 3;
	if (x->in_failure && x->text.len < TEXT_MAX)
		str_add_len(&x->text, from, MIN(len, (size_t)TEXT_MAX - x->text.len));
	return true;
}

static bool take_markup(struct reader *x)
{
	if (looking_at(x, "<!--"))
		return skip_past(x, "-->");
	if (looking_at(x, "<?"))
		return skip_past(x, "?>");
	if (looking_at(x, "<![CDATA["))
		return take_cdata(x);
	if (looking_at(x, "<!"))
		return fail(x, "a document type is not accepted");
	return looking_at(x, "</") ? take_end(x) : take_start(x);
}

static bool take_document(struct reader *x)
{
	auto_str ignored = STR_INIT;
	while (x->at < x->end) {
		if (*x->at == '<') {
			if (!take_markup(x))
				return false;
			continue;
		}
		str_clear(&ignored);
		struct str *text = x->in_failure ? &x->text : &ignored;
		if (x->depth == 0 && !strchr(" \t\r\n", *x->at))
			return fail(x, "text outside of the document");
		if (x->depth == 0)
			x->at++;
		else if (!take_text(x, '<', text))
			return false;
	}
	return x->depth == 0 ? true : fail(x, "the document ends before its elements do");
}

void junit_parse(struct diagnostics *d, const char *text, size_t len)
{
	struct reader x = { .d = d, .start = text, .at = text, .end = text + len };
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		x.at += 3;
	if (len > DIAGNOSTIC_REPORT_MAX)
		(void)fail(&x, "the document is too large");
	else
		(void)take_document(&x);
	if (x.wrong) {
		auto_free char *message = xasprintf("the XML report is not good at byte %zu: %s", (size_t)(x.at - x.start),
						    x.wrong);
		(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_OTHER, NULL, 0, 0, NULL, message);
	}
	for (size_t i = 0; i < AT_COUNT; i++)
		str_done(&x.values[i]);
	str_done(&x.test);
	str_done(&x.file);
	str_done(&x.message);
	str_done(&x.text);
}
