/* SPDX-License-Identifier: MIT */
/*
 * inflate.h - unpacking DEFLATE streams (RFC 1951) and gzip files around them (RFC 1952), from memory
 * to a sink. Input is hostile: every length and distance is checked.
 */
#ifndef GUEST_LIB_INFLATE_H
#define GUEST_LIB_INFLATE_H

#include "guest/lib/types.h"

/* Gets the output in order, at most 32 KiB at a time. An error of its ends the unpacking. */
typedef int (*inflate_sink_fn)(void *arg, const void *data, size_t n);

/*
 * Unpacks one stream. *used gets the bytes of input that belong to it, on failure where it broke.
 * 0; -EINVAL: not such a stream; -EIO: cut short, or its checksum is wrong; -ENOMEM (one block of
 * about 40 KiB from env_alloc()); what the sink returned.
 */
int inflate_raw(const void *in, size_t len, size_t *used, inflate_sink_fn sink, void *arg);
int inflate_gzip(const void *in, size_t len, size_t *used, inflate_sink_fn sink, void *arg);

/* Whether the bytes begin as a gzip file does. */
bool is_gzip(const void *in, size_t len);

#endif
