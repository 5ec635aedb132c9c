/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/screen.h"

#include "tui/key.h"
#include "tui/screen_term.h"

#include <ncurses.h>

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define ESC_DELAY_MS 25
#define PAIRS_MAX 250

/* Codes that ncurses gives us for sequences it does not know by itself. */
enum { CODE_PASTE_BEGIN = KEY_MAX + 1, CODE_PASTE_END, CODE_FOCUS_IN, CODE_FOCUS_OUT };

struct pair {
	short foreground, background;
};

struct screen {
	SCREEN *term;
	struct cells cells; /* what is wanted */
	struct cell *shown; /* what ncurses was given last */
	struct theme theme;
	struct pair pairs[PAIRS_MAX];
	int npairs, max_colors, max_pairs;
	bool color, mouse, paste, osc, suspended;
	int cursor_row, cursor_column;
	/* ncurses writes piece by piece to descriptor 1; during a frame that is a file in memory, so that the frame
	 * goes out in one piece, and through a description of our own that never blocks. */
	int capture_fd, stdout_fd, tty_fd;
	struct str out; /* not taken by the terminal yet */
	size_t out_at;
};

static void setup_colors(struct screen *s, bool no_color)
{
	s->color = !no_color && has_colors();
	if (!s->color)
		return;
	(void)start_color();
	(void)use_default_colors();
	s->max_colors = COLORS;
	s->max_pairs = MIN(COLOR_PAIRS, PAIRS_MAX);
}

/* Give the terminal what it takes now; with `all` wait until it took everything. */
static void pump(struct screen *s, bool all)
{
	while (s->out_at < s->out.len) {
		int fd = all || s->tty_fd < 0 ? STDOUT_FILENO : s->tty_fd;
		ssize_t n = write(fd, s->out.p + s->out_at, s->out.len - s->out_at);
		if (n > 0)
			s->out_at += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			return;
		else if (n < 0 && errno != EINTR)
			break; /* the terminal is gone: the loop hears of it */
	}
	str_clear(&s->out);
	s->out_at = 0;
}

static void write_out(struct screen *s, const char *bytes, size_t len)
{
	str_add_len(&s->out, bytes, len);
	pump(s, false);
}

static void capture(struct screen *s)
{
	(void)fflush(stdout);
	if (s->capture_fd >= 0)
		(void)dup2(s->capture_fd, STDOUT_FILENO);
}

static void release(struct screen *s)
{
	if (s->capture_fd < 0)
		return;
	(void)dup2(s->stdout_fd, STDOUT_FILENO);
	off_t len = lseek(s->capture_fd, 0, SEEK_CUR);
	if (len > 0) {
		str_reserve(&s->out, (size_t)len);
		ssize_t n = pread(s->capture_fd, s->out.p + s->out.len, (size_t)len, 0);
		if (n > 0) {
			s->out.len += (size_t)n;
			s->out.p[s->out.len] = '\0';
		}
	}
	(void)lseek(s->capture_fd, 0, SEEK_SET);
	pump(s, false);
}

static void open_output(struct screen *s)
{
	const char *tty = ttyname(STDOUT_FILENO);
	s->stdout_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	s->capture_fd = s->stdout_fd < 0 ? -1 : memfd_create("pawl-frame", MFD_CLOEXEC);
	s->tty_fd = tty ? open(tty, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
}

static void close_output(struct screen *s)
{
	int fds[] = { s->capture_fd, s->stdout_fd, s->tty_fd };
	for (size_t i = 0; i < COUNT(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	str_done(&s->out);
}

static void enter(struct screen *s)
{
	(void)raw();
	(void)noecho();
	(void)nonl();
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)idlok(stdscr, TRUE);
	(void)leaveok(stdscr, FALSE);
	(void)typeahead(-1); /* a frame is written whole; whether to draw one is decided before */
	if (s->paste)
		write_out(s, "\033[?2004h", 8);
}

static void leave(struct screen *s)
{
	if (s->paste)
		str_add(&s->out, "\033[?2004l");
	pump(s, true);
	if (s->mouse)
		(void)mousemask(0, NULL);
	(void)curs_set(1);
	(void)endwin();
}

static bool terminal_size(int *ret_rows, int *ret_columns)
{
	struct winsize size;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		return false;
	*ret_rows = MIN(size.ws_row, 1000);
	*ret_columns = MIN(size.ws_col, 1000);
	return true;
}

static void take_size(struct screen *s, int rows, int columns)
{
	cells_resize(&s->cells, rows, columns);
	s->shown = xreallocarray(s->shown, (size_t)s->cells.rows * (size_t)s->cells.columns,
				 sizeof(*s->shown));
	memset(s->shown, 0xff,
	       (size_t)s->cells.rows * (size_t)s->cells.columns * sizeof(*s->shown));
}

enum err_code screen_open(const struct screen_options *o, struct screen **ret, struct err *err)
{
	enum err_code code = screen_check(err);
	if (code)
		return code;
	set_escdelay(ESC_DELAY_MS);
	struct screen *s = xcalloc(1, sizeof(*s));
	s->theme = *o->theme;
	open_output(s);
	s->cells.ascii = o->ascii || MB_CUR_MAX == 1;
	s->term = newterm(NULL, stdout, stdin);
	if (!s->term) {
		close_output(s);
		free(s);
		return err_set(err, ERR_USAGE, _("the terminal '%.40s' cannot be used"),
			       getenv("TERM"));
	}
	setup_colors(s, o->no_color);
	s->paste = screen_has("kmous");
	s->osc = s->paste && !str_starts(getenv("TERM"), "linux");
	(void)define_key("\033[200~", CODE_PASTE_BEGIN);
	(void)define_key("\033[201~", CODE_PASTE_END);
	enter(s);
	int rows = LINES, columns = COLS;
	if (terminal_size(&rows, &columns) && (rows != LINES || columns != COLS))
		(void)resizeterm(rows, columns);
	take_size(s, rows, columns);
	s->cursor_row = -1;
	(void)curs_set(0);
	*ret = s;
	return ERR_OK;
}

void screen_close(struct screen *s)
{
	if (!s)
		return;
	if (!s->suspended)
		leave(s);
	delscreen(s->term);
	close_output(s);
	cells_done(&s->cells);
	free(s->shown);
	free(s);
}

struct cells *screen_cells(struct screen *s)
{
	return &s->cells;
}

void screen_cursor(struct screen *s, int row, int column)
{
	s->cursor_row = row;
	s->cursor_column = column;
}

static int color_pair(struct screen *s, int foreground, int background)
{
	if (!s->color)
		return 0;
	if (foreground >= s->max_colors)
		foreground = foreground < 16 ? foreground - 8 : -1;
	if (background >= s->max_colors)
		background = background < 16 ? background - 8 : -1;
	if (foreground < 0 && background < 0)
		return 0;
	for (int i = 1; i <= s->npairs; i++)
		if (s->pairs[i].foreground == foreground && s->pairs[i].background == background)
			return i;
	if (s->npairs + 1 >= s->max_pairs)
		return 0;
	int n = ++s->npairs;
	s->pairs[n] = (struct pair){ (short)foreground, (short)background };
	(void)init_pair((short)n, (short)foreground, (short)background);
	return n;
}

static attr_t style_attrs(struct screen *s, uint32_t style, int *ret_pair)
{
	const struct look *look = &s->theme.look[style_role(style) % ROLE_COUNT];
	int foreground = look->foreground, background = look->background;
	uint32_t attrs = look->attrs | (style & STYLE_ATTRS);
	if (style & STYLE_FG_MASK)
		foreground = (int)((style & STYLE_FG_MASK) >> 12) - 1;
	if (style & STYLE_BG_MASK)
		background = (int)((style & STYLE_BG_MASK) >> 21) - 1;
	attr_t a = 0;
	/* A background that cannot be shown in colour is shown as reverse. */
	if (!s->color && look->background >= 0)
		attrs |= STYLE_REVERSE;
	if (s->color && s->max_colors <= 8 && foreground == 8) {
		foreground = -1;
		attrs |= STYLE_DIM;
	}
	if (attrs & STYLE_BOLD)
		a |= A_BOLD;
	if (attrs & STYLE_DIM)
		a |= A_DIM;
	if (attrs & STYLE_UNDERLINE)
		a |= A_UNDERLINE;
	if (attrs & STYLE_REVERSE)
		a |= A_REVERSE;
	*ret_pair = color_pair(s, foreground, background);
	return a;
}

/* Box-drawing characters go out as the terminal's own line drawing. */
static const cchar_t *line_drawing(wchar_t ch)
{
	switch (ch) {
	case 0x2500:
		return WACS_HLINE;
	case 0x2502:
		return WACS_VLINE;
	case 0x251c:
		return WACS_LTEE;
	case 0x2524:
		return WACS_RTEE;
	case 0x252c:
		return WACS_TTEE;
	case 0x2534:
		return WACS_BTEE;
	case 0x253c:
		return WACS_PLUS;
	case 0x250c:
		return WACS_ULCORNER;
	case 0x2510:
		return WACS_URCORNER;
	case 0x2514:
		return WACS_LLCORNER;
	case 0x2518:
		return WACS_LRCORNER;
	default:
		return NULL;
	}
}

static void put_row(struct screen *s, int row)
{
	const struct cell *want = cells_at(&s->cells, row, 0);
	uint32_t style = ~want->style;
	attr_t attrs = 0;
	int pair = 0;
	(void)wmove(stdscr, row, 0);
	for (int c = 0; c < s->cells.columns; c++) {
		if (want[c].ch[0] == 0)
			continue;
		if (want[c].style != style) {
			style = want[c].style;
			attrs = style_attrs(s, style, &pair);
		}
		cchar_t cc;
		const cchar_t *line = line_drawing(want[c].ch[0]);
		wchar_t text[CELL_CHARS + 1] = { 0 };
		memcpy(text, want[c].ch, sizeof(want[c].ch));
		if (line) {
			attr_t acs;
			short unused;
			(void)getcchar(line, text, &acs, &unused, NULL);
			(void)setcchar(&cc, text, attrs | (acs & A_ALTCHARSET), (short)pair, NULL);
		} else {
			(void)setcchar(&cc, text, attrs, (short)pair, NULL);
		}
		(void)mvwadd_wchnstr(stdscr, row, c, &cc, 1);
	}
}

static bool output_queued(void)
{
	int queued = 0;
	return ioctl(STDOUT_FILENO, TIOCOUTQ, &queued) == 0 && queued > 0;
}

bool screen_flush(struct screen *s)
{
	if (s->suspended)
		return true;
	if (s->out.len)
		pump(s, false);
	if (s->out.len || output_queued())
		return false;
	capture(s);
	size_t row_size = (size_t)s->cells.columns * sizeof(struct cell);
	for (int row = 0; row < s->cells.rows; row++) {
		struct cell *shown = s->shown + (size_t)row * (size_t)s->cells.columns;
		const struct cell *want = cells_at(&s->cells, row, 0);
		if (memcmp(shown, want, row_size) == 0)
			continue;
		put_row(s, row);
		memcpy(shown, want, row_size);
	}
	/* A cursor that is not seen need not be moved: on a slow link that counts. */
	(void)leaveok(stdscr, s->cursor_row < 0);
	(void)curs_set(s->cursor_row >= 0);
	if (s->cursor_row >= 0)
		(void)wmove(stdscr, s->cursor_row, MIN(s->cursor_column, s->cells.columns - 1));
	(void)wnoutrefresh(stdscr);
	(void)doupdate();
	release(s);
	return true;
}

static int special_key(int code)
{
	static const struct {
		int code, key;
	} map[] = {
		{ KEY_UP, K_UP },          { KEY_DOWN, K_DOWN },       { KEY_LEFT, K_LEFT },
		{ KEY_RIGHT, K_RIGHT },    { KEY_HOME, K_HOME },       { KEY_END, K_END },
		{ KEY_PPAGE, K_PAGE_UP },  { KEY_NPAGE, K_PAGE_DOWN }, { KEY_BTAB, K_BACKTAB },
		{ KEY_BACKSPACE, K_BACKSPACE }, { KEY_DC, K_DELETE },  { KEY_IC, K_INSERT },
		{ KEY_ENTER, K_ENTER },    { CODE_PASTE_BEGIN, K_PASTE_BEGIN },
		{ CODE_PASTE_END, K_PASTE_END },
	};
	for (size_t i = 0; i < COUNT(map); i++)
		if (map[i].code == code)
			return map[i].key;
	if (code >= KEY_F(1) && code <= KEY_F(12))
		return K_F1 + code - KEY_F(1);
	return K_NOTHING;
}

static int mouse_key(struct key_event *e)
{
	MEVENT m;
	if (getmouse(&m) != OK)
		return K_NOTHING;
	e->row = m.y;
	e->column = m.x;
	if (m.bstate & BUTTON4_PRESSED)
		return K_WHEEL_UP;
	if (m.bstate & BUTTON5_PRESSED)
		return K_WHEEL_DOWN;
	return m.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED) ? K_MOUSE_CLICK : K_NOTHING;
}

bool screen_read(struct screen *s, struct key_event *ret)
{
	wint_t ch = 0;
	*ret = (struct key_event){ 0 };
	if (s->suspended)
		return false;
	for (;;) {
		int kind = get_wch(&ch);
		if (kind == ERR)
			return false;
		if (kind != KEY_CODE_YES)
			break;
		if (ch == KEY_RESIZE)
			continue;
		ret->key = ch == KEY_MOUSE ? mouse_key(ret) : special_key((int)ch);
		if (ret->key != K_NOTHING)
			return true;
	}
	ret->key = ch == '\n' ? K_ENTER : ch == 0x7f || ch == 8 ? K_BACKSPACE : (int)ch;
	return true;
}

bool screen_resize(struct screen *s)
{
	int rows, columns;
	if (!terminal_size(&rows, &columns) ||
	    (rows == s->cells.rows && columns == s->cells.columns))
		return false;
	(void)resizeterm(rows, columns);
	take_size(s, rows, columns);
	(void)clearok(curscr, TRUE);
	return true;
}

void screen_repaint(struct screen *s)
{
	(void)clearok(curscr, TRUE);
	memset(s->shown, 0xff,
	       (size_t)s->cells.rows * (size_t)s->cells.columns * sizeof(*s->shown));
}

void screen_suspend(struct screen *s)
{
	if (s->suspended)
		return;
	leave(s);
	s->suspended = true;
}

void screen_resume(struct screen *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	(void)reset_prog_mode();
	enter(s);
	screen_set_mouse(s, s->mouse);
	(void)screen_resize(s);
	screen_repaint(s);
}

void screen_set_theme(struct screen *s, const struct theme *theme)
{
	s->theme = *theme;
	screen_repaint(s);
}

void screen_set_mouse(struct screen *s, bool on)
{
	s->mouse = on;
	(void)mouseinterval(0);
	(void)mousemask(on ? BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED : 0, NULL);
}

void screen_beep(struct screen *s)
{
	screen_send(s, "\a", 1);
}

int screen_output_fd(const struct screen *s)
{
	return s->out.len ? s->tty_fd : -1;
}

void screen_output(struct screen *s)
{
	pump(s, false);
}

bool screen_takes_osc(const struct screen *s)
{
	return s->osc;
}

void screen_send(struct screen *s, const char *bytes, size_t len)
{
	if (s->suspended)
		return;
	write_out(s, bytes, len);
}
