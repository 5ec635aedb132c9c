/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as what an agent prints: the first byte says which adapter, the second how they are cut. Every line
 * is counted, the transcript is whole lines without a control character, and both documents can be read. */
#include "tests/fuzz/fuzz.h"
#include "work/agent.h"

#include <stdio.h>
#include <string.h>

static void check_log(const struct agent *a)
{
	MUST(!a->log.len || a->log.p[a->log.len - 1] == '\n');
	for (size_t i = 0; i < a->log.len; i++)
		MUST((unsigned char)a->log.p[i] >= 0x20 || a->log.p[i] == '\n' || a->log.p[i] == '\t');
}

static void check_documents(struct agent *a, const struct redact_set *none, const char *bytes, size_t len)
{
	static const char spec_text[] = "{\"adapter\":\"claude\",\"argv\":[\"x\"],\"prompt\":\"x\"}";
	struct agent_spec spec;
	struct agent_kept out = { .redactor = redactor_new(none), .max = 1000 };
	struct agent_end end = { .exit_code = (int)(len % 3) };
	auto_str usage = STR_INIT, result = STR_INIT, output = STR_INIT;
	auto_json *v = NULL, *w = NULL;
	MUST(agent_spec_parse(spec_text, sizeof(spec_text) - 1, &spec, NULL) == ERR_OK);
	agent_keep(&out, bytes, len);
	redact_flush(out.redactor, &out.bytes);
	agent_judge(a, &spec, &end);
	agent_add_usage_rows(a, &spec, &end, &usage);
	agent_add_result(a, &spec, &end, &out, &out, usage.p, &result);
	agent_add_output(a, &spec, &end, usage.p, NULL, 256 * KIB, &output);
	MUST(json_parse(result.p, result.len, 64 * MIB, &v, NULL) == ERR_OK);
	MUST(json_parse(output.p, output.len, 256 * KIB, &w, NULL) == ERR_OK);
	agent_kept_done(&out);
	str_done(&end.message);
	agent_spec_done(&spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct redact_set *none;
	if (!none) {
		none = redact_set_new(false);
		redact_compile(none);
	}
	if (len < 2)
		return 0;
	const char *text = (const char *)bytes + 2;
	size_t n = len - 2, step = bytes[1] + 1U;
	struct agent a;
	int64_t newlines = 0;
	agent_init(&a, (enum agent_adapter)(bytes[0] % ADAPTER_COUNT));
	for (size_t at = 0; at < n; at += step)
		agent_feed(&a, text + at, n - at < step ? n - at : step, (int64_t)at);
	for (size_t i = 0; i < n; i++)
		newlines += text[i] == '\n';
	MUST(a.lines == newlines);
	agent_feed_end(&a, (int64_t)n);
	if (a.row->structured)
		check_log(&a);
	check_documents(&a, none, text, n);
	agent_done(&a);
	return 0;
}
