/* SPDX-License-Identifier: MIT */
/*
 * commands_monitor.c - human-monitor-command: a few words of QEMU's human monitor, as text.
 *
 * libvirt's `virsh qemu-monitor-command --hmp` and people's fingers know these.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "vmm/config.h"
#include "vmm/machine.h"
#include "vmm/qmp/qmp_priv.h"

struct reply {
	struct machine *m;
	unsigned cpu;
	const struct qmp_server *server;
	char *buf;
	size_t used, room;
};

static void put(struct reply *r, const char *fmt, ...) printf_like(2, 3);

static void put(struct reply *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->buf + r->used, r->room - r->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		r->used = MIN(r->used + (size_t)n, r->room - 1);
}

static void info_status(struct reply *r)
{
	enum run_state s = machine_state(r->m);

	if (s == RUN_RUNNING || s == RUN_PAUSED)
		put(r, "VM status: %s\r\n", run_state_name(s));
	else
		put(r, "VM status: paused (%s)\r\n", run_state_name(s));
}

static void info_name(struct reply *r)
{
	put(r, "%s\r\n", machine_name(r->m));
}

static void info_version(struct reply *r)
{
	put(r, "%d.%d.%d (%s)\r\n", r->server->major, r->server->minor, r->server->micro,
	    r->server->package);
}

static void info_kvm(struct reply *r)
{
	put(r, "kvm support: enabled\r\n");
}

static void info_cpus(struct reply *r)
{
	for (unsigned i = 0; i < machine_cpus(r->m); i++)
		put(r, "%c CPU #%u: thread_id=%d\r\n", i == r->cpu ? '*' : ' ', i,
		    machine_cpu_tid(r->m, i));
}

static void info_registers(struct reply *r)
{
	char text[2048], *line, *rest = text;

	machine_cpu_registers(r->m, r->cpu, text, sizeof(text));
	put(r, "CPU#%u\r\n", r->cpu);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			put(r, "%s\r\n", line);
}

static void info_memory(struct reply *r)
{
	put(r, "base memory: %lu\r\nplugged memory: 0\r\n", machine_config_of(r->m)->mem.size);
}

static void info_chardev(struct reply *r)
{
	char filename[96];

	for (unsigned i = 0; i < CONFIG_MAX_SERIALS; i++)
		if (machine_serial_filename(r->m, i, filename))
			put(r, "serial%u: filename=%s\r\n", i, filename);
}

static void fail(struct reply *r, const struct error *e)
{
	put(r, "Error: %s\r\n", e->text);
}

static void do_stop(struct reply *r)
{
	machine_pause(r->m);
}

static void do_cont(struct reply *r)
{
	struct error e;

	if (machine_resume(r->m, &e))
		fail(r, &e);
}

static void do_reset(struct reply *r)
{
	struct error e;

	if (machine_reset(r->m, &e))
		fail(r, &e);
}

static void do_powerdown(struct reply *r)
{
	machine_power_button(r->m);
}

static void do_nmi(struct reply *r)
{
	struct error e;

	if (machine_inject_nmi(r->m, &e))
		fail(r, &e);
}

static void do_quit(struct reply *r)
{
	machine_quit(r->m, CAUSE_HOST_QUIT, EXIT_GUEST_OFF);
}

static void do_help(struct reply *r);

static const struct word {
	const char *name; /* two words at most */
	void (*run)(struct reply *r);
	const char *help;
} words[] = {
	{ "info status", info_status, "run state" },
	{ "info name", info_name, "the guest's name" },
	{ "info version", info_version, "versions of the protocol and of the VMM" },
	{ "info kvm", info_kvm, "whether KVM is used" },
	{ "info cpus", info_cpus, "CPUs and their host threads" },
	{ "info registers", info_registers, "registers of the CPU (cpu-index, 0 unless given)" },
	{ "info memory_size_summary", info_memory, "memory in bytes" },
	{ "info chardev", info_chardev, "host ends of the serial ports" },
	{ "stop", do_stop, "pause" },
	{ "cont", do_cont, "go on" },
	{ "system_reset", do_reset, "reset and boot again" },
	{ "system_powerdown", do_powerdown, "press the power button" },
	{ "nmi", do_nmi, "an NMI for every CPU" },
	{ "quit", do_quit, "end the guest" },
	{ "help", do_help, "this list" },
};

static void do_help(struct reply *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		put(r, "%-26s %s\r\n", words[i].name, words[i].help);
}

/* The words of a line with single blanks between them. */
static void squeeze(const char *line, char *out, size_t size)
{
	size_t n = 0;

	while (*line && n + 1 < size) {
		size_t len = strcspn(line, " \t\r\n"), take = MIN(len, size - 1 - n);

		memcpy(out + n, line, take);
		n += take;
		line += len;
		line += strspn(line, " \t\r\n");
		if (*line && n && n + 1 < size)
			out[n++] = ' ';
	}
	out[n] = 0;
}

static int human_monitor(struct qmp_call *call)
{
	struct reply r = { .m = call->machine, .server = call->server, .room = 32 * KiB };
	s64 cpu = qmp_arg_int(call, "cpu-index", 0);
	char line[64];
	size_t i = 0;

	if (cpu < 0 || cpu >= (s64)machine_cpus(call->machine))
		return qmp_fail(call, QMP_GENERIC, "Parameter 'cpu-index' expects a CPU number");
	r.cpu = (unsigned)cpu;
	r.buf = malloc(r.room);
	if (!r.buf)
		return qmp_fail(call, QMP_GENERIC, "out of memory");
	r.buf[0] = 0;
	squeeze(qmp_arg_str(call, "command-line"), line, sizeof(line));
	while (i < ARRAY_SIZE(words) && strcmp(words[i].name, line))
		i++;
	if (i < ARRAY_SIZE(words))
		words[i].run(&r);
	else
		put(&r, "unknown command: '%s'; `help` lists what there is\r\n", line);
	call->ret = qmp_string(r.buf);
	free(r.buf);
	return 0;
}

static const struct qmp_member monitor_args[] = { { "command-line", "str", false },
						  { "cpu-index", "int", true },
						  { 0 } };

const struct qmp_table qmp_monitor_table = {
	.commands = (const struct qmp_command[]){ { "human-monitor-command", monitor_args, "str",
						    human_monitor, QMP_MACHINE },
						  { 0 } },
};
