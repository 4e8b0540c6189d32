/* SPDX-License-Identifier: MIT */
/* backtrace.c - see backtrace.h. */
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/sections.h"
#include "guest/kernel/printk.h"
#include "guest/lib/printf.h"

#define MAX_FRAMES 24

struct frame {
	const struct frame *caller;
	u64 ret;
};

extern char trap_return[];

static int format_symbol(void *arg, char *buf, size_t size, const void *ptr)
{
	return ksym_format(arg, (u64)ptr, buf, size);
}

void backtrace_init(void)
{
	static const struct printf_ext table[] = {
		{ 'S', format_symbol, (void *)(u64)&kernel_symbols },
		{ 0, NULL, NULL },
	};

	printf_set_ext(table);
}

/* Whether a frame at p can be read: present, and not past the end of its page. */
static bool readable(const void *p)
{
	unsigned level;

	if ((u64)p & 7 || (u64)p < PAGE_OFFSET)
		return false;
	if (!kernel_pt.root) /* the early map: only the image holds a stack then */
		return (u64)p >= (u64)boot_stack && (u64)p < (u64)boot_stack_top;
	return pt_lookup(&kernel_pt, (u64)p, &level) && pt_lookup(&kernel_pt, (u64)p + 15, &level);
}

size_t backtrace_save(const struct pt_regs *regs, u64 *pc, size_t max)
{
	const struct frame *f = regs ? (const struct frame *)regs->rbp : __builtin_frame_address(0);
	size_t n = 0;

	if (regs && n < max)
		pc[n++] = regs->rip;
	while (n < max && readable(f)) {
		const struct frame *caller = f->caller;

		if (f->ret == (u64)trap_return) {
			/* An interrupt: the frame's caller was stopped at the RIP saved above it. */
			const struct pt_regs *r = (const struct pt_regs *)(f + 1);

			pc[n++] = r->rip;
			f = (const struct frame *)r->rbp;
			continue;
		}
		if (f->ret < (u64)_text || f->ret >= (u64)_etext)
			break;
		/* One byte back: a call at the end of a function returns into the next. */
		pc[n++] = f->ret - 1;
		if (caller <= f)
			break;
		f = caller;
	}
	return n;
}

void backtrace_print(const struct pt_regs *regs)
{
	u64 pc[MAX_FRAMES];
	size_t n = backtrace_save(regs, pc, MAX_FRAMES);

	pr_emerg("Call chain, innermost first:");
	for (size_t i = 0; i < n; i++)
		pr_emerg("  %2lu  %016lx  %pS", i, pc[i], (void *)pc[i]);
}

void show_regs(const struct pt_regs *r)
{
	pr_emerg("RIP %04lx:%016lx  %pS", r->cs, r->rip, (void *)r->rip);
	pr_emerg("RSP %04lx:%016lx  FLAGS %08lx  error %lx", r->ss, r->rsp, r->eflags,
		 r->error_code);
	pr_emerg("RAX %016lx RBX %016lx RCX %016lx", r->rax, r->rbx, r->rcx);
	pr_emerg("RDX %016lx RSI %016lx RDI %016lx", r->rdx, r->rsi, r->rdi);
	pr_emerg("RBP %016lx R8  %016lx R9  %016lx", r->rbp, r->r8, r->r9);
	pr_emerg("R10 %016lx R11 %016lx R12 %016lx", r->r10, r->r11, r->r12);
	pr_emerg("R13 %016lx R14 %016lx R15 %016lx", r->r13, r->r14, r->r15);
	pr_emerg("CR0 %016lx CR2 %016lx CR3 %016lx", read_cr0(), read_cr2(), read_cr3());
	pr_emerg("CR4 %016lx GS  %016lx", read_cr4(), rdmsr(MSR_GS_BASE));
}
