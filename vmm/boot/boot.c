/* SPDX-License-Identifier: MIT */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <string.h>

#include "vmm/boot/job.h"

/* In this order: a PVH note beats other headers of the same file, and linux_elf refuses every ELF
 * file that nobody before it wanted. */
static const struct boot_protocol *const protocols[] = {
	&boot_protocol_pvh,	  &boot_protocol_linux, &boot_protocol_multiboot,
	&boot_protocol_linux_elf, &boot_protocol_flat,
};

/* Files that people try, recognised only to say what they are. */
static const struct {
	u16 offset;
	u8 len;
	char magic[8];
	int code;
	const char *what;
} strangers[] = {
	{ 56, 4, "ARM\x64", -ENOTSUP, "an arm64 Linux image; an x86 kernel is needed" },
	{ 56, 4, "RSC\x05", -ENOTSUP, "a RISC-V Linux image; an x86 kernel is needed" },
	{ 0, 4, "\x27\x05\x19\x56", -ENOTSUP, "a U-Boot image; an x86 kernel is needed" },
	{ 0, 2, "\x1f\x8b", -ENOEXEC, "gzip-compressed; unpack it first" },
	{ 0, 6,
	  "\xfd"
	  "7zXZ",
	  -ENOEXEC, "xz-compressed; unpack it first" },
	{ 0, 4, "\x28\xb5\x2f\xfd", -ENOEXEC, "zstd-compressed; unpack it first" },
	{ 0, 6, "070701", -ENOEXEC, "a cpio archive; give it with --initrd" },
	{ 0, 3, "QFI", -ENOEXEC, "a qcow2 disk image, not a kernel" },
	{ 0, 2, "#!", -ENOEXEC, "a script, not a kernel" },
	{ 510, 2, "\x55\xaa", -ENOEXEC,
	  "a disk image or a longer boot program; --flat loads it as it is" },
	{ 0, 2, "MZ", -ENOEXEC, "an EFI or DOS program, not a Linux bzImage" },
};

static bool is_text(const struct boot_file *f)
{
	for (u64 i = 0; i < MIN(f->size, (u64)512); i++) {
		u8 c = f->data[i];

		if ((c < ' ' && c != '\n' && c != '\t' && c != '\r') || c == 0x7f)
			return false;
	}
	return true;
}

static int refuse(const struct boot_file *f, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		if (f->size >= (u64)strangers[i].offset + strangers[i].len &&
		    !memcmp(f->data + strangers[i].offset, strangers[i].magic, strangers[i].len))
			return error_set(e, strangers[i].code, "%s: %s", f->path,
					 strangers[i].what);
	}
	return error_set(e, -ENOEXEC,
			 "%s: %s (%llu bytes); known are ELF with a PVH note, bzImage, vmlinux, "
			 "multiboot and 512-byte boot sectors, and --flat for raw code",
			 f->path, is_text(f) ? "a text file, not a kernel" : "not a kernel image",
			 (unsigned long long)f->size);
}

static int load_with(const struct boot_protocol *p, struct guest_mem *gm,
		     const struct boot_request *req, struct boot_state *st, struct error *e)
{
	struct boot_job job = { .gm = gm, .req = req, .st = st };

	*st = (struct boot_state){ .protocol = p->name };
	place_init(&job.place, gm, req->kernel->path);
	return p->load(&job, e);
}

int boot_load(struct guest_mem *gm, const struct boot_request *req, struct boot_state *st,
	      struct error *e)
{
	const struct boot_file *f = req->kernel;

	if (!f->data || !f->size)
		return error_set(e, -EINVAL, "%s: the kernel file is empty", f->path);
	if (req->force_flat)
		return load_with(&boot_protocol_flat, gm, req, st, e);
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (protocols[i]->match(f))
			return load_with(protocols[i], gm, req, st, e);
	}
	return refuse(f, e);
}
