/* SPDX-License-Identifier: MIT */
/*
 * pvh.c - the PVH entry: 32-bit protected mode, ebx = hvm_start_info (Xen, "x86/HVM direct boot
 * ABI", version 1 of the structure). Any ELF file with a XEN_ELFNOTE_PHYS32_ENTRY note qualifies.
 *
 * Modules: the initrd first, the device tree last, under the command line "fdt". Linux takes its
 * first module for an initrd whatever it is, and reads no device tree here: it gets none.
 */
#include "vmm/boot/elf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PVH_NOTE_OWNER	  "Xen"
#define PVH_PHYS32_ENTRY  18
#define PVH_START_MAGIC	  0x336ec578
#define PVH_START_VERSION 1

#define LINUX_NOTE_OWNER  "Linux"
#define LINUX_CMDLINE_MAX 2047 /* COMMAND_LINE_SIZE of x86; more would be cut without a word */

struct hvm_start_info {
	u32 magic;
	u32 version;
	u32 flags;
	u32 nr_modules;
	u64 modlist_paddr;
	u64 cmdline_paddr;
	u64 rsdp_paddr;
	u64 memmap_paddr;
	u32 memmap_entries;
	u32 reserved;
};

struct hvm_modlist_entry {
	u64 paddr;
	u64 size;
	u64 cmdline_paddr;
	u64 reserved;
};

struct hvm_memmap_entry {
	u64 addr;
	u64 size;
	u32 type;
	u32 reserved;
};

/* What goes into one block of guest memory, so that it stays on one page. */
struct pvh_info {
	struct hvm_start_info start;
	struct hvm_modlist_entry module[2];
	struct hvm_memmap_entry memmap[BOOT_MAX_E820];
	char fdt_name[8];
};

static const u8 *pvh_note(const struct boot_file *f, const struct elf_image *img, u32 *size)
{
	return elf_find_note(f, img, PVH_NOTE_OWNER, PVH_PHYS32_ENTRY, size);
}

static bool pvh_match(const struct boot_file *f)
{
	struct elf_image img;
	u32 size;

	return elf_magic(f) && elf_parse(f, &img, NULL) == 0 && pvh_note(f, &img, &size);
}

/* The note holds a pointer of the image's class, or 32 bits. */
static int pvh_entry(const struct boot_file *f, const struct elf_image *img, u64 *entry,
		     struct error *e)
{
	u32 size = 0;
	const u8 *desc = pvh_note(f, img, &size);

	*entry = 0;
	if (!desc || (size != 4 && size != 8))
		return error_set(e, -EINVAL,
				 "%s: damaged PVH entry note: %u bytes, expected 4 or 8", f->path,
				 size);
	memcpy(entry, desc, size);
	if (*entry > UINT32_MAX || !elf_holds_paddr(img, *entry))
		return error_set(e, -EINVAL,
				 "%s: the PVH entry 0x%llx lies in none of the loaded segments",
				 f->path, (unsigned long long)*entry);
	return 0;
}

static void add_module(struct pvh_info *info, gpa_t where, u64 size, u64 cmdline)
{
	info->module[info->start.nr_modules++] = (struct hvm_modlist_entry){
		.paddr = where.v,
		.size = size,
		.cmdline_paddr = cmdline,
	};
}

static int put_start_info(struct boot_job *job, struct pvh_info *info, bool with_fdt,
			  struct error *e)
{
	const struct boot_request *req = job->req;
	struct boot_e820 map[BOOT_MAX_E820];
	size_t n = boot_e820(job->gm, map);
	gpa_t at, initrd, fdt;
	int err = place_find(&job->place, sizeof(*info), 16, "PVH start info", &at, e);

	if (!err && job_has_initrd(job)) {
		err = job_put_initrd(job, 0, &initrd, e);
		if (!err)
			add_module(info, initrd, req->initrd->size, 0);
	}
	if (!err && with_fdt) {
		err = job_put(job, req->fdt, req->fdt_size, GUEST_PAGE_SIZE, "device tree", &fdt,
			      e);
		if (!err)
			add_module(info, fdt, req->fdt_size,
				   at.v + offsetof(struct pvh_info, fdt_name));
	}
	if (err)
		return err;

	for (size_t i = 0; i < n; i++)
		info->memmap[i] =
			(struct hvm_memmap_entry){ map[i].addr, map[i].size, map[i].type, 0 };
	strcpy(info->fdt_name, "fdt");
	info->start.magic = PVH_START_MAGIC;
	info->start.version = PVH_START_VERSION;
	info->start.modlist_paddr =
		info->start.nr_modules ? at.v + offsetof(struct pvh_info, module) : 0;
	info->start.rsdp_paddr = req->rsdp.v;
	info->start.memmap_paddr = at.v + offsetof(struct pvh_info, memmap);
	info->start.memmap_entries = (u32)n;
	if (guest_mem_write(job->gm, at, info, sizeof(*info)))
		return error_set(e, -ENOSPC, "%s: cannot write the PVH start info",
				 job->place.path);
	job->st->rbx = at.v;
	return 0;
}

static int pvh_load(struct boot_job *job, struct error *e)
{
	const struct boot_file *f = job->req->kernel;
	struct pvh_info info = { 0 };
	struct elf_image img;
	gpa_t cmdline;
	bool is_linux;
	u64 entry;
	u32 size;
	int err = elf_parse(f, &img, e);

	if (!err)
		err = pvh_entry(f, &img, &entry, e);
	if (!err)
		err = elf_load(job, &img, e);
	if (err)
		return err;

	is_linux = elf_find_note(f, &img, LINUX_NOTE_OWNER, ELF_ANY_TYPE, &size) != NULL;
	err = job_put_cmdline(job, NULL, is_linux ? LINUX_CMDLINE_MAX : BOOT_CMDLINE_MAX, &cmdline,
			      e);
	if (err)
		return err;
	info.start.cmdline_paddr = cmdline.v;
	err = put_start_info(job, &info, job->req->fdt && !is_linux, e);
	if (err)
		return err;
	job->st->mode = BOOT_PROT32;
	job->st->entry = entry;
	job->st->cs = BOOT_GDT_CS;
	job->st->ds = BOOT_GDT_DS;
	return 0;
}

const struct boot_protocol boot_protocol_pvh = {
	.name = "pvh",
	.match = pvh_match,
	.load = pvh_load,
};
