/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this floor share: the listing of a folder, and the rules of what is covered. */
#ifndef PAWL_SPACE_INTERNAL_H
#define PAWL_SPACE_INTERNAL_H

#include "base/arena.h"
#include "base/map.h"
#include "space/git.h"
#include "space/snapshot.h"

#include <sys/stat.h>

#define SPACE_PATH_MAX 4000  /* bytes of a path beneath the folder */
#define SPACE_DEPTH_MAX 200  /* folders within folders: each holds a descriptor while it is walked */
#define SPACE_ENTRY_MAX 4000000
#define SPACE_META_MAX ((size_t)256 * MIB)

struct entry {
	const char *path; /* borrowed from the listing */
	uint32_t mode;    /* kind and permissions; a folder stands before what is in it */
	bool empty;       /* a folder that is kept for its own sake */
	bool changed;     /* not known to be what it was at the last snapshot */
	uint64_t ino, size;
	int64_t mtime_ns, ctime_ns; /* 0: not to be trusted, the file was too young */
};

struct listing {
	struct arena names;
	struct entry *v;
	size_t n, cap;
};
void listing_done(struct listing *listing);
#define auto_listing CLEANUP(listing_done) struct listing
#define LISTING_INIT { ARENA_INIT, NULL, 0, 0 }
/* Order of a walk: a folder, then what is in it, names by their bytes. */
int path_order(const char *a, const char *b);

/* What is covered. */
struct rules {
	bool include_ignored;
	char *exclude;      /* the patterns of info/exclude */
	bool recorded;      /* as it was at a snapshot: .gitignore files are those in `texts` */
	struct smap texts;  /* folder ("" or "a/b/") → text of its .gitignore (owned) */
	struct smap always; /* covered though ignored, and the folders that lead there */
	struct smap empty;  /* folders that the snapshot kept for their own sake */
	char *head;         /* the commit that its branch stands at, or NULL */
};
void rules_done(struct rules *rules);
#define auto_rules CLEANUP(rules_done) struct rules
#define RULES_INIT { false, NULL, false, MAP_INIT, MAP_INIT, MAP_INIT, NULL }
/* Add a path and every folder that leads to it. */
void rules_always(struct rules *rules, const char *path);
/* The present rules of a folder: its repository's exclude file, and what it tracks though ignored. */
enum err_code rules_present(struct rules *rules, const char *folder, const struct space_options *options,
			    struct err *err) MUST_CHECK;

/* List what the rules cover; what they do not is named in `report`. */
enum err_code walk(int root, const struct rules *rules, struct listing *listing,
		   struct space_report *report, struct err *err) MUST_CHECK;
/* Open beneath `root`, following no link. -1 with errno set. */
int open_beneath(int root, const char *path, int flags);

/* ---- what a store holds ---- */

#define OBJECTS_AHEAD 64 /* questions that may be asked before the first answer is read */

struct object_buffer;
struct objects {
	const struct git *git;
	struct git_proc proc;
	struct object_buffer *buffer; /* NULL: git was not started yet */
};
void objects_done(struct objects *o);
struct object_head {
	char oid[SPACE_ID_LEN + 1];
	uint64_t size;
};
/* Ask for object `name` (or for what it has at `suffix`, as ":meta"). Answers come in the order of the questions:
 * objects_head(), then objects_body() to `fd` or into `text`. ERR_NOT_FOUND: there is none; after every other
 * error nothing more can be read. */
enum err_code objects_ask(struct objects *o, const char *name, const char *suffix, struct err *err) MUST_CHECK;
enum err_code objects_head(struct objects *o, const char *kind, struct object_head *ret, struct err *err) MUST_CHECK;
enum err_code objects_body(struct objects *o, uint64_t size, int fd, struct str *text, struct err *err) MUST_CHECK;
/* All of one; ret may be NULL. */
enum err_code objects_get(struct objects *o, const char *name, const char *suffix, const char *kind, size_t max,
			  struct object_head *ret, struct str *text, struct err *err) MUST_CHECK;

struct file { /* or folder */
	const char *path; /* borrowed from the list */
	uint32_t mode;    /* of git: kind, and whether it is a program */
	char oid[SPACE_ID_LEN + 1];
	bool skipped, write;
};
struct files {
	struct arena names;
	struct file *v;
	size_t n, cap;
	char oid[SPACE_ID_LEN + 1]; /* of the folder itself; "" when it is empty */
};
#define FILES_INIT { ARENA_INIT, NULL, 0, 0, "" }
void files_done(struct files *files);
#define auto_files CLEANUP(files_done) struct files
/* All files and folders of a snapshot; those of one folder stand together, a folder before what is in it. Not what is
 * in folders that `skip` (may be NULL) skips; "" is the whole. */
enum err_code files_read(struct objects *o, const char *id, bool (*skip)(void *with, const char *path, const char *oid),
			 void *with, struct files *ret, struct err *err) MUST_CHECK;

/* A store that is open, and the folder that is worked on. */
struct place {
	struct git git;
	struct objects objects;
	char *store;
	int lock; /* shared by all who use the store, exclusive for gc */
	char *folder, *cache_path;
	char key[33]; /* of the folder: names its cache, its lock and its branch */
	int folder_lock, root;
};
#define PLACE_INIT { { .dir = NULL }, { NULL, GIT_PROC_INIT, NULL }, NULL, -1, NULL, NULL, "", -1, -1 }
void place_close(struct place *place);
#define auto_place CLEANUP(place_close) struct place
/* folder NULL: the store alone. `create`: make the store. */
enum err_code place_open(struct place *place, const char *store, const char *folder, bool create,
			 bool exclusive, struct err *err) MUST_CHECK;

/* What the last snapshot of the folder saw. */
struct cache {
	struct listing listing;
	char id[SPACE_ID_LEN + 1];
	unsigned char meta[32]; /* hash of its meta text */
};
#define CACHE_INIT { LISTING_INIT, "", { 0 } }
void cache_done(struct cache *cache);
#define auto_cache CLEANUP(cache_done) struct cache
/* False when there is none that is whole: everything is read again, then. */
bool cache_read(struct cache *cache, const char *path);
/* Failing costs time at the next snapshot, nothing else. */
void cache_write(const struct cache *cache, const char *path);

/* `meta`: the part of a snapshot that git's trees do not hold, as NUL-ended records. */
void meta_write(struct str *meta, const struct rules *rules, const struct listing *listing);
struct meta {
	char *text;
	uint32_t file_mode, program_mode, folder_mode;
	struct smap modes; /* path → mode + 1, where it is not the usual one */
	struct smap empty; /* path → something; borrowed by nobody */
	const char *exclude, *head;
	bool include_ignored;
};
#define META_INIT { NULL, 0, 0, 0, MAP_INIT, MAP_INIT, NULL, NULL, false }
void meta_done(struct meta *meta);
#define auto_meta CLEANUP(meta_done) struct meta
enum err_code meta_read(struct place *place, const char *id, struct meta *meta, struct err *err) MUST_CHECK;
uint32_t meta_mode(const struct meta *meta, const char *path, uint32_t kind, bool program);

enum err_code check_id(const char *id, struct err *err) MUST_CHECK;
/* The snapshot itself, in a place that is open. */
enum err_code take(struct place *place, const struct rules *rules, char id[SPACE_ID_LEN + 1],
		   struct listing *ret_listing, struct space_report *report, struct err *err) MUST_CHECK;
/* Write what changed, in a store, on the tree `base` ("" for none); *ret_again when files went away. */
enum err_code import(struct place *place, const struct cache *last, struct listing *now,
		     const struct str *meta, struct space_report *report, char id[SPACE_ID_LEN + 1],
		     bool *ret_again, struct err *err) MUST_CHECK;

#endif
