/* SPDX-License-Identifier: MIT */
/*
 * fuzz_boot.c - any bytes as a kernel file, for every protocol.
 *
 * The first three bytes choose the initrd's size, whether a device tree and ACPI tables go along,
 * --flat, and the template. Template 0: the rest is the file. Others: a good image, in which each
 * further four bytes (offset, length, value) overwrite a field; that reaches what lies behind the
 * magic numbers. After a successful load the entry and what the registers point at must be RAM.
 */
#include <string.h>

#include "tests/unit/boot/images.h"

#define RAM (4 * MiB)

static const u8 initrd_bytes[64 * KiB];

static void require(bool fine)
{
	if (!fine)
		abort();
}

static struct guest_mem *make_guest(void)
{
	const struct mem_config cfg = {
		.size = RAM, .backing = MEM_BACKING_4K, .nr_nodes = 2, .phys_addr_limit = 1ULL << 36
	};
	struct guest_mem *gm = NULL;

	require(guest_mem_create(&cfg, &gm, NULL) == 0);
	return gm;
}

static void check_state(const struct guest_mem *gm, const struct boot_state *st)
{
	u8 byte;

	require(guest_mem_read(gm, GPA(st->entry), &byte, 1) == 0);
	if (st->rbx)
		require(guest_mem_range(gm, GPA(st->rbx), 56) != NULL);
	if (st->mode == BOOT_LONG64)
		require(guest_mem_range(gm, GPA(st->cr3), 4096) && st->cr3 % 4096 == 0);
	if (st->gdt_limit)
		require(guest_mem_range(gm, st->gdt, st->gdt_limit + 1u) != NULL);
}

enum template { RAW, PVH, VMLINUX, MULTIBOOT, MULTIBOOT_ADDRESSES, BZIMAGE, NR_TEMPLATES };

#define KERNEL 0x200000ULL

static void make_template(enum template t, struct image *img)
{
	struct image_note note;
	struct image_segment s[] = {
		{ PT_LOAD, KERNEL, KERNEL, 0x80, 0x1000, NULL },
		{ PT_LOAD, KERNEL + 0x2000, KERNEL + 0x2000, 0x40, 0x40, NULL },
		{ PT_NOTE, 0, 0, 0, 0, &note },
	};
	const u32 flags = t == MULTIBOOT ? 3 : 1u << 16 | 3;
	u32 header[8] = { 0x1badb002, flags, 0u - 0x1badb002u - flags, KERNEL + 0x100,
			  KERNEL,     0,     KERNEL + 0x800,	       KERNEL + 0x40 };

	switch (t) {
	case PVH:
		s[2].filesz = image_note(&note, "Xen", 18, KERNEL, 8);
		image_elf64(img, KERNEL, s, 3);
		break;
	case VMLINUX:
		image_elf64(img, KERNEL, s, 2);
		break;
	case MULTIBOOT:
		image_elf32(img, KERNEL, s, 2);
		memcpy(img->bytes + 0x80, header, sizeof(header));
		break;
	case MULTIBOOT_ADDRESSES:
		memcpy(img->bytes + 0x100, header, sizeof(header));
		img->size = 0x400;
		break;
	default:
		image_bz(img);
	}
}

/* Overwrites 1, 2, 4 or 8 bytes; a small value counts as signed, so that huge ones are near. */
static void patch(struct image *img, const u8 *p)
{
	u64 at = (u64)(p[0] | p[1] << 8) % (img->size - 8);
	s64 value = (int8_t)p[3];
	unsigned shift = p[2] >> 2 & 31;

	value = (s64)((u64)value << shift);
	memcpy(img->bytes + at, &value, 1u << (p[2] & 3));
}

/* The file in a buffer of its very size, so that ASan sees a read past its end; malloc'd. */
static u8 *make_file(const u8 *data, size_t size, enum template t, u64 *file_size)
{
	struct image img;
	u8 *file;

	if (t == RAW) {
		file = malloc(size ? size : 1);
		require(file != NULL);
		memcpy(file, data, size);
		*file_size = size;
		return file;
	}
	image_init(&img);
	make_template(t, &img);
	while (size >= 4) {
		patch(&img, data);
		data += 4;
		size -= 4;
	}
	*file_size = size ? img.size * data[0] / 255 : img.size;
	file = malloc(*file_size ? *file_size : 1);
	require(file != NULL);
	memcpy(file, img.bytes, *file_size);
	image_free(&img);
	return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest_mem *gm; /* made once: mapping memory costs more than a load */
	struct boot_file kernel = { .path = "k", .fd = -1 }, initrd = { .path = "i", .fd = -1 };
	struct boot_request req = { .kernel = &kernel, .initrd = &initrd, .cmdline = "quiet" };
	struct error e = { "" };
	struct boot_state st;
	u8 *file;
	int err;

	if (size < 3)
		return 0;
	if (!gm)
		gm = make_guest();
	initrd.data = initrd_bytes;
	initrd.size = (u64)data[0] * 256;
	req.fdt = data[1] & 1 ? initrd_bytes : NULL;
	req.fdt_size = data[1] & 1 ? 3000 : 0;
	req.rsdp = GPA(data[1] & 2 ? 0xe0000 : 0);
	req.force_flat = (data[1] & 0xf0) == 0xf0;
	req.flat_addr = (u64)data[0] << 12;
	req.used_ram = data[1] & 4;
	file = make_file(data + 3, size - 3, data[2] % NR_TEMPLATES, &kernel.size);
	kernel.data = file;
	err = boot_load(gm, &req, &st, &e);
	if (err)
		require(e.text[0] != 0 && err < 0);
	else
		check_state(gm, &st);
	free(file);
	return 0;
}
