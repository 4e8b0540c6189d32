/* SPDX-License-Identifier: MIT */
/*
 * fake_target.h - a debugger's target that is a few arrays: for the session's unit tests and its
 * fuzzer. Checks what a session promises: CPUs that exist, nothing touched while it runs.
 */
#ifndef TESTS_FAKE_TARGET_H
#define TESTS_FAKE_TARGET_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/gdb/session.h"

#define FAKE_REGS 20
#define FAKE_MEM  256 /* at address 0x1000; nothing else is mapped */

struct fake {
	unsigned nr_cpus;
	bool running;
	u64 reg[GDB_MAX_CPUS][FAKE_REGS];
	u8 mem[FAKE_MEM];
	unsigned points, halts, resumes, releases, finishes;
	struct gdb_action action[GDB_MAX_CPUS];
	unsigned resets;
	bool detached;
};

static inline void fake_still(const struct fake *f, unsigned cpu)
{
	if (f->running || cpu >= f->nr_cpus)
		abort();
}

static const char *fake_features(void *arg)
{
	(void)arg;
	return "<target>}*#$</target>";
}

static unsigned fake_nr_cpus(void *arg)
{
	return ((struct fake *)arg)->nr_cpus;
}

static const char *fake_cpu_state(void *arg, unsigned cpu)
{
	fake_still(arg, cpu);
	return "running";
}

static size_t fake_regs_read(void *arg, unsigned cpu, u8 *buf, size_t size)
{
	struct fake *f = arg;

	fake_still(f, cpu);
	if (size < sizeof(f->reg[0]))
		return 0;
	memcpy(buf, f->reg[cpu], sizeof(f->reg[0]));
	return sizeof(f->reg[0]);
}

static int fake_regs_write(void *arg, unsigned cpu, const u8 *buf, size_t n)
{
	struct fake *f = arg;

	fake_still(f, cpu);
	if (n != sizeof(f->reg[0]))
		return -EINVAL;
	memcpy(f->reg[cpu], buf, n);
	return 0;
}

static int fake_reg_read(void *arg, unsigned cpu, unsigned reg, u8 buf[GDB_MAX_REG])
{
	struct fake *f = arg;

	fake_still(f, cpu);
	if (reg >= FAKE_REGS)
		return -ENOENT;
	memcpy(buf, &f->reg[cpu][reg], 8);
	return 8;
}

static int fake_reg_write(void *arg, unsigned cpu, unsigned reg, const u8 *buf, size_t n)
{
	struct fake *f = arg;

	fake_still(f, cpu);
	if (reg >= FAKE_REGS || n != 8)
		return -EINVAL;
	memcpy(&f->reg[cpu][reg], buf, 8);
	return 0;
}

static size_t fake_mem_read(void *arg, unsigned cpu, u64 addr, u8 *buf, size_t n)
{
	struct fake *f = arg;
	u64 at = addr - 0x1000;

	fake_still(f, cpu);
	if (at >= FAKE_MEM)
		return 0;
	n = n < FAKE_MEM - at ? n : (size_t)(FAKE_MEM - at);
	memcpy(buf, f->mem + at, n);
	return n;
}

static int fake_mem_write(void *arg, unsigned cpu, u64 addr, const u8 *buf, size_t n)
{
	struct fake *f = arg;
	u64 at = addr - 0x1000;

	fake_still(f, cpu);
	if (at >= FAKE_MEM || n > FAKE_MEM - at)
		return -EFAULT;
	memcpy(f->mem + at, buf, n);
	return 0;
}

static int fake_insert(void *arg, unsigned cpu, enum gdb_point_type type, u64 addr, u64 len)
{
	struct fake *f = arg;

	(void)addr;
	(void)len;
	fake_still(f, cpu);
	if (type == GDB_POINT_READ)
		return -ENOTSUP;
	f->points++;
	return 0;
}

static int fake_remove(void *arg, enum gdb_point_type type, u64 addr, u64 len)
{
	struct fake *f = arg;

	(void)type;
	(void)addr;
	(void)len;
	fake_still(f, 0);
	return f->points ? (int)(f->points--, 0) : -ENOENT;
}

static struct gdb_stop fake_halt(void *arg, enum gdb_signal sig)
{
	struct fake *f = arg;

	f->running = false;
	f->halts++;
	return (struct gdb_stop){ .signal = sig };
}

static void fake_resume(void *arg, const struct gdb_action *action)
{
	struct fake *f = arg;

	fake_still(f, 0);
	memcpy(f->action, action, f->nr_cpus * sizeof(*action));
	f->running = true;
	f->resumes++;
}

static void fake_release(void *arg, bool detached)
{
	struct fake *f = arg;

	f->running = true;
	f->detached = detached;
	f->points = 0;
	f->releases++;
}

static void fake_kill(void *arg)
{
	struct fake *f = arg;

	f->finishes++;
}

/* Every second one fails. */
static int fake_reset(void *arg, struct gdb_text *out)
{
	struct fake *f = arg;

	if (f->resets++ % 2 == 0)
		return 0;
	gdb_text(out, "no reset now\n");
	return -EIO;
}

static bool fake_monitor(void *arg, unsigned cpu, const char *line, struct gdb_text *out)
{
	fake_still(arg, cpu);
	if (!strcmp(line, "long"))
		for (int i = 0; i < 1000; i++)
			gdb_text(out, "line %d of many, to see where it is cut\n", i);
	else if (!strcmp(line, "hello"))
		gdb_text(out, "hello\n");
	else
		return false;
	return true;
}

static const struct gdb_target_ops fake_ops = {
	.features = fake_features,
	.nr_cpus = fake_nr_cpus,
	.cpu_state = fake_cpu_state,
	.regs_read = fake_regs_read,
	.regs_write = fake_regs_write,
	.reg_read = fake_reg_read,
	.reg_write = fake_reg_write,
	.mem_read = fake_mem_read,
	.mem_write = fake_mem_write,
	.insert = fake_insert,
	.remove = fake_remove,
	.halt = fake_halt,
	.resume = fake_resume,
	.release = fake_release,
	.kill = fake_kill,
	.reset = fake_reset,
	.monitor = fake_monitor,
};

#endif
