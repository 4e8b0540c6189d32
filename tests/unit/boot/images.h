/* SPDX-License-Identifier: MIT */
/*
 * images.h - kernel images made in memory, for the tests and the fuzzer of vmm/boot. Every image
 * is a whole file that may then be damaged byte by byte.
 */
#ifndef TESTS_UNIT_BOOT_IMAGES_H
#define TESTS_UNIT_BOOT_IMAGES_H

#include <asm/bootparam.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot/boot.h"

#define IMAGE_MAX (64 * KiB)

struct image {
	u8 *bytes; /* IMAGE_MAX of them, zeroed */
	u64 size;
};

static inline void image_init(struct image *img)
{
	img->bytes = calloc(1, IMAGE_MAX);
	if (!img->bytes)
		abort();
	img->size = 0;
}

static inline void image_free(struct image *img)
{
	free(img->bytes);
}

/* A pattern that says where in which segment a byte came from. */
static inline u8 image_pattern(unsigned segment, u64 offset)
{
	return (u8)(0x11 * (segment + 1) + offset * 7);
}

struct image_segment {
	u32 type;
	u64 paddr, vaddr;
	u64 filesz, memsz;
	const void *data; /* NULL: the pattern */
};

/* Program headers follow the ELF header; segments follow those, 16-byte aligned. */
static inline void image_elf64(struct image *img, u64 entry, const struct image_segment *s,
			       unsigned n)
{
	Elf64_Ehdr *h = (void *)img->bytes;
	Elf64_Phdr *p = (void *)(img->bytes + sizeof(*h));
	u64 at = ALIGN_UP(sizeof(*h) + n * sizeof(*p), (u64)16);

	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_ident[EI_VERSION] = EV_CURRENT;
	h->e_type = ET_EXEC;
	h->e_machine = EM_X86_64;
	h->e_version = EV_CURRENT;
	h->e_entry = entry;
	h->e_phoff = sizeof(*h);
	h->e_ehsize = sizeof(*h);
	h->e_phentsize = sizeof(*p);
	h->e_phnum = (u16)n;
	for (unsigned i = 0; i < n; i++) {
		p[i] = (Elf64_Phdr){ .p_type = s[i].type,
				     .p_offset = at,
				     .p_vaddr = s[i].vaddr,
				     .p_paddr = s[i].paddr,
				     .p_filesz = s[i].filesz,
				     .p_memsz = s[i].memsz,
				     .p_align = 4 };
		for (u64 b = 0; b < s[i].filesz; b++)
			img->bytes[at + b] =
				s[i].data ? ((const u8 *)s[i].data)[b] : image_pattern(i, b);
		at = ALIGN_UP(at + s[i].filesz, (u64)16);
	}
	img->size = at;
}

/* The same in ELF32, for i386. */
static inline void image_elf32(struct image *img, u32 entry, const struct image_segment *s,
			       unsigned n)
{
	Elf32_Ehdr *h = (void *)img->bytes;
	Elf32_Phdr *p = (void *)(img->bytes + sizeof(*h));
	u64 at = ALIGN_UP(sizeof(*h) + n * sizeof(*p), (u64)16);

	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS32;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_ident[EI_VERSION] = EV_CURRENT;
	h->e_type = ET_EXEC;
	h->e_machine = EM_386;
	h->e_version = EV_CURRENT;
	h->e_entry = entry;
	h->e_phoff = sizeof(*h);
	h->e_ehsize = sizeof(*h);
	h->e_phentsize = sizeof(*p);
	h->e_phnum = (u16)n;
	for (unsigned i = 0; i < n; i++) {
		p[i] = (Elf32_Phdr){ .p_type = s[i].type,
				     .p_offset = (u32)at,
				     .p_vaddr = (u32)s[i].vaddr,
				     .p_paddr = (u32)s[i].paddr,
				     .p_filesz = (u32)s[i].filesz,
				     .p_memsz = (u32)s[i].memsz,
				     .p_align = 4 };
		for (u64 b = 0; b < s[i].filesz; b++)
			img->bytes[at + b] =
				s[i].data ? ((const u8 *)s[i].data)[b] : image_pattern(i, b);
		at = ALIGN_UP(at + s[i].filesz, (u64)16);
	}
	img->size = at;
}

/* A note as a linker lays it: header, owner and descriptor, each padded to 4. */
struct image_note {
	u32 namesz, descsz, type;
	char name[8];
	u32 desc[2];
};

/* Owner of at most 7 characters; name padding is 4 or 8 bytes by its length. */
static inline u64 image_note(struct image_note *note, const char *owner, u32 type, u64 value,
			     u32 descsz)
{
	u64 padded = ALIGN_UP(strlen(owner) + 1, (u64)4);

	memset(note, 0, sizeof(*note));
	note->namesz = (u32)strlen(owner) + 1;
	note->descsz = descsz;
	note->type = type;
	memcpy(note->name, owner, strlen(owner));
	memcpy((u8 *)note->name + padded, &value, descsz);
	return 12 + padded + descsz;
}

#define IMAGE_BZ_SETUP	 1024 /* boot sector and one setup sector */
#define IMAGE_BZ_PAYLOAD 0x1230

static inline struct setup_header *image_bz_header(struct image *img)
{
	return (void *)(img->bytes + 0x1f1);
}

/* A relocatable 64-bit bzImage, protocol 2.15, that wants 0x80000 bytes at 2 MiB. */
static inline void image_bz(struct image *img)
{
	struct setup_header *h = image_bz_header(img);

	img->size = IMAGE_BZ_SETUP + IMAGE_BZ_PAYLOAD;
	h->setup_sects = 1;
	h->syssize = IMAGE_BZ_PAYLOAD / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0x6aeb; /* header ends at 0x202 + 0x6a */
	h->header = 0x53726448;
	h->version = 0x020f;
	h->loadflags = LOADED_HIGH;
	h->code32_start = 0x100000;
	h->initrd_addr_max = 0x7fffffff;
	h->kernel_alignment = 0x200000;
	h->relocatable_kernel = 1;
	h->min_alignment = 21;
	h->xloadflags = XLF_KERNEL_64;
	h->cmdline_size = 100;
	h->pref_address = 0x200000;
	h->init_size = 0x80000;
	for (u64 i = 0; i < IMAGE_BZ_PAYLOAD; i++)
		img->bytes[IMAGE_BZ_SETUP + i] = image_pattern(0, i);
}

#endif
