/* SPDX-License-Identifier: MIT */
/* report.c - see report.h. */
#include "vmm/report.h"

#include <Zydis/Disassembler.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/kvm.h"

#define INSN_MAX 15

/* Where a CPU stands after a reset (Intel SDM volume 3, 10.1.4). */
#define RESET_RIP     0xfff0
#define RESET_CS_BASE 0xffff0000UL

struct text {
	char *buf;
	size_t size, used;
};

static void put(struct text *t, const char *fmt, ...) printf_like(2, 3);

static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, t->size - t->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->used = MIN(t->used + (size_t)n, t->size - 1);
}

static const char *end_text(enum vcpu_end why)
{
	switch (why) {
	case VCPU_END_SHUTDOWN:
		return "triple fault";
	case VCPU_END_INTERNAL_ERROR:
		return "KVM cannot run the instruction";
	case VCPU_END_ENTRY_FAILED:
		return "the CPU refused to enter the guest";
	case VCPU_END_RUN_FAILED:
		return "KVM_RUN failed";
	case VCPU_END_RESET:
		return "the guest reset itself through KVM";
	case VCPU_END_UNKNOWN_EXIT:
		return "an exit that this VMM does not know";
	}
	return "?";
}

/* The linear address of the next instruction. */
static u64 linear_rip(const struct kvm_regs *r, const struct kvm_sregs *s)
{
	return s->cs.l ? r->rip : s->cs.base + r->rip;
}

/* Copies the instruction bytes at a linear address; returns how many could be read. */
static size_t fetch(struct vcpu *v, const struct guest_mem *gm, u64 linear, u8 buf[INSN_MAX])
{
	size_t n = 0;

	while (n < INSN_MAX) {
		u64 gpa, in_page = GUEST_PAGE_SIZE - ((linear + n) & (GUEST_PAGE_SIZE - 1));
		size_t len = MIN((size_t)in_page, INSN_MAX - n);

		if (kvm_translate(v->fd, linear + n, &gpa) ||
		    guest_mem_read(gm, GPA(gpa), buf + n, len))
			break;
		n += len;
	}
	return n;
}

/* Mnemonic and operands, or "" when the library is not there or the bytes are no instruction. */
static void disassemble(char *out, size_t size, const struct kvm_sregs *s, u64 rip, const u8 *buf,
			size_t n)
{
	ZyanStatus (*decode)(ZydisMachineMode, ZyanU64, const void *, ZyanUSize,
			     ZydisDisassembledInstruction *);
	ZydisMachineMode mode = s->cs.l	       ? ZYDIS_MACHINE_MODE_LONG_64
				: s->cs.db     ? ZYDIS_MACHINE_MODE_LEGACY_32
				: (s->cr0 & 1) ? ZYDIS_MACHINE_MODE_LEGACY_16
					       : ZYDIS_MACHINE_MODE_REAL_16;
	ZydisDisassembledInstruction insn;
	void *lib = dlopen("libZydis.so.4.0", RTLD_NOW | RTLD_LOCAL);

	out[0] = 0;
	if (!lib)
		lib = dlopen("libZydis.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!lib) {
		snprintf(out, size, "(install libzydis4.0 to see the instruction)");
		return;
	}
	*(void **)&decode = dlsym(lib, "ZydisDisassembleIntel");
	if (decode && n && ZYAN_SUCCESS(decode(mode, rip, buf, n, &insn)))
		snprintf(out, size, "%s", insn.text);
	else if (n)
		snprintf(out, size, "(not an instruction)");
	dlclose(lib);
}

static void put_instruction(struct text *t, struct vcpu *v, const struct guest_mem *gm,
			    const struct kvm_regs *r, const struct kvm_sregs *s)
{
	u8 buf[INSN_MAX];
	char text[128];
	size_t n = fetch(v, gm, linear_rip(r, s), buf);

	if (!n) {
		put(t, "  at %#lx: no memory can be read there\n", linear_rip(r, s));
		return;
	}
	disassemble(text, sizeof(text), s, r->rip, buf, n);
	put(t, "  at %#lx: %s  [", linear_rip(r, s), text);
	for (size_t i = 0; i < MIN(n, (size_t)8); i++)
		put(t, "%s%02x", i ? " " : "", buf[i]);
	put(t, n > 8 ? " ...]\n" : "]\n");
}

static void put_segment(struct text *t, const char *name, const struct kvm_segment *s)
{
	put(t, "  %-3s %04x base %016lx limit %08x type %x dpl %u%s%s\n", name, s->selector,
	    (u64)s->base, s->limit, s->type, s->dpl, s->l ? " long" : "", s->db ? " 32-bit" : "");
}

static void put_registers(struct text *t, const struct kvm_regs *r, const struct kvm_sregs *s)
{
	put(t, "  rip %016lx rflags %08lx  cpl %u\n", (u64)r->rip, (u64)r->rflags, s->cs.dpl);
	put(t, "  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", (u64)r->rax, (u64)r->rbx,
	    (u64)r->rcx, (u64)r->rdx);
	put(t, "  rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", (u64)r->rsi, (u64)r->rdi,
	    (u64)r->rbp, (u64)r->rsp);
	put(t, "  r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", (u64)r->r8, (u64)r->r9,
	    (u64)r->r10, (u64)r->r11);
	put(t, "  r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", (u64)r->r12, (u64)r->r13,
	    (u64)r->r14, (u64)r->r15);
	put(t, "  cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %04lx\n", (u64)s->cr0, (u64)s->cr2,
	    (u64)s->cr3, (u64)s->cr4, (u64)s->efer);
	put_segment(t, "cs", &s->cs);
	put_segment(t, "ss", &s->ss);
	put(t, "  gdt %016lx:%04x idt %016lx:%04x tr %04x\n", (u64)s->gdt.base, s->gdt.limit,
	    (u64)s->idt.base, s->idt.limit, s->tr.selector);
}

static void put_cause(struct text *t, const struct vcpu *v, enum vcpu_end why)
{
	const struct kvm_run *run = v->run;

	put(t, "guest crashed: CPU %u: %s", v->id, end_text(why));
	switch (why) {
	case VCPU_END_INTERNAL_ERROR:
		if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
			put(t, " (emulation failure)\n");
		else
			put(t, " (internal error %u)\n", run->internal.suberror);
		break;
	case VCPU_END_ENTRY_FAILED:
		put(t, " (hardware reason %#lx)\n",
		    (u64)run->fail_entry.hardware_entry_failure_reason);
		break;
	case VCPU_END_RUN_FAILED:
		put(t, ": %s\n", strerror(v->run_errno));
		break;
	case VCPU_END_UNKNOWN_EXIT:
		put(t, " (reason %u)\n", run->exit_reason);
		break;
	default:
		put(t, "\n");
	}
}

void report_crash(char *buf, size_t size, struct vcpu *v, enum vcpu_end why,
		  const struct guest_mem *gm)
{
	struct text t = { .buf = buf, .size = size };
	struct kvm_regs r;
	struct kvm_sregs s;

	buf[0] = 0;
	put_cause(&t, v, why);
	if (kvm_get_regs(v->fd, &r) || kvm_get_sregs(v->fd, &s)) {
		put(&t, "  (its registers cannot be read)\n");
		return;
	}
	if (why == VCPU_END_SHUTDOWN && r.rip == RESET_RIP && s.cs.base == RESET_CS_BASE) {
		/* AMD's architecture leaves the state undefined, and KVM resets it first. */
		put(&t, "  this host's KVM has reset the CPU already: where it was is not known\n");
		return;
	}
	put_instruction(&t, v, gm, &r, &s);
	put_registers(&t, &r, &s);
}

void report_where(char *buf, size_t size, struct vcpu *v, const struct guest_mem *gm)
{
	struct text t = { .buf = buf, .size = size };
	struct kvm_mp_state mp = { 0 };
	struct kvm_regs r;
	struct kvm_sregs s;

	buf[0] = 0;
	kvm_get_mp_state(v->fd, &mp);
	if (mp.mp_state == KVM_MP_STATE_UNINITIALIZED ||
	    mp.mp_state == KVM_MP_STATE_INIT_RECEIVED) {
		put(&t, "  CPU %u: not started by the guest\n", v->id);
		return;
	}
	if (kvm_get_regs(v->fd, &r) || kvm_get_sregs(v->fd, &s))
		return;
	put(&t, "  CPU %u: %s, interrupts %s\n", v->id,
	    mp.mp_state == KVM_MP_STATE_HALTED ? "halted" : "running",
	    r.rflags & (1u << 9) ? "on" : "off");
	put_instruction(&t, v, gm, &r, &s);
}

void report_registers(char *buf, size_t size, struct vcpu *v)
{
	struct text t = { .buf = buf, .size = size };
	struct kvm_regs r;
	struct kvm_sregs s;

	buf[0] = 0;
	if (!kvm_get_regs(v->fd, &r) && !kvm_get_sregs(v->fd, &s))
		put_registers(&t, &r, &s);
}
