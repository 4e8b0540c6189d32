/* SPDX-License-Identifier: MIT */
/* process.c - who exists: numbers, threads, references. */
#include "guest/process/internal.h"
#include "guest/arch/x86/asm.h"
#include "guest/kernel/time.h"
#include "guest/lib/math.h"
#include "guest/lib/string.h"

enum { TID_BUCKETS = 256 };

DEFINE_SPINLOCK(proc_lock);
struct list_head all_processes = LIST_HEAD_INIT(all_processes);
struct process *init_process;

static struct hlist_head tid_hash[TID_BUCKETS];
/* 0 is nobody's and 1 is init's, whenever that comes. */
static DECLARE_BITMAP(tids, PID_MAX) = { 3 };
static int last_tid = 1;
static u64 nr_given = 1; /* init's */

/* ---- numbers: kernel threads, threads and processes draw from one pool; proc_lock held -------------- */

static bool number_in_use(int nr)
{
	struct process *p;

	/* A group or session lives on in its members. */
	for_each_process (p)
		if (p->pgid == nr || p->sid == nr)
			return true;
	return false;
}

int tid_alloc(void)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	int tid = -EAGAIN;

	for (unsigned tries = 0; tries < 2 && tid < 0; tries++) {
		size_t bit = find_next_zero_bit(tids, PID_MAX, (size_t)last_tid + 1);

		while (bit < PID_MAX && number_in_use((int)bit))
			bit = find_next_zero_bit(tids, PID_MAX, bit + 1);
		if (bit < PID_MAX) {
			__set_bit((unsigned)bit, tids);
			tid = last_tid = (int)bit;
			nr_given++;
		} else {
			/* Around again, but the low numbers stay with those of the boot, as on Linux. */
			last_tid = 299;
		}
	}
	spin_unlock_irqrestore(&proc_lock, flags);
	return tid;
}

u64 total_forks(void)
{
	return READ_ONCE(nr_given);
}

int last_pid(void)
{
	return READ_ONCE(last_tid);
}

void tid_free(int tid)
{
	u64 flags = spin_lock_irqsave(&proc_lock);

	tid_free_locked(tid);
	spin_unlock_irqrestore(&proc_lock, flags);
}

void tid_free_locked(int tid)
{
	__clear_bit((unsigned)tid, tids);
}

struct uthread *find_uthread(int tid)
{
	struct uthread *u;

	hlist_for_each_entry (u, &tid_hash[(unsigned)tid % TID_BUCKETS], tid_hash) {
		if (u->tid == tid)
			return u;
	}
	return NULL;
}

struct process *find_process(int tgid)
{
	struct process *p;

	for_each_process (p)
		if (p->tgid == tgid)
			return p;
	return NULL;
}

/* ---- processes ------------------------------------------------------------------------------------------- */

static void init_limits(struct process *p)
{
	for (unsigned i = 0; i < RLIM_NLIMITS; i++)
		p->rlimit[i] = p->rlimit_max[i] = RLIM_INFINITY;
	p->rlimit[RLIMIT_STACK] = 8 << 20;
	p->rlimit[RLIMIT_CORE] = 0;
	p->rlimit[RLIMIT_NOFILE] = 1024;
	p->rlimit_max[RLIMIT_NOFILE] = 4096;
	p->rlimit[RLIMIT_MEMLOCK] = p->rlimit_max[RLIMIT_MEMLOCK] = 8 << 20;
	p->rlimit[RLIMIT_MSGQUEUE] = p->rlimit_max[RLIMIT_MSGQUEUE] = 819200;
	p->rlimit[RLIMIT_NICE] = p->rlimit_max[RLIMIT_NICE] = 0;
	p->rlimit[RLIMIT_RTPRIO] = p->rlimit_max[RLIMIT_RTPRIO] = 0;
	/* Half of what memory could hold, Linux's rule: a thread's stacks take an eighth of it. */
	p->rlimit[RLIMIT_NPROC] = p->rlimit_max[RLIMIT_NPROC] =
		MIN((u64)PID_MAX / 2, nr_managed_pages(&kernel_mm.pg) / 8 / 2 + 16);
	p->rlimit[RLIMIT_SIGPENDING] = p->rlimit_max[RLIMIT_SIGPENDING] = p->rlimit[RLIMIT_NPROC];
}

struct process *process_alloc(struct process *parent)
{
	struct process *p = kzalloc(&kernel_mm.slab, sizeof(*p), GFP_KERNEL);

	if (!p)
		return NULL;
	atomic_set(&p->refs, 1);
	INIT_LIST_HEAD(&p->children);
	INIT_LIST_HEAD(&p->sibling);
	INIT_LIST_HEAD(&p->tracees);
	INIT_LIST_HEAD(&p->threads);
	INIT_LIST_HEAD(&p->all_node);
	init_waitqueue_head(&p->wait_child);
	sigpending_init(&p->shared_pending);
	p->dumpable = true;
	p->start_ns = clock_ns();
	INIT_LIST_HEAD(&p->posix_timers);
	INIT_LIST_HEAD(&p->pidfds);
	itimer_init(p);
	if (parent) {
		memcpy(p->rlimit, parent->rlimit, sizeof(p->rlimit));
		memcpy(p->rlimit_max, parent->rlimit_max, sizeof(p->rlimit_max));
		memcpy(p->exe, parent->exe, sizeof(p->exe));
		p->oom_score_adj = parent->oom_score_adj;
		p->oom_score_adj_min = parent->oom_score_adj_min;
		p->pgid = parent->pgid;
		p->sid = parent->sid;
		p->dumpable = parent->dumpable;
		p->personality = parent->personality;
		p->thp_disabled = parent->thp_disabled;
	} else {
		init_limits(p);
	}
	return p;
}

struct process *get_process(struct process *p)
{
	atomic_inc(&p->refs);
	return p;
}

void put_process(struct process *p)
{
	if (!atomic_dec_and_test(&p->refs))
		return;
	BUG_ON(!list_empty(&p->threads) || !list_empty(&p->children));
	if (p->sighand)
		sighand_put(p->sighand);
	kfree(&kernel_mm.slab, p);
}

/* ---- threads ----------------------------------------------------------------------------------------------- */

void uthread_attach_again(struct uthread *u)
{
	struct process *p = u->proc;

	hlist_add_head(&u->tid_hash, &tid_hash[(unsigned)u->tid % TID_BUCKETS]);
	list_add_tail(&u->group_node, &p->threads);
	p->nr_threads++;
	if (u->tid == p->tgid)
		p->leader = u;
}

void uthread_attach(struct uthread *u, struct process *p)
{
	u->proc = get_process(p);
	uthread_attach_again(u);
	p->nr_live++;
}

void uthread_detach(struct uthread *u)
{
	struct process *p = u->proc;

	hlist_del(&u->tid_hash);
	list_del(&u->group_node);
	p->nr_threads--;
	if (p->leader == u)
		p->leader = NULL;
}

void rusage_add(struct rusage_times *sum, const struct rusage_times *t)
{
	sum->utime += t->utime;
	sum->stime += t->stime;
	sum->min_flt += t->min_flt;
	sum->maj_flt += t->maj_flt;
	sum->nvcsw += t->nvcsw;
	sum->nivcsw += t->nivcsw;
	sum->maxrss = MAX(sum->maxrss, t->maxrss);
}

struct rusage_times thread_times(struct uthread *u)
{
	struct rusage_times t = u->times;
	u64 total = task_sched_runtime(&u->th->t);

	t.nvcsw = READ_ONCE(u->th->t.nvcsw);
	t.nivcsw = READ_ONCE(u->th->t.nivcsw);
	/* The tick samples who is in which mode; the scheduler knows the exact sum. Neither part ever
	 * goes back, though the share of the ticks may. */
	t.utime = t.stime ? mul_u64_u64_div_u64(total, t.utime, t.utime + t.stime) : total;
	t.stime = MAX(total - t.utime, u->shown_stime);
	t.utime = MAX(total - MIN(t.stime, total), u->shown_utime);
	u->shown_utime = t.utime;
	u->shown_stime = t.stime;
	if (u->mm)
		t.maxrss = u->mm->hiwater_rss;
	return t;
}

struct rusage_times process_times(const struct process *p)
{
	struct rusage_times sum = p->own;
	struct uthread *u;

	for_each_thread (p, u) {
		struct rusage_times t = thread_times(u);

		rusage_add(&sum, &t);
	}
	return sum;
}
