/* SPDX-License-Identifier: MIT */
/*
 * target.h - what a debugged machine must be able to do for a session, and what it tells back.
 *
 * CPUs count from 0; the session turns them into gdb's threads (CPU 0 is thread 1). All operations
 * run on the event loop's thread. Registers and memory are reached only while every CPU stands
 * still, that is between halt() or a reported stop and the next resume() or release().
 */
#ifndef VMM_GDB_TARGET_H
#define VMM_GDB_TARGET_H

#include "base/types.h"

#define GDB_MAX_CPUS	256u
#define GDB_MAX_REG	16   /* bytes of the widest register */
#define GDB_MONITOR_MAX 8000 /* text of one monitor command; twice that in hex is one packet */

enum gdb_signal { GDB_SIGINT = 2, GDB_SIGTRAP = 5, GDB_SIGABRT = 6, GDB_SIGSEGV = 11 };

enum gdb_stop_kind {
	GDB_STOP_SIGNAL, /* a step done, an interrupt asked for, a guest that cannot go on */
	GDB_STOP_SWBREAK,
	GDB_STOP_HWBREAK,
	GDB_STOP_WATCH, /* addr: the watched address */
	GDB_STOP_RWATCH,
	GDB_STOP_AWATCH,
};

struct gdb_stop {
	unsigned cpu;
	enum gdb_stop_kind kind;
	enum gdb_signal signal;
	u64 addr;
};

/* The numbers of the Z and z packets. */
enum gdb_point_type {
	GDB_POINT_SOFTWARE,
	GDB_POINT_HARDWARE,
	GDB_POINT_WRITE,
	GDB_POINT_READ,
	GDB_POINT_ACCESS,
};

enum gdb_run { GDB_STAY, GDB_CONTINUE, GDB_STEP, GDB_STEP_RANGE };

/* What one CPU does when the machine is resumed. */
struct gdb_action {
	enum gdb_run run;
	u64 start, end; /* GDB_STEP_RANGE: while start <= pc < end */
};

/* A text that grows to a bound and then says that it was cut. */
struct gdb_text {
	char buf[GDB_MONITOR_MAX];
	size_t used;
};
void gdb_text(struct gdb_text *t, const char *fmt, ...) printf_like(2, 3);

struct gdb_target_ops {
	/* The target description (target.xml). */
	const char *(*features)(void *arg);
	unsigned (*nr_cpus)(void *arg);
	/* A few words: "running", "halted". */
	const char *(*cpu_state)(void *arg, unsigned cpu);

	/* All registers in the description's order; bytes written, or 0. */
	size_t (*regs_read)(void *arg, unsigned cpu, u8 *buf, size_t size);
	int (*regs_write)(void *arg, unsigned cpu, const u8 *buf, size_t n); /* 0 or -errno */
	/* One register: its size in bytes, or -errno. */
	int (*reg_read)(void *arg, unsigned cpu, unsigned reg, u8 buf[GDB_MAX_REG]);
	int (*reg_write)(void *arg, unsigned cpu, unsigned reg, const u8 *buf, size_t n);
	u64 (*pc)(void *arg, unsigned cpu);

	/* Virtual memory as cpu sees it; bytes read from addr on, up to the first that is not there. */
	size_t (*mem_read)(void *arg, unsigned cpu, u64 addr, u8 *buf, size_t n);
	int (*mem_write)(void *arg, unsigned cpu, u64 addr, const u8 *buf, size_t n);

	/* Break- and watchpoints. 0; -ENOTSUP when this host has no such kind; other -errno. */
	int (*insert)(void *arg, unsigned cpu, enum gdb_point_type type, u64 addr, u64 len);
	int (*remove)(void *arg, enum gdb_point_type type, u64 addr, u64 len);

	/* Stops every CPU and says why: an event that was under way, or sig. */
	struct gdb_stop (*halt)(void *arg, enum gdb_signal sig);
	/* action[cpu] for each CPU. The next stop is reported by gdb_session_stopped(). */
	void (*resume)(void *arg, const struct gdb_action *action);
	/* The debugger is gone: every point is removed; the guest goes on unless it never ran. */
	void (*release)(void *arg, bool detached);
	void (*kill)(void *arg); /* ends the machine */
	/* Power-on again; the CPUs stay where they are then. 0, or -errno with the reason in out. */
	int (*reset)(void *arg, struct gdb_text *out);

	/* One line of the user's; false when there is no such command. */
	bool (*monitor)(void *arg, unsigned cpu, const char *line, struct gdb_text *out);
};

#endif
