/* SPDX-License-Identifier: MIT */
/* Fuzzes guest/lib/inflate.c against zlib: both accept the same streams, with the same output and the
 * same length of input. The first byte says whether the rest is raw or gzip. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "guest/lib/inflate.h"

#define MAX_OUT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t ours[MAX_OUT], theirs[MAX_OUT];
static size_t nr_ours;

static int sink(void *arg, const void *data, size_t n)
{
	(void)arg;
	if (n > MAX_OUT - nr_ours)
		return -28;
	memcpy(ours + nr_ours, data, n);
	nr_ours += n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	z_stream z = { 0 };
	size_t used = 0;
	bool gzip;
	int err, zerr;

	if (!size)
		return 0;
	gzip = data[0] & 1;
	data++;
	size--;
	nr_ours = 0;
	err = gzip ? inflate_gzip(data, size, &used, sink, NULL)
		   : inflate_raw(data, size, &used, sink, NULL);
	if (used > size)
		abort();
	if (inflateInit2(&z, gzip ? 31 : -15) != Z_OK)
		return 0;
	z.next_in = (uint8_t *)data;
	z.avail_in = (unsigned)size;
	z.next_out = theirs;
	z.avail_out = MAX_OUT;
	zerr = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* Output that does not fit is no verdict. */
	if (err == -28 || (zerr == Z_BUF_ERROR && !z.avail_out))
		return 0;
	if (!err != (zerr == Z_STREAM_END))
		abort();
	if (!err && (nr_ours != z.total_out || used != z.total_in || memcmp(ours, theirs, nr_ours)))
		abort();
	return 0;
}
