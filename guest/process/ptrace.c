/* SPDX-License-Identifier: MIT */
/* ptrace.c - ptrace(2): the tracer's side. */
#include "guest/arch/x86/layout.h"
#include "guest/lib/string.h"
#include "guest/process/debug.h"
#include "guest/process/sys_util.h"
#include "guest/process/tracee.h"

enum {
	PTRACE_TRACEME,
	PTRACE_PEEKTEXT,
	PTRACE_PEEKDATA,
	PTRACE_PEEKUSER,
	PTRACE_POKETEXT,
	PTRACE_POKEDATA,
	PTRACE_POKEUSER,
	PTRACE_CONT,
	PTRACE_KILL,
	PTRACE_SINGLESTEP,
	PTRACE_GETREGS = 12,
	PTRACE_SETREGS,
	PTRACE_GETFPREGS,
	PTRACE_SETFPREGS,
	PTRACE_ATTACH,
	PTRACE_DETACH,
	PTRACE_OLDSETOPTIONS = 21,
	PTRACE_SYSCALL = 24,
	PTRACE_SETOPTIONS = 0x4200,
	PTRACE_GETEVENTMSG,
	PTRACE_GETSIGINFO,
	PTRACE_SETSIGINFO,
	PTRACE_GETREGSET,
	PTRACE_SETREGSET,
	PTRACE_SEIZE,
	PTRACE_INTERRUPT,
	PTRACE_LISTEN,
	PTRACE_GETSIGMASK = 0x420a,
	PTRACE_SETSIGMASK,
	PTRACE_GET_SYSCALL_INFO = 0x420e,
};
enum { NT_PRSTATUS = 1, NT_PRFPREG = 2 };
#define PTRACE_O_MASK	  (0xffu | PTRACE_O_EXITKILL)
#define AUDIT_ARCH_X86_64 0xc000003eu
#define USER_AREA_SIZE	  928 /* sizeof(struct user) */

/* ---- registers: struct user_regs_struct, 27 words ------------------------------------------------------ */

enum {
	REG_ORIG_RAX = 15,
	REG_RIP,
	REG_CS,
	REG_EFLAGS,
	REG_RSP,
	REG_SS,
	REG_FS_BASE,
	REG_GS_BASE,
	REG_DS,
	REG_FS = 25,
	REG_GS,
	NR_REGS
};

static u64 get_reg(const struct uthread *u, unsigned i)
{
	const struct pt_regs *r = u->frame;

	if (i < REG_ORIG_RAX)
		return ((
			const u64 *)r)[i]; /* in the order of struct pt_regs, which is its origin */
	switch (i) {
	case REG_ORIG_RAX:
		return r->vector == VECTOR_SYSCALL ? r->error_code : UINT64_MAX;
	case REG_RIP:
		return r->rip;
	case REG_CS:
		return r->cs;
	case REG_EFLAGS:
		return r->eflags;
	case REG_RSP:
		return r->rsp;
	case REG_SS:
		return r->ss;
	case REG_FS_BASE:
		return u->regs.fs_base;
	case REG_GS_BASE:
		return u->regs.gs_base;
	default:
		return 0;
	}
}

static int set_reg(struct uthread *u, unsigned i, u64 v)
{
	struct pt_regs *r = u->frame;

	if (i < REG_ORIG_RAX) {
		((u64 *)r)[i] = v;
		return 0;
	}
	switch (i) {
	case REG_ORIG_RAX:
		/*
		 * No call: none is begun again either. A debugger that has run a function of its
		 * own in the middle of a call puts that back, and then the call goes on.
		 */
		r->vector = (s64)v < 0 ? 0 : VECTOR_SYSCALL;
		r->error_code = v;
		return 0;
	case REG_RIP:
		r->rip = is_canonical_user(v) ? v : USER_TASK_SIZE;
		return 0;
	case REG_EFLAGS:
		r->eflags = (v & USER_EFLAGS_MASK) | (r->eflags & ~USER_EFLAGS_MASK);
		return 0;
	case REG_RSP:
		r->rsp = v;
		return 0;
	case REG_FS_BASE:
	case REG_GS_BASE:
		if (v >= USER_TASK_SIZE)
			return -EIO;
		*(i == REG_FS_BASE ? &u->regs.fs_base : &u->regs.gs_base) = v;
		return 0;
	case REG_CS:
	case REG_SS:
		return v == get_reg(u, i) ? 0 : -EIO;
	default:
		return v > UINT16_MAX || (v && (v & 3) != 3) ? -EIO : 0;
	}
}

static s64 get_regs(struct uthread *u, u64 to, size_t size)
{
	u64 regs[NR_REGS];

	for (unsigned i = 0; i < NR_REGS; i++)
		regs[i] = get_reg(u, i);
	return copy_to_user(to, regs, size) ? -EFAULT : 0;
}

static s64 set_regs(struct uthread *u, u64 from, size_t size)
{
	u64 regs[NR_REGS];
	s64 err = 0;

	if (copy_from_user(regs, from, size))
		return -EFAULT;
	for (unsigned i = 0; i < size / sizeof(u64) && !err; i++)
		err = set_reg(u, i, regs[i]);
	return err;
}

static s64 set_fpregs(struct uthread *u, u64 from, size_t size)
{
	u8 fpu[sizeof(u->regs.fpu)];
	u32 mxcsr;

	memcpy(fpu, u->regs.fpu, sizeof(fpu));
	if (copy_from_user(fpu, from, size))
		return -EFAULT;
	memcpy(&mxcsr, fpu + 24, sizeof(mxcsr));
	if (mxcsr & ~0xffffu)
		return -EINVAL; /* bits that must not be set */
	memcpy(u->regs.fpu, fpu, sizeof(fpu));
	return 0;
}

static s64 regset(struct uthread *u, u64 type, u64 user_iov, bool set)
{
	size_t whole = type == NT_PRSTATUS ? NR_REGS * sizeof(u64) : sizeof(u->regs.fpu), n;
	u64 iov[2];
	s64 err;

	if (copy_from_user(iov, user_iov, sizeof(iov)))
		return -EFAULT;
	if ((type != NT_PRSTATUS && type != NT_PRFPREG) || iov[1] % sizeof(u64))
		return -EINVAL;
	n = MIN(iov[1], whole);
	if (type == NT_PRSTATUS)
		err = set ? set_regs(u, iov[0], n) : get_regs(u, iov[0], n);
	else
		err = set				     ? set_fpregs(u, iov[0], n)
		      : copy_to_user(iov[0], u->regs.fpu, n) ? -EFAULT
							     : 0;
	return err ? err : put_user_u64(user_iov + 8, n);
}

static s64 peek_user(struct uthread *u, u64 at, u64 to)
{
	if ((at & 7) || at >= USER_AREA_SIZE)
		return -EIO;
	return put_user_u64(to, at / 8 < NR_REGS ? get_reg(u, (unsigned)at / 8) : 0);
}

/* Debug registers are not lent: what is not there can only be switched off. */
static s64 poke_user(struct uthread *u, u64 at, u64 v)
{
	if ((at & 7) || at >= USER_AREA_SIZE)
		return -EIO;
	if (at / 8 < NR_REGS)
		return set_reg(u, (unsigned)at / 8, v);
	return v ? -EIO : 0;
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

static s64 access_word(struct uthread *u, u64 addr, u64 *word, bool write)
{
	struct mm_struct *mm;
	u64 flags = spin_lock_irqsave(&proc_lock), n;

	mm = u->mm;
	if (mm)
		mmget(mm);
	spin_unlock_irqrestore(&proc_lock, flags);
	if (!mm)
		return -EIO;
	n = mm_access(mm, addr, word, sizeof(*word), write, true);
	mmput(mm);
	return n == sizeof(*word) ? 0 : -EIO;
}

static s64 peek(struct uthread *u, u64 addr, u64 to)
{
	u64 word;
	s64 err = access_word(u, addr, &word, false);

	return err ? err : put_user_u64(to, word);
}

/* ---- the stop ------------------------------------------------------------------------------------------------- */

/* struct ptrace_syscall_info. */
static s64 syscall_info(const struct tracee *t, u64 size, u64 to)
{
	const struct pt_regs *r = t->u->frame;
	struct {
		u8 op, pad[3];
		u32 arch;
		u64 ip, sp;
		u64 data[7];
	} info = { .op = t->syscall_op, .arch = AUDIT_ARCH_X86_64, .ip = r->rip, .sp = r->rsp };
	u64 n = offsetof(__typeof__(info), data);

	if (info.op == 1) {
		const u64 data[] = { r->error_code, r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 };

		memcpy(info.data, data, sizeof(data));
		n += sizeof(data);
	} else if (info.op == 2) {
		info.data[0] = r->rax;
		info.data[1] = r->rax >= (u64)-4095;
		n += 9;
	}
	return copy_to_user(to, &info, MIN(n, size)) ? -EFAULT : (s64)n;
}

static s64 set_siginfo(struct tracee *t, u64 from)
{
	struct siginfo info;

	if (copy_from_user(&info, from, sizeof(info)))
		return -EFAULT;
	if (!t->has_info)
		return -EINVAL;
	t->info = info;
	return 0;
}

static s64 sigmask(struct uthread *u, u64 size, u64 user, bool set)
{
	u64 mask = u->blocked, flags;

	if (size != sizeof(mask))
		return -EINVAL;
	if (!set)
		return put_user_u64(user, mask);
	if (get_user_u64(&mask, user))
		return -EFAULT;
	flags = spin_lock_irqsave(&proc_lock);
	u->blocked = mask & ~SIG_UNBLOCKABLE;
	spin_unlock_irqrestore(&proc_lock, flags);
	return 0;
}

static s64 set_options(struct tracee *t, u64 options)
{
	if (options & ~(u64)PTRACE_O_MASK)
		return -EINVAL;
	t->options = (u32)options;
	return 0;
}

/* Those that let it run: true, with the result. */
static bool resumes(struct tracee *t, u64 request, u64 data, s64 *ret)
{
	u64 flags;

	if (request != PTRACE_CONT && request != PTRACE_SYSCALL && request != PTRACE_SINGLESTEP &&
	    request != PTRACE_DETACH && request != PTRACE_LISTEN)
		return false;
	*ret = request != PTRACE_LISTEN && data > NSIG ? -EIO : 0;
	if (*ret)
		return true;
	flags = spin_lock_irqsave(&proc_lock);
	t->frozen = false;
	if (request == PTRACE_LISTEN) {
		/* Only where job control has stopped it. */
		if (!t->seized || t->code >> 8 != PTRACE_EVENT_STOP)
			*ret = -EIO;
		else
			t->listening = true;
		if (!*ret && t->trap_stop)
			tracee_continued(t->u);
	} else if (request == PTRACE_DETACH) {
		tracee_detach(t, (int)data);
	} else {
		tracee_resume(t,
			      request == PTRACE_SYSCALL	     ? TRACEE_SYSCALL
			      : request == PTRACE_SINGLESTEP ? TRACEE_STEP
							     : TRACEE_RUN,
			      (int)data);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return true;
}

/* On one that is stopped and stays so. */
static s64 examine(struct tracee *t, u64 request, u64 addr, u64 data)
{
	struct uthread *u = t->u;

	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		return peek(u, addr, data);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return access_word(u, addr, &data, true);
	case PTRACE_PEEKUSER:
		return peek_user(u, addr, data);
	case PTRACE_POKEUSER:
		return poke_user(u, addr, data);
	case PTRACE_GETREGS:
		return get_regs(u, data, NR_REGS * sizeof(u64));
	case PTRACE_SETREGS:
		return set_regs(u, data, NR_REGS * sizeof(u64));
	case PTRACE_GETFPREGS:
		return copy_to_user(data, u->regs.fpu, sizeof(u->regs.fpu)) ? -EFAULT : 0;
	case PTRACE_SETFPREGS:
		return set_fpregs(u, data, sizeof(u->regs.fpu));
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		return regset(u, addr, data, request == PTRACE_SETREGSET);
	case PTRACE_SETOPTIONS:
	case PTRACE_OLDSETOPTIONS:
		return set_options(t, data);
	case PTRACE_GETEVENTMSG:
		return put_user_u64(data, t->message);
	case PTRACE_GETSIGINFO:
		return !t->has_info				       ? -EINVAL
		       : copy_to_user(data, &t->info, sizeof(t->info)) ? -EFAULT
								       : 0;
	case PTRACE_SETSIGINFO:
		return set_siginfo(t, data);
	case PTRACE_GETSIGMASK:
	case PTRACE_SETSIGMASK:
		return sigmask(u, addr, data, request == PTRACE_SETSIGMASK);
	case PTRACE_GET_SYSCALL_INFO:
		return syscall_info(t, addr, data);
	default:
		return -EIO;
	}
}

/* ---- the call ------------------------------------------------------------------------------------------------- */

static s64 traceme(void)
{
	struct tracee *t = kzalloc(&kernel_mm.slab, sizeof(*t), GFP_KERNEL);
	struct uthread *u = current_uthread();
	s64 err = 0;
	u64 flags;

	if (!t)
		return -ENOMEM;
	flags = spin_lock_irqsave(&proc_lock);
	if (u->trace || u->proc == init_process)
		err = -EPERM;
	else
		tracee_attach(t, u, u->proc->real_parent);
	spin_unlock_irqrestore(&proc_lock, flags);
	if (err)
		kfree(&kernel_mm.slab, t);
	return err;
}

static s64 attach(int tid, bool seize, u64 options)
{
	struct tracee *t;
	struct uthread *u;
	s64 err = 0;
	u64 flags;

	if (options & ~(u64)PTRACE_O_MASK)
		return -EIO;
	t = kzalloc(&kernel_mm.slab, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	flags = spin_lock_irqsave(&proc_lock);
	u = find_uthread(tid);
	if (!u || u->exiting) {
		err = u ? -EPERM : -ESRCH;
	} else if (u->proc == current_process() || u->trace || !ptrace_may_access(u)) {
		err = -EPERM;
	} else {
		t->seized = seize;
		t->options = (u32)options;
		tracee_attach(t, u, current_process());
		if (!seize)
			send_signal_locked(u->proc, u, SIGSTOP, NULL);
		/* Stopped by job control: from now on it stops as a tracee. */
		if (u->stopped) {
			u->must_stop = true;
			wake_up_state(&u->th->t, TASK_STOPPED);
		}
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	if (err)
		kfree(&kernel_mm.slab, t);
	return err;
}

/* Those that do not need a stop. */
static s64 nudge(int tid, bool kill)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct uthread *u = find_uthread(tid);
	struct tracee *t = u ? u->trace : NULL;
	s64 err = 0;

	if (!t || t->tracer != current_process()) {
		err = -ESRCH;
	} else if (kill) {
		send_signal_locked(u->proc, u, SIGKILL, NULL);
	} else if (!t->seized) {
		err = -EIO;
	} else {
		t->trap_stop = true;
		WRITE_ONCE(u->th->t.signal_pending, true);
		if (t->listening)
			tracee_continued(u);
		else if (!wake_up_state(&u->th->t, TASK_INTERRUPTIBLE))
			kick_task(&u->th->t);
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

/* Stopped, the caller's, and off its CPU: nothing moves it until it is thawed. NULL: none such. */
static struct tracee *freeze(int tid)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct uthread *u = find_uthread(tid);
	struct tracee *t = u ? u->trace : NULL;

	if (t && (t->tracer != current_process() || !t->stopped || t->frozen || t->listening ||
		  u->th->t.fatal_signal_pending))
		t = NULL;
	if (t)
		t->frozen = true;
	spin_unlock_irqrestore(&proc_lock, flags);
	while (t && READ_ONCE(t->u->th->t.on_cpu))
		cpu_relax();
	return t;
}

static void thaw(struct tracee *t)
{
	u64 flags = spin_lock_irqsave(&proc_lock);

	t->frozen = false;
	if (t->u->th->t.fatal_signal_pending)
		tracee_wake_to_die(t->u);
	spin_unlock_irqrestore(&proc_lock, flags);
}

SYS(ptrace)
{
	struct tracee *t;
	s64 ret;

	switch (a) {
	case PTRACE_TRACEME:
		return traceme();
	case PTRACE_ATTACH:
		return attach((int)b, false, 0);
	case PTRACE_SEIZE:
		return c ? -EIO : attach((int)b, true, d);
	case PTRACE_KILL:
	case PTRACE_INTERRUPT:
		return nudge((int)b, a == PTRACE_KILL);
	default:
		break;
	}
	t = freeze((int)b);
	if (!t)
		return -ESRCH;
	/* Freed or running afterwards: only what failed is thawed here. */
	if (resumes(t, a, d, &ret)) {
		if (ret)
			thaw(t);
		return ret;
	}
	ret = examine(t, a, c, d);
	thaw(t);
	return ret;
}
