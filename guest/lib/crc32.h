/* SPDX-License-Identifier: MIT */
/* crc32.h - the CRC of IEEE 802.3, zlib, gzip and PNG (polynomial 0xEDB88320). */
#ifndef GUEST_LIB_CRC32_H
#define GUEST_LIB_CRC32_H

#include "guest/lib/types.h"

/* Continues from `crc` (0 to begin); crc32_ieee(0, "123456789", 9) is 0xCBF43926. */
u32 crc32_ieee(u32 crc, const void *data, size_t n);

#endif
