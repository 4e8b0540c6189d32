/* SPDX-License-Identifier: MIT */
/* machine_gdb.c - a machine under a debugger: hands its parts to vmm/gdb, and takes its orders. */
#include "vmm/gdb/server.h"
#include "vmm/machine_priv.h"

static void finish(void *arg, enum gdb_finish how)
{
	machine_end(arg, how == GDB_FINISH_RESET ? MACHINE_END_RESET : MACHINE_END_USER,
		    EXIT_GUEST_OFF);
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
		.finish = finish,
		.crashed = machine_vcpu_ended,
	};

	return m->cfg->gdb ? gdb_server_create(m->cfg->gdb, &gm, &m->gdb, e) : 0;
}

bool machine_debug(void *arg, struct vcpu *v, enum vcpu_end why)
{
	struct machine *m = arg;

	return m->gdb && gdb_x86_exit(gdb_server_target(m->gdb), v, why);
}
