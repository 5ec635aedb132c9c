# The programs. pawl is the command line, which becomes pawl-console where the console is asked for; pawld is the engine.
bin_PROGRAMS += pawl pawld
pawl_SOURCES = src/main.c
pawl_LDADD = $(LIB_CLI)
pkglibexec_PROGRAMS += pawl-console
pawl_console_SOURCES = src/console.c
pawl_console_LDADD = $(LIB_TUI)
pawld_SOURCES = src/pawld.c
pawld_LDADD = $(LIB_API)
# What carries a run from home to home; see src/archive.c for why it is a program.
pkglibexec_PROGRAMS += pawl-archive
pawl_archive_SOURCES = src/archive.c
pawl_archive_LDADD = $(LIB_BASE) $(ARCHIVE_LIBS)
