/* SPDX-License-Identifier: MIT */
/*
 * traps.c - what happens on each vector: 0..31 are exceptions (SDM volume 3, table 6-1), the rest
 * interrupts. An exception in the kernel is either expected (exception table) or the end.
 */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/desc.h"
#include "guest/arch/x86/extable.h"
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/nmi.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/sections.h"
#include "guest/arch/x86/smp.h"
#include "guest/arch/x86/traps.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/arch/x86/user_traps.h"
#include "guest/kernel/irq.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/preempt.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/trace.h"
#include "guest/lib/printf.h"

void trap_entry(struct pt_regs *regs);

static const char *const trap_names[32] = {
	[0] = "#DE divide error",
	[1] = "#DB debug",
	[2] = "NMI",
	[3] = "#BP breakpoint",
	[4] = "#OF overflow",
	[5] = "#BR bound range",
	[6] = "#UD invalid opcode",
	[7] = "#NM no FPU",
	[8] = "#DF double fault",
	[10] = "#TS invalid TSS",
	[11] = "#NP segment not present",
	[12] = "#SS stack segment",
	[13] = "#GP general protection",
	[14] = "#PF page fault",
	[16] = "#MF x87 error",
	[17] = "#AC alignment check",
	[18] = "#MC machine check",
	[19] = "#XM SIMD error",
	[20] = "#VE virtualization",
	[21] = "#CP control protection",
};

extern const struct ex_entry __start_ex_table[], __stop_ex_table[];

static const struct ex_entry *ex_find(u64 rip)
{
	for (const struct ex_entry *e = __start_ex_table; e < __stop_ex_table; e++)
		if (e->from == rip)
			return e;
	return NULL;
}

bool ex_fixup(struct pt_regs *regs)
{
	const struct ex_entry *e = ex_find(regs->rip);

	if (!e)
		return false;
	regs->rip = e->to;
	regs->rax = EX_FAULT | regs->vector << 32 | (u32)regs->error_code;
	return true;
}

/* What kind of place an address is: the "why" of a page fault, as far as the layout tells. */
static const char *describe_address(u64 a)
{
	if (a < PAGE_SIZE)
		return "a NULL pointer, or an offset from one";
	if (a < 0x0000800000000000)
		return "user space, which the kernel reaches through uaccess.h only";
	if (a >= (u64)boot_stack_guard && a < (u64)boot_stack)
		return "the guard page of the boot stack: stack overflow";
	if (kstack_is_guard(a))
		return "a guard page: kernel stack overflow";
	if (a >= (u64)_text && a < (u64)__start_rodata)
		return "kernel text, which is read-only";
	if (a >= (u64)__start_rodata && a < (u64)__end_rodata)
		return "kernel rodata, which is read-only and not executable";
	if (a >= (u64)_sdata && a < (u64)_end)
		return "kernel data, which is not executable";
	if (a >= PAGE_OFFSET && a < VMALLOC_START)
		return "the linear map: no RAM there, or not writable, or not executable";
	if (a >= VMALLOC_START && a < VMALLOC_END)
		return "the vmalloc area, where nothing is mapped: freed, or beyond an end";
	return "an address that nothing is ever mapped at";
}

static void explain_page_fault(const struct pt_regs *regs)
{
	u64 address = read_cr2(), e = regs->error_code;
	const char *what = e & 16 ? "execute" : e & 2 ? "write to" : "read from";
	struct pt_leaf leaf;

	pr_emerg("The %s tried to %s %016lx: %s", e & 4 ? "user" : "kernel", what, address,
		 describe_address(address));
	if (kernel_pt.root && pgtable_lookup(&kernel_pt, address, &leaf))
		pr_emerg("  its page table entry, %016lx (%s page), forbids it%s", leaf.entry,
			 leaf.level == 1   ? "4K"
			 : leaf.level == 2 ? "2M"
					   : "1G",
			 e & 8 ? ": reserved bits are set" : "");
	else
		pr_emerg("  no page is mapped there");
}

void trap_explain(const struct pt_regs *regs)
{
	u64 e = regs->error_code;

	if (regs->vector == X86_TRAP_PF) {
		explain_page_fault(regs);
	} else if (regs->vector == X86_TRAP_DF) {
		pr_emerg(
			"Double fault: an exception could not be delivered, for want of a stack most likely");
		pr_emerg("  RSP is %016lx; the last page fault was at %016lx: %s", regs->rsp,
			 read_cr2(), describe_address(read_cr2()));
	} else if (regs->vector == X86_TRAP_GP && !e) {
		pr_emerg(
			"No selector is to blame: a non-canonical address, a privileged instruction");
		pr_emerg(
			"  in user mode, or a register or MSR that does not take the value written");
	} else if (regs->vector >= X86_TRAP_TS && regs->vector <= X86_TRAP_GP) {
		pr_emerg("Error code: selector %#lx in the %s%s", e & 0xfff8,
			 e & 2	 ? "IDT"
			 : e & 4 ? "LDT"
				 : "GDT",
			 e & 1 ? ", external event" : "");
	}
}

static _Noreturn void die(struct pt_regs *regs)
{
	const char *name = trap_names[regs->vector] ? trap_names[regs->vector] : "exception";

	panic_regs(regs, "%s in %s mode", name, user_mode(regs) ? "user" : "kernel");
}

/* An exception in the kernel: of an instruction that may have one, or the end. */
static void kernel_trap(struct pt_regs *regs, u64 address)
{
	if (regs->vector != X86_TRAP_NMI)
		trace(TRACE_EXCEPTION, (u32)regs->vector, address, regs->rip);
	if (regs->vector == X86_TRAP_PF && address < USER_TASK_SIZE && ex_find(regs->rip) &&
	    user_memory_fault(regs, address))
		return;
	if (regs->vector == X86_TRAP_NMI) {
		if (panic_is_elsewhere())
			smp_stop_self(regs);
		if (nmi_answer(regs))
			return;
	} else if (!user_mode(regs) && ex_fixup(regs)) {
		return;
	}
	die(regs);
}

void trap_entry(struct pt_regs *regs)
{
	/* Before anything that may fault again. */
	u64 address = regs->vector == X86_TRAP_PF ? read_cr2() : 0;

	if (cpu_features.smap)
		__asm__ volatile(
			"clac"); /* the access that faulted may have been one with SMAP off */
	if (regs->vector >= 32) {
		irq_dispatch(regs);
		preempt_check_irq(regs);
	} else if (!user_mode(regs) || regs->vector == X86_TRAP_NMI ||
		   regs->vector == X86_TRAP_DF || regs->vector == 18) {
		kernel_trap(regs, address);
		return;
	} else {
		user_trap(regs, address);
	}
	if (user_mode(regs))
		exit_to_user_mode(regs);
}
