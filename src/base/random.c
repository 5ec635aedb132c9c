/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Apart from hash.c, so that a program that hashes nothing does not load libsodium. */
#include "base/hash.h"

#include <sys/random.h>

void random_bytes(void *p, size_t len)
{
	char *at = p;
	while (len) {
		ssize_t n = getrandom(at, len, 0);
		if (n <= 0)
			continue;
		at += n;
		len -= (size_t)n;
	}
}
