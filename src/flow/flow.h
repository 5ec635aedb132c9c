/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_FLOW_H
#define PAWL_FLOW_H
#endif
