/* SPDX-License-Identifier: MIT */
/*
 * elf.h - what an executable file wants: ELF-64 for x86-64, System V ABI (gABI chapter 5, psABI 5.1).
 * Only reads and checks; the process layer maps.
 */
#ifndef GUEST_EXEC_ELF_H
#define GUEST_EXEC_ELF_H

#include "guest/lib/types.h"

#define ELF_MAX_SEGMENTS 16
#define ELF_HEAD_SIZE	 4096 /* headers lie in so much of the file */

struct elf_segment {
	u64 vaddr, filesz, memsz; /* vaddr and offset are equal modulo the page size */
	u64 offset;
	bool read, write, exec;
};

struct elf_image {
	bool position_independent; /* ET_DYN: vaddr counts from where it is put */
	u64 entry;
	u64 phdr_vaddr; /* where the program headers are once mapped; 0: they are not */
	u16 phnum;
	unsigned nr_segments; /* 0 only with an interpreter, which is then all that runs */
	struct elf_segment segment[ELF_MAX_SEGMENTS]; /* ascending, no page in two of them */
	u64 start, end;				      /* of all segments, whole pages */
	u64 interp_offset;			      /* of the interpreter's path in the file */
	u32 interp_size;			      /* with its NUL; 0: none */
	bool exec_stack;
};

/*
 * head: the first n bytes of the file, n <= ELF_HEAD_SIZE. 0, -ENOEXEC (not an executable of ours;
 * *why says in a few words what is wrong).
 */
int elf_parse(const void *head, size_t n, u64 file_size, struct elf_image *img, const char **why);

#endif
