/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_CLIENT_H
#define PAWL_CLIENT_H
#endif
