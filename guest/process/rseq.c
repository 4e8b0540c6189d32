/* SPDX-License-Identifier: MIT */
/* rseq.c - see rseq.h. The layouts and the order of errors are those of Linux 6.6. */
#include "guest/process/rseq.h"
#include "guest/arch/x86/percpu.h"
#include "guest/arch/x86/uaccess.h"
#include "guest/process/internal.h"

enum { RSEQ_FLAG_UNREGISTER = 1 };

#define RSEQ_ORIG_SIZE	       32
#define RSEQ_CPU_UNINITIALIZED 0xffffffffu

/* struct rseq, as far as it is known. */
struct rseq {
	u32 cpu_start, cpu;
	u64 cs;
	u32 flags, node, mm_cid, pad;
};

_Static_assert(sizeof(struct rseq) == RSEQ_ORIG_SIZE, "every area holds it");

struct rseq_cs {
	u32 version, flags;
	u64 start, length, abort;
};

/* A CPU's number tells threads of one address space apart while they run, and is small: that is all that
 * mm_cid promises. */
static int write_ids(const struct rseq_area *q, u32 start, u32 cpu, u32 cid)
{
	return put_user_u32(q->addr + offsetof(struct rseq, cpu_start), start) ||
			       put_user_u32(q->addr + offsetof(struct rseq, cpu), cpu) ||
			       put_user_u32(q->addr + offsetof(struct rseq, node), 0) ||
			       put_user_u32(q->addr + offsetof(struct rseq, mm_cid), cid)
		       ? -EFAULT
		       : 0;
}

static s64 unregister(struct uthread *u, u64 addr, u32 len, u32 signature)
{
	struct rseq_area *q = &u->rseq;

	if (!q->addr || q->addr != addr || q->len != len)
		return -EINVAL;
	if (q->signature != signature)
		return -EPERM;
	if (write_ids(q, 0, RSEQ_CPU_UNINITIALIZED, 0))
		return -EFAULT;
	*q = (struct rseq_area){ 0 };
	return 0;
}

s64 do_rseq(u64 addr, u32 len, u32 flags, u32 signature)
{
	struct uthread *u = current_uthread();

	if (flags & ~(u32)RSEQ_FLAG_UNREGISTER)
		return -EINVAL;
	if (flags)
		return unregister(u, addr, len, signature);
	if (u->rseq.addr) {
		if (u->rseq.addr != addr || u->rseq.len != len)
			return -EINVAL;
		return u->rseq.signature != signature ? -EPERM : -EBUSY;
	}
	if (len < RSEQ_ORIG_SIZE || addr % RSEQ_ALIGN)
		return -EINVAL;
	if (addr >= USER_TASK_SIZE || len > USER_TASK_SIZE - addr)
		return -EFAULT;
	/* 0 means none; nothing can be there anyhow, but Linux finds that out when it writes. */
	if (!addr)
		return 0;
	u->rseq = (struct rseq_area){ .addr = addr, .len = len, .signature = signature };
	WRITE_ONCE(current->rseq_event, true);
	return 0;
}

void rseq_fork(struct uthread *child, const struct uthread *parent, bool shares_memory)
{
	if (!shares_memory)
		child->rseq = parent->rseq;
}

void rseq_exec(struct uthread *u)
{
	u->rseq = (struct rseq_area){ 0 };
}

static bool is_user_address(u64 addr)
{
	return addr < USER_TASK_SIZE;
}

/* What the thread says it is in the middle of. */
static int get_sequence(const struct rseq_area *q, u64 at, struct rseq_cs *cs)
{
	u32 signature;

	if (!is_user_address(at) || copy_from_user(cs, at, sizeof(*cs)))
		return -EFAULT;
	if (!is_user_address(cs->start) || !is_user_address(cs->start + cs->length) ||
	    !is_user_address(cs->abort) || cs->version || cs->start + cs->length < cs->start)
		return -EINVAL;
	/* Where it goes on must lie outside, and be marked: else whoever can write a pointer could
	 * have the kernel jump anywhere. */
	if (cs->abort - cs->start < cs->length)
		return -EINVAL;
	if (get_user_u32(&signature, cs->abort - sizeof(signature)))
		return -EFAULT;
	return signature != q->signature ? -EINVAL : 0;
}

static int leave_sequence(const struct rseq_area *q, const struct rseq *is, struct pt_regs *r)
{
	const u64 none = 0;
	struct rseq_cs cs;
	int err = get_sequence(q, is->cs, &cs);
	bool within;

	if (err)
		return err;
	within = r->rip - cs.start < cs.length;
	/* There were flags once; now the program was made for another kernel. */
	if (within && (cs.flags || is->flags))
		return -EINVAL;
	if (copy_to_user(q->addr + offsetof(struct rseq, cs), &none, sizeof(none)))
		return -EFAULT;
	if (within)
		r->rip = cs.abort;
	return 0;
}

/* Most threads come back to their CPU and are in the middle of nothing: one read then, and no write. */
static int bring_up_to_date(const struct rseq_area *q, struct pt_regs *r)
{
	u32 cpu = smp_processor_id();
	struct rseq is;
	int err;

	if (copy_from_user(&is, q->addr, sizeof(is)))
		return -EFAULT;
	err = is.cs ? leave_sequence(q, &is, r) : 0;
	if (err)
		return err;
	if (is.cpu_start == cpu && is.cpu == cpu && is.mm_cid == cpu && !is.node)
		return 0;
	return write_ids(q, cpu, cpu, cpu);
}

void rseq_resume(struct uthread *u, struct pt_regs *r)
{
	/* Before all else: to be switched away from here is an event again. */
	WRITE_ONCE(current->rseq_event, false);
	if (!u->rseq.addr || u->exiting)
		return;
	if (bring_up_to_date(&u->rseq, r))
		force_signal(SIGSEGV, SI_KERNEL, 0);
}
