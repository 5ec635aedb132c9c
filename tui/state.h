/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of the API's states, as a person sees them: glyph, short word, role. The glyph and the word
 * always say the state; colour only repeats it. */
#ifndef PAWL_TUI_STATE_H
#define PAWL_TUI_STATE_H

#include "tui/cells.h"

enum state {
	STATE_UNKNOWN, /* a word of a newer engine */
	STATE_PENDING,
	STATE_QUEUED,
	STATE_HELD,
	STATE_BLOCKED,
	STATE_READY,
	STATE_PREPARING,
	STATE_RUNNING,
	STATE_VALIDATING,
	STATE_PAUSING,
	STATE_PAUSED,
	STATE_FROZEN,
	STATE_WAITING,
	STATE_RETRYING,
	STATE_CANCELING,
	STATE_ROLLING_BACK,
	STATE_SUCCEEDED,
	STATE_FAILED,
	STATE_TIMED_OUT,
	STATE_SKIPPED,
	STATE_CANCELED,
	STATE_INTERRUPTED,
	STATE_STALE, /* of the console alone: succeeded, but what it was made from was made anew since */
	STATE_COUNT
};
#define STATE_BIT(s) (1U << (s))
/* States after which nothing more happens by itself. */
#define STATES_FINAL                                                                               \
	(STATE_BIT(STATE_SUCCEEDED) | STATE_BIT(STATE_FAILED) | STATE_BIT(STATE_TIMED_OUT) |       \
	 STATE_BIT(STATE_SKIPPED) | STATE_BIT(STATE_CANCELED) | STATE_BIT(STATE_INTERRUPTED) |     \
	 STATE_BIT(STATE_STALE))

enum state ui_state_from_name(const char *name);
const char *ui_state_name(enum state s);  /* the API's word */
const char *state_word(enum state s);  /* at most 6 columns in English; translated */
const char *state_glyph(enum state s, bool ascii);
enum role state_role(enum state s);
static inline bool state_is(enum state s, unsigned int set)
{
	return (STATE_BIT(s) & set) != 0;
}

#endif
