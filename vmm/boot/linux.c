/* SPDX-License-Identifier: MIT */
/*
 * linux.c - bzImage by the Linux/x86 boot protocol 2.15 (Linux Documentation/arch/x86/boot.rst).
 *
 * The real-mode part is not run: the kernel starts at its 64-bit entry, or, when it has none
 * (protocol below 2.12, or a 32-bit kernel), at the 32-bit one.
 */
#include "vmm/boot/zero_page.h"

#include <errno.h>
#include <string.h>

#define HDR_OFFSET	  0x1f1
#define HDR_END_BASE	  0x202 /* the jump's operand counts from here to the header's end */
#define HDR_END_BYTE	  0x201
#define SECTOR		  512
#define DEFAULT_SECTS	  4
#define ENTRY64_OFFSET	  0x200
#define OLDEST_VERSION	  0x0206 /* the first with cmdline_size; Linux 2.6.22 */
#define VERSION_INIT_SIZE 0x020a
#define VERSION_ENTRY64	  0x020c

static bool linux_match(const struct boot_file *f)
{
	u32 magic;

	if (f->size < HDR_END_BASE + sizeof(magic))
		return false;
	memcpy(&magic, f->data + HDR_END_BASE, sizeof(magic));
	return magic == LINUX_HDR_MAGIC && f->data[0x1fe] == 0x55 && f->data[0x1ff] == 0xaa;
}

/* Copies as much of the header as the image says it has; later fields stay zero. */
static int read_header(const struct boot_file *f, struct setup_header *hdr, struct error *e)
{
	u64 end = HDR_END_BASE + (u64)f->data[HDR_END_BYTE];

	memset(hdr, 0, sizeof(*hdr));
	if (end > f->size)
		return error_set(e, -EINVAL,
				 "%s: truncated bzImage: %llu bytes end inside its setup header",
				 f->path, (unsigned long long)f->size);
	memcpy(hdr, f->data + HDR_OFFSET, MIN(end - HDR_OFFSET, sizeof(*hdr)));
	if (hdr->version < OLDEST_VERSION)
		return error_set(
			e, -ENOTSUP,
			"%s: Linux boot protocol %u.%02u is older than 2.06 (Linux 2.6.22)",
			f->path, hdr->version >> 8, hdr->version & 0xff);
	if (!(hdr->loadflags & LOADED_HIGH))
		return error_set(e, -ENOTSUP, "%s: a zImage, loaded low; only bzImage is supported",
				 f->path);
	return 0;
}

/* Where the protected-mode part lies in the file. */
static int find_payload(const struct boot_file *f, const struct setup_header *hdr, u64 *offset,
			u64 *size, struct error *e)
{
	u64 sects = hdr->setup_sects ? hdr->setup_sects : DEFAULT_SECTS;

	*offset = (sects + 1) * SECTOR;
	*size = (u64)hdr->syssize * 16;
	if (!*size)
		return error_set(e, -EINVAL, "%s: damaged bzImage: its syssize is 0", f->path);
	if (*offset >= f->size || *size - MIN(*size, 15ULL) > f->size - *offset)
		return error_set(e, -EINVAL,
				 "%s: truncated bzImage: the header says %llu bytes, the file has "
				 "%llu",
				 f->path, (unsigned long long)(*offset + *size),
				 (unsigned long long)f->size);
	/* syssize counts paragraphs: the last one may be cut short */
	*size = MIN(*size, f->size - *offset);
	return 0;
}

/*
 * The kernel unpacks itself to pref_address whatever lower place it was loaded at, and needs
 * init_size bytes there; a relocatable one is put there at once.
 */
static int place_kernel(struct boot_job *job, const struct setup_header *hdr, u64 payload,
			u64 *load_at, struct error *e)
{
	bool sized = hdr->version >= VERSION_INIT_SIZE && hdr->init_size;
	int err;

	*load_at = GPA_HIGH_RAM;
	if (sized && hdr->relocatable_kernel && hdr->pref_address) {
		*load_at = hdr->pref_address;
		return place_take(&job->place, *load_at, MAX(payload, (u64)hdr->init_size),
				  "the kernel", e);
	}
	if (sized && hdr->pref_address > GPA_HIGH_RAM + payload) {
		err = place_take(&job->place, hdr->pref_address, hdr->init_size,
				 "the unpacked kernel", e);
		if (err)
			return err;
	} else if (sized) {
		u64 unpacked_at = MAX(hdr->pref_address, GPA_HIGH_RAM);

		payload = MAX(payload, unpacked_at + hdr->init_size - GPA_HIGH_RAM);
	}
	return place_take(&job->place, *load_at, payload, "the kernel", e);
}

static int set_entry(struct boot_job *job, const struct setup_header *hdr, u64 load_at,
		     struct error *e)
{
	bool entry64 = hdr->version >= VERSION_ENTRY64 && (hdr->xloadflags & XLF_KERNEL_64);
	struct boot_state *st = job->st;

	if (load_at > UINT32_MAX)
		return error_set(e, -ENOSPC, "%s: its load address 0x%llx lies above 4 GiB",
				 job->place.path, (unsigned long long)load_at);
	st->mode = entry64 ? BOOT_LONG64 : BOOT_PROT32;
	st->entry = load_at + (entry64 ? ENTRY64_OFFSET : 0);
	if (entry64) {
		int err = boot_identity_map(job, &st->cr3, e);

		if (err)
			return err;
	}
	return job_put_gdt(job, entry64, e);
}

static int linux_load(struct boot_job *job, struct error *e)
{
	const struct boot_file *f = job->req->kernel;
	u64 offset = 0, size = 0, load_at = 0;
	struct setup_header hdr;
	gpa_t zero_page;
	int err = read_header(f, &hdr, e);

	if (!err)
		err = find_payload(f, &hdr, &offset, &size, e);
	if (!err)
		err = place_kernel(job, &hdr, size, &load_at, e);
	if (!err)
		err = zero_page_put(job, &hdr, &zero_page, e);
	if (!err)
		err = set_entry(job, &hdr, load_at, e);
	if (!err)
		err = job_copy_kernel(job, GPA(load_at), offset, size, e);
	if (err)
		return err;
	job->st->rsi = zero_page.v;
	return 0;
}

const struct boot_protocol boot_protocol_linux = {
	.name = "linux",
	.match = linux_match,
	.load = linux_load,
};
