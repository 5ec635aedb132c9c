/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/theme.h"

#include "base/fs.h"
#include "tui/theme_data.h"

#include <stdio.h>
#include <string.h>

#define THEME_MAX (64 * KIB)

static const char *const colors[] = {
	"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
	"brightblack", "brightred", "brightgreen", "brightyellow", "brightblue", "brightmagenta",
	"brightcyan", "brightwhite",
};
static const struct {
	const char *name;
	uint32_t attr;
} attrs[] = {
	{ "bold", STYLE_BOLD },
	{ "dim", STYLE_DIM },
	{ "underline", STYLE_UNDERLINE },
	{ "reverse", STYLE_REVERSE },
};

const char *const *theme_names(void)
{
	static const char *names[COUNT(theme_files) + 1];
	for (size_t i = 0; i < COUNT(theme_files); i++)
		names[i] = theme_files[i].name;
	return names;
}

/* The nearest of the 6×6×6 colours of the 256-colour palette. */
static int nearest_index(unsigned long rgb)
{
	int index = 16;
	for (int shift = 16, weight = 36; shift >= 0; shift -= 8, weight /= 6) {
		unsigned long v = (rgb >> shift) & 0xff;
		unsigned long step = v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40;
		index += (int)step * weight;
	}
	return index;
}

static bool color_parse(const char *word, int16_t *ret)
{
	if (str_eq(word, "-")) {
		*ret = -1;
		return true;
	}
	for (size_t i = 0; i < COUNT(colors); i++) {
		if (str_eq(word, colors[i])) {
			*ret = (int16_t)i;
			return true;
		}
	}
	char *end = NULL;
	if (word[0] == '#' && strlen(word) == 7) {
		*ret = (int16_t)nearest_index(strtoul(word + 1, &end, 16));
		return *end == '\0';
	}
	long v = strtol(word, &end, 10);
	*ret = (int16_t)v;
	return end != word && *end == '\0' && v >= 0 && v <= 255;
}

static enum err_code word_error(const char *path, int line, const char *word, struct err *err)
{
	return err_set(err, ERR_INVALID,
		       _("%s:%d: '%.40s' is no role, colour or attribute of a theme"), path, line, word);
}

static enum err_code parse_line(const char *path, int number, char *line, struct theme *theme,
				struct err *err)
{
	char *save = NULL;
	char *name = strtok_r(line, " \t", &save);
	if (!name || name[0] == '#')
		return ERR_OK;
	int role = 0;
	while (role < ROLE_COUNT && !str_eq(role_name((enum role)role), name))
		role++;
	if (role == ROLE_COUNT)
		return word_error(path, number, name, err);
	struct look look = { -1, -1, 0 };
	char *word = strtok_r(NULL, " \t", &save);
	if (word && !color_parse(word, &look.foreground))
		return word_error(path, number, word, err);
	word = word ? strtok_r(NULL, " \t", &save) : NULL;
	if (word && !color_parse(word, &look.background))
		return word_error(path, number, word, err);
	while (word && (word = strtok_r(NULL, " \t", &save))) {
		size_t i = 0;
		while (i < COUNT(attrs) && !str_eq(attrs[i].name, word))
			i++;
		if (i == COUNT(attrs))
			return word_error(path, number, word, err);
		look.attrs |= attrs[i].attr;
	}
	theme->look[role] = look;
	return ERR_OK;
}

enum err_code theme_parse(const char *path, const char *text, struct theme *theme, struct err *err)
{
	for (size_t i = 0; i < ROLE_COUNT; i++)
		theme->look[i] = (struct look){ -1, -1, 0 };
	auto_free char *copy = xstrdup(text);
	int number = 0;
	for (char *at = copy, *line; (line = at) != NULL;) {
		at = strchr(line, '\n');
		if (at)
			*at++ = '\0';
		enum err_code code = parse_line(path, ++number, line, theme, err);
		if (code)
			return code;
	}
	return ERR_OK;
}

enum err_code theme_load(const char *name, struct theme *theme, struct err *err)
{
	for (size_t i = 0; i < COUNT(theme_files); i++)
		if (str_eq(theme_files[i].name, name))
			return theme_parse(name, theme_files[i].text, theme, err);
	if (!strchr(name, '/')) {
		auto_str all = STR_INIT;
		for (size_t i = 0; i < COUNT(theme_files); i++)
			str_addf(&all, " %s", theme_files[i].name);
		return err_set(err, ERR_NOT_FOUND, _("no theme '%.40s'; there are%s, or a file's path"),
			       name, str_text(&all));
	}
	auto_free char *text = NULL;
	size_t len = 0;
	enum err_code code = fs_read(name, THEME_MAX, &text, &len, err);
	return code ? code : theme_parse(name, text, theme, err);
}
