/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_ENGINE_H
#define PAWL_ENGINE_H
#endif
