/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What git's trees do not hold: permission bits, empty folders, and by which rules files were left
 * out. The usual permissions are named once, for files, programs and folders, and then the exceptions. */
#include "space/internal.h"

#include <stdio.h>
#include <string.h>

#define NMODES 010000

/* The commonest, the smallest of several: the same files always give the same text. */
static uint32_t usual(const uint32_t *counts)
{
	uint32_t best = 0;
	for (uint32_t mode = 1; mode < NMODES; mode++)
		if (counts[mode] > counts[best])
			best = mode;
	return best;
}

static int kind_of(uint32_t mode)
{
	return S_ISDIR(mode) ? 2 : S_ISREG(mode) ? (mode & S_IXUSR ? 1 : 0) : -1;
}

static void add_record(struct str *meta, const char *word, const char *text)
{
	str_add(meta, word);
	str_add(meta, text);
	str_add_char(meta, '\0');
}

void meta_write(struct str *meta, const struct rules *rules, const struct listing *listing)
{
	auto_free uint32_t *counts = xcalloc((size_t)3 * NMODES, sizeof *counts);
	for (size_t i = 0; i < listing->n; i++) {
		int kind = kind_of(listing->v[i].mode);
		if (kind >= 0)
			counts[(uint32_t)kind * NMODES + (listing->v[i].mode & 07777)]++;
	}
	uint32_t usually[3];
	for (size_t kind = 0; kind < 3; kind++)
		usually[kind] = usual(counts + kind * NMODES);
	add_record(meta, "pawl-snapshot ", "1");
	str_addf(meta, "modes %o %o %o", usually[0], usually[1], usually[2]);
	str_add_char(meta, '\0');
	if (rules->include_ignored)
		add_record(meta, "include_ignored", "");
	else if (rules->exclude && rules->exclude[0])
		add_record(meta, "exclude ", rules->exclude);
	if (rules->head)
		add_record(meta, "head ", rules->head);
	for (size_t i = 0; i < listing->n; i++) {
		const struct entry *e = &listing->v[i];
		int kind = kind_of(e->mode);
		if (e->empty)
			add_record(meta, "empty ", e->path);
		if (kind < 0 || (e->mode & 07777) == usually[kind])
			continue;
		str_addf(meta, "mode %o ", e->mode & 07777);
		add_record(meta, "", e->path);
	}
}

void meta_done(struct meta *meta)
{
	smap_done(&meta->modes);
	smap_done(&meta->empty);
	free(meta->text);
	*meta = (struct meta)META_INIT;
}

uint32_t meta_mode(const struct meta *meta, const char *path, uint32_t kind, bool program)
{
	const void *special = smap_get(&meta->modes, path);
	if (special)
		return (uint32_t)((uintptr_t)special - 1);
	return S_ISDIR(kind) ? meta->folder_mode : program ? meta->program_mode : meta->file_mode;
}

static bool take_record(struct meta *meta, const char *record)
{
	unsigned int a, b, c;
	char *end = NULL;
	if (sscanf(record, "modes %o %o %o", &a, &b, &c) == 3) {
		meta->file_mode = a & 07777;
		meta->program_mode = b & 07777;
		meta->folder_mode = c & 07777;
	} else if (str_eq(record, "include_ignored")) {
		meta->include_ignored = true;
	} else if (str_starts(record, "exclude ")) {
		meta->exclude = record + strlen("exclude ");
	} else if (str_starts(record, "head ")) {
		meta->head = record + strlen("head ");
	} else if (str_starts(record, "empty ")) {
		smap_put(&meta->empty, record + strlen("empty "), meta);
	} else if (str_starts(record, "mode ")) {
		unsigned long mode = strtoul(record + strlen("mode "), &end, 8);
		if (!end || *end != ' ' || mode >= NMODES)
			return false;
		smap_put(&meta->modes, end + 1, (void *)(uintptr_t)(mode + 1));
	} else {
		return str_eq(record, "pawl-snapshot 1");
	}
	return true;
}

enum err_code meta_read(struct place *place, const char *id, struct meta *meta, struct err *err)
{
	auto_str out = STR_INIT;
	enum err_code code = objects_get(&place->objects, id, ":meta", "blob", SPACE_META_MAX, NULL, &out, err);
	if (code == ERR_NOT_FOUND)
		return err_set(err, ERR_NOT_FOUND, _("there is no snapshot %s"), id);
	if (code)
		return code;
	size_t len = out.len;
	meta->text = str_take(&out);
	bool good = len && str_starts(meta->text, "pawl-snapshot ");
	for (size_t at = 0; at < len && good; at += strlen(meta->text + at) + 1)
		good = take_record(meta, meta->text + at);
	return good ? ERR_OK : err_set(err, ERR_VERSION, _("snapshot %s has a form that is not known"), id);
}
