/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/savelog.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct saving {
	struct console *c;
	char *path;
};

static char *expand(const char *path)
{
	const char *home = getenv("HOME");
	if (path[0] == '~' && path[1] == '/' && home)
		return xasprintf("%s%s", home, path + 1);
	return xstrdup(path);
}

static void write_bytes(struct console *c, const char *path, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		console_say(c, ROLE_ALARM, _("cannot write %s: %s"), path, strerror(errno));
		return;
	}
	bool good = fs_write_all(fd, bytes, len);
	int error = errno;
	if (close(fd) && good) {
		good = false;
		error = errno;
	}
	if (good)
		console_say(c, ROLE_OK, _("saved %zu bytes as %s"), len, path);
	else
		console_say(c, ROLE_ALARM, _("cannot write %s: %s"), path, strerror(error));
}

static void on_bytes(void *ctx, const struct client_reply *r)
{
	struct saving *s = ctx;
	if (r->status == 200)
		write_bytes(s->c, s->path, r->bytes, r->len);
	else
		console_say(s->c, ROLE_ALARM, _("the log cannot be read: %s"),
			    r->err ? r->err->message : err_name(r->code));
	free(s->path);
	free(s);
}

void savelog_begin(struct console *c, const char *path)
{
	if (!c->log.name.run || !*path) {
		console_say(c, ROLE_DIM, _("nothing was saved"));
		return;
	}
	struct saving *s = xcalloc(1, sizeof(*s));
	auto_str request = STR_INIT;
	s->c = c;
	s->path = expand(path);
	log_path(&c->log.name, "/raw", &request);
	(void)client_send(c->client, "GET", str_text(&request), NULL, on_bytes, s);
	console_say(c, ROLE_DIM, _("saving ..."));
}
