/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/upload.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE (256 * KIB)

struct upload {
	struct job job;
	struct request *request;
	int fd;
	char *path;
	struct str piece; /* has come */
	struct str out;   /* is written */
	int64_t bytes;
	bool writing, dropped;
};

static enum err_code put(const struct upload *u, const struct str *s, struct err *err)
{
	if (!s->len || fs_write_all(u->fd, s->p, s->len))
		return ERR_OK;
	return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE : ERR_IO, _("cannot write %s"),
	               u->path);
}

static enum err_code write_piece(struct job *j, struct err *err)
{
	struct upload *u = CONTAINER_OF(j, struct upload, job);
	return put(u, &u->out, err);
}

/* The connection goes on; when it failed, with the answer. */
static void piece_written(struct job *j)
{
	struct upload *u = CONTAINER_OF(j, struct upload, job);
	struct request *r = u->request;
	u->writing = false;
	str_clear(&u->out);
	if (j->code) {
		r->close = true;
		request_finish(r, j->code, &j->err);
	}
	if (r->conn)
		conn_phase(r->conn, CONN_READING);
	api_wake(r->api);
	MHD_resume_connection(r->mhd);
}

static void keep(struct job *j UNUSED)
{
}

enum err_code upload_begin(struct request *r, struct err *err)
{
	auto_free char *folder = xasprintf("%s/tmp", engine_home(r->api->engine));
	struct upload *u = xcalloc(1, sizeof(*u));
	u->request = r;
	u->path = xasprintf("%s/upload-%" PRId64 "-XXXXXX", folder, engine_epoch(r->api->engine));
	enum err_code code = fs_mkdirs(folder, 0700, err);
	u->fd = code ? -1 : mkostemp(u->path, O_CLOEXEC);
	if (!code && u->fd < 0)
		code = err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE : ERR_IO,
		               _("cannot make a file in %s"), folder);
	if (code) {
		free(TAKE(u->path));
		upload_free(u);
		return code;
	}
	u->job.run = write_piece;
	u->job.done = piece_written;
	u->job.free = keep;
	r->upload = u;
	return ERR_OK;
}

enum MHD_Result upload_take(struct request *r, const char *bytes, size_t *len)
{
	struct upload *u = r->upload;
	size_t n = *len;
	*len = 0;
	u->bytes += (int64_t)n;
	if (u->bytes > r->api->config->import_max) {
		struct err err;
		r->close = true;
		request_finish(r,
		               err_set(&err, ERR_TOO_LARGE, _("the body is larger than %" PRId64 " bytes (import_max)"),
		                       r->api->config->import_max),
		               &err);
		return MHD_YES;
	}
	str_add_len(&u->piece, bytes, n);
	if (r->conn)
		conn_phase(r->conn, CONN_READING); /* it comes, however long it takes in all */
	if (u->piece.len < PIECE)
		return MHD_YES;
	struct str spare = u->out;
	u->out = u->piece;
	u->piece = spare;
	u->writing = true;
	if (r->conn)
		conn_phase(r->conn, CONN_BUSY);
	MHD_suspend_connection(r->mhd);
	job_start(r->api, &u->job);
	return MHD_YES;
}

enum err_code upload_finish(struct upload *u, struct err *err)
{
	enum err_code code = put(u, &u->piece, err);
	str_done(&u->piece);
	str_done(&u->out);
	return code;
}

const char *upload_path(const struct upload *u)
{
	return u->path;
}

int64_t upload_bytes(const struct upload *u)
{
	return u->bytes;
}

void upload_free(struct upload *u)
{
	if (!u)
		return;
	if (u->fd >= 0)
		(void)close(u->fd);
	if (u->path)
		(void)unlink(u->path); /* what stays is a leftover that gc finds */
	str_done(&u->piece);
	str_done(&u->out);
	free(u->path);
	free(u);
}

static enum err_code nothing(struct job *j, struct err *err UNUSED)
{
	struct upload *u = CONTAINER_OF(j, struct upload, job);
	(void)close(u->fd);
	u->fd = -1;
	(void)unlink(u->path);
	return ERR_OK;
}

static void dropped(struct job *j UNUSED)
{
}

static void free_dropped(struct job *j)
{
	struct upload *u = CONTAINER_OF(j, struct upload, job);
	free(TAKE(u->path));
	upload_free(u);
}

void upload_drop(struct api *a, struct upload *u)
{
	if (!u)
		return;
	u->job = (struct job){ .run = nothing, .done = dropped, .free = free_dropped };
	job_start(a, &u->job);
}
