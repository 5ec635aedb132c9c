/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The spec of pawl-agent: from the document on stdin to a struct, checked. */
#include "work/agent.h"

#include <string.h>

#define KEPT_DEFAULT MIB
#define KEPT_MAX (64 * MIB)
#define STREAM_DEFAULT (64 * MIB)
#define STREAM_MAX INT64_C(0x100000000)

static enum err_code take_argv(struct agent_spec *s, struct err *err)
{
	const struct json *list = json_get(s->document, "argv");
	s->argv = xcalloc(json_count(list) + 2, sizeof(*s->argv));
	for (const struct json *w = json_first(list); w; w = json_next(w)) {
		if (json_type(w) != JSON_STRING)
			return err_set(err, ERR_INVALID, _("argv is a list of texts"));
		s->argv[s->nargv++] = json_str(w, "");
	}
	if (s->nargv == 0 || !s->argv[0][0])
		return err_set(err, ERR_INVALID, _("argv is missing; its first word names the agent program"));
	const char *slash = strrchr(s->argv[0], '/');
	s->program = json_get_str(s->document, "program", slash ? slash + 1 : s->argv[0]);
	return ERR_OK;
}

static enum err_code take_names(struct agent_spec *s, struct err *err)
{
	const char *adapter = json_get_str(s->document, "adapter", "");
	const char *via = json_get_str(s->document, "prompt_via", prompt_via_name(PROMPT_STDIN));
	s->adapter = ADAPTER_COUNT;
	s->prompt_via = PROMPT_VIA_COUNT;
	for (int i = 0; i < ADAPTER_COUNT; i++)
		if (str_eq(adapter, agent_adapter_name((enum agent_adapter)i)))
			s->adapter = (enum agent_adapter)i;
	for (int i = 0; i < PROMPT_VIA_COUNT; i++)
		if (str_eq(via, prompt_via_name((enum prompt_via)i)))
			s->prompt_via = (enum prompt_via)i;
	if (s->adapter == ADAPTER_COUNT)
		return err_set(err, ERR_INVALID, _("adapter is \"%.40s\"; it is text, claude or codex"), adapter);
	if (s->prompt_via == PROMPT_VIA_COUNT)
		return err_set(err, ERR_INVALID, _("prompt_via is \"%.40s\"; it is stdin, argument or file"), via);
	return ERR_OK;
}

static enum err_code take_size(const struct agent_spec *s, const char *name, int64_t fallback, int64_t max, int64_t *ret,
			       struct err *err)
{
	*ret = json_get_int(s->document, name, fallback);
	if (*ret < 0 || *ret > max)
		return err_set(err, ERR_INVALID, _("%s is %lld; it is 0 to %lld bytes"), name, (long long)*ret,
			       (long long)max);
	return ERR_OK;
}

static enum err_code take_document(struct agent_spec *s, struct err *err)
{
	const struct json *d = s->document;
	s->prompt = json_get_str(d, "prompt", "");
	s->result = json_get_str(d, "result", NULL);
	s->stream = json_get_str(d, "stream", NULL);
	s->prompt_file = json_get_str(d, "prompt_file", NULL);
	s->prices = json_get_str(d, "prices", NULL);
	s->tool_calls = json_get_bool(d, "tool_calls", true);
	s->secrets = json_get(d, "secrets");
	enum err_code code = take_argv(s, err);
	if (!code)
		code = take_names(s, err);
	if (!code)
		code = take_size(s, "max_stdout", KEPT_DEFAULT, KEPT_MAX, &s->max_stdout, err);
	if (!code)
		code = take_size(s, "max_stderr", KEPT_DEFAULT, KEPT_MAX, &s->max_stderr, err);
	if (!code)
		code = take_size(s, "max_stream", STREAM_DEFAULT, STREAM_MAX, &s->max_stream, err);
	return code;
}

enum err_code agent_spec_parse(const char *text, size_t len, struct agent_spec *ret, struct err *err)
{
	struct agent_spec s = { 0 };
	enum err_code code = json_parse(text, len, AGENT_SPEC_MAX, &s.document, err);
	if (!code)
		code = take_document(&s, err);
	if (code)
		agent_spec_done(&s);
	else
		*ret = s;
	return code;
}

void agent_spec_done(struct agent_spec *s)
{
	json_free(s->document);
	free(s->argv);
	*s = (struct agent_spec){ 0 };
}
