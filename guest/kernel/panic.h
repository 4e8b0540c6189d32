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

/* Reports fmt, the registers (regs may be NULL) and the call chain, then ends the machine. A second
 * panic while the first is reported is not reported but ends the machine at once. */
_Noreturn void panic_regs(const struct pt_regs *regs, const char *fmt, ...) printf_like(2, 3);
_Noreturn void panic(const char *fmt, ...) printf_like(1, 2);
_Noreturn void vpanic(const struct pt_regs *regs, const char *fmt, __builtin_va_list ap)
	printf_like(2, 0);

/* Ends the machine with a status: 0 powers off, anything else goes through the exit device. */
_Noreturn void machine_exit(u8 status);

/* Reports where and why, with a call chain, and goes on. */
#define WARN_ON(cond)                                              \
	({                                                         \
		bool warn_on_ = !!(cond);                          \
		if (unlikely(warn_on_))                            \
			warn_report(__FILE__, __LINE__, #cond);    \
		warn_on_;                                          \
	})
#define WARN_ONCE(cond, ...)                                       \
	({                                                         \
		static bool warn_once_;                            \
		bool warn_on_ = !!(cond);                          \
		if (unlikely(warn_on_ && !warn_once_)) {           \
			warn_once_ = true;                         \
			pr_warn(__VA_ARGS__);                      \
			warn_report(__FILE__, __LINE__, #cond);    \
		}                                                  \
		warn_on_;                                          \
	})
void warn_report(const char *file, int line, const char *what);

#endif
