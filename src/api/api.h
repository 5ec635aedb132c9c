/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_API_H
#define PAWL_API_H
#endif
