/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_CLI_H
#define PAWL_CLI_H
#endif
