/* SPDX-License-Identifier: MIT */
/* trace_port.c - see trace_port.h. */
#include "devices/trace_port.h"

#include <stdlib.h>

struct trace_port {
	struct device dev;
	void (*fn)(void *arg, u64 page);
	void *arg;
};

static void trace_port_reset(struct device *dev)
{
	(void)dev;
}

/* Zero where all-ones would be an empty bus: the port is there. */
static u64 trace_port_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	(void)dev;
	(void)range;
	(void)offset;
	(void)size;
	return 0;
}

static void trace_port_write(struct device *dev, unsigned range, u64 offset, unsigned size,
			     u64 value)
{
	struct trace_port *t = (struct trace_port *)dev;

	(void)range;
	if (offset == 0 && size == 4)
		t->fn(t->arg, (u32)value);
}

struct device *trace_port_create(const struct dev_env *env, const struct dev_range *pio,
				 void (*fn)(void *arg, u64 page), void *arg)
{
	struct trace_port *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->dev = (struct device){
		.class = &trace_port_class, .env = env, .range = { *pio }, .nr_ranges = 1
	};
	t->fn = fn;
	t->arg = arg;
	return (struct device *)t;
}

const struct device_class trace_port_class = {
	.name = "trace",
	.description = "trace port",
	.reset = trace_port_reset,
	.read = trace_port_read,
	.write = trace_port_write,
};
