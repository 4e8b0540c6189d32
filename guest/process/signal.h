/* SPDX-License-Identifier: MIT */
/*
 * signal.h - signals: pending sets, actions, delivery to a frame on the user's stack. signal(7).
 */
#ifndef GUEST_PROCESS_SIGNAL_H
#define GUEST_PROCESS_SIGNAL_H

#include "guest/fs/vfs.h"
#include "guest/lib/list.h"
#include "guest/lib/types.h"

struct posix_timer;
struct process;
struct pt_regs;
struct uthread;

#define NSIG 64

/* Those that files do not send; the rest is in abi.h. */
#define SIGILL		4
#define SIGTRAP		5
#define SIGABRT		6
#define SIGBUS		7
#define SIGFPE		8
#define SIGKILL		9
#define SIGUSR1		10
#define SIGSEGV		11
#define SIGUSR2		12
#define SIGALRM		14
#define SIGTERM		15
#define SIGSTKFLT	16
#define SIGCHLD		17
#define SIGSTOP		19
#define SIGURG		23
#define SIGXCPU		24
#define SIGVTALRM	26
#define SIGPROF		27
#define SIGIO		29
#define SIGPWR		30
#define SIGSYS		31
#define SIGRTMIN	32

#define SIG_DFL		0UL
#define SIG_IGN		1UL
#define SA_NOCLDSTOP	0x1UL
#define SA_NOCLDWAIT	0x2UL
#define SA_SIGINFO	0x4UL
#define SA_RESTORER	0x04000000UL
#define SA_ONSTACK	0x08000000UL
#define SA_RESTART	0x10000000UL
#define SA_NODEFER	0x40000000UL
#define SA_RESETHAND	0x80000000UL

#define sigbit(sig)	(1UL << ((sig)-1))
#define SIG_UNBLOCKABLE (sigbit(SIGKILL) | sigbit(SIGSTOP))

/* As rt_sigaction() passes it. */
struct k_sigaction {
	u64 handler, flags, restorer, mask;
};

/* What a handler with SA_SIGINFO sees: 128 bytes, Linux's layout. */
struct siginfo {
	s32 signo, err, code, pad;
	union {
		struct {
			s32 pid;
			u32 uid;
			s32 status; /* SIGCHLD; or the value's first half */
			s32 pad;
			s64 utime, stime; /* clock ticks */
		} chld;
		struct {
			s32 pid;
			u32 uid;
			u64 value;
		} rt;
		struct {
			s32 tid, overrun;
			u64 value;
		} timer;
		struct {
			u64 addr;
		} fault;
		u8 raw[112];
	};
};
_Static_assert(sizeof(struct siginfo) == 128, "the ABI");

enum { SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TIMER = -2, SI_TKILL = -6 };
enum { CLD_EXITED = 1, CLD_KILLED, CLD_DUMPED, CLD_TRAPPED, CLD_STOPPED, CLD_CONTINUED };
enum {
	SEGV_MAPERR = 1,
	SEGV_ACCERR = 2,
	BUS_ADRERR = 2,
	FPE_INTDIV = 1,
	FPE_FLTDIV = 3,
	FPE_FLTOVF,
	FPE_FLTUND,
	FPE_FLTRES,
	FPE_FLTINV,
	ILL_ILLOPN = 2,
	TRAP_BRKPT = 1,
	TRAP_TRACE = 2
};

/* Pending: one bit each; what came along is queued, several of one kind for real-time signals. */
struct sigpending {
	u64 set;
	struct list_head queue; /* struct sigqueue */
};

/* One that waits. A timer's own lives in the timer, and is never queued twice. */
struct sigqueue {
	struct list_head node;
	struct siginfo info;
	struct process *charged;   /* counted in nr_sigqueue; NULL: nobody */
	struct posix_timer *timer; /* NULL: of the slab */
};

/* sigaltstack(2). */
#define SS_ONSTACK    1
#define SS_DISABLE    2
#define SS_AUTODISARM (1u << 31)

struct sigaltstack_state {
	u64 sp, size; /* size 0: none */
	u32 flags;    /* SS_AUTODISARM or 0 */
};

void sigpending_init(struct sigpending *p);

/*
 * Makes a signal pending for one thread (u) or a process (u NULL) and wakes who can take it; ignored
 * ones are dropped. info NULL: from the kernel. proc_lock held. 0 or -EAGAIN (queue full).
 */
int send_signal_locked(struct process *p, struct uthread *u, int sig, const struct siginfo *info);

/* The same with an entry that the sender keeps; it is not queued now. proc_lock held. Whether it is
 * queued; false: ignored. */
bool send_sigqueue_locked(struct process *p, struct uthread *u, struct sigqueue *q);
/* Takes it back before anybody has seen it. proc_lock held. */
void unqueue_sigqueue(struct process *p, struct uthread *u, struct sigqueue *q);

/* The same with the lock taken; of the running thread for a fault, which cannot be blocked. */
int send_signal(struct process *p, struct uthread *u, int sig, const struct siginfo *info);
void force_signal(int sig, int code, u64 addr);

/* kill(2)'s rules for the sender; pid as there. */
s64 do_kill_process(struct process *p, int sig, const struct siginfo *info);
s64 do_kill(int pid, int sig, const struct siginfo *info);
s64 do_tgkill(int tgid, int tid, int sig, const struct siginfo *info);
/* Everybody of a group, from inside the kernel. -ESRCH. Any context. */
int kill_pgrp(int pgid, int sig);

/* Sets signal_pending of the thread by what is pending and not blocked. proc_lock held. */
void recalc_sigpending(struct uthread *u);
void set_blocked(struct uthread *u, u64 mask);

/* On the way to user mode with something pending: stops, dies, or builds handler frames; restarts an
 * interrupted call. IRQs on. */
void do_signal(struct pt_regs *regs);

/* rt_sigreturn(): puts back what the frame holds; the new RAX. */
s64 do_sigreturn(struct pt_regs *regs);

/* Of exec: handlers become default, ignored stay ignored. */
void flush_signal_handlers(struct process *p);
/* Drops what is queued. proc_lock held. */
void flush_sigpending(struct sigpending *p);
bool sig_ignored(const struct process *p, int sig);

/* Ends of system calls that a signal interrupted; never seen by user mode. */
#define ERESTARTNOINTR	      513
#define ERESTARTNOHAND	      514
#define ERESTART_RESTARTBLOCK 516

#endif
