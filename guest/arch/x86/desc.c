/* SPDX-License-Identifier: MIT */
/* desc.c - GDT, TSS and IDT. The IDT is shared: its gates are the same on every CPU. */
#include "guest/arch/x86/desc.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/kstack.h"
#include "guest/arch/x86/layout.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/traps.h"

struct idt_gate {
	u16 offset_low;
	u16 selector;
	u8 ist;
	u8 type;
	u16 offset_mid;
	u32 offset_high;
	u32 zero;
};
#define GATE_INTERRUPT 0x8e /* present, DPL 0, 64-bit interrupt gate: clears IF */
#define GATE_USER      0x60 /* DPL 3: programs may raise it by instruction (SDM volume 3, 6.12.1.1) */

/* SDM volume 3, figure 8-11. */
struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 iomap_base;
} __attribute__((packed));

struct desc_pointer {
	u16 limit;
	u64 base;
} __attribute__((packed));

enum { GDT_ENTRIES = TSS_SELECTOR / 8 + 2 };

struct cpu_desc {
	u64 gdt[GDT_ENTRIES];
	struct tss tss;
};

static DEFINE_PER_CPU(struct cpu_desc, cpu_desc);
static struct idt_gate idt[256] __attribute__((aligned(16)));

extern const u8 trap_stubs[256][16];
void load_segments(void);

static void load_idt(void)
{
	struct desc_pointer p = { sizeof(idt) - 1, (u64)idt };

	__asm__ volatile("lidt %0" : : "m"(p));
}

void idt_setup(void)
{
	for (unsigned v = 0; v < ARRAY_SIZE(idt); v++) {
		u64 stub = (u64)trap_stubs[v];

		idt[v] = (struct idt_gate){
			.offset_low = (u16)stub,
			.selector = KERNEL_CS,
			.type = GATE_INTERRUPT |
				(v == X86_TRAP_BP || v == X86_TRAP_OF ? GATE_USER : 0),
			.offset_mid = (u16)(stub >> 16),
			.offset_high = (u32)(stub >> 32),
		};
	}
	load_idt();
}

void idt_use_ist(void)
{
	idt[8].ist = IST_DF;
	idt[2].ist = IST_NMI;
	idt[18].ist = IST_MC;
}

void cpu_desc_setup(void)
{
	struct cpu_desc *d = this_cpu_ptr(&cpu_desc);
	u64 tss = (u64)&d->tss;
	struct desc_pointer p = { sizeof(d->gdt) - 1, (u64)d->gdt };

	d->gdt[KERNEL32_CS / 8] = 0x00cf9b000000ffff;
	d->gdt[KERNEL_CS / 8] = 0x00af9b000000ffff;
	d->gdt[KERNEL_DS / 8] = 0x00cf93000000ffff;
	d->gdt[USER32_CS / 8] = 0x00cffb000000ffff;
	d->gdt[USER_DS / 8] = 0x00cff3000000ffff;
	d->gdt[USER_CS / 8] = 0x00affb000000ffff;
	/* An available 64-bit TSS takes two entries (SDM 8.2.3). */
	d->gdt[TSS_SELECTOR / 8] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 |
				   0x89ULL << 40 | (tss >> 24 & 0xff) << 56;
	d->gdt[TSS_SELECTOR / 8 + 1] = tss >> 32;

	for (unsigned i = IST_DF; i < IST_COUNT; i++)
		d->tss.ist[i - 1] = kstack_alloc(IST_STACK_SIZE);
	d->tss.iomap_base = sizeof(struct tss);

	__asm__ volatile("lgdt %0" : : "m"(p));
	load_segments();
	__asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR));
	load_idt();
}

void tss_set_kernel_stack(u64 sp)
{
	this_cpu_ptr(&cpu_desc)->tss.rsp[0] = sp;
}
