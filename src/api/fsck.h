/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checking a home on which no engine runs. */
#ifndef PAWL_API_FSCK_H
#define PAWL_API_FSCK_H

#include "base/err.h"

/* Print the checks, as JSON or in lines. ERR_CORRUPT when a rule is broken, ERR_CONFLICT when an
 * engine has the home, ERR_NOT_FOUND when nothing is stored there. */
enum err_code fsck_home(const char *home, bool unsafe_network_fs, bool json,
                        struct err *err) MUST_CHECK;

#endif
