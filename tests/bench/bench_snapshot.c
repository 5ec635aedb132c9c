/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One snapshot, restore or look, timed inside the process: `bench_snapshot snapshot STORE FOLDER` or
 * `bench_snapshot restore STORE FOLDER ID` prints milliseconds and an id. bench_snapshot.sh compares. */
#include "base/base.h"
#include "space/snapshot.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static double now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	struct err err;
	char id[SPACE_ID_LEN + 1] = "";
	enum err_code code = ERR_USAGE;
	double begin = now_ms();
	if (argc == 4 && str_eq(argv[1], "snapshot")) {
		code = space_snapshot(argv[2], argv[3], NULL, id, NULL, &err);
	} else if (argc == 5 && str_eq(argv[1], "restore")) {
		struct space_restored done = { 0 };
		code = space_restore(argv[2], argv[3], argv[4], &done, &err);
		memcpy(id, done.before, sizeof id);
		space_restored_done(&done);
	} else {
		err_note(&err, ERR_USAGE, "usage: bench_snapshot snapshot STORE FOLDER | restore STORE FOLDER ID");
	}
	if (code) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	printf("%.1f %s\n", now_ms() - begin, id);
	return 0;
}
