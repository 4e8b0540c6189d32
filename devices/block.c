/* SPDX-License-Identifier: MIT */
/* block.c - opening, locking and measuring a disk image; see block.h. Requests: block_io.c. */
#include "devices/block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/block_priv.h"

s64 block_file_size(const struct block *b)
{
	struct stat st;
	u64 size;

	if (b->device) {
		if (ioctl(b->fd, BLKGETSIZE64, &size))
			return -errno;
	} else {
		if (fstat(b->fd, &st))
			return -errno;
		size = (u64)st.st_size;
	}
	return (s64)ALIGN_DOWN(size, BLOCK_SECTOR);
}

/* D4. Locks of the open file description: other threads and other fds of this process count too. */
static int lock_image(const struct block *b, const struct block_config *cfg, struct error *e)
{
	struct flock lock = { .l_type = cfg->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(b->fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return error_set(e, -EBUSY,
				 "disk %s: in use by another VM or tool; end that, or use a copy",
				 cfg->path);
	return error_sys(e, -errno, "disk %s: cannot lock it", cfg->path);
}

static void device_geometry(struct block *b)
{
	int logical = 0;
	unsigned physical = 0;

	if (!ioctl(b->fd, BLKSSZGET, &logical) && logical >= (int)BLOCK_SECTOR)
		b->logical = (u32)logical;
	if (!ioctl(b->fd, BLKPBSZGET, &physical) && physical >= b->logical)
		b->physical = physical;
}

/* What O_DIRECT wants; where the host does not say, a refused request goes through the page cache. */
static void direct_geometry(struct block *b)
{
	b->mem_align = b->offset_align = BLOCK_SECTOR;
#ifdef STATX_DIOALIGN
	struct statx st;

	if (!statx(b->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) &&
	    (st.stx_mask & STATX_DIOALIGN) && st.stx_dio_offset_align) {
		b->mem_align = st.stx_dio_mem_align;
		b->offset_align = st.stx_dio_offset_align;
	}
#endif
	b->logical = MAX(b->logical, b->offset_align);
	b->physical = MAX(b->physical, b->logical);
}

static int open_image(struct block *b, const struct block_config *cfg, struct error *e)
{
	int flags = O_CLOEXEC | O_NONBLOCK | (cfg->read_only ? O_RDONLY : O_RDWR);
	struct stat st;
	s64 size;
	int err;

	b->page_fd = b->fd = open(cfg->path, flags);
	if (b->fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM) && !cfg->read_only)
		return error_sys(e, -errno, "disk %s: cannot be written (add ,ro to only read it)",
				 cfg->path);
	if (b->fd < 0)
		return error_sys(e, -errno, "disk %s", cfg->path);
	if (fstat(b->fd, &st))
		return error_sys(e, -errno, "disk %s", cfg->path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_set(e, -EINVAL, "disk %s: not a file or block device", cfg->path);
	b->device = S_ISBLK(st.st_mode);
	b->logical = BLOCK_SECTOR;
	b->physical = 4096;
	err = lock_image(b, cfg, e);
	if (err)
		return err;
	size = block_file_size(b);
	if (size <= 0)
		return size ? error_sys(e, (int)size, "disk %s: its size", cfg->path)
			    : error_set(e, -EINVAL,
					"disk %s: empty; `truncate -s 1G %s` gives it a size",
					cfg->path, cfg->path);
	b->size = (u64)size;
	if (b->device)
		device_geometry(b);
	if (!cfg->direct)
		return 0;
	/* The lock stays with the first description, which serves what O_DIRECT cannot. */
	b->fd = open(cfg->path, flags | O_DIRECT);
	if (b->fd < 0)
		return error_sys(e, -errno, "disk %s: no O_DIRECT there; leave ,direct out",
				 cfg->path);
	b->direct = true;
	direct_geometry(b);
	return 0;
}

static void close_fds(struct block *b)
{
	if (b->fd >= 0 && b->fd != b->page_fd)
		close(b->fd);
	if (b->page_fd >= 0)
		close(b->page_fd);
}

int block_open(const struct block_config *cfg, struct block **out, struct error *e)
{
	struct block *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return error_sys(e, -ENOMEM, "disk %s", cfg->path);
	b->fd = b->page_fd = -1;
	b->read_only = cfg->read_only;
	err = open_image(b, cfg, e);
	if (err) {
		close_fds(b);
		free(b);
		return err;
	}
	/* Seccomp and sysctls refuse it on some hosts; the VM is slower then, and no less right. */
	b->uring = !cfg->no_uring && !io_uring_queue_init(BLOCK_MAX_IN_FLIGHT, &b->ring, 0);
	*out = b;
	return 0;
}

void block_close(struct block *b)
{
	if (!b)
		return;
	block_drain(b);
	if (b->uring)
		io_uring_queue_exit(&b->ring);
	close_fds(b);
	free(b);
}

u64 block_size(const struct block *b)
{
	return b->size;
}

u32 block_logical_size(const struct block *b)
{
	return b->logical;
}

u32 block_physical_size(const struct block *b)
{
	return b->physical;
}

bool block_read_only(const struct block *b)
{
	return b->read_only;
}

bool block_uses_uring(const struct block *b)
{
	return b->uring;
}

bool block_refresh_size(struct block *b)
{
	s64 size = block_file_size(b);
	u64 before = b->size;

	if (size >= 0)
		b->size = (u64)size;
	return b->size != before;
}

int block_event_fd(const struct block *b)
{
	return b->uring ? b->ring.ring_fd : -1;
}
