/* SPDX-License-Identifier: MIT */
/* defaults.c - what is booted when nothing was asked for: the tiny kernel, with busybox as its userland. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cmd/cmd.h"

/* Command lines with these words are whole: the tiny kernel does that and ends, without a userland. */
static const char *const tasks[] = { "demo", "selftest", "show",   "panic",    "exit",	  "loop",
				     "halt", "fault",	 "prompt", "workload", "noinitrd" };

/* The folder of the running program; e is filled when that is not to be found out. */
static int program_folder(char *dir, size_t size, struct error *e)
{
	ssize_t n = readlink("/proc/self/exe", dir, size - 1);

	if (n < 0)
		return error_sys(e, -errno, "/proc/self/exe");
	dir[n] = 0;
	*strrchr(dir, '/') = 0;
	return 0;
}

static bool is_word_end(char c)
{
	return !c || c == ' ' || c == '=';
}

static bool is_task(const char *append)
{
	for (const char *p = append; *p; p += *p != 0) {
		size_t n = strcspn(p, " ");

		if (n == 2 && !strncmp(p, "--", 2))
			break;
		for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
			size_t len = strlen(tasks[i]);

			if (!strncmp(p, tasks[i], len) && is_word_end(p[len]))
				return true;
		}
		p += n;
	}
	return false;
}

/* The first of two places that has the file, in path; false: neither. */
static bool find(const char *dir, const char *built, const char *installed, char *path, size_t size)
{
	const char *const places[] = { built, installed };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, size, "%s/%s", dir, places[i]);
		if (!access(path, R_OK))
			return true;
	}
	return false;
}

int config_defaults(struct config_builder *b, struct error *e)
{
	char dir[3072];
	int err;

	if (b->cfg.kernel)
		return 0;
	err = program_folder(dir, sizeof(dir), e);
	if (err)
		return err;
	if (!find(dir, "guest/parallax.elf", "../lib/parallax/parallax.elf", b->default_kernel,
		  sizeof(b->default_kernel)))
		return error_set(
			e, -ENOENT,
			"no kernel given, and the tiny kernel is not in %s/guest; `make` builds it",
			dir);
	b->cfg.kernel = b->default_kernel;
	if (!b->cfg.initrd && !is_task(b->cfg.append ? b->cfg.append : "") &&
	    find(dir, "images/busybox.cpio", "../lib/parallax/busybox.cpio", b->default_initrd,
		 sizeof(b->default_initrd)))
		b->cfg.initrd = b->default_initrd;
	return 0;
}
