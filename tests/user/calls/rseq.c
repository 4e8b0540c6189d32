/* SPDX-License-Identifier: MIT */
/*
 * rseq.c - restartable sequences: registering, the CPU's number, sequences broken off by other threads and
 * by signals, and what is wrong with those that end a program.
 *
 * A C library may have registered for its threads, so all is asked by children that share the memory
 * and, as on clone(2), have nothing registered.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/user/lib/check.h"

#define SIG	   0x53053053
#define STACK	   65536
#define UNREGISTER 1

struct area {
	uint32_t cpu_start, cpu;
	uint64_t cs;
	uint32_t flags, node, mm_cid, pad;
} __attribute__((aligned(32)));

struct sequence {
	uint32_t version, flags;
	uint64_t start, length, abort;
} __attribute__((aligned(32)));

/* One that shares the memory. */
static pid_t begin(int (*fn)(void *), void *arg)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return clone(fn, stack + STACK, CLONE_VM | CLONE_FILES | SIGCHLD, arg);
}

static int inherits(void *arg)
{
	struct area *a = arg;

	IS(a->cpu == a->cpu_start && a->cpu < 1024);
	X(rseq, a, 32, 0, SIG);
	return 0;
}

static int shares(void *arg)
{
	X(rseq, (struct area *)arg + 2, 32, 0, SIG);
	return 0;
}

static int asks(void *arg)
{
	struct area *a = arg;

	X(rseq, a, 32, UNREGISTER, SIG);
	X(rseq, a, 32, 2, SIG);
	X(rseq, a, 31, 0, SIG);
	X(rseq, a, 0, 0, SIG);
	X(rseq, (char *)a + 8, 32, 0, SIG);
	X(rseq, 0xffff888000001000ul, 32, 0, SIG);
	X(rseq, a, 32, 0, SIG);
	IS(a->cpu == a->cpu_start && a->cpu < 1024);
	X(rseq, a, 32, 0, SIG);
	X(rseq, a, 32, 0, SIG + 1);
	X(rseq, a + 1, 32, 0, SIG);
	X(rseq, a, 33, 0, SIG);
	say("%s", wait_words(in_child(inherits, a)));
	say("%s", wait_words(finish(begin(shares, a))));
	X(rseq, a, 32, UNREGISTER | 2, SIG);
	X(rseq, a, 32, UNREGISTER, SIG + 1);
	X(rseq, a, 31, UNREGISTER, SIG);
	X(rseq, a + 1, 32, UNREGISTER, SIG);
	X(rseq, a, 32, UNREGISTER, SIG);
	NUM((int)a->cpu);
	NUM(a->cpu_start);
	X(rseq, a, 32, UNREGISTER, SIG);
	X(rseq, a, 32, 0, SIG + 1);
	return 0;
}

static void registering(void)
{
	say("%s", wait_words(finish(begin(asks, pages(1)))));
}

static int goes_round(void *arg)
{
	struct area *a = arg;
	unsigned right = 0;

	Q(rseq, a, 32, 0, SIG);
	for (unsigned i = 0; i < 40; i++) {
		cpu_set_t set;
		unsigned cpu = i & 1;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		Q(sched_setaffinity, 0, sizeof(set), &set);
		right += *(volatile uint32_t *)&a->cpu == cpu &&
			 *(volatile uint32_t *)&a->cpu_start == cpu;
	}
	NUM(right);
	return 0;
}

static void migrating(void)
{
	say("%s", wait_words(finish(begin(goes_round, pages(1)))));
	/* The C library's own, if it has one, says the same. */
	unsigned cpu, right = 0;

	for (unsigned i = 0; i < 10; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(i & 1, &set);
		Q(sched_setaffinity, 0, sizeof(set), &set);
		Q(getcpu, &cpu, NULL, NULL);
		right += (unsigned)sched_getcpu() == cpu && cpu == (i & 1);
	}
	NUM(right);
}

/* ---- sequences -------------------------------------------------------------------------------------------- */

/*
 * Adds 1 to counts[CPU] by reading it, waiting a while, and writing it back: without help the wait would
 * lose much of what others have added meanwhile. True: it was broken off, and has added nothing.
 */
static bool add_one(struct area *a, uint64_t *counts, unsigned long wait)
{
	static const unsigned long line = 8; /* words of a CPU's */
	struct sequence cs = { 0 };
	unsigned long aborted, cpu, value;

	__asm__ volatile(
		"	lea	1f(%%rip), %[v]\n"
		"	mov	%[v], 8(%[cs])\n"
		"	movq	$(2f - 1f), 16(%[cs])\n"
		"	lea	4f(%%rip), %[v]\n"
		"	mov	%[v], 24(%[cs])\n"
		"	mov	%[cs], 8(%[a])\n"
		"1:	mov	4(%[a]), %k[cpu]\n"
		"	imul	%[line], %[cpu]\n"
		"	mov	(%[counts],%[cpu],8), %[v]\n"
		"3:	dec	%[wait]\n"
		"	jnz	3b\n"
		"	inc	%[v]\n"
		"	mov	%[v], (%[counts],%[cpu],8)\n"
		"2:	xor	%k[aborted], %k[aborted]\n"
		"	jmp	5f\n"
		"	.long	0x53053053\n"
		"4:	mov	$1, %k[aborted]\n"
		"5:\n"
		: [aborted] "=&r"(aborted), [cpu] "=&r"(cpu), [v] "=&r"(value), [wait] "+r"(wait)
		: [a] "r"(a), [counts] "r"(counts), [cs] "r"(&cs), [line] "r"(line)
		: "memory", "cc");
	a->cs = 0;
	return aborted;
}

#define THREADS 4
#define ROUNDS	6000
#define WAIT	20000

static struct adder {
	struct area area;
	unsigned long aborts;
} adders[THREADS];
static uint64_t counts[16 * 64];

static int adds(void *arg)
{
	struct adder *me = arg;

	if (Q(rseq, &me->area, 32, 0, SIG))
		return 1;
	for (unsigned i = 0; i < ROUNDS; i++)
		while (add_one(&me->area, counts, WAIT))
			me->aborts++;
	return 0;
}

static void adding(void)
{
	pid_t pids[THREADS];
	uint64_t sum = 0;
	unsigned long aborts = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CPU_SET(1, &set);
	Q(sched_setaffinity, 0, sizeof(set), &set);
	for (int i = 0; i < THREADS; i++)
		pids[i] = begin(adds, &adders[i]);
	for (int i = 0; i < THREADS; i++) {
		say("%s", wait_words(finish(pids[i])));
		aborts += adders[i].aborts;
	}
	for (int i = 0; i < 64; i++)
		sum += counts[8 * i];
	NUM(sum);
	IS(aborts > 0);
}

/* ---- signals ------------------------------------------------------------------------------------------------ */

static volatile uint64_t handler_at, abort_at;
static volatile int in_sequence;
static uint32_t flags_of_sequence, flags_of_area;

static void on_signal(int sig, siginfo_t *info, void *ctx)
{
	(void)sig;
	(void)info;
	handler_at = (uint64_t)((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP];
}

static int spins(void *arg)
{
	struct area *a = arg;
	struct sequence cs = { .flags = flags_of_sequence };
	unsigned long v;

	a->flags = flags_of_area;
	if (Q(rseq, a, 32, 0, SIG))
		return 1;
	__asm__ volatile("	lea	1f(%%rip), %[v]\n"
			 "	mov	%[v], 8(%[cs])\n"
			 "	movq	$(2f - 1f), 16(%[cs])\n"
			 "	lea	4f(%%rip), %[v]\n"
			 "	mov	%[v], 24(%[cs])\n"
			 "	mov	%[v], %[abort]\n"
			 "3:	mov	%[cs], 8(%[a])\n"
			 "1:	movl	$1, %[in]\n"
			 "	cmpq	$0, %[at]\n"
			 "	je	1b\n"
			 "2:	ud2\n"
			 "	.long	0x53053053\n"
			 "4:	cmpq	$0, %[at]\n" /* another thread's turn: once more */
			 "	je	3b\n"
			 : [v] "=&r"(v), [abort] "=m"(abort_at), [in] "=m"(in_sequence),
			   [at] "+m"(handler_at)
			 : [a] "r"(a), [cs] "r"(&cs)
			 : "memory", "cc");
	IS(a->cs == 0);
	IS(handler_at == abort_at);
	return 0;
}

static void break_off(void)
{
	pid_t pid;

	handler_at = in_sequence = 0;
	pid = begin(spins, pages(1));
	while (!in_sequence)
		nap(1);
	Q(kill, pid, SIGUSR1);
	say("%s", wait_words(finish(pid)));
}

static void signals(void)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	sigaction(SIGUSR1, &sa, NULL);
	break_off();
	/* Flags that no kernel knows any more count only when something is broken off. */
	flags_of_sequence = 2;
	break_off();
	flags_of_sequence = 0;
	flags_of_area = 1;
	break_off();
}

/* ---- what must not be --------------------------------------------------------------------------------------- */

static const uint32_t places[] = { 0, 0, SIG, 0, 0, SIG + 1, 0, 0 };

struct wrong {
	const char *what;
	struct sequence cs;
	uint32_t flags;
	void *at; /* the sequence's address; NULL: where it is */
	bool gone;
};

static int does_wrong(void *arg)
{
	struct wrong *w = arg;
	struct area *a = (struct area *)pages(1);

	if (Q(rseq, a, 32, 0, SIG))
		return 1;
	a->flags = w->flags;
	a->cs = w->at ? (uint64_t)w->at : (uint64_t)&w->cs;
	if (w->gone)
		Q(munmap, a, 4096);
	nap(20);
	return w->gone || a->cs ? 2 : 0;
}

static void wrong(void)
{
	uint64_t good = (uint64_t)&places[3], bad = (uint64_t)&places[6],
		 kernel = 0xffff888000001000ul;
	struct wrong all[] = {
		{ .what = "elsewhere", .cs = { 0, 0, 4096, 64, good } },
		{ .what = "nothing", .cs = { 0, 0, 4096, 0, good } },
		{ .what = "signature", .cs = { 0, 0, 4096, 64, bad } },
		{ .what = "abort within", .cs = { 0, 0, good - 8, 64, good } },
		{ .what = "version", .cs = { 1, 0, 4096, 64, good } },
		{ .what = "flags", .cs = { 0, 1, 4096, 64, good } },
		{ .what = "unknown flags", .cs = { 0, 8, 4096, 64, good } },
		{ .what = "area's flags", .cs = { 0, 0, 4096, 64, good }, .flags = 1 },
		{ .what = "start", .cs = { 0, 0, kernel, 64, good } },
		{ .what = "length", .cs = { 0, 0, 4096, kernel, good } },
		{ .what = "overflow", .cs = { 0, 0, 4096, -8ul, good } },
		{ .what = "abort", .cs = { 0, 0, 4096, 64, kernel } },
		{ .what = "abort unmapped", .cs = { 0, 0, 4096, 64, (uint64_t)unmapped() + 64 } },
		{ .what = "sequence unmapped", .at = unmapped() },
		{ .what = "sequence in kernel", .at = KERNEL_LINEAR },
		{ .what = "area unmapped", .gone = true },
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		say("%s: %s", all[i].what, wait_words(finish(begin(does_wrong, &all[i]))));
}

static const struct test tests[] = { T(registering), T(migrating), T(adding), T(signals),
				     T(wrong) };
MAIN("rseq", tests)
