/* SPDX-License-Identifier: MIT */
/*
 * i8042.h - the PC's keyboard controller with nothing plugged into it (IBM PC AT Technical
 * Reference, "Keyboard Controller"): self test, command byte, output port, and the reset line.
 *
 * Every command answers at once; port tests say that the second port is not there, and bytes sent
 * to the keyboard time out, so that a driver's probe never waits. The A20 bit is kept, the gate
 * itself is always open. The ACPI tables had best leave IAPC_BOOT_ARCH's 8042 bit clear: there is
 * no keyboard to drive, and the reset pulse works whether announced or not.
 */
#ifndef DEVICES_I8042_H
#define DEVICES_I8042_H

#include "devices/device.h"

extern const struct device_class i8042_class;

/*
 * data and cmd: one port each (PC_I8042_DATA, PC_I8042_CMD). irq: the keyboard's line (1), level 1
 * while a byte waits and the command byte enables it. NULL when out of memory.
 */
struct device *i8042_create(const struct dev_env *env, const struct dev_range *data,
			    const struct dev_range *cmd, struct irq_line irq);

#endif
