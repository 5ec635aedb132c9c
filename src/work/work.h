/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_WORK_H
#define PAWL_WORK_H
#endif
