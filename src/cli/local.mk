noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = \
	src/cli/approve.c \
	src/cli/args.c \
	src/cli/back.c \
	src/cli/breakpoints.c \
	src/cli/card.c \
	src/cli/carry.c \
	src/cli/cli.c src/cli/cli.h src/cli/cli_internal.h \
	src/cli/commands.h \
	src/cli/completion.c \
	src/cli/connection.c \
	src/cli/console.c \
	src/cli/decide.c \
	src/cli/demo.c \
	src/cli/diff.c \
	src/cli/doctor.c \
	src/cli/edit.c \
	src/cli/engine.c \
	src/cli/events.c \
	src/cli/files.c \
	src/cli/follow.c \
	src/cli/follow_command.c \
	src/cli/gc.c \
	src/cli/help.c \
	src/cli/iterations.c \
	src/cli/usage.c \
	src/cli/log_follow.c src/cli/log_lines.h \
	src/cli/logs.c \
	src/cli/out.c \
	src/cli/patches.c \
	src/cli/queue.c \
	src/cli/runs.c \
	src/cli/shell.c \
	src/cli/show.c \
	src/cli/signals.c \
	src/cli/status.c \
	src/cli/submit.c \
	src/cli/table.c \
	src/cli/target.c \
	src/cli/reset.c \
	src/cli/verbs.c \
	src/cli/why.c

check_PROGRAMS += tests/unit/cli_table
TESTS += tests/unit/cli_table
tests_unit_cli_table_SOURCES = tests/unit/cli_table.c
tests_unit_cli_table_LDADD = $(LIB_CLI) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/cli_commands
TESTS += tests/unit/cli_commands
tests_unit_cli_commands_SOURCES = tests/unit/cli_commands.c tests/unit/standin.c tests/unit/standin.h
tests_unit_cli_commands_LDADD = $(LIB_CLI) $(CHECK_LIBS)

TESTS += tests/cli/generated.sh
dist_check_SCRIPTS += tests/cli/generated.sh
TESTS += tests/cli/back.sh tests/cli/carry.sh tests/cli/commands.sh tests/cli/steer.sh tests/cli/loops.sh tests/cli/mistakes.sh tests/cli/terminal.sh tests/cli/languages.sh tests/cli/unkind.sh
dist_check_SCRIPTS += tests/cli/back.sh tests/cli/carry.sh tests/cli/commands.sh tests/cli/steer.sh tests/cli/loops.sh tests/cli/mistakes.sh tests/cli/terminal.sh tests/cli/languages.sh tests/cli/unkind.sh
EXTRA_DIST += tests/cli/lib.sh tests/language.sh
