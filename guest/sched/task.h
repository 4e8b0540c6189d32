/* SPDX-License-Identifier: MIT */
/*
 * task.h - what the scheduler and the locks know about a task. Names are Linux's.
 *
 * An environment embeds struct task_struct in a structure of its own (the kernel adds registers and
 * a stack, the simulator a script, a test whatever it likes) and finds it again by container_of().
 */
#ifndef GUEST_SCHED_TASK_H
#define GUEST_SCHED_TASK_H

#include "guest/lib/list.h"
#include "guest/lib/rbtree.h"
#include "guest/lib/types.h"
#include "guest/locking/spinlock.h"

#define TASK_COMM_LEN 16

/* task_struct.state: 0, or what it waits for as bits. */
#define TASK_RUNNING	     0x000
#define TASK_INTERRUPTIBLE   0x001
#define TASK_UNINTERRUPTIBLE 0x002
#define TASK_STOPPED	     0x004 /* by job control: SIGCONT and death end it */
#define TASK_TRACED	     0x008 /* by a debugger: it, and death, end it */
#define TASK_DEAD	     0x080
#define TASK_WAKEKILL	     0x100
#define TASK_WAKING	     0x200
#define TASK_NEW	     0x800
#define TASK_NORMAL	     (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)
#define TASK_KILLABLE	     (TASK_WAKEKILL | TASK_UNINTERRUPTIBLE)

/* Policies, sched(7); numbers are the system call interface. */
#define SCHED_NORMAL	    0
#define SCHED_FIFO	    1
#define SCHED_RR	    2
#define SCHED_BATCH	    3
#define SCHED_IDLE	    5
#define SCHED_DEADLINE	    6
#define SCHED_EXT	    7
#define SCHED_RESET_ON_FORK 0x40000000

/* 0..99 real time (99 - sched_priority), 100..139 nice -20..19; deadline below all, stop too. */
#define MAX_RT_PRIO	   100
#define MAX_DL_PRIO	   0
#define DEFAULT_PRIO	   120
#define MAX_PRIO	   140
#define MIN_NICE	   (-20)
#define MAX_NICE	   19
#define NICE_TO_PRIO(nice) ((nice) + DEFAULT_PRIO)
#define PRIO_TO_NICE(prio) ((prio)-DEFAULT_PRIO)

#define NICE_0_LOAD	   1024u
#define WEIGHT_IDLEPRIO	   3u

/* task_struct.on_rq */
#define TASK_ON_RQ_QUEUED    1
#define TASK_ON_RQ_MIGRATING 2

/* task_struct.flags */
#define PF_IDLE		  0x00000002
#define PF_EXITING	  0x00000004
#define PF_KTHREAD	  0x00200000
#define PF_NO_SETAFFINITY 0x04000000

struct sched;
struct sched_class;
struct task_group;
struct cfs_rq;
struct rq;
struct o1_array;
struct rt_mutex;
struct rt_mutex_waiter;
struct task_lockdep;

/* For a task whose absence somebody has to make up for: called by schedule() around a sleep, in the
 * task's own context, without locks. */
struct task_sleep_hooks {
	void (*sleeping)(struct task_sleep_hooks *hooks);
	void (*running)(struct task_sleep_hooks *hooks);
};

/* Fires once at `expires` on the CPU whose queue it was armed on; see timer.c. */
struct sched_timer {
	struct rb_node node;
	u64 expires; /* ns, env_now_ns() */
	bool armed;
	/* rq->lock held, IRQs off. */
	void (*fn)(struct rq *rq, struct sched_timer *timer);
};

/* Load tracked with geometric decay; see pelt.c. */
struct sched_avg {
	u64 last_update_time; /* ns */
	u64 load_sum;
	u64 runnable_sum;
	u32 util_sum;
	u32 period_contrib; /* us of the 1024 us period that is not full yet */
	u32 load_avg, runnable_avg, util_avg;
};

/* What a fair policy schedules: a task, or a group of them on one CPU. Guard: rq->lock. */
struct sched_entity {
	/* What a walk through the tree looks at, in one cache line. */
	struct rb_node run_node;
	u64 deadline;	  /* virtual */
	u64 min_vruntime; /* of the subtree at run_node */
	u64 vruntime;
	u32 weight; /* of nice 0: NICE_0_LOAD */
	bool on_rq;
	bool sched_delayed; /* blocked, but kept until it has paid back its negative lag */
	bool rel_deadline;  /* deadline is relative to vruntime */
	bool custom_slice;
	struct cfs_rq *my_q; /* what it stands for; NULL: a task */

	s64 vlag;	/* virtual; valid while not queued */
	u64 vprot;	/* runs undisturbed up to this vruntime */
	u64 slice;	/* ns asked for at a time */
	u64 exec_start; /* rq->clock_task */
	u64 sum_exec_runtime, prev_sum_exec_runtime;
	struct sched_entity *parent;
	struct cfs_rq *cfs_rq; /* where it is queued */
	struct sched_avg avg;
};

/* The older policies in the fair slot. */
struct o1_entity {
	struct list_head run_list;
	struct o1_array *array; /* NULL: not queued */
	u64 timestamp;		/* last slept, woken or put: rq->clock */
	u64 sleep_avg;		/* ns */
	u64 time_slice;		/* ns left */
	int prio;		/* dynamic */
	bool first_slice;
};

struct bfs_entity {
	struct list_head run_list;
	u64 deadline;	/* real time */
	u64 time_slice; /* ns left */
	bool queued;
};

struct sched_rt_entity {
	struct list_head run_list;
	u64 time_slice; /* ns left, SCHED_RR */
	bool on_list;
};

struct sched_dl_entity {
	struct rb_node node;
	/* What was asked for and admitted. */
	u64 dl_runtime, dl_deadline, dl_period; /* ns */
	u64 dl_bw;				/* runtime / period, 20 bits of fraction */
	u64 dl_density;				/* runtime / deadline */
	/* Where the current instance stands. */
	s64 runtime;
	u64 deadline; /* absolute */
	bool on_tree, throttled, yielded, missed;
	u64 nr_throttled;
	struct sched_timer timer; /* replenishes */
};

/* Times in ns; what /proc/PID/schedstat and /proc/PID/sched show. rq->lock. */
struct sched_info {
	u64 pcount;	  /* times run */
	u64 run_delay;	  /* waited for a CPU */
	u64 last_arrival; /* got it */
	u64 last_queued;  /* began to wait; 0: does not wait */
};

struct sched_statistics {
	u64 wait_max, wait_sum, wait_count; /* ready, without a CPU */
	u64 sleep_start, sum_sleep_runtime, sleep_max;
	u64 block_start, sum_block_runtime, block_max; /* uninterruptible */
	u64 nr_wakeups, nr_wakeups_sync, nr_wakeups_migrate, nr_wakeups_local, nr_wakeups_remote;
	u64 nr_wakeups_affine, nr_wakeups_affine_attempts;
	u64 nr_migrations, nr_forced_migrations, nr_migrations_cold;
};

struct task_struct {
	struct sched_entity se; /* first: what is aligned to 64 keeps the tree's part in one line */
	u32 state;		/* the task itself; others by try_to_wake_up() */
	int on_cpu;		/* 1 from being picked until its registers are saved */
	u8 on_rq;		/* rq->lock */
	bool in_pending_move;
	bool fatal_signal_pending;
	union {
		struct {
			bool signal_pending;
			bool rseq_event; /* the task itself, and who switches to it */
		};
		u16 user_work; /* any of them: one look on the way to user mode */
	};
	spinlock_t pi_lock;
	unsigned cpu;	      /* its queue; changes under pi_lock or the old queue's lock */
	unsigned flags;	      /* PF_*; the task itself */
	unsigned policy;      /* pi_lock and rq->lock, like the next ones */
	unsigned rt_priority; /* 1..99, or 0 */
	int prio;	      /* in force: lower is better */
	int static_prio;      /* from nice */
	int normal_prio;      /* without inheritance */
	bool sched_reset_on_fork;
	const struct sched_class *sched_class;
	struct sched *sched;
	struct task_group *group;
	/* Where it may run: the scheduler's possible mask, or cpus_own. */
	const u64 *cpus_ptr;
	u64 *cpus_own;
	unsigned nr_cpus_allowed;

	union {
		struct o1_entity o1;
		struct bfs_entity bfs;
	};
	struct list_head group_node; /* rq->fair_tasks */
	struct sched_rt_entity rt;
	struct sched_dl_entity dl;

	/* Priority inheritance; pi_lock. */
	struct rb_root_cached pi_waiters; /* best waiter of each lock held */
	struct task_struct *pi_top_task;  /* rq->lock and pi_lock */
	struct rt_mutex_waiter *pi_blocked_on;
	uintptr_t blocker; /* pi_lock; guest/locking/blocked.h */

	u64 nvcsw, nivcsw;
	struct sched_info sched_info;
	struct sched_statistics stats;
	struct task_lockdep *lockdep;	      /* NULL: not checked */
	struct task_sleep_hooks *sleep_hooks; /* NULL: none; the task itself */

	int pid, tgid;
	char comm[TASK_COMM_LEN];
	struct list_head sched_node; /* sched->tasks */
};

static inline bool rt_prio(int prio)
{
	return prio < MAX_RT_PRIO;
}

static inline bool dl_prio(int prio)
{
	return prio < MAX_DL_PRIO;
}

static inline bool fair_policy(unsigned policy)
{
	return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

static inline bool rt_policy(unsigned policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static inline bool dl_policy(unsigned policy)
{
	return policy == SCHED_DEADLINE;
}

static inline int task_nice(const struct task_struct *p)
{
	return PRIO_TO_NICE(p->static_prio);
}

#endif
