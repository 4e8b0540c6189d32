/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of the process layer share, and nobody else uses. */
#ifndef GUEST_PROCESS_INTERNAL_H
#define GUEST_PROCESS_INTERNAL_H

#include "guest/fs/fdtable.h"
#include "guest/fs/namei.h"
#include "guest/kernel/fs.h"
#include "guest/kernel/mm.h"
#include "guest/kernel/sched.h"
#include "guest/kernel/time.h"
#include "guest/mm/rmap.h"
#include "guest/process/process.h"

/* Capabilities that files do not ask for. */
enum { CAP_KILL = 5, CAP_SYS_BOOT = 22, CAP_SYS_NICE = 23 };

enum {
	RLIMIT_CPU = 0,
	RLIMIT_DATA = 2,
	RLIMIT_STACK = 3,
	RLIMIT_CORE = 4,
	RLIMIT_RSS = 5,
	RLIMIT_NPROC = 6,
	RLIMIT_MEMLOCK = 8,
	RLIMIT_AS = 9,
	RLIMIT_LOCKS = 10,
	RLIMIT_SIGPENDING = 11,
	RLIMIT_MSGQUEUE = 12,
	RLIMIT_NICE = 13,
	RLIMIT_RTPRIO = 14,
	RLIMIT_RTTIME = 15,
};

extern struct vfs kernel_vfs;
extern struct mm_system kernel_user_mm;
extern const struct uaccess_ops kernel_uaccess;

/* itimer.c: SIGALRM has been taken, the next period may begin; off for good; beyond the tick. */
void itimer_init(struct process *p);
void itimer_taken(struct process *p); /* proc_lock held */
void itimer_stop(struct process *p);  /* the process's last thread; may wait */

/* posix_timer.c: its signal has been taken (its overrun goes to info), or thrown away. proc_lock
 * held. */
void posix_timer_taken(struct posix_timer *t, struct siginfo *info);
void posix_timer_dropped(struct posix_timer *t);
/* Those that count CPU time. proc_lock held. */
void posix_timers_cpu_tick(struct process *p);
/* exec, exit: all of them; may wait. */
void posix_timers_delete(struct process *p);
/* The time of day has been set: absolute timers look at it again. */
void posix_timers_clock_set(void);
void timerfds_clock_set(void);

/* sys_time.c: clocks by number, also other processes' and threads'. */
struct clock {
	enum clock_kind { CLOCK_KIND_WALL, CLOCK_KIND_MONO, CLOCK_KIND_CPU } kind;
	bool coarse, timers; /* good for timers and sleeping */
	bool thread;	     /* CPU: of a thread, else of a process */
	int which;	     /* CPU: 0 user and system, 1 user, 2 exactly */
	int id;		     /* CPU: whose; 0: the caller's */
};
/* -EINVAL. */
int clock_find(s32 id, struct clock *c);
u64 clock_read(const struct clock *c);	      /* now; 0: its thread is gone */
u64 clock_read_locked(const struct clock *c); /* proc_lock held */
/* When clock_ns() will show that the time of day has come. */
u64 wall_to_mono(u64 wall);

/* A number that nobody has, or -EAGAIN. Any context. */
int tid_alloc(void);
void tid_free(int tid);
void tid_free_locked(int tid); /* proc_lock held */

/* Alive, with one reference, in no list; limits and groups as the parent's. NULL without memory. */
struct process *process_alloc(struct process *parent);

/* Into and out of its process's list and the table of numbers. proc_lock held. */
void uthread_attach(struct uthread *u, struct process *p);
void uthread_detach(struct uthread *u);
/* After uthread_detach(), with another number. */
void uthread_attach_again(struct uthread *u);

/* A thread that runs fn first, with that number (0: any), that no one else sees yet; NULL without
 * memory or numbers. */
struct uthread *uthread_alloc_kernel(int (*fn)(void *data), int tid);
/* Lets it run, complete and known to everybody; it may be gone on return. */
void start_thread(struct uthread *u);

/* proc_lock held. */
struct rusage_times thread_times(struct uthread *u);

struct sighand *sighand_new(void); /* all default; NULL without memory */
void sighand_put(struct sighand *s);

/* Limits of memory as the process has them now. */
void mm_set_limits(struct mm_struct *mm, const struct process *p);

/* Ends every other thread of the process and waits until this one is alone, and the leader. -EINTR
 * when somebody else ends them. */
int de_thread(struct uthread *u);

/* Gives up the address space, as exec and exit do: tells a vfork parent and the futexes. */
void release_mm(struct uthread *u);

/* The thread that starts in user mode as its frame says. */
int user_thread_fn(void *unused);

/* Tells the parent once all threads have stopped. proc_lock held. sigframe.c */
void group_stop_complete(struct process *p);

/* Tells the parent (or debugger) that something has changed about p: why is a CLD_*. Whether nobody
 * wants to know of its end, so that it can go at once. proc_lock held. */
bool notify_parent(struct process *p, int why, int status);

/* The first signal that is not in `blocked`, taken out; 0: none. proc_lock held. */
int dequeue_signal(struct uthread *u, u64 blocked, struct siginfo *info);

/* signalfd.c: one has been made pending. proc_lock held. */
void signalfds_notify(int sig);

/* Forgets a pending signal. proc_lock held. */
void drop_pending(struct sigpending *p, int sig);

/* Whether sp lies on the alternate stack. */
bool on_altstack(const struct uthread *u, u64 sp);

/* Makes the CPU that runs the task look at its flags soon. */
void kick_task(struct task_struct *t);

/* The thread dies as soon as it can. proc_lock held. */
void kill_thread_locked(struct uthread *u);

/* The machine ends with init: power-off with its status. */
_Noreturn void init_has_ended(int status);

#endif
