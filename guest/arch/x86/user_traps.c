/* SPDX-License-Identifier: MIT */
/* user_traps.c - see user_traps.h. */
#include "guest/arch/x86/user_traps.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/traps.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/trace.h"
#include "guest/lib/string.h"
#include "guest/platform/kvm_async_pf.h"
#include "guest/process/oom.h"
#include "guest/process/process.h"
#include "guest/process/syscalls.h"
#include "guest/process/tracee.h"

/* Page-fault error code (SDM volume 3, 4.7). */
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_RESERVED = 8, PF_FETCH = 16 };

void syscall_entry(void);

/* How system calls arrive here; see usermode.h. Set by the first one, which is pid 1's. */
static enum { BY_UNKNOWN, BY_ENTRY, BY_FAULT } syscalls_come;

static bool is_syscall_by_fault(const struct pt_regs *regs, u64 address)
{
	if (address != (u64)syscall_entry || regs->rip != address ||
	    regs->error_code != (PF_PRESENT | PF_USER | PF_FETCH) || syscalls_come == BY_ENTRY)
		return false;
	syscalls_come = BY_FAULT;
	return true;
}

static void do_syscall(struct pt_regs *regs)
{
	struct uthread *u = current_uthread();

	u->frame = regs;
	local_irq_enable();
	if (unlikely(u->trace != NULL))
		traced_syscall(u, regs);
	else
		syscall_dispatch(regs);
}

bool syscall_trap(struct pt_regs *regs)
{
	if (unlikely(syscalls_come != BY_ENTRY))
		syscalls_come = BY_ENTRY;
	do_syscall(regs);
	exit_to_user_mode(regs);
	/* What sysret cannot bring back, or must not: a foreign address faults in ring 0 on some CPUs. */
	return regs->rcx == regs->rip && regs->r11 == regs->eflags && regs->cs == USER_CS &&
	       regs->ss == USER_DS && regs->rip < USER_TASK_SIZE &&
	       !(regs->eflags & ~(u64)(USER_EFLAGS_MASK | X86_EFLAGS_IF | 2)) &&
	       !(regs->eflags & (1u << 8));
}

static void memory_signal(unsigned ret, u64 address)
{
	if (ret & VM_FAULT_OOM)
		out_of_memory("page fault");
	else if (ret & VM_FAULT_SIGBUS)
		force_signal(SIGBUS, BUS_ADRERR, address);
	else
		force_signal(SIGSEGV, ret & VM_FAULT_ACCERR ? SEGV_ACCERR : SEGV_MAPERR, address);
}

static unsigned fault_flags(const struct pt_regs *regs)
{
	return regs->error_code & PF_WRITE   ? FAULT_WRITE
	       : regs->error_code & PF_FETCH ? FAULT_EXEC
					     : 0;
}

static void count_fault(struct uthread *u, unsigned ret)
{
	bool major = ret & VM_FAULT_MAJOR;

	u->times.maj_flt += major;
	u->times.min_flt += !major;
	count_vm_events(&kernel_mm.pg, PGFAULT, 1);
	if (major)
		count_vm_events(&kernel_mm.pg, PGMAJFAULT, 1);
}

static void user_page_fault(struct pt_regs *regs, u64 address)
{
	struct uthread *u = current_uthread();
	unsigned ret;

	if (address >= USER_TASK_SIZE || (regs->error_code & PF_RESERVED)) {
		force_signal(SIGSEGV, SEGV_MAPERR, address);
		return;
	}
	ret = handle_mm_fault(u->mm, address, fault_flags(regs));
	if (ret & VM_FAULT_ERROR)
		memory_signal(ret, address);
	else
		count_fault(u, ret);
}

bool user_memory_fault(struct pt_regs *regs, u64 address)
{
	struct uthread *u = current_uthread();
	unsigned ret;

	/* Code that must not sleep looks, and takes no for an answer. */
	if (!u || !u->mm || preempt_count() || !(regs->eflags & X86_EFLAGS_IF))
		return false;
	local_irq_enable();
	ret = handle_mm_fault(u->mm, address, fault_flags(regs));
	local_irq_disable();
	if (ret & VM_FAULT_ERROR)
		return false;
	count_fault(u, ret);
	return true;
}

static const struct {
	u8 sig, code;
} trap_signals[32] = {
	[0] = { SIGFPE, FPE_INTDIV },  [1] = { SIGTRAP, TRAP_TRACE }, [3] = { SIGTRAP, SI_KERNEL },
	[4] = { SIGSEGV, SI_KERNEL },  [5] = { SIGSEGV, SI_KERNEL },  [6] = { SIGILL, ILL_ILLOPN },
	[7] = { SIGFPE, 0 },	       [11] = { SIGBUS, 0 },	      [12] = { SIGBUS, 0 },
	[13] = { SIGSEGV, SI_KERNEL }, [16] = { SIGFPE, 0 },	      [17] = { SIGBUS, 1 },
	[19] = { SIGFPE, 0 },	       [21] = { SIGSEGV, SI_KERNEL },
};

/* Which of the exceptions that are not masked it was: #MF by the x87's words, #XM by MXCSR, whose low
 * six bits mean the same (SDM volume 1, 8.1.3 and 10.2.3). */
static int float_code(struct uthread *u, u64 vector)
{
	static const u8 codes[6] = { FPE_FLTINV, FPE_FLTUND, FPE_FLTDIV,
				     FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES };
	u64 flags = local_irq_save();
	u16 control, status;
	u32 mxcsr, raised;

	user_state_save(&u->regs);
	local_irq_restore(flags);
	memcpy(&control, u->regs.fpu, sizeof(control));
	memcpy(&status, u->regs.fpu + 2, sizeof(status));
	memcpy(&mxcsr, u->regs.fpu + 24, sizeof(mxcsr));
	raised = vector == 16 ? status & ~(u32)control : mxcsr & ~(mxcsr >> 7);
	for (unsigned bit = 0; bit < 6; bit++)
		if (raised & 1u << bit)
			return codes[bit];
	return 0;
}

void user_trap(struct pt_regs *regs, u64 address)
{
	unsigned sig = regs->vector < 32 ? trap_signals[regs->vector].sig : 0;

	current_uthread()->frame = regs;
	if (regs->vector == X86_TRAP_PF && async_pf_came()) {
		async_pf_wait((u32)address);
		return;
	}
	if (regs->vector == X86_TRAP_PF && is_syscall_by_fault(regs, address)) {
		/* As the CPU would have arrived at the entry. */
		regs->rip = regs->rcx;
		regs->eflags = (regs->r11 & USER_EFLAGS_MASK) | X86_EFLAGS_IF | 2;
		if (!is_canonical_user(regs->rip))
			regs->rip = USER_TASK_SIZE;
		do_syscall(regs);
		return;
	}
	trace(TRACE_EXCEPTION, (u32)regs->vector, address, regs->rip);
	local_irq_enable();
	if (regs->vector == X86_TRAP_PF)
		user_page_fault(regs, address);
	else if (regs->vector == 16 || regs->vector == 19)
		force_signal(SIGFPE, float_code(current_uthread(), regs->vector), regs->rip);
	else
		force_signal(sig ? (int)sig : SIGILL, trap_signals[regs->vector].code, regs->rip);
}

void exit_to_user_mode(struct pt_regs *regs)
{
	for (;;) {
		local_irq_disable();
		if (resched_wanted()) {
			local_irq_enable();
			schedule();
		} else if (likely(!READ_ONCE(current->user_work))) {
			return;
		} else if (READ_ONCE(current->signal_pending)) {
			local_irq_enable();
			do_signal(regs);
		} else {
			local_irq_enable();
			rseq_resume(current_uthread(), regs);
		}
	}
}
