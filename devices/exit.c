/* SPDX-License-Identifier: MIT */
/* exit.c - stateless: every write is a request, every read finds an empty bus. */
#include "devices/exit.h"

#include <stdlib.h>

static void exit_reset(struct device *dev)
{
	(void)dev;
}

static u64 exit_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	(void)dev;
	(void)range;
	(void)offset;
	return size < 8 ? (1ULL << (8 * size)) - 1 : UINT64_MAX;
}

static void exit_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	(void)range;
	(void)offset;
	(void)size;
	dev->env->request(dev->env->ctx, MACHINE_GUEST_EXIT, (int)(value & 0xff));
}

struct device *exit_create(const struct dev_env *env, const struct dev_range *pio)
{
	struct device *dev = calloc(1, sizeof(*dev));

	if (dev)
		*dev = (struct device){
			.class = &exit_class, .env = env, .range = { *pio }, .nr_ranges = 1
		};
	return dev;
}

const struct device_class exit_class = {
	.name = "exit",
	.description = "exit port (isa-debug-exit)",
	.reset = exit_reset,
	.read = exit_read,
	.write = exit_write,
};
