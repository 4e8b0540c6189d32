/* SPDX-License-Identifier: MIT */
/* registers.c - see registers.h. */
#include "vmm/gdb/registers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/kvm.h"

/* Where a register is kept. */
enum place {
	IN_REGS,
	IN_SREGS,
	IN_SEGMENT, /* the selector of a struct kvm_segment in sregs */
	IN_ST,	    /* offset: number */
	IN_X87,	    /* offset: enum x87 */
	IN_XSAVE,
	IN_KGS,
};

/* Control words of the x87 unit in the order that gdb wants. */
enum x87 { FCTRL, FSTAT, FTAG, FISEG, FIOFF, FOSEG, FOOFF, FOP };

enum feature { CORE, SSE, AVX, SEGMENTS, SYSTEM };

struct reg {
	const char *name, *type;
	u8 feature, place;
	u16 offset, bits; /* offset in bytes, or what place says */
};

#define GENERAL(n, t)                                                  \
	{                                                              \
#n, t, CORE, IN_REGS, offsetof(struct kvm_regs, n), 64 \
	}
#define SELECTOR(n)                                                              \
	{                                                                        \
#n, "int32", CORE, IN_SEGMENT, offsetof(struct kvm_sregs, n), 32 \
	}
#define ST(n)                                           \
	{                                               \
		"st" #n, "i387_ext", CORE, IN_ST, n, 80 \
	}
#define X87(n, which)                             \
	{                                         \
		n, "int", CORE, IN_X87, which, 32 \
	}
#define XMM(n)                                                         \
	{                                                              \
		"xmm" #n, "vec128", SSE, IN_XSAVE, 160 + 16 * (n), 128 \
	}
#define YMMH(n)                                                             \
	{                                                                   \
		"ymm" #n "h", "uint128", AVX, IN_XSAVE, 576 + 16 * (n), 128 \
	}
#define BASE(n, seg)                                                                   \
	{                                                                              \
		n, "int", SEGMENTS, IN_SREGS, offsetof(struct kvm_sregs, seg.base), 64 \
	}
#define CONTROL(n, t)                                                      \
	{                                                                  \
#n, t, SYSTEM, IN_SREGS, offsetof(struct kvm_sregs, n), 64 \
	}

/* Offsets in the XSAVE area: SDM volume 1, 10.5.1 and 13.4. */
static const struct reg regs[] = {
	GENERAL(rax, "int64"),
	GENERAL(rbx, "int64"),
	GENERAL(rcx, "int64"),
	GENERAL(rdx, "int64"),
	GENERAL(rsi, "int64"),
	GENERAL(rdi, "int64"),
	GENERAL(rbp, "data_ptr"),
	GENERAL(rsp, "data_ptr"),
	GENERAL(r8, "int64"),
	GENERAL(r9, "int64"),
	GENERAL(r10, "int64"),
	GENERAL(r11, "int64"),
	GENERAL(r12, "int64"),
	GENERAL(r13, "int64"),
	GENERAL(r14, "int64"),
	GENERAL(r15, "int64"),
	GENERAL(rip, "code_ptr"),
	{ "eflags", "x64_eflags", CORE, IN_REGS, offsetof(struct kvm_regs, rflags), 32 },
	SELECTOR(cs),
	SELECTOR(ss),
	SELECTOR(ds),
	SELECTOR(es),
	SELECTOR(fs),
	SELECTOR(gs),
	ST(0),
	ST(1),
	ST(2),
	ST(3),
	ST(4),
	ST(5),
	ST(6),
	ST(7),
	X87("fctrl", FCTRL),
	X87("fstat", FSTAT),
	X87("ftag", FTAG),
	X87("fiseg", FISEG),
	X87("fioff", FIOFF),
	X87("foseg", FOSEG),
	X87("fooff", FOOFF),
	X87("fop", FOP),
	XMM(0),
	XMM(1),
	XMM(2),
	XMM(3),
	XMM(4),
	XMM(5),
	XMM(6),
	XMM(7),
	XMM(8),
	XMM(9),
	XMM(10),
	XMM(11),
	XMM(12),
	XMM(13),
	XMM(14),
	XMM(15),
	{ "mxcsr", "x64_mxcsr", SSE, IN_XSAVE, 24, 32 },
	YMMH(0),
	YMMH(1),
	YMMH(2),
	YMMH(3),
	YMMH(4),
	YMMH(5),
	YMMH(6),
	YMMH(7),
	YMMH(8),
	YMMH(9),
	YMMH(10),
	YMMH(11),
	YMMH(12),
	YMMH(13),
	YMMH(14),
	YMMH(15),
	BASE("fs_base", fs),
	BASE("gs_base", gs),
	{ "k_gs_base", "int", SYSTEM, IN_KGS, 0, 64 },
	CONTROL(cr0, "x64_cr0"),
	CONTROL(cr2, "int64"),
	CONTROL(cr3, "int64"),
	CONTROL(cr4, "x64_cr4"),
	CONTROL(cr8, "int64"),
	CONTROL(efer, "x64_efer"),
};

#define MSR_KERNEL_GS_BASE 0xc0000102u

/* Feature bits of the XSAVE area, in its header at byte 512. */
#define XSTATE_X87 1u
#define XSTATE_SSE 2u
#define XSTATE_AVX 4u
#define XSTATE_BV  512

/* NULL when the guest has no such register. Numbers skip the AVX registers without AVX. */
static const struct reg *find(const struct gdb_regs *r, unsigned number)
{
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		if (regs[i].feature == AVX && !r->avx)
			continue;
		if (!number--)
			return &regs[i];
	}
	return NULL;
}

/* ---- fetching and storing ------------------------------------------------------------------- */

void gdb_regs_forget(struct gdb_regs *r)
{
	r->valid = r->fp_valid = false;
}

/* After a reset the boot state waits in kvm_run for the next KVM_RUN: it holds already. */
static int take_over(struct kvm_run *run, int fd)
{
	u64 dirty = run->kvm_dirty_regs;
	int err = 0;

	if (dirty & KVM_SYNC_X86_SREGS)
		err = kvm_set_sregs(fd, &run->s.regs.sregs);
	if (!err && dirty & KVM_SYNC_X86_REGS)
		err = kvm_set_regs(fd, &run->s.regs.regs);
	if (!err)
		run->kvm_dirty_regs = 0;
	return err;
}

int gdb_regs_fetch(struct gdb_regs *r)
{
	int err;

	if (r->valid)
		return 0;
	err = take_over(r->v->run, r->v->fd);
	if (!err)
		err = kvm_get_regs(r->v->fd, &r->regs);
	if (!err)
		err = kvm_get_sregs(r->v->fd, &r->sregs);
	if (!err)
		err = kvm_get_msr(r->v->fd, MSR_KERNEL_GS_BASE, &r->k_gs_base);
	r->valid = !err;
	return err;
}

static int fetch_fp(struct gdb_regs *r)
{
	int err = r->fp_valid ? 0 : kvm_get_xsave(r->v->fd, &r->xsave);

	r->fp_valid = !err;
	return err;
}

static int fetch_for(struct gdb_regs *r, const struct reg *reg)
{
	switch (reg->place) {
	case IN_ST:
	case IN_X87:
	case IN_XSAVE:
		return fetch_fp(r);
	default:
		return gdb_regs_fetch(r);
	}
}

static int store_for(struct gdb_regs *r, const struct reg *reg)
{
	u8 *area = (u8 *)r->xsave.region;

	switch (reg->place) {
	case IN_REGS:
		return kvm_set_regs(r->v->fd, &r->regs);
	case IN_SREGS:
	case IN_SEGMENT:
		return kvm_set_sregs(r->v->fd, &r->sregs);
	case IN_KGS:
		return kvm_set_msr(r->v->fd, MSR_KERNEL_GS_BASE, r->k_gs_base);
	case IN_ST:
	case IN_X87:
		area[XSTATE_BV] |= XSTATE_X87;
		break;
	case IN_XSAVE:
		area[XSTATE_BV] |= reg->feature == AVX ? XSTATE_AVX | XSTATE_SSE : XSTATE_SSE;
		break;
	}
	return kvm_set_xsave(r->v->fd, &r->xsave);
}

/* ---- the x87 environment, which FXSAVE keeps in another form than FSAVE ------------------------ */

static u16 u16_at(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

/*
 * The full tag word from the abridged one: 0 valid, 1 zero, 2 special, 3 empty, for each physical
 * register (SDM volume 1, 10.5.1.1).
 */
static u16 full_tag(const u8 *area)
{
	unsigned top = u16_at(area + 2) >> 11 & 7;
	u16 tags = 0;

	for (unsigned i = 0; i < 8; i++) {
		const u8 *st = area + 32 + 16 * ((i - top) & 7);
		unsigned exp = u16_at(st + 8) & 0x7fff, tag = 0;
		u64 mantissa;

		memcpy(&mantissa, st, 8);
		if (!(area[4] >> i & 1))
			tag = 3;
		else if (!exp && !mantissa)
			tag = 1;
		else if (exp == 0x7fff || !(mantissa >> 63))
			tag = 2;
		tags |= (u16)(tag << (2 * i));
	}
	return tags;
}

static u32 x87_get(const u8 *area, enum x87 which)
{
	switch (which) {
	case FCTRL:
		return u16_at(area);
	case FSTAT:
		return u16_at(area + 2);
	case FTAG:
		return full_tag(area);
	case FISEG:
		return u16_at(area + 12);
	case FIOFF:
		return u16_at(area + 8) | (u32)u16_at(area + 10) << 16;
	case FOSEG:
		return u16_at(area + 20);
	case FOOFF:
		return u16_at(area + 16) | (u32)u16_at(area + 18) << 16;
	case FOP:
		return u16_at(area + 6) & 0x7ff;
	}
	return 0;
}

static void x87_set(u8 *area, enum x87 which, u32 v)
{
	static const u8 at[] = { [FCTRL] = 0,  [FSTAT] = 2,  [FISEG] = 12, [FIOFF] = 8,
				 [FOSEG] = 20, [FOOFF] = 16, [FOP] = 6 };

	if (which == FTAG) {
		area[4] = 0;
		for (unsigned i = 0; i < 8; i++)
			if ((v >> (2 * i) & 3) != 3)
				area[4] |= (u8)(1u << i);
		return;
	}
	memcpy(area + at[which], &v, which == FIOFF || which == FOOFF ? 4 : 2);
}

/* ---- one register ------------------------------------------------------------------------------- */

static void copy_out(struct gdb_regs *r, const struct reg *reg, u8 *buf)
{
	const u8 *area = (const u8 *)r->xsave.region;
	const struct kvm_segment *seg;
	u32 v = 0;

	switch (reg->place) {
	case IN_REGS:
		memcpy(buf, (const u8 *)&r->regs + reg->offset, reg->bits / 8);
		return;
	case IN_SREGS:
		memcpy(buf, (const u8 *)&r->sregs + reg->offset, 8);
		return;
	case IN_SEGMENT:
		seg = (const void *)((const u8 *)&r->sregs + reg->offset);
		v = seg->selector;
		break;
	case IN_ST:
		memcpy(buf, area + 32 + 16 * reg->offset, 10);
		return;
	case IN_X87:
		v = x87_get(area, (enum x87)reg->offset);
		break;
	case IN_XSAVE:
		memcpy(buf, area + reg->offset, reg->bits / 8);
		return;
	case IN_KGS:
		memcpy(buf, &r->k_gs_base, 8);
		return;
	}
	memcpy(buf, &v, 4);
}

static void copy_in(struct gdb_regs *r, const struct reg *reg, const u8 *buf)
{
	u8 *area = (u8 *)r->xsave.region;
	struct kvm_segment *seg;
	u32 v = 0;

	switch (reg->place) {
	case IN_REGS:
		memcpy((u8 *)&r->regs + reg->offset, buf, reg->bits / 8);
		return;
	case IN_SREGS:
		memcpy((u8 *)&r->sregs + reg->offset, buf, 8);
		return;
	case IN_SEGMENT:
		/* In real mode a selector is the base as well; otherwise the hidden part stays. */
		seg = (void *)((u8 *)&r->sregs + reg->offset);
		seg->selector = u16_at(buf);
		if (!(r->sregs.cr0 & 1))
			seg->base = (u64)seg->selector << 4;
		return;
	case IN_ST:
		memcpy(area + 32 + 16 * reg->offset, buf, 10);
		return;
	case IN_X87:
		memcpy(&v, buf, 4);
		x87_set(area, (enum x87)reg->offset, v);
		return;
	case IN_XSAVE:
		memcpy(area + reg->offset, buf, reg->bits / 8);
		return;
	case IN_KGS:
		memcpy(&r->k_gs_base, buf, 8);
		return;
	}
}

int gdb_regs_get(struct gdb_regs *r, unsigned number, u8 buf[GDB_MAX_REG])
{
	const struct reg *reg = find(r, number);
	int err = reg ? fetch_for(r, reg) : -ENOENT;

	if (err)
		return err;
	copy_out(r, reg, buf);
	return reg->bits / 8;
}

int gdb_regs_set(struct gdb_regs *r, unsigned number, const u8 *buf, size_t n)
{
	const struct reg *reg = find(r, number);
	u8 old[GDB_MAX_REG];
	int err = reg ? fetch_for(r, reg) : -ENOENT;

	if (err)
		return err;
	if (n != reg->bits / 8)
		return -EINVAL;
	copy_out(r, reg, old);
	if (!memcmp(old, buf, n))
		return 0;
	copy_in(r, reg, buf);
	err = store_for(r, reg);
	if (err)
		gdb_regs_forget(r); /* KVM refused the value: what holds is what it has */
	return err;
}

/* ---- all of them ------------------------------------------------------------------------------ */

size_t gdb_regs_get_all(struct gdb_regs *r, u8 *buf, size_t size)
{
	size_t used = 0;

	if (gdb_regs_fetch(r) || fetch_fp(r))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		if (regs[i].feature == AVX && !r->avx)
			continue;
		if (used + regs[i].bits / 8 > size)
			return 0;
		copy_out(r, &regs[i], buf + used);
		used += regs[i].bits / 8;
	}
	return used;
}

int gdb_regs_set_all(struct gdb_regs *r, const u8 *buf, size_t n)
{
	size_t used = 0;
	unsigned number = 0;

	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		size_t size = regs[i].bits / 8;
		int err;

		if (regs[i].feature == AVX && !r->avx)
			continue;
		if (used + size > n)
			return -EINVAL;
		err = gdb_regs_set(r, number++, buf + used, size);
		if (err)
			return err;
		used += size;
	}
	return used == n ? 0 : -EINVAL;
}

/* ---- the target description ------------------------------------------------------------------ */

struct xml {
	char *buf;
	size_t used;
};

static void put(struct xml *x, const char *fmt, ...) printf_like(2, 3);

static void put(struct xml *x, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(x->buf + x->used, GDB_FEATURES_MAX - x->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		x->used = MIN(x->used + (size_t)n, (size_t)GDB_FEATURES_MAX - 1);
}

struct flag {
	const char *name;
	unsigned from, to;
};

#define BIT(n, b)       \
	{               \
		n, b, b \
	}

static const struct flag eflags[] = { BIT("CF", 0),	  BIT("PF", 2),	 BIT("AF", 4),
				      BIT("ZF", 6),	  BIT("SF", 7),	 BIT("TF", 8),
				      BIT("IF", 9),	  BIT("DF", 10), BIT("OF", 11),
				      { "IOPL", 12, 13 }, BIT("NT", 14), BIT("RF", 16),
				      BIT("VM", 17),	  BIT("AC", 18), BIT("VIF", 19),
				      BIT("VIP", 20),	  BIT("ID", 21) };
static const struct flag mxcsr[] = { BIT("IE", 0),  BIT("DE", 1),     BIT("ZE", 2),  BIT("OE", 3),
				     BIT("UE", 4),  BIT("PE", 5),     BIT("DAZ", 6), BIT("IM", 7),
				     BIT("DM", 8),  BIT("ZM", 9),     BIT("OM", 10), BIT("UM", 11),
				     BIT("PM", 12), { "RC", 13, 14 }, BIT("FZ", 15) };
static const struct flag cr0[] = { BIT("PE", 0),  BIT("MP", 1),	 BIT("EM", 2),	BIT("TS", 3),
				   BIT("ET", 4),  BIT("NE", 5),	 BIT("WP", 16), BIT("AM", 18),
				   BIT("NW", 29), BIT("CD", 30), BIT("PG", 31) };
static const struct flag cr4[] = { BIT("VME", 0),	BIT("PVI", 1),	       BIT("TSD", 2),
				   BIT("DE", 3),	BIT("PSE", 4),	       BIT("PAE", 5),
				   BIT("MCE", 6),	BIT("PGE", 7),	       BIT("PCE", 8),
				   BIT("OSFXSR", 9),	BIT("OSXMMEXCPT", 10), BIT("UMIP", 11),
				   BIT("LA57", 12),	BIT("VMXE", 13),       BIT("SMXE", 14),
				   BIT("FSGSBASE", 16), BIT("PCIDE", 17),      BIT("OSXSAVE", 18),
				   BIT("SMEP", 20),	BIT("SMAP", 21),       BIT("PKE", 22),
				   BIT("CET", 23),	BIT("PKS", 24) };
static const struct flag efer[] = { BIT("SCE", 0),    BIT("LME", 8),   BIT("LMA", 10),
				    BIT("NXE", 11),   BIT("SVME", 12), BIT("LMSLE", 13),
				    BIT("FFXSR", 14), BIT("TCE", 15) };

static void put_flags(struct xml *x, const char *id, unsigned size, const struct flag *f, size_t n)
{
	put(x, "<flags id=\"%s\" size=\"%u\">\n", id, size);
	for (size_t i = 0; i < n; i++)
		put(x, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>\n", f[i].name, f[i].from,
		    f[i].to);
	put(x, "</flags>\n");
}

static void put_vectors(struct xml *x)
{
	static const struct {
		const char *id, *type, *field;
		unsigned count;
	} views[] = {
		{ "v4f", "ieee_single", "v4_float", 4 }, { "v2d", "ieee_double", "v2_double", 2 },
		{ "v16i8", "int8", "v16_int8", 16 },	 { "v8i16", "int16", "v8_int16", 8 },
		{ "v4i32", "int32", "v4_int32", 4 },	 { "v2i64", "int64", "v2_int64", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		put(x, "<vector id=\"%s\" type=\"%s\" count=\"%u\"/>\n", views[i].id, views[i].type,
		    views[i].count);
	put(x, "<union id=\"vec128\">\n");
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		put(x, "<field name=\"%s\" type=\"%s\"/>\n", views[i].field, views[i].id);
	put(x, "<field name=\"uint128\" type=\"uint128\"/>\n</union>\n");
}

static void put_types(struct xml *x, enum feature f)
{
	if (f == CORE) {
		put_flags(x, "x64_eflags", 4, eflags, ARRAY_SIZE(eflags));
	} else if (f == SSE) {
		put_vectors(x);
		put_flags(x, "x64_mxcsr", 4, mxcsr, ARRAY_SIZE(mxcsr));
	} else if (f == SYSTEM) {
		put_flags(x, "x64_cr0", 8, cr0, ARRAY_SIZE(cr0));
		put_flags(x, "x64_cr4", 8, cr4, ARRAY_SIZE(cr4));
		put_flags(x, "x64_efer", 8, efer, ARRAY_SIZE(efer));
	}
}

/* Keeps what few ask for out of `info registers`. */
static const char *group(const struct reg *r)
{
	if (r->place == IN_X87)
		return " group=\"float\"";
	return r->feature == SSE || r->feature == AVX ? " group=\"vector\"" : "";
}

void gdb_regs_describe(bool avx, char out[GDB_FEATURES_MAX])
{
	static const char *const features[] = {
		[CORE] = "org.gnu.gdb.i386.core",      [SSE] = "org.gnu.gdb.i386.sse",
		[AVX] = "org.gnu.gdb.i386.avx",	       [SEGMENTS] = "org.gnu.gdb.i386.segments",
		[SYSTEM] = "org.parallax.i386.system",
	};
	struct xml x = { .buf = out };

	put(&x, "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
		"<target version=\"1.0\">\n<architecture>i386:x86-64</architecture>\n");
	for (unsigned f = 0; f < ARRAY_SIZE(features); f++) {
		if (f == AVX && !avx)
			continue;
		put(&x, "<feature name=\"%s\">\n", features[f]);
		put_types(&x, (enum feature)f);
		for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
			if (regs[i].feature == f)
				put(&x, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"%s/>\n",
				    regs[i].name, regs[i].bits, regs[i].type, group(&regs[i]));
		put(&x, "</feature>\n");
	}
	put(&x, "</target>\n");
}
