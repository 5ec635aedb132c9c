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

static bool letter(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- on every machine ---- */

static size_t lines_plain(const char *p, size_t len, size_t n, size_t *ret_found)
{
	size_t found = 0;
	const char *at = p, *end = p + len;
	while (found < n) {
		const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
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

static bool here(const struct scan_text *t, const char *p)
{
	if (!t->fold)
		return memcmp(p, t->text, t->len) == 0;
	for (size_t i = 0; i < t->len; i++) {
		unsigned char a = (unsigned char)p[i], b = (unsigned char)t->text[i];
		if (a != b && !(letter(a) && (a ^ b) == 0x20))
			return false;
	}
	return true;
}

/* From `at` on, where `last` is the last place where it could begin. */
static size_t find_plain(const struct scan_text *t, const char *p, size_t at, size_t last)
{
	if (!t->fold) {
		const char *found = memmem(p + at, last - at + t->len, t->text, t->len);
		return found ? (size_t)(found - p) : SCAN_NONE;
	}
	for (; at <= last; at++)
		if (here(t, p + at))
			return at;
	return SCAN_NONE;
}

#if HAVE_AVX2_CODE
/* ---- 32 bytes at a time ---- */

static bool have_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
	       __builtin_cpu_supports("bmi");
}

AVX2 static inline __m256i load32(const char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

AVX2 static inline uint32_t equal32(const char *p, __m256i what)
{
	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(load32(p), what));
}

AVX2 static size_t lines_avx2(const char *p, size_t len, size_t n, size_t *ret_found)
{
	const __m256i newline = _mm256_set1_epi8('\n');
	size_t found = 0, at = 0;
	for (; len - at >= 64; at += 64) {
		uint64_t mask = equal32(p + at, newline) | (uint64_t)equal32(p + at + 32, newline)
		                                               << 32;
		size_t count = (size_t)__builtin_popcountll(mask);
		if (found + count >= n) {
			for (; found + 1 < n; found++)
				mask &= mask - 1;
			*ret_found = n;
			return at + (size_t)__builtin_ctzll(mask) + 1;
		}
		found += count;
	}
	size_t more;
	at += lines_plain(p + at, len - at, n - found, &more);
	*ret_found = found + more;
	return at;
}

/* Both rare bytes at their places: after W. Muła, "SIMD-friendly algorithms for substring
 * searching" (2016), with the rarest bytes in place of the first and the last. */
AVX2 static size_t find_avx2(const struct scan_text *t, const char *p, size_t last)
{
	unsigned char a = (unsigned char)t->text[t->rare[0]],
		      b = (unsigned char)t->text[t->rare[1]];
	char bit_a = t->fold && letter(a) ? 0x20 : 0, bit_b = t->fold && letter(b) ? 0x20 : 0;
	const __m256i fold_a = _mm256_set1_epi8(bit_a), fold_b = _mm256_set1_epi8(bit_b);
	const __m256i want_a = _mm256_set1_epi8((char)(a | (unsigned char)bit_a));
	const __m256i want_b = _mm256_set1_epi8((char)(b | (unsigned char)bit_b));
	const char *pa = p + t->rare[0], *pb = p + t->rare[1];
	size_t at = 0;
	/* Loads end at at + 63 + rare ≤ last + rare, which lies in the text. */
	for (; at + 63 <= last; at += 64) {
		__m256i a0 = _mm256_cmpeq_epi8(_mm256_or_si256(load32(pa + at), fold_a), want_a);
		__m256i a1 =
		    _mm256_cmpeq_epi8(_mm256_or_si256(load32(pa + at + 32), fold_a), want_a);
		__m256i b0 = _mm256_cmpeq_epi8(_mm256_or_si256(load32(pb + at), fold_b), want_b);
		__m256i b1 =
		    _mm256_cmpeq_epi8(_mm256_or_si256(load32(pb + at + 32), fold_b), want_b);
		__m256i both0 = _mm256_and_si256(a0, b0), both1 = _mm256_and_si256(a1, b1);
		if (_mm256_testz_si256(_mm256_or_si256(both0, both1), _mm256_set1_epi8(-1)))
			continue;
		uint64_t mask = (uint32_t)_mm256_movemask_epi8(both0) |
		                (uint64_t)(uint32_t)_mm256_movemask_epi8(both1) << 32;
		for (; mask; mask &= mask - 1) {
			size_t place = at + (size_t)__builtin_ctzll(mask);
			if (here(t, p + place))
				return place;
		}
	}
	return at <= last ? find_plain(t, p, at, last) : SCAN_NONE;
}

/* The texts of the buckets that may stand at `at`: the first of them that does. */
static size_t verify(const struct scan_set *set, const char *p, size_t len, size_t at,
                     unsigned int buckets)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct scan_text *t = &set->text[i];
		if (buckets >> i % 8 & 1 && at >= t->rare[0] && at - t->rare[0] + t->len <= len &&
		    here(t, p + at - t->rare[0]))
			return at - t->rare[0];
	}
	return SCAN_NONE;
}

/* After "Teddy" of Hyperscan (Wang et al., "Hyperscan: a fast multi-pattern regex matcher", 2019):
 * two or three bytes of each text, looked up by half-bytes in 32 places at once. */
AVX2 static size_t set_avx2(const struct scan_set *set, const char *p, size_t len)
{
	const __m256i half = _mm256_set1_epi8(15), none = _mm256_setzero_si256();
	__m256i low[3], high[3];
	for (size_t k = 0; k < 3; k++) {
		low[k] = _mm256_loadu_si256((const __m256i *)(const void *)set->low[k]);
		high[k] = _mm256_loadu_si256((const __m256i *)(const void *)set->high[k]);
	}
	size_t at = 0;
	for (; at + 34 <= len; at += 32) {
		__m256i may = _mm256_set1_epi8(-1);
		for (size_t k = 0; k < 3; k++) {
			__m256i v = load32(p + at + k);
			__m256i a = _mm256_shuffle_epi8(low[k], _mm256_and_si256(v, half));
			__m256i b = _mm256_shuffle_epi8(
			    high[k], _mm256_and_si256(_mm256_srli_epi16(v, 4), half));
			may = _mm256_and_si256(may, _mm256_and_si256(a, b));
		}
		uint32_t mask = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(may, none));
		if (!mask)
			continue;
		uint8_t buckets[32];
		_mm256_storeu_si256((__m256i *)(void *)buckets, may);
		for (; mask; mask &= mask - 1) {
			size_t place = (size_t)__builtin_ctz(mask);
			size_t found = verify(set, p, len, at + place, buckets[place]);
			if (found != SCAN_NONE)
				return found;
		}
	}
	for (; at < len; at++) {
		size_t found = verify(set, p, len, at, 255);
		if (found != SCAN_NONE)
			return found;
	}
	return SCAN_NONE;
}

AVX2 static bool ascii_avx2(const char *p, size_t len, size_t *ret_done)
{
	size_t at = 0;
	for (; len - at >= 128; at += 128) {
		__m256i any =
		    _mm256_or_si256(_mm256_or_si256(load32(p + at), load32(p + at + 32)),
		                    _mm256_or_si256(load32(p + at + 64), load32(p + at + 96)));
		if (_mm256_movemask_epi8(any))
			return false;
	}
	*ret_done = at;
	return true;
}
#endif

/* ---- either ---- */

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

/* How common a byte is in logs, roughly; only the order matters, and only for speed. */
static unsigned int commonness(unsigned char c, bool fold)
{
	static const char common[] = " e0t1a2o3i5n4s6r7d8l9cu:-m.p=h_f,k/T";
	if (fold && c >= 'A' && c <= 'Z')
		c = (unsigned char)(c | 0x20);
	const char *at = c ? strchr(common, c) : NULL;
	if (at)
		return 200 - (unsigned int)(at - common);
	return (c >= 'a' && c <= 'z') ? 60 : (c >= 'A' && c <= 'Z') ? 40 : c < 128 ? 20 : 50;
}

void scan_text_init(struct scan_text *t, const char *text, size_t len, bool fold)
{
	*t = (struct scan_text){ .text = text, .len = len, .fold = fold };
	unsigned int best[2] = { 1000, 1000 };
	for (size_t i = 0; i < MIN(len, (size_t)64); i++) {
		unsigned int c = commonness((unsigned char)text[i], fold);
		if (c < best[0]) {
			best[1] = best[0];
			t->rare[1] = t->rare[0];
			best[0] = c;
			t->rare[0] = i;
		} else if (c < best[1]) {
			best[1] = c;
			t->rare[1] = i;
		}
	}
}

size_t scan_find(const struct scan_text *t, const char *p, size_t len)
{
	if (len < t->len)
		return SCAN_NONE;
#if HAVE_AVX2_CODE
	if (have_avx2())
		return find_avx2(t, p, len - t->len);
#endif
	return find_plain(t, p, 0, len - t->len);
}

bool scan_ascii(const char *p, size_t len)
{
	size_t at = 0;
#if HAVE_AVX2_CODE
	if (have_avx2() && !ascii_avx2(p, len, &at))
		return false;
#endif
	for (; at < len; at++)
		if ((unsigned char)p[at] >= 128)
			return false;
	return true;
}

/* The window of a text that is rarest. */
static size_t rarest(const struct scan_text *t, size_t width)
{
	size_t best = 0;
	unsigned int least = UINT32_MAX;
	for (size_t i = 0; i + width <= t->len; i++) {
		unsigned int sum = 0;
		for (size_t k = 0; k < width; k++)
			sum += commonness((unsigned char)t->text[i + k], t->fold);
		if (sum < least) {
			least = sum;
			best = i;
		}
	}
	return best;
}

bool scan_set_init(struct scan_set *set, const struct scan_text *texts, size_t n)
{
	*set = (struct scan_set){ .n = n, .width = 3 };
#if HAVE_AVX2_CODE
	if (!have_avx2())
		return false;
#else
	return false;
#endif
	for (size_t i = 0; i < n; i++)
		set->width = MIN(set->width, texts[i].len);
	for (size_t i = 0; i < n; i++) {
		set->text[i] = texts[i];
		size_t at = set->text[i].rare[0] = rarest(&texts[i], set->width);
		uint8_t bucket = (uint8_t)(1U << i % 8);
		for (size_t k = 0; k < 3; k++) {
			unsigned char c = k < set->width ? (unsigned char)texts[i].text[at + k] : 0;
			for (unsigned int b = 0; b < 256; b++) {
				bool same =
				    b == c || (texts[i].fold && letter(c) && (b ^ c) == 0x20);
				if (k < set->width && !same)
					continue; /* a third byte that is not there may be any */
				set->low[k][b & 15] |= bucket;
				set->high[k][b >> 4] |= bucket;
			}
		}
	}
	for (size_t k = 0; k < 3; k++) {
		memcpy(set->low[k] + 16, set->low[k], 16);
		memcpy(set->high[k] + 16, set->high[k], 16);
	}
	return true;
}

size_t scan_set_find(const struct scan_set *set, const char *p, size_t len)
{
#if HAVE_AVX2_CODE
	return set_avx2(set, p, len);
#else
	(void)set;
	(void)p;
	(void)len;
	return SCAN_NONE;
#endif
}
