/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What terminfo knows of the terminal. Alone in a file, since <term.h> makes macros of common words. */
#include "tui/screen.h"
#include "tui/screen_term.h"

#include <ncurses.h>
#include <term.h>

#include <unistd.h>

bool screen_has(const char *name)
{
	const char *s = tigetstr(name);
	return s && s != (const char *)-1;
}

enum err_code screen_check(struct err *err)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_note(err, ERR_USAGE, _("%s is not a terminal"),
			 isatty(STDOUT_FILENO) ? _("standard input") : _("standard output"));
		err_hint(err, _("use: pawl status --watch, pawl logs RUN"));
		return ERR_USAGE;
	}
	const char *term = getenv("TERM");
	int status = 0;
	bool known = term && *term && setupterm(term, STDOUT_FILENO, &status) == OK;
	bool able = known && screen_has("cup") && screen_has("el") && screen_has("ed");
	if (cur_term)
		(void)del_curterm(cur_term);
	if (able)
		return ERR_OK;
	err_note(err, ERR_USAGE,
		 known ? _("the terminal '%.40s' cannot place the cursor (needs cup, el and ed)") :
			 _("the terminal '%.40s' is not known here"),
		 term && *term ? term : "");
	err_hint(err, _("use: pawl status --watch, or set TERM (for example TERM=xterm-256color)"));
	return ERR_USAGE;
}
