/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots from one store to another, as a pack of git's. */
#include "space/internal.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static enum err_code copy_out(int from, int to, struct err *err)
{
	auto_free char *block = xmalloc(64 * KIB);
	ssize_t n;
	while ((n = read(from, block, 64 * KIB)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || !fs_write_all(to, block, (size_t)n))
			return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot write the pack"));
	}
	return ERR_OK;
}

enum err_code space_pack(const char *store, const char *const *ids, size_t n, int to, struct err *err)
{
	auto_place place = PLACE_INIT;
	auto_str list = STR_INIT;
	enum err_code code = place_open(&place, store, NULL, true, false, err);
	for (size_t i = 0; i < n && !code; i++) {
		code = check_id(ids[i], err);
		str_addf(&list, "%s\n", ids[i]);
	}
	if (code)
		return code;
	auto_fd in = git_memory(str_text(&list), list.len);
	static const char *const args[] = { "pack-objects", "--revs", "--stdout", "-q", NULL };
	auto_git proc = GIT_PROC_INIT;
	if (in < 0)
		return err_sys(err, ERR_IO, _("cannot make a memory file"));
	code = git_start(&proc, &place.git, args, in, false, err);
	if (!code)
		code = copy_out(proc.out, to, err);
	return code ? code : git_finish(&proc, err);
}

enum err_code space_unpack(const char *store, int from, struct err *err)
{
	auto_place place = PLACE_INIT;
	static const char *const args[] = { "index-pack", "--stdin", "--strict", NULL };
	enum err_code code = place_open(&place, store, NULL, true, false, err);
	return code ? code : git_capture(&place.git, args, from, 64 * KIB, NULL, err);
}
