/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/term.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vterm.h>

#define PATIENCE_US 10000000
#define IDLE "\033]999;idle\a"

struct term {
	VTerm *vt;
	VTermScreen *screen;
	int fd, rows, columns;
	pid_t pid;
	struct str bytes;
	size_t idles, mark, answers;
	char *title;
	int bells;
	bool alternate, cursor, ended, stopped;
	int status;
};

static int on_property(VTermProp prop, VTermValue *value, void *user)
{
	struct term *t = user;
	if (prop == VTERM_PROP_ALTSCREEN)
		t->alternate = value->boolean;
	else if (prop == VTERM_PROP_CURSORVISIBLE)
		t->cursor = value->boolean;
	else if (prop == VTERM_PROP_TITLE) {
		free(t->title);
		t->title = xstrdup(value->string);
	}
	return 1;
}

static int on_bell(void *user)
{
	((struct term *)user)->bells++;
	return 1;
}

static const VTermScreenCallbacks callbacks = { .settermprop = on_property, .bell = on_bell };

struct term *term_start(int rows, int columns, const char *const *argv, const char *const *env)
{
	struct term *t = xcalloc(1, sizeof(*t));
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };
	t->rows = rows;
	t->columns = columns;
	t->cursor = true;
	t->vt = vterm_new(rows, columns);
	vterm_set_utf8(t->vt, 1);
	t->screen = vterm_obtain_screen(t->vt);
	vterm_screen_enable_altscreen(t->screen, 1);
	vterm_screen_set_callbacks(t->screen, &callbacks, t);
	vterm_screen_reset(t->screen, 1);
	t->pid = forkpty(&t->fd, NULL, NULL, &size);
	if (t->pid < 0) {
		perror("forkpty");
		abort();
	}
	if (t->pid == 0) {
		char *all[64] = { xstrdup("PATH=/usr/bin:/bin") };
		size_t n = 1;
		static const char *const kept[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS" };
		for (size_t i = 0; i < COUNT(kept); i++)
			if (getenv(kept[i]))
				all[n++] = xasprintf("%s=%s", kept[i], getenv(kept[i]));
		for (size_t i = 0; env[i] && n < COUNT(all) - 1; i++)
			all[n++] = xstrdup(env[i]);
		char *args[16] = { NULL };
		for (size_t i = 0; argv[i] && i < COUNT(args) - 1; i++)
			args[i] = xstrdup(argv[i]);
		(void)execve(args[0], args, all);
		perror(args[0]);
		_exit(127);
	}
	(void)fcntl(t->fd, F_SETFL, O_NONBLOCK);
	(void)fcntl(t->fd, F_SETFD, FD_CLOEXEC);
	return t;
}

static void look_at_child(struct term *t)
{
	int status = 0;
	if (t->ended || waitpid(t->pid, &status, WNOHANG | WUNTRACED | WCONTINUED) != t->pid)
		return;
	if (WIFSTOPPED(status))
		t->stopped = true;
	else if (WIFCONTINUED(status))
		t->stopped = false;
	else {
		t->ended = true;
		t->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

/* Feed what came to the terminal; the idle marks are counted and taken out. */
static void feed(struct term *t, const char *p, size_t n)
{
	str_add_len(&t->bytes, p, n);
	(void)vterm_input_write(t->vt, p, n);
	char answer[256];
	size_t len;
	while ((len = vterm_output_read(t->vt, answer, sizeof(answer))) > 0)
		t->answers += len;
}

static void count_idles(struct term *t)
{
	size_t n = 0;
	for (const char *p = str_text(&t->bytes); (p = strstr(p, IDLE)) != NULL; p += sizeof(IDLE) - 1)
		n++;
	t->idles = n;
}

/* Read for at most `ms`; false when nothing came. */
static bool pump(struct term *t, int ms)
{
	struct pollfd fd = { t->fd, POLLIN, 0 };
	char buffer[65536];
	look_at_child(t);
	if (poll(&fd, 1, ms) <= 0)
		return false;
	ssize_t n = read(t->fd, buffer, sizeof(buffer));
	if (n <= 0) {
		look_at_child(t);
		if (n < 0 && errno == EIO && !t->ended)
			(void)poll(NULL, 0, 1);
		return false;
	}
	feed(t, buffer, (size_t)n);
	count_idles(t);
	return true;
}

static bool settle_from(struct term *t, size_t idles)
{
	int64_t until = clock_mono_us() + PATIENCE_US;
	while (clock_mono_us() < until) {
		bool more = pump(t, t->idles > idles ? 4 : 20);
		if (!more && t->idles > idles)
			return true;
		if (t->ended && !more)
			return false;
	}
	return false;
}

bool term_settle(struct term *t)
{
	return settle_from(t, t->idles ? t->idles - 1 : 0);
}

static void add_cell(const VTermScreenCell *cell, struct str *out)
{
	if (!cell->chars[0]) {
		str_add_char(out, ' ');
		return;
	}
	for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell->chars[i]; i++)
		if (cell->chars[i] != (uint32_t)-1)
			utf8_add(out, cell->chars[i]);
}

static void row_text(const struct term *t, int row, struct str *out)
{
	size_t start = out->len;
	for (int column = 0; column < t->columns; column++) {
		VTermScreenCell cell;
		(void)vterm_screen_get_cell(t->screen, (VTermPos){ row, column }, &cell);
		add_cell(&cell, out);
		if (cell.width == 2)
			column++;
	}
	while (out->len > start && out->p[out->len - 1] == ' ')
		str_cut(out, out->len - 1);
}

bool term_has(const struct term *t, const char *text)
{
	for (int row = 0; row < t->rows; row++) {
		auto_str s = STR_INIT;
		row_text(t, row, &s);
		if (strstr(str_text(&s), text))
			return true;
	}
	return false;
}

bool term_wait(struct term *t, const char *text)
{
	int64_t until = clock_mono_us() + PATIENCE_US;
	while (!term_has(t, text)) {
		if (clock_mono_us() >= until || (!pump(t, 20) && t->ended))
			return term_has(t, text);
	}
	return true;
}

bool term_wait_bytes(struct term *t, const char *text)
{
	int64_t until = clock_mono_us() + PATIENCE_US;
	while (!memmem(str_text(&t->bytes), t->bytes.len, text, strlen(text)))
		if (clock_mono_us() >= until || (!pump(t, 20) && t->ended))
			return memmem(str_text(&t->bytes), t->bytes.len, text, strlen(text)) != NULL;
	return true;
}

static size_t named_key(const char *word, char *bytes)
{
	static const struct {
		const char *name, *bytes;
	} names[] = {
		{ "<Enter>", "\r" },    { "<Esc>", "\033" },     { "<Tab>", "\t" },
		{ "<Space>", " " },     { "<Up>", "\033OA" },    { "<Down>", "\033OB" },
		{ "<Right>", "\033OC" }, { "<Left>", "\033OD" }, { "<PgDn>", "\033[6~" },
		{ "<PgUp>", "\033[5~" }, { "<Home>", "\033OH" }, { "<End>", "\033OF" },
		{ "<BS>", "\177" },     { "<S-Tab>", "\033[Z" },  { "<F1>", "\033OP" },
		{ "<Del>", "\033[3~" },
	};
	for (size_t i = 0; i < COUNT(names); i++) {
		if (str_eq(names[i].name, word)) {
			memcpy(bytes, names[i].bytes, strlen(names[i].bytes) + 1);
			return strlen(bytes);
		}
	}
	if (str_starts(word, "<C-") && word[3] && word[4] == '>') {
		bytes[0] = (char)(word[3] & 0x1f);
		return 1;
	}
	return 0;
}

void term_send(struct term *t, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(t->fd, bytes, len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
}

bool term_type(struct term *t, const char *words)
{
	auto_free char *copy = xstrdup(words);
	char *save = NULL;
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char bytes[8];
		size_t n = word[0] == '<' ? named_key(word, bytes) : 0;
		while (pump(t, 0))
			;
		size_t idles = t->idles;
		term_send(t, n ? bytes : word, n ? n : strlen(word));
		if (!settle_from(t, idles))
			return false;
	}
	return true;
}

void term_resize(struct term *t, int rows, int columns)
{
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };
	t->rows = rows;
	t->columns = columns;
	vterm_set_size(t->vt, rows, columns);
	(void)ioctl(t->fd, TIOCSWINSZ, &size);
}

void term_signal(struct term *t, int signal_number)
{
	(void)kill(t->pid, signal_number);
}

pid_t term_pid(const struct term *t)
{
	return t->pid;
}

int term_end(struct term *t)
{
	int64_t until = clock_mono_us() + PATIENCE_US;
	while (!t->ended && clock_mono_us() < until)
		(void)pump(t, 20);
	while (pump(t, 0))
		;
	return t->ended ? t->status : -1;
}

bool term_stopped(struct term *t)
{
	int64_t until = clock_mono_us() + PATIENCE_US;
	while (!t->stopped && !t->ended && clock_mono_us() < until)
		(void)pump(t, 10);
	return t->stopped;
}

void term_stop(struct term *t)
{
	if (!t->ended) {
		(void)kill(t->pid, SIGKILL);
		(void)kill(t->pid, SIGCONT);
		(void)waitpid(t->pid, NULL, 0);
	}
	(void)close(t->fd);
	vterm_free(t->vt);
	str_done(&t->bytes);
	free(t->title);
	free(t);
}

/* ---- what is seen, as text ---- */

static void add_color(const char *name, const VTermColor *color, bool is_default, struct str *out)
{
	if (is_default)
		return;
	if (VTERM_COLOR_IS_INDEXED(color))
		str_addf(out, " %s=%d", name, color->indexed.idx);
	else
		str_addf(out, " %s=#%02x%02x%02x", name, color->rgb.red, color->rgb.green,
			 color->rgb.blue);
}

static void cell_style(const VTermScreenCell *cell, struct str *out)
{
	str_clear(out);
	if (cell->attrs.bold)
		str_add(out, " bold");
	if (cell->attrs.underline)
		str_add(out, " underline");
	if (cell->attrs.reverse)
		str_add(out, " reverse");
	add_color("fg", &cell->fg, VTERM_COLOR_IS_DEFAULT_FG(&cell->fg), out);
	add_color("bg", &cell->bg, VTERM_COLOR_IS_DEFAULT_BG(&cell->bg), out);
}

static void dump_styles(const struct term *t, int row, struct str *out)
{
	auto_str style = STR_INIT, last = STR_INIT;
	int from = 0;
	for (int column = 0; column <= t->columns; column++) {
		VTermScreenCell cell;
		if (column < t->columns) {
			(void)vterm_screen_get_cell(t->screen, (VTermPos){ row, column }, &cell);
			cell_style(&cell, &style);
		}
		if (column == t->columns || (column && !str_eq(str_text(&style), str_text(&last)))) {
			if (last.len)
				str_addf(out, "  %2d %3d-%-3d%s\n", row, from, column - 1, last.p);
			from = column;
		}
		str_clear(&last);
		str_add_len(&last, str_text(&style), style.len);
	}
}

void term_dump(const struct term *t, bool attributes, struct str *out)
{
	for (int row = 0; row < t->rows; row++) {
		row_text(t, row, out);
		str_add_char(out, '\n');
	}
	if (!attributes)
		return;
	str_add(out, "----\n");
	for (int row = 0; row < t->rows; row++)
		dump_styles(t, row, out);
}

const struct str *term_bytes(const struct term *t)
{
	return &t->bytes;
}

void term_mark(struct term *t)
{
	while (pump(t, 0))
		;
	str_clear(&t->bytes);
	t->idles = 0;
}

size_t term_answers(const struct term *t)
{
	return t->answers;
}

const char *term_title(const struct term *t)
{
	return t->title;
}

int term_bells(const struct term *t)
{
	return t->bells;
}

bool term_alternate(const struct term *t)
{
	return t->alternate;
}

bool term_cursor(const struct term *t)
{
	return t->cursor;
}
