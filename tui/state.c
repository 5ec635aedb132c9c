/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/state.h"

#include <assert.h>

/* The glyphs are of East Asian width "neutral" alone: one column in every terminal and font. */
/* clang-format off */
static const struct {
	const char *name, *word, *glyph, *ascii;
	enum role role;
} rows[] = {
	[STATE_UNKNOWN]      = { "",             N_("?"),      "?",            "?", ROLE_TEXT    },
	[STATE_PENDING]      = { "pending",      N_("wait"),   "\xe2\x88\x99", "o", ROLE_WAITING },
	[STATE_QUEUED]       = { "queued",       N_("wait"),   "\xe2\x88\x99", "o", ROLE_WAITING },
	[STATE_HELD]         = { "held",         N_("held"),   "=",            "=", ROLE_PAUSED  },
	[STATE_BLOCKED]      = { "blocked",      N_("block"),  "\xe2\x88\x99", "o", ROLE_DIM     },
	[STATE_READY]        = { "ready",        N_("ready"),  "\xe2\x88\x99", "o", ROLE_WAITING },
	[STATE_PREPARING]    = { "preparing",    N_("prep"),   "\xe2\xa7\x97", "%", ROLE_RUNNING },
	[STATE_RUNNING]      = { "running",      N_("run"),    "\xe2\x9e\xa4", "*", ROLE_RUNNING },
	[STATE_VALIDATING]   = { "validating",   N_("check"),  "\xe2\x9e\xa4", "*", ROLE_RUNNING },
	[STATE_PAUSING]      = { "pausing",      N_("drain"),  "=",            "=", ROLE_PAUSED  },
	[STATE_PAUSED]       = { "paused",       N_("pause"),  "=",            "=", ROLE_PAUSED  },
	[STATE_FROZEN]       = { "frozen",       N_("frozen"), "#",            "#", ROLE_PAUSED  },
	[STATE_WAITING]      = { "waiting",      N_("ask"),    "?",            "?", ROLE_RETRY   },
	[STATE_RETRYING]     = { "retrying",     N_("retry"),  "\xe2\x86\xbb", "r", ROLE_RETRY   },
	[STATE_CANCELING]    = { "canceling",    N_("ending"), "\xe2\x8a\x98", "c", ROLE_DIM     },
	[STATE_ROLLING_BACK] = { "rolling_back", N_("back"),   "\xe2\x86\xba", "<", ROLE_PAUSED  },
	[STATE_SUCCEEDED]    = { "succeeded",    N_("ok"),     "\xe2\x9c\x93", "+", ROLE_OK      },
	[STATE_FAILED]       = { "failed",       N_("FAIL"),   "\xe2\x9c\x97", "x", ROLE_FAILED  },
	[STATE_TIMED_OUT]    = { "timed_out",    N_("TIME"),   "\xe2\x9c\x97", "x", ROLE_FAILED  },
	[STATE_SKIPPED]      = { "skipped",      N_("skip"),   "-",            "-", ROLE_DIM     },
	[STATE_CANCELED]     = { "canceled",     N_("stop"),   "\xe2\x8a\x98", "c", ROLE_DIM     },
	[STATE_INTERRUPTED]  = { "interrupted",  N_("lost"),   "!",            "!", ROLE_FAILED  },
	[STATE_STALE]        = { "stale",        N_("stale"),  "~",            "~", ROLE_RETRY   },
};
/* clang-format on */
static_assert(COUNT(rows) == STATE_COUNT, "every state has a row");

enum state ui_state_from_name(const char *name)
{
	for (size_t i = 1; i < STATE_COUNT; i++)
		if (str_eq(rows[i].name, name))
			return (enum state)i;
	return STATE_UNKNOWN;
}

const char *ui_state_name(enum state s)
{
	return rows[s].name;
}

const char *state_word(enum state s)
{
	return _(rows[s].word);
}

const char *state_glyph(enum state s, bool ascii)
{
	return ascii ? rows[s].ascii : rows[s].glyph;
}

enum role state_role(enum state s)
{
	return rows[s].role;
}
