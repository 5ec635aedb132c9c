/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BLAKE2b (RFC 7693, through libsodium): content hashes and the chain over events. */
#ifndef PAWL_BASE_HASH_H
#define PAWL_BASE_HASH_H

#include "base/base.h"

#define HASH_LEN 32
#define HASH_TEXT_LEN 64

struct hash {
	unsigned char b[HASH_LEN];
};

struct hash_part {
	const void *p;
	size_t len;
};

struct hash hash_bytes(const void *p, size_t len);
/* Over the parts, each preceded by its length, so that moving a border changes the hash. */
struct hash hash_parts(const struct hash_part *parts, size_t n);
/* Over the next `len` bytes of a file, as hash_bytes() has it; false when there are fewer. Blocks. */
bool hash_fd(int fd, uint64_t len, struct hash *ret);
void hash_hex(const struct hash *h, char text[HASH_TEXT_LEN + 1]);
bool hash_parse(const char *text, struct hash *ret);
/* Random bytes from the kernel. */
void random_bytes(void *p, size_t len);

#endif
