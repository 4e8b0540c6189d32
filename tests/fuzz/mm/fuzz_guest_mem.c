/* SPDX-License-Identifier: MIT */
/*
 * The checked door against a naive model. Input: one guest (size, nodes), then operations of 17
 * bytes: kind, gpa, length. Any disagreement aborts.
 */
#include <stdlib.h>
#include <string.h>

#include "mm/guest_mem.h"
#include "mm/layout.h"

#define MAX_COPY 8192

/* Bytes of RAM from gpa on without a gap, at most len; *one: they lie in one region. */
static u64 model_run(const struct guest_mem *gm, u64 gpa, u64 len, bool *one)
{
	const struct mem_region *r;
	size_t nr = guest_mem_regions(gm, &r);
	u64 run = 0;

	*one = true;
	for (size_t i = 0; i < nr; i++) {
		u64 rest, at = gpa + run;

		if (at < gpa || at < r[i].gpa.v || at - r[i].gpa.v >= r[i].size)
			continue;
		rest = r[i].size - (at - r[i].gpa.v);
		if (run)
			*one = false;
		run += rest < len - run ? rest : len - run;
		if (run == len)
			break;
	}
	return run;
}

static void one_op(const struct guest_mem *gm, const u8 *op)
{
	static u8 buf[MAX_COPY], back[MAX_COPY];
	u64 gpa, len, run, probe;
	bool one, ram, ok;

	memcpy(&gpa, op + 1, 8);
	memcpy(&len, op + 9, 8);
	/* Half of the inputs aim where the edges are. */
	if (op[0] & 0x80)
		gpa = (guest_mem_end_above_4g(gm) >> (op[0] >> 2 & 15)) + (gpa & 0x3fff) - 0x2000;
	if (op[0] & 0x40)
		len &= MAX_COPY - 1;
	probe = len ? len : 1;
	run = model_run(gm, gpa, probe, &one);
	ram = run > 0;
	ok = run == probe;
	if ((guest_mem_range(gm, GPA(gpa), len) != NULL) != (ok && one))
		abort();
	if ((guest_mem_range(gm, GPA(gpa), 0) != NULL) != ram)
		abort();
	if (ok && len > MAX_COPY)
		return;
	memset(buf, op[0], sizeof(buf));
	if (ok) {
		if (guest_mem_write(gm, GPA(gpa), buf, len) ||
		    guest_mem_read(gm, GPA(gpa), back, len) || memcmp(buf, back, len))
			abort();
		if (len && (guest_mem_zero(gm, GPA(gpa), len - 1) ||
			    guest_mem_read(gm, GPA(gpa), back, len) || back[len - 1] != op[0] ||
			    (len > 1 && (back[0] || back[len - 2]))))
			abort();
	} else if (!guest_mem_write(gm, GPA(gpa), buf, len) ||
		   !guest_mem_read(gm, GPA(gpa), back, len) || !guest_mem_zero(gm, GPA(gpa), len)) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem_config cfg = { .backing = MEM_BACKING_4K };
	struct guest_mem *gm;
	struct mem_layout l;
	const struct mem_region *r;
	size_t nr;
	u32 pages;

	if (size < 5)
		return 0;
	memcpy(&pages, data, 4);
	cfg.size = (u64)pages << 12;
	cfg.nr_nodes = data[4] & 15;
	if (guest_mem_create(&cfg, &gm, NULL)) {
		if (!mem_config_check(&cfg, NULL))
			abort();
		return 0;
	}
	l = (struct mem_layout){ cfg.size, 2 * MiB, cfg.nr_nodes };
	nr = guest_mem_regions(gm, &r);
	if (layout_check(&l, r, nr))
		abort();
	for (size_t i = 5; i + 17 <= size; i += 17)
		one_op(gm, data + i);
	guest_mem_destroy(gm);
	return 0;
}
