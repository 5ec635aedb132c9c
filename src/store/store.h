/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_STORE_H
#define PAWL_STORE_H
#endif
