/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the bytes of an agent's stdout to lines, and from a line to an event. Whatever comes, nothing of
 * it ends the reading: a line that is no event is kept as a raw one, and the next line begins afresh. */
#include "work/agent.h"

#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* ---- cleaning a line ---- */

/* The length of the escape sequence at `p` (ECMA-48: CSI … final; OSC, DCS and the like … ST or BEL). One
 * whose end is not on the line is just its first two bytes: the rest may well be an event. */
static size_t escape_len(const char *p, size_t n)
{
	size_t i = 2;
	if (n < 2)
		return 1;
	if (p[1] == '[') {
		while (i < n && (unsigned char)p[i] >= 0x20 && (unsigned char)p[i] <= 0x3f)
			i++;
		return i < n && p[i] >= 0x40 && p[i] <= 0x7e ? i + 1 : MIN(i, n);
	}
	if (strchr("]P_^X", p[1])) {
		for (; i < n; i++) {
			if (p[i] == '\a')
				return i + 1;
			if (p[i] == 0x1b && i + 1 < n && p[i + 1] == '\\')
				return i + 2;
		}
		return 2;
	}
	for (i = 1; i < n && p[i] >= 0x20 && p[i] <= 0x2f;)
		i++;
	return i < n ? i + 1 : n;
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

void agent_strip(const char *line, size_t len, struct str *ret)
{
	size_t from = 0;
	for (size_t i = 0; i < len;) {
		if (!is_control(line[i])) {
			i++;
			continue;
		}
		str_add_len(ret, line + from, i - from);
		i += line[i] == 0x1b ? escape_len(line + i, len - i) : 1;
		from = i;
	}
	if (from < len)
		str_add_len(ret, line + from, len - from);
}

/* What a strict reader refuses but agents do write: NUL as an escape, and bytes that are no UTF-8. Both
 * become the replacement character. */
static bool repair(const char *p, size_t n, struct str *ret)
{
	bool changed = false;
	for (size_t i = 0; i < n;) {
		size_t len = utf8_len(p + i, n - i);
		if (len == 0) {
			str_add(ret, "\xef\xbf\xbd");
			changed = true;
			i++;
		} else if (p[i] == '\\' && n - i >= 6 && memcmp(p + i, "\\u0000", 6) == 0) {
			str_add(ret, "\\ufffd");
			changed = true;
			i += 6;
		} else {
			len = p[i] == '\\' && i + 1 < n && (unsigned char)p[i + 1] < 0x80 ? 2 : len;
			str_add_len(ret, p + i, len);
			i += len;
		}
	}
	return changed;
}

static struct json *parse_event(const char *line, size_t len)
{
	struct json *v = NULL;
	if (json_parse(line, len, AGENT_LINE_MAX, &v, NULL)) {
		auto_str better = STR_INIT;
		v = NULL;
		if (!repair(line, len, &better) || json_parse(better.p, better.len, 2 * AGENT_LINE_MAX, &v, NULL))
			return NULL;
	}
	if (json_type(v) == JSON_OBJECT)
		return v;
	json_free(v);
	return NULL;
}

/* ---- lines ---- */

static bool is_blank(const struct str *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->p[i] != ' ' && s->p[i] != '\t')
			return false;
	return true;
}

/* False if it is no event. */
static bool take_event(struct agent *a, const struct str *clean)
{
	if (clean->p[strspn(clean->p, " \t")] != '{')
		return false;
	auto_json *event = parse_event(clean->p, clean->len);
	if (event)
		a->row->take(a, event);
	return event != NULL;
}

static void take_line(struct agent *a, const char *line, size_t len)
{
	auto_str clean = STR_INIT;
	a->lines++;
	agent_strip(line, len, &clean);
	if (is_blank(&clean) || take_event(a, &clean))
		return;
	a->unparsed++;
	agent_say(a, MARK_RAW, clean.p, MIN(clean.len, (size_t)KIB));
}

static void end_line(struct agent *a)
{
	if (a->skipping) {
		a->lines++;
		a->too_long++;
		agent_sayf(a, MARK_RAW, _("a line of %" PRId64 " bytes was not read; the limit is %d"), a->skipped,
			   AGENT_LINE_MAX);
		a->skipping = false;
		a->skipped = 0;
		return;
	}
	take_line(a, str_text(&a->line), a->line.len);
	if (a->line.cap > MIB)
		str_done(&a->line);
	str_clear(&a->line);
}

static void add_to_line(struct agent *a, const char *bytes, size_t len)
{
	if (!a->skipping && a->line.len + len > AGENT_LINE_MAX) {
		a->skipping = true;
		a->skipped = (int64_t)a->line.len;
		str_done(&a->line);
	}
	if (a->skipping)
		a->skipped += (int64_t)len;
	else
		str_add_len(&a->line, bytes, len);
}

/* All of it is the answer; when that is long, its end is what is kept. */
static void take_text(struct agent *a, const char *bytes, size_t len)
{
	str_add_len(&a->log, bytes, len);
	str_add_len(&a->final_text, bytes, len);
	for (size_t i = 0; i < len; i++)
		a->lines += bytes[i] == '\n';
	if (a->final_text.len < 4 * AGENT_FINAL_MAX)
		return;
	size_t from = a->final_text.len - 2 * AGENT_FINAL_MAX;
	memmove(a->final_text.p, a->final_text.p + from, a->final_text.len - from);
	a->cut += (int64_t)from;
	str_cut(&a->final_text, a->final_text.len - from);
}

void agent_feed(struct agent *a, const char *bytes, size_t len, int64_t now_us)
{
	a->now_us = now_us;
	if (!a->row->structured) {
		take_text(a, bytes, len);
		return;
	}
	while (len) {
		const char *newline = memchr(bytes, '\n', len);
		size_t n = newline ? (size_t)(newline - bytes) : len;
		add_to_line(a, bytes, n);
		if (newline)
			end_line(a);
		n += newline != NULL;
		bytes += n;
		len -= n;
	}
}

void agent_feed_end(struct agent *a, int64_t now_us)
{
	a->now_us = now_us;
	if (!a->row->structured || (!a->line.len && !a->skipping))
		return;
	int64_t unparsed = a->unparsed + a->too_long;
	end_line(a);
	if (a->unparsed + a->too_long > unparsed)
		agent_warn(a, _("the output ends within a line"));
}

/* ---- the rows ---- */

const struct agent_adapter_row agent_text = { ADAPTER_TEXT, NULL, .structured = false, .take = NULL };

static const struct agent_adapter_row *const rows[] = {
	[ADAPTER_TEXT] = &agent_text,
	[ADAPTER_CLAUDE] = &agent_claude,
	[ADAPTER_CODEX] = &agent_codex,
};
static_assert(COUNT(rows) == ADAPTER_COUNT, "every adapter has its row");

const struct agent_adapter_row *agent_adapter_for(enum agent_adapter adapter)
{
	return rows[adapter];
}
