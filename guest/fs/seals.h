/* SPDX-License-Identifier: MIT */
/*
 * seals.h - what can never again be done to a file in memory, fcntl(2) "File Sealing": a receiver of a
 * memfd who finds it sealed need not fear its sender.
 *
 * inode->i_seals only ever gains bits, under i_rwsem. F_SEAL_WRITE is refused while somebody has, or is
 * about to have, a shared mapping that could become writable: as->i_mmap_writable counts both.
 */
#ifndef GUEST_FS_SEALS_H
#define GUEST_FS_SEALS_H

#include "guest/fs/vfs.h"

#define SEALS_OF_WRITING (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define SEALS_ALL	 (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | SEALS_OF_WRITING)

/* F_ADD_SEALS, F_GET_SEALS. */
s64 seals_fcntl(struct file *f, unsigned cmd, u64 arg);

/* Bytes up to `end` are to be written, or the file to be allocated up to it. i_rwsem held. */
static inline bool seals_forbid_write(const struct inode *inode, s64 end)
{
	return unlikely(inode->i_seals & (SEALS_OF_WRITING | F_SEAL_GROW)) &&
	       (inode->i_seals & SEALS_OF_WRITING || end > inode->i_size);
}

/* i_rwsem held. */
static inline bool seals_forbid_size(const struct inode *inode, s64 size)
{
	return (inode->i_seals & F_SEAL_SHRINK && size < inode->i_size) ||
	       (inode->i_seals & F_SEAL_GROW && size > inode->i_size);
}

/*
 * A shared mapping is being made, writable now (`write`) or later (`may_write`, which becomes false where
 * that is sealed): 0 or -EPERM. After 0 and with *pledged set, seals_mapped() comes once the mapping
 * exists or will not.
 */
int seals_map_shared(struct inode *inode, bool write, bool *may_write, bool *pledged);
void seals_mapped(struct inode *inode);

#endif
