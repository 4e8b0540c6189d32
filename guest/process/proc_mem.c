/* SPDX-License-Identifier: MIT */
/* proc_mem.c - /proc/PID/mem, cmdline, environ and auxv: parts of a process's memory as files. */
#include "guest/lib/errno.h"
#include "guest/process/internal.h"
#include "guest/process/proc_internal.h"

/* Bytes [from, to) of its memory as a file; a page at a time. */
static s64 read_memory(struct kiocb *io, struct iov_iter *out, struct mm_struct *mm, u64 from,
		       u64 to)
{
	struct slab_sys *slab = io->task->vfs->slab;
	u8 *buf = kmalloc(slab, PAGE_SIZE, GFP_KERNEL);
	s64 done = 0;

	if (!buf)
		return -ENOMEM;
	while (io->pos >= 0 && (u64)io->pos < to - from && iov_iter_count(out)) {
		u64 n = MIN(to - from - (u64)io->pos, PAGE_SIZE);
		size_t moved;

		n = MIN(n, iov_iter_count(out));
		n = mm_access(mm, from + (u64)io->pos, buf, n, false, true);
		moved = copy_to_iter(buf, n, out);
		io->pos += (s64)moved;
		done += (s64)moved;
		if (!moved || moved < n) {
			done = done ? done : moved < n ? -EFAULT : 0;
			break;
		}
	}
	kfree(slab, buf);
	return done;
}

/* A program that wrote over its arguments' last NUL goes on into the environment, up to a NUL there. */
static u64 args_end(struct mm_struct *mm)
{
	u64 end = mm->arg_end;
	char c = 'x';

	if (end <= mm->arg_start || mm_access(mm, end - 1, &c, 1, false, true) != 1 || !c)
		return end;
	while (end < mm->env_end && mm_access(mm, end, &c, 1, false, true) == 1 && c)
		end++;
	return end;
}

static s64 read_args(struct kiocb *io, struct iov_iter *to)
{
	struct mm_struct *mm = proc_ref_mm(io->filp->private_data);
	s64 ret = 0;

	if (!mm)
		return 0;
	if (mm->arg_end > mm->arg_start)
		ret = read_memory(io, to, mm, mm->arg_start, args_end(mm));
	mmput(mm);
	return ret;
}

static int open_by_right(struct vfs_task *t, struct inode *inode, struct file *f)
{
	(void)inode;
	return proc_ref_may_read(t, f->private_data) ? 0 : -EACCES;
}

static s64 read_environ(struct kiocb *io, struct iov_iter *to)
{
	struct mm_struct *mm = proc_ref_mm(io->filp->private_data);
	s64 ret = 0;

	if (!mm)
		return 0;
	if (mm->env_end > mm->env_start)
		ret = read_memory(io, to, mm, mm->env_start, mm->env_end);
	mmput(mm);
	return ret;
}

/* Where gdb learns how far a program was moved, and the loader's address. */
static s64 read_auxv(struct kiocb *io, struct iov_iter *to)
{
	struct mm_struct *mm = proc_ref_mm(io->filp->private_data);
	size_t n = 2;
	s64 moved = 0;

	if (!mm)
		return 0;
	while (n < MM_AUXV_WORDS && mm->auxv[n - 2])
		n += 2;
	n *= sizeof(u64);
	if (io->pos >= 0 && (u64)io->pos < n)
		moved = (s64)copy_to_iter((const u8 *)mm->auxv + io->pos, n - (u64)io->pos, to);
	io->pos += moved;
	mmput(mm);
	return moved;
}

static s64 read_mem(struct kiocb *io, struct iov_iter *to)
{
	struct mm_struct *mm = proc_ref_mm(io->filp->private_data);
	s64 ret;

	if (!mm)
		return 0;
	ret = read_memory(io, to, mm, 0, mm->sys->task_size);
	mmput(mm);
	return ret || !iov_iter_count(to) ? ret : -EIO;
}

/* By a debugger's rights: what may not be written may be changed, in a copy of its own. */
static s64 write_mem(struct kiocb *io, struct iov_iter *from)
{
	struct mm_struct *mm = proc_ref_mm(io->filp->private_data);
	struct slab_sys *slab = io->task->vfs->slab;
	u8 *buf = mm ? kmalloc(slab, PAGE_SIZE, GFP_KERNEL) : NULL;
	s64 done = 0, err = buf ? 0 : -ENOMEM;

	if (!mm)
		return 0;
	while (!err && iov_iter_count(from)) {
		u64 n = copy_from_iter(buf, MIN(iov_iter_count(from), PAGE_SIZE), from);
		u64 moved = io->pos < 0 ? 0 : mm_access(mm, (u64)io->pos, buf, n, true, true);

		io->pos += (s64)moved;
		done += (s64)moved;
		if (!n || moved < n)
			err = n ? -EIO : -EFAULT;
	}
	if (buf)
		kfree(slab, buf);
	mmput(mm);
	return done ? done : err;
}

static const struct file_operations cmdline_fops = { .llseek = seq_lseek, .read_iter = read_args };
static const struct file_operations environ_fops = { .llseek = seq_lseek,
						     .open = open_by_right,
						     .read_iter = read_environ };
static const struct file_operations auxv_fops = { .llseek = seq_lseek,
						  .open = open_by_right,
						  .read_iter = read_auxv };
static const struct file_operations mem_fops = {
	.llseek = seq_lseek, .open = open_by_right, .read_iter = read_mem, .write_iter = write_mem
};

const struct pseudo_ops proc_cmdline_ops = { .fop = &cmdline_fops };
const struct pseudo_ops proc_environ_ops = { .fop = &environ_fops };
const struct pseudo_ops proc_mem_ops = { .fop = &mem_fops };
const struct pseudo_ops proc_auxv_ops = { .fop = &auxv_fops };
