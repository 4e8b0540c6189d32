/* SPDX-License-Identifier: MIT */
/* sys_misc.c - system calls about the machine. */
#include "guest/arch/x86/smp.h"
#include "guest/kernel/cputime.h"
#include "guest/kernel/panic.h"
#include "guest/kernel/printk.h"
#include "guest/kernel/random.h"
#include "guest/kernel/time.h"
#include "guest/lib/string.h"
#include "guest/platform/platform.h"
#include "guest/process/sys_util.h"
#include "guest/process/uts.h"

struct uts kernel_uts = { "Linux",	    "parallax", "6.6.0-parallax",
			  "#1 SMP PREEMPT", "x86_64",	"(none)" };

SYS(uname)
{
	return copy_to_user(a, &kernel_uts, sizeof(kernel_uts)) ? -EFAULT : 0;
}

SYS(sethostname)
{
	char name[65] = { 0 };

	if (!cred_capable(vt()->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (b > 64)
		return -EINVAL;
	if (copy_from_user(name, a, b))
		return -EFAULT;
	memcpy(kernel_uts.nodename, name, sizeof(name));
	return 0;
}

SYS(sysinfo)
{
	struct {
		s64 uptime;
		u64 loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
		u16 procs, pad;
		u64 totalhigh, freehigh;
		u32 mem_unit;
	} out = { .mem_unit = 1 };
	const struct loadavg load = loadavg_read();
	const struct process *p;
	u64 flags;

	out.uptime = (s64)(clock_ns() / NSEC_PER_SEC);
	for (unsigned i = 0; i < 3; i++)
		out.loads[i] = load.avg[i] << (16 - 11); /* fractions of 16 bits, not 11 */
	out.totalram = nr_managed_pages(&kernel_mm.pg) << PAGE_SHIFT;
	out.freeram = nr_free_pages(&kernel_mm.pg) << PAGE_SHIFT;
	out.sharedram = (u64)atomic64_read(&kernel_vfs.nr_shmem) << PAGE_SHIFT;
	flags = spin_lock_irqsave(&proc_lock);
	for_each_process (p)
		out.procs = (u16)(out.procs + p->nr_threads);
	spin_unlock_irqrestore(&proc_lock, flags);
	return copy_to_user(a, &out, sizeof(out)) ? -EFAULT : 0;
}

SYS(getrandom)
{
	u8 buf[256];
	u64 n = MIN(b, (u64)INT32_MAX & ~(PAGE_SIZE - 1));

	if (c & ~7UL || (c & 6) == 6)
		return -EINVAL;
	for (u64 done = 0; done < n;) {
		u64 piece = MIN(n - done, sizeof(buf)), left;

		random_bytes(buf, piece);
		left = copy_to_user(a + done, buf, piece);
		done += piece - left;
		if (left)
			return done ? (s64)done : -EFAULT;
	}
	return (s64)n;
}

enum { REBOOT_MAGIC1 = (int)0xfee1dead };
enum {
	RB_RESTART = 0x01234567,
	RB_HALT = (int)0xcdef0123,
	RB_POWER_OFF = 0x4321fedc,
	RB_CAD_ON = (int)0x89abcdef,
	RB_CAD_OFF = 0
};

SYS(reboot)
{
	static const u32 magic2[] = { 672274793, 85072278, 369367448, 537993216 };
	bool known = false;

	for (unsigned i = 0; i < ARRAY_SIZE(magic2); i++)
		known |= (u32)b == magic2[i];
	if (!cred_capable(vt()->cred, CAP_SYS_BOOT))
		return -EPERM;
	if ((u32)a != (u32)REBOOT_MAGIC1 || !known)
		return -EINVAL;
	switch ((int)c) {
	case RB_CAD_ON:
	case RB_CAD_OFF:
		return 0;
	case RB_HALT:
	case RB_POWER_OFF:
		pr_info("reboot: Power down");
		machine_exit(0);
	case RB_RESTART:
		pr_info("reboot: Restarting system");
		machine_reset();
	default:
		return -EINVAL;
	}
}

/* ---- membarrier(2) --------------------------------------------------------------------------------------- */

enum {
	MEMBARRIER_QUERY = 0,
	MEMBARRIER_GLOBAL = 1,
	MEMBARRIER_GLOBAL_EXPEDITED = 2,
	MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 4,
	MEMBARRIER_PRIVATE_EXPEDITED = 8,
	MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 16,
	MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE = 32,
	MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64,
	MEMBARRIER_ALL = 127,
};

/* The interrupt itself is the barrier, and its end serializes. */
static void no_op(void *unused)
{
	(void)unused;
}

SYS(membarrier)
{
	struct process *p = current_process();

	if (b)
		return -EINVAL;
	switch ((s32)a) {
	case MEMBARRIER_QUERY:
		return MEMBARRIER_ALL;
	case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
	case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
		__atomic_or_fetch(&p->membarriers, (unsigned)a, __ATOMIC_SEQ_CST);
		return 0;
	case MEMBARRIER_PRIVATE_EXPEDITED:
	case MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE:
		/* Each one's registration is the next bit. */
		if (!(p->membarriers & (unsigned)a << 1))
			return -EPERM;
		break;
	case MEMBARRIER_GLOBAL:
	case MEMBARRIER_GLOBAL_EXPEDITED:
		break;
	default:
		return -EINVAL;
	}
	on_each_cpu(no_op, NULL);
	return 0;
}
