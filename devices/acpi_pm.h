/* SPDX-License-Identifier: MIT */
/*
 * acpi_pm.h - ACPI fixed hardware (ACPI 6.5 section 4.8.3): PM1a event and control blocks, the
 * 32-bit PM timer, the power button, and the reset control register at port 0xcf9.
 *
 * The machine is always in ACPI mode: SCI_EN reads 1 (the FADT has SMI_CMD 0). SLP_EN with SLP_TYP
 * PC_ACPI_SLP_S5 powers the machine off; no other sleep state exists and asking for one does
 * nothing. The timer counts now_ns exactly, without drift; its carry event (TMR_STS) is worked out
 * on access, and a host timer is armed only while the guest enables it.
 */
#ifndef DEVICES_ACPI_PM_H
#define DEVICES_ACPI_PM_H

#include "devices/device.h"

extern const struct device_class acpi_pm_class;

/*
 * pm: PC_ACPI_PM_LEN ports laid out as in abi/pc.h. reset: one port (PC_RESET_PORT). sci: level 1
 * while an enabled event's status is set. NULL when out of memory. Before the machine runs.
 */
struct device *acpi_pm_create(const struct dev_env *env, const struct dev_range *pm,
			      const struct dev_range *reset, struct irq_line sci);

/* The power button is pressed: PWRBTN_STS, and the SCI when enabled. Any thread. */
void acpi_pm_power_button(struct device *dev);

#endif
