/* SPDX-License-Identifier: MIT */
/* backtrace.c - see backtrace.h. */
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/sections.h"
#include "guest/kernel/printk.h"
#include "guest/lib/printf.h"

#define MAX_LINES  24
#define MAX_FRAMES 1024 /* more than fit a stack: a broken chain may be a circle */

struct frame {
	const struct frame *caller;
	u64 ret;
};

extern char trap_return[], paranoid_return[];

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
	struct pt_leaf leaf;

	if ((u64)p & 7 || (u64)p < PAGE_OFFSET)
		return false;
	if (!kernel_pt.root) /* the early map: only the image holds a stack then */
		return (u64)p >= (u64)boot_stack && (u64)p < (u64)boot_stack_top;
	return pgtable_lookup(&kernel_pt, (u64)p, &leaf) &&
	       (((u64)p & 0xff0) != 0xff0 || pgtable_lookup(&kernel_pt, (u64)p + 15, &leaf));
}

static bool in_text(u64 a)
{
	return a >= (u64)_text && a < (u64)_etext;
}

/* Whether the instruction before this address is a call: direct, or through register or memory. */
static bool follows_call(u64 a)
{
	const u8 *p = (const u8 *)a;

	if (!in_text(a) || a < (u64)_text + 8)
		return false;
	if (p[-5] == 0xe8)
		return true;
	for (int n = 2; n <= 7; n++) {
		if (p[-n] == 0xff && (p[1 - n] & 0x38) == 0x10) /* FF /2 */
			return true;
	}
	return false;
}

/*
 * The caller of a function that was interrupted without a frame of its own, or 0: it has just been
 * entered, or needs no frame, or RIP is where a wrong call led. Its return address tops the stack.
 */
static u64 frameless_caller(const struct pt_regs *regs)
{
	const u8 push_rbp = 0x55;
	const u64 *top = (const u64 *)regs->rsp;
	struct ksym sym;
	u64 ret;

	if (user_mode(regs) || !readable(top))
		return 0;
	if (ksym_lookup(&kernel_symbols, regs->rip, &sym)) {
		const u8 *entry = (const u8 *)(regs->rip - sym.offset);

		if (sym.offset == 1 && *entry == push_rbp)
			top++;
		else if (sym.offset && *entry == push_rbp)
			return 0;
	}
	ret = *top;
	return follows_call(ret) ? ret : 0;
}

struct unwind {
	const struct frame *frame;
	u64 known[2]; /* addresses found otherwise than through a frame; first these, 0 when used */
};

static void unwind_from_regs(struct unwind *u, const struct pt_regs *regs)
{
	u64 caller = frameless_caller(regs);

	u->frame = (const struct frame *)regs->rbp;
	u->known[0] = regs->rip;
	u->known[1] = caller ? caller - 1 : 0;
}

static void unwind_start(struct unwind *u, const struct pt_regs *regs, const void *frame)
{
	*u = (struct unwind){ .frame = frame };
	if (regs)
		unwind_from_regs(u, regs);
}

/* The next address outward, with whether there is one. */
static bool unwind_next(struct unwind *u, u64 *pc)
{
	const struct frame *f = u->frame;

	for (size_t i = 0; i < ARRAY_SIZE(u->known); i++) {
		*pc = u->known[i];
		u->known[i] = 0;
		if (*pc)
			return true;
	}
	if (!readable(f))
		return false;
	if (f->ret == (u64)trap_return || f->ret == (u64)paranoid_return) {
		/* An interrupt: the frame's caller was stopped at the RIP saved above it. */
		unwind_from_regs(u, (const struct pt_regs *)(f + 1));
		return unwind_next(u, pc);
	}
	if (!in_text(f->ret))
		return false;
	/* One byte back: a call at the end of a function returns into the next. */
	*pc = f->ret - 1;
	u->frame = f->caller > f ? f->caller : NULL;
	return true;
}

size_t backtrace_save(const struct pt_regs *regs, const void *frame, u64 *pc, size_t max)
{
	struct unwind u;
	size_t n = 0;

	unwind_start(&u, regs, frame);
	while (n < max && unwind_next(&u, &pc[n]))
		n++;
	return n;
}

void backtrace_print(const struct pt_regs *regs, const void *frame)
{
	struct unwind u;
	u64 pc, last = 0;
	unsigned repeats = 0, lines = 0;

	unwind_start(&u, regs, frame);
	pr_emerg("Call chain, innermost first:");
	for (unsigned n = 0; n < MAX_FRAMES && lines < MAX_LINES; n++) {
		bool more = unwind_next(&u, &pc);

		if (more && n && pc == last) {
			repeats++;
			continue;
		}
		if (repeats)
			pr_emerg("  and from the same place %u times more", repeats);
		repeats = 0;
		if (!more)
			return;
		last = pc;
		lines++;
		pr_emerg("  %016lx  %pS", pc, (void *)pc);
	}
}

static void show_code(u64 rip)
{
	u8 b[12] = { 0 };

	if (!in_text(rip))
		return;
	for (size_t i = 0; i < sizeof(b) && in_text(rip + i); i++)
		b[i] = ((const u8 *)rip)[i];
	pr_emerg("Code at RIP: %02x %02x %02x %02x %02x %02x %02x %02x %02x %02x %02x %02x", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11]);
}

void show_regs(const struct pt_regs *r)
{
	pr_emerg("RIP %04lx:%016lx  %pS", r->cs, r->rip, (void *)r->rip);
	show_code(r->rip);
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
