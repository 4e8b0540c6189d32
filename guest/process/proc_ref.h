/* SPDX-License-Identifier: MIT */
/*
 * proc_ref.h - what an entry below /proc/PID stands for: a process, one of its threads (task/TID), or
 * a kernel thread. It stays valid after the end of what it names; then the questions below say no.
 *
 * Each answer is a reference of its own, taken under proc_lock, which the asker gives back: so
 * nothing that a reader looks at can go while it looks.
 */
#ifndef GUEST_PROCESS_PROC_REF_H
#define GUEST_PROCESS_PROC_REF_H

#include "guest/fs/pseudo.h"
#include "guest/process/process.h"

struct proc_ref {
	atomic_t refs;
	int pid;
	struct process *proc;	  /* held; NULL: a kernel thread */
	struct task_struct *task; /* held: that very thread; NULL: the process */
};

/* By number, as /proc/PID finds it: a process, a thread of one, a kernel thread. NULL: none, or no
 * memory. */
struct proc_ref *proc_ref_find(int pid);
/* A thread of ref's process. */
struct proc_ref *proc_ref_find_thread(const struct proc_ref *ref, int tid);
void proc_ref_get(void *ref);
void proc_ref_put(void *ref);
bool proc_ref_alive(void *ref);

/* The smallest number >= pid of a process or kernel thread; of a thread of ref's process; -1: none. */
int proc_next_pid(int pid);
int proc_next_tid(const struct proc_ref *ref, int tid);

/* The thread itself, or the process's leader. proc_lock held; NULL: gone, or a kernel thread. */
struct uthread *proc_ref_uthread(const struct proc_ref *ref);

/* With references for the caller; NULL where there is none (any more): put_task(), mmput(),
 * files_put(), fs_struct_put(), cred_put(). */
struct task_struct *proc_ref_task(const struct proc_ref *ref);
struct mm_struct *proc_ref_mm(const struct proc_ref *ref);
struct files_struct *proc_ref_files(const struct proc_ref *ref);
struct fs_struct *proc_ref_fs(const struct proc_ref *ref);
const struct cred *proc_ref_cred(const struct proc_ref *ref);

/* Whether t may look into its memory: ptrace(2), "Ptrace access mode checking". */
bool proc_ref_may_read(const struct vfs_task *t, const struct proc_ref *ref);

/* Who owns its files: its user, root where it is not dumpable. */
void proc_ref_owner(void *ref, u32 *uid, u32 *gid);

#endif
