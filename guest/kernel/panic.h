/* SPDX-License-Identifier: MIT */
/*
 * panic.h - the last words, and the ways to end the machine.
 *
 * Status 99 through the exit device means "the guest kernel panicked" (under QEMU's isa-debug-exit
 * that is (99 << 1) | 1 = 199); 0 is an ordinary power-off.
 */
#ifndef GUEST_KERNEL_PANIC_H
#define GUEST_KERNEL_PANIC_H

#include "guest/arch/x86/ptrace.h"
#include "guest/lib/types.h"

#define EXIT_STATUS_PANIC 99

/*
 * Stops the other CPUs, reports fmt and the call chain, and ends the machine. Any context. Of two
 * CPUs that panic at once the first reports; a panic within the report gets one line and ends it.
 * The chain begins with the caller; _from: with the caller of the function whose frame is given;
 * _regs: where the registers say, which are explained and shown.
 */
_Noreturn void panic(const char *fmt, ...) printf_like(1, 2);
_Noreturn void panic_from(const void *frame, const char *fmt, ...) printf_like(2, 3);
_Noreturn void panic_regs(const struct pt_regs *regs, const char *fmt, ...) printf_like(2, 3);

/* Whether another CPU is reporting a panic: this one should stop. */
bool panic_is_elsewhere(void);

/* Ends the machine with a status: 0 powers off, anything else goes through the exit device. */
_Noreturn void machine_exit(u8 status);

/* Starts the machine anew: by the keyboard controller's reset line, else by a triple fault. */
_Noreturn void machine_reset(void);

#endif
