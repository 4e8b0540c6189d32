/* SPDX-License-Identifier: MIT */
/* access.c - see access.h. */
#include "vmm/gdb/access.h"

#include <Zydis/Decoder.h>
#include <Zydis/Register.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#define DIRECTION_FLAG (1u << 10)

struct access_decoder {
	void *lib;
	ZyanStatus (*init)(ZydisDecoder *, ZydisMachineMode, ZydisStackWidth);
	ZyanStatus (*decode)(const ZydisDecoder *, const void *, ZyanUSize,
			     ZydisDecodedInstruction *, ZydisDecodedOperand *);
	ZydisRegister (*widest)(ZydisMachineMode, ZydisRegister);
};

int access_decoder_open(struct access_decoder **out)
{
	struct access_decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->lib = dlopen("libZydis.so.4.0", RTLD_NOW | RTLD_LOCAL);
	if (!d->lib)
		d->lib = dlopen("libZydis.so.4", RTLD_NOW | RTLD_LOCAL);
	if (d->lib) {
		*(void **)&d->init = dlsym(d->lib, "ZydisDecoderInit");
		*(void **)&d->decode = dlsym(d->lib, "ZydisDecoderDecodeFull");
		*(void **)&d->widest = dlsym(d->lib, "ZydisRegisterGetLargestEnclosing");
	}
	if (!d->init || !d->decode || !d->widest) {
		access_decoder_close(d);
		return -ENOTSUP;
	}
	*out = d;
	return 0;
}

void access_decoder_close(struct access_decoder *d)
{
	if (!d)
		return;
	if (d->lib)
		dlclose(d->lib);
	free(d);
}

static u64 register_value(const struct access_decoder *d, const struct kvm_regs *r, u64 next,
			  ZydisRegister reg)
{
	const u64 value[] = { r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
			      r->r8,  r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15 };
	ZydisRegister wide = d->widest(ZYDIS_MACHINE_MODE_LONG_64, reg);

	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return next;
	if (wide < ZYDIS_REGISTER_RAX || wide > ZYDIS_REGISTER_R15)
		return 0; /* none; vector indices (gathers) have no single address */
	return value[wide - ZYDIS_REGISTER_RAX];
}

/* In 64-bit code only FS and GS have a base (SDM volume 1, 3.3.4). */
static u64 segment_base(const struct kvm_sregs *s, ZydisRegister segment)
{
	switch (segment) {
	case ZYDIS_REGISTER_FS:
		return s->fs.base;
	case ZYDIS_REGISTER_GS:
		return s->gs.base;
	case ZYDIS_REGISTER_ES:
		return s->cs.l ? 0 : s->es.base;
	case ZYDIS_REGISTER_SS:
		return s->cs.l ? 0 : s->ss.base;
	case ZYDIS_REGISTER_CS:
		return s->cs.l ? 0 : s->cs.base;
	default:
		return s->cs.l ? 0 : s->ds.base;
	}
}

static u64 truncate_to(u64 value, unsigned bits)
{
	return bits < 64 ? value & ((1UL << bits) - 1) : value;
}

static void add_operand(const struct access_decoder *d, const struct kvm_regs *r,
			const struct kvm_sregs *s, const ZydisDecodedInstruction *insn,
			const ZydisDecodedOperand *op, struct access_list *out)
{
	bool rep = insn->attributes &
		   (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPZ | ZYDIS_ATTRIB_HAS_REPNZ);
	bool read = op->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
	bool write = op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	bool stack = op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
		     (op->mem.base == ZYDIS_REGISTER_RSP || op->mem.base == ZYDIS_REGISTER_ESP ||
		      op->mem.base == ZYDIS_REGISTER_SP);
	u64 len = op->size / 8, addr;

	if (op->type != ZYDIS_OPERAND_TYPE_MEMORY || op->mem.type != ZYDIS_MEMOP_TYPE_MEM || !len)
		return;
	addr = register_value(d, r, out->next, op->mem.base) +
	       register_value(d, r, out->next, op->mem.index) * op->mem.scale;
	if (op->mem.disp.has_displacement)
		addr += (u64)op->mem.disp.value;
	if (stack && write)
		addr -= len; /* a push goes below the stack pointer */
	addr = truncate_to(addr, stack ? insn->stack_width : insn->address_width);
	if (rep) {
		/* One step can be many rounds where KVM emulates. */
		u64 rounds = truncate_to(r->rcx, insn->address_width);

		rounds = MIN(rounds, (u64)1 << 16);
		if (rounds && (r->rflags & DIRECTION_FLAG))
			addr -= (rounds - 1) * len;
		len *= rounds;
	}
	if (!len)
		return;
	out->by[out->nr].addr = addr + segment_base(s, op->mem.segment);
	out->by[out->nr].len = len;
	out->by[out->nr].read = read;
	out->by[out->nr].write = write;
	out->nr++;
}

static bool can_jump(const ZydisDecodedInstruction *insn)
{
	return insn->meta.category == ZYDIS_CATEGORY_CALL ||
	       insn->meta.category == ZYDIS_CATEGORY_RET ||
	       insn->meta.category == ZYDIS_CATEGORY_COND_BR ||
	       insn->meta.category == ZYDIS_CATEGORY_UNCOND_BR ||
	       insn->meta.category == ZYDIS_CATEGORY_SYSRET ||
	       insn->meta.category == ZYDIS_CATEGORY_INTERRUPT;
}

static bool is_a_hint(const ZydisDecodedInstruction *insn)
{
	return insn->meta.category == ZYDIS_CATEGORY_PREFETCH ||
	       insn->meta.category == ZYDIS_CATEGORY_WIDENOP ||
	       insn->meta.category == ZYDIS_CATEGORY_NOP;
}

void access_decode(const struct access_decoder *d, const struct kvm_regs *r,
		   const struct kvm_sregs *s, const u8 *buf, size_t n, struct access_list *out)
{
	ZydisMachineMode mode = s->cs.l	       ? ZYDIS_MACHINE_MODE_LONG_64
				: s->cs.db     ? ZYDIS_MACHINE_MODE_LEGACY_32
				: (s->cr0 & 1) ? ZYDIS_MACHINE_MODE_LEGACY_16
					       : ZYDIS_MACHINE_MODE_REAL_16;
	ZydisStackWidth width = s->cs.l	   ? ZYDIS_STACK_WIDTH_64
				: s->ss.db ? ZYDIS_STACK_WIDTH_32
					   : ZYDIS_STACK_WIDTH_16;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	ZydisDecoder decoder;

	*out = (struct access_list){ .jumps = true };
	if (!n || !ZYAN_SUCCESS(d->init(&decoder, mode, width)) ||
	    !ZYAN_SUCCESS(d->decode(&decoder, buf, n, &insn, op)))
		return;
	out->pc = r->rip + (s->cs.l ? 0 : s->cs.base);
	out->next = out->pc + insn.length;
	out->jumps = can_jump(&insn);
	if (is_a_hint(&insn))
		return;
	for (unsigned i = 0; i < insn.operand_count && out->nr < ACCESS_MAX; i++)
		add_operand(d, r, s, &insn, &op[i], out);
}

static bool overlaps(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a - b < b_len || b - a < a_len;
}

bool access_reads(const struct access_list *a, u64 addr, u64 len)
{
	for (unsigned i = 0; i < a->nr; i++)
		if (a->by[i].read && overlaps(a->by[i].addr, a->by[i].len, addr, len))
			return true;
	return false;
}

bool access_writes(const struct access_list *a, u64 addr, u64 len)
{
	for (unsigned i = 0; i < a->nr; i++)
		if (a->by[i].write && overlaps(a->by[i].addr, a->by[i].len, addr, len))
			return true;
	return false;
}
