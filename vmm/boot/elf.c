/* SPDX-License-Identifier: MIT */
#include "vmm/boot/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Both classes in one form, as read from the file. */
struct raw_header {
	u16 type, machine;
	u64 entry, phoff;
	u16 phentsize, phnum;
};

struct raw_phdr {
	u32 type;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

static const struct {
	u16 machine;
	const char *name;
} machines[] = {
	{ EM_386, "i386" },
	{ EM_X86_64, "x86-64" },
	{ EM_AARCH64, "aarch64" },
	{ EM_ARM, "arm" },
	{ EM_RISCV, "riscv" },
	{ EM_PPC, "powerpc" },
	{ EM_PPC64, "powerpc64" },
	{ EM_S390, "s390" },
	{ EM_MIPS, "mips" },
	{ EM_SPARCV9, "sparc64" },
	{ 258 /* EM_LOONGARCH */, "loongarch" },
};

static const char *machine_name(u16 machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		if (machines[i].machine == machine)
			return machines[i].name;
	}
	return "unknown";
}

bool elf_magic(const struct boot_file *f)
{
	return f->size >= SELFMAG && !memcmp(f->data, ELFMAG, SELFMAG);
}

static bool in_file(const struct boot_file *f, u64 offset, u64 size)
{
	return offset <= f->size && size <= f->size - offset;
}

#define FILL_HEADER(raw, eh)                                                                    \
	(*(raw) = (struct raw_header){ (eh).e_type, (eh).e_machine, (eh).e_entry, (eh).e_phoff, \
				       (eh).e_phentsize, (eh).e_phnum })

#define FILL_PHDR(raw, ph)                                                                   \
	(*(raw) = (struct raw_phdr){ (ph).p_type, (ph).p_offset, (ph).p_vaddr, (ph).p_paddr, \
				     (ph).p_filesz, (ph).p_memsz, (ph).p_align })

/* Copies before use: the file may be unaligned in memory, and may change under the mapping. */
static void read_phdr(const struct boot_file *f, bool is64, u64 offset, struct raw_phdr *out)
{
	Elf64_Phdr p64;
	Elf32_Phdr p32;

	if (is64) {
		memcpy(&p64, f->data + offset, sizeof(p64));
		FILL_PHDR(out, p64);
	} else {
		memcpy(&p32, f->data + offset, sizeof(p32));
		FILL_PHDR(out, p32);
	}
}

static int read_header(const struct boot_file *f, bool *is64, struct raw_header *out,
		       struct error *e)
{
	u8 ident[EI_NIDENT] = { 0 };
	Elf64_Ehdr h64;
	Elf32_Ehdr h32;

	memcpy(ident, f->data, MIN(f->size, (u64)EI_NIDENT));
	*is64 = ident[EI_CLASS] == ELFCLASS64;
	if (f->size < (*is64 ? sizeof(h64) : sizeof(h32)))
		return error_set(e, -EINVAL,
				 "%s: truncated ELF file: %llu bytes are less than its header",
				 f->path, (unsigned long long)f->size);
	if (!*is64 && ident[EI_CLASS] != ELFCLASS32)
		return error_set(e, -EINVAL,
				 "%s: damaged ELF file: class %u is neither 32 nor 64 bit", f->path,
				 ident[EI_CLASS]);
	if (ident[EI_DATA] == ELFDATA2MSB)
		return error_set(e, -ENOTSUP,
				 "%s: big-endian ELF file (machine %s); an x86 kernel is needed",
				 f->path, machine_name((u16)(f->data[18] << 8 | f->data[19])));
	if (ident[EI_DATA] != ELFDATA2LSB)
		return error_set(e, -EINVAL, "%s: damaged ELF file: data encoding %u", f->path,
				 ident[EI_DATA]);
	if (*is64) {
		memcpy(&h64, f->data, sizeof(h64));
		FILL_HEADER(out, h64);
	} else {
		memcpy(&h32, f->data, sizeof(h32));
		FILL_HEADER(out, h32);
	}
	return 0;
}

static int check_header(const struct boot_file *f, bool is64, const struct raw_header *h,
			struct error *e)
{
	u64 phentsize = is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (h->machine != EM_386 && h->machine != EM_X86_64)
		return error_set(e, -ENOTSUP,
				 "%s: ELF file for %s (machine %u); an x86 kernel is needed",
				 f->path, machine_name(h->machine), h->machine);
	if (is64 && h->machine == EM_386)
		return error_set(e, -EINVAL, "%s: damaged ELF file: 64-bit class with machine i386",
				 f->path);
	if (h->type != ET_EXEC && h->type != ET_DYN)
		return error_set(e, -EINVAL, "%s: ELF file of type %u (%s), not a linked kernel",
				 f->path, h->type,
				 h->type == ET_REL    ? "relocatable object"
				 : h->type == ET_CORE ? "core dump"
						      : "unknown");
	if (!h->phnum)
		return error_set(e, -EINVAL, "%s: ELF file without program headers", f->path);
	if (h->phentsize != phentsize)
		return error_set(e, -EINVAL,
				 "%s: damaged ELF file: program headers of %u bytes, expected %llu",
				 f->path, h->phentsize, (unsigned long long)phentsize);
	if (!in_file(f, h->phoff, h->phnum * phentsize))
		return error_set(
			e, -EINVAL,
			"%s: truncated ELF file: %u program headers at 0x%llx reach past its "
			"%llu bytes",
			f->path, h->phnum, (unsigned long long)h->phoff,
			(unsigned long long)f->size);
	return 0;
}

static int add_segment(const struct boot_file *f, struct elf_image *img, const struct raw_phdr *p,
		       struct error *e)
{
	unsigned n = img->nr_segments;

	if (!p->memsz && !p->filesz)
		return 0;
	if (n == ELF_MAX_SEGMENTS)
		return error_set(e, -EINVAL, "%s: ELF file with more than %d loadable segments",
				 f->path, ELF_MAX_SEGMENTS);
	if (!in_file(f, p->offset, p->filesz))
		return error_set(
			e, -EINVAL,
			"%s: truncated ELF file: segment %u (0x%llx bytes at offset 0x%llx) "
			"reaches past its %llu bytes",
			f->path, n, (unsigned long long)p->filesz, (unsigned long long)p->offset,
			(unsigned long long)f->size);
	if (p->filesz > p->memsz)
		return error_set(
			e, -EINVAL,
			"%s: damaged ELF file: segment %u has 0x%llx bytes in the file and "
			"0x%llx in memory",
			f->path, n, (unsigned long long)p->filesz, (unsigned long long)p->memsz);
	if (p->paddr + p->memsz < p->paddr)
		return error_set(
			e, -EINVAL,
			"%s: damaged ELF file: segment %u (0x%llx + 0x%llx bytes) wraps around",
			f->path, n, (unsigned long long)p->paddr, (unsigned long long)p->memsz);
	img->segment[n] =
		(struct elf_segment){ p->offset, p->filesz, p->vaddr, p->paddr, p->memsz };
	img->nr_segments++;
	return 0;
}

static int add_notes(const struct boot_file *f, struct elf_image *img, const struct raw_phdr *p,
		     struct error *e)
{
	if (!in_file(f, p->offset, p->filesz))
		return error_set(
			e, -EINVAL,
			"%s: truncated ELF file: notes (0x%llx bytes at offset 0x%llx) reach "
			"past its %llu bytes",
			f->path, (unsigned long long)p->filesz, (unsigned long long)p->offset,
			(unsigned long long)f->size);
	if (img->nr_notes < ELF_MAX_NOTES)
		img->notes[img->nr_notes++] =
			(struct elf_notes){ p->offset, p->filesz, p->align == 8 ? 8 : 4 };
	return 0;
}

int elf_parse(const struct boot_file *f, struct elf_image *img, struct error *e)
{
	struct raw_header h = { 0 };
	int err;

	memset(img, 0, sizeof(*img));
	err = read_header(f, &img->is64, &h, e);
	if (!err)
		err = check_header(f, img->is64, &h, e);
	if (err)
		return err;
	img->entry = h.entry;

	for (u16 i = 0; i < h.phnum; i++) {
		struct raw_phdr p;

		read_phdr(f, img->is64, h.phoff + (u64)i * h.phentsize, &p);
		if (p.type == PT_LOAD)
			err = add_segment(f, img, &p, e);
		else if (p.type == PT_NOTE)
			err = add_notes(f, img, &p, e);
		else if (p.type == PT_INTERP)
			err = error_set(e, -EINVAL,
					"%s: a program for an operating system (it asks for a "
					"dynamic loader), not a kernel",
					f->path);
		if (err)
			return err;
	}
	if (!img->nr_segments)
		return error_set(e, -EINVAL, "%s: ELF file with nothing to load", f->path);
	return 0;
}

/* One pass over a note segment: header of three words, then owner and descriptor, both padded. */
static const u8 *find_in_notes(const struct boot_file *f, const struct elf_notes *notes,
			       const char *owner, u32 type, u32 *size)
{
	u64 at = notes->offset, end = at + notes->size;
	u64 owner_len = strlen(owner) + 1;

	while (end - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		u64 name, desc;

		memcpy(&n, f->data + at, sizeof(n));
		name = at + sizeof(n);
		desc = notes->offset +
		       ALIGN_UP(name - notes->offset + (u64)n.n_namesz, notes->align);
		if (desc > end || n.n_descsz > end - desc)
			return NULL;
		if (n.n_namesz == owner_len && !memcmp(f->data + name, owner, owner_len) &&
		    (type == ELF_ANY_TYPE || n.n_type == type)) {
			*size = n.n_descsz;
			return f->data + desc;
		}
		at = notes->offset + ALIGN_UP(desc - notes->offset + (u64)n.n_descsz, notes->align);
		if (at > end)
			return NULL;
	}
	return NULL;
}

const u8 *elf_find_note(const struct boot_file *f, const struct elf_image *img, const char *owner,
			u32 type, u32 *size)
{
	for (unsigned i = 0; i < img->nr_notes; i++) {
		const u8 *desc = find_in_notes(f, &img->notes[i], owner, type, size);

		if (desc)
			return desc;
	}
	return NULL;
}

bool elf_entry_paddr(const struct elf_image *img, u64 *out)
{
	for (unsigned i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (img->entry >= s->vaddr && img->entry - s->vaddr < s->memsz) {
			*out = img->entry - s->vaddr + s->paddr;
			return true;
		}
	}
	*out = img->entry;
	return elf_holds_paddr(img, img->entry);
}

bool elf_holds_paddr(const struct elf_image *img, u64 paddr)
{
	for (unsigned i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (paddr >= s->paddr && paddr - s->paddr < s->memsz)
			return true;
	}
	return false;
}

int elf_load(struct boot_job *job, const struct elf_image *img, struct error *e)
{
	/* Every place first: nothing is copied for an image that does not fit. */
	for (unsigned i = 0; i < img->nr_segments; i++) {
		char what[24];
		int err;

		snprintf(what, sizeof(what), "segment %u", i);
		err = place_take(&job->place, img->segment[i].paddr, img->segment[i].memsz, what,
				 e);
		if (err)
			return err;
	}
	for (unsigned i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];
		int err = job_copy_kernel(job, GPA(s->paddr), s->offset, s->filesz, e);

		if (err)
			return err;
		if (job->req->used_ram && s->memsz > s->filesz &&
		    guest_mem_zero(job->gm, GPA(s->paddr + s->filesz), s->memsz - s->filesz))
			return error_set(e, -EINVAL, "%s: cannot clear the end of segment %u",
					 job->place.path, i);
	}
	return 0;
}
