/* SPDX-License-Identifier: MIT */
/*
 * post.h - the POST diagnostic port of a PC: one byte that says how far something has come. What is
 * written goes to whoever made the device and reads back, as on boards with a latch there.
 */
#ifndef DEVICES_POST_H
#define DEVICES_POST_H

#include "devices/device.h"

extern const struct device_class post_class;

/* fn gets each byte, on the vCPU thread that wrote it. NULL when out of memory. Before the machine runs. */
struct device *post_create(const struct dev_env *env, const struct dev_range *pio,
			   void (*fn)(void *arg, u8 code), void *arg);

#endif
