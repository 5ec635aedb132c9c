/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the executors share: memory and environment of a step. */
#include "work/executor.h"

#include <string.h>

const char *step_keep(struct step_build *b, const char *text, size_t len)
{
	if ((b->ntexts & (b->ntexts - 1)) == 0)
		b->texts = xreallocarray(b->texts, b->ntexts ? b->ntexts * 2 : 1, sizeof(*b->texts));
	struct str *s = &b->texts[b->ntexts++];
	*s = (struct str)STR_INIT;
	str_add_len(s, text, len);
	return s->p;
}

void step_env(struct step_build *b, const char *name, const char *value)
{
	size_t name_len = strlen(name);
	auto_str s = STR_INIT;
	str_add_len(&s, name, name_len);
	str_add_char(&s, '=');
	str_add(&s, value);
	const char *kept = step_keep(b, s.p, s.len);
	for (size_t i = 0; i < b->nenv; i++)
		if (strncmp(b->env[i], kept, name_len + 1) == 0) {
			b->env[i] = kept;
			return;
		}
	if (b->nenv + 1 >= b->capenv) {
		b->capenv = b->capenv ? b->capenv * 2 : 32;
		b->env = xreallocarray(b->env, b->capenv, sizeof(*b->env));
	}
	b->env[b->nenv++] = kept;
	b->env[b->nenv] = NULL;
	b->spec.env = b->env;
}

void step_build_done(struct step_build *b)
{
	for (size_t i = 0; i < b->ntexts; i++)
		str_done(&b->texts[i]);
	free(b->texts);
	free(b->argv);
	free(b->env);
	free(b->secrets);
	*b = (struct step_build){ 0 };
}
