/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/hash.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>

struct hash hash_bytes(const void *p, size_t len)
{
	struct hash h;
	(void)crypto_generichash(h.b, sizeof(h.b), p, len, NULL, 0); /* fails only on bad sizes */
	return h;
}

struct hash hash_parts(const struct hash_part *parts, size_t n)
{
	struct hash h;
	crypto_generichash_state st;
	(void)crypto_generichash_init(&st, NULL, 0, sizeof(h.b));
	for (size_t i = 0; i < n; i++) {
		uint64_t len = parts[i].len;
		(void)crypto_generichash_update(&st, (const unsigned char *)&len, sizeof(len));
		(void)crypto_generichash_update(&st, parts[i].p, parts[i].len);
	}
	(void)crypto_generichash_final(&st, h.b, sizeof(h.b));
	return h;
}

bool hash_fd(int fd, uint64_t len, struct hash *ret)
{
	const size_t size = (size_t)256 * KIB;
	auto_free unsigned char *block = xmalloc(size);
	crypto_generichash_state st;
	(void)crypto_generichash_init(&st, NULL, 0, sizeof(ret->b));
	while (len > 0) {
		ssize_t n = read(fd, block, len < size ? (size_t)len : size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		(void)crypto_generichash_update(&st, block, (size_t)n);
		len -= (uint64_t)n;
	}
	(void)crypto_generichash_final(&st, ret->b, sizeof(ret->b));
	return true;
}

void hash_hex(const struct hash *h, char text[HASH_TEXT_LEN + 1])
{
	sodium_bin2hex(text, HASH_TEXT_LEN + 1, h->b, sizeof(h->b));
}

bool hash_parse(const char *text, struct hash *ret)
{
	size_t len;
	return strlen(text) == HASH_TEXT_LEN &&
	       sodium_hex2bin(ret->b, sizeof(ret->b), text, HASH_TEXT_LEN, NULL, &len, NULL) == 0 &&
	       len == sizeof(ret->b);
}
