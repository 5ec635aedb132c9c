/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "work/live.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define END ".live"
#define LINE_LEN 63 /* three numbers of 20 columns with what is between them: always written over */

void live_tell(const struct live_counts *c)
{
	const char *output = getenv("PAWL_OUTPUT");
	if (!output || (c->input < 0 && c->output < 0 && c->cost_micro_usd < 0))
		return;
	auto_free char *path = xasprintf("%s" END, output);
	char line[LINE_LEN + 1];
	int n = snprintf(line, sizeof(line), "%20" PRId64 " %20" PRId64 " %20" PRId64 "\n", c->input, c->output, c->cost_micro_usd);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	(void)!pwrite(fd, line, (size_t)n, 0);
	(void)close(fd);
}

bool live_read(const char *output_path, struct live_counts *ret)
{
	auto_free char *path = xasprintf("%s" END, output_path);
	char line[LINE_LEN + 1];
	struct live_counts c;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	ssize_t n = pread(fd, line, LINE_LEN, 0);
	(void)close(fd);
	if (n != LINE_LEN)
		return false;
	line[LINE_LEN] = '\0';
	if (sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNd64, &c.input, &c.output, &c.cost_micro_usd) != 3)
		return false;
	*ret = c;
	return true;
}

void live_remove(const char *output_path)
{
	auto_free char *path = xasprintf("%s" END, output_path);
	(void)unlink(path);
}
