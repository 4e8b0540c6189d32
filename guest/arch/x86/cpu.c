/* SPDX-License-Identifier: MIT */
/* cpu.c - CPUID is read once, on the boot CPU (SDM volume 2, CPUID). */
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/asm.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/string.h"

struct cpu_features cpu_features;

static bool bit(u32 reg, unsigned n)
{
	return reg >> n & 1;
}

static void read_brand(char *brand, u32 max_ext)
{
	char raw[48] = "unnamed CPU";
	const char *p = raw;
	size_t n;

	if (max_ext >= 0x80000004) {
		for (u32 i = 0; i < 3; i++) {
			struct cpuid_regs r = cpuid(0x80000002 + i, 0);

			memcpy(raw + 16 * i, &r, 16);
		}
	}
	raw[47] = '\0';
	while (*p == ' ')
		p++;
	n = strlen(p);
	while (n && p[n - 1] == ' ')
		n--;
	memcpy(brand, p, n);
	brand[n] = '\0';
}

/* Leaf 0x15: TSC = crystal * numerator / denominator. */
static u32 read_tsc_khz(u32 max)
{
	struct cpuid_regs r;

	if (max < 0x15)
		return 0;
	r = cpuid(0x15, 0);
	if (!r.eax || !r.ebx || !r.ecx)
		return 0;
	return (u32)((u64)r.ecx * r.ebx / r.eax / 1000);
}

void cpu_identify(void)
{
	struct cpu_features *f = &cpu_features;
	struct cpuid_regs r = cpuid(0, 0);
	u32 max = r.eax, max_ext;

	memcpy(f->vendor, &r.ebx, 4);
	memcpy(f->vendor + 4, &r.edx, 4);
	memcpy(f->vendor + 8, &r.ecx, 4);

	r = cpuid(1, 0);
	f->pge = bit(r.edx, 13);
	f->apic = bit(r.edx, 9);
	f->x2apic = bit(r.ecx, 21);
	f->tsc_deadline = bit(r.ecx, 24);
	f->hypervisor = bit(r.ecx, 31);
	f->apic_id = r.ebx >> 24;

	if (max >= 7) {
		r = cpuid(7, 0);
		f->smep = bit(r.ebx, 7);
		f->smap = bit(r.ebx, 20);
		f->umip = bit(r.ecx, 2);
		f->la57 = bit(r.ecx, 16);
	}
	if (f->x2apic && max >= 0xb)
		f->apic_id = cpuid(0xb, 0).edx;
	f->tsc_khz = read_tsc_khz(max);

	max_ext = cpuid(0x80000000, 0).eax;
	r = cpuid(0x80000001, 0);
	f->nx = bit(r.edx, 20);
	f->gb_pages = bit(r.edx, 26);
	read_brand(f->brand, max_ext);
}

void cpu_hide_features(const char *names)
{
	if (cmdline_has(names, "smap"))
		cpu_features.smap = false;
}

void cpu_enable_features(void)
{
	const struct cpu_features *f = &cpu_features;
	u64 cr4 = CR4_PAE | (read_cr4() & CR4_LA57); /* the levels cannot change here */

	if (f->nx)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	if (f->pge)
		cr4 |= CR4_PGE;
	if (f->smep)
		cr4 |= CR4_SMEP;
	if (f->smap)
		cr4 |= CR4_SMAP;
	if (f->umip)
		cr4 |= CR4_UMIP;
	write_cr4(cr4);
	/* The kernel uses no FPU: EM makes a stray floating-point instruction a reported trap. */
	write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_EM | CR0_PE);
}

const char *cpu_features_text(void)
{
	static char text[64];
	const struct cpu_features *f = &cpu_features;
	const struct {
		bool on;
		const char *name;
	} words[] = {
		{ true, "wp" },	       { f->nx, "nx" },		{ f->pge, "pge" },
		{ f->smep, "smep" },   { f->smap, "smap" },	{ f->umip, "umip" },
		{ f->gb_pages, "1G" }, { f->x2apic, "x2apic" },
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t len = strlen(words[i].name);

		if (!words[i].on || n + len + 2 > sizeof(text))
			continue;
		if (n)
			text[n++] = ' ';
		memcpy(text + n, words[i].name, len);
		n += len;
	}
	text[n] = '\0';
	return text;
}
