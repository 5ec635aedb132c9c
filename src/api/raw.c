/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of a log as they are, whole or a range (RFC 9110 §14). Blocks are read in the thread
 * pool, so that a slow disk delays nobody else; between two blocks the connection is suspended. */
#include "api/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (256 * KIB)

struct raw {
	struct job job;
	struct MHD_Connection *mhd;
	int fd;
	int64_t offset, left; /* of the file: what is still to be read */
	char *block;
	size_t len, at;
	bool reading, suspended, gone, faulty;
};

static void raw_free(struct raw *v)
{
	if (v->fd >= 0)
		(void)close(v->fd);
	free(v->block);
	free(v);
}

static enum err_code read_block(struct job *j, struct err *err)
{
	struct raw *v = CONTAINER_OF(j, struct raw, job);
	(void)err;
	ssize_t n;
	do
		n = pread(v->fd, v->block, (size_t)MIN((int64_t)BLOCK, v->left), v->offset);
	while (n < 0 && errno == EINTR);
	v->at = 0;
	v->len = n > 0 ? (size_t)n : 0;
	v->faulty = n <= 0; /* the file got shorter, or cannot be read */
	return ERR_OK;
}

static void block_read(struct job *j)
{
	struct raw *v = CONTAINER_OF(j, struct raw, job);
	v->reading = false;
	v->offset += (int64_t)v->len;
	v->left -= (int64_t)v->len;
	if (v->suspended) {
		v->suspended = false;
		v->job.api->again = true;
		MHD_resume_connection(v->mhd);
	}
}

static void job_over(struct job *j)
{
	struct raw *v = CONTAINER_OF(j, struct raw, job);
	if (v->gone)
		raw_free(v);
}

static ssize_t give(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct raw *v = cls;
	(void)pos;
	if (v->faulty || v->job.api->stopping)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (v->at == v->len) {
		if (!v->left)
			return MHD_CONTENT_READER_END_OF_STREAM;
		v->suspended = true;
		MHD_suspend_connection(v->mhd);
		v->reading = true;
		job_start(v->job.api, &v->job);
		return 0;
	}
	size_t n = MIN(max, v->len - v->at);
	memcpy(buf, v->block + v->at, n);
	v->at += n;
	return (ssize_t)n;
}

static void give_up(void *cls)
{
	struct raw *v = cls;
	v->job.api->streams--;
	v->gone = true;
	if (!v->reading)
		raw_free(v);
}

/* "bytes=A-B", "bytes=A-", "bytes=-N"; anything else is ignored, as the standard allows. False: it
 * lies outside. */
static bool read_range(const char *text, int64_t size, int64_t *first, int64_t *last,
                       bool *ret_part)
{
	*first = 0;
	*last = size - 1;
	*ret_part = false;
	if (!text || strncmp(text, "bytes=", 6) || strlen(text) > 64)
		return true;
	const char *p = text + 6;
	size_t digits = strspn(p, "0123456789"),
	       rest = p[digits] == '-' ? strspn(p + digits + 1, "0123456789") : 0;
	if (p[digits] != '-' || p[digits + 1 + rest] || !(digits + rest) || digits > 18 ||
	    rest > 18)
		return true;
	int64_t a = strtoll(p, NULL, 10), b = rest ? strtoll(p + digits + 1, NULL, 10) : size - 1;
	if (!digits) { /* the last b bytes */
		a = MAX(size - b, (int64_t)0);
		b = size - 1;
	}
	if (digits && rest && b < a)
		return true;
	*ret_part = true;
	*first = a;
	*last = MIN(b, size - 1);
	return a < size && a <= *last;
}

static enum err_code open_log(const char *path, int *ret_fd, int64_t *ret_size, struct err *err)
{
	*ret_size = 0;
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*ret_fd < 0 && errno == ENOENT)
		return ERR_OK; /* it wrote nothing */
	struct stat st;
	if (*ret_fd < 0 || fstat(*ret_fd, &st))
		return err_sys(err, ERR_IO, _("cannot read the log %s"), path);
	*ret_size = S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0;
	return ERR_OK;
}

enum err_code raw_stream(struct request *r, int fd, int64_t offset, int64_t len, struct err *err)
{
	struct raw *v = xcalloc(1, sizeof(*v));
	v->fd = fd;
	v->mhd = r->mhd;
	v->job.api = r->api;
	v->job.run = read_block;
	v->job.done = block_read;
	v->job.free = job_over;
	v->offset = offset;
	v->left = len;
	v->block = xmalloc(BLOCK);
	r->type = "application/octet-stream";
	return request_stream(r, give, v, give_up, len, err);
}

enum err_code api_log_raw(struct request *r, struct err *err)
{
	struct log_choice choice;
	enum err_code code = log_choose(r, false, &choice, err);
	int64_t size = 0, first = 0, last = 0;
	bool part = false;
	int fd = -1;
	if (!code)
		code = open_log(choice.path, &fd, &size, err);
	log_choice_done(&choice);
	const char *range = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Range");
	if (!code && !read_range(range, size, &first, &last, &part)) {
		code = err_set(err, ERR_USAGE, _("the log has %" PRId64 " bytes"), size);
		r->status = 416;
	}
	if (code) {
		if (fd >= 0)
			(void)close(fd);
		return code;
	}
	code = raw_stream(r, fd, first, last - first + 1, err);
	if (code || !r->response)
		return code;
	(void)MHD_add_response_header(r->response, "Accept-Ranges", "bytes");
	if (part) {
		char text[96];
		(void)snprintf(text, sizeof(text), "bytes %" PRId64 "-%" PRId64 "/%" PRId64, first,
		               last, size);
		(void)MHD_add_response_header(r->response, "Content-Range", text);
		r->status = 206;
	}
	return ERR_OK;
}
