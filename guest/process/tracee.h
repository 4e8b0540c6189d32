/* SPDX-License-Identifier: MIT */
/*
 * tracee.h - being debugged, ptrace(2): the tracee's side, which stops and tells.
 *
 * Each traced thread has a struct tracee, in its tracer's list from attach to detach. It outlives the
 * thread until the tracer has waited for its end. Guard of everything: proc_lock.
 */
#ifndef GUEST_PROCESS_TRACEE_H
#define GUEST_PROCESS_TRACEE_H

#include "guest/process/process.h"

enum {
	PTRACE_EVENT_FORK = 1,
	PTRACE_EVENT_VFORK,
	PTRACE_EVENT_CLONE,
	PTRACE_EVENT_EXEC,
	PTRACE_EVENT_VFORK_DONE,
	PTRACE_EVENT_EXIT,
	PTRACE_EVENT_STOP = 128,
};

/* Options: bit 0, bit EVENT for each of the above, and this one. */
#define PTRACE_O_TRACESYSGOOD 1u
#define PTRACE_O_EXITKILL     (1u << 20)

struct tracee {
	struct list_head node; /* tracer->tracees */
	struct process *tracer;
	struct uthread *u; /* NULL: it has ended, with `status` */
	int tid, pgid;
	u32 uid;
	bool seized;
	u32 options;
	enum { TRACEE_RUN, TRACEE_SYSCALL, TRACEE_STEP } mode;

	bool stopped;	/* in a stop that the tracer ends */
	bool frozen;	/* while the tracer looks into it: not even death moves it */
	bool reported;	/* somebody has waited for this stop, or end */
	bool listening; /* stopped by job control, SIGCONT is to be told */
	bool trap_stop; /* is to stop when it can */
	bool step_trap; /* the stop is of a whole system call stepped over */
	int code;	/* signal | event << 8 */
	u64 message;
	u8 syscall_op; /* 0, 1: entry, 2: exit */
	struct siginfo info;
	bool has_info;
	int status;
	struct rusage_times times;
};

/* A system call of a traced thread, with its stops. */
void traced_syscall(struct uthread *u, struct pt_regs *regs);

/* Before a signal is delivered: the one that the tracer lets through, 0: none. IRQs on. */
int tracee_signal(struct uthread *u, int sig, struct siginfo *info);

/* Stops for job control, or because the tracer wants it to. */
void tracee_job_stop(struct uthread *u, int sig);
void tracee_trap_stop(struct uthread *u);

/* If the tracer asked for them. */
void tracee_event(struct uthread *u, int event, u64 message);
/* execve() has succeeded; the thread had this tid before. */
void tracee_exec(struct uthread *u, int old_tid);
/* A handler is about to run of which the tracer wants to see the first instruction. */
void tracee_handler(struct uthread *u);

/* The event that a clone is, and whether the child is traced from its start; *out: then its tracee, to
 * be attached, NULL without. -ENOMEM. */
int tracee_clone_prepare(struct uthread *me, u64 flags, u64 exit_signal, struct tracee **out,
			 int *event);
/* proc_lock held. */
void tracee_attach(struct tracee *t, struct uthread *u, struct process *tracer);

/* SIGCONT: who listens hears it. proc_lock held. */
void tracee_continued(struct uthread *u);
/* A stopped one dies. proc_lock held. */
void tracee_wake_to_die(struct uthread *u);
/* The thread ends, while others remain or not; the process ends. proc_lock held. */
void tracee_thread_exit(struct uthread *u, int status);
void tracee_process_exit(struct process *p);
/* The tracer ends: lets go of all. */
void tracee_tracer_exit(struct process *tracer);

/* For wait(): one that matches and has news, marked as told unless keep; *any: one matches. NULL: none.
 * proc_lock held; a dead one's memory goes by tracee_reap(). */
struct tracee *tracee_find_news(struct process *tracer, int type, int id, unsigned options,
				bool *any, struct wait_result *res);
void tracee_reap(struct tracee *t);

/* ptrace.c calls: ends the stop with that mode and signal; ends the tracing. proc_lock held. */
void tracee_resume(struct tracee *t, int mode, int sig);
void tracee_detach(struct tracee *t, int sig);

#endif
