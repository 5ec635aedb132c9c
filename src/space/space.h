/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_SPACE_H
#define PAWL_SPACE_H
#endif
