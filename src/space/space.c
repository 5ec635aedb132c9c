/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "space/space.h"
