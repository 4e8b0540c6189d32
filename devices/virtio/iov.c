/* SPDX-License-Identifier: MIT */
/* iov.c - copying to, from and out of the pieces of a chain; see virtqueue.h. */
#include <string.h>

#include "devices/virtio/virtqueue.h"

unsigned iov_slice(const struct iovec *iov, unsigned n, size_t offset, size_t len,
		   struct iovec *out)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < n && len; i++) {
		size_t part;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		part = MIN(iov[i].iov_len - offset, len);
		out[nr++] = (struct iovec){ (u8 *)iov[i].iov_base + offset, part };
		offset = 0;
		len -= part;
	}
	return nr;
}

/* Where byte `offset` lies: the piece's index, n behind the end; *offset becomes relative to it. */
static unsigned seek(const struct iovec *iov, unsigned n, size_t *offset)
{
	unsigned i = 0;

	while (i < n && *offset >= iov[i].iov_len)
		*offset -= iov[i++].iov_len;
	return i;
}

size_t iov_read(const struct iovec *iov, unsigned n, size_t offset, void *to, size_t len)
{
	size_t moved = 0;

	for (unsigned i = seek(iov, n, &offset); i < n && moved < len; i++, offset = 0) {
		size_t part = MIN(iov[i].iov_len - offset, len - moved);

		memcpy((u8 *)to + moved, (const u8 *)iov[i].iov_base + offset, part);
		moved += part;
	}
	return moved;
}

size_t iov_write(const struct iovec *iov, unsigned n, size_t offset, const void *from, size_t len)
{
	size_t moved = 0;

	for (unsigned i = seek(iov, n, &offset); i < n && moved < len; i++, offset = 0) {
		size_t part = MIN(iov[i].iov_len - offset, len - moved);

		memcpy((u8 *)iov[i].iov_base + offset, (const u8 *)from + moved, part);
		moved += part;
	}
	return moved;
}
