/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections: whose they are, and when they have had time enough. The server library never cuts a
 * client that sends a byte now and then, so the deadlines are ours: a request has to be there in
 * whole within `request_time`. */
#include "api/api_internal.h"

#include "base/clock.h"

#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MS (300 * 1000) /* between requests */

static void unlink_conn(struct conn *c)
{
	struct conn_list *l = &c->api->conns[c->phase];
	if (c->previous)
		c->previous->next = c->next;
	else
		l->first = c->next;
	if (c->next)
		c->next->previous = c->previous;
	else
		l->last = c->previous;
	c->next = c->previous = NULL;
}

/* All of a list have the same time to live, so the end is where the newest belongs. */
static void link_conn(struct conn *c, enum conn_phase phase)
{
	struct conn_list *l = &c->api->conns[phase];
	c->phase = phase;
	c->previous = l->last;
	c->next = NULL;
	if (l->last)
		l->last->next = c;
	else
		l->first = c;
	l->last = c;
}

static void arm(struct api *a, int64_t now)
{
	int64_t at = -1;
	for (int i = CONN_IDLE; i < CONN_BUSY; i++) {
		const struct conn *c = a->conns[i].first;
		if (c && (at < 0 || c->deadline_ms < at))
			at = c->deadline_ms;
	}
	if (at >= 0 && !a->closed && !a->stopping)
		(void)uv_timer_start(&a->deadline, conn_cut_late, (uint64_t)MAX(at - now, 1), 0);
}

void conn_phase(struct conn *c, enum conn_phase phase)
{
	int64_t now = clock_boot_ms(), read_ms = c->api->config->request_ms;
	unlink_conn(c);
	c->deadline_ms = now + (phase == CONN_READING ? read_ms : IDLE_MS);
	link_conn(c, phase);
	/* A timer that is set for later is looked at then: only an earlier need moves it. */
	if (phase == CONN_READING && (!uv_is_active((uv_handle_t *)&c->api->deadline) ||
	                              uv_timer_get_due_in(&c->api->deadline) > (uint64_t)read_ms))
		arm(c->api, now);
}

/* The deadline's timer: end the connections that are late. The library then sees their end. */
void conn_cut_late(uv_timer_t *timer)
{
	struct api *a = timer->data;
	int64_t now = clock_boot_ms();
	for (struct conn *c = a->conns[CONN_BUSY].first; a->stopping && c; c = c->next)
		(void)shutdown(c->fd, SHUT_RDWR);
	for (int i = CONN_IDLE; i < CONN_BUSY; i++) {
		struct conn *c;
		while ((c = a->conns[i].first) && c->deadline_ms <= now) {
			(void)shutdown(c->fd, SHUT_RDWR); /* it may be gone already */
			unlink_conn(c);
			link_conn(c, CONN_BUSY);
		}
	}
	arm(a, now);
}

/* Who is at the other end says the kernel, whatever a request says. */
static void look_at_peer(struct conn *c)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	bool known = getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0;
	c->own = known && (peer.uid == geteuid() || peer.uid == 0);
	c->who = !known ? "?" : peer.uid == geteuid() ? c->api->user : peer.uid == 0 ? "root" : "another user";
}

void conn_notify(void *cls, struct MHD_Connection *mhd, void **context,
                 enum MHD_ConnectionNotificationCode code)
{
	struct api *a = cls;
	struct conn *c = *context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (c)
			unlink_conn(c);
		free(c);
		*context = NULL;
		return;
	}
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (!info)
		return;
	c = xcalloc(1, sizeof(*c));
	c->api = a;
	c->fd = info->connect_fd;
	look_at_peer(c);
	link_conn(c, CONN_BUSY);
	conn_phase(c, CONN_READING);
	*context = c;
}
