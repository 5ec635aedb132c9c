/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/proc.h"

#include "base/fs.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ENVIRON_MAX (4 * MIB)
#define SCANS_MAX 50 /* against a fork bomb that outruns us */

/* Parse "pid (name) S ppid pgrp session … start"; the name may hold anything, even ") ". */
static bool parse_stat(char *text, struct proc_entry *ret)
{
	char *p = strrchr(text, ')');
	if (!p || !p[1])
		return false;
	ret->pid = (pid_t)strtol(text, NULL, 10);
	ret->state = p[2];
	p += 3;
	for (int field = 4; field <= 22 && p; field++) {
		long long v = strtoll(p, &p, 10);
		if (field == 4)
			ret->parent = (pid_t)v;
		else if (field == 6)
			ret->session = (pid_t)v;
		else if (field == 22)
			ret->start = v;
	}
	return true;
}

static bool read_entry(const char *pid, struct proc_entry *ret)
{
	char path[64], text[1024];
	(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return parse_stat(text, ret);
}

int64_t proc_start_time(pid_t pid)
{
	char text[24];
	struct proc_entry entry;
	(void)snprintf(text, sizeof(text), "%ld", (long)pid);
	return read_entry(text, &entry) ? entry.start : 0;
}

bool proc_alive(pid_t pid, int64_t start)
{
	char text[24];
	struct proc_entry entry;
	(void)snprintf(text, sizeof(text), "%ld", (long)pid);
	return pid > 0 && read_entry(text, &entry) && entry.start == start && entry.state != 'Z' &&
	       entry.state != 'X';
}

static void list_add(struct proc_list *list, const struct proc_entry *entry)
{
	GROW(list->v, list->n, list->cap);
	list->v[list->n++] = *entry;
}

void proc_list_done(struct proc_list *list)
{
	free(list->v);
	*list = (struct proc_list){ 0 };
}

static void list_all(struct proc_list *ret)
{
	*ret = (struct proc_list){ 0 };
	DIR *dir = opendir("/proc");
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		struct proc_entry entry;
		if (isdigit((unsigned char)e->d_name[0]) && read_entry(e->d_name, &entry))
			list_add(ret, &entry);
	}
	(void)closedir(dir);
}

static bool list_has(const struct proc_list *list, pid_t pid)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].pid == pid)
			return true;
	return false;
}

/* Add to `found` every process of `all` whose parent is in it, until no more come. */
static void close_over_children(const struct proc_list *all, struct proc_list *found)
{
	size_t before;
	do {
		before = found->n;
		for (size_t i = 0; i < all->n; i++)
			if (!list_has(found, all->v[i].pid) && list_has(found, all->v[i].parent))
				list_add(found, &all->v[i]);
	} while (found->n != before);
}

void proc_descendants(pid_t root, struct proc_list *ret)
{
	struct proc_list all, found = { 0 };
	list_all(&all);
	list_add(&found, &(struct proc_entry){ .pid = root });
	close_over_children(&all, &found);
	*ret = (struct proc_list){ 0 };
	for (size_t i = 1; i < found.n; i++)
		if (found.v[i].state != 'Z' && found.v[i].state != 'X')
			list_add(ret, &found.v[i]);
	proc_list_done(&found);
	proc_list_done(&all);
}

/* ---- by a mark in the environment ---- */

static bool has_mark(pid_t pid, const char *name, const char *const *values, size_t n)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%ld/environ", (long)pid);
	auto_free char *env = NULL;
	size_t len = 0, name_len = strlen(name);
	if (fs_read(path, ENVIRON_MAX, &env, &len, NULL))
		return false; /* not ours, or gone */
	for (const char *p = env; p < env + len; p += strlen(p) + 1) {
		if (strncmp(p, name, name_len) != 0 || p[name_len] != '=')
			continue;
		for (size_t i = 0; i < n; i++)
			if (str_eq(p + name_len + 1, values[i]))
				return true;
	}
	return false;
}

int proc_signal_marked(const char *name, const char *const *values, size_t n, int signal)
{
	struct proc_list told = { 0 };
	pid_t self = getpid();
	for (int scan = 0; scan < SCANS_MAX; scan++) {
		struct proc_list all, found = { 0 };
		size_t before = told.n;
		list_all(&all);
		for (size_t i = 0; i < all.n; i++)
			if (all.v[i].state != 'Z' && has_mark(all.v[i].pid, name, values, n))
				list_add(&found, &all.v[i]);
		close_over_children(&all, &found);
		for (size_t i = 0; i < found.n; i++) {
			if (found.v[i].pid == self || found.v[i].state == 'Z' ||
			    list_has(&told, found.v[i].pid))
				continue;
			if (kill(found.v[i].pid, signal) == 0)
				list_add(&told, &found.v[i]);
		}
		proc_list_done(&found);
		proc_list_done(&all);
		if (told.n == before)
			break;
	}
	int count = (int)told.n;
	proc_list_done(&told);
	return count;
}
