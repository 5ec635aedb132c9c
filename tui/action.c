/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/action.h"

#include "tui/roundview.h"
#include "tui/textview.h"

#define IN_CHILD (IN_ALL & ~(IN(PANE_LOG) | IN(PANE_GRAPH) | IN(PANE_TEXT) | IN(PANE_ROUND)))

/* Keys that change something are plain letters or signs; no Ctrl key and no Backspace or Delete does. */
/* clang-format off */
const struct action actions[] = {
	/* moving */
	{ "down",         { "j", "Down" },        IN_ALL,   act_move,  N_("go down one row"), .value = 1 },
	{ "up",           { "k", "Up" },          IN_ALL,   act_move,  N_("go up one row"), .value = -1 },
	{ "page-down",    { "C-f", "PgDn" },      IN_ALL,   act_page,  N_("go down one page"), .value = 2 },
	{ "page-up",      { "C-b", "PgUp" },      IN_ALL,   act_page,  N_("go up one page"), .value = -2 },
	{ "half-down",    { "C-d" },              IN_ALL,   act_page,  N_("go down half a page"), .value = 1 },
	{ "half-up",      { "C-u" },              IN_ALL,   act_page,  N_("go up half a page"), .value = -1 },
	{ "log-page",     { "Space" },            IN(PANE_LOG), act_page, N_("go down one page"), .value = 2 },
	{ "first",        { "g", "Home" },        IN_ALL,   act_ends,  N_("go to the first row"), .value = -1 },
	{ "last",         { "G", "End" },         IN_ALL,   act_ends,  N_("go to the last row"), .value = 1 },
	{ "open",         { "Enter" },            IN_ALL & ~IN(PANE_CHECKPOINTS),   act_enter, N_("open what is selected: run, iteration, log") },
	{ "child",        { "l", "Right" },       IN_CHILD, act_enter, N_("go into what is selected") },
	{ "parent",       { "h", "Left" },        IN_CHILD, act_leave, N_("go back to what it belongs to") },
	{ "graph-left",   { "h", "Left" },        IN(PANE_GRAPH), act_across, N_("go to the node on the left"), .value = -1 },
	{ "graph-right",  { "l", "Right" },       IN(PANE_GRAPH), act_across, N_("go to the node on the right"), .value = 1 },
	{ "log-left",     { "h", "Left" },        IN(PANE_LOG), act_sideways, N_("scroll to the left"), .value = -1 },
	{ "log-right",    { "l", "Right" },       IN(PANE_LOG), act_sideways, N_("scroll to the right"), .value = 1 },
	{ "queue",        { "1" },                IN_ALL,   act_focus, N_("go to the queue"), .value = PANE_QUEUE },
	{ "runs",         { "2" },                IN_ALL,   act_focus, N_("go to the runs"), .value = PANE_RUNS },
	{ "iterations",   { "3" },                IN_ALL,   act_focus, N_("go to the iterations"), .value = PANE_ITERATIONS },
	{ "log",          { "4" },                IN_ALL,   act_focus, N_("go to the log"), .value = PANE_LOG },
	{ "next-pane",    { "Tab" },              IN_PANES, act_next_pane, N_("go to the next pane"), .value = 1 },
	{ "previous-pane", { "S-Tab" },           IN_PANES, act_next_pane, N_("go to the previous pane"), .value = -1 },
	{ "zoom",         { "z" },                IN_PANES, act_zoom,  N_("this pane on the whole screen, or all again"), N_("zoom") },
	{ "split-up",     { "<" },                IN_PANES, act_split, N_("make the lists smaller"), .value = -1 },
	{ "split-down",   { ">" },                IN_PANES, act_split, N_("make the lists larger"), .value = 1 },
	/* failures */
	{ "failure-newest",   { "f" },            IN_WORK,  act_failure, N_("go to the newest failure that nobody acknowledged"), N_("newest fail"), .value = 0 },
	{ "failure-previous", { "[" },            IN_WORK & ~(IN(PANE_TEXT) | IN(PANE_ROUND)),  act_failure, N_("go to the failure before (newer)"), .value = -1 },
	{ "failure-next",     { "]" },            IN_WORK & ~(IN(PANE_TEXT) | IN(PANE_ROUND)),  act_failure, N_("go to the next failure (older)"), N_("next fail"), .value = 1 },
	{ "error-next",       { "e" },            IN(PANE_LOG), act_next_error, N_("go to the next error line"), N_("next error"), .value = 1 },
	{ "error-previous",   { "E" },            IN(PANE_LOG), act_next_error, N_("go to the previous error line"), .value = -1 },
	/* changing */
	{ "pause",        { "p" },                IN_WORK,  act_pause, N_("pause the run, or let it go on; hold or release an order"), N_("pause"), .changes = true },
	{ "freeze",       { "Z" },                IN_WORK & ~IN(PANE_QUEUE), act_verb, N_("pause the run and stop its processes, too"), .verb = "freeze", .changes = true },
	{ "resume",       { NULL },               IN_WORK & ~IN(PANE_QUEUE), act_verb, N_("let a paused or frozen run go on"), .verb = "resume", .changes = true },
	{ "step",         { "." },                IN_WORK & ~IN(PANE_QUEUE), act_verb, N_("run exactly one ready node, then pause"), N_("step"), .verb = "step", .changes = true },
	{ "step-node",    { NULL },               IN_WORK & ~IN(PANE_QUEUE), act_prompt, N_("run the ready node that you name, then pause"), .value = PROMPT_STEP, .changes = true },
	{ "until",        { "U" },                IN_WORK & ~IN(PANE_QUEUE), act_prompt, N_("run, and pause after the node that you name"), .value = PROMPT_UNTIL, .changes = true },
	{ "until-failure", { NULL },              IN_WORK & ~IN(PANE_QUEUE), act_verb, N_("run, and pause when a node fails"), .verb = "until_failure", .changes = true },
	{ "retry",        { "r" },                IN_WORK & ~IN(PANE_QUEUE), act_verb, N_("run again what failed, and what follows from it; at the question R restores the files, N stops what runs instead of waiting"), N_("retry"), .verb = "retry", .changes = true },
	{ "resume-from",  { "R" },                IN_WORK & ~IN(PANE_QUEUE), act_prompt, N_("run a node again, and everything after it; at the question K keeps the files, O runs only it, N stops what runs"), N_("resume-from"), .value = PROMPT_FROM, .changes = true },
	{ "skip",         { "x" },                IN(PANE_ITERATIONS) | IN(PANE_GRAPH), act_node_prompt, N_("do without the node; asks for the reason"), .verb = "skip", .value = PROMPT_SKIP, .changes = true },
	{ "mark-done",    { "c" },                IN(PANE_ITERATIONS) | IN(PANE_GRAPH), act_node_prompt, N_("count the node as done; asks for the reason"), .verb = "mark", .value = PROMPT_MARK, .changes = true },
	{ "break",        { "b" },                IN_NODE,  act_break, N_("stop the run before the node, or stop there no more"), N_("break"), .verb = "break", .changes = true },
	{ "break-when",   { NULL },               IN_WORK & ~IN(PANE_QUEUE), act_prompt, N_("stop the run under a condition: NODE:failed,class=timeout or *:output=warning"), .value = PROMPT_BREAK, .changes = true },
	{ "fork",         { "F" },                IN(PANE_CHECKPOINTS), act_fork, N_("begin a new run from the checkpoint; at the question K begins without files"), N_("fork"), .verb = "fork", .changes = true },
	{ "rollback",     { "Enter" },            IN(PANE_CHECKPOINTS), act_enter, N_("send the run back to the checkpoint; asks for its id; there K keeps the files, N stops what runs, C copies the command"), N_("roll back"), .verb = "rollback", .changes = true },
	{ "decide",       { "Y" },                IN_WORK,  act_answer, N_("answer what the run asks: Tab goes through the choices, then a reason; without a question: all of them"), N_("answer"), .verb = "decide", .value = PROMPT_DECIDE, .changes = true },
	{ "breaker-open",  { "o" },               IN(PANE_BREAKERS), act_breaker, N_("force the breaker open: nothing is called; asks for the reason"), N_("force open"), .verb = "breaker_open", .value = PROMPT_OPEN, .changes = true },
	{ "breaker-close", { "c" },               IN(PANE_BREAKERS), act_breaker, N_("force the breaker closed: it is called whatever happens; asks for the reason"), N_("force closed"), .verb = "breaker_close", .value = PROMPT_CLOSE, .changes = true },
	{ "breaker-auto",  { "=" },               IN(PANE_BREAKERS), act_breaker, N_("let the breaker work by itself again"), N_("auto"), .verb = "breaker_auto", .value = PROMPT_NONE, .changes = true },
	{ "shell",        { "!" },                IN_NODE,  act_shell, N_("a shell where the node stood; afterwards retry, done or leave"), N_("shell"), .changes = true },
	{ "edit",         { "e" },                IN(PANE_ITERATIONS) | IN(PANE_GRAPH), act_shell, N_("edit the node's lines of the definition in $EDITOR; the run has to stand"), N_("edit"), .changes = true },
	{ "edit-values",  { "e" },                IN(PANE_RUNS), act_prompt, N_("change a parameter, env NAME=VALUE or output NODE.NAME=VALUE of a run that stands"), N_("edit"), .value = PROMPT_EDIT, .changes = true },
	{ "cancel",       { "X" },                IN_WORK,  act_verb,  N_("cancel the run or order; again: force it"), N_("cancel"), .verb = "cancel", .changes = true },
	{ "acknowledge",  { "a" },                IN_WORK & ~IN(PANE_QUEUE), act_verb, N_("say that the failure was seen"), N_("acknowledge"), .verb = "acknowledge", .changes = true },
	{ "queue-pause",  { "P" },                IN_WORK,  act_queue_pause, N_("let no order start, or start again"), N_("pause queue"), .changes = true },
	{ "hold",         { "H" },                IN(PANE_QUEUE), act_hold, N_("hold the order, or release it"), N_("hold"), .changes = true },
	{ "front",        { "K" },                IN(PANE_QUEUE), act_verb, N_("put the order in front"), N_("front"), .verb = "front", .changes = true },
	{ "back",         { "J" },                IN(PANE_QUEUE), act_verb, N_("put the order at the end"), N_("back"), .verb = "back", .changes = true },
	{ "priority-up",  { "+" },                IN(PANE_QUEUE) | IN(PANE_RUNS), act_priority, N_("raise the priority by one"), .value = 1, .changes = true },
	{ "priority-down", { "-" },               IN(PANE_QUEUE) | IN(PANE_RUNS), act_priority, N_("lower the priority by one"), .value = -1, .changes = true },
	{ "priority",     { "=" },                IN(PANE_QUEUE) | IN(PANE_RUNS), act_prompt, N_("set the priority"), .value = PROMPT_PRIORITY, .changes = true },
	{ "submit",       { "A" },                IN_WORK,  act_view,  N_("submit a workflow: choose a file, fill in its parameters"), N_("submit"), .value = PANE_SUBMIT, .changes = true },
	{ "undo",         { "u" },                IN_WORK,  act_undo,  N_("undo the last change that can be undone"), .changes = true },
	{ "engine-stop",  { NULL },               IN_WORK,  act_verb,  N_("stop the engine; what runs goes on and is adopted by the next one"), .verb = "engine_stop", .changes = true },
	{ "fsck",         { NULL },               IN_WORK,  act_verb,  N_("check the engine's data"), .verb = "fsck" },
	/* lists */
	{ "filter",       { "/" },                IN_LISTS, act_prompt, N_("show rows that match (fuzzy; !text: the others)"), N_("filter"), .value = PROMPT_FILTER },
	{ "saved-filter", { "," },                IN_WORK,  act_saved_filter, N_("saved filter: f failed, r running, p paused, n new failures, a all, s LETTER save"), .takes_letter = true },
	{ "mark",         { "Space" },            IN_LISTS & ~IN(PANE_HELP), act_mark, N_("mark the row, or take the mark away") },
	{ "range",        { "V" },                IN_LISTS & ~IN(PANE_HELP), act_range, N_("begin to mark a range, or end it") },
	{ "mark-all",     { "*" },                IN_LISTS & ~IN(PANE_HELP), act_mark_all, N_("mark all rows of the filter") },
	{ "sort",         { "s" },                IN_LISTS & ~IN(PANE_HELP), act_sort, N_("sort by the next column"), .value = 1 },
	{ "sort-reverse", { "S" },                IN_LISTS & ~IN(PANE_HELP), act_sort, N_("reverse the order"), .value = 0 },
	{ "columns",      { "C" },                IN_LISTS & ~IN(PANE_HELP), act_columns, N_("hide the next column; after the last one: show all") },
	/* log */
	{ "search",       { "/" },                IN(PANE_LOG), act_prompt, N_("search a regular expression"), N_("search"), .value = PROMPT_SEARCH },
	{ "search-up",    { NULL },               IN(PANE_LOG), act_prompt, N_("search upwards"), .value = PROMPT_SEARCH_UP },
	{ "match-next",   { "n" },                IN(PANE_LOG), act_next_match, N_("go to the next match"), .value = 1 },
	{ "match-previous", { "N" },              IN(PANE_LOG), act_next_match, N_("go to the previous match"), .value = -1 },
	{ "log-filter",   { "&" },                IN(PANE_LOG), act_prompt, N_("show only lines that match (!re: the others)"), N_("filter lines"), .value = PROMPT_LOG_FILTER },
	{ "context",      { "x" },                IN(PANE_LOG), act_context, N_("go from a filtered line to its place in the whole log") },
	{ "context-more", { "+" },                IN(PANE_LOG), act_more_context, N_("show one line more around each line of the filter"), .value = 1 },
	{ "context-less", { "-" },                IN(PANE_LOG), act_more_context, N_("show one line less around each line of the filter"), .value = -1 },
	{ "follow",       { "F" },                IN(PANE_LOG), act_follow, N_("follow the end of the log"), N_("follow") },
	{ "wrap",         { "w" },                IN(PANE_LOG), act_wrap, N_("wrap long lines") },
	{ "time",         { "t" },                IN(PANE_LOG), act_time, N_("time of each line: elapsed, local, UTC, none") },
	{ "attempt-previous", { "{" },            IN(PANE_LOG), act_attempt, N_("log of the attempt before"), .value = -1 },
	{ "attempt-next", { "}" },                IN(PANE_LOG), act_attempt, N_("log of the next attempt"), .value = 1 },
	{ "bookmark",     { "m" },                IN_PANES, act_bookmark, N_("set a bookmark under a letter"), .value = 0, .takes_letter = true },
	{ "bookmark-go",  { "'" },                IN_PANES, act_bookmark, N_("go to the bookmark of a letter"), .value = 1, .takes_letter = true },
	{ "save",         { "S" },                IN(PANE_LOG), act_prompt, N_("save the log to a file"), .value = PROMPT_SAVE },
	{ "pager",        { "o" },                IN(PANE_LOG) | IN(PANE_ITERATIONS), act_pager, N_("open the log in $PAGER at the line"), N_("pager"), .value = 0 },
	{ "editor",       { "v" },                IN(PANE_LOG) | IN(PANE_ITERATIONS), act_pager, N_("open the log in $EDITOR at the line"), N_("editor"), .value = 1 },
	/* copying */
	{ "copy-line",    { "y l" },              IN_WORK,  act_copy,  N_("copy the line or row"), .value = 'l' },
	{ "copy-block",   { "y b" },              IN(PANE_LOG), act_copy, N_("copy the lines on the screen"), .value = 'b' },
	{ "copy-id",      { "y i" },              IN_WORK,  act_copy,  N_("copy the id"), .value = 'i' },
	{ "copy-path",    { "y p" },              IN_WORK,  act_copy,  N_("copy the path of the log or workspace"), .value = 'p' },
	{ "copy-command", { "y c" },              IN_WORK,  act_copy,  N_("copy the command that shows the same"), .value = 'c' },
	/* views */
	{ "graph",        { "D" },                IN_PANES | IN(PANE_GRAPH), act_graph, N_("graph of the run: strip, whole screen, off"), N_("graph") },
	{ "inspect",      { "i" },                IN_PANES | IN(PANE_GRAPH), act_view, N_("inspect: definition, environment, outputs, attempts, events"), N_("inspect"), .value = PANE_INSPECT },
	{ "why",          { "W" },                IN_NODE,  act_text,  N_("why the node ran, waits or did not run"), N_("why"), .value = TEXT_WHY },
	{ "diff",         { "d" },                IN_NODE,  act_text,  N_("what differs between the failed attempt and the last good one, or two marked ones"), N_("diff last good"), .value = TEXT_COMPARE },
	{ "files-diff",   { "d" },                IN(PANE_CHECKPOINTS), act_files, N_("how the files differ between the checkpoint and now, or between two marked ones"), N_("files") },
	{ "checkpoints",  { "B" },                IN_WORK & ~IN(PANE_QUEUE), act_view, N_("checkpoints of the run: Enter rolls back to one"), N_("checkpoints"), .value = PANE_CHECKPOINTS },
	{ "change-next",  { "n", "]" },           IN(PANE_TEXT), act_next_change, N_("go to the next change"), N_("next change"), .value = 1 },
	{ "change-previous", { "N", "[" },        IN(PANE_TEXT), act_next_change, N_("go to the previous change"), .value = -1 },
	{ "transcript",   { "t" },                IN_ROUND, act_round, N_("what the agent or model of the iteration said and did"), N_("transcript"), .value = ROUND_TALK },
	{ "checks",       { "E" },                IN_ROUND, act_round, N_("what the checks of the iteration found; Enter opens the place in $EDITOR"), N_("errors"), .value = ROUND_CHECKS },
	{ "prompt",       { "I" },                IN_ROUND, act_round, N_("what the iteration was told, and what the next one was told of it"), N_("input"), .value = ROUND_PROMPT },
	{ "decisions",    { "J" },                IN_ROUND, act_round, N_("what was decided after each iteration and why, and how much of the limits is used"), N_("judgement"), .value = ROUND_TRAIL },
	{ "stop-next",    { "n", "]" },           IN(PANE_ROUND), act_round_stop, N_("go to the next message, call, or thing that was found"), N_("next"), .value = 1 },
	{ "stop-previous", { "N", "[" },          IN(PANE_ROUND), act_round_stop, N_("go to the previous message, call, or thing that was found"), .value = -1 },
	{ "iteration-previous", { "{" },          IN(PANE_ROUND), act_round_iteration, N_("the same of the iteration before"), .value = -1 },
	{ "iteration-next", { "}" },              IN(PANE_ROUND), act_round_iteration, N_("the same of the next iteration"), .value = 1 },
	{ "fold",         { "-" },                IN(PANE_ROUND), act_round_fold, N_("unfold everything, or fold it"), N_("fold") },
	{ "work-diff",    { "d" },                IN(PANE_ROUND) | IN(PANE_TEXT), act_work_diff, N_("what the iteration changed in the files since the last good one"), N_("files") },
	{ "breakers",     { "O" },                IN_WORK & ~IN(PANE_QUEUE), act_view, N_("circuit breakers of agent programs and providers"), N_("breakers"), .value = PANE_BREAKERS },
	{ "events",       { "L" },                IN_PANES | IN(PANE_GRAPH), act_view, N_("what happened: all events"), N_("events"), .value = PANE_EVENTS },
	{ "help",         { "?", "F1" },          IN_ALL & ~IN(PANE_HELP), act_view, N_("all keys; Enter runs what is selected"), N_("keys"), .value = PANE_HELP },
	{ "palette",      { ":" },                IN_ALL,   act_prompt, N_("find a command by its name"), N_("command"), .value = PROMPT_PALETTE },
	/* the console itself */
	{ "escape",       { "Esc", "C-c" },       IN_ALL,   act_escape, N_("stop a search, clear marks and filter, close the view") },
	{ "back-or-quit", { "q" },                IN_ALL,   act_quit,  N_("close the view; at the top: quit"), N_("quit") },
	{ "quit",         { NULL },               IN_ALL,   act_quit,  N_("quit the console; the engine goes on"), .value = 1 },
	{ "suspend",      { "C-z" },              IN_ALL,   act_suspend, N_("suspend the console") },
	{ "repaint",      { "C-l" },              IN_ALL,   act_repaint, N_("draw the screen anew") },
	{ "reload",       { "C-r" },              IN_ALL,   act_reload, N_("read everything anew; without an engine: try at once") },
	{ "mouse",        { "M" },                IN_ALL,   act_mouse, N_("mouse on or off (off: the terminal selects text)") },
	{ "theme",        { "T" },                IN_ALL,   act_theme, N_("next theme") },
	{ "read-write",   { NULL },               IN_ALL,   act_read_write, N_("allow changes in a console that was started read-only, or forbid them") },
};
/* clang-format on */
const size_t nactions = COUNT(actions);

const struct action *action_find(const char *name)
{
	for (size_t i = 0; i < nactions; i++)
		if (str_eq(actions[i].name, name))
			return &actions[i];
	return NULL;
}

static void add_row(struct str *s, const struct action *a)
{
	bool any = false;
	str_add(s, ".TP\n");
	for (size_t i = 0; i < ACTION_KEYS && a->keys[i]; i++) {
		str_add(s, any ? ", \\fB" : "\\fB");
		for (const char *p = a->keys[i]; *p; p++)
			str_add(s, *p == '-' ? "\\-" :
				   *p == '\\' ? "\\e" :
				   *p == '\'' ? "\\(aq" :
				   *p == '^' ? "\\(ha" : (char[]){ *p, 0 });
		str_add(s, "\\fR");
		any = true;
	}
	str_add(s, any ? "  " : "\\fB:\\fR  ");
	str_add(s, "\\fI");
	for (const char *p = a->name; *p; p++)
		str_add(s, *p == '-' ? "\\-" : (char[]){ *p, 0 });
	str_add(s, "\\fR");
	if (a->where != IN_ALL && a->where != IN_WORK && a->where != IN_PANES) {
		const char *lead = " (";
		for (int p = 0; p < PANE_COUNT; p++) {
			if (!(a->where & IN(p)))
				continue;
			str_addf(s, "%s%s", lead, pane_name((enum pane)p));
			lead = ", ";
		}
		str_add(s, ")");
	}
	str_addf(s, "\n%c", a->help[0] >= 'a' && a->help[0] <= 'z' ? a->help[0] - 32 : a->help[0]);
	str_addf(s, "%s.\n", a->help + 1);
}

void actions_print_manual(struct str *s)
{
	for (size_t i = 0; i < nactions; i++)
		add_row(s, &actions[i]);
}
