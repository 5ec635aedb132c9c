/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_JOURNAL_H
#define PAWL_JOURNAL_H
#endif
