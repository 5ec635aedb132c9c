/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator can change: one row a verb, with the request, the states in which it means something, the
 * question that is asked first, and its inverse. */
#ifndef PAWL_TUI_VERB_H
#define PAWL_TUI_VERB_H

#include "tui/console.h"

enum verb_of { OF_RUN, OF_ORDER, OF_QUEUE, OF_ENGINE, OF_BREAKER };

/* What can be switched while the question is there; a capital, which no run's id has. */
enum verb_option { OPTION_KEEP_FILES, OPTION_RESTORE, OPTION_ONLY, OPTION_NOW, OPTION_DEFINITION, VERB_OPTION_COUNT };
#define OPTION_BIT(o) (1U << (o))
struct verb_option_row {
	int key;
	const char *field;     /* of the request */
	const char *flag;      /* of the command line */
	const char *label;     /* translate on use */
	const char *value;     /* of the field; NULL: true */
};
extern const struct verb_option_row verb_option_rows[VERB_OPTION_COUNT];

struct verb_row {
	const char *name;      /* "pause" */
	enum verb_of of;
	const char *path;      /* with %s for the id, or without, and {arg} for the argument */
	unsigned int states;   /* bits of enum state in which it means something; 0: all */
	const char *question;  /* "cancel %s": asked first; NULL: done at once */
	const char *command;   /* the same on the command line, with the id */
	const char *done;      /* "paused %s" */
	const char *inverse;   /* name of the verb that undoes it; NULL: none */
	bool with_argument;    /* takes a node, a checkpoint or a number */
	bool with_reason;      /* takes the operator's reason */
	bool typed;            /* the question is answered with the run's id */
	const char *flag;      /* before the argument on the command line: "-d" */
	const char *field;     /* of the body, for the argument; NULL: it is in the path */
	const char *method;    /* NULL: POST */
	bool preview;          /* the engine tells what it would do */
	const char *cannot;    /* "cannot cancel": when the state does not allow it */
	unsigned int options;  /* bits of enum verb_option */
};

const struct verb_row *verb_find(enum verb_of of, const char *name);
extern const struct verb_row verb_rows[];
extern const size_t nverb_rows;

/* Why the verb cannot be done to this run or order now; NULL if it can. Yours. */
char *verb_why_not(const struct console *c, const struct verb_row *v, const char *id);
/* What a verb is done with. */
struct verb_with {
	int64_t value;        /* priority */
	const char *argument; /* node, checkpoint, number of a breakpoint; NULL: none */
	const char *reason;   /* NULL: none */
	unsigned int options; /* bits of enum verb_option that are on */
};
/* Do it to the ids, after asking if the verb wants that. All is borrowed. */
void verb_begin(struct console *c, const struct verb_row *v, const char **ids, size_t n,
		const struct verb_with *with);
/* The same to what is selected. */
void verb_do(struct console *c, const char *name, const struct verb_with *with);
void confirm_answer(struct console *c, int key);
void confirm_close(struct console *c);
/* Whether a text begins with a choice that can be made at a question. */
bool verb_is_choice(const char *text);
/* The command line of a verb. */
void verb_add_command(const struct verb_row *v, const char *id, const struct verb_with *with,
		      struct str *s);
/* The verb that an action means for what is selected, and its ids (yours, texts borrowed). */
const struct verb_row *verb_of_selection(struct console *c, const char *name, const char ***ret_ids,
					 size_t *ret_n);
/* Why the action cannot be done now; NULL if it can. Yours. */
struct action;
char *action_why_not(struct console *c, const struct action *a);

#endif
