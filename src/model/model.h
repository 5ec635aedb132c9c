/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_MODEL_H
#define PAWL_MODEL_H
#endif
