/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a request names: ids by prefix, states, and the counts that lists show. */
#include "api/api_internal.h"

#include "base/diag.h"
#include "flow/flow.h"

#include <string.h>

typedef enum err_code (*range_fn)(struct store *st, id_t64 first, id_t64 last, int *ret_n,
                                  id_t64 *ret, struct err *err);

static enum err_code find(struct api *a, char kind, const char *text, range_fn range, id_t64 newest,
                          id_t64 *ret, struct err *err)
{
	const char *what = kind == 'o' ? _("order") : _("run");
	if (str_eq(text, "last")) {
		*ret = newest;
		return newest ? ERR_OK : err_set(err, ERR_NOT_FOUND, _("there is no %s yet"), what);
	}
	id_t64 first, last;
	enum err_code code = id_parse(kind, text, &first, &last, err);
	if (code) /* nothing can have such an id */
		return err_set(err, ERR_NOT_FOUND, _("there is no %s %.64s"), what, text);
	int n = 0;
	code = range(a->store, first, last, &n, ret, err);
	if (code || n == 1)
		return code;
	if (!n)
		return err_set(err, ERR_NOT_FOUND, _("there is no %s %.64s"), what, text);
	code = err_set(err, ERR_AMBIGUOUS, _("%.64s fits more than one %s"), text, what);
	err_hint(err, _("write more of the id; %s is the first"), id_text(kind, *ret).s);
	return code;
}

enum err_code find_order(struct api *a, const char *text, id_t64 *ret, struct err *err)
{
	return find(a, 'o', text, read_order_range, store_last_order(a->store), ret, err);
}

enum err_code find_run(struct api *a, const char *text, id_t64 *ret, struct err *err)
{
	return find(a, 'r', text, read_run_range, store_last_run(a->store), ret, err);
}

static enum err_code unknown_state(enum entity e, const char *word, struct err *err)
{
	const char *names[16];
	size_t n = 0;
	auto_str all = STR_INIT;
	for (int i = 0; i < state_count(e) && n < COUNT(names); i++) {
		names[n++] = state_name(e, i);
		str_addf(&all, "%s%s", i ? " " : "", state_name(e, i));
	}
	err_note(err, ERR_USAGE, _("state=%.40s: there is no such state"), word);
	const char *near = flow_nearest(word, names, n);
	if (near)
		err_hint(err, _("did you mean %s?"), near);
	else
		err_hint(err, _("possible: %s"), str_text(&all));
	return ERR_USAGE;
}

enum err_code query_states(const struct request *r, enum entity e, unsigned int *ret,
                           struct err *err)
{
	*ret = 0;
	const char *text = request_query(r, "state", NULL);
	if (!text)
		return ERR_OK;
	auto_free char *copy = xstrdup(text);
	char *rest = copy, *word;
	while ((word = strsep(&rest, ","))) {
		int state = state_from_name(e, word);
		if (e == ENTITY_RUN && str_eq(word, "failed_new"))
			continue; /* asked for beside the states */
		if (state < 0)
			return unknown_state(e, word, err);
		*ret |= 1U << state;
	}
	return ERR_OK;
}

const struct read_counts *counts_now(struct api *a)
{
	struct err err;
	if (read_counts(a->store, &a->counts, &err))
		diag(DIAG_ERROR, "counting: %s", err.message);
	return &a->counts;
}
