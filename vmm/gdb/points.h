/* SPDX-License-Identifier: MIT */
/*
 * points.h - the break- and watchpoints of a machine, and by which means each is kept.
 *
 * An instruction is patched with int3 where the host reports that; an address that is not mapped
 * yet (a kernel's, before it switches paging on) takes a debug register, which compares linear
 * addresses and needs no mapping. What a host's debug registers do not deliver is found by stepping
 * every CPU and looking (slow, but it works).
 *
 * Rule D1: memory as the debugger sees it never shows an int3 of ours. Rule D2: an int3 is planted
 * in a physical page and recognised by physical address, whatever maps it. Rule D3: the list
 * changes only while all CPUs stand still.
 */
#ifndef VMM_GDB_POINTS_H
#define VMM_GDB_POINTS_H

#include <linux/kvm.h>
#include <pthread.h>

#include "mm/guest_mem.h"
#include "vmm/gdb/access.h"
#include "vmm/gdb/probe.h"
#include "vmm/gdb/target.h"

#define GDB_MAX_POINTS	512
#define GDB_DEBUG_REGS	4
#define GDB_STEPPED_MAX 64 /* bytes of a variable watched by stepping */

enum point_means { BY_INT3, BY_DEBUG_REGISTER, BY_STEPPING };

struct point {
	enum gdb_point_type type;
	enum point_means means;
	u64 addr, len;
	gpa_t gpa;   /* BY_INT3, and BY_STEPPING once mapped */
	bool mapped; /* gpa is known */
	u8 saved;    /* BY_INT3: what the int3 stands on */
	u8 old[GDB_STEPPED_MAX];
};

struct debug_reg {
	struct point *owner; /* NULL: free */
	u64 addr;
	u8 kind, len; /* as DR7 encodes them */
};

struct points {
	struct guest_mem *mem;
	struct gdb_support support;
	struct point *point[GDB_MAX_POINTS];
	unsigned nr, nr_int3, nr_stepped;
	unsigned nr_decoded; /* of nr_stepped: READ and ACCESS, which take points_touched() */
	struct access_decoder *decoder; /* NULL until there was one of these */
	struct debug_reg dr[GDB_DEBUG_REGS];
	pthread_mutex_t lock; /* guards old[] while CPUs step */
};

void points_init(struct points *p, struct guest_mem *mem);
void points_destroy(struct points *p); /* as points_clear() */

/*
 * sregs: of the CPU by whose paging addr is meant. 0, -ENOTSUP (no means for such a kind), -ENOSPC
 * (four debug registers, or the list, are full), -EFAULT, -ENOMEM. A second insert of the same
 * point does nothing.
 */
int points_insert(struct points *p, const struct kvm_sregs *sregs, enum gdb_point_type type,
		  u64 addr, u64 len);
int points_remove(struct points *p, enum gdb_point_type type, u64 addr, u64 len);
void points_clear(struct points *p);

/*
 * Guest memory and page tables have been made anew: patches are planted again where that can be done
 * now, else kept by a debug register; a point for which there is no means is dropped.
 */
void points_renew(struct points *p, const struct kvm_sregs *sregs);

/* D1: replaces our int3s in a copy of [gpa, gpa + n); keeps them when that memory is written. */
void points_hide(const struct points *p, gpa_t gpa, u8 *buf, size_t n);
int points_write(struct points *p, gpa_t gpa, const u8 *buf, size_t n);

/* D2: one of ours at that address? */
bool points_int3_at(const struct points *p, gpa_t gpa);

/* The debug registers as KVM_SET_GUEST_DEBUG wants them; false when none is in use. */
bool points_debug_regs(const struct points *p, u64 debugreg[8]);

/* Which point a debug exception with that DR6 reports; NULL: none of ours. */
const struct point *points_by_dr6(const struct points *p, u64 dr6);

/*
 * After a step, on a vCPU's thread: a point that is found by stepping and has been reached, or
 * whose memory has changed; NULL: none.
 */
const struct point *points_stepped(struct points *p, const struct kvm_sregs *sregs, u64 pc);

/*
 * The point that an instruction touched whose operands are in a: READ and ACCESS points by stepping
 * (asked once per instruction executed). NULL: none. Any vCPU's thread.
 */
const struct point *points_touched(const struct points *p, const struct access_list *a);

/* How a hit is told. */
enum gdb_stop_kind point_stop_kind(const struct point *pt);

#endif
