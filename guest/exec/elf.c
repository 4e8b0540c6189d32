/* SPDX-License-Identifier: MIT */
/* elf.c - see elf.h. Everything in the file is hostile until it has been compared with something. */
#include "guest/exec/elf.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"
#include "guest/mm/page_size.h"

struct ehdr {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct ehdr) == 64 && sizeof(struct phdr) == 56, "gABI figures 4-3, 5-1");

enum { ET_EXEC = 2, ET_DYN = 3, EM_X86_64 = 62 };
enum { PT_LOAD = 1, PT_INTERP = 3, PT_PHDR = 6, PT_GNU_STACK = 0x6474e551 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };

#define USER_LIMIT   0x7ffffffff000ULL
#define MAX_INTERP   256
#define page_down(x) ((x) & ~(PAGE_SIZE - 1))
#define page_up(x)   (((x) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))

static const char *check_header(const struct ehdr *h, size_t n)
{
	/* Class 64, least significant byte first, version 1. */
	static const u8 magic[7] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

	if (n < sizeof(*h) || memcmp(h->ident, magic, 4) != 0)
		return "not an ELF file";
	if (memcmp(h->ident, magic, sizeof(magic)) != 0 || h->machine != EM_X86_64)
		return "not for x86-64";
	if (h->type != ET_EXEC && h->type != ET_DYN)
		return "not an executable";
	if (h->phentsize != sizeof(struct phdr) || !h->phnum || h->phoff > n ||
	    h->phnum > (n - h->phoff) / sizeof(struct phdr))
		return "the program headers are not at its beginning";
	return NULL;
}

static const char *add_segment(struct elf_image *img, const struct phdr *p, u64 file_size)
{
	struct elf_segment *s = &img->segment[img->nr_segments];
	u64 end = p->vaddr + p->memsz;

	if (!p->memsz)
		return NULL;
	if (img->nr_segments == ELF_MAX_SEGMENTS)
		return "too many segments";
	if (p->filesz > p->memsz || p->offset > file_size || p->filesz > file_size - p->offset)
		return "a segment is larger than the file";
	if (p->vaddr > USER_LIMIT || p->memsz > USER_LIMIT - p->vaddr)
		return "a segment lies outside of user space";
	if ((p->vaddr ^ p->offset) & (PAGE_SIZE - 1))
		return "a segment cannot be mapped page by page";
	if (img->nr_segments && page_down(p->vaddr) < img->end)
		return "segments overlap, or are not in order";
	*s = (struct elf_segment){
		.vaddr = p->vaddr,
		.filesz = p->filesz,
		.memsz = p->memsz,
		.offset = p->offset,
		.read = p->flags & PF_R,
		.write = p->flags & PF_W,
		.exec = p->flags & PF_X,
	};
	if (!img->nr_segments)
		img->start = page_down(p->vaddr);
	img->end = page_up(end);
	img->nr_segments++;
	return NULL;
}

/* Where the headers are in memory: in the segment that has their part of the file. */
static void find_phdrs(struct elf_image *img, u64 phoff)
{
	for (unsigned i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (phoff >= s->offset && phoff - s->offset < s->filesz)
			img->phdr_vaddr = s->vaddr + (phoff - s->offset);
	}
}

static const char *parse(const void *head, size_t n, u64 file_size, struct elf_image *img)
{
	struct ehdr h;
	const char *why;

	memcpy(&h, head, MIN(n, sizeof(h)));
	why = check_header(&h, n);
	if (why)
		return why;
	img->position_independent = h.type == ET_DYN;
	img->entry = h.entry;
	img->phnum = h.phnum;
	for (unsigned i = 0; i < h.phnum; i++) {
		struct phdr p;

		memcpy(&p, (const u8 *)head + h.phoff + i * sizeof(p), sizeof(p));
		if (p.type == PT_LOAD) {
			why = add_segment(img, &p, file_size);
			if (why)
				return why;
		} else if (p.type == PT_INTERP) {
			if (p.filesz < 2 || p.filesz > MAX_INTERP || p.offset > file_size ||
			    p.filesz > file_size - p.offset)
				return "the interpreter's name is damaged";
			img->interp_offset = p.offset;
			img->interp_size = (u32)p.filesz;
		} else if (p.type == PT_GNU_STACK) {
			img->exec_stack = p.flags & PF_X;
		}
	}
	if (!img->nr_segments)
		return img->interp_size ? NULL : "nothing to load";
	if (img->entry < img->start || img->entry >= img->end)
		return "the entry is outside of every segment";
	find_phdrs(img, h.phoff);
	return NULL;
}

int elf_parse(const void *head, size_t n, u64 file_size, struct elf_image *img, const char **why)
{
	memset(img, 0, sizeof(*img));
	img->exec_stack = false;
	*why = parse(head, n, file_size, img);
	return *why ? -ENOEXEC : 0;
}
