/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the answer of a language model, in each protocol: the same comes out of one piece and of many, and
 * what comes out is text with counts that can be. The first byte says which protocol, and whether it streams. */
#include "tests/fuzz/fuzz.h"
#include "base/utf8.h"
#include "work/llm.h"

#include <stdio.h>
#include <string.h>

static void take(const char *bytes, size_t len, unsigned int how, size_t piece, struct llm_answer *a)
{
	struct llm_decoder d;
	llm_answer_init(a);
	llm_decoder_init(&d, (enum provider_type)(how % PROVIDER_TYPE_COUNT), how / PROVIDER_TYPE_COUNT % 2, a, NULL, NULL);
	for (size_t at = 0; at < len; at += piece) {
		/* Each piece in memory of its own, so that a sanitizer sees a byte read too many. */
		size_t n = MIN(piece, len - at);
		auto_free char *own = xmemdup(bytes + at, n);
		llm_decode(&d, own, n);
	}
	llm_decode_end(&d);
	llm_decoder_done(&d);
}

static bool same(const struct str *a, const struct str *b)
{
	return a->len == b->len && memcmp(str_text(a), str_text(b), a->len) == 0;
}

static void must_be_same(const struct llm_answer *a, const struct llm_answer *b)
{
	MUST(same(&a->text, &b->text) && same(&a->model, &b->model) && same(&a->stop, &b->stop) &&
	     same(&a->error, &b->error));
	MUST(a->complete == b->complete && a->failed == b->failed && a->refused == b->refused && a->odd == b->odd);
	MUST(a->tokens.input == b->tokens.input && a->tokens.output == b->tokens.output &&
	     a->tokens.cache_read == b->tokens.cache_read);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 64 };
	const char *text = (const char *)bytes + 1;
	struct llm_answer whole, parts;
	auto_str json = STR_INIT, type = STR_INIT, message = STR_INIT;
	if (len < 1)
		return 0;
	len--;
	take(text, len, bytes[0], len ? len : 1, &whole);
	MUST(utf8_valid(str_text(&whole.text), whole.text.len, NULL));
	MUST(whole.tokens.input >= -1 && whole.tokens.output >= -1 && whole.tokens.cache_read >= -1);
	MUST(!whole.failed || whole.error.len);
	for (size_t i = 0; i < COUNT(pieces); i++) {
		take(text, len, bytes[0], pieces[i], &parts);
		must_be_same(&whole, &parts);
		llm_answer_done(&parts);
	}
	struct json *v = llm_extract(&whole.text, &json, NULL);
	json_free(v);
	llm_decode_error(text, len, &type, &message);
	MUST(utf8_valid(str_text(&message), message.len, NULL) && message.len <= 4096);
	llm_answer_done(&whole);
	return 0;
}
