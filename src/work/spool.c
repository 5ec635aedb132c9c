/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What workers that died have left in home/spool: their folders ("w<pid>") and half-written records
 * ("<token>.exit.<pid>.tmp"). Exit records themselves stay until the engine has taken them. */
#include "work/proto.h"

#include "base/fs.h"
#include "work/cgroup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* The pid that a name in the spool speaks of, 0 if it is none of ours. */
static pid_t pid_of(const char *name)
{
	const char *digits = NULL;
	size_t len = strlen(name);
	if (name[0] == 'w')
		digits = name + 1;
	else if (len > 4 && str_eq(name + len - 4, ".tmp") && strstr(name, ".exit."))
		digits = strstr(name, ".exit.") + 6;
	if (!digits || !isdigit((unsigned char)*digits))
		return 0;
	char *end;
	long pid = strtol(digits, &end, 10);
	return (*end == '\0' || str_eq(end, ".tmp")) && pid > 0 ? (pid_t)pid : 0;
}

void spool_sweep(const char *home)
{
	auto_free char *spool = xasprintf("%s/spool", home);
	DIR *dir = opendir(spool);
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		pid_t pid = pid_of(e->d_name);
		if (pid == 0 || kill(pid, 0) == 0 || errno != ESRCH)
			continue;
		auto_free char *path = xasprintf("%s/%s", spool, e->d_name);
		auto_free char *link = xasprintf("%s/cgroup", path);
		if (cgroup_sweep(link, pid))
			(void)!fs_rmtree(path, NULL); /* the next sweep tries again */
	}
	(void)closedir(dir);
}
