/* SPDX-License-Identifier: MIT */
/*
 * bench.c - one allocator, one trace, some threads: nanoseconds an operation (an allocation or a free).
 *
 *	bench ALLOCATOR TRACE THREADS OPERATIONS
 *
 * ALLOCATOR is slub, slab, slob, or malloc: whatever malloc() is linked or preloaded. All are called
 * through a pointer to a function of the same shape. The memory behind ours is touched before the
 * clock starts, as malloc's is by a run that is not timed.
 *
 *	pair    one object of 64 bytes, again and again
 *	batch   1000 objects of 64 bytes, then all of them freed in the same order
 *	random  a random one of 10000 objects of 64 bytes is replaced
 *	mixed   the same with sizes of 8 to 2048, small ones more often
 *	page    order-0 pages (ours) against malloc(4096), as random
 *	onepage one page again and again, likewise
 *
 * With the word `space` for OPERATIONS it prints instead how many bytes the allocator takes for each
 * byte that 10000 objects of the mixed trace asked for.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "guest/lib/rand.h"
#include "guest/mm/pgalloc_init.h"
#include "guest/mm/slab.h"

#define MiB	  (1UL << 20)
#define LIVE	  10000
#define BATCH	  1000
#define MAX_CPUS  8
#define ARENA_MIB 512

extern _Thread_local unsigned bench_cpu;
extern unsigned bench_nr_cpus;

static struct pgalloc pg;
static struct slab_sys slab;
static struct memblock mb;
static struct kmem_cache *cache;

typedef void *alloc_fn(size_t size);
typedef void free_fn(void *p);

static __attribute__((noinline)) void *our_fixed(size_t size)
{
	(void)size;
	return kmem_cache_alloc(cache, GFP_NOWAIT);
}

static __attribute__((noinline)) void our_fixed_free(void *p)
{
	kmem_cache_free(cache, p);
}

static __attribute__((noinline)) void *our_any(size_t size)
{
	return kmalloc(&slab, size, GFP_NOWAIT);
}

static __attribute__((noinline)) void our_any_free(void *p)
{
	kfree(&slab, p);
}

static __attribute__((noinline)) void *our_page(size_t size)
{
	(void)size;
	return alloc_page(&pg, GFP_NOWAIT);
}

static __attribute__((noinline)) void our_page_free(void *p)
{
	__free_page(&pg, p);
}

struct plan {
	alloc_fn *alloc;
	free_fn *free;
	const char *trace;
	unsigned threads;
	u64 ops;
	pthread_barrier_t *start;
	u64 ns[MAX_CPUS];
};

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* What to replace and by which size: drawn before the clock starts. */
#define DRAWN 65536
static u16 drawn_slot[DRAWN];
static u16 drawn_size[DRAWN];

static void draw(bool mixed, size_t fixed)
{
	struct rand r;

	rand_init(&r, 1);
	for (unsigned i = 0; i < DRAWN; i++) {
		u64 shift = rand_below(&r, 9); /* 8 .. 2048, each doubling as often */

		drawn_slot[i] = (u16)rand_below(&r, LIVE);
		drawn_size[i] =
			(u16)(mixed ? rand_range(&r, 8UL << shift >> 1, 8UL << shift) : fixed);
	}
}

static void run_pair(const struct plan *p, u64 ops)
{
	for (u64 i = 0; i < ops; i += 2) {
		char *o = p->alloc(drawn_size[0]);

		if (p->alloc != our_page)
			*(volatile char *)o = 1;
		p->free(o);
	}
}

static void run_batch(const struct plan *p, u64 ops)
{
	static _Thread_local void *o[BATCH];

	for (u64 i = 0; i < ops; i += 2 * BATCH) {
		for (unsigned k = 0; k < BATCH; k++) {
			o[k] = p->alloc(64);
			*(volatile char *)o[k] = 1;
		}
		for (unsigned k = 0; k < BATCH; k++)
			p->free(o[k]);
	}
}

static void run_replace(const struct plan *p, u64 ops)
{
	static _Thread_local void *live[LIVE];

	for (u64 i = 0; i < ops; i += 2) {
		unsigned k = (unsigned)(i / 2 % DRAWN);
		void **slot = &live[drawn_slot[k]];

		if (*slot)
			p->free(*slot);
		*slot = p->alloc(drawn_size[k]);
		if (p->alloc != our_page)
			*(volatile char *)*slot = 1;
	}
	for (unsigned k = 0; k < LIVE; k++) {
		if (live[k])
			p->free(live[k]);
		live[k] = NULL;
	}
}

static void run(const struct plan *p, u64 ops)
{
	if (!strcmp(p->trace, "pair") || !strcmp(p->trace, "onepage"))
		run_pair(p, ops);
	else if (!strcmp(p->trace, "batch"))
		run_batch(p, ops);
	else
		run_replace(p, ops);
}

struct worker {
	struct plan *p;
	unsigned cpu;
};

static void *work(void *arg)
{
	const struct worker *w = arg;
	u64 start;

	bench_cpu = w->cpu;
	run(w->p, w->p->ops / 10); /* not timed: pages are touched, caches filled */
	pthread_barrier_wait(w->p->start);
	start = now_ns();
	run(w->p, w->p->ops);
	w->p->ns[w->cpu] = now_ns() - start;
	return NULL;
}

static double measure(struct plan *p)
{
	pthread_barrier_t barrier;
	pthread_t threads[MAX_CPUS];
	struct worker workers[MAX_CPUS];
	double sum = 0;

	p->start = &barrier;
	pthread_barrier_init(&barrier, NULL, p->threads);
	for (unsigned i = 0; i < p->threads; i++) {
		workers[i] = (struct worker){ p, i };
		if (pthread_create(&threads[i], NULL, work, &workers[i]))
			exit(1);
	}
	for (unsigned i = 0; i < p->threads; i++) {
		pthread_join(threads[i], NULL);
		sum += (double)p->ns[i] / (double)p->ops;
	}
	return sum / p->threads;
}

static void make_ours(const char *name, unsigned cpus)
{
	struct pgalloc_opts opts = { .nr_cpus = cpus };
	struct kmem_cache_args args = { .name = "bench", .size = 64, .flags = SLAB_NO_MERGE };
	struct mm_env env = { 0 };
	void *arena = mmap(NULL, ARENA_MIB * MiB, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	env.linear_base = (u64)arena;
	bench_nr_cpus = cpus;
	memblock_init(&mb);
	memblock_add(&mb, 0, ARENA_MIB * MiB, 0);
	memblock_reserve(&mb, 0, PAGE_SIZE);
	if (pgalloc_init(&pg, &env, &mb, &opts) ||
	    slab_sys_init(&slab, &pg, slab_ops_by_name(name, strlen(name)), 0))
		exit(1);
	cache = kmem_cache_create(&slab, &args);
}

static void print_space(const struct plan *p, bool ours)
{
	static void *o[LIVE];
	u64 asked = 0, free_before = ours ? nr_free_pages(&pg) : 0;

	for (unsigned i = 0; i < LIVE; i++) {
		o[i] = p->alloc(drawn_size[i]);
		asked += drawn_size[i];
	}
	printf("%.4f\n",
	       ours ? (double)((free_before - nr_free_pages(&pg)) * PAGE_SIZE) / (double)asked
		    : 0.0);
}

int main(int argc, char **argv)
{
	struct plan p = { .alloc = malloc, .free = free };
	bool ours, page;

	if (argc != 5) {
		fprintf(stderr,
			"usage: bench slub|slab|slob|malloc pair|batch|random|mixed|page|onepage "
			"THREADS OPERATIONS|space\n");
		return 2;
	}
	ours = strcmp(argv[1], "malloc") != 0;
	p.trace = argv[2];
	p.threads = (unsigned)atoi(argv[3]);
	p.ops = (u64)atoll(argv[4]);
	page = strstr(p.trace, "page") != NULL;
	if (p.threads < 1 || p.threads > MAX_CPUS)
		return 2;
	draw(!strcmp(p.trace, "mixed"), page ? 4096 : 64);
	if (ours) {
		make_ours(argv[1], p.threads);
		p.alloc = page ? our_page : !strcmp(p.trace, "mixed") ? our_any : our_fixed;
		p.free = page			     ? our_page_free
			 : !strcmp(p.trace, "mixed") ? our_any_free
						     : our_fixed_free;
	}
	if (!strcmp(argv[4], "space"))
		print_space(&p, ours);
	else
		printf("%.3f\n", measure(&p));
	return 0;
}
