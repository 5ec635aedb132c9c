/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fsck: what lies beside the database. Logs are as long as the attempt says; exit records belong to attempts. */
#include "base/clock.h"
#include "engine/fsck_internal.h"
#include "store/check.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* Logs are not forced to the disk before a result counts: when the machine itself went down since, a log may be
 * shorter than it was. */
static void check_log(void *ctx, const struct attempt_row *a)
{
	struct facts *f = ctx;
	if (a->state == ATTEMPT_RUNNING || a->log_bytes <= 0 || !str_eq(a->boot_id, clock_boot_id()))
		return;
	auto_free char *path = log_path_in(f->home, a->run, a->idx, a->generation, a->iteration, a->attempt);
	struct stat st;
	f->now->checked++;
	if (stat(path, &st))
		fsck_wrong(f, _("%s try %d: its log is not there: %s"), fact_name(a->run, a->idx), a->attempt, path);
	else if (st.st_size != a->log_bytes)
		fsck_wrong(f, _("%s try %d: its log has %lld bytes, not %" PRId64 ": %s"), fact_name(a->run, a->idx),
			   a->attempt, (long long)st.st_size, a->log_bytes, path);
}

/* A record whose attempt has ended is swept at the next start; one of an attempt that never was is a riddle. */
static void check_record(struct facts *f, const char *name)
{
	char *end;
	errno = 0;
	long long token = strtoll(name, &end, 10);
	if (end == name || !str_eq(end, ".exit"))
		return;
	f->now->checked++;
	if (errno || token <= 0 || !map_get(&f->tokens, (uint64_t)token))
		fsck_wrong(f, _("the exit record spool/%s belongs to no attempt"), name);
}

void fsck_files(struct facts *f)
{
	struct err err;
	fsck_begin(f, "logs");
	if (check_attempts(f->store, check_log, f, &err))
		fsck_unable(f, &err);
	fsck_begin(f, "records");
	auto_free char *folder = xasprintf("%s/spool", f->home);
	DIR *d = opendir(folder);
	for (const struct dirent *i; d && (i = readdir(d));)
		check_record(f, i->d_name);
	if (d)
		(void)closedir(d);
}
