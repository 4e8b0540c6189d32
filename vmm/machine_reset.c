/* SPDX-License-Identifier: MIT */
/* machine_reset.c - power-on again: devices, memory, images and vCPUs as machine_create() left them. */
#include <errno.h>

#include "vmm/kvm.h"
#include "vmm/machine_priv.h"
#include "vmm/vcpu_reset.h"

static int reset_chips(struct machine *m, struct error *e)
{
	struct vcpu_pristine *p =
		vcpu_pristine_create(m->kvm, m->irqchip.mode, m->cpuid, m->nr_vcpus, e);
	int err;

	if (!p)
		return -EIO;
	err = irqchip_reset(&m->irqchip, vcpu_pristine_irqchip(p));
	if (err)
		error_sys(e, err, "reset: the interrupt controllers");
	/* Before the memory: a device that was at work on it has to stop. */
	for (size_t i = 0; !err && i < m->nr_devices; i++)
		m->device[i]->class->reset(m->device[i]);
	for (unsigned i = 0; !err && i < m->nr_vcpus; i++)
		err = vcpu_reset(&m->vcpu[i], p, e);
	vcpu_pristine_destroy(p);
	return err;
}

static int reload(struct machine *m, struct error *e)
{
	int err = guest_mem_clear(m->mem);

	if (err)
		return error_sys(e, err, "reset: clearing the guest's memory");
	err = boot_file_refresh(&m->kernel, e);
	if (!err && m->cfg->initrd)
		err = boot_file_refresh(&m->initrd, e);
	if (!err)
		err = machine_load_images(m, e);
	return err ? err : vcpu_set_boot_state(&m->vcpu[0], &m->boot, e);
}

/* The thread of a vCPU that crashed has ended. */
static int revive(struct machine *m, struct error *e)
{
	int err = 0;

	for (unsigned i = 0; !err && i < m->nr_vcpus; i++)
		err = vcpu_restart(&m->vcpu[i], e);
	m->crashed = NULL;
	atomic_store(&m->crashes, 0);
	return err;
}

int machine_power_on(struct machine *m, enum machine_cause cause, struct error *e)
{
	int err;

	machine_hold(m);
	err = reset_chips(m, e);
	if (!err)
		err = reload(m, e);
	if (!err)
		err = revive(m, e);
	if (err) {
		m->state = RUN_PAUSED;
		return err;
	}
	if (m->state == RUN_SHUTDOWN || m->state == RUN_PANICKED)
		m->state = RUN_PAUSED;
	machine_tell(m, MACHINE_RESET_DONE, cause);
	machine_go_on(m);
	return 0;
}

int machine_reset(struct machine *m, struct error *e)
{
	machine_do_pending(m);
	if (m->cfg->no_reboot) {
		machine_end_because(m, MACHINE_END_RESET, EXIT_GUEST_OFF, CAUSE_HOST_RESET);
		return 0;
	}
	return machine_power_on(m, CAUSE_HOST_RESET, e);
}
