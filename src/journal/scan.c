/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal/scan.h"

#include <string.h>

#if defined(__x86_64__)
#define HAVE_AVX2_CODE 1
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2,popcnt,bmi")))
#else
#define HAVE_AVX2_CODE 0
#endif

static size_t lines_plain(const char *p, size_t len, size_t n, size_t *ret_found)
{
	size_t found = 0;
	const char *at = p, *end = p + len;
	while (found < n) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline) {
			at = end;
			break;
		}
		at = newline + 1;
		found++;
	}
	*ret_found = found;
	return (size_t)(at - p);
}

#if HAVE_AVX2_CODE
static bool have_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
	       __builtin_cpu_supports("bmi");
}

AVX2 static inline uint32_t equal32(const char *p, __m256i what)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, what));
}

AVX2 static size_t lines_avx2(const char *p, size_t len, size_t n, size_t *ret_found)
{
	const __m256i newline = _mm256_set1_epi8('\n');
	size_t found = 0, at = 0;
	for (; len - at >= 64; at += 64) {
		uint64_t mask = equal32(p + at, newline) | (uint64_t)equal32(p + at + 32, newline)
		                                               << 32;
		size_t here = (size_t)__builtin_popcountll(mask);
		if (found + here >= n) {
			for (; found + 1 < n; found++)
				mask &= mask - 1;
			*ret_found = n;
			return at + (size_t)__builtin_ctzll(mask) + 1;
		}
		found += here;
	}
	size_t more;
	at += lines_plain(p + at, len - at, n - found, &more);
	*ret_found = found + more;
	return at;
}
#endif

size_t scan_lines(const char *p, size_t len, size_t n, size_t *ret_found)
{
	if (n == 0) {
		*ret_found = 0;
		return 0;
	}
#if HAVE_AVX2_CODE
	if (have_avx2())
		return lines_avx2(p, len, n, ret_found);
#endif
	return lines_plain(p, len, n, ret_found);
}

size_t scan_newlines(const char *p, size_t len)
{
	size_t found;
	(void)scan_lines(p, len, SIZE_MAX, &found);
	return found;
}
