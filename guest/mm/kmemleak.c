/* SPDX-License-Identifier: MIT */
/* kmemleak.c - see kmemleak.h. */
#include "guest/mm/kmemleak.h"
#include "guest/lib/crc32.h"
#include "guest/lib/errno.h"
#include "guest/lib/string.h"

#define SCAN_CHUNK 4096 /* bytes looked through with the lock held */

void kmemleak_init(struct kmemleak *kl, const struct mm_env *env, u64 min_age_ns)
{
	*kl = (struct kmemleak){
		.env = env,
		.min_age_ns = min_age_ns,
		.low = ~0UL,
		.node_alloc = env_alloc,
		.node_free = env_free,
	};
	spin_lock_init(&kl->lock);
	INIT_LIST_HEAD(&kl->objects);
	INIT_LIST_HEAD(&kl->roots);
}

static struct kmemleak_object *object_of(struct rb_node *rb)
{
	return rb_entry(rb, struct kmemleak_object, rb);
}

/* The block that the address lies in. Lock held. */
static struct kmemleak_object *find(struct kmemleak *kl, u64 addr)
{
	struct rb_node *rb = kl->tree.node;

	while (rb) {
		struct kmemleak_object *o = object_of(rb);

		if (addr < o->start)
			rb = rb->left;
		else if (addr - o->start >= o->size)
			rb = rb->right;
		else
			return o;
	}
	return NULL;
}

static bool object_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct kmemleak_object, rb)->start <
	       rb_entry(b, struct kmemleak_object, rb)->start;
}

static void remove(struct kmemleak *kl, struct kmemleak_object *o)
{
	rb_erase(&o->rb, &kl->tree);
	list_del(&o->list);
	list_del_init(&o->grey); /* a scan may have been about to look into it */
	kl->nr_objects--;
}

void kmemleak_destroy(struct kmemleak *kl)
{
	struct kmemleak_object *o, *next;
	struct kmemleak_root *r, *next_root;

	list_for_each_entry_safe (o, next, &kl->objects, list) {
		remove(kl, o);
		kl->node_free(o, sizeof(*o));
	}
	list_for_each_entry_safe (r, next_root, &kl->roots, list) {
		list_del(&r->list);
		kl->node_free(r, sizeof(*r));
	}
}

int kmemleak_add_root(struct kmemleak *kl, const void *start, u64 size)
{
	struct kmemleak_root *r = kl->node_alloc(sizeof(*r));
	u64 flags;

	if (!r)
		return -ENOMEM;
	r->start = (u64)start;
	r->size = size;
	flags = spin_lock_irqsave(&kl->lock);
	list_add_tail(&r->list, &kl->roots);
	spin_unlock_irqrestore(&kl->lock, flags);
	return 0;
}

void kmemleak_remove_root(struct kmemleak *kl, const void *start)
{
	u64 flags = spin_lock_irqsave(&kl->lock);
	struct kmemleak_root *r, *found = NULL;

	list_for_each_entry (r, &kl->roots, list)
		if (r->start == (u64)start)
			found = r;
	if (found)
		list_del(&found->list);
	spin_unlock_irqrestore(&kl->lock, flags);
	kl->node_free(found, sizeof(*found));
}

/* ---- blocks come and go -------------------------------------------------------------------------------- */

static void complain(const char *what, const void *ptr)
{
	env_log(ENV_WARN, "kmemleak: %s %p", what, ptr);
}

/* K1. Lock held. */
static bool insert(struct kmemleak *kl, struct kmemleak_object *o)
{
	struct rb_node *next;

	if (find(kl, o->start))
		return false;
	rb_add(&o->rb, &kl->tree, object_less);
	next = rb_next(&o->rb);
	if (next && object_of(next)->start - o->start < o->size) {
		rb_erase(&o->rb, &kl->tree);
		return false;
	}
	list_add_tail(&o->list, &kl->objects);
	kl->nr_objects++;
	kl->low = MIN(kl->low, o->start);
	kl->high = MAX(kl->high, o->start + o->size - 1);
	return true;
}

void kmemleak_alloc(struct kmemleak *kl, const void *ptr, u64 size, int min_count)
{
	struct kmemleak_object *o;
	u64 flags;
	bool ok;

	if (kl->disabled || !ptr || !size)
		return;
	o = kl->node_alloc(sizeof(*o));
	if (!o) {
		kl->disabled = true;
		complain("no memory for a node: switched off at", ptr);
		return;
	}
	INIT_LIST_HEAD(&o->grey);
	o->start = (u64)ptr;
	o->size = size;
	o->min_count = min_count;
	o->when_ns = env_now_ns();
	o->cpu = env_cpu();
	mm_backtrace(kl->env, o->pc, KMEMLEAK_STACK);
	flags = spin_lock_irqsave(&kl->lock);
	ok = insert(kl, o);
	spin_unlock_irqrestore(&kl->lock, flags);
	if (!ok) {
		complain("a block overlaps one that was never freed:", ptr);
		kl->node_free(o, sizeof(*o));
	}
}

void kmemleak_free(struct kmemleak *kl, const void *ptr)
{
	u64 flags = spin_lock_irqsave(&kl->lock);
	struct kmemleak_object *o = find(kl, (u64)ptr);

	if (o && o->start != (u64)ptr)
		o = NULL;
	if (o) {
		if (o->reported)
			kl->nr_leaks--; /* not lost after all */
		remove(kl, o);
	}
	spin_unlock_irqrestore(&kl->lock, flags);
	if (o)
		kl->node_free(o, sizeof(*o));
	else if (!kl->disabled && ptr)
		complain("freed, but not known:", ptr);
}

static void set_min_count(struct kmemleak *kl, const void *ptr, int min_count, bool no_scan)
{
	u64 flags = spin_lock_irqsave(&kl->lock);
	struct kmemleak_object *o = find(kl, (u64)ptr);

	if (o) {
		o->min_count = no_scan ? o->min_count : min_count;
		o->no_scan |= no_scan;
	}
	spin_unlock_irqrestore(&kl->lock, flags);
}

void kmemleak_not_leak(struct kmemleak *kl, const void *ptr)
{
	set_min_count(kl, ptr, 0, false);
}

void kmemleak_ignore(struct kmemleak *kl, const void *ptr)
{
	set_min_count(kl, ptr, -1, false);
}

void kmemleak_no_scan(struct kmemleak *kl, const void *ptr)
{
	set_min_count(kl, ptr, 0, true);
}

/* ---- scanning ------------------------------------------------------------------------------------------- */

static bool is_grey(const struct kmemleak_object *o)
{
	return o->min_count >= 0 && o->count >= o->min_count;
}

/* Words in [start, end) that are addresses of blocks. Lock held. */
static void scan_words(struct kmemleak *kl, u64 start, u64 end, struct list_head *grey)
{
	for (u64 at = ALIGN_UP(start, 8UL); at + 8 <= end; at += 8) {
		u64 word = *(const u64 *)at;
		struct kmemleak_object *o;
		bool was_grey;

		if (word < kl->low || word > kl->high)
			continue;
		o = find(kl, word);
		if (!o || o->min_count < 0)
			continue;
		was_grey = is_grey(o);
		o->count++;
		/* Reached often enough for the first time: look into it too. */
		if (!was_grey && is_grey(o) && !o->no_scan)
			list_add_tail(&o->grey, grey);
	}
}

/* In pieces, so that no CPU waits for the lock for long. The range stays while it is looked through:
 * only the caller of a block's free could end it, hence blocks are scanned under the lock whole. */
static void scan_root(struct kmemleak *kl, u64 start, u64 size, struct list_head *grey)
{
	for (u64 done = 0; done < size; done += SCAN_CHUNK) {
		u64 flags = spin_lock_irqsave(&kl->lock);

		scan_words(kl, start + done, start + MIN(size, done + SCAN_CHUNK), grey);
		spin_unlock_irqrestore(&kl->lock, flags);
	}
}

static void begin_scan(struct kmemleak *kl, struct list_head *grey)
{
	u64 flags = spin_lock_irqsave(&kl->lock);
	struct kmemleak_object *o;

	list_for_each_entry (o, &kl->objects, list) {
		o->count = 0;
		if (o->min_count == 0 && !o->no_scan)
			list_add_tail(&o->grey, grey);
	}
	spin_unlock_irqrestore(&kl->lock, flags);
}

static void scan_grey(struct kmemleak *kl, struct list_head *grey)
{
	u64 flags = spin_lock_irqsave(&kl->lock);

	while (!list_empty(grey)) {
		struct kmemleak_object *o = list_first_entry(grey, struct kmemleak_object, grey);

		list_del_init(&o->grey);
		scan_words(kl, o->start, o->start + o->size, grey);
	}
	spin_unlock_irqrestore(&kl->lock, flags);
}

/* White, old enough, and unchanged since the scan before. Lock held. */
static bool is_leaked(const struct kmemleak *kl, struct kmemleak_object *o)
{
	u32 sum;
	bool same;

	if (o->min_count <= 0 || is_grey(o))
		return false;
	sum = crc32_ieee(0, (const void *)o->start, o->size);
	same = o->scanned_once && o->checksum == sum;
	o->checksum = sum;
	o->scanned_once = true;
	return same && env_now_ns() - o->when_ns >= kl->min_age_ns;
}

u64 kmemleak_scan(struct kmemleak *kl)
{
	struct kmemleak_object *o;
	struct kmemleak_root *r;
	LIST_HEAD(grey);
	u64 flags, found = 0;

	if (kl->disabled)
		return 0;
	begin_scan(kl, &grey);
	list_for_each_entry (r, &kl->roots, list)
		scan_root(kl, r->start, r->size, &grey);
	scan_grey(kl, &grey);
	flags = spin_lock_irqsave(&kl->lock);
	list_for_each_entry (o, &kl->objects, list) {
		if (o->reported || !is_leaked(kl, o))
			continue;
		o->reported = true;
		found++;
	}
	kl->nr_leaks += found;
	spin_unlock_irqrestore(&kl->lock, flags);
	if (found)
		env_log(ENV_WARN,
			"kmemleak: %lu new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
			found);
	return found;
}

static void show_object(struct seq *s, const struct kmemleak_object *o)
{
	u64 ms = o->when_ns / 1000000;

	seq_printf(s, "unreferenced object 0x%016lx (size %lu):\n", o->start, o->size);
	seq_printf(s, "  allocated on CPU %u at %lu.%03lu s\n", o->cpu, ms / 1000, ms % 1000);
	seq_puts(s, "  backtrace:\n");
	for (unsigned i = 0; i < KMEMLEAK_STACK && o->pc[i]; i++)
		seq_printf(s, "    [<%016lx>] %pS\n", o->pc[i], (void *)o->pc[i]);
}

void kmemleak_show(struct kmemleak *kl, struct seq *s)
{
	u64 flags = spin_lock_irqsave(&kl->lock);
	const struct kmemleak_object *o;

	if (kl->disabled)
		seq_puts(s, "kmemleak is switched off: it ran out of memory\n");
	list_for_each_entry (o, &kl->objects, list)
		if (o->reported)
			show_object(s, o);
	spin_unlock_irqrestore(&kl->lock, flags);
}

void kmemleak_clear(struct kmemleak *kl)
{
	u64 flags = spin_lock_irqsave(&kl->lock);
	struct kmemleak_object *o;

	list_for_each_entry (o, &kl->objects, list) {
		if (!o->reported)
			continue;
		o->reported = false;
		o->min_count = 0;
		kl->nr_leaks--;
	}
	spin_unlock_irqrestore(&kl->lock, flags);
}

const char *kmemleak_check(struct kmemleak *kl)
{
	const char *broken = rb_check(&kl->tree, object_less, NULL);
	u64 nr = 0;

	if (!broken)
		broken = list_check(&kl->objects, kl->nr_objects);
	if (broken)
		return broken;
	for (struct rb_node *rb = rb_first(&kl->tree); rb; rb = rb_next(rb)) {
		struct rb_node *next = rb_next(rb);

		if (next && object_of(next)->start - object_of(rb)->start < object_of(rb)->size)
			return "K1: two blocks overlap";
		nr++;
	}
	return nr == kl->nr_objects ? NULL : "K2: the tree and the list differ";
}
