/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots of a folder: its exact files as a tree object in a private bare git repository, the store.
 *
 * Covered are all files, links and empty folders that are not ignored, and ignored ones that the git
 * repository of the folder tracks: names and contents byte for byte (holes stay holes), permission bits,
 * link targets.
 * Not covered, and named in the report: ignored files, `.git` wherever it stands, sockets, devices,
 * FIFOs, other file systems mounted below, what cannot be read. Not kept: owners, times, extended
 * attributes, which names are links of one file.
 *
 * No setting, attribute, filter or hook of the folder or of the user has a say, and nothing in the
 * folder's own repository is written. A file is read again only if its times, size or inode changed; who writes
 * through a memory mapping that was open before need not change them.
 *
 * All functions block; they hold no state in memory and may be called from any thread, for one store
 * at the same time. What one call does to a folder waits for the call before it on the same folder. */
#ifndef PAWL_SPACE_SNAPSHOT_H
#define PAWL_SPACE_SNAPSHOT_H

#include "base/err.h"
#include "base/str.h"

#define SPACE_ID_LEN 40

/* Why something is not covered. */
enum space_left {
	SPACE_LEFT_IGNORED,
	SPACE_LEFT_REPOSITORY,
	SPACE_LEFT_SOCKET,
	SPACE_LEFT_FIFO,
	SPACE_LEFT_DEVICE,
	SPACE_LEFT_MOUNT,
	SPACE_LEFT_UNREADABLE,
	SPACE_LEFT_COUNT
};
const char *space_left_name(enum space_left left); /* "ignored"; never translated */

#define SPACE_LEFT_MAX 1000 /* names in the report of a snapshot; all are counted */

struct space_report {
	size_t files, links, folders; /* that are covered */
	uint64_t bytes;               /* of the files */
	size_t read;                  /* files whose contents were read, because they may have changed */
	size_t changing;              /* of these, written to while they were read */
	size_t nleft[SPACE_LEFT_COUNT];
	struct space_left_out {
		enum space_left why;
		char *path; /* from the folder; a '/' at its end says that it stands for all beneath */
	} *left;
	size_t n;
};
void space_report_done(struct space_report *report);
#define auto_report CLEANUP(space_report_done) struct space_report

struct space_options {
	bool include_ignored;
	const char *head; /* of a run's worktree: the commit that its branch stands at, which is kept with it; NULL: none */
};

/* Take a snapshot; on return it is on disk. `store` is made if it is missing. The same files give the
 * same id. ret_report may be NULL, else it is yours: space_report_done(). ERR_STORAGE: disk full;
 * ERR_CONFLICT: files come and go faster than they can be read. */
enum err_code space_snapshot(const char *store, const char *folder, const struct space_options *options,
			     char ret_id[SPACE_ID_LEN + 1], struct space_report *ret_report,
			     struct err *err) MUST_CHECK;

struct space_restored {
	char before[SPACE_ID_LEN + 1]; /* a snapshot of all that the restore could remove or replace */
	size_t removed, written, changed_mode;
	struct space_report report; /* of the folder as it is now */
};

/* Make the folder what it was: what came later is removed, what changed or is gone is written, and the
 * result is hashed again and compared. What the snapshot did not cover (by the ignore rules of that
 * time) is not touched; where that stands in the way, ERR_CONFLICT names it and nothing is changed.
 * A restore that was interrupted is finished by another. `ret` is yours: space_restored_done(). */
enum err_code space_restore(const char *store, const char *folder, const char *id,
			    struct space_restored *ret, struct err *err) MUST_CHECK;
void space_restored_done(struct space_restored *restored);

/* What a restore would do: the same checks, nothing changed. */
enum err_code space_restore_preview(const char *store, const char *folder, const char *id,
				    struct space_restored *ret, struct err *err) MUST_CHECK;

/* The commit that was kept with a snapshot, in hexadecimal digits; "": none was. */
enum err_code space_head(const char *store, const char *id, char ret[65], struct err *err) MUST_CHECK;

/* Whether the folder is byte for byte the snapshot, by the snapshot's own rules of what is covered. */
enum err_code space_same(const char *store, const char *folder, const char *id, bool *ret_same,
			 struct err *err) MUST_CHECK;

enum space_change { SPACE_ADDED, SPACE_REMOVED, SPACE_MODIFIED, SPACE_KIND, SPACE_MODE };
const char *space_change_name(enum space_change change); /* "added"; never translated */
/* `path` is raw bytes from the file system; false ends the walk. */
typedef bool (*space_diff_fn)(void *with, const char *path, enum space_change change);

/* Every path that differs, in the order of their bytes; then those whose permissions alone differ. */
enum err_code space_diff(const char *store, const char *from, const char *to, space_diff_fn each,
			 void *with, struct err *err) MUST_CHECK;
/* Append the unified diff of one path, or of all (NULL) in the form that `git apply` takes, binary
 * files included. At most `max` bytes, else ERR_TOO_LARGE. */
enum err_code space_diff_text(const char *store, const char *from, const char *to, const char *path,
			      size_t max, struct str *text, struct err *err) MUST_CHECK;

/* ---- from store to store ---- */

/* Write all that the snapshots hold into a new file, a pack of git's. */
enum err_code space_pack(const char *store, const char *const *trees, size_t n, const char *path,
			 struct err *err) MUST_CHECK;
/* Read such a file, which may be anybody's, into a new store `into`. ERR_INVALID unless it holds these snapshots,
 * whole, and no name in it leads out of a folder or is git's own. */
enum err_code space_unpack(const char *path, const char *const *trees, size_t n, const char *into,
			   struct err *err) MUST_CHECK;
/* Move what space_unpack() made into another store of the same file system. */
enum err_code space_join(const char *from, const char *store, struct err *err) MUST_CHECK;

/* Drop every snapshot but those in `keep`; waits for the calls that use the store. *ret_bytes (may be
 * NULL) is what the store takes on disk afterwards. */
enum err_code space_gc(const char *store, const char *const *keep, size_t nkeep, uint64_t *ret_bytes,
		       struct err *err) MUST_CHECK;

#endif
