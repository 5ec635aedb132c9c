/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of language models out of the bytes of an HTTP body that arrive in any pieces: server-sent events
 * (Anthropic Messages, OpenAI-compatible chat completions) and lines of JSON (Ollama), or one JSON document
 * where the server does not stream. Pure.
 *
 * A line or event that is not understood is counted and passed over; what a server may do besides its own
 * documentation (an error within a good answer, counts that are missing, an end that is missing) is the answer's
 * own state, never a crash. */
#ifndef PAWL_WORK_LLM_DECODE_H
#define PAWL_WORK_LLM_DECODE_H

#include "model/graph.h"
#include "model/price.h"

#define LLM_LINE_MAX (8 * MIB)
#define LLM_TEXT_MAX (8 * MIB)
#define LLM_BODY_MAX (64 * MIB) /* of one answer with all that is around its text */

struct llm_answer {
	struct str text;
	struct token_counts tokens;
	struct str model, id, stop; /* as the server said them; stop: "end_turn", "length" … */
	bool complete;              /* the server said that this is the end */
	bool counted;               /* the count of the output is the last one, not one on the way */
	bool failed;                /* the server sent an error: */
	struct str error_type, error;
	bool refused;               /* the model or a filter declined to answer */
	bool cut;                   /* the limit of tokens or of the context ended the text */
	bool too_large;
	size_t odd;                 /* events or lines that were not understood */
};

void llm_answer_init(struct llm_answer *a);
void llm_answer_done(struct llm_answer *a);

/* Called with text as it arrives; pieces may end within a character. */
typedef void (*llm_text_fn)(void *ctx, const char *text, size_t len);

struct llm_decoder {
	enum provider_type type;
	struct llm_answer *answer; /* borrowed */
	llm_text_fn text;          /* may be NULL */
	void *ctx;
	bool whole;                /* one JSON document, no stream */
	struct str line, data;
	bool has_data, after_cr, overlong;
	bool mangled;              /* the present record had bytes that are not UTF-8 */
	size_t nlines;
};

void llm_decoder_init(struct llm_decoder *d, enum provider_type type, bool whole, struct llm_answer *answer,
		      llm_text_fn text, void *ctx);
void llm_decoder_done(struct llm_decoder *d);
void llm_decode(struct llm_decoder *d, const char *bytes, size_t len);
/* The body ended: what was begun is taken, too, and the text made UTF-8. */
void llm_decode_end(struct llm_decoder *d);

/* What the body of a refused request says: its type ("rate_limit_error", may stay empty) and a sentence. */
void llm_decode_error(const char *body, size_t len, struct str *ret_type, struct str *ret_message);

#endif
