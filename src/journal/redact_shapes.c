/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens that are known by their shape. Each row's anchors are patterns of the automaton; from
 * there on a candidate reads byte by byte until it is a token or is not. */
#include "journal/redact_set.h"

#include <string.h>

#define JWT_PART_MIN 10
#define JWT_HEAD_MAX 2048
#define JWT_MAX (16 * KIB)
#define KEY_MAX (32 * KIB)
#define USER_MAX 256
#define PASSWORD_MAX 1024
#define TO_THE_END INT64_MAX

/* clang-format off */
const struct shape shapes[] = {
	{ SHAPE_RUN, { "AKIA", "ASIA" }, NULL, .least = 16 },
	{ SHAPE_RUN, { "ghp_", "gho_", "ghs_", "ghu_", "ghr_" }, "", .least = 20 },
	{ SHAPE_RUN, { "github_pat_" }, "_", .least = 20 },
	{ SHAPE_RUN, { "sk-" }, "-_", .least = 20, .border = true },
	{ SHAPE_RUN, { "xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-" }, "-", .least = 10 },
	{ SHAPE_RUN, { "AIza" }, "-_", .least = 30 },
	{ SHAPE_RUN, { "npm_" }, "", .least = 30 },
	{ SHAPE_RUN, { "glpat-" }, "-_", .least = 20 },
	{ SHAPE_JWT, { "eyJ" }, "-_" },
	{ SHAPE_KEY, { "-----BEGIN " }, NULL },
	{ SHAPE_URL, { "://" }, NULL },
};
/* clang-format on */
const size_t shapes_count = COUNT(shapes);

static bool in_run(const struct shape *shape, unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'))
		return true;
	if (!shape->also)
		return false;
	return (c >= 'a' && c <= 'z') || (c && strchr(shape->also, c));
}

static void mask(int64_t *ret_from, int64_t *ret_to, int64_t from, int64_t to)
{
	*ret_from = from;
	*ret_to = to;
}

/* Prefix and a run of characters: a token as soon as the run is long enough, with all that follows.
 */
static bool feed_run(struct candidate *c, const struct shape *shape, int64_t pos,
                     unsigned char byte, int64_t *ret_from, int64_t *ret_to)
{
	if (!in_run(shape, byte))
		return false;
	if (c->phase == 0 && ++c->n < shape->least)
		return true;
	mask(ret_from, ret_to, c->phase == 0 ? c->start : pos, pos + 1);
	c->hold = TO_THE_END;
	c->phase = 1;
	return true;
}

/* JSON web token: three parts of base64url with dots between; `phase` is the part, 3 when it is
 * one. */
static bool feed_jwt(struct candidate *c, const struct shape *shape, int64_t pos,
                     unsigned char byte, int64_t *ret_from, int64_t *ret_to)
{
	if (c->phase == 3) {
		if (!in_run(shape, byte))
			return false;
		mask(ret_from, ret_to, pos, pos + 1);
		return true;
	}
	if (byte == '.') {
		if (c->phase == 2 || c->n < JWT_PART_MIN)
			return false;
		c->phase++;
		c->n = 0;
		return true;
	}
	if (!in_run(shape, byte) || (c->phase == 0 && c->n >= JWT_HEAD_MAX))
		return false;
	c->n++;
	if ((c->phase == 2 && c->n >= JWT_PART_MIN) || pos - c->start >= JWT_MAX) {
		mask(ret_from, ret_to, c->start, pos + 1);
		c->phase = 3;
		c->hold = TO_THE_END;
	}
	return true;
}

static bool key_label(struct candidate *c, unsigned char byte)
{
	if (c->n + 1 < sizeof(c->label) &&
	    (byte == ' ' || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9'))) {
		c->label[c->n++] = (char)byte;
		c->label[c->n] = '\0';
		return true;
	}
	c->phase = 1;
	c->dashes = 1;
	return byte == '-' && strstr(c->label, "PRIVATE KEY");
}

static bool in_key(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("+/=-:,\\ \t\r\n", c));
}

/* The body of a private key and its last line: "-----END ", a label, and five dashes. */
static bool key_body(struct candidate *c, unsigned char byte)
{
	static const char end[] = "-----END ";
	if (!in_key(byte))
		return false;
	c->dashes = byte == '-' ? c->dashes + 1 : 0;
	if (c->phase == 3)
		return true;
	if ((unsigned char)end[c->n] == byte)
		c->n++;
	else
		c->n = byte == '-' ? (unsigned int)MIN(c->dashes, 5U) : 0;
	if (end[c->n] == '\0')
		c->phase = 3;
	return true;
}

/* A private key in PEM: phase 0 the label, 1 the dashes behind it, 2 the body, 3 its last line. */
static bool feed_key(struct candidate *c, int64_t pos, unsigned char byte, int64_t *ret_from,
                     int64_t *ret_to)
{
	if (c->phase == 0)
		return key_label(c, byte);
	if (c->phase == 1) {
		if (byte != '-')
			return false;
		if (++c->dashes < 5)
			return true;
		mask(ret_from, ret_to, c->start, pos + 1);
		c->hold = TO_THE_END;
		c->phase = 2;
		c->n = c->dashes = 0;
		return true;
	}
	if (pos - c->start > KEY_MAX || !key_body(c, byte))
		return false;
	mask(ret_from, ret_to, pos, pos + 1);
	return c->phase != 3 || c->dashes < 5;
}

/* scheme://user:password@: phase 0 the user, 1 the password, 2 behind an @, which a password may
 * hold as well. `start` is the first byte of the password. */
static bool feed_url(struct candidate *c, int64_t pos, unsigned char byte, int64_t *ret_from,
                     int64_t *ret_to)
{
	if (byte <= ' ' || byte == 0x7f || strchr("/?#\"<>`\\", byte) ||
	    ++c->n > (c->phase ? PASSWORD_MAX : USER_MAX))
		return false;
	if (c->phase == 0) {
		if (byte == ':') {
			c->phase = 1;
			c->n = 0;
			c->start = c->hold = pos + 1;
		}
		return byte != '@';
	}
	if (byte == '@' && pos > c->start) {
		mask(ret_from, ret_to, c->start, pos);
		c->phase = 2;
		c->hold = pos;
	}
	return true;
}

bool candidate_feed(struct candidate *c, int64_t pos, unsigned char byte, int64_t *ret_from,
                    int64_t *ret_to)
{
	const struct shape *shape = &shapes[c->shape];
	*ret_from = *ret_to = 0;
	switch (shape->kind) {
	case SHAPE_RUN:
		return feed_run(c, shape, pos, byte, ret_from, ret_to);
	case SHAPE_JWT:
		return feed_jwt(c, shape, pos, byte, ret_from, ret_to);
	case SHAPE_KEY:
		return feed_key(c, pos, byte, ret_from, ret_to);
	case SHAPE_URL:
		return feed_url(c, pos, byte, ret_from, ret_to);
	}
	return false;
}
