/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl doctor: what is wrong with the surroundings. Needs no engine and changes nothing. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum finding { FINE, WARN, BAD };

struct doctor {
	struct cli *cli;
	struct jw json;
	struct str out;
	int bad, warnings;
};

static PRINTF_LIKE(5, 6) void found(struct doctor *d, enum finding f, const char *name,
                                    const char *advice, const char *fmt, ...)
{
	/* clang-format off */
	static const struct { const char *word, *state; } kinds[] = {
		[FINE] = { "ok", "succeeded" }, [WARN] = { "warning", "retrying" }, [BAD] = { "bad", "failed" },
	};
	/* clang-format on */
	auto_str text = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	d->bad += f == BAD;
	d->warnings += f == WARN;
	struct cli *cli = d->cli;
	if (cli->json) {
		jw_obj(&d->json, NULL);
		jw_str(&d->json, "name", name);
		jw_str(&d->json, "finding", kinds[f].word);
		jw_str(&d->json, "message", str_text(&text));
		jw_str(&d->json, "advice", f == FINE ? NULL : advice);
		jw_end_obj(&d->json);
		return;
	}
	if (f == FINE && cli->quiet)
		return;
	str_addf(&d->out, "%s%s%s %-10s ", style_on(cli, state_style(kinds[f].state)),
	         mark(cli, kinds[f].state), style_off(cli), name);
	add_safe(&d->out, str_text(&text));
	str_add_char(&d->out, '\n');
	if (f != FINE && advice) {
		str_addf(&d->out, "%13s%s", "", cli->utf8 ? "→ " : "-> ");
		str_add(&d->out, advice);
		str_add_char(&d->out, '\n');
	}
}

/* ---- the home ---- */

/* The nearest folder of the path that is there already. */
static char *standing(const char *path)
{
	char *p = xstrdup(path);
	for (char *slash; access(p, F_OK) && (slash = strrchr(p, '/')) && slash != p;)
		*slash = '\0';
	return p;
}

static void check_home(struct doctor *d)
{
	struct err err = { .code = ERR_OK };
	if (cli_home(d->cli, false, &err)) {
		found(d, BAD, "home", _("choose another with --home or PAWL_HOME"), "%s",
		      err.message);
		return;
	}
	const char *home = d->cli->home;
	struct stat st;
	if (stat(home, &st)) {
		found(d, FINE, "home", NULL, _("%s will be made"), home);
		return;
	}
	if (st.st_uid != getuid())
		found(d, BAD, "home", _("use a folder of your own"), _("%s belongs to user %u"),
		      home, (unsigned int)st.st_uid);
	else if (st.st_mode & 077)
		found(d, WARN, "home", _("close it: chmod 700"),
		      _("%s is open to others (mode %03o)"), home, (unsigned int)st.st_mode & 0777);
	else
		found(d, FINE, "home", NULL, "%s", home);
}

static void check_disk(struct doctor *d)
{
	if (!d->cli->home)
		return;
	auto_free char *place = standing(d->cli->home);
	const char *network = fs_network_kind(place);
	if (network)
		found(d, BAD, "disk",
		      _("put the home on a local disk: the database must not live on a network "
		        "file system"),
		      _("%s is on a network file system (%s)"), place, network);
	struct statvfs v;
	if (statvfs(place, &v)) {
		found(d, BAD, "disk", NULL, "%s: %s", place, strerror(errno));
		return;
	}
	unsigned long long mib = (unsigned long long)v.f_bavail * v.f_frsize / MIB;
	bool few_files = v.f_files && v.f_favail < 1000;
	if (v.f_flag & ST_RDONLY)
		found(d, BAD, "disk", _("mount it for writing, or choose another home"),
		      _("%s is read-only"), place);
	else if (mib < 100 || few_files)
		found(d, mib < 20 ? BAD : WARN, "disk",
		      _("make room: the engine stops taking orders when a write fails"),
		      _("%llu MiB and %llu files are left at %s"), mib,
		      (unsigned long long)v.f_favail, place);
	else if (!network)
		found(d, FINE, "disk", NULL, _("%llu MiB are free at %s"), mib, place);
}

/* ---- programs ---- */

static bool on_path(const char *name)
{
	const char *path = getenv("PATH");
	auto_free char *all = xstrdup(path && path[0] ? path : "/usr/local/bin:/usr/bin:/bin");
	for (char *save = NULL, *dir = strtok_r(all, ":", &save); dir;
	     dir = strtok_r(NULL, ":", &save)) {
		auto_free char *file = xasprintf("%s/%s", dir, name);
		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

static void check_programs(struct doctor *d)
{
	/* clang-format off */
	static const struct { const char *name; enum finding without; const char *use; } programs[] = {
		{ "sh",      BAD,  N_("steps are run with it") },
		{ "git",     WARN, N_("workspaces in git repositories and snapshots need it") },
		{ "bash",    WARN, N_("steps with shell: bash need it") },
		{ "python3", WARN, N_("steps with shell: python3 need it") },
	};
	static const char *const own[] = { "pawld", "pawl-worker", "pawl-flow" };
	/* clang-format on */
	int before = d->bad + d->warnings;
	for (size_t i = 0; i < COUNT(programs); i++) {
		if (on_path(programs[i].name))
			continue;
		found(d, programs[i].without, "programs",
		      _("install it, or add its folder to PATH"), _("%s is missing: %s"),
		      programs[i].name, _(programs[i].use));
	}
	for (size_t i = 0; i < COUNT(own); i++) {
		auto_free char *path = NULL;
		struct err err;
		if (cli_program(own[i], &path, &err))
			found(d, BAD, "programs", _("install pawl again"), "%s", err.message);
	}
	if (d->bad + d->warnings == before)
		found(d, FINE, "programs", NULL, _("all are there"));
}

/* ---- kernel and limits ---- */

static void check_kernel(struct doctor *d)
{
	struct utsname u;
	int major = 0, minor = 0;
	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2) {
		found(d, WARN, "kernel", NULL, _("its version cannot be read"));
		return;
	}
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (fd < 0)
		found(d, BAD, "kernel", _("use Linux 5.4 or newer"),
		      _("Linux %s has no pidfd_open"), u.release);
	else
		found(d, major < 5 || (major == 5 && minor < 4) ? WARN : FINE, "kernel",
		      _("use Linux 5.4 or newer"), "%s %s", u.sysname, u.release);
	if (fd >= 0)
		(void)close(fd);
	if (access("/proc/self/stat", R_OK))
		found(d, BAD, "kernel",
		      _("mount /proc: processes are followed and ended through it"),
		      _("/proc is not there"));
}

static void check_cgroup(struct doctor *d)
{
	if (access("/sys/fs/cgroup/cgroup.controllers", R_OK)) {
		found(d, FINE, "cgroup", NULL,
		      _("no unified hierarchy; process trees are ended by search instead"));
		return;
	}
	auto_free char *text = NULL;
	size_t len;
	if (fs_read("/proc/self/cgroup", 4096, &text, &len, NULL))
		return;
	char *own = strstr(text, "0::");
	if (!own)
		return;
	own[strcspn(own, "\n")] = '\0';
	auto_free char *folder = xasprintf("/sys/fs/cgroup%s", own + 3);
	found(d, FINE, "cgroup", NULL,
	      access(folder, W_OK) == 0
	          ? _("%s is delegated to us")
	          : _("%s is not delegated; process trees are ended by search"),
	      own + 3);
}

static void check_limits(struct doctor *d)
{
	struct rlimit files, processes;
	if (getrlimit(RLIMIT_NOFILE, &files) || getrlimit(RLIMIT_NPROC, &processes))
		return;
	if (files.rlim_max < 1024)
		found(d, WARN, "limits", _("raise it: ulimit -n 4096"),
		      _("only %llu open files are allowed"), (unsigned long long)files.rlim_max);
	if (processes.rlim_cur != RLIM_INFINITY && processes.rlim_cur < 256)
		found(d, WARN, "limits", _("raise it: ulimit -u 2048"),
		      _("only %llu processes are allowed"), (unsigned long long)processes.rlim_cur);
	struct rlimit size;
	if (getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur != RLIM_INFINITY)
		found(d, WARN, "limits", _("lift it: ulimit -f unlimited"),
		      _("files may have %llu bytes at most: logs will be cut"),
		      (unsigned long long)size.rlim_cur);
	found(d, FINE, "limits", NULL, _("%llu open files"), (unsigned long long)files.rlim_max);
}

/* What hardening took away from this process, which the engine would inherit. */
static void check_sandbox(struct doctor *d)
{
	auto_free char *text = NULL;
	size_t len;
	if (fs_read("/proc/self/status", 64 * KIB, &text, &len, NULL))
		return;
	char *privileges = strstr(text, "NoNewPrivs:\t1"), *filter = strstr(text, "\nSeccomp:\t2");
	if (privileges || filter)
		found(d, WARN, "sandbox",
		      _("steps inherit it: sudo and the like will not work in them"),
		      _("this process is confined (%s%s%s)"), privileges ? "no_new_privs" : "",
		      privileges && filter ? ", " : "", filter ? "seccomp" : "");
	else
		found(d, FINE, "sandbox", NULL, _("none"));
	struct stat st;
	if (stat("/tmp", &st) || access("/tmp", W_OK))
		found(d, WARN, "sandbox", _("many programs need it"), _("/tmp cannot be written"));
}

/* systemd can be told to end all processes of a user who logs out: also an engine. */
static void check_logout(struct doctor *d)
{
	auto_free char *text = NULL;
	size_t len;
	if (fs_read("/etc/systemd/logind.conf", 256 * KIB, &text, &len, NULL))
		return;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (str_starts(line, "KillUserProcesses=") && strpbrk(line + 18, "yYtT1"))
			found(d, WARN, "logout", _("keep the engine: loginctl enable-linger"),
			      _("logind ends a user's processes at logout (KillUserProcesses)"));
}

static void check_time(struct doctor *d)
{
	if (clock_wall_ms() < INT64_C(1700000000000))
		found(d, BAD, "clock", _("set it"),
		      _("the clock is wrong: it says a time before November 2023"));
	else if (!clock_boot_id()[0])
		found(d, WARN, "clock", NULL,
		      _("the kernel tells no boot id: after a crash, steps count as interrupted"));
	else
		found(d, FINE, "clock", NULL, _("set"));
}

/* ---- the engine and the terminal ---- */

static void check_engine(struct doctor *d)
{
	struct cli *cli = d->cli;
	struct err err = { .code = ERR_OK };
	if (!cli->home && !cli->url)
		return;
	enum err_code code = cli_connect(cli, false, &err);
	auto_json *v = NULL;
	if (code == ERR_UNAVAILABLE && !cli->url) {
		found(d, FINE, "engine", NULL, _("none runs; the next command starts one"));
		return;
	}
	code = code ? code : client_call(cli->client, "GET", "/v1/engine", NULL, &v, &err);
	if (code) {
		found(d, BAD, "engine", err.hint[0] ? err.hint : NULL, "%s", err.message);
		return;
	}
	const char *version = json_get_str(v, "version", ""), *state = json_get_str(v, "state", "");
	if (strcmp(version, PACKAGE_VERSION))
		found(d, WARN, "engine", _("let it be replaced: pawl engine stop; steps go on"),
		      _("it is version %s, this program %s"), version, PACKAGE_VERSION);
	if (str_eq(state, "storage"))
		found(d, BAD, "engine", _("make room; it goes on by itself"),
		      _("it cannot write: %s"), json_get_str(v, "reason", ""));
	else
		found(d, FINE, "engine", NULL, _("pid %lld, %s"),
		      (long long)json_get_int(v, "pid", 0), state);
}

static void check_terminal(struct doctor *d)
{
	const char *term = getenv("TERM");
	if (d->cli->any_tty_out && (!term || !term[0] || str_eq(term, "dumb")))
		found(d, WARN, "terminal", _("set TERM; until then use: pawl status --watch"),
		      _("TERM is %s: the console cannot be shown"),
		      term && term[0] ? term : _("not set"));
	else if (!d->cli->utf8)
		found(d, FINE, "terminal", NULL, _("the locale is not UTF-8: drawings are ASCII"));
	else
		found(d, FINE, "terminal", NULL, "%s", term ? term : _("none"));
}

static enum err_code run_doctor(struct call *call, struct err *err)
{
	static void (*const checks[])(
	    struct doctor * d) = { check_home,   check_disk,   check_programs, check_kernel,
		                   check_cgroup, check_limits, check_sandbox,  check_logout,
		                   check_time,   check_engine, check_terminal };
	struct doctor d = { .cli = call->cli, .out = STR_INIT };
	d.json = jw_begin(&d.out);
	if (call->cli->json) {
		jw_obj(&d.json, NULL);
		jw_arr(&d.json, "checks");
	}
	for (size_t i = 0; i < COUNT(checks); i++)
		checks[i](&d);
	if (call->cli->json) {
		jw_end_arr(&d.json);
		jw_bool(&d.json, "ok", d.bad == 0);
		jw_end_obj(&d.json);
		str_add_char(&d.out, '\n');
	}
	out_text(&d.out);
	str_done(&d.out);
	if (d.bad)
		return err_set(err, ERR_UNSUPPORTED,
		               ngettext("%d thing must be mended", "%d things must be mended",
		                        (unsigned long)d.bad),
		               d.bad);
	if (!call->cli->json && !call->cli->quiet)
		(void)printf("%s\n", d.warnings ? _("pawl can work here; mind the warnings")
		                                : _("all is well"));
	return ERR_OK;
}

/* clang-format off */
static const struct cli_example examples[] = {
	{ "pawl doctor", N_("before the first run, and when something is odd; exit status 15 if something must be mended") },
	{ "pawl doctor --home /srv/pawl --json", N_("another home, for programs") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_doctor = {
	.name = "doctor",
	.group = GROUP_ENGINE,
	.arguments = "",
	.help = N_("check the surroundings: disk, programs, kernel, limits"),
	.about = N_("Looks at what pawl stands on: the home and its disk, missing programs, "
	            "kernel, limits, confinement, clock, "
	            "engine and terminal, and says what to do about each thing that is wrong. It "
	            "changes nothing and needs no "
	            "engine."),
	.examples = examples,
	.run = run_doctor,
};
