/* SPDX-License-Identifier: MIT */
/* post.c - see post.h. */
#include "devices/post.h"

#include <stddef.h>
#include <stdlib.h>

struct post {
	struct device dev;
	void (*fn)(void *arg, u8 code);
	void *arg;
	struct post_state {
		u8 code;
	} s;
};

static void post_reset(struct device *dev)
{
	((struct post *)dev)->s.code = 0;
}

static u64 post_read(struct device *dev, unsigned range, u64 offset, unsigned size)
{
	(void)range;
	(void)offset;
	(void)size;
	return __atomic_load_n(&((struct post *)dev)->s.code, __ATOMIC_RELAXED);
}

static void post_write(struct device *dev, unsigned range, u64 offset, unsigned size, u64 value)
{
	struct post *p = (struct post *)dev;

	(void)range;
	(void)offset;
	(void)size;
	__atomic_store_n(&p->s.code, (u8)value, __ATOMIC_RELAXED);
	p->fn(p->arg, (u8)value);
}

struct device *post_create(const struct dev_env *env, const struct dev_range *pio,
			   void (*fn)(void *arg, u8 code), void *arg)
{
	struct post *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->dev = (struct device){
		.class = &post_class, .env = env, .range = { *pio }, .nr_ranges = 1
	};
	p->fn = fn;
	p->arg = arg;
	return (struct device *)p;
}

const struct device_class post_class = {
	.name = "post",
	.description = "POST diagnostic port",
	.reset = post_reset,
	.read = post_read,
	.write = post_write,
	.state_offset = offsetof(struct post, s),
	.state_size = sizeof(struct post_state),
};
