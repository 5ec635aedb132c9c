/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of workspaces, without files: a text for each folder, and the snapshots that were taken of it. What the
 * engine asks for takes some time, fails now and then, and is lost when the engine dies meanwhile. */
#include "engine/patch_work.h"
#include "tests/sim/world.h"
#include "base/hash.h"

#include <stdio.h>
#include <string.h>

static struct sim_files *find(struct sim_files *v, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i].key, key))
			return &v[i];
	return NULL;
}

static void set_text(struct world *w, const char *path, const char *text)
{
	struct sim_files *f = find(w->files, w->nfiles, path);
	if (!f) {
		GROW(w->files, w->nfiles, w->capfiles);
		f = &w->files[w->nfiles++];
		*f = (struct sim_files){ .key = xstrdup(path) };
	}
	char *copy = xstrdup(text);
	free(f->text);
	f->text = copy;
}

const char *world_files(struct world *w, const char *path)
{
	const struct sim_files *f = find(w->files, w->nfiles, path);
	return f ? f->text : "";
}

const char *world_snapshot_text(struct world *w, const char *id)
{
	if (str_eq(id, SPACE_EMPTY))
		return "";
	const struct sim_files *f = find(w->snapshots, w->nsnapshots, id);
	return f ? f->text : NULL;
}

void world_write(struct world *w, const char *path, const char *name, const char *value)
{
	auto_free char *old = xstrdup(world_files(w, path));
	auto_str text = STR_INIT;
	char *save = NULL;
	bool placed = value == NULL;
	for (char *part = strtok_r(old, " ", &save); part; part = strtok_r(NULL, " ", &save)) {
		size_t len = strcspn(part, "=");
		bool same = strlen(name) == len && strncmp(part, name, len) == 0;
		if (!placed && (same || strncmp(part, name, len) > 0)) {
			str_addf(&text, "%s%s=%s", text.len ? " " : "", name, value);
			placed = true;
		}
		if (!same)
			str_addf(&text, "%s%s", text.len ? " " : "", part);
	}
	if (!placed)
		str_addf(&text, "%s%s=%s", text.len ? " " : "", name, value);
	set_text(w, path, str_text(&text));
}

bool files_empty(void *ctx, const char *path)
{
	return world_files(ctx, path)[0] == '\0';
}

char *files_real_path(void *ctx UNUSED, const char *path)
{
	return xstrdup(path);
}

/* ---- jobs ---- */

static void take_snapshot(struct world *w, struct space_job *j)
{
	const char *text = world_files(w, j->path);
	struct hash h = hash_bytes(text, strlen(text));
	for (int i = 0; i < 20; i++)
		(void)snprintf(j->taken + 2 * i, 3, "%02x", h.b[i]);
	if (find(w->snapshots, w->nsnapshots, j->taken))
		return;
	GROW(w->snapshots, w->nsnapshots, w->capsnapshots);
	w->snapshots[w->nsnapshots++] = (struct sim_files){ xstrdup(j->taken), xstrdup(text) };
}

static void work(struct world *w, struct space_job *j)
{
	const char *text;
	w->njobs_done[j->kind]++;
	if (w->fail_job > 0 || world_chance(w, w->faults.snapshot_fails)) {
		w->fail_job -= w->fail_job > 0;
		j->code = err_set(&j->err, ERR_IO, "the %s of %s fails", space_job_name(j->kind), j->path);
		return;
	}
	switch (j->kind) {
	case SPACE_ACQUIRE:
		if (j->worktree) {
			set_text(w, j->path, "base=1");
			free(j->branch);
			free(j->base);
			j->branch = xasprintf("pawl/%s", j->name);
			j->base = xstrdup("0123456789012345678901234567890123456789");
		}
		if (j->wanted)
			take_snapshot(w, j);
		break;
	case SPACE_SNAPSHOT:
	case SPACE_PROTECT:
		take_snapshot(w, j);
		break;
	case SPACE_RESTORE:
		text = world_snapshot_text(w, j->tree);
		if (text)
			set_text(w, j->path, text);
		else
			j->code = err_set(&j->err, ERR_NOT_FOUND, "there is no snapshot %s", j->tree);
		break;
	case SPACE_RELEASE:
		set_text(w, j->path, "");
		break;
	case SPACE_PATCH: /* its files are no part of the picture; what it says is */
		j->patch_work->state = j->patch_work->op == PATCH_OP_RESTORE ? PATCH_QUARANTINED : PATCH_COMMITTED;
		j->patch_work->reached = PATCH_APPLIED;
		break;
	case SPACE_MEASURE:
	case SPACE_GC:
	case SPACE_JOB_KINDS:
		break;
	}
	j->disk_bytes = j->measure ? w->disk_bytes : 0;
}

/* The letter of a job that is not in the list any more is of an engine that died. */
static bool forget(struct world *w, const struct space_job *j)
{
	for (size_t i = 0; i < w->njobs; i++) {
		if (w->jobs[i] != j)
			continue;
		w->jobs[i] = w->jobs[--w->njobs];
		return true;
	}
	return false;
}

static void come_back(struct world *w, void *ctx)
{
	struct space_job *j = ctx;
	if (!forget(w, j))
		return;
	work(w, j);
	world_say(w, "%s of %s: %s", space_job_name(j->kind), j->name ? j->name : "", err_name(j->code));
	engine_space_done(w->e, j);
}

void files_job(void *ctx, struct space_job *j)
{
	struct world *w = ctx;
	GROW(w->jobs, w->njobs, w->capjobs);
	w->jobs[w->njobs++] = j;
	world_call(w, 1 + world_delay(w), come_back, j);
}

void files_crash(struct world *w)
{
	for (size_t i = 0; i < w->njobs; i++) {
		if (rng_below(&w->rng, 2))
			work(w, w->jobs[i]);
		space_job_free(w->jobs[i]);
	}
	w->njobs = 0;
}

static void free_files(struct sim_files *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].key);
		free(v[i].text);
	}
	free(v);
}

void files_free(struct world *w)
{
	free_files(w->files, w->nfiles);
	free_files(w->snapshots, w->nsnapshots);
	free(w->jobs);
}
