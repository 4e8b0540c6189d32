/* SPDX-License-Identifier: MIT */
/*
 * elf.h - checked reading of ELF32 and ELF64 x86 files (System V ABI, chapters 4 and 5).
 *
 * elf_parse() copies what it has checked into struct elf_image; nothing reads a header from the
 * file afterwards. After it, for every segment: its file range lies inside the file,
 * filesz <= memsz, and paddr + memsz does not wrap. Private to vmm/boot.
 */
#ifndef VMM_BOOT_ELF_H
#define VMM_BOOT_ELF_H

#include "vmm/boot/job.h"

#define ELF_MAX_SEGMENTS 32
#define ELF_MAX_NOTES	 8

struct elf_segment {
	u64 offset;
	u64 filesz;
	u64 vaddr;
	u64 paddr;
	u64 memsz; /* > 0 */
};

struct elf_notes {
	u64 offset;
	u64 size;
	u64 align; /* 4 or 8 */
};

struct elf_image {
	bool is64;
	u64 entry; /* as in the file: virtual or physical, the linker's choice */
	unsigned nr_segments;
	unsigned nr_notes;
	struct elf_segment segment[ELF_MAX_SEGMENTS];
	struct elf_notes notes[ELF_MAX_NOTES];
};

/* Whether the file begins with the ELF magic. */
bool elf_magic(const struct boot_file *f);

/* 0, or -EINVAL (damaged, or not a linked kernel) / -ENOTSUP (another machine) with e filled. */
int elf_parse(const struct boot_file *f, struct elf_image *img, struct error *e);

/* The first note of this owner and type: its descriptor inside f->data and its size; or NULL.
 * type ELF_ANY_TYPE finds any note of the owner. */
#define ELF_ANY_TYPE 0xffffffffu
const u8 *elf_find_note(const struct boot_file *f, const struct elf_image *img, const char *owner,
			u32 type, u32 *size);

/*
 * Where the entry lies physically: translated through the segment whose virtual range holds it,
 * or, when none does, through the one whose physical range does. False when neither.
 */
bool elf_entry_paddr(const struct elf_image *img, u64 *out);

/* Whether a physical address lies inside a loaded segment. */
bool elf_holds_paddr(const struct elf_image *img, u64 paddr);

/* Takes each segment's place, copies its bytes and (job->req->used_ram) clears the rest.
 * 0, or -ENOSPC / -EINVAL with e filled. */
int elf_load(struct boot_job *job, const struct elf_image *img, struct error *e);

#endif
