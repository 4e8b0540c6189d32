/* SPDX-License-Identifier: MIT */
/* machine_net.c - what network cards are plugged into, and the card of a machine that is nothing but a PC. */
#include <errno.h>
#include <string.h>

#include "devices/abi/pc.h"
#include "devices/ne2000.h"
#include "vmm/machine_priv.h"
#include "vmm/net.h"

struct net_backend *machine_net_backend(struct machine *m, unsigned index, u8 mac[6],
					struct error *e)
{
	/* QEMU's own range of local addresses, so that nothing real is met. */
	const u8 own[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, (u8)(0x56 + index) };
	struct net_spec spec;

	if (net_parse(m->cfg->net[index], &spec, e))
		return NULL;
	memcpy(mac, spec.has_mac ? spec.mac : own, 6);
	if (spec.tap_fd >= 0)
		return net_tap_adopt(&m->env, spec.tap_fd, e);
	return spec.tap[0] ? net_tap_create(&m->env, spec.tap, e)
			   : net_user_create(&m->env, spec.forward, spec.nr_forwards, e);
}

int machine_add_ne2000(struct machine *m, struct error *e)
{
	const struct dev_range ports = { DEV_PIO, PC_NE2000_PORT, PC_NE2000_LEN };
	struct net_backend *nb;
	struct device *d;
	u8 mac[6];

	if (m->cfg->virt != VIRT_FULL || !m->cfg->net[0])
		return 0;
	if (m->cfg->net[1])
		return error_set(e, -EINVAL, "--net %s: with full virtualization there is one card",
				 m->cfg->net[1]);
	nb = machine_net_backend(m, 0, mac, e);
	if (!nb)
		return -ENODEV;
	d = ne2000_create(&m->env, &ports, irqchip_line(&m->irqchip, PC_NE2000_IRQ), nb, mac);
	if (!d)
		return error_sys(e, -ENOMEM, "--net %s", m->cfg->net[0]);
	return machine_attach_device(m, d, e);
}
