/* SPDX-License-Identifier: MIT */
/*
 * kmemleak.h - finding memory that nobody can reach any more: a conservative collector that reports
 * instead of freeing.
 *
 * Every tracked block is a node of a tree by address. A scan counts, for each block, the words in
 * the roots and in reachable blocks that look like an address inside it. A block that fewer than
 * min_count words lead to is white: unreachable, hence leaked. It is reported when two scans
 * agree and its contents did not change in between, since a pointer may just have been in a register.
 *
 * Rules: K1 blocks do not overlap. K2 a block is on the list and in the tree, or in neither.
 * All functions lock; any context, but a scan, which takes long and may sleep.
 */
#ifndef GUEST_MM_KMEMLEAK_H
#define GUEST_MM_KMEMLEAK_H

#include "guest/lib/list.h"
#include "guest/lib/rbtree.h"
#include "guest/locking/spinlock.h"
#include "guest/mm/mm_env.h"
#include "guest/mm/seq.h"

#define KMEMLEAK_STACK 8

struct kmemleak_object {
	struct rb_node rb;
	struct list_head list, grey; /* all; reached in this scan, not yet looked into */
	u64 start, size;
	int min_count; /* -1: never report, never look into; 0: never report (grey by nature) */
	int count;     /* found in this scan */
	bool no_scan;  /* holds no pointers */
	bool reported;
	bool scanned_once;
	u32 checksum;
	u64 when_ns;
	unsigned cpu;
	u64 pc[KMEMLEAK_STACK];
};

struct kmemleak_root {
	struct list_head list;
	u64 start, size;
};

struct kmemleak {
	const struct mm_env *env;
	spinlock_t lock;
	struct rb_root tree;	  /* lock */
	struct list_head objects; /* lock; oldest first */
	struct list_head roots;	  /* lock */
	u64 min_age_ns;		  /* younger blocks are not reported */
	u64 nr_objects, nr_leaks;
	u64 low, high; /* no block lies outside: most words need no look into the tree */
	/* Where nodes come from: env_alloc() unless changed after kmemleak_init(), by a kernel whose
	 * env_alloc() is traced itself. */
	void *(*node_alloc)(size_t size);
	void (*node_free)(void *node, size_t size);
	bool disabled; /* out of memory for a node: what follows could not be trusted */
};

void kmemleak_init(struct kmemleak *kl, const struct mm_env *env, u64 min_age_ns);
void kmemleak_destroy(struct kmemleak *kl);

/* Memory that is looked through from the start: .data, .bss, per-CPU areas, stacks. 0, -ENOMEM.
 * Not while a scan runs. */
int kmemleak_add_root(struct kmemleak *kl, const void *start, u64 size);
void kmemleak_remove_root(struct kmemleak *kl, const void *start);

/* A block was allocated / freed. min_count: how many references it must have, 1 for most. */
void kmemleak_alloc(struct kmemleak *kl, const void *ptr, u64 size, int min_count);
void kmemleak_free(struct kmemleak *kl, const void *ptr);

/* The block is in use though nothing leads to it (but look into it) / leave it alone altogether /
 * it holds no pointers. */
void kmemleak_not_leak(struct kmemleak *kl, const void *ptr);
void kmemleak_ignore(struct kmemleak *kl, const void *ptr);
void kmemleak_no_scan(struct kmemleak *kl, const void *ptr);

/* One pass over everything; how many blocks were newly found to be leaked. */
u64 kmemleak_scan(struct kmemleak *kl);

/* What is leaked, as in /sys/kernel/debug/kmemleak, and "clear": forget what is reported now. */
void kmemleak_show(struct kmemleak *kl, struct seq *s);
void kmemleak_clear(struct kmemleak *kl);

const char *kmemleak_check(struct kmemleak *kl);

#endif
