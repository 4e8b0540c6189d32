/* SPDX-License-Identifier: MIT */
/*
 * A guest that traces as it likes. Input: commands of one byte and its arguments: bytes anywhere in the
 * header, in a CPU's words or in a ring; an announcement; a look; clocks. Aborts when what comes out in the
 * end is no trace that a viewer can draw. Reads outside guest memory are the sanitizer's affair: there are
 * guard pages around it.
 */
#include <stdlib.h>

#include "tests/unit/vmm/trace_check.h"

#define AREA  0x100000UL
#define RINGS 0x110000UL
#define CPUS  2u
#define SLOTS 64u

static struct guest_mem *memory(void)
{
	const struct mem_config cfg = { .size = 2 * MiB, .nr_nodes = 1, .backing = MEM_BACKING_4K };
	static struct guest_mem *gm;
	struct error e;

	if (!gm && guest_mem_create(&cfg, &gm, &e))
		abort();
	return gm;
}

static void fresh(u8 *ram)
{
	struct trace_area *a = (struct trace_area *)ram;

	memset(ram, 0, 128 * KiB);
	*a = (struct trace_area){ .magic = TRACE_MAGIC,
				  .version = TRACE_VERSION,
				  .nr_cpus = CPUS,
				  .slots = SLOTS,
				  .event_size = sizeof(struct trace_event) };
	for (unsigned i = 0; i < CPUS; i++)
		a->cpu[i].ring = RINGS + i * SLOTS * sizeof(struct trace_event);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct guest_mem *gm = memory();
	u8 *ram = guest_mem_range(gm, (gpa_t){ AREA }, 128 * KiB);
	struct trace *t = trace_create(CPUS, 500);
	struct trace_seen seen;

	if (!t)
		abort();
	fresh(ram);
	for (size_t i = 0; i + 5 < size; i += 6) {
		u32 at = data[i + 1] | (u32)data[i + 2] << 8;

		switch (data[i] & 7) {
		case 0: /* header and control words */
			memcpy(ram + at % 512, data + i + 3, 3);
			break;
		case 1:
			memcpy(ram + RINGS - AREA + at % 4096, data + i + 3, 3);
			break;
		case 2:
			trace_announce(t, gm, (gpa_t){ data[i + 3] ? AREA : (u64)at << 8 });
			break;
		case 3:
			((struct trace_area *)ram)->cpu[at % CPUS].head += data[i + 3];
			break;
		case 4:
			trace_take(t);
			break;
		case 5:
			trace_sync(t, (u64)at << data[i + 3] % 48, (u64)data[i + 4] << 20);
			break;
		case 6: /* an event as it should be, at random */
			ram[RINGS - AREA + at % (2 * SLOTS) * sizeof(struct trace_event) + 8] =
				data[i + 3] % (TRACE_TYPES + 1);
			break;
		default:
			trace_exit(t, at % CPUS,
				   &(struct trace_exit){ .start = (u64)at << 16,
							 .end = (u64)data[i + 3] << 24,
							 .reason = data[i + 4] });
			break;
		}
	}
	trace_take(t);
	if (trace_check(t, &seen))
		abort();
	trace_destroy(t);
	return 0;
}
