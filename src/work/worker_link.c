/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The socket to the engine. While no engine answers, the step goes on; its result is left as an exit
 * record, and told again to the next engine, which takes whichever it sees first. */
#include "work/worker.h"

#include "base/clock.h"
#include "base/fs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RETRY_FIRST_US (50 * MS)
#define RETRY_LAST_US (1000 * MS)
#define LONELY_US (10000 * MS) /* a worker leaves that nobody answers for so long: when idle, or when there is no home left to tell */
#define RECORD_RETRY_US (1000 * MS)

/* ---- exit records ---- */

static void record_result(struct worker *w)
{
	struct err err;
	w->record_us = NEVER;
	if (exit_record_write(w->home, &w->result.r, &err) == ERR_OK)
		w->result_recorded = true;
	else
		w->record_us = clock_mono_us() + RECORD_RETRY_US; /* a full disk gets room some day */
}

/* The engine has it, or does not want it. */
static void drop_result(struct worker *w)
{
	if (w->result_recorded) {
		auto_free char *path = xasprintf("%s/spool/%" PRId64 ".exit", w->home, w->result.r.key.token);
		(void)unlink(path); /* the engine may have taken it already */
	}
	result_done(&w->result);
	w->result_wanted = w->result_sent = w->result_recorded = false;
	w->record_us = NEVER;
	w->phase = WORKER_IDLE;
	w->lonely_us = clock_mono_us();
}

/* ---- the connection ---- */

static void lost(struct worker *w)
{
	int64_t now_us = clock_mono_us();
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = -1;
	w->lonely_us = now_us;
	w->connect_us = now_us + RETRY_FIRST_US;
	w->result_sent = w->result_wanted = false;
	if (w->phase == WORKER_DONE && !w->result_recorded)
		record_result(w);
}

static enum err_code deliver(struct worker *w, const struct proto_message *m)
{
	if (w->fd < 0)
		return ERR_UNAVAILABLE;
	enum err_code code = proto_send(w->fd, m, NULL);
	if (code == ERR_IO && (errno == EAGAIN || errno == ENOBUFS))
		return ERR_TIMEOUT;
	if (code)
		lost(w);
	return code;
}

void link_send(struct worker *w, const struct proto_message *m)
{
	(void)deliver(w, m); /* what is sent so is told again at the next hello */
}

void link_send_result(struct worker *w)
{
	w->result_wanted = true;
	struct proto_message m = { .type = MSG_RESULT, .key = w->result.r.key, .result = w->result.r };
	w->result_sent = deliver(w, &m) == ERR_OK;
}

void link_result(struct worker *w)
{
	struct kept_result *kept = &w->result;
	kept->r.outputs = kept->outputs.p;
	kept->r.outputs_len = kept->outputs.len;
	kept->r.message = kept->message.p;
	kept->r.tail = kept->tail;
	w->lonely_us = clock_mono_us();
	if (w->fd < 0)
		record_result(w);
	else
		link_send_result(w);
}

void link_hello(struct worker *w)
{
	struct proto_message m = { .type = MSG_HELLO };
	m.hello = (struct worker_hello){ .version = PROTO_VERSION,
					 .pid = getpid(),
					 .start_time = w->self_start,
					 .boot_id = clock_boot_id(),
					 .program = PACKAGE_VERSION,
					 .phase = w->phase };
	if (w->phase == WORKER_BUSY) {
		m.hello.key = w->step.start.spec.key;
		m.hello.child_pid = w->step.pid;
		m.hello.child_start = w->step.start_time;
		m.hello.frozen = w->step.frozen;
	} else if (w->phase == WORKER_DONE) {
		m.hello.key = w->result.r.key;
	}
	link_send(w, &m);
}

void link_connect(struct worker *w, int64_t now_us)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "%s/worker.sock", w->home);
	bool fits = n > 0 && (size_t)n < sizeof(to.sun_path);
	w->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd >= 0 && fits && connect(w->fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		w->connect_us = NEVER;
		link_hello(w);
		return;
	}
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = -1;
	bool early = now_us - w->lonely_us < LONELY_US;
	w->connect_us = now_us + (early ? RETRY_FIRST_US : RETRY_LAST_US);
}

/* ---- messages ---- */

static bool same_step(const struct worker *w, const struct step_key *key)
{
	return (w->phase == WORKER_BUSY && w->step.start.spec.key.token == key->token) ||
	       (w->phase == WORKER_DONE && w->result.r.key.token == key->token);
}

/* The engine's answer to a hello that named a step. */
static void welcome(struct worker *w, const struct proto_message *m)
{
	if (!same_step(w, &m->key))
		return;
	if (m->keep && w->phase == WORKER_DONE && !w->result_sent)
		link_send_result(w);
	else if (!m->keep && w->phase == WORKER_DONE)
		drop_result(w);
	else if (!m->keep)
		step_forget(w);
}

static void refuse_start(struct worker *w, const struct proto_message *m)
{
	struct proto_message answer = { .type = MSG_RESULT, .key = m->spec.key };
	answer.result = (struct step_result){ .key = m->spec.key, .class = CLASS_SYSTEM, .exit_code = -1,
					      .message = _("the worker has another step") };
	link_send(w, &answer);
}

static void start(struct worker *w, struct proto_message *m)
{
	if (w->phase == WORKER_DONE) /* a START acknowledges */
		drop_result(w);
	if (w->phase == WORKER_BUSY)
		refuse_start(w, m);
	else
		step_start(w, m);
}

void link_receive(struct worker *w)
{
	struct proto_message m;
	enum err_code code = proto_recv(w->fd, &m, NULL);
	if (code == ERR_TIMEOUT)
		return;
	if (code == ERR_UNAVAILABLE) {
		lost(w);
		return;
	}
	if (code) /* from an engine that this worker does not understand */
		return;
	switch ((int)m.type) { /* messages that are not known are ignored */
	case MSG_WELCOME:
		welcome(w, &m);
		break;
	case MSG_START:
		start(w, &m);
		break;
	case MSG_ACK:
		if (w->phase == WORKER_DONE && same_step(w, &m.key))
			drop_result(w);
		break;
	case MSG_SIGNAL:
		if (w->phase == WORKER_BUSY && same_step(w, &m.key))
			step_signal(w, m.signal, m.grace_ms);
		break;
	case MSG_STOP:
		w->leaving = true;
		break;
	}
	proto_done(&m);
}

void link_tick(struct worker *w, int64_t now_us)
{
	if (w->fd < 0 && w->connect_us <= now_us)
		link_connect(w, now_us);
	if (w->phase == WORKER_DONE && w->fd < 0 && !w->result_recorded && w->record_us <= now_us)
		record_result(w);
	if (w->fd < 0 && w->lonely_us + LONELY_US <= now_us &&
	    (w->phase == WORKER_IDLE || (w->phase == WORKER_DONE && (w->result_recorded || !fs_exists(w->home)))))
		w->done = true;
	if (w->leaving && w->phase == WORKER_IDLE)
		w->done = true;
}

int64_t link_due_us(const struct worker *w)
{
	if (w->fd >= 0)
		return NEVER;
	int64_t due = MIN(w->connect_us, w->phase == WORKER_DONE && !w->result_recorded ? w->record_us : NEVER);
	return w->phase == WORKER_BUSY ? due : MIN(due, w->lonely_us + LONELY_US);
}
