/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_TUI_H
#define PAWL_TUI_H
#endif
