/* SPDX-License-Identifier: MIT */
/*
 * prompt.c - the word `prompt`: a line at a time is read from the console and obeyed, so that there
 * is somebody to talk to before there is a user land. Input is polled a hundred times a second.
 */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/init.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/lib/string.h"
#include "guest/platform/platform.h"
#include "devices/abi/pc.h"

#define LINE_MAX  128
#define POLL_MS	  10
#define BACKSPACE 0x08
#define DELETE	  0x7f
#define CTRL_U	  0x15
#define RESET_NOW 0x06 /* to the reset control register: a full reset */

static void help(const char *rest);

static void say(const char *rest)
{
	console_printf("%s\n", rest);
}

static void uptime(const char *rest)
{
	(void)rest;
	console_printf("up %lu ms, %u CPU%s\n", clock_ns() / NSEC_PER_MSEC, nr_cpus,
		       nr_cpus == 1 ? "" : "s");
}

static void cmdline(const char *rest)
{
	(void)rest;
	console_printf("%s\n", boot_info.cmdline);
}

static void poweroff(const char *rest)
{
	(void)rest;
	machine_exit(0);
}

static void reboot(const char *rest)
{
	(void)rest;
	local_irq_disable();
	outb(PC_RESET_PORT, RESET_NOW);
	for (;;)
		halt();
}

static void die(const char *rest)
{
	if (*rest)
		crash_demo(rest);
	else
		panic("as you wish");
}

static const struct {
	const char *name;
	void (*run)(const char *rest);
	const char *what;
} words[] = {
	{ "help", help, "this list" },
	{ "echo", say, "the words that follow" },
	{ "uptime", uptime, "time since entry" },
	{ "cmdline", cmdline, "what the loader was told" },
	{ "poweroff", poweroff, "the end, status 0" },
	{ "reboot", reboot, "from the first instruction again" },
	{ "panic", die, "the end, status 99; with a name, as panic=NAME does it" },
};

static void help(const char *rest)
{
	(void)rest;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		console_printf("  %-9s %s\n", words[i].name, words[i].what);
}

static void obey(char *line)
{
	char *rest = strchr(line, ' ');

	if (rest)
		*rest++ = 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].name, line) == 0) {
			words[i].run(rest ? rest : "");
			return;
		}
	}
	if (*line)
		console_printf("%s: no such word; help lists them\n", line);
}

static int next_byte(void)
{
	int c;

	while ((c = uart16550_console_getc()) < 0)
		msleep(POLL_MS);
	return c;
}

/* A line with its echo, edited by backspace and ^U. */
static void read_line(char *line)
{
	size_t n = 0;

	for (;;) {
		int c = next_byte();

		if (c == '\r' || c == '\n')
			break;
		if ((c == BACKSPACE || c == DELETE) && n) {
			n--;
			console_printf("\b \b");
		} else if (c == CTRL_U) {
			for (; n; n--)
				console_printf("\b \b");
		} else if (c >= ' ' && c < DELETE && n < LINE_MAX - 1) {
			line[n++] = (char)c;
			console_printf("%c", c);
		}
	}
	line[n] = 0;
	console_printf("\n");
}

void prompt_run(void)
{
	char line[LINE_MAX];

	console_printf("\nA line, a word: help lists them.\n");
	for (;;) {
		console_printf("parallax> ");
		read_line(line);
		obey(line);
	}
}
