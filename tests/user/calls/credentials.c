/* SPDX-License-Identifier: MIT */
/* credentials.c - users, groups, capabilities: who may become whom, and what is lost on the way. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#define CAP_KILL   5
#define CAP_SETUID 7

static void show(void)
{
	uid_t r, e, s;

	Q(getresuid, &r, &e, &s);
	say("  uid %d %d %d", (int)r, (int)e, (int)s);
	Q(getresgid, &r, &e, &s);
	say("  gid %d %d %d", (int)r, (int)e, (int)s);
}

/* A set of /proc/self/status. A container's root may lack some: what it has is all there is. */
static unsigned long capability_set(const char *key)
{
	char text[4096], *line;

	get_file("/proc/self/status", text, sizeof(text));
	line = strstr(text, key);
	return line ? strtoul(line + 7, NULL, 16) : ~0ul;
}

static void status(const char *key)
{
	static unsigned long all;
	unsigned long set = capability_set(key);

	if (!all)
		all = capability_set("CapBnd");
	say("  %s %s", key, set == all ? "all" : set ? "some" : "none");
}

static int as_root(void *arg)
{
	(void)arg;
	X(setuid, 100);
	show();
	X(setuid, 0);
	X(setuid, 100);
	X(setuid, 101);
	X(setreuid, -1, 101);
	X(setresuid, -1, -1, 101);
	X(setresuid, -1, -1, -1);
	return 0;
}

static int effective(void *arg)
{
	(void)arg;
	X(setreuid, 200, 300);
	show();
	X(setreuid, 300, 200);
	show();
	X(setreuid, -1, 300);
	show();
	X(setreuid, 0, -1);
	X(setuid, 200);
	show();
	return 0;
}

static int saved(void *arg)
{
	(void)arg;
	X(setresuid, 1, 2, 3);
	show();
	X(setresuid, 3, 1, 2);
	show();
	X(setresuid, 4, -1, -1);
	X(setuid, 2);
	show();
	X(setuid, 9);
	X(setresuid, -1, 0, -1);
	return 0;
}

static int through_saved(void *arg)
{
	(void)arg;
	X(setresuid, -1, 500, 0);
	show();
	X(getuid);
	X(geteuid);
	X(open, "mine", O_RDONLY);
	X(setresuid, -1, 0, -1);
	show();
	OK(open, "mine", O_RDONLY);
	return 0;
}

static void users(void)
{
	put_file("mine", "x", 1);
	Q(chmod, "mine", 0600);
	show();
	in_child(as_root, NULL);
	in_child(effective, NULL);
	in_child(saved, NULL);
	in_child(through_saved, NULL);
	X(getresuid, unmapped(), unmapped(), unmapped());
	X(setuid, -1);
	X(setresuid, -1, -1, -1);
}

static int groups_of_user(void *arg)
{
	gid_t list[70000 / 4];
	static const gid_t more[4] = { 7, 5, 6, 7 };

	(void)arg;
	X(getgroups, 0, NULL);
	X(setgroups, 4, more);
	X(getgroups, 0, NULL);
	X(getgroups, 3, list);
	X(getgroups, -1, list);
	X(getgroups, 4, list);
	say("%d %d %d %d", (int)list[0], (int)list[1], (int)list[2], (int)list[3]);
	X(getgroups, 10, unmapped());
	X(setgroups, 2, unmapped());
	X(setgroups, 65537, list);
	X(setgroups, -1, list);
	put_file("g", "x", 1);
	Q(chown, "g", 1, 6);
	Q(chmod, "g", 0060);
	X(setresgid, 10, 20, 30);
	show();
	X(setgid, 40);
	show();
	X(setregid, 11, 12);
	show();
	X(setresuid, 100, 100, 100);
	OK(open, "g", O_RDWR);
	X(setgroups, 0, NULL);
	X(setgid, 11);
	X(setgid, 77);
	X(setregid, 12, 12);
	X(setregid, 13, -1);
	X(setresgid, -1, 99, -1);
	show();
	return 0;
}

static void groups(void)
{
	in_child(groups_of_user, NULL);
}

static int losing(void *arg)
{
	(void)arg;
	status("CapEff");
	status("CapPrm");
	status("CapInh");
	X(setresuid, -1, 1000, -1);
	status("CapEff");
	status("CapPrm");
	X(setresuid, -1, 0, -1);
	status("CapEff");
	X(setresuid, 1000, 1000, 1000);
	status("CapEff");
	status("CapPrm");
	return 0;
}

static int keeping(void *arg)
{
	(void)arg;
	X(prctl, PR_SET_KEEPCAPS, 2, 0, 0, 0);
	X(prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
	X(prctl, PR_GET_KEEPCAPS, 0, 0, 0, 0);
	Q(setresuid, 1000, 1000, 1000);
	status("CapEff");
	IS(Q(prctl, PR_GET_KEEPCAPS, 0, 0, 0, 0) == 1);
	return 0;
}

static int bounding(void *arg)
{
	(void)arg;
	X(prctl, PR_CAPBSET_READ, CAP_KILL, 0, 0, 0);
	X(prctl, PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0);
	X(prctl, PR_CAPBSET_READ, CAP_KILL, 0, 0, 0);
	X(prctl, PR_CAPBSET_READ, 64, 0, 0, 0);
	X(prctl, PR_CAPBSET_DROP, 64, 0, 0, 0);
	Q(setresuid, 1000, 1000, 1000);
	X(prctl, PR_CAPBSET_DROP, CAP_SETUID, 0, 0, 0);
	return 0;
}

static int by_group(void *arg)
{
	(void)arg;
	X(prctl, PR_SET_SECUREBITS, 0x10000, 0, 0, 0);
	X(prctl, PR_GET_SECUREBITS, 0, 0, 0, 0);
	X(prctl, PR_SET_SECUREBITS, 4, 0, 0, 0);
	X(prctl, PR_GET_SECUREBITS, 0, 0, 0, 0);
	/* SECBIT_NO_SETUID_FIXUP: the ids change, the capabilities stay. */
	Q(setresuid, 1000, 1000, 1000);
	status("CapEff");
	return 0;
}

static void capabilities(void)
{
	in_child(losing, NULL);
	in_child(keeping, NULL);
	in_child(bounding, NULL);
	in_child(by_group, NULL);
}

static int dumpable(void *arg)
{
	(void)arg;
	X(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
	X(prctl, PR_SET_DUMPABLE, 2, 0, 0, 0);
	X(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	X(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
	X(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
	Q(setresuid, -1, 1000, -1);
	X(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

static void dumping(void)
{
	in_child(dumpable, NULL);
}

static int needs_root(void *arg)
{
	(void)arg;
	Q(setresuid, 1000, 1000, 1000);
	X(chroot, "/");
	X(sethostname, "x", 1);
	X(setpriority, 0, 0, -5);
	X(reboot, 0xfee1dead, 672274793, 0x4321fedc, 0);
	X(mount, "none", "/tmp", "tmpfs", 0, 0);
	X(umount2, "/tmp", 0);
	X(mknod, "/tmp/c", S_IFCHR | 0600, 0x103);
	X(syslog, 5, NULL, 0);
	X(open, "/dev/console", O_RDONLY);
	X(open, "/proc/1/environ", O_RDONLY);
	X(readlink, "/proc/1/exe", (char[64]){ 0 }, 64);
	return 0;
}

static void refusals(void)
{
	in_child(needs_root, NULL);
}

static const struct test tests[] = {
	T(users), T(groups), T(capabilities), T(dumping), T(refusals),
};
MAIN("credentials", tests)
