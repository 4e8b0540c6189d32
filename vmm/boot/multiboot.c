/* SPDX-License-Identifier: MIT */
/*
 * multiboot.c - the Multiboot Specification, version 0.6.96: a header in the first 8 KiB; the
 * image as ELF or by the header's own address fields; eax = magic, ebx = information structure.
 *
 * The initrd is the only module. As with other loaders the command line starts with the image's
 * name, which programs skip as their argv[0].
 */
#include "vmm/boot/elf.h"

#include <errno.h>
#include <string.h>

#define MB_SEARCH	 8192
#define MB_HEADER_MAGIC	 0x1badb002
#define MB_LOADER_MAGIC	 0x2badb002

#define MB_WANTS_ALIGN	 (1u << 0)
#define MB_WANTS_MEMORY	 (1u << 1)
#define MB_HAS_ADDRESSES (1u << 16)
#define MB_REQUIREMENTS	 0xffffu /* a loader must refuse those it does not meet */

#define MB_INFO_MEMORY	 (1u << 0)
#define MB_INFO_CMDLINE	 (1u << 2)
#define MB_INFO_MODS	 (1u << 3)
#define MB_INFO_MMAP	 (1u << 6)
#define MB_INFO_LOADER	 (1u << 9)

struct mb_header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};
#define MB_HEADER_MIN 12 /* the address fields exist only with MB_HAS_ADDRESSES */

struct mb_info {
	u32 flags;
	u32 mem_lower, mem_upper;
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name;
	u32 unused[12]; /* APM, VBE, framebuffer */
};

struct mb_module {
	u32 start, end;
	u32 string;
	u32 reserved;
};

struct mb_mmap {
	u32 size; /* of the rest */
	u64 addr, len;
	u32 type;
} __attribute__((packed));

/* One block of guest memory. */
struct mb_block {
	struct mb_info info;
	struct mb_module module;
	struct mb_mmap mmap[BOOT_MAX_E820];
	char loader_name[12];
};

/* Copies the header out; false when there is none. *offset is where in the file it lies. */
static bool find_header(const struct boot_file *f, struct mb_header *h, u64 *offset)
{
	u64 end = MIN(f->size, (u64)MB_SEARCH);

	for (u64 at = 0; at + MB_HEADER_MIN <= end; at += 4) {
		memset(h, 0, sizeof(*h));
		memcpy(h, f->data + at, MIN(sizeof(*h), f->size - at));
		if (h->magic == MB_HEADER_MAGIC && h->magic + h->flags + h->checksum == 0) {
			*offset = at;
			return true;
		}
	}
	return false;
}

static bool multiboot_match(const struct boot_file *f)
{
	struct mb_header h;
	u64 offset;

	return find_header(f, &h, &offset);
}

static int load_elf(struct boot_job *job, u64 *entry, struct error *e)
{
	const struct boot_file *f = job->req->kernel;
	struct elf_image img;
	int err = elf_parse(f, &img, e);

	if (err)
		return err;
	if (!elf_entry_paddr(&img, entry))
		return error_set(e, -EINVAL, "%s: the entry 0x%llx lies in none of its segments",
				 f->path, (unsigned long long)img.entry);
	return elf_load(job, &img, e);
}

/* Specification, 3.1.3. Address fields are 32 bits wide: sums are taken in 64. */
static int load_by_addresses(struct boot_job *job, const struct mb_header *h, u64 header_at,
			     u64 *entry, struct error *e)
{
	const struct boot_file *f = job->req->kernel;
	u64 before = (u64)h->header_addr - h->load_addr;
	u64 size, memsz;
	int err;

	if (header_at + sizeof(*h) > f->size)
		return error_set(e, -EINVAL, "%s: truncated inside its multiboot header", f->path);
	if (h->header_addr < h->load_addr || before > header_at)
		return error_set(e, -EINVAL,
				 "%s: damaged multiboot header: load address 0x%x against header "
				 "address 0x%x at file offset 0x%llx",
				 f->path, h->load_addr, h->header_addr,
				 (unsigned long long)header_at);
	size = f->size - (header_at - before);
	if (h->load_end_addr) {
		u64 wanted = (u64)h->load_end_addr - h->load_addr;

		if (h->load_end_addr < h->load_addr || wanted > size)
			return error_set(e, -EINVAL,
					 "%s: multiboot image truncated or damaged: it loads "
					 "0x%x..0x%x, the file holds 0x%llx bytes of that",
					 f->path, h->load_addr, h->load_end_addr,
					 (unsigned long long)size);
		size = wanted;
	}
	memsz = size;
	if (h->bss_end_addr) {
		if (h->bss_end_addr < h->load_addr + size)
			return error_set(
				e, -EINVAL,
				"%s: damaged multiboot header: bss ends at 0x%x, before the "
				"loaded part at 0x%llx",
				f->path, h->bss_end_addr,
				(unsigned long long)(h->load_addr + size));
		memsz = (u64)h->bss_end_addr - h->load_addr;
	}
	*entry = h->entry_addr;
	if (*entry < h->load_addr || *entry - h->load_addr >= memsz)
		return error_set(e, -EINVAL, "%s: the multiboot entry 0x%x lies outside the image",
				 f->path, h->entry_addr);
	err = place_take(&job->place, h->load_addr, memsz, "the image", e);
	if (err)
		return err;
	if (job->req->used_ram && guest_mem_zero(job->gm, GPA(h->load_addr), memsz))
		return error_set(e, -EINVAL, "%s: cannot clear its bss", f->path);
	return job_copy_kernel(job, GPA(h->load_addr), header_at - before, size, e);
}

static int load_image(struct boot_job *job, u64 *entry, struct error *e)
{
	const struct boot_file *f = job->req->kernel;
	struct mb_header h;
	u64 header_at;
	u32 unmet;

	if (!find_header(f, &h, &header_at))
		return error_set(e, -EINVAL, "%s: its multiboot header is gone", f->path);
	unmet = h.flags & MB_REQUIREMENTS & ~(MB_WANTS_ALIGN | MB_WANTS_MEMORY);
	if (unmet)
		return error_set(
			e, -ENOTSUP,
			"%s: its multiboot header requires features 0x%x (bit 2 is a video "
			"mode), and there is no such hardware",
			f->path, unmet);
	if (h.flags & MB_HAS_ADDRESSES)
		return load_by_addresses(job, &h, header_at, entry, e);
	if (!elf_magic(f))
		return error_set(e, -EINVAL,
				 "%s: a multiboot header without load addresses in a file that is "
				 "not ELF",
				 f->path);
	return load_elf(job, entry, e);
}

static int put_modules(struct boot_job *job, struct mb_block *b, gpa_t at, struct error *e)
{
	const char *path;
	gpa_t initrd, name;
	int err;

	b->info.flags |= MB_INFO_MODS;
	if (!job_has_initrd(job))
		return 0;
	path = job->req->initrd->path;
	err = job_put_initrd(job, 0, &initrd, e);
	if (!err)
		err = job_put(job, path, strlen(path) + 1, 1, "initrd's name", &name, e);
	if (err)
		return err;
	b->module.start = (u32)initrd.v;
	b->module.end = (u32)(initrd.v + job->req->initrd->size);
	b->module.string = (u32)name.v;
	b->info.mods_count = 1;
	b->info.mods_addr = (u32)(at.v + offsetof(struct mb_block, module));
	return 0;
}

static int put_info(struct boot_job *job, struct error *e)
{
	struct mb_block b = { .loader_name = "parallax" };
	struct boot_e820 map[BOOT_MAX_E820];
	size_t n = boot_e820(job->gm, map);
	gpa_t at, cmdline;
	int err = place_find(&job->place, sizeof(b), 16, "multiboot information", &at, e);

	if (!err)
		err = job_put_cmdline(job, job->place.path, BOOT_CMDLINE_MAX, &cmdline, e);
	if (!err)
		err = put_modules(job, &b, at, e);
	if (err)
		return err;
	b.info.flags |= MB_INFO_MEMORY | MB_INFO_CMDLINE | MB_INFO_MMAP | MB_INFO_LOADER;
	b.info.mem_lower = (u32)(GPA_EBDA / KiB);
	b.info.mem_upper = (u32)((guest_mem_low_end(job->gm) - GPA_HIGH_RAM) / KiB);
	b.info.cmdline = (u32)cmdline.v;
	b.info.mmap_addr = (u32)(at.v + offsetof(struct mb_block, mmap));
	b.info.mmap_length = (u32)(n * sizeof(b.mmap[0]));
	b.info.boot_loader_name = (u32)(at.v + offsetof(struct mb_block, loader_name));
	for (size_t i = 0; i < n; i++)
		b.mmap[i] = (struct mb_mmap){ sizeof(b.mmap[0]) - sizeof(b.mmap[0].size),
					      map[i].addr, map[i].size, map[i].type };
	if (guest_mem_write(job->gm, at, &b, sizeof(b)))
		return error_set(e, -ENOSPC, "%s: cannot write the multiboot information",
				 job->place.path);
	job->st->rbx = at.v;
	return 0;
}

static int multiboot_load(struct boot_job *job, struct error *e)
{
	u64 entry = 0;
	int err = load_image(job, &entry, e);

	if (!err)
		err = put_info(job, e);
	if (err)
		return err;
	job->st->mode = BOOT_PROT32;
	job->st->entry = entry;
	job->st->rax = MB_LOADER_MAGIC;
	job->st->cs = BOOT_GDT_CS;
	job->st->ds = BOOT_GDT_DS;
	return 0;
}

const struct boot_protocol boot_protocol_multiboot = {
	.name = "multiboot",
	.match = multiboot_match,
	.load = multiboot_load,
};
