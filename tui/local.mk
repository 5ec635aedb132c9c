noinst_LIBRARIES += libtui.a
libtui_a_SOURCES = tui/tui.c tui/tui.h
