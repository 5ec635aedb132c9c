noinst_LIBRARIES += libtui.a
libtui_a_SOURCES = \
	tui/act_change.c tui/act_log.c tui/act_move.c tui/act_view.c \
	tui/action.c tui/action.h \
	tui/cells.c tui/cells.h \
	tui/console.c tui/console.h \
	tui/copy.c \
	tui/frame.c \
	tui/fuzzy.c tui/fuzzy.h \
	tui/graph.c tui/graph.h \
	tui/inspect.h \
	tui/key.c tui/key.h \
	tui/keymap.c \
	tui/list.c tui/list.h \
	tui/logread.c tui/logread.h \
	tui/logview.c tui/logview.h \
	tui/main.c tui/tui.h \
	tui/model.c tui/model.h \
	tui/palette.c tui/palette.h \
	tui/pane_graph.c tui/pane_inspect.c tui/pane_lists.c tui/pane_log.c tui/pane_submit.c \
	tui/live.c tui/live.h tui/pane_asks.c tui/pane_iterations.c \
	tui/roundshow.c tui/roundtalk.c tui/roundview.c tui/roundview.h \
	tui/pane_checkpoints.c tui/pane_text.c tui/textshow.c tui/textview.h \
	tui/outside.c tui/outside.h \
	tui/pane_views.c tui/panes.h \
	tui/prompt.c tui/prompt.h \
	tui/rows.c tui/rows.h \
	tui/savelog.c tui/savelog.h \
	tui/screen.c tui/screen.h tui/screen_term.c tui/screen_term.h \
	tui/session.c tui/session.h \
	tui/state.c tui/state.h \
	tui/submit.h \
	tui/theme.c tui/theme.h \
	tui/verb.c tui/verb.h
nodist_libtui_a_SOURCES = tui/theme_data.h

THEMES = data/themes/colorblind.theme data/themes/contrast.theme data/themes/dark.theme \
	data/themes/light.theme
BUILT_SOURCES += tui/theme_data.h
CLEANFILES += tui/theme_data.h
EXTRA_DIST += tui/theme_data.awk
tui/theme_data.h: $(THEMES) tui/theme_data.awk
	$(AM_V_GEN)mkdir -p $(@D) && cd $(srcdir) && \
		$(AWK) -f tui/theme_data.awk $(THEMES) > $(abs_builddir)/$@.tmp && mv $(abs_builddir)/$@.tmp $(abs_builddir)/$@

# Tests: the real console on a pseudo-terminal, a stand-in engine that speaks doc/API.
check_PROGRAMS += tests/tui/engine tests/tui/console
tests_tui_engine_SOURCES = tests/tui/engine.c tests/tui/engine_loop.c tests/tui/engine_loop.h
tests_tui_engine_LDADD = $(LIB_BASE)
tests_tui_console_SOURCES = tests/tui/console.c
tests_tui_console_LDADD = $(LIB_TUI)
check_PROGRAMS += tests/unit/tui_tables
TESTS += tests/unit/tui_tables
tests_unit_tui_tables_SOURCES = tests/unit/tui_tables.c
tests_unit_tui_tables_LDADD = $(LIB_TUI) $(CHECK_LIBS)

if HAVE_VTERM
check_PROGRAMS += tests/unit/tui_screens
TESTS += tests/unit/tui_screens
tests_unit_tui_screens_SOURCES = tests/unit/tui_screens.c tests/unit/term.c tests/unit/term.h \
	tests/unit/standin.c tests/unit/standin.h
tests_unit_tui_screens_LDADD = $(LIB_BASE) $(CHECK_LIBS) $(VTERM_LIBS) -lutil
endif
EXTRA_DIST += tests/golden/tui

# Beside the programs: themes and keymap to begin one's own with, manual pages. The keymap and the table of actions in
# pawl-console.1 are printed by the console; tests/unit/tui_tables checks that they are current.
themesdir = $(pkgdatadir)/themes
dist_themes_DATA = $(THEMES)
keymapdir = $(pkgdatadir)/keymap
dist_keymap_DATA = data/keymap/default.keymap
dist_man_MANS += doc/pawl-console.1 doc/pawl-keymap.5
tui/theme.$(OBJEXT): tui/theme_data.h

TESTS += tests/tui/triage.sh tests/tui/outage.sh tests/tui/goback.sh tests/tui/rounds.sh tests/tui/repo.sh tests/tui/languages.sh
dist_check_SCRIPTS += tests/tui/triage.sh tests/tui/outage.sh tests/tui/goback.sh tests/tui/rounds.sh tests/tui/repo.sh tests/tui/languages.sh
EXTRA_DIST += tests/tui/lib.sh

check_PROGRAMS += tests/fuzz/run_keymap
TESTS += tests/fuzz/run_keymap
tests_fuzz_run_keymap_SOURCES = tests/fuzz/driver.c tests/fuzz/fuzz_keymap.c tests/fuzz/fuzz.h
tests_fuzz_run_keymap_LDADD = $(LIB_TUI)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_keymap
tests_fuzz_fuzz_keymap_SOURCES = tests/fuzz/fuzz_keymap.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_keymap_LDADD = $(LIB_TUI)
tests_fuzz_fuzz_keymap_LDFLAGS = -fsanitize=fuzzer
endif
