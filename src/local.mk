# The programs. pawl is the console and the command line, pawld the engine.
bin_PROGRAMS += pawl pawld
pawl_SOURCES = src/main.c
pawl_LDADD = libcli.a $(LIB_TUI)
pawld_SOURCES = src/pawld.c
pawld_LDADD = $(LIB_API)
