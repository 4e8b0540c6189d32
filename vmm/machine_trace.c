/* SPDX-License-Identifier: MIT */
/* machine_trace.c - a machine that is watched (cfg->trace): its port, its rings emptied in time, its clock. */
#include <errno.h>

#include "devices/trace_port.h"
#include "vmm/kvm.h"
#include "vmm/machine_priv.h"
#include "vmm/trace.h"

/* A ring of the tiny kernel holds 16384 events, and a busy CPU makes up to a million in a second. */
#define TAKE_EACH_NS 2000000UL

#define MSR_IA32_TSC 0x10

static void read_clock(struct machine *m, const struct vcpu *v)
{
	u64 before = loop_now(), tsc;

	if (!kvm_get_msr(v->fd, MSR_IA32_TSC, &tsc))
		trace_sync(m->cfg->trace, tsc, before + (loop_now() - before) / 2);
}

/* The vCPU whose thread this is. */
static const struct vcpu *own_vcpu(const struct machine *m)
{
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		if (m->vcpu[i].started && pthread_equal(m->vcpu[i].thread, pthread_self()))
			return &m->vcpu[i];
	return &m->vcpu[0];
}

static void announced(void *arg, u64 page)
{
	struct machine *m = arg;

	read_clock(m, own_vcpu(m));
	trace_announce(m->cfg->trace, m->mem, (gpa_t){ page * GUEST_PAGE_SIZE });
}

struct device *machine_add_trace_port(struct machine *m, bool *skip)
{
	*skip = !m->cfg->trace;
	if (*skip)
		return NULL;
	return trace_port_create(
		&m->env, &(struct dev_range){ DEV_PIO, PC_TRACE_PORT, PC_TRACE_LEN }, announced, m);
}

static void take(void *arg)
{
	struct machine *m = arg;

	trace_take(m->cfg->trace);
	loop_timer_arm(m->trace_timer, loop_now() + TAKE_EACH_NS);
}

int machine_trace_start(struct machine *m)
{
	if (!m->cfg->trace)
		return 0;
	m->trace_timer = loop_timer_create(m->loop, take, m);
	if (!m->trace_timer)
		return -ENOMEM;
	loop_timer_arm(m->trace_timer, loop_now() + TAKE_EACH_NS);
	return 0;
}

void machine_trace_end(struct machine *m)
{
	if (!m->cfg->trace)
		return;
	trace_take(m->cfg->trace);
	read_clock(m, &m->vcpu[0]);
}
