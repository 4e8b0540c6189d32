/* SPDX-License-Identifier: MIT */
/*
 * main.c - the boot, in order. Each step says why it comes; the log up to the console is kept and
 * shown when there is one.
 */
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/backtrace.h"
#include "guest/arch/x86/cpu.h"
#include "guest/arch/x86/desc.h"
#include "guest/arch/x86/firmware.h"
#include "guest/arch/x86/lapic.h"
#include "guest/arch/x86/paging.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/smp.h"
#include "guest/drivers/device.h"
#include "guest/drivers/virtio/virtio.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/kernel/boot_info.h"
#include "guest/kernel/boot_mem.h"
#include "guest/kernel/fs.h"
#include "guest/kernel/init.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/rcu.h"
#include "guest/kernel/random.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/softirq.h"
#include "guest/kernel/time.h"
#include "guest/kernel/timers.h"
#include "guest/kernel/trace.h"
#include "guest/kernel/watchdog.h"
#include "guest/kernel/wallclock.h"
#include "guest/lib/cmdline.h"
#include "guest/lib/env.h"
#include "guest/platform/platform.h"
#include "guest/process/syscalls.h"
#include "guest/process/user_init.h"

_Noreturn void kernel_main(u32 start_info);

struct boot_info boot_info;
static phys_t start_info_phys;

bool boot_option(const char *key)
{
	return cmdline_has(boot_info.cmdline, key);
}

u64 boot_option_u64(const char *key, u64 fallback)
{
	u64 v = fallback;

	if (cmdline_u64(boot_info.cmdline, key, &v) && boot_option(key))
		pr_err("%s= needs a number; %lu is used", key, fallback);
	return v;
}

static void boot_traps(void)
{
	idt_setup();
	backtrace_init();
}

static void boot_loader(void)
{
	struct boot_info *bi = &boot_info;

	cpu_identify();
	pvh_read(start_info_phys, bi);
	if (bi->has_fdt)
		fdt_read(bi);
	/* A hypervisor that says nothing of itself may interpret ring 0, and not know clac; trying it could
	 * be the end. */
	if (cpu_features.hypervisor && !bi->virt)
		cpu_hide_features("smap");
	acpi_read(bi);
	clock_hint_tsc_khz(bi->tsc_khz ? bi->tsc_khz : cpu_features.tsc_khz);
	printk_set_level((int)boot_option_u64("loglevel", boot_option("quiet") ? LOGLEVEL_WARNING
									       : LOGLEVEL_DEBUG));
	tick_hz = (unsigned)boot_option_u64("hz", tick_hz);
	if (tick_hz < 19 || tick_hz > 10000) {
		pr_err("hz=%u is not between 19 and 10000; 100 is used", tick_hz);
		tick_hz = 100;
	}
	pr_info("  PVH%s%s; command line: \"%s\"", bi->has_fdt ? ", device tree" : "",
		bi->rsdp ? ", ACPI tables" : "", bi->cmdline);
	if (bi->initrd)
		pr_info("  initrd %lu KiB at %#lx", bi->initrd_size >> 10, bi->initrd);
}

/* A virtio console needs page tables: until then the log keeps what is said. */
static void boot_console(void)
{
	char wish[16];

	if (cmdline_str(boot_info.cmdline, "console", wish, sizeof(wish)) < 0 &&
	    virtio_present_early(VIRTIO_ID_CONSOLE))
		pr_info("  hvc0, once there are drivers; the log waits for it");
	else
		console_register(uart16550_console_init());
}

static void boot_cpu(void)
{
	cpu_enable_features();
	pr_info("  %s (%s)", cpu_features.brand, cpu_features.vendor);
	pr_info("  in use: %s", cpu_features_text());
}

static void boot_platform(void)
{
	platform_detect();
	pr_info("  %s: %s", platform->name, platform->description);
}

static void boot_memory(void)
{
	boot_mem_init(&boot_info);
}

static void boot_per_cpu(void)
{
	unsigned nr = (unsigned)boot_info.nr_cpus;

	percpu_setup(nr);
	pr_info("  %u area%s of %lu bytes, found through GS; %u CPU%s according to %s", nr,
		nr == 1 ? "" : "s", percpu_size(), nr, nr == 1 ? "" : "s", boot_info.cpu_source);
}

static void boot_stacks(void)
{
	cpu_desc_setup();
	idt_use_ist();
	pr_info("  GDT and TSS of CPU 0; #DF, NMI and #MC on stacks of their own, guard pages below");
}

static void boot_irqchip(void)
{
	platform->irqchip_init();
}

static void boot_clock(void)
{
	platform->clock_init();
}

static void boot_sched(void)
{
	watchdog_setup();
	sched_setup((unsigned)boot_info.nr_cpus);
	pr_info("  classes stop, deadline, real time, fair, idle; fair is %s; stacks of %lu KiB",
		kernel_sched->chain[SLOT_FAIR]->name, TASK_STACK_SIZE >> 10);
}

static void boot_tick(void)
{
	timers_start_cpu();
	local_irq_enable();
	pr_info("  %u Hz by the %s", tick_hz, platform_names.tick);
}

static void boot_smp(void)
{
	smp_boot();
	rcu_start_threads();
	deferred_work_start();
	watchdog_start_hung();
	pr_info("  %u of %lu CPUs online", nr_cpus, boot_info.nr_cpus);
	trace_start();
}

static void boot_files(void)
{
	wallclock_init();
	random_init();
	fs_init();
}

static void boot_user(void)
{
	process_init();
	pr_info("  %lu system calls by Linux's numbers; user space ends at %#lx", syscall_count(),
		USER_TASK_SIZE);
}

struct boot_step {
	const char *name;
	const char *why; /* "so that ..." */
	void (*run)(void);
};

static const struct boot_step steps[] = {
	{ "traps", "a mistake from here on is reported, not a silent reset", boot_traps },
	{ "loader", "what the loader knows about the machine need not be guessed", boot_loader },
	{ "console", "everything can be seen", boot_console },
	{ "cpu", "the CPU's protections guard the kernel from itself", boot_cpu },
	{ "platform", "each kind of machine is used in its own best way", boot_platform },
	{ "memory", "page tables and stacks have a home", boot_memory },
	{ "paging", "text cannot be written, data not executed, all RAM has a name", paging_init },
	{ "per-cpu", "CPUs do not share what they need not", boot_per_cpu },
	{ "pages", "memory comes in frames, by the zone, and goes back", mm_init_pages },
	{ "slab", "small objects do not cost a page each", mm_init_slab },
	{ "vmalloc", "a stack is guarded, and large areas need no large blocks", mm_init_vmalloc },
	{ "stacks", "even a broken stack pointer is reported", boot_stacks },
	{ "irqchip", "devices can interrupt instead of being asked", boot_irqchip },
	{ "clock", "time is known", boot_clock },
	{ "sched", "there can be more than one thread", boot_sched },
	{ "tick", "no thread can keep a CPU for itself", boot_tick },
	{ "smp", "the other CPUs work, too", boot_smp },
	{ "button", "pressing it powers off in good order", power_button_init },
	{ "drivers", "the world outside can be reached", drivers_init },
	{ "user", "programs can run without harming the kernel or each other", boot_user },
	{ "files", "they find their programs and data by name", boot_files },
};

_Noreturn void kernel_main(u32 start_info)
{
	clock_mark_entry();
	start_info_phys = start_info;
	pr_info("Parallax tiny kernel, x86-64. Each step says why: \"so that ...\"");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		pr_info("[%2lu/%lu] %-8s so that %s", i + 1, ARRAY_SIZE(steps), steps[i].name,
			steps[i].why);
		steps[i].run();
	}
	pr_info("Up: %u CPU%s, %lu MiB, %lu us after entry", nr_cpus, nr_cpus == 1 ? "" : "s",
		memblock_total(boot_mem_map()) >> 20, clock_ns() / NSEC_PER_USEC);
	if (!kthread_run(init_main, NULL, "init"))
		env_panic(__FILE__, __LINE__, "no memory for the init thread");
	cpu_idle_loop();
}
