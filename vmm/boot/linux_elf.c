/* SPDX-License-Identifier: MIT */
/*
 * linux_elf.c - an ELF64 kernel without a PVH note (an uncompressed vmlinux): started at its entry
 * as at the 64-bit entry of the Linux/x86 boot protocol, rsi = zero page.
 *
 * It comes after pvh and multiboot, so every other ELF file ends here and is refused by name.
 */
#include "vmm/boot/elf.h"

#include <errno.h>

#include "vmm/boot/zero_page.h"

#define LINUX_ELF_VERSION 0x020f

static int find_entry(const struct boot_file *f, const struct elf_image *img, u64 *entry,
		      struct error *e)
{
	*entry = img->entry; /* a vmlinux names its physical entry, others the virtual one */
	if (!elf_holds_paddr(img, *entry) && !elf_entry_paddr(img, entry))
		return error_set(e, -EINVAL, "%s: the entry 0x%llx lies in none of its segments",
				 f->path, (unsigned long long)img->entry);
	if (*entry > UINT32_MAX)
		return error_set(e, -ENOSPC, "%s: the entry 0x%llx lies above 4 GiB", f->path,
				 (unsigned long long)*entry);
	return 0;
}

static int linux_elf_load(struct boot_job *job, struct error *e)
{
	/* What a bzImage's header would say. */
	const struct setup_header hdr = {
		.boot_flag = LINUX_BOOT_FLAG,
		.header = LINUX_HDR_MAGIC,
		.version = LINUX_ELF_VERSION,
		.loadflags = LOADED_HIGH,
		.cmdline_size = LINUX_CMDLINE_SIZE,
		.initrd_addr_max = UINT32_MAX,
		.xloadflags = XLF_KERNEL_64,
	};
	const struct boot_file *f = job->req->kernel;
	struct elf_image img;
	gpa_t zero_page;
	u64 entry;
	int err = elf_parse(f, &img, e);

	if (!err && !img.is64)
		err = error_set(e, -ENOTSUP,
				"%s: 32-bit ELF file with neither a PVH entry note nor a multiboot "
				"header; a 64-bit kernel is needed",
				f->path);
	if (!err)
		err = find_entry(f, &img, &entry, e);
	if (!err)
		err = elf_load(job, &img, e);
	if (!err)
		err = zero_page_put(job, &hdr, &zero_page, e);
	if (!err)
		err = boot_identity_map(job, &job->st->cr3, e);
	if (!err)
		err = job_put_gdt(job, true, e);
	if (err)
		return err;
	job->st->mode = BOOT_LONG64;
	job->st->entry = entry;
	job->st->rsi = zero_page.v;
	return 0;
}

const struct boot_protocol boot_protocol_linux_elf = {
	.name = "linux-elf",
	.match = elf_magic,
	.load = linux_elf_load,
};
