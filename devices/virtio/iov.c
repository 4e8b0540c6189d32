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

/* Copies between the pieces and flat memory; exactly one of `to` and `from` is there. */
static size_t iov_copy(const struct iovec *iov, unsigned n, size_t offset, u8 *to, const u8 *from,
		       size_t len)
{
	size_t moved = 0;

	for (unsigned i = 0; i < n && moved < len; i++) {
		u8 *piece = iov[i].iov_base;
		size_t part;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		part = MIN(iov[i].iov_len - offset, len - moved);
		if (to)
			memcpy(to + moved, piece + offset, part);
		else
			memcpy(piece + offset, from + moved, part);
		offset = 0;
		moved += part;
	}
	return moved;
}

size_t iov_read(const struct iovec *iov, unsigned n, size_t offset, void *to, size_t len)
{
	return iov_copy(iov, n, offset, to, NULL, len);
}

size_t iov_write(const struct iovec *iov, unsigned n, size_t offset, const void *from, size_t len)
{
	return iov_copy(iov, n, offset, NULL, from, len);
}
