/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "work/cgroup.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CGROUP2_MAGIC 0x63677270

/* Where the v2 hierarchy is mounted, from /proc/self/mountinfo: "… MOUNTPOINT … - cgroup2 …". */
static char *mount_point(void)
{
	auto_free char *text = NULL;
	if (fs_read("/proc/self/mountinfo", MIB, &text, NULL, NULL))
		return NULL;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char path[PATH_MAX], root[8];
		if (strstr(line, " - cgroup2 ") &&
		    sscanf(line, "%*s %*s %*s %7s %4095s", root, path) == 2 && str_eq(root, "/"))
			return xstrdup(path);
	}
	return NULL;
}

/* Our own group's folder, NULL if it is the root or there is none. */
static char *own_group(void)
{
	auto_free char *text = NULL, *mount = mount_point();
	if (!mount || fs_read("/proc/self/cgroup", 64 * KIB, &text, NULL, NULL))
		return NULL;
	char *line = str_starts(text, "0::") ? text : strstr(text, "\n0::");
	if (!line)
		return NULL;
	line += *line == '\n' ? 4 : 3;
	line[strcspn(line, "\n")] = '\0';
	return str_eq(line, "/") ? NULL : xasprintf("%s%s", mount, line);
}

static bool is_delegated(const char *path)
{
	char value[4] = "";
	if (getxattr(path, "user.delegate", value, sizeof(value)) > 0 && value[0] == '1')
		return true;
	if (getxattr(path, "trusted.delegate", value, sizeof(value)) > 0 && value[0] == '1')
		return true;
	return geteuid() != 0 && access(path, W_OK) == 0;
}

bool cgroup_make(pid_t pid, char **ret_path, int *ret_fd)
{
	auto_free char *own = own_group();
	if (!own || !is_delegated(own))
		return false;
	auto_free char *path = xasprintf("%s/pawl-w%ld", own, (long)pid);
	if (mkdir(path, 0755) && errno != EEXIST)
		return false;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		(void)rmdir(path);
		return false;
	}
	*ret_path = TAKE(path);
	*ret_fd = fd;
	return true;
}

void cgroup_kill(const char *path)
{
	auto_free char *file = xasprintf("%s/cgroup.kill", path);
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* before Linux 5.14 */
	(void)!write(fd, "1", 1);
	(void)close(fd);
}

bool cgroup_sweep(const char *link, pid_t pid)
{
	char path[PATH_MAX];
	struct statfs fs;
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	if (len <= 0)
		return true;
	path[len] = '\0';
	auto_free char *name = xasprintf("/pawl-w%ld", (long)pid);
	const char *slash = strrchr(path, '/');
	if (!slash || !str_eq(slash, name) || statfs(path, &fs) || (unsigned long)fs.f_type != CGROUP2_MAGIC)
		return true;
	cgroup_kill(path);
	return rmdir(path) == 0 || errno != EBUSY;
}
