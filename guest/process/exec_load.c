/* SPDX-License-Identifier: MIT */
/* exec_load.c - a program's segments into a new address space. */
#include "guest/lib/string.h"
#include "guest/process/exec_internal.h"
#include "guest/process/filemap.h"

/* Two thirds up, where Linux puts programs that may lie anywhere. */
#define ELF_DYN_BASE 0x555555554000UL

int read_head(struct bprm *b)
{
	s64 pos = 0, n = kernel_read(&b->u->vt, b->file, b->head, sizeof(b->head), &pos);

	if (n < 0)
		return (int)n;
	b->head_size = (size_t)n;
	memset(b->head + n, 0, sizeof(b->head) - (size_t)n);
	return 0;
}

/* ---- mapping -------------------------------------------------------------------------------------------------- */

static u64 rights(const struct elf_segment *s)
{
	return (s->read ? VM_READ : 0) | (s->write ? VM_WRITE : 0) | (s->exec ? VM_EXEC : 0) |
	       VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
}

int map_anonymous(struct mm_struct *mm, u64 start, u64 end, u64 vm_flags)
{
	struct mmap_request req = {
		.addr = start, .len = end - start, .vm_flags = vm_flags, .flags = MAP_FIXED
	};
	s64 got = start < end ? mm_mmap(mm, &req) : 0;

	return got < 0 ? (int)got : 0;
}

static int map_segment(struct bprm *b, struct file *f, const struct elf_segment *s, u64 bias)
{
	u64 start = page_down(s->vaddr + bias), file_end = s->vaddr + bias + s->filesz;
	u64 end = page_up(s->vaddr + bias + s->memsz);
	struct mmap_request req = { .addr = start,
				    .len = page_up(file_end) - start,
				    .vm_flags = rights(s),
				    .pgoff = page_down(s->offset) >> PAGE_SHIFT,
				    .flags = MAP_FIXED };
	static const u8 zeroes[PAGE_SIZE];
	u64 tail = page_up(file_end) - file_end;
	s64 got;
	int err;

	if (!s->filesz)
		return map_anonymous(b->mm, start, end, rights(s));
	err = filemap_prepare(f, &req);
	if (err)
		return err;
	got = mm_mmap(b->mm, &req);
	if (got < 0)
		return (int)got;
	/* What lies behind the file's part in its last page is the beginning of the zeroes. */
	if (s->memsz > s->filesz && tail && s->write &&
	    mm_access(b->mm, file_end, (void *)zeroes, tail, true, false) != tail)
		return -EFAULT;
	return map_anonymous(b->mm, page_up(file_end), end, rights(s));
}

static int map_image(struct bprm *b, struct file *f, const struct elf_image *img, u64 bias)
{
	for (unsigned i = 0; i < img->nr_segments; i++) {
		int err = map_segment(b, f, &img->segment[i], bias);

		if (err)
			return err;
	}
	return 0;
}

/* A free place for all of the image; its lowest address, or 0. */
static u64 find_place(struct bprm *b, const struct elf_image *img)
{
	struct mmap_request req = { .len = img->end - img->start, .vm_flags = 0 };
	s64 at = mm_mmap(b->mm, &req);

	return at < 0 ? 0 : (u64)at;
}

static int load_interpreter(struct bprm *b)
{
	char name[256];
	struct elf_image *img = &b->img;
	struct elf_image *interp;
	struct file *f = NULL;
	s64 pos = (s64)img->interp_offset, n;
	const char *why;
	u64 at;
	int err;

	n = kernel_read(&b->u->vt, b->file, name, MIN(img->interp_size, sizeof(name)), &pos);
	if (n != (s64)img->interp_size || name[n - 1])
		return -ENOEXEC;
	interp = kzalloc(&kernel_mm.slab, sizeof(*interp), GFP_KERNEL);
	if (!interp)
		return -ENOMEM;
	err = open_exec(&b->u->vt, AT_FDCWD, name, LOOKUP_FOLLOW, &f);
	if (err)
		goto out;
	/* The program's own headers have been read by now. */
	pos = 0;
	n = kernel_read(&b->u->vt, f, b->head, sizeof(b->head), &pos);
	err = n < 0 ? (int)n : elf_parse(b->head, (size_t)n, (u64)f->f_inode->i_size, interp, &why);
	if (!err && !interp->nr_segments)
		err = -EINVAL;
	if (err)
		goto out_file;
	at = interp->position_independent ? find_place(b, interp) : interp->start;
	err = at ? map_image(b, f, interp, at - interp->start) : -ENOMEM;
	b->interp_base = at - interp->start;
	b->entry = interp->entry + b->interp_base;
out_file:
	allow_write_access(f);
	fput(f);
out:
	kfree(&kernel_mm.slab, interp);
	return err;
}

int load_elf(struct bprm *b)
{
	struct elf_image *img = &b->img;
	struct mm_struct *mm = b->mm;
	const char *why;
	int err = elf_parse(b->head, b->head_size, (u64)b->file->f_inode->i_size, img, &why);

	if (err)
		return err;
	if (img->position_independent)
		b->load_bias = ELF_DYN_BASE - img->start;
	err = map_image(b, b->file, img, b->load_bias);
	if (err)
		return err;
	for (unsigned i = 0; i < img->nr_segments; i++) {
		const struct elf_segment *s = &img->segment[i];
		u64 start = s->vaddr + b->load_bias;

		if (s->exec && !mm->start_code) {
			mm->start_code = start;
			mm->end_code = start + s->filesz;
		} else if (s->write) {
			mm->start_data = mm->start_data ? mm->start_data : start;
			mm->end_data = start + s->filesz;
		}
	}
	mm->start_brk = mm->brk = img->end + b->load_bias;
	b->entry = img->entry + b->load_bias;
	return img->interp_size ? load_interpreter(b) : 0;
}
