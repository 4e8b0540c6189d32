/* SPDX-License-Identifier: MIT */
/*
 * process.h - processes and their threads: what fork() makes, exec() changes, exit() ends and wait()
 * collects. A thread is a struct thread of the kernel with a struct uthread; its process is the
 * thread group it belongs to (Linux's signal_struct and sighand_struct in one).
 *
 * One spinlock, proc_lock (IRQs off), guards who exists, who is whose parent, groups and sessions,
 * states of stop and exit, and all pending signals. Everything else belongs to the thread itself.
 *
 * References: a process is kept by its threads, its children (as their real_parent and parent) and
 * whoever looked it up. A zombie is a process without threads that nobody has waited for yet.
 */
#ifndef GUEST_PROCESS_PROCESS_H
#define GUEST_PROCESS_PROCESS_H

#include "guest/arch/x86/usermode.h"
#include "guest/fs/vfs.h"
#include "guest/kernel/task.h"
#include "guest/mm/mm_struct.h"
#include "guest/process/rseq.h"
#include "guest/process/signal.h"
#include "guest/time/hrtimer.h"

#define PID_MAX 32768

/* Signal actions, shared with CLONE_SIGHAND. proc_lock. */
struct sighand {
	atomic_t refs;
	struct k_sigaction action[NSIG];
};

struct rusage_times {
	u64 utime, stime; /* ns */
	u64 min_flt, maj_flt, nvcsw, nivcsw;
	u64 maxrss; /* pages */
};

/* Bytes and calls of read(2), write(2) and their like: /proc/PID/io. */
struct task_io {
	u64 rchar, wchar, syscr, syscw;
};

static inline void task_io_add(struct task_io *sum, const struct task_io *io)
{
	sum->rchar += io->rchar;
	sum->wchar += io->wchar;
	sum->syscr += io->syscr;
	sum->syscw += io->syscw;
}

enum process_state {
	PROC_ALIVE,
	PROC_ZOMBIE, /* all threads are gone, the parent has not asked yet */
	PROC_DEAD,   /* collected */
};

struct process {
	int tgid;
	atomic_t refs;
	enum process_state state;
	struct process *real_parent;	    /* who made it, or who adopted it */
	struct process *parent;		    /* the debugger, while there is one; else real_parent */
	struct list_head children, sibling; /* by real_parent */
	struct list_head tracees;	    /* threads that it debugs: struct tracee */
	struct tracee *leader_trace;	    /* of a leader that has ended before the others */
	struct list_head threads;	    /* uthread.group_node */
	unsigned nr_threads, nr_live;
	struct list_head all_node; /* every process, by age */
	int pgid, sid;
	u32 uid;		/* real, of the leader; for those who look at a dead one */
	struct uthread *leader; /* the thread with tid == tgid; NULL once it is gone */

	struct sighand *sighand;
	struct sigpending shared_pending;
	wait_queue_head_t wait_child; /* its threads, in wait4() */

	/* How it ends: a status as wait4() reports it. */
	bool group_exit;
	int exit_status;
	int exit_signal; /* for the parent; 0: none */
	/* Job control. */
	bool group_stopped, stop_reported, continued;
	int stop_signal;
	unsigned nr_stopped;

	u64 rlimit[RLIM_NLIMITS], rlimit_max[RLIM_NLIMITS];
	struct rusage_times own, children_times; /* of threads gone, and of children waited for */
	struct task_io io;			 /* of threads gone */
	s16 oom_score_adj, oom_score_adj_min;	 /* -1000 never .. 1000 first; proc_lock */
	u64 start_ns;
	bool did_exec, dumpable, child_subreaper, thp_disabled;
	u32 personality;
	u64 xcpu_sent; /* seconds beyond RLIMIT_CPU that it has been told of */
	struct itimer_state {
		u64 expires, interval; /* ns of its clock; 0: off */
		u64 rang;	       /* when it last did, and waits for its signal to be taken */
	} itimer[3];
	struct hrtimer real_timer;     /* itimer[0] */
	struct list_head posix_timers; /* by age */
	unsigned nr_posix_timers, nr_cpu_timers;
	int next_timer_id;
	struct list_head pidfds;
	unsigned membarriers;	       /* those it has registered for */
	unsigned nr_sigqueue;	       /* signals queued here, against RLIMIT_SIGPENDING */
	struct completion *vfork_done; /* somebody waits for exec or exit */
	struct uthread *execing;       /* the thread that ends all others to exec */
	char exe[64];		       /* base name, for reports */
};

struct uthread {
	struct thread *th; /* the kernel's side: stack, task_struct */
	int tid;
	struct process *proc;
	struct list_head group_node;
	struct hlist_node tid_hash;
	struct mm_struct *mm;
	struct vfs_task vt;	/* cred, fs, files, limits */
	struct user_state regs; /* segment bases, FPU */
	struct pt_regs *frame;	/* what user mode was doing; valid in the kernel */

	u64 blocked, saved_blocked; /* signals; the second while sigsuspend() and friends wait */
	bool restore_blocked;
	u64 real_blocked; /* while sigtimedwait() has some unblocked to be woken by them */
	struct sigpending pending;
	struct sigaltstack_state altstack;
	bool must_stop;	      /* a group stop is due */
	bool stopped;	      /* counted in nr_stopped */
	struct tracee *trace; /* by a debugger; NULL: not */
	int trace_signal;     /* what the debugger lets through */

	u64 set_child_tid, clear_child_tid; /* user addresses, or 0 */
	u64 robust_list;
	struct rseq_area rseq;	    /* the thread itself */
	struct list_head pi_states; /* futexes that others wait for it to unlock; proc_lock */
	enum { FUTEX_ALIVE, FUTEX_EXITING, FUTEX_GONE } futex_state; /* proc_lock */
	/* What restart_syscall() goes on with, with which arguments; NULL: nothing. */
	s64 (*restart)(struct uthread *u);
	u64 restart_arg[6];

	struct rusage_times times;
	u64 shown_utime, shown_stime; /* what thread_times() has said last; proc_lock */
	struct task_io io;
	int pdeath_signal;
	u64 timer_slack, default_slack; /* ns that a sleep may be late */
	u16 ioprio;			/* ioprio_set(2): 0: as the nice value says */
	bool no_new_privs;
	bool exiting;
};

extern spinlock_t proc_lock;
extern struct process *init_process; /* pid 1: adopts, and its end is the kernel's */

/* The user thread that is running, or NULL in a kernel thread. */
static inline struct uthread *current_uthread(void)
{
	return thread_of(current)->u;
}

static inline struct process *current_process(void)
{
	return current_uthread()->proc;
}

/* ---- looking: proc_lock held, or a reference taken ------------------------------------------------ */

struct uthread *find_uthread(int tid);
struct process *find_process(int tgid); /* zombies too */
/* Numbers given out since the boot, kernel threads included, and the last of them. */
u64 total_forks(void);
int last_pid(void);
struct process *get_process(struct process *p);
void put_process(struct process *p);
#define for_each_process(p) list_for_each_entry (p, &all_processes, all_node)
extern struct list_head all_processes;
#define for_each_thread(p, u) list_for_each_entry (u, &(p)->threads, group_node)

/* ---- life -------------------------------------------------------------------------------------------- */

struct clone_args {
	u64 flags; /* CLONE_*, without the signal */
	u64 pidfd, child_tid, parent_tid;
	u64 exit_signal;
	u64 stack; /* the new stack pointer; 0: the caller's */
	u64 tls;
};

/* A new thread or process; its tid, or -errno. fork.c */
s64 do_clone(const struct clone_args *args);

/* execve(): user addresses of the arrays. Does not return to the old program on success. */
s64 do_execveat(int dfd, const char *path, u64 argv, u64 envp, int flags);

/* This thread ends; the process too, if it was the last. exit.c */
_Noreturn void do_exit(int status);
/* All threads end; the first status counts. */
_Noreturn void do_group_exit(int status);

enum { WNOHANG = 1, WUNTRACED = 2, WSTOPPED = 2, WEXITED = 4, WCONTINUED = 8, WNOWAIT = 0x1000000 };
enum { P_ALL = 0, P_PID = 1, P_PGID = 2, P_PIDFD = 3 };

struct wait_result {
	int pid, uid, status, signo_code; /* CLD_* */
	struct rusage_times times;
};
/* A thread has left its CPU for good: frees its side. From the scheduler, preemption off. */
void uthread_gone(struct uthread *u);

/* The pid that was found, 0 (WNOHANG, none ready), -ECHILD, -EINTR. options with WEXITED &c. */
s64 do_wait(int type, int id, unsigned options, struct wait_result *res);

/* Numbers of sessions and groups: calls of the same names. */
s64 do_setsid(void);
s64 do_setpgid(int pid, int pgid);

/* ---- times --------------------------------------------------------------------------------------------- */

/* A process's own so far, live threads counted. proc_lock held. */
struct rusage_times process_times(const struct process *p);
void rusage_add(struct rusage_times *sum, const struct rusage_times *t);

#endif
