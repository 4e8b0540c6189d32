/* SPDX-License-Identifier: MIT */
/* machine_ata.c - the disk of a machine that is nothing but a PC. */
#include <errno.h>

#include "devices/abi/pc.h"
#include "devices/ata.h"
#include "vmm/disk.h"
#include "vmm/machine_priv.h"

int machine_add_ata(struct machine *m, struct error *e)
{
	const struct dev_range command = { DEV_PIO, PC_ATA_PORT, PC_ATA_LEN };
	const struct dev_range control = { DEV_PIO, PC_ATA_CONTROL, 1 };
	struct block *block;
	struct disk_spec spec;
	struct device *d;
	int err;

	if (m->cfg->virt != VIRT_FULL || !m->cfg->disk[0])
		return 0;
	err = disk_parse(m->cfg->disk[0], &spec, e);
	if (!err)
		err = block_open(&(struct block_config){ .path = spec.path,
							 .read_only = spec.read_only,
							 .direct = spec.direct,
							 .no_uring = true },
				 &block, e);
	if (err)
		return err;
	d = ata_create(&m->env, &command, &control, irqchip_line(&m->irqchip, PC_ATA_IRQ), block,
		       spec.serial);
	if (!d)
		return error_sys(e, -ENOMEM, "--disk %s", m->cfg->disk[0]);
	return machine_attach_device(m, d, e);
}
