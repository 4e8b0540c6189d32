/* SPDX-License-Identifier: MIT */
/* task.h - what a thread is. Field names are Linux's. */
#ifndef GUEST_KERNEL_TASK_H
#define GUEST_KERNEL_TASK_H

#include "guest/arch/x86/percpu.h"
#include "guest/lib/list.h"
#include "guest/lib/types.h"

#define TASK_COMM_LEN	     16

#define TASK_RUNNING	     0x00
#define TASK_INTERRUPTIBLE   0x01
#define TASK_UNINTERRUPTIBLE 0x02
#define TASK_DEAD	     0x80

/* Static priorities as in Linux: 0..99 real time, 100..139 nice -20..19. */
#define MAX_RT_PRIO  100
#define DEFAULT_PRIO 120
#define MAX_PRIO     140

struct sched_class;

struct task_struct {
	u64 sp;	    /* saved stack pointer while not running */
	u64 stack;  /* top of the kernel stack; 0: the boot stack or a CPU's first stack */
	u32 state;  /* rq->lock to change from RUNNING by others; the task itself otherwise */
	int on_cpu; /* 1 from being picked until its registers are saved */
	bool on_rq; /* rq->lock */
	bool should_stop;
	unsigned cpu; /* the run queue it belongs to */

	int pid, tgid;
	char comm[TASK_COMM_LEN];
	struct task_struct *real_parent, *parent;
	int prio, static_prio;
	const struct sched_class *sched_class;

	struct list_head run_list;    /* rq->lock */
	struct list_head tasks;	      /* every task; task_list_lock */
	struct list_head sleep_entry; /* this CPU's sleepers, by wake_at */
	u64 wake_at;

	u64 exec_start, sum_exec_runtime; /* ns; rq->lock */
	u64 nvcsw, nivcsw;		  /* voluntary and involuntary switches */
	u32 time_slice;			  /* ticks left */

	int (*threadfn)(void *data);
	void *data;
	int exit_code;
	struct task_struct *joiner;
};

DECLARE_PER_CPU(struct task_struct *, current_task);

static inline struct task_struct *get_current(void)
{
	return this_cpu_read(current_task);
}
#define current get_current()

/* The boot CPU's first thread: runs kernel_main(), then the init steps; pid 0 until it idles. */
extern struct task_struct init_task;

#endif
