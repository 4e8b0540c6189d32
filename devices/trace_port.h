/* SPDX-License-Identifier: MIT */
/* trace_port.h - the port by which a guest says where its trace area is (devices/abi/trace.h). */
#ifndef DEVICES_TRACE_PORT_H
#define DEVICES_TRACE_PORT_H

#include "devices/device.h"

extern const struct device_class trace_port_class;

/* fn gets each page number, unchecked, on the vCPU thread that wrote it. NULL when out of memory. */
struct device *trace_port_create(const struct dev_env *env, const struct dev_range *pio,
				 void (*fn)(void *arg, u64 page), void *arg);

#endif
