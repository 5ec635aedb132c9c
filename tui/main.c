/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The console's main: options, the loop, and the map of what lies beneath.
 *
 *   tui_main         options, start, loop, end
 *   console.c        keys to actions; what follows from a selection and from news
 *     action.c       the table of everything that a key does; keymap.c: which keys
 *     act_*.c        the functions of that table; copy.c: the clipboard; palette.c: the table by name
 *     verb.c         changes: the table of verbs, questions, answers, undo
 *   model.c          lists read through the API and kept fresh by the event stream; rows.c: rows
 *   logview.c        a log under a cursor; logread.c: reading, searching and following it
 *   frame.c          how the screen is divided; header, detail line, key row
 *     pane_*.c       queue, runs, iterations, log; graph, inspect, events, help, submit
 *     list.c         lists under a cursor; prompt.c: a line of input; fuzzy.c; graph.c: layout
 *   screen.c         the terminal (ncurses); cells.c: what is to be seen; theme.c; key.c; state.c: glyphs
 *   session.c        what is remembered
 *
 * One thread, one loop: keys, signals and answers change the state, once a turn the frame is drawn into
 * cells, and what differs goes to the terminal, when it has taken what went before. */
#include "tui/tui.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/language.h"
#include "tui/action.h"
#include "tui/inspect.h"
#include "tui/live.h"
#include "tui/panes.h"
#include "tui/roundview.h"
#include "tui/session.h"
#include "tui/submit.h"
#include "tui/textview.h"
#include "tui/verb.h"

#include <getopt.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define FDS_MAX 64
#define FDS_OWN 3           /* terminal, signals, output that waits */
#define SLICE_US 8000       /* keys that came together are taken this long before a frame is drawn */
#define START_WAIT_US 150000 /* the first frame waits so long for the first answers */
#define NEWS_FRAME_US 100000 /* frames that no key asked for */
#define ANSWER_FRAME_US 5000  /* frames for answers to what a key asked for … */
#define ANSWERED_FRAME_US 1000 /* … when none is out any more … */
#define KEY_LASTS_US 300000   /* … which come within this time */
#define BUSY_MS 10          /* how long to wait for a terminal that has not taken the last frame */

struct loop {
	int signal_fd;
	struct pollfd fds[FDS_MAX + 3];
	int64_t last_frame_us, last_key_us, start_us;
	bool key_came, input_left, wait_terminal, first_drawn;
	int64_t shown_second;
	int ended_by; /* signal */
};

enum option_code {
	OPT_HOME = 256, OPT_URL, OPT_THEME, OPT_KEYMAP, OPT_ASCII, OPT_READ_ONLY, OPT_MOUSE, OPT_NOTIFY,
	OPT_NO_SESSION, OPT_NO_COLOR, OPT_PRINT_KEYMAP, OPT_PRINT_ACTIONS, OPT_HELP
};

/* clang-format off */
static const struct option options[] = {
	{ "home",      required_argument, NULL, OPT_HOME },
	{ "url",       required_argument, NULL, OPT_URL },
	{ "theme",     required_argument, NULL, OPT_THEME },
	{ "keymap",    required_argument, NULL, OPT_KEYMAP },
	{ "ascii",     no_argument, NULL, OPT_ASCII },
	{ "read-only", no_argument, NULL, OPT_READ_ONLY },
	{ "mouse",     no_argument, NULL, OPT_MOUSE },
	{ "notify",    no_argument, NULL, OPT_NOTIFY },
	{ "no-color",  no_argument, NULL, OPT_NO_COLOR },
	{ "no-session", no_argument, NULL, OPT_NO_SESSION },
	{ "print-keymap", no_argument, NULL, OPT_PRINT_KEYMAP },
	{ "print-actions", no_argument, NULL, OPT_PRINT_ACTIONS },
	{ "help",      no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};
/* clang-format on */

static const char help_text[] = N_(
	"Usage: pawl console [OPTION]...\n"
	"Watch and steer the engine: queue, runs, iterations and logs. ? shows all keys.\n"
	"\n"
	"  --home DIR       home of the engine\n"
	"  --url URL        an engine elsewhere, instead of the local one\n"
	"  --read-only      nothing can be changed\n"
	"  --theme NAME     dark, light, contrast, colorblind, or a file's path\n"
	"  --keymap FILE    keys of your own, see pawl-keymap(5)\n"
	"  --ascii          ASCII alone\n"
	"  --no-color       no colours (also: NO_COLOR is set)\n"
	"  --mouse          mouse on from the start (M toggles)\n"
	"  --notify         notify the terminal of new failures (OSC 9)\n"
	"  --no-session     neither restore nor remember the place\n"
	"  --print-keymap   print the keymap and exit\n");

/* ---- life of a console ---- */

static enum err_code fail(const struct err *err)
{
	(void)fprintf(stderr, "pawl: %s\n", err->message);
	if (err->hint[0])
		(void)fprintf(stderr, "pawl: %s\n", err->hint);
	return err->code;
}

static enum err_code load_keymap(struct console *c, struct err *err)
{
	c->keymap = keymap_new();
	if (c->options.keymap)
		return keymap_load(c->keymap, c->options.keymap, err);
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	auto_free char *path = NULL;
	if (config && config[0] == '/')
		path = xasprintf("%s/pawl/keymap", config);
	else if (home && home[0] == '/')
		path = xasprintf("%s/.config/pawl/keymap", home);
	return path && fs_exists(path) ? keymap_load(c->keymap, path, err) : ERR_OK;
}

static enum err_code load_theme(struct console *c, struct theme *theme, struct err *err)
{
	const char *const *names = theme_names();
	for (size_t i = 0; names[i]; i++)
		if (str_eq(names[i], c->options.theme ? c->options.theme : "dark"))
			c->theme = i;
	return theme_load(c->options.theme ? c->options.theme : "dark", theme, err);
}

static void init_lists(struct console *c)
{
	c->help_rows = (struct rows){ .kind = ROWS_HELP, .total = -1 };
	list_init(&c->list[PANE_QUEUE], &queue_list, &c->model.orders);
	list_init(&c->list[PANE_RUNS], &runs_list, &c->model.runs);
	list_init(&c->list[PANE_ITERATIONS], &iterations_list, &c->model.iterations);
	list_init(&c->list[PANE_EVENTS], &events_list, &c->model.events);
	list_init(&c->list[PANE_CHECKPOINTS], &checkpoints_list, &c->model.checkpoints);
	list_init(&c->list[PANE_APPROVALS], &approvals_list, &c->model.approvals);
	list_init(&c->list[PANE_BREAKERS], &breakers_list, &c->model.breakers);
	list_init(&c->list[PANE_HELP], &help_list, &c->help_rows);
}

/* Times come from the real clocks, but for tests: they see a clock that stands. */
static void take_time(struct console *c)
{
	const char *frozen = getenv("PAWL_TEST_NOW_MS");
	c->frozen_clock = frozen != NULL;
	c->wall_ms = frozen ? strtoll(frozen, NULL, 10) : clock_wall_ms();
	c->mono_us = clock_mono_us();
}

static enum err_code console_open(struct console *c, struct err *err)
{
	struct theme theme;
	struct client_options co = { .home = c->options.home,
				     .base_url = c->options.base_url,
				     .token = c->options.token };
	enum err_code code = screen_check(err);
	if (!code)
		code = load_keymap(c, err);
	if (!code)
		code = load_theme(c, &theme, err);
	if (!code)
		code = client_new(&co, &c->client, err);
	if (code)
		return code;
	take_time(c);
	c->test_idle = getenv("PAWL_TEST_IDLE") != NULL;
	c->focus = c->view = c->expanded = PANE_RUNS;
	model_init(&c->model, c->client);
	logview_init(&c->log, c->client);
	init_lists(c);
	session_restore(c);
	if (!c->options.theme)
		code = theme_load(theme_names()[c->theme], &theme, err);
	struct screen_options so = { &theme, c->options.ascii, c->options.no_color };
	if (!code)
		code = screen_open(&so, &c->screen, err);
	if (code)
		return code;
	c->cells = screen_cells(c->screen);
	c->read_only = c->options.read_only;
	if (c->options.mouse)
		screen_set_mouse(c->screen, true);
	c->dirty = true;
	return ERR_OK;
}

static void console_done(struct console *c)
{
	if (c->screen) {
		session_save(c);
		screen_close(c->screen);
	}
	if (c->client) {
		confirm_close(c);
		inspect_free(c);
		text_free(c);
		round_free(c);
		live_free(c);
		submit_free(c);
		logview_done(&c->log);
		model_done(&c->model);
		client_free(c->client);
		for (size_t i = 0; i < PANE_COUNT; i++)
			if (console_list_pane((enum pane)i))
				list_done(&c->list[i]);
		rows_done(&c->help_rows);
	}
	smap_done(&c->known_failures);
	smap_done(&c->known_approvals);
	keymap_free(c->keymap);
	prompt_done(&c->prompt);
	for (int i = 0; i < c->nundo; i++)
		free(c->undo[i].id);
	for (size_t i = 0; i < COUNT(c->saved_filters); i++)
		free(c->saved_filters[i]);
	char *texts[] = { c->message.text, c->refusal, c->sent_what, c->pending_log_iteration,
			  c->shown_run, c->restored_run, c->restored_iteration, c->graph_node };
	for (size_t i = 0; i < COUNT(texts); i++)
		free(texts[i]);
}

/* ---- the loop ---- */

static int open_signals(void)
{
	sigset_t set;
	(void)sigemptyset(&set);
	static const int taken[] = { SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT };
	for (size_t i = 0; i < COUNT(taken); i++)
		(void)sigaddset(&set, taken[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void suspend(struct console *c)
{
	c->suspend_wanted = false;
	screen_suspend(c->screen);
	(void)kill(0, SIGSTOP);
	screen_resume(c->screen);
	c->cells = screen_cells(c->screen);
	c->dirty = true;
}

static void take_signals(struct console *c, struct loop *l)
{
	struct signalfd_siginfo info;
	while (read(l->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGWINCH:
			if (screen_resize(c->screen))
				c->dirty = l->key_came = true;
			break;
		case SIGTSTP:
			c->suspend_wanted = true;
			break;
		case SIGCONT:
			screen_repaint(c->screen);
			c->dirty = true;
			break;
		default:
			l->ended_by = (int)info.ssi_signo;
			c->quit = true;
		}
	}
}

static void take_keys(struct console *c, struct loop *l)
{
	struct key_event e;
	int64_t until = clock_mono_us() + SLICE_US;
	l->input_left = false;
	while (!c->quit && !c->suspend_wanted && screen_read(c->screen, &e)) {
		l->key_came = true;
		l->last_key_us = c->mono_us;
		console_key(c, &e);
		if (clock_mono_us() >= until) {
			l->input_left = true;
			return;
		}
	}
}

/* Whether a frame is to be drawn now; otherwise *timeout_us is lowered to when it is. */
static bool frame_is_due(struct console *c, struct loop *l, int64_t *timeout_us)
{
	if (!c->dirty)
		return false;
	if (!l->first_drawn && !c->started && !model_down(&c->model)) {
		int64_t left = l->start_us + START_WAIT_US - c->mono_us;
		if (left > 0) {
			*timeout_us = *timeout_us < 0 ? left : MIN(*timeout_us, left);
			return false;
		}
	}
	/* The first frame waits for the log as well, for the same time at most. */
	bool log_waits = c->log.wanted.run && !c->log.have && !c->log.failed;
	if (!l->first_drawn && c->started && log_waits &&
	    c->mono_us < l->start_us + START_WAIT_US) {
		*timeout_us = 1000;
		return false;
	}
	bool answer = c->mono_us - l->last_key_us < KEY_LASTS_US;
	bool more = model_busy(&c->model) || c->log.call[LOG_WINDOW].request; /* they share a frame */
	int64_t pause = l->key_came || !l->first_drawn ? 0 : !answer ? NEWS_FRAME_US : more ? ANSWER_FRAME_US : ANSWERED_FRAME_US;
	int64_t left = l->last_frame_us + pause - c->mono_us;
	if (left > 0) {
		*timeout_us = *timeout_us < 0 ? left : MIN(*timeout_us, left);
		return false;
	}
	return true;
}

static void draw(struct console *c, struct loop *l)
{
	c->dirty = false;
	frame_draw(c);
	l->wait_terminal = !screen_flush(c->screen);
	if (l->wait_terminal) {
		c->dirty = true;
		return;
	}
	l->first_drawn = true;
	l->key_came = false;
	l->last_frame_us = c->mono_us;
}

static bool is_idle(const struct console *c)
{
	if (model_down(&c->model))
		return !c->dirty;
	if (c->dirty || !c->started || c->sending || inspect_busy(c) || submit_busy(c) || text_busy(c) ||
	    round_busy(c) || live_busy(c) ||
	    c->confirm.preview_request ||
	    model_busy(&c->model))
		return false;
	for (size_t i = 0; i < LOG_REQUEST_COUNT; i++)
		if (c->log.call[i].request)
			return false;
	return true;
}

/* The clock in the header moves once a second, and only its digits. */
static int64_t until_next_second(struct console *c)
{
	if (c->frozen_clock)
		return -1;
	return (1000 - c->wall_ms % 1000) * 1000 + 500;
}

static int64_t lower(int64_t timeout_us, int64_t other_us)
{
	return timeout_us < 0 ? other_us : other_us < 0 ? timeout_us : MIN(timeout_us, other_us);
}

static void turn(struct console *c, struct loop *l)
{
	take_time(c);
	if (!c->frozen_clock && c->wall_ms / 1000 != l->shown_second) {
		l->shown_second = c->wall_ms / 1000;
		c->dirty = true;
	}
	console_update(c);
	int64_t timeout_us = model_turn(&c->model, c->wall_ms, c->mono_us);
	c->log.offline = model_down(&c->model);
	logview_turn(&c->log, c->mono_us);
	timeout_us = lower(timeout_us, until_next_second(c));
	if (c->message.text)
		timeout_us = lower(timeout_us, MAX(c->message.until_us - c->mono_us, (int64_t)0));
	if (!l->input_left && frame_is_due(c, l, &timeout_us))
		draw(c, l);
	/* What drawing found missing (a pane got its size) is asked for at once. */
	logview_turn(&c->log, c->mono_us);
	if (l->wait_terminal && screen_output_fd(c->screen) < 0)
		timeout_us = lower(timeout_us, BUSY_MS * 1000);
	if (l->input_left)
		timeout_us = 0;
	if (c->test_idle && !l->wait_terminal && !l->input_left && is_idle(c)) {
		static const char idle[] = "\033]999;idle\a";
		screen_send(c->screen, idle, sizeof(idle) - 1);
	}
	int client_ms = -1;
	l->fds[0] = (struct pollfd){ STDIN_FILENO, POLLIN, 0 };
	l->fds[1] = (struct pollfd){ l->signal_fd, POLLIN, 0 };
	int output_fd = screen_output_fd(c->screen);
	l->fds[2] = (struct pollfd){ output_fd, POLLOUT, 0 }; /* -1 is left out */
	if (output_fd >= 0)
		l->wait_terminal = false; /* it says itself when it is ready */
	size_t n = client_poll(c->client, l->fds + FDS_OWN, FDS_MAX, &client_ms);
	timeout_us = lower(timeout_us, client_ms < 0 ? -1 : (int64_t)client_ms * 1000);
	struct timespec wait = { timeout_us / 1000000, timeout_us % 1000000 * 1000 };
	if (ppoll(l->fds, n + FDS_OWN, timeout_us < 0 ? NULL : &wait, NULL) < 0)
		for (size_t i = 0; i < n + FDS_OWN; i++)
			l->fds[i].revents = 0;
	take_time(c);
	if (l->fds[1].revents)
		take_signals(c, l);
	if (l->fds[0].revents & (POLLHUP | POLLERR | POLLNVAL) &&
	    !(l->fds[0].revents & POLLIN))
		c->quit = true;
	if ((l->fds[0].revents & POLLIN) || l->input_left)
		take_keys(c, l);
	if (l->fds[2].revents)
		screen_output(c->screen);
	client_turn(c->client, l->fds + FDS_OWN, n);
	if (c->suspend_wanted)
		suspend(c);
}

static int run(struct console *c)
{
	struct loop l = { .start_us = clock_mono_us(), .last_key_us = clock_mono_us() };
	l.signal_fd = open_signals();
	while (!c->quit)
		turn(c, &l);
	(void)close(l.signal_fd);
	return l.ended_by;
}

/* ---- options ---- */

static void print_and_free(struct str *s)
{
	(void)fputs(str_text(s), stdout);
	str_done(s);
}

/* -1: go on; otherwise the exit status. */
static int read_options(struct console_options *o, int argc, char **argv, const char **ret_home)
{
	struct str s = STR_INIT;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
		switch (c) {
		case OPT_HOME: *ret_home = optarg; break;
		case OPT_URL: o->base_url = optarg; break;
		case OPT_THEME: o->theme = optarg; break;
		case OPT_KEYMAP: o->keymap = optarg; break;
		case OPT_ASCII: o->ascii = true; break;
		case OPT_READ_ONLY: o->read_only = true; break;
		case OPT_MOUSE: o->mouse = true; break;
		case OPT_NOTIFY: o->notify = true; break;
		case OPT_NO_COLOR: o->no_color = true; break;
		case OPT_NO_SESSION: o->no_session = true; break;
		case OPT_PRINT_KEYMAP: {
			struct keymap *m = keymap_new();
			keymap_print(m, &s);
			keymap_free(m);
			print_and_free(&s);
			return 0;
		}
		case OPT_PRINT_ACTIONS:
			actions_print_manual(&s);
			print_and_free(&s);
			return 0;
		case OPT_HELP: (void)fputs(_(help_text), stdout); return 0;
		default: return err_exit_status(ERR_USAGE);
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, _("pawl: console takes no argument '%s'\n"), argv[optind]);
		return err_exit_status(ERR_USAGE);
	}
	return -1;
}

/* The screen takes texts as UTF-8, or as ASCII where no more can be shown: a language is then written in ASCII if it
 * can be, else English is. */
static void choose_texts(bool ascii)
{
	(void)bind_textdomain_codeset(PACKAGE, ascii ? "ASCII" : "UTF-8");
	if (ascii && (strchr(_("RUNS"), '?') || strchr(_("QUEUE"), '?')))
		(void)setlocale(LC_MESSAGES, "C");
}

int tui_main(int argc, char **argv)
{
	language_begin();
	(void)setlocale(LC_TIME, ""); /* names of days */
	struct console *c = xcalloc(1, sizeof(*c));
	struct err err = { 0 };
	const char *home = NULL, *glyphs = getenv("PAWL_GLYPHS"), *no_color = getenv("NO_COLOR");
	auto_free char *found = NULL;
	int status = read_options(&c->options, argc, argv, &home);
	if (status >= 0) {
		free(c);
		return status;
	}
	c->options.ascii = c->options.ascii || (glyphs && str_eq(glyphs, "ascii"));
	choose_texts(c->options.ascii || MB_CUR_MAX == 1);
	c->options.no_color = c->options.no_color || (no_color && *no_color);
	c->options.token = getenv("PAWL_TOKEN");
	enum err_code code = ERR_OK;
	if (!c->options.base_url)
		code = fs_home(home, false, &found, &err);
	c->options.home = found;
	if (!code)
		code = console_open(c, &err);
	int ended_by = code ? 0 : run(c);
	console_done(c);
	free(c);
	if (code)
		return err_exit_status(fail(&err));
	return ended_by ? 128 + ended_by : 0;
}
