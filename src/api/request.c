/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a request between the server library and the handlers. The library checks too little
 * (two Content-Length, Content-Length beside Transfer-Encoding, control characters): that is done
 * here. */
#include "api/api_internal.h"
#include "api/upload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IDEMPOTENCY_KEY_MAX 128
#define STREAM_BLOCK (64 * KIB)
#define POOL_PARSE_MIN (256 * KIB) /* a larger body is parsed in the thread pool */

void *request_line(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct api *a = cls;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct request *r = xcalloc(1, sizeof(*r));
	r->api = a;
	r->language = LC_GLOBAL_LOCALE;
	r->mhd = mhd;
	r->conn = info ? info->socket_context : NULL;
	r->number = ++a->next_number;
	if (r->conn && r->conn->phase == CONN_IDLE)
		conn_phase(r->conn, CONN_READING);
	struct err err = { .code = ERR_OK };
	r->target_code = target_parse(target, &r->target, &err);
	if (r->target_code)
		request_finish(r, r->target_code, &err);
	r->next = a->requests;
	if (r->next)
		r->next->previous = r;
	a->requests = r;
	a->nrequests++;
	return r;
}

static void request_free(struct request *r)
{
	struct api *a = r->api;
	if (r->previous)
		r->previous->next = r->next;
	else
		a->requests = r->next;
	if (r->next)
		r->next->previous = r->previous;
	a->nrequests--;
	if (r->state_free)
		r->state_free(r->state);
	upload_drop(a, TAKE(r->upload));
	target_done(&r->target);
	str_done(&r->body);
	str_done(&r->out);
	str_done(&r->details);
	json_free(r->json);
	free(r->allow);
	free(r);
}

void request_completed(void *cls, struct MHD_Connection *mhd, void **context,
                       enum MHD_RequestTerminationCode why)
{
	(void)cls;
	(void)mhd;
	(void)why;
	struct request *r = *context;
	if (!r)
		return;
	*context = NULL;
	if (r->conn)
		conn_phase(r->conn, CONN_IDLE);
	if (r->sent)
		r->sent(r);
	request_free(r);
}

/* ---- the answer ---- */

static void error_body(struct request *r, enum err_code code, const struct err *err)
{
	str_clear(&r->out);
	char id[40];
	(void)snprintf(id, sizeof(id), "q-%s-%" PRIu64, r->api->start_id, r->number);
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_str(&w, "code", err_name(code));
	jw_str(&w, "message", err && err->message[0] ? err->message : _(err_meaning(code)));
	jw_raw(&w, "details", r->details.len ? str_text(&r->details) : "{}");
	jw_str(&w, "hint", err ? err->hint : "");
	jw_str(&w, "request_id", id);
	jw_end_obj(&w);
}

void request_wait(struct request *r)
{
	r->phase = REQUEST_ASKED;
}

void request_finish(struct request *r, enum err_code code, const struct err *err)
{
	if (code) {
		error_body(r, code, err);
		r->type = NULL;
		if (!r->status)
			r->status = err_http_status(code);
	}
	r->phase = REQUEST_READY;
	if (r->suspended) {
		r->suspended = false;
		api_wake(r->api);
		MHD_resume_connection(r->mhd);
	}
}

enum err_code request_stream(struct request *r, MHD_ContentReaderCallback read, void *ctx,
                             MHD_ContentReaderFreeCallback done, int64_t size, struct err *err)
{
	r->api->streams++;
	if (r->api->streams > r->api->config->streams_max) {
		done(ctx);
		return err_set(err, ERR_RATE_LIMITED,
		               _("%d streams are open, and that is the limit (streams_max)"),
		               r->api->config->streams_max);
	}
	r->response = MHD_create_response_from_callback(
	    size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)size, STREAM_BLOCK, read, ctx, done);
	if (r->response)
		return ERR_OK;
	done(ctx);
	return err_set(err, ERR_INTERNAL, _("the stream cannot be made"));
}

static struct MHD_Response *make_response(struct request *r)
{
	if (r->response)
		return r->response;
	size_t len = r->out.len;
	return MHD_create_response_from_buffer(len, str_take(&r->out), MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result send_answer(struct request *r)
{
	int status = r->status ? r->status : 200;
	struct MHD_Response *response = make_response(r);
	r->response = NULL;
	if (!response)
		return MHD_NO;
	bool ok = MHD_add_response_header(response, "Content-Type",
	                                  r->type ? r->type : "application/json") &&
	          MHD_add_response_header(response, "Pawl-Version", PACKAGE_VERSION);
	if (r->allow)
		ok = ok && MHD_add_response_header(response, "Allow", r->allow);
	if (r->replayed)
		ok = ok && MHD_add_response_header(response, "Idempotency-Replayed", "true");
	if (r->close)
		ok = ok && MHD_add_response_header(response, "Connection", "close");
	r->phase = REQUEST_SENT;
	ok = ok && MHD_queue_response(r->mhd, (unsigned int)status, response);
	MHD_destroy_response(response);
	return ok ? MHD_YES : MHD_NO;
}

/* ---- headers ---- */

struct header_check {
	struct request *r;
	int content_lengths, transfer_encodings;
	bool control;
};

static bool has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return true;
	return false;
}

static enum MHD_Result check_header(void *ctx, enum MHD_ValueKind kind, const char *key,
                                    size_t key_len, const char *value, size_t value_len)
{
	struct header_check *c = ctx;
	(void)kind;
	c->content_lengths += strcasecmp(key, "Content-Length") == 0;
	c->transfer_encodings += strcasecmp(key, "Transfer-Encoding") == 0;
	/* (A NUL is not seen here: the library ends the value at it, and what follows is lost.) */
	c->control |= has_control(key, key_len) || (value && has_control(value, value_len));
	return MHD_YES;
}

static enum err_code check_key(struct request *r, struct err *err)
{
	const char *key = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Idempotency-Key");
	if (!key)
		return ERR_OK;
	if (!*key || strlen(key) > IDEMPOTENCY_KEY_MAX)
		return err_set(err, ERR_USAGE, _("the Idempotency-Key has 1 to %d characters"),
		               IDEMPOTENCY_KEY_MAX);
	for (const char *p = key; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			return err_set(err, ERR_USAGE,
			               _("the Idempotency-Key is printable ASCII without spaces"));
	r->idempotency_key = key;
	return ERR_OK;
}

static enum err_code check_headers(struct request *r, struct err *err)
{
	struct header_check c = { .r = r };
	(void)MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, check_header, &c);
	r->close = true; /* until all is well: what follows on the connection cannot be trusted */
	if (c.control)
		return err_set(err, ERR_USAGE, _("a header holds a control character"));
	if (c.content_lengths + c.transfer_encodings > 1)
		return err_set(err, ERR_USAGE,
		               _("the length of the body is said more than once (Content-Length, "
		                 "Transfer-Encoding)"));
	r->close = false;
	return check_key(r, err);
}

static enum err_code check_length(struct request *r, struct err *err)
{
	const char *text = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Content-Length");
	uint64_t len = text ? strtoull(text, NULL, 10) : 0;
	if (r->route->upload && len > (uint64_t)r->api->config->import_max)
		return err_set(err, ERR_TOO_LARGE,
		               _("the body has %" PRIu64 " bytes, and %" PRId64 " are allowed (import_max)"), len,
		               r->api->config->import_max);
	if (r->route->upload || len <= r->route->body_max)
		return ERR_OK;
	if (!r->route->body_max)
		return err_set(err, ERR_TOO_LARGE, _("%s %s takes no body"), r->route->method,
		               r->route->pattern);
	return err_set(err, ERR_TOO_LARGE, _("the body has %" PRIu64 " bytes, and %zu are allowed"),
	               len, r->route->body_max);
}

static enum err_code check_query(const struct request *r, struct err *err)
{
	for (size_t i = 0; i < r->target.nquery; i++) {
		enum err_code code = route_check_word(r->route->query, r->target.query[i].name,
		                                      _("query parameter"), err);
		if (code)
			return code;
	}
	return ERR_OK;
}

const char *request_who(const struct request *r)
{
	return r->conn ? r->conn->who : "local";
}

static enum err_code check_permission(const struct request *r, struct err *err)
{
	if (r->route->perm == PERM_NONE || (r->conn && r->conn->own))
		return ERR_OK;
	return err_set(err, ERR_FORBIDDEN,
	               _("this engine answers only to the user that it runs as"));
}

static enum err_code admit(struct request *r, const char *method, struct err *err)
{
	enum err_code code = check_headers(r, err);
	if (!code)
		code = route_find(method, &r->target, &r->route, r->args, &r->allow, err);
	if (code && r->allow)
		r->status = 405;
	if (!code)
		code = check_permission(r, err);
	if (!code)
		code = check_query(r, err);
	if (!code)
		code = check_length(r, err);
	return code || !r->route->upload ? code : upload_begin(r, err);
}

/* ---- the body and the call ---- */

/* Take what came of the body. Too much is read to its end all the same, so that the client sees the
 * answer; but not without end. */
static enum MHD_Result take_body(struct request *r, const char *bytes, size_t *len)
{
	size_t n = *len;
	*len = 0;
	if (r->phase == REQUEST_READY) {
		r->discarded += n;
		return r->discarded > 2 * (size_t)BATCH_MAX ? MHD_NO : MHD_YES;
	}
	if (r->upload) {
		*len = n;
		return upload_take(r, bytes, len);
	}
	if (r->body.len + n > r->route->body_max) {
		struct err err;
		str_done(&r->body);
		r->close = true;
		request_finish(r,
		               err_set(&err, ERR_TOO_LARGE, _("the body is larger than %zu bytes"),
		                       r->route->body_max),
		               &err);
		return MHD_YES;
	}
	str_add_len(&r->body, bytes, n);
	return MHD_YES;
}

static enum err_code parse_body(struct request *r, struct err *err)
{
	if (!r->body.len)
		return ERR_OK;
	enum err_code code = json_parse(r->body.p, r->body.len, r->route->body_max, &r->json, err);
	if (code)
		return code;
	if (json_type(r->json) != JSON_OBJECT)
		return err_set(err, ERR_USAGE, _("the body is not a JSON object"));
	return body_check(r->json, r->route->fields, err);
}

static void call(struct request *r)
{
	struct err err = { .code = ERR_OK };
	if (r->phase == REQUEST_READING)
		r->phase = REQUEST_NEW;
	if (str_eq(r->route->method, "GET"))
		engine_settle(r->api->engine);
	locale_t before = uselocale(r->language);
	enum err_code code = r->route->handle(r, &err);
	(void)uselocale(before);
	if (code || r->phase == REQUEST_NEW)
		request_finish(r, code, &err);
}

void request_again(struct request *r)
{
	r->phase = REQUEST_READING;
	call(r);
}

static enum err_code parse_in_pool(struct job *j, struct err *err)
{
	return parse_body(j->request, err);
}

static void parsed_in_pool(struct job *j)
{
	struct request *r = j->request;
	if (j->code) {
		request_finish(r, j->code, &j->err);
		return;
	}
	request_again(r);
}

static void free_job(struct job *j)
{
	free(j);
}

static void ask(struct request *r)
{
	if (r->conn)
		conn_phase(r->conn, CONN_BUSY);
	if (r->body.len > POOL_PARSE_MIN) {
		struct job *j = xcalloc(1, sizeof(*j));
		j->request = r;
		j->run = parse_in_pool;
		j->done = parsed_in_pool;
		j->free = free_job;
		job_start(r->api, j);
		return;
	}
	struct err err = { .code = ERR_OK };
	locale_t before = uselocale(r->language);
	enum err_code code = parse_body(r, &err);
	(void)uselocale(before);
	if (code)
		request_finish(r, code, &err);
	else
		call(r);
}

static enum MHD_Result first_call(struct request *r, const char *method)
{
	struct err err = { .code = ERR_OK };
	bool refused = r->target_code != ERR_OK;
	r->target_code = ERR_OK;
	if (!refused) {
		r->language = language_find(MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Accept-Language"));
		locale_t before = uselocale(r->language);
		enum err_code code = admit(r, method, &err);
		(void)uselocale(before);
		if (code)
			request_finish(r, code, &err);
		else
			r->phase = REQUEST_READING;
		refused = code != ERR_OK;
	}
	/* One that asks before it sends gets the answer instead. */
	if (refused &&
	    (r->close || MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Expect"))) {
		r->close = true;
		return send_answer(r);
	}
	return MHD_YES;
}

enum MHD_Result request_access(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_len, void **context)
{
	struct request *r = *context;
	(void)cls;
	(void)mhd;
	(void)url;
	(void)version;
	if (r->phase == REQUEST_NEW || r->target_code)
		return first_call(r, method);
	if (*upload_len)
		return take_body(r, upload, upload_len);
	if (r->phase == REQUEST_READING)
		ask(r);
	if (r->phase == REQUEST_READY)
		return send_answer(r);
	if (r->phase != REQUEST_ASKED)
		return MHD_NO;
	r->suspended = true;
	MHD_suspend_connection(mhd);
	return MHD_YES;
}
