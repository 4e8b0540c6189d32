/* SPDX-License-Identifier: MIT */
/* usermode.c - see usermode.h. */
#include "guest/arch/x86/usermode.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/kernel/task.h"
#include "guest/lib/string.h"

#define CR4_OSFXSR     (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)

/* Cleared on entry: TF, IF, DF, IOPL, NT, AC. */
#define SYSCALL_MASK 0x47700UL

DEFINE_PER_CPU(u64, kernel_sp); /* where system calls of this CPU's thread begin */
DEFINE_PER_CPU(u64, user_sp);	/* for the two instructions that have no register free */

static DEFINE_PER_CPU(bool, fpu_is_on);

void syscall_entry(void);
_Noreturn void enter_user_frame(struct pt_regs *regs);

void usermode_setup_cpu(void)
{
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	/* SYSRET takes CS from the upper selector + 16 and SS from it + 8. */
	wrmsr(MSR_STAR, (u64)USER32_CS << 48 | (u64)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_SYSCALL_MASK, SYSCALL_MASK);
	this_cpu_write(fpu_is_on, false); /* INIT has switched it off on a CPU that comes back */
}

void user_state_init(struct user_state *s)
{
	const u16 fcw = 0x037f; /* all exceptions masked, full precision */
	const u32 mxcsr = 0x1f80;

	memset(s, 0, sizeof(*s));
	memcpy(s->fpu, &fcw, sizeof(fcw));
	memcpy(s->fpu + 24, &mxcsr, sizeof(mxcsr));
}

void user_state_save(struct user_state *s)
{
	__asm__ volatile("fxsave64 %0" : "=m"(s->fpu));
}

/* Up to a CPU's first program a stray floating-point instruction of the kernel is a reported trap. From
 * then on the kernel still uses none; it only keeps the users' states apart. */
static void fpu_on(void)
{
	write_cr0((read_cr0() & ~CR0_EM) | CR0_MP);
	this_cpu_write(fpu_is_on, true);
}

void user_state_load(const struct user_state *s)
{
	if (unlikely(!this_cpu_read(fpu_is_on)))
		fpu_on();
	__asm__ volatile("fxrstor64 %0" : : "m"(s->fpu));
	wrmsr(MSR_FS_BASE, s->fs_base);
	wrmsr(MSR_KERNEL_GS_BASE, s->gs_base);
}

void user_frame_start(struct pt_regs *regs, u64 rip, u64 rsp)
{
	*regs = (struct pt_regs){
		.vector = VECTOR_SYSCALL,
		.rip = rip,
		.cs = USER_CS,
		.eflags = X86_EFLAGS_IF | 2,
		.rsp = rsp,
		.ss = USER_DS,
	};
}

_Noreturn void enter_user_mode(void)
{
	enter_user_frame(user_frame(thread_of(sched_env_current())->stack));
}
