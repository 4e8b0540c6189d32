/* SPDX-License-Identifier: MIT */
/*
 * exit.h - a port whose writing ends the machine with a status (the isa-debug-exit convention, so
 * that one guest image ends here and under QEMU). The status is the value's low byte, as written.
 */
#ifndef DEVICES_EXIT_H
#define DEVICES_EXIT_H

#include "devices/device.h"

extern const struct device_class exit_class;

/* NULL when out of memory. Before the machine runs. */
struct device *exit_create(const struct dev_env *env, const struct dev_range *pio);

#endif
