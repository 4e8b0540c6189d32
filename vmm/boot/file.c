/* SPDX-License-Identifier: MIT */
/* file.c - a kernel or initrd file mapped read-only; refuses at once what cannot be one. */
#include "vmm/boot/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_kind(const struct stat *st, const char *path, struct error *e)
{
	if (S_ISDIR(st->st_mode))
		return error_set(e, -EISDIR, "%s: a directory, not a kernel or initrd file", path);
	if (!S_ISREG(st->st_mode))
		return error_set(e, -EINVAL,
				 "%s: not a regular file; copy its contents to a file first", path);
	if (!st->st_size)
		return error_set(e, -EINVAL, "%s: the file is empty", path);
	return 0;
}

static int map_file(struct boot_file *f, struct error *e)
{
	struct stat st;
	void *map;
	int err = fstat(f->fd, &st) ? error_sys(e, -errno, "%s", f->path)
				    : check_kind(&st, f->path, e);

	if (err)
		return err;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, f->fd, 0);
	if (map == MAP_FAILED)
		return error_sys(e, -errno, "cannot map %s", f->path);
	f->data = map;
	f->size = (u64)st.st_size;
	return 0;
}

int boot_file_open(struct boot_file *f, const char *path, struct error *e)
{
	int err;

	*f = (struct boot_file){ .path = path, .fd = -1 };
	/* O_NONBLOCK: a FIFO without a writer must not hang the start */
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0)
		return error_sys(e, -errno, "cannot open %s", path);
	err = map_file(f, e);
	if (err) {
		close(f->fd);
		f->fd = -1;
	}
	return err;
}

int boot_file_refresh(struct boot_file *f, struct error *e)
{
	if (f->data)
		munmap((void *)f->data, f->size);
	f->data = NULL;
	f->size = 0;
	return map_file(f, e);
}

void boot_file_close(struct boot_file *f)
{
	if (f->data)
		munmap((void *)f->data, f->size);
	if (f->fd >= 0)
		close(f->fd);
	f->data = NULL;
	f->fd = -1;
	f->size = 0;
}
