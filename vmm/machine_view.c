/* SPDX-License-Identifier: MIT */
/* machine_view.c - what may be seen of a machine from outside (machine_control.h). */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "vmm/machine_priv.h"
#include "vmm/report.h"

const struct machine_config *machine_config_of(const struct machine *m)
{
	return m->cfg;
}

const char *machine_name(const struct machine *m)
{
	return m->claim.name[0] ? m->claim.name : m->cfg->name;
}

struct loop *machine_loop(struct machine *m)
{
	return m->loop;
}

unsigned machine_cpus(const struct machine *m)
{
	return m->nr_vcpus;
}

int machine_cpu_tid(const struct machine *m, unsigned cpu)
{
	if (cpu >= m->nr_vcpus || !m->vcpu[cpu].started)
		return 0;
	/* The thread says it first of all; whoever asks has just seen it started. */
	while (!atomic_load(&m->vcpu[cpu].tid))
		sched_yield();
	return atomic_load(&m->vcpu[cpu].tid);
}

void machine_cpu_registers(struct machine *m, unsigned cpu, char *buf, size_t size)
{
	buf[0] = 0;
	if (cpu >= m->nr_vcpus)
		return;
	machine_hold(m);
	report_registers(buf, size, &m->vcpu[cpu]);
	machine_go_on(m);
}

const char *machine_serial_filename(const struct machine *m, unsigned port, char buf[96])
{
	const struct serial_backend *s;

	const char *words;

	if (port >= MACHINE_LINES || !m->chardev[port])
		return NULL;
	s = &m->serial[port];
	words = port < CONFIG_MAX_SERIALS ? m->cfg->serial[port]
					  : m->cfg->console[port - CONFIG_MAX_SERIALS];
	if (s->path[0])
		snprintf(buf, 96, "pty:%s", s->path);
	else
		snprintf(buf, 96, "%s", words ? words : "null");
	return buf;
}

struct qmp_server *machine_qmp(struct machine *m)
{
	return m->qmp;
}

void machine_set_disks(struct machine *m, machine_disks_fn fn, void *arg)
{
	m->disks = fn;
	m->disks_arg = arg;
}

size_t machine_disks(const struct machine *m, struct machine_disk *out, size_t max)
{
	memset(out, 0, max * sizeof(*out));
	return m->disks ? m->disks(m->disks_arg, out, max) : 0;
}

const struct machine_balloon *machine_balloon(const struct machine *m)
{
	return m->balloon ? &m->balloon_ops : NULL;
}
