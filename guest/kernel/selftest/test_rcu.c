/* SPDX-License-Identifier: MIT */
/* test_rcu.c - readers that take no lock, and who waits for them. */
#include "guest/kernel/rcu.h"
#include "guest/arch/x86/asm.h"
#include "guest/arch/x86/smp.h"
#include "guest/kernel/kthread.h"
#include "guest/kernel/selftest/tests_decl.h"

/* ---- one reader ---------------------------------------------------------------------------------- */

struct visit {
	bool inside, let_go, left;
	bool synchronized, reader_had_left;
};

static int read_long(void *arg)
{
	struct visit *v = arg;

	rcu_read_lock();
	smp_store_release(&v->inside, true);
	while (!smp_load_acquire(&v->let_go))
		cpu_relax();
	smp_store_release(&v->left, true);
	rcu_read_unlock();
	return 0;
}

static int synchronize(void *arg)
{
	struct visit *v = arg;

	synchronize_rcu(kernel_rcu);
	v->reader_had_left = smp_load_acquire(&v->left);
	smp_store_release(&v->synchronized, true);
	return 0;
}

void ktest_rcu_grace_period(struct ktest *t)
{
	struct task_struct *reader, *writer;
	struct visit v = { 0 };
	u64 ticks;

	synchronize_rcu(kernel_rcu); /* without a reader it just ends */
	if (nr_cpus < 2) {
		ktest_skip(t, "the reader keeps a CPU to itself: needs two");
		return;
	}
	sched_pin(0);
	reader = kthread_create(read_long, &v, "reader");
	writer = kthread_create(synchronize, &v, "writer");
	BUG_ON(!reader || !writer);
	kthread_bind(reader, 1);
	kthread_bind(writer, 0);
	kthread_start(reader);
	KT_EXPECT(t, ktest_eventually(smp_load_acquire(&v.inside)));
	kthread_start(writer);
	ticks = tick_count(0);
	KT_EXPECT(t, ktest_eventually(tick_count(0) >= ticks + 5));
	KT_EXPECT(t, !smp_load_acquire(&v.synchronized));
	smp_store_release(&v.let_go, true);
	KT_EXPECT(t, ktest_eventually(smp_load_acquire(&v.synchronized)));
	kthread_join(reader);
	kthread_join(writer);
	KT_EXPECT(t, v.reader_had_left);
	sched_unpin();
}

/* ---- many ------------------------------------------------------------------------------------------ */

#define ALIVE	0x600d600d600d600dUL
#define DEAD	0xdeaddeaddeaddeadUL
#define UPDATES 6u

struct entry {
	u64 magic, generation;
};

struct table {
	struct entry *entry;
	bool stop;
	atomic_t bad, reads;
};

static int look_up(void *arg)
{
	struct table *tab = arg;
	u64 last = 0;

	while (!READ_ONCE(tab->stop)) {
		rcu_read_lock();
		for (unsigned i = 0; i < 20; i++) {
			const struct entry *e = rcu_dereference(tab->entry);

			if (READ_ONCE(e->magic) != ALIVE || READ_ONCE(e->generation) < last)
				atomic_inc(&tab->bad);
			last = READ_ONCE(e->generation);
		}
		rcu_read_unlock();
		atomic_inc(&tab->reads);
	}
	return 0;
}

void ktest_rcu_readers(struct ktest *t)
{
	static struct entry entries[2];
	struct table tab = { .entry = &entries[0] };
	struct task_struct *task[4];
	unsigned n = MIN(nr_cpus, (unsigned)ARRAY_SIZE(task));

	entries[0] = (struct entry){ .magic = ALIVE };
	for (unsigned i = 0; i < n; i++) {
		task[i] = kthread_create(look_up, &tab, "reader/%u", i);
		BUG_ON(!task[i]);
		kthread_bind(task[i], i);
		kthread_start(task[i]);
	}
	KT_EXPECT(t, ktest_eventually(atomic_read(&tab.reads) > 0));
	for (u64 i = 1; i <= UPDATES; i++) {
		struct entry *old = tab.entry, *new = &entries[i % 2];

		*new = (struct entry){ .magic = ALIVE, .generation = i };
		rcu_assign_pointer(tab.entry, new);
		synchronize_rcu(kernel_rcu);
		WRITE_ONCE(old->magic, DEAD); /* nobody looks any more */
	}
	WRITE_ONCE(tab.stop, true);
	for (unsigned i = 0; i < n; i++)
		kthread_join(task[i]);
	KT_EXPECT_EQ(t, atomic_read(&tab.bad), 0);
	ktest_check_rcu(t);
}

/* ---- callbacks --------------------------------------------------------------------------------------- */

#define PER_CPU_CALLBACKS 8u

struct counted {
	struct rcu_head head;
	unsigned cpu;
};

static struct counted counted[NR_CPUS][PER_CPU_CALLBACKS];
static atomic_t invoked, elsewhere;

static void count(struct rcu_head *head)
{
	if (container_of(head, struct counted, head)->cpu != smp_processor_id())
		atomic_inc(&elsewhere);
	atomic_inc(&invoked);
}

static void queue_some(void *unused)
{
	unsigned cpu = smp_processor_id();

	(void)unused;
	for (unsigned i = 0; i < PER_CPU_CALLBACKS; i++) {
		counted[cpu][i].cpu = cpu;
		call_rcu(kernel_rcu, &counted[cpu][i].head, count);
	}
}

void ktest_rcu_callbacks(struct ktest *t)
{
	unsigned all = nr_cpus * PER_CPU_CALLBACKS;

	atomic_set(&invoked, 0);
	atomic_set(&elsewhere, 0);
	on_each_cpu(queue_some, NULL); /* from interrupts */
	KT_EXPECT(t, ktest_eventually((unsigned)atomic_read(&invoked) == all));
	KT_EXPECT_EQ(t, atomic_read(&invoked), all);
	KT_EXPECT_EQ(t, atomic_read(&elsewhere), 0);
}
