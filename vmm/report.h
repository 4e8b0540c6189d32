/* SPDX-License-Identifier: MIT */
/*
 * report.h - what a person is told about a guest that crashed or hangs: why, where, the instruction
 * (decoded by Zydis, which is loaded only then) and the registers.
 */
#ifndef VMM_REPORT_H
#define VMM_REPORT_H

#include "mm/guest_mem.h"
#include "vmm/vcpu.h"

/*
 * Formats the report of a stopped or paused vCPU into buf (always terminated). why may be NULL for
 * a plain state dump.
 */
void report_crash(char *buf, size_t size, struct vcpu *v, enum vcpu_end why,
		  const struct guest_mem *gm);

/* One vCPU's place in a few words, for the timeout report: "CPU 0: rip ... (hlt), halted". */
void report_where(char *buf, size_t size, struct vcpu *v, const struct guest_mem *gm);

/* The registers of one that stands still. */
void report_registers(char *buf, size_t size, struct vcpu *v);

#endif
