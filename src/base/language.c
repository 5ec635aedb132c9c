/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/language.h"

#include "base/base.h"

#include <ctype.h>
#include <libintl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_MAX 35 /* what RFC 5646 asks for at least */
#define KEPT_MAX 16

void language_texts(void)
{
	const char *folder = getenv("PAWL_TEXTDOMAINDIR"); /* of a build that is not installed */
	(void)bindtextdomain(PACKAGE, folder && *folder ? folder : LOCALEDIR);
	(void)textdomain(PACKAGE);
}

void language_begin(void)
{
	(void)setlocale(LC_CTYPE, "");
	(void)setlocale(LC_MESSAGES, "");
	language_texts();
}

void language_neutral(void)
{
	(void)setlocale(LC_MESSAGES, "C");
	(void)bind_textdomain_codeset(PACKAGE, "UTF-8");
}

/* ---- asking ---- */

/* "de_DE.UTF-8@euro": its language and land, as a tag. */
static void add_tag(struct str *s, const char *name, size_t len)
{
	size_t n = 0;
	while (n < len && n < TAG_MAX && (isalnum((unsigned char)name[n]) || name[n] == '_'))
		n++;
	if (!n || (n == 1 && name[0] == 'C') || (n == len && !strncmp(name, "POSIX", len)))
		return;
	if (s->len)
		str_add(s, ", ");
	for (size_t i = 0; i < n; i++)
		str_add_char(s, (char)(name[i] == '_' ? '-' : name[i]));
}

void language_wanted(struct str *ret)
{
	const char *locale = setlocale(LC_MESSAGES, NULL), *languages = getenv("LANGUAGE");
	size_t before = ret->len;
	add_tag(ret, locale, strlen(locale));
	if (ret->len == before)
		return; /* gettext looks at no LANGUAGE then, either */
	if (!languages || !*languages)
		return;
	ret->len = before;
	for (const char *p = languages; *p && ret->len - before < 256;) {
		size_t n = strcspn(p, ":");
		add_tag(ret, p, n);
		p += n + (p[n] == ':');
	}
}

/* ---- answering ---- */

struct kept {
	char tag[TAG_MAX + 1];
	locale_t locale;
};

/* The locale of "de", "de-DE", "zh-Hans-CN"; (locale_t)0: this machine has none. */
static locale_t make_locale(const char *tag)
{
	char language[9] = "", land[3] = "";
	size_t n = strcspn(tag, "-");
	if (n < 2 || n >= sizeof(language))
		return (locale_t)0;
	for (size_t i = 0; i < n; i++)
		language[i] = (char)tolower((unsigned char)tag[i]);
	for (const char *p = tag + n; *p == '-' && !land[0];) {
		size_t len = strcspn(++p, "-");
		if (len == 2)
			memcpy(land, p, 2);
		p += len;
	}
	if (!land[0]) /* the land of most who speak it, where the name of the language says it */
		memcpy(land, !strcmp(language, "zh") ? "CN" : language, 2);
	for (size_t i = 0; i < 2; i++)
		land[i] = (char)toupper((unsigned char)land[i]);
	auto_free char *name = xasprintf("%s_%s.UTF-8", language, land);
	return newlocale(LC_CTYPE_MASK | LC_MESSAGES_MASK, name, (locale_t)0);
}

static locale_t find_tag(const char *tag)
{
	static struct kept kept[KEPT_MAX];
	static size_t n;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(kept[i].tag, tag))
			return kept[i].locale;
	/* What this machine has not makes room: whoever asks for it pays for looking again. */
	struct kept *k = kept;
	while (n == KEPT_MAX && k < kept + KEPT_MAX && k->locale)
		k++;
	if (k == kept + KEPT_MAX)
		return (locale_t)0;
	if (n < KEPT_MAX)
		k = &kept[n++];
	(void)snprintf(k->tag, sizeof(k->tag), "%s", tag);
	return k->locale = make_locale(tag);
}

/* "en;q=0.5": its weight in thousandths. */
static int weight_of(const char *item, size_t len)
{
	const char *q = memchr(item, ';', len);
	if (!q)
		return 1000;
	for (q++; q < item + len && (*q == ' ' || *q == '\t'); q++)
		;
	if (item + len - q < 3 || (*q != 'q' && *q != 'Q') || q[1] != '=')
		return 0;
	int weight = q[2] == '1' ? 1000 : 0;
	if (weight || q[3] != '.')
		return weight;
	int unit = 100;
	for (q += 4; q < item + len && *q >= '0' && *q <= '9' && unit; q++, unit /= 10)
		weight += (*q - '0') * unit;
	return weight;
}

locale_t language_find(const char *accept)
{
	locale_t best = LC_GLOBAL_LOCALE;
	int best_weight = 0;
	for (const char *p = accept ? accept : ""; *p;) {
		p += strspn(p, " \t,");
		size_t len = strcspn(p, ",");
		char tag[TAG_MAX + 1] = "";
		size_t n = 0;
		while (n < len && n < TAG_MAX && (isalnum((unsigned char)p[n]) || p[n] == '-')) {
			tag[n] = p[n];
			n++;
		}
		int weight = n ? weight_of(p, len) : 0;
		p += len;
		if (weight <= best_weight)
			continue;
		bool english = !strncasecmp(tag, "en", 2) && (!tag[2] || tag[2] == '-');
		locale_t l = english ? LC_GLOBAL_LOCALE : find_tag(tag);
		if (!l)
			continue;
		best = l;
		best_weight = weight;
	}
	return best;
}
