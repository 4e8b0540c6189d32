/* SPDX-License-Identifier: MIT */
/* machine_gdb.c - a machine under a debugger: hands its parts to vmm/gdb, and takes its orders. */
#include "vmm/gdb/server.h"
#include "vmm/machine_priv.h"

static void kill_machine(void *arg)
{
	machine_end(arg, MACHINE_END_USER, EXIT_GUEST_OFF);
}

static int reset_machine(void *arg, struct error *e)
{
	return machine_reset(arg, e);
}

/* machine_listener */
static void notice(void *arg, enum machine_event event, enum machine_cause cause)
{
	struct machine *m = arg;

	(void)cause;
	if (event == MACHINE_RESET_DONE)
		gdb_x86_was_reset(gdb_server_target(m->gdb));
}

int machine_add_gdb(struct machine *m, struct error *e)
{
	struct gdb_machine gm = {
		.kvm = m->kvm,
		.run_size = m->run_size,
		.vcpu = m->vcpu,
		.nr_vcpus = m->nr_vcpus,
		.mem = m->mem,
		.loop = m->loop,
		.cpuid = m->cpuid,
		.paused = m->cfg->paused,
		.arg = m,
		.kill = kill_machine,
		.reset = reset_machine,
		.crashed = machine_vcpu_ended,
	};

	int err = m->cfg->gdb ? gdb_server_create(m->cfg->gdb, &gm, &m->gdb, e) : 0;

	if (m->gdb) {
		m->gdb_listener = (struct machine_listener){ .notice = notice, .arg = m };
		machine_listen(m, &m->gdb_listener);
	}
	return err;
}

bool machine_debug(void *arg, struct vcpu *v, enum vcpu_end why)
{
	struct machine *m = arg;

	return m->gdb && gdb_x86_exit(gdb_server_target(m->gdb), v, why);
}
