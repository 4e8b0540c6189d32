/* SPDX-License-Identifier: MIT */
/*
 * list.h - circular doubly linked lists and hash chains, intrusive, in Linux's words.
 *
 * Rules: L1 n->next->prev == n and n->prev->next == n for every member and the head.
 *        L2 a removed entry carries poison until it is added or initialised again.
 * With DEBUG every add and del checks its neighbours and panics at the first broken link.
 * The caller serialises; no allocation.
 */
#ifndef GUEST_LIB_LIST_H
#define GUEST_LIB_LIST_H

#include "guest/lib/env.h"
#include "guest/lib/types.h"

struct list_head {
	struct list_head *next, *prev;
};

/* Not canonical on x86-64, so that a use traps; different, so that a dump tells which. */
#define LIST_POISON1 ((void *)0xdead000000000100ULL)
#define LIST_POISON2 ((void *)0xdead000000000122ULL)

#define LIST_HEAD_INIT(name)     \
	{                        \
		&(name), &(name) \
	}
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

#ifdef DEBUG
/* Not through BUG_ON(), which would print the condition with its macros expanded. */
#define LIST_BUG_ON(cond)                                                \
	do {                                                             \
		if (unlikely(cond))                                      \
			env_panic(__FILE__, __LINE__, "BUG: %s", #cond); \
	} while (0)
#else
#define LIST_BUG_ON(cond) ((void)0)
#endif

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline void list_insert_between(struct list_head *entry, struct list_head *prev,
				       struct list_head *next)
{
	LIST_BUG_ON(prev->next != next);
	LIST_BUG_ON(next->prev != prev);
	LIST_BUG_ON(entry == prev || entry == next);
	entry->next = next;
	entry->prev = prev;
	next->prev = entry;
	prev->next = entry;
}

/* After the head: the list as a stack. */
static inline void list_add(struct list_head *entry, struct list_head *head)
{
	list_insert_between(entry, head, head->next);
}

/* Before the head: the list as a queue. */
static inline void list_add_tail(struct list_head *entry, struct list_head *head)
{
	list_insert_between(entry, head->prev, head);
}

static inline void list_unlink(struct list_head *entry)
{
	LIST_BUG_ON(entry->next == LIST_POISON1 || entry->prev == LIST_POISON2);
	LIST_BUG_ON(entry->next->prev != entry);
	LIST_BUG_ON(entry->prev->next != entry);
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
}

static inline void list_del(struct list_head *entry)
{
	list_unlink(entry);
	entry->next = (struct list_head *)LIST_POISON1;
	entry->prev = (struct list_head *)LIST_POISON2;
}

static inline void list_del_init(struct list_head *entry)
{
	list_unlink(entry);
	INIT_LIST_HEAD(entry);
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

static inline bool list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

static inline bool list_is_head(const struct list_head *entry, const struct list_head *head)
{
	return entry == head;
}

static inline bool list_is_last(const struct list_head *entry, const struct list_head *head)
{
	return entry->next == head;
}

static inline void list_move(struct list_head *entry, struct list_head *head)
{
	list_unlink(entry);
	list_add(entry, head);
}

static inline void list_move_tail(struct list_head *entry, struct list_head *head)
{
	list_unlink(entry);
	list_add_tail(entry, head);
}

/* `entry` takes the place of `old`, which is left as it was (not poisoned, not a member). */
static inline void list_replace(struct list_head *old, struct list_head *entry)
{
	entry->next = old->next;
	entry->prev = old->prev;
	entry->next->prev = entry;
	entry->prev->next = entry;
}

static inline void list_splice_between(struct list_head *list, struct list_head *prev,
				       struct list_head *next)
{
	list->next->prev = prev;
	prev->next = list->next;
	list->prev->next = next;
	next->prev = list->prev;
}

/* All of `list` goes to the front / back of `head`; `list` itself is empty afterwards. */
static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	if (list_empty(list))
		return;
	list_splice_between(list, head, head->next);
	INIT_LIST_HEAD(list);
}

static inline void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
	if (list_empty(list))
		return;
	list_splice_between(list, head->prev, head);
	INIT_LIST_HEAD(list);
}

/* The same, leaving the old head uninitialised. */
static inline void list_splice(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		list_splice_between(list, head, head->next);
}

static inline void list_splice_tail(struct list_head *list, struct list_head *head)
{
	if (!list_empty(list))
		list_splice_between(list, head->prev, head);
}

#define list_entry(ptr, type, member)	     container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) list_entry((pos)->member.prev, __typeof__(*(pos)), member)

#define list_for_each(pos, head)     for (pos = (head)->next; pos != (head); pos = pos->next)

#define list_for_each_safe(pos, tmp, head) \
	for (pos = (head)->next, tmp = pos->next; pos != (head); pos = tmp, tmp = pos->next)

#define list_for_each_entry(pos, head, member)                                               \
	for (pos = list_first_entry(head, __typeof__(*pos), member); &pos->member != (head); \
	     pos = list_next_entry(pos, member))

#define list_for_each_entry_reverse(pos, head, member)                                      \
	for (pos = list_last_entry(head, __typeof__(*pos), member); &pos->member != (head); \
	     pos = list_prev_entry(pos, member))

/* The body may remove pos. */
#define list_for_each_entry_safe(pos, tmp, head, member)             \
	for (pos = list_first_entry(head, __typeof__(*pos), member), \
	    tmp = list_next_entry(pos, member);                      \
	     &pos->member != (head); pos = tmp, tmp = list_next_entry(tmp, member))

/*
 * NULL, or which rule is broken ("L1: ..."). Stops after `max` entries, so that a list which has
 * become a loop without its head is found too.
 */
static inline const char *list_check(const struct list_head *head, size_t max)
{
	const struct list_head *pos = head;

	do {
		if (pos->next == LIST_POISON1 || pos->prev == LIST_POISON2)
			return "L2: a member carries poison";
		if (!pos->next || !pos->prev)
			return "L1: a link is NULL";
		if (pos->next->prev != pos)
			return "L1: next->prev does not lead back";
		if (max-- == 0 && pos->next != head)
			return "L1: longer than it can be, or a loop without the head";
		pos = pos->next;
	} while (pos != head);
	return NULL;
}

/* ---- hash chains: a head of one pointer ------------------------------------------------------ */

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev; /* the pointer that points here; NULL: in no chain */
};

struct hlist_head {
	struct hlist_node *first;
};

static inline void INIT_HLIST_HEAD(struct hlist_head *head)
{
	head->first = NULL;
}

static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->next = NULL;
	node->pprev = NULL;
}

static inline bool hlist_empty(const struct hlist_head *head)
{
	return !READ_ONCE(head->first);
}

static inline bool hlist_unhashed(const struct hlist_node *node)
{
	return !node->pprev;
}

static inline void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
	node->next = head->first;
	node->pprev = &head->first;
	if (node->next)
		node->next->pprev = &node->next;
	head->first = node;
}

static inline void hlist_add_before(struct hlist_node *node, struct hlist_node *next)
{
	node->next = next;
	node->pprev = next->pprev;
	*node->pprev = node;
	next->pprev = &node->next;
}

static inline void hlist_add_behind(struct hlist_node *node, struct hlist_node *prev)
{
	node->next = prev->next;
	node->pprev = &prev->next;
	if (node->next)
		node->next->pprev = &node->next;
	prev->next = node;
}

static inline void hlist_unlink(struct hlist_node *node)
{
	LIST_BUG_ON(node->pprev == LIST_POISON2);
	LIST_BUG_ON(*node->pprev != node);
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
}

static inline void hlist_del(struct hlist_node *node)
{
	hlist_unlink(node);
	node->next = (struct hlist_node *)LIST_POISON1;
	node->pprev = (struct hlist_node **)LIST_POISON2;
}

/* Does nothing to a node that is in no chain. */
static inline void hlist_del_init(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	hlist_unlink(node);
	INIT_HLIST_NODE(node);
}

#define hlist_entry(ptr, type, member) container_of(ptr, type, member)
#define hlist_entry_safe(ptr, type, member)                                \
	({                                                                 \
		__typeof__(ptr) hlist_ptr_ = (ptr);                        \
		hlist_ptr_ ? hlist_entry(hlist_ptr_, type, member) : NULL; \
	})

#define hlist_for_each_entry(pos, head, member)                                    \
	for (pos = hlist_entry_safe((head)->first, __typeof__(*pos), member); pos; \
	     pos = hlist_entry_safe(pos->member.next, __typeof__(*pos), member))

/* The body may remove pos; tmp is a struct hlist_node pointer. */
#define hlist_for_each_entry_safe(pos, tmp, head, member)                     \
	for (pos = hlist_entry_safe((head)->first, __typeof__(*pos), member); \
	     pos && ((tmp = pos->member.next), 1);                            \
	     pos = hlist_entry_safe(tmp, __typeof__(*pos), member))

#endif
