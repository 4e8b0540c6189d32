/* SPDX-License-Identifier: MIT */
/*
 * sched.h - run queues, the chain of classes, and what the rest of a kernel calls.
 *
 * Rules, checked by sched_check():
 * S1 a task with on_rq set is queued in the class and on the queue (rq) that it names, or runs there.
 * S2 rq->curr runs on exactly one CPU and has on_cpu set.
 * S3 rq->nr_running is the sum over the classes of rq.
 * S4 rq->lock is held across the switch; the task that comes in releases it.
 * S5 order of locks: tasks_lock, pi_lock, then rq->lock; two queues in the order of their CPUs. Only
 *    sched_set_slot() holds more than one pi_lock.
 */
#ifndef GUEST_SCHED_SCHED_H
#define GUEST_SCHED_SCHED_H

#include "guest/lib/atomic.h"
#include "guest/lib/bitmap.h"
#include "guest/lib/env.h"
#include "guest/lib/errno.h"
#include "guest/sched/sched_env.h"
#include "guest/sched/task.h"

#define NSEC_PER_USEC_ 1000ULL
#define NSEC_PER_MSEC_ 1000000ULL
#define NSEC_PER_SEC_  1000000000ULL
#define RUNTIME_INF    UINT64_MAX

/* Best class first: pick_next_task() walks the slots in this order. */
enum sched_slot {
	SLOT_STOP,
	SLOT_DL,
	SLOT_RT,
	SLOT_FAIR, /* eevdf, cfs, o1 or bfs */
	SLOT_EXT,  /* empty until a plug-in fills it */
	SLOT_IDLE,
	SCHED_NR_SLOTS
};

/* Flags of enqueue and dequeue. A pair SAVE/RESTORE leaves the task as it was, MOVE lets its place
 * in the order change. */
#define DEQUEUE_SLEEP	  0x01
#define DEQUEUE_SAVE	  0x02
#define DEQUEUE_MOVE	  0x04
#define DEQUEUE_DELAYED	  0x08 /* now really */
#define DEQUEUE_SPECIAL	  0x10 /* must not be put off */
#define ENQUEUE_WAKEUP	  0x01
#define ENQUEUE_RESTORE	  0x02
#define ENQUEUE_MOVE	  0x04
#define ENQUEUE_DELAYED	  0x08 /* woken before it was really out */
#define ENQUEUE_MIGRATED  0x10
#define ENQUEUE_HEAD	  0x20 /* before its equals */
#define ENQUEUE_INITIAL	  0x40 /* for the first time */
#define ENQUEUE_REPLENISH 0x80
/* With either: the clocks are up to date. */
#define RQ_NOCLOCK 0x100

/* Flags of wake-ups. */
#define WF_SYNC	    0x10 /* the waker is about to sleep */
#define WF_FORK	    0x04
#define WF_MIGRATED 0x20

struct fair_ops;

/*
 * One policy. rq->lock is held and IRQs are off in every call, unless the line says otherwise. NULL
 * is allowed where the comment says so.
 */
struct sched_class {
	const char *name;
	enum sched_slot slot;

	/* Enqueue, dequeue: core.c, on wake-up, sleep, and around every change of a queued task. A
	 * dequeue returns false when the task stays for a while although it sleeps. */
	void (*enqueue_task)(struct rq *rq, struct task_struct *p, int flags);
	bool (*dequeue_task)(struct rq *rq, struct task_struct *p, int flags);

	/* do_sched_yield() by rq->curr. */
	void (*yield_task)(struct rq *rq);

	/* p of this class became runnable while rq->curr, of this class too, runs. */
	void (*wakeup_preempt)(struct rq *rq, struct task_struct *p, int wake_flags);

	/* The class's best task, left where it is; NULL: none. Then prev (rq->curr) is put and the
	 * chosen task set, by pick_next_task() and around changes of a running task. */
	struct task_struct *(*pick_task)(struct rq *rq);
	void (*put_prev_task)(struct rq *rq, struct task_struct *p);
	void (*set_next_task)(struct rq *rq, struct task_struct *p, bool first);

	/* NULL: none. Before pick_task(): may fetch tasks from other CPUs, dropping rq->lock.
	 * Returns whether this class or a better one has a task now. */
	bool (*balance)(struct rq *rq);
	/* NULL: none. After the switch, if rq->push was set for the slot: may send tasks away,
	 * dropping rq->lock. */
	void (*push)(struct rq *rq);

	/* The CPU for a waking or new p: p->pi_lock held, no rq->lock. `cpu` is where it was. */
	unsigned (*select_task_rq)(struct task_struct *p, unsigned cpu, int wake_flags);
	/* NULL: nothing. p, not queued, goes to another CPU; p->pi_lock or the old rq->lock held. */
	void (*migrate_task_rq)(struct task_struct *p, unsigned new_cpu);

	/* Every tick while p = rq->curr. */
	void (*task_tick)(struct rq *rq, struct task_struct *p);
	/* NULL: none. rq->hrtick_timer, armed by the class of rq->curr, went off. */
	void (*hrtick)(struct rq *rq);
	/* Charges rq->curr up to rq->clock_task. */
	void (*update_curr)(struct rq *rq);

	/* Changes of policy, p queued or not; NULL: nothing. prio_changed: the old one is given. */
	void (*switched_from)(struct rq *rq, struct task_struct *p);
	void (*switched_to)(struct rq *rq, struct task_struct *p);
	void (*prio_changed)(struct rq *rq, struct task_struct *p, int old_prio);

	/* NULL: nothing. p, not queued, comes into the class (at its birth without any lock), and
	 * p dies. */
	void (*task_init)(struct task_struct *p);
	/* NULL: nothing. After task_init() of a child; no lock. */
	void (*task_fork)(struct task_struct *p, struct task_struct *parent);
	void (*task_dead)(struct rq *rq, struct task_struct *p);

	/* For task_rr_interval(): ns, 0 when p may run for ever. */
	u64 (*get_rr_interval)(struct rq *rq, struct task_struct *p);

	/* NULL, or which rule is broken. */
	const char *(*check)(struct rq *rq);

	/* For a class made of fair.c: what tells it from the others. */
	const struct fair_ops *fair;
};

extern const struct sched_class stop_sched_class, dl_sched_class, rt_sched_class;
extern const struct sched_class eevdf_sched_class, cfs_sched_class, o1_sched_class, bfs_sched_class;
extern const struct sched_class idle_sched_class;

/* What can be tuned; sched_tunables_default() fills it. Times in ns. */
struct sched_tunables {
	u64 tick;
	u64 base_slice; /* EEVDF: request of a task that names none */
	u64 latency, min_granularity, wakeup_granularity; /* CFS */
	u64 rr_timeslice;
	u64 rt_period, rt_runtime; /* RT may use runtime of each period; RUNTIME_INF: all */
	u64 bfs_rr_interval;
	u64 bandwidth_slice; /* what a CPU takes at a time of a limited group's quota */
	u64 migration_cost;  /* a task that ran less long ago is warm */
	unsigned nr_migrate; /* most tasks moved at once */
	bool delay_dequeue;  /* EEVDF: sleepers pay back negative lag first */
	bool hrtick;	     /* slices end by timer, not at the next tick */
	bool balance;	     /* move tasks between CPUs */
};

void sched_tunables_default(struct sched_tunables *tun, unsigned nr_cpus);

/* Entities of one group on one CPU, in virtual time. Guard: rq->lock. */
struct cfs_rq {
	struct rb_root_cached timeline; /* without curr */
	struct sched_entity *curr;
	u64 min_vruntime;      /* never goes back; zero point of the sums */
	s64 avg_vruntime;      /* sum over the tree of weight * (vruntime - min_vruntime) */
	u64 avg_load;	       /* sum over the tree of weights */
	u64 load;	       /* sum of weights, curr included */
	unsigned nr_queued;    /* entities, curr included */
	unsigned h_nr_running; /* tasks below that want to run */
	struct rq *rq;
	struct task_group *group;
	struct sched_avg avg;
	u64 tg_load_contrib; /* what group->load_avg knows of this */

	/* The group's time limit, see bandwidth.c. */
	bool limited;
	bool throttled; /* out of time: the group's entity is not queued */
	u64 h_load;	/* weight of the tasks that h_nr_running counts */
	s64 runtime_remaining;
	u64 throttled_since;
	struct sched_timer limit_timer;
};

struct rt_rq {
	DECLARE_BITMAP(bitmap, MAX_RT_PRIO);
	struct list_head queue[MAX_RT_PRIO];
	unsigned nr_running, nr_migratory;
	int highest; /* best prio queued, MAX_RT_PRIO: none; read by others without lock */
	u64 time;    /* used of the current period, rq->clock */
	u64 charged_until;
	bool throttled, timer_set, overloaded;
	u64 nr_throttled;
	struct sched_timer period_timer;
};

struct dl_rq {
	struct rb_root_cached root; /* by deadline */
	unsigned nr_running, nr_migratory;
	bool overloaded;
	u64 earliest; /* deadline of the first, UINT64_MAX: none; read by others without lock */
	u64 missed;   /* instances whose deadline passed before they were done */
};

#define O1_PRIOS 40
struct o1_array {
	unsigned nr_active;
	DECLARE_BITMAP(bitmap, O1_PRIOS);
	struct list_head queue[O1_PRIOS];
};

struct o1_rq {
	struct o1_array *active, *expired, arrays[2];
	u64 expired_since; /* 0: nobody waits in expired */
	int best_expired_prio;
};

struct sched_domain;
struct sched_topology;
#define SCHED_MAX_LEVELS 4 /* SMT, MC, DIE, NUMA */

/* One CPU's queue. Everything under rq->lock but what says otherwise. */
struct rq {
	spinlock_t lock;
	bool need_resched; /* atomic flag: look for a better task soon */
	bool online;
	u8 push; /* bit per slot: class->push() wanted */
	unsigned cpu;
	/* What other CPUs read without lock, in one cache line. */
	unsigned nr_running;
	int curr_prio; /* of curr */
	unsigned fair_nr;
	u64 fair_load; /* weight of those */
	struct task_struct *curr, *idle, *stop;
	struct sched *sched;
	u64 clock;	/* ns, of the last update */
	u64 clock_task; /* the same without what a hypervisor took */
	u64 stolen;

	struct cfs_rq cfs;
	struct list_head fair_tasks; /* queued tasks of the fair slot, for the balancer */
	struct dl_rq dl;
	struct rb_root_cached timers;
	u64 timer_set; /* what the environment was told */
	struct sched_timer hrtick_timer;
	struct list_head stop_work;

	struct sched_domain *sd; /* lowest; NULL: a lone CPU */
	u64 next_balance[SCHED_MAX_LEVELS];
	unsigned balance_failed;

	/* /proc/schedstat */
	u64 nr_switches, sched_count, sched_goidle, yld_count, ttwu_count, ttwu_local;
	struct sched_info info; /* sums over the tasks */
	u64 cpu_time;		/* of tasks that have left again */
	u64 nr_pulled;

	u64 bfs_deadline; /* of curr under BFS; read by others without lock */
	struct o1_rq o1;
	struct rt_rq rt;
};

/* quota ns of CPU time in each period, over all CPUs. Guard: lock, inside any rq->lock. */
struct cfs_bandwidth {
	spinlock_t lock;
	u64 quota, period, burst; /* quota RUNTIME_INF: no limit */
	u64 runtime;		  /* not handed out to a CPU yet */
	u64 period_end;
	u64 throttled_in; /* period_end of the last period with throttling */
	u64 nr_periods, nr_throttled, throttled_ns; /* of cpu.stat */
};

/* Weight of a set of tasks, a tree of them (cgroups). Members are tasks and groups alike. */
struct task_group {
	struct task_group *parent; /* NULL: the root */
	u64 shares;		   /* weight against siblings, nice 0 = NICE_0_LOAD */
	struct cfs_rq **cfs_rq;	   /* by CPU */
	struct sched_entity **se;  /* by CPU; the root has none */
	atomic64_t load_avg;
	struct cfs_bandwidth bandwidth;
	struct sched *sched;
	struct list_head node; /* sched->groups */
};

/* CPUs with more tasks of a class than they can run, see push.c. Changes atomically. */
struct sched_overload {
	u64 *cpus;
	atomic_t nr;
};

struct lockdep;

struct bfs_global {
	spinlock_t lock; /* inside any rq->lock */
	struct list_head queue;
	unsigned nr_queued;
};

/* One scheduler: all the CPUs that share tasks. Everything is set up once but what says otherwise. */
struct sched {
	unsigned nr_cpus, mask_words;
	struct rq **rq;
	const struct sched_class *chain[SCHED_NR_SLOTS];      /* changes with every rq->lock held */
	const struct sched_class *active[SCHED_NR_SLOTS + 1]; /* the same without empty slots */
	struct sched_tunables tun;
	struct sched_topology *topology;
	struct task_group root_group;
	u64 *possible, *online; /* bits change atomically */
	u64 *idle_mask;		/* CPUs with nothing to do */
	u64 *fair_overload;	/* CPUs with two fair tasks or more */
	struct sched_overload rt_overload, dl_overload;
	bool schedstats; /* count what costs time: any time */
	spinlock_t dl_lock;
	u64 dl_total_bw; /* dl_lock */
	spinlock_t tasks_lock;
	struct list_head tasks, groups; /* tasks_lock */
	struct bfs_global bfs;
	struct lockdep *lockdep; /* NULL: locks are not checked */
};

static inline struct rq *cpu_rq(const struct sched *s, unsigned cpu)
{
	return s->rq[cpu];
}

static inline struct rq *task_rq(const struct task_struct *p)
{
	return p->sched->rq[p->cpu];
}

static inline bool task_current(const struct rq *rq, const struct task_struct *p)
{
	return rq->curr == p;
}

static inline bool cpu_online(const struct sched *s, unsigned cpu)
{
	return test_bit(cpu, s->online);
}

static inline bool task_allowed(const struct task_struct *p, unsigned cpu)
{
	return test_bit(cpu, p->cpus_ptr);
}

/* Whether the statistics of tasks and wake-ups are kept: /proc/sys/kernel/sched_schedstats. */
static inline bool schedstat_enabled(const struct sched *s)
{
	return unlikely(READ_ONCE(s->schedstats));
}

static inline bool available_idle_cpu(const struct rq *rq)
{
	return READ_ONCE(rq->curr) == rq->idle && !READ_ONCE(rq->nr_running);
}

/* ---- setting up: init.c ---------------------------------------------------------------------- */

/* Which CPUs are near to which. CPUs of a core, cores of a cache, caches of a node are neighbours. */
struct sched_topology_desc {
	unsigned nr_cpus;
	unsigned threads_per_core, cores_per_llc, llcs_per_node; /* each >= 1 */
	/* Any CPU numbering: NULL derives these from the counts above. */
	const unsigned *core_of, *llc_of, *node_of;
};

/*
 * A scheduler with nr_cpus offline queues. NULL without memory or with a bad description. `fair` is
 * one of the fair slot's classes (NULL: EEVDF).
 */
struct sched *sched_create(const struct sched_topology_desc *topo, const struct sched_tunables *tun,
			   const struct sched_class *fair);
/* No task is left; groups go with it. */
void sched_destroy(struct sched *s);

/* "eevdf", "cfs", "o1", "bfs"; NULL: no such policy. */
const struct sched_class *sched_fair_by_name(const char *name);

/* idle becomes cpu's idle task, running there from now on. The CPU is not online yet. */
void sched_init_idle(struct sched *s, struct task_struct *idle, unsigned cpu);
/* A task for cpu's stop class: its body calls cpu_stop_run(). It sleeps until there is work. */
void sched_init_stop(struct sched *s, struct task_struct *stop, unsigned cpu);

/*
 * A new task, zeroed but for pid and comm, as a child of parent (NULL: nice 0). It sleeps; the
 * first run comes by wake_up_new_task(). 0, or -EAGAIN: a deadline task cannot have children
 * unless SCHED_RESET_ON_FORK is set, sched(7).
 */
int sched_fork(struct sched *s, struct task_struct *p, struct task_struct *parent);
/* p is dead (its last switch is over) or was never woken. */
void sched_task_free(struct task_struct *p);

/* ---- running: core.c ------------------------------------------------------------------------- */

/* Gives up the CPU if current's state says so or somebody better waits. Preemption and IRQs on. */
void schedule(void);
/* The same with preemption off on entry and exit, for the idle loop. */
void schedule_idle(void);
/* A switch against the task's will: it stays runnable whatever its state. */
void preempt_schedule(void);
void preempt_schedule_irq(void);
/* First thing on a new task's stack: lets go of rq->lock. Preemption and IRQs stay off. */
void schedule_tail(struct task_struct *prev);

/* Makes p runnable if its state matches; whether it did. Any context. */
bool try_to_wake_up(struct task_struct *p, unsigned state, int wake_flags);
static inline bool wake_up_process(struct task_struct *p)
{
	return try_to_wake_up(p, TASK_NORMAL, 0);
}
static inline bool wake_up_state(struct task_struct *p, unsigned state)
{
	return try_to_wake_up(p, state, 0);
}
void wake_up_new_task(struct task_struct *p);

void sched_tick(void);
void sched_timer_interrupt(void);
void do_sched_yield(void);

/* Marks the CPU of rq, locked, for a switch at the next opportunity. */
void resched_curr(struct rq *rq);

static inline bool need_resched(void)
{
	return READ_ONCE(this_rq()->need_resched);
}

#define set_current_state(s)                               \
	do {                                               \
		WRITE_ONCE(current->state, (unsigned)(s)); \
		__atomic_thread_fence(__ATOMIC_SEQ_CST);   \
	} while (0)
#define __set_current_state(s) WRITE_ONCE(current->state, (unsigned)(s))

/* Whether a sleep in this state ends at once because of a signal. */
static inline bool signal_pending_state(unsigned state, const struct task_struct *p)
{
	if (!(state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)) || !READ_ONCE(p->signal_pending))
		return false;
	return (state & TASK_INTERRUPTIBLE) || READ_ONCE(p->fatal_signal_pending);
}

/* ---- changing tasks: syscalls.c, affinity.c ---------------------------------------------------- */

struct sched_attr {
	unsigned policy; /* may carry SCHED_RESET_ON_FORK */
	int nice;
	unsigned priority;
	u64 runtime, deadline, period; /* ns; SCHED_DEADLINE. runtime with a fair policy: slice */
};

/* What the caller may do. */
struct sched_cred {
	bool cap_sys_nice;
	unsigned rlimit_rtprio, rlimit_nice; /* nice 20 - limit is the best */
};

/* 0, -EINVAL, -EPERM (cred), -EBUSY (deadline admission). cred NULL: the kernel itself. */
int task_setattr(struct task_struct *p, const struct sched_attr *attr,
		 const struct sched_cred *cred);
int task_setscheduler(struct task_struct *p, unsigned policy, unsigned priority,
		      const struct sched_cred *cred);
void task_getattr(const struct task_struct *p, struct sched_attr *attr);
/* Clamps; no permission check. */
void set_user_nice(struct task_struct *p, int nice);
/* -EINVAL for an unknown policy. */
int policy_priority_max(unsigned policy);
int policy_priority_min(unsigned policy);
u64 task_rr_interval(struct task_struct *p);
/* How long it has run so far, to the moment. No lock held. */
u64 task_sched_runtime(struct task_struct *p);

/*
 * Where p may run. 0; -EINVAL when no online CPU is in mask, or p may not be moved; -ENOMEM. Other
 * CPUs than those in mask run p at most until their stop task has had its turn.
 */
int set_cpus_allowed(struct task_struct *p, const u64 *mask);

/* CPU hotplug. Taking one off is -EBUSY for the last one; its tasks leave through the stop class,
 * so the CPU is empty once its stop task has run - but for those that a waker, who saw the CPU
 * online, is just about to queue there. When all such wakers are through, sched_push_all() sends those
 * away as well, in the stop task of rq's CPU. */
void sched_cpu_online(struct sched *s, unsigned cpu);
int sched_cpu_offline(struct sched *s, unsigned cpu);
void sched_push_all(struct rq *rq);
/* On a CPU that came back, once its clock event runs: timers of its queue that waited meanwhile. */
void sched_timers_resume(void);

/* ---- policies and groups: policy.c, group.c ------------------------------------------------------ */

/* Gives the fair slot to another class while tasks run. */
void sched_switch_fair(struct sched *s, const struct sched_class *fair);

/*
 * A class from outside takes the ext slot, between fair and idle: tasks of policy SCHED_EXT, which
 * the fair class has run so far, go over to it. -EBUSY: the slot is taken; -EINVAL: not such a class.
 */
int sched_ext_load(struct sched *s, const struct sched_class *ext);
/* It goes, and its tasks fall back to fair. Nothing when the slot is empty. */
void sched_ext_unload(struct sched *s);

/* A group without members below parent (NULL: the root). NULL without memory. */
struct task_group *task_group_create(struct sched *s, struct task_group *parent, u64 shares);
void task_group_free(struct task_group *tg); /* no members */
void task_group_set_shares(struct task_group *tg, u64 shares);
void task_group_move(struct task_struct *p, struct task_group *tg);
/*
 * At most quota ns of CPU time in each period, plus what of up to burst ns it did not use before:
 * cpu.max and cpu.max.burst. quota RUNTIME_INF: no limit. Holds while the fair slot has a class with
 * groups. -EINVAL: the root, a period outside 1 ms..1 s, less than 1 ms of quota, a burst above it.
 */
int task_group_set_bandwidth(struct task_group *tg, u64 quota, u64 period, u64 burst);

/* ---- proof and numbers: check.c, stats.c ------------------------------------------------------------ */

/* NULL, or the broken rule. No lock is held, nothing runs meanwhile. */
const char *sched_check(struct sched *s);

/* Takes a line of text without newline. */
typedef void (*sched_emit_fn)(void *ctx, const char *line);

#endif
