/* SPDX-License-Identifier: MIT */
#include "vmm/boot/zero_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOADER_UNDEFINED 0xff /* type_of_loader for loaders without an assigned number */
#define VID_MODE_NORMAL	 0xffff

/* Parts of the structure that old headers keep in padding. */
#define OFFSET_RSDP 0x070

static void fill_e820(struct boot_params *bp, const struct guest_mem *gm)
{
	struct boot_e820 map[BOOT_MAX_E820];
	size_t n = boot_e820(gm, map);

	_Static_assert(BOOT_MAX_E820 <= E820_MAX_ENTRIES_ZEROPAGE, "the zero page holds the map");
	for (size_t i = 0; i < n; i++) {
		bp->e820_table[i].addr = map[i].addr;
		bp->e820_table[i].size = map[i].size;
		bp->e820_table[i].type = map[i].type;
	}
	bp->e820_entries = (u8)n;
	/* What the BIOS calls that came before e820 would have answered, in KiB. */
	bp->alt_mem_k = (u32)((guest_mem_low_end(gm) - GPA_HIGH_RAM) / KiB);
}

/* Linux reads its machine from the ACPI tables; a device tree goes along only without them. */
static int put_setup_data(struct boot_job *job, struct boot_params *bp, struct error *e)
{
	const struct boot_request *req = job->req;
	struct setup_data *sd;
	gpa_t at;
	int err;

	if (!req->fdt || req->rsdp.v || bp->hdr.version < 0x0209)
		return 0;
	sd = calloc(1, sizeof(*sd) + req->fdt_size);
	if (!sd)
		return error_sys(e, -ENOMEM, "%s: device tree", job->place.path);
	sd->type = SETUP_DTB;
	sd->len = (u32)req->fdt_size;
	memcpy(sd->data, req->fdt, req->fdt_size);
	err = job_put(job, sd, sizeof(*sd) + req->fdt_size, 16, "device tree", &at, e);
	free(sd);
	if (!err)
		bp->hdr.setup_data = at.v;
	return err;
}

static int put_parts(struct boot_job *job, struct boot_params *bp, struct error *e)
{
	gpa_t cmdline, initrd;
	int err = job_put_cmdline(job, NULL, bp->hdr.cmdline_size, &cmdline, e);

	if (err)
		return err;
	bp->hdr.cmd_line_ptr = (u32)cmdline.v;
	if (job_has_initrd(job)) {
		err = job_put_initrd(job, (u64)bp->hdr.initrd_addr_max + 1, &initrd, e);
		if (err)
			return err;
		bp->hdr.ramdisk_image = (u32)initrd.v; /* both lie below 4 GiB */
		bp->hdr.ramdisk_size = (u32)job->req->initrd->size;
	}
	return put_setup_data(job, bp, e);
}

int zero_page_put(struct boot_job *job, const struct setup_header *hdr, gpa_t *out, struct error *e)
{
	struct boot_params *bp = calloc(1, sizeof(*bp));
	u64 rsdp = job->req->rsdp.v;
	int err;

	if (!bp)
		return error_sys(e, -ENOMEM, "%s: zero page", job->place.path);
	bp->hdr = *hdr;
	bp->hdr.type_of_loader = LOADER_UNDEFINED;
	bp->hdr.vid_mode = VID_MODE_NORMAL;
	bp->hdr.loadflags &= (u8) ~(KEEP_SEGMENTS | CAN_USE_HEAP);
	bp->hdr.setup_data = 0;
	bp->hdr.ramdisk_image = 0;
	bp->hdr.ramdisk_size = 0;
	fill_e820(bp, job->gm);
	memcpy((u8 *)bp + OFFSET_RSDP, &rsdp, sizeof(rsdp));
	err = put_parts(job, bp, e);
	if (!err)
		err = job_put(job, bp, sizeof(*bp), GUEST_PAGE_SIZE, "zero page", out, e);
	free(bp);
	return err;
}
