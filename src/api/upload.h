/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A body that goes into a file as it comes, a piece at a time in the thread pool: never in memory, never on the
 * loop's disk time. */
#ifndef PAWL_API_UPLOAD_H
#define PAWL_API_UPLOAD_H

#include "api/api_internal.h"

struct upload;
/* The head of the request is there. */
enum err_code upload_begin(struct request *r, struct err *err) MUST_CHECK;
/* Bytes of the body; all are taken. */
enum MHD_Result upload_take(struct request *r, const char *bytes, size_t *len);
/* Write what is left in memory; in the thread pool, when all has come. */
enum err_code upload_finish(struct upload *u, struct err *err) MUST_CHECK;
const char *upload_path(const struct upload *u);
int64_t upload_bytes(const struct upload *u);
/* Removes the file; in the thread pool. NULL is fine. */
void upload_free(struct upload *u);
/* The request is gone, or wants it no more: remove it beside the loop. */
void upload_drop(struct api *a, struct upload *u);

#endif
