/* SPDX-License-Identifier: MIT */
/* proc_cpuinfo.c - /proc/cpuinfo, from CPUID (SDM volume 2; the words are Linux's cpufeatures.h). */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/smp.h"
#include "guest/fs/seq_file.h"
#include "guest/kernel/proc.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/lib/string.h"
#include "guest/sched/topology.h"

/* Names by bit, from bit 0; a word "-" has no name here. */
struct word {
	u32 leaf, reg; /* reg: eax, ebx, ecx, edx */
	const char *names;
};

static const struct word words[] = {
	{ 1, 3,
	  "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts "
	  "acpi mmx fxsr sse sse2 ss ht tm ia64 pbe" },
	{ 0x80000001, 3,
	  "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm "
	  "3dnowext 3dnow" },
	{ 1, 2,
	  "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid "
	  "dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c rdrand "
	  "hypervisor" },
	{ 0x80000001, 2,
	  "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop "
	  "skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb - bpext ptsc "
	  "perfctr_llc mwaitx - -" },
	{ 7, 1,
	  "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f "
	  "avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd "
	  "sha_ni avx512bw avx512vl" },
	{ 7, 2,
	  "- avx512vbmi umip pku ospke waitpkg avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni "
	  "avx512_bitalg tme avx512_vpopcntdq - la57 - - - - - rdpid - bus_lock_detect cldemote - "
	  "movdiri movdir64b enqcmd - -" },
};

static bool max_leaf_has(u32 leaf)
{
	return cpuid(leaf & 0x80000000, 0).eax >= leaf;
}

/* What the kernel was told not to believe is not there. */
static bool hidden(const char *name, size_t len)
{
	return !cpu_features.smap && len == 4 && !memcmp(name, "smap", 4);
}

static void show_word(struct seq *s, const struct word *w)
{
	struct cpuid_regs r = cpuid(w->leaf, 0);
	const u32 regs[] = { r.eax, r.ebx, r.ecx, r.edx };
	const char *p = w->names;

	for (unsigned bit = 0; *p; bit++) {
		const char *end = strchr(p, ' ');
		size_t len = end ? (size_t)(end - p) : strlen(p);

		if (regs[w->reg] >> bit & 1 && *p != '-' && !hidden(p, len))
			seq_printf(s, " %.*s", (int)len, p);
		p += len + (end ? 1 : 0);
	}
}

/* Family, model and stepping with their extensions: SDM volume 2, CPUID, figure 3-6. */
static void show_identity(struct seq *s, unsigned cpu)
{
	u32 eax = cpuid(1, 0).eax;
	unsigned family = eax >> 8 & 0xf, model = eax >> 4 & 0xf;

	if (family == 6 || family == 15)
		model |= eax >> 12 & 0xf0;
	if (family == 15)
		family += eax >> 20 & 0xff;
	seq_printf(s, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n", cpu,
		   cpu_features.vendor, family, model);
	seq_printf(s, "model name\t: %s\nstepping\t: %u\n", cpu_features.brand, eax & 0xf);
}

static void show_topology(struct seq *s, unsigned cpu)
{
	const struct sched_topology *t = kernel_sched->topology;
	unsigned siblings = 0, cores = 0, node = t->node_of[cpu], last_core = ~0u;

	for (unsigned c = 0; c < nr_cpus; c++) {
		if (t->node_of[c] != node)
			continue;
		siblings++;
		cores += t->core_of[c] != last_core;
		last_core = t->core_of[c];
	}
	seq_printf(s, "physical id\t: %u\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n", node,
		   siblings, t->core_of[cpu], cores);
	seq_printf(s, "apicid\t\t: %u\ninitial apicid\t: %u\n", smp_apic_id(cpu), smp_apic_id(cpu));
}

static void show_cpu(struct seq *s, unsigned cpu)
{
	u64 khz = clock_tsc_hz() / 1000;
	u32 sizes = max_leaf_has(0x80000008) ? cpuid(0x80000008, 0).eax : 48 << 8 | 36;
	u32 line = (cpuid(1, 0).ebx >> 8 & 0xff) * 8;

	show_identity(s, cpu);
	if (khz)
		seq_printf(s, "cpu MHz\t\t: %lu.%03lu\n", khz / 1000, khz % 1000);
	show_topology(s, cpu);
	seq_printf(s,
		   "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\nflags\t\t:",
		   cpuid(0, 0).eax);
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (max_leaf_has(words[i].leaf))
			show_word(s, &words[i]);
	/* A loop of the delay by TSC takes half a cycle. */
	seq_printf(s, "\nbogomips\t: %lu.%02lu\nclflush size\t: %u\ncache_alignment\t: %u\n",
		   khz / 500, khz / 5 % 100, line, line);
	seq_printf(s, "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
		   sizes & 0xff, kernel_pt.levels == 5 ? 57 : 48);
}

static int show_cpuinfo(struct seq *s, void *arg)
{
	unsigned cpu;

	(void)arg;
	for_each_online_cpu (cpu)
		show_cpu(s, cpu);
	return 0;
}

extern const struct pseudo_ops cpuinfo_ops;
const struct pseudo_ops cpuinfo_ops = { .show = show_cpuinfo };
