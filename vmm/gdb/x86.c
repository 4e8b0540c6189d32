/* SPDX-License-Identifier: MIT */
/* x86.c - see x86.h. */
#include "vmm/gdb/x86.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cpuid.h"
#include "vmm/gdb/walk.h"
#include "vmm/gdb/x86_priv.h"
#include "vmm/kvm.h"

#define DB_VECTOR	1
#define BP_VECTOR	3

#define CPUID_1_ECX_AVX (1u << 28)

/*
 * While a CPU that should run is stepped for the sake of a watched variable, its timer fires faster
 * than its handler is stepped through. So interrupts stay out but for a few instructions in so many.
 */
#define STEPS_A_WINDOW	4096u
#define STEPS_IN_WINDOW 2u /* sti holds them off for one more */

static bool guest_has_avx(const struct kvm_cpuid2 *cpuid)
{
	for (u32 i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			return cpuid->entries[i].ecx & CPUID_1_ECX_AVX;
	return false;
}

/* ---- the vCPU's thread -------------------------------------------------------------------------- */

static void set_debug(struct gdb_x86 *t, struct gdb_cpu *c, bool irqs)
{
	struct kvm_guest_debug dbg = { 0 };

	if (t->attached) {
		dbg.control = KVM_GUESTDBG_ENABLE;
		if (t->points.nr_int3)
			dbg.control |= KVM_GUESTDBG_USE_SW_BP;
		if (points_debug_regs(&t->points, (u64 *)dbg.arch.debugreg))
			dbg.control |= KVM_GUESTDBG_USE_HW_BP;
		if (c->stepping)
			dbg.control |= KVM_GUESTDBG_SINGLESTEP;
		if (c->stepping && !irqs && t->points.support.block_irq)
			dbg.control |= KVM_GUESTDBG_BLOCKIRQ;
	}
	kvm_set_guest_debug(c->v->fd, &dbg);
}

static void ring(struct gdb_x86 *t)
{
	atomic_store(&t->rung, true);
	loop_timer_arm(t->bell, 0);
}

/* The CPU stands still from here on, and the loop hears of it. */
static bool stop_here(struct gdb_x86 *t, struct gdb_cpu *c, struct gdb_stop stop)
{
	stop.cpu = c->v->id;
	c->event = STOP_EVENT;
	c->stop = stop;
	vcpu_request_pause(c->v);
	ring(t);
	return true;
}

static bool stop_at_point(struct gdb_x86 *t, struct gdb_cpu *c, const struct point *pt)
{
	return stop_here(t, c,
			 (struct gdb_stop){ .kind = point_stop_kind(pt),
					    .signal = GDB_SIGTRAP,
					    .addr = pt->addr });
}

/* An exception that is the guest's own affair. */
static bool reflect(struct gdb_cpu *c, u8 vector)
{
	struct kvm_vcpu_events ev;

	if (kvm_get_events(c->v->fd, &ev))
		return false;
	ev.exception.injected = 1;
	ev.exception.nr = vector;
	ev.exception.has_error_code = 0;
	ev.flags &= ~(u32)KVM_VCPUEVENT_VALID_PAYLOAD;
	return kvm_set_events(c->v->fd, &ev) == 0;
}

/* What the next instruction will touch: once it has been executed, its operands are gone. */
static void look_ahead(struct gdb_x86 *t, struct gdb_cpu *c)
{
	u8 insn[ACCESS_INSN_MAX];
	struct kvm_sregs s;
	struct kvm_regs r;
	struct walk w;
	size_t n = 0;

	if (!t->points.nr_decoded)
		return;
	c->ahead.nr = 0;
	if (kvm_get_regs(c->v->fd, &r) || kvm_get_sregs(c->v->fd, &s))
		return;
	while (n < sizeof(insn)) {
		u64 at = gdb_linear_pc(&r, &s) + n,
		    in_page = GUEST_PAGE_SIZE - at % GUEST_PAGE_SIZE;
		size_t len = MIN((size_t)in_page, sizeof(insn) - n);

		if (walk_translate(t->m.mem, &s, at, &w) ||
		    guest_mem_read(t->m.mem, w.gpa, insn + n, len))
			break;
		points_hide(&t->points, w.gpa, insn + n, len);
		n += len;
	}
	access_decode(t->points.decoder, &r, &s, insn, n, &c->ahead);
}

/* Not when an interrupt or a fault came in its place. */
static bool was_executed(const struct access_list *a, u64 pc)
{
	return a->nr && (a->jumps || pc == a->next || pc == a->pc);
}

/* After a step: an open window counts only those before which an interrupt could have come. An idle loop
 * has few of them, and would be missed for ever by a window that any step closes. */
static void let_interrupts_in(struct gdb_x86 *t, struct gdb_cpu *c)
{
	bool open = c->steps >= STEPS_A_WINDOW;

	if (!open || c->v->run->if_flag)
		c->steps++;
	if (!open && c->steps == STEPS_A_WINDOW) {
		set_debug(t, c, true);
	} else if (c->steps > STEPS_A_WINDOW + STEPS_IN_WINDOW) {
		set_debug(t, c, false);
		c->steps = 0;
	}
}

static bool on_step(struct gdb_x86 *t, struct gdb_cpu *c)
{
	const struct gdb_action *a = &c->action;
	u64 pc = c->v->run->debug.arch.pc;

	if (t->points.nr_decoded && was_executed(&c->ahead, pc)) {
		const struct point *pt = points_touched(&t->points, &c->ahead);

		if (pt)
			return stop_at_point(t, c, pt);
	}

	if (t->points.nr_stepped) {
		struct kvm_sregs s;
		const struct point *pt;

		kvm_get_sregs(c->v->fd, &s);
		pt = points_stepped(&t->points, &s, pc);
		if (pt)
			return stop_at_point(t, c, pt);
	}
	if (a->run == GDB_STEP || (a->run == GDB_STEP_RANGE && pc - a->start >= a->end - a->start))
		return stop_here(t, c, (struct gdb_stop){ .signal = GDB_SIGTRAP });
	if (a->run == GDB_CONTINUE)
		let_interrupts_in(t, c);
	look_ahead(t, c);
	return true;
}

static bool our_int3(struct gdb_x86 *t, struct gdb_cpu *c)
{
	struct kvm_regs r;
	struct kvm_sregs s;
	struct walk w;

	return t->points.nr_int3 && !kvm_get_regs(c->v->fd, &r) && !kvm_get_sregs(c->v->fd, &s) &&
	       !walk_translate(t->m.mem, &s, gdb_linear_pc(&r, &s), &w) &&
	       points_int3_at(&t->points, w.gpa);
}

static bool stop_at_int3(struct gdb_x86 *t, struct gdb_cpu *c)
{
	return stop_here(t, c,
			 (struct gdb_stop){ .kind = GDB_STOP_SWBREAK, .signal = GDB_SIGTRAP });
}

static bool on_debug_exit(struct gdb_x86 *t, struct gdb_cpu *c)
{
	const struct kvm_debug_exit_arch *d = &c->v->run->debug.arch;
	const struct point *pt;

	if (!t->attached)
		return true; /* the tail of a step; nobody is interested any more */
	if (d->exception == BP_VECTOR)
		return our_int3(t, c) ? stop_at_int3(t, c) : reflect(c, BP_VECTOR);
	pt = points_by_dr6(&t->points, d->dr6);
	if (pt)
		return stop_at_point(t, c, pt);
	return c->stepping ? on_step(t, c) : reflect(c, DB_VECTOR);
}

/* KVM has queued #UD for the instruction that it could not emulate: it was ours, not the guest's. */
static void forget_exception(struct gdb_cpu *c)
{
	struct kvm_vcpu_events ev;

	if (kvm_get_events(c->v->fd, &ev))
		return;
	ev.exception.injected = ev.exception.pending = 0;
	ev.flags &= ~(u32)KVM_VCPUEVENT_VALID_PAYLOAD;
	kvm_set_events(c->v->fd, &ev);
}

bool gdb_x86_exit(struct gdb_x86 *t, struct vcpu *v, enum vcpu_end why)
{
	struct gdb_cpu *c = &t->cpu[v->id];

	if (v->run->exit_reason == KVM_EXIT_DEBUG)
		return on_debug_exit(t, c);
	if (!t->attached || why == VCPU_END_RESET)
		return false;
	if (why == VCPU_END_INTERNAL_ERROR && our_int3(t, c)) {
		forget_exception(c);
		return stop_at_int3(t, c);
	}
	c->event = CRASH_EVENT;
	c->why = why;
	c->told = false;
	c->stop =
		(struct gdb_stop){ .cpu = v->id,
				   .signal = why == VCPU_END_SHUTDOWN ? GDB_SIGSEGV : GDB_SIGABRT };
	vcpu_request_pause(v);
	ring(t);
	return true;
}

/* ---- stopping -------------------------------------------------------------------------------------- */

static void pause_all(struct gdb_x86 *t)
{
	for (unsigned i = 0; i < t->m.nr_vcpus; i++)
		vcpu_request_pause(&t->m.vcpu[i]);
	for (unsigned i = 0; i < t->m.nr_vcpus; i++)
		vcpu_pause(&t->m.vcpu[i]);
	t->running = false;
	atomic_store(&t->rung, false); /* whatever it was for is seen now */
}

static bool worth_telling(const struct gdb_cpu *c)
{
	return c->event == STOP_EVENT || (c->event == CRASH_EVENT && !c->told);
}

/*
 * A CPU that reached a breakpoint at the same time as the one that is told reaches it again, if it is
 * still there, when it is resumed: pc has not moved. A changed variable would be missed, though.
 */
static bool happens_again(const struct gdb_cpu *c)
{
	return c->event == STOP_EVENT &&
	       (c->stop.kind == GDB_STOP_SIGNAL || c->stop.kind == GDB_STOP_SWBREAK ||
		c->stop.kind == GDB_STOP_HWBREAK);
}

/* What is told of a machine that stands still; fallback when nothing has happened by itself. */
static struct gdb_stop take_event(struct gdb_x86 *t, enum gdb_signal sig)
{
	struct gdb_stop stop = { .cpu = t->last, .signal = sig };

	/* From the next CPU on, so that a busy one does not hide the others. */
	for (unsigned i = 1; i <= t->m.nr_vcpus; i++) {
		struct gdb_cpu *c = &t->cpu[(t->last + i) % t->m.nr_vcpus];

		if (!worth_telling(c))
			continue;
		stop = c->stop;
		t->last = stop.cpu;
		c->told = true;
		if (c->event == STOP_EVENT)
			c->event = NO_EVENT;
		break;
	}
	for (unsigned i = 0; i < t->m.nr_vcpus; i++)
		if (happens_again(&t->cpu[i]))
			t->cpu[i].event = NO_EVENT;
	return stop;
}

static struct gdb_stop target_halt(void *arg, enum gdb_signal sig)
{
	struct gdb_x86 *t = arg;

	pause_all(t);
	t->attached = true;
	return take_event(t, sig);
}

static void on_bell(void *arg)
{
	struct gdb_x86 *t = arg;
	struct gdb_stop stop;

	if (!t->running || !atomic_load(&t->rung))
		return; /* what it was for has been told with an earlier stop */
	stop = target_halt(t, GDB_SIGTRAP);
	t->on_stop(t->on_stop_arg, &stop);
}

/* ---- resuming -------------------------------------------------------------------------------------- */

/* Lets the vCPUs that cannot go on end the machine, as they would have without a debugger. */
static bool let_crash(struct gdb_x86 *t)
{
	for (unsigned i = 0; i < t->m.nr_vcpus; i++) {
		struct gdb_cpu *c = &t->cpu[i];

		if (c->event != CRASH_EVENT)
			continue;
		t->m.crashed(t->m.arg, c->v, c->why);
		return true;
	}
	return false;
}

static void resume_cpu(struct gdb_x86 *t, unsigned i, const struct gdb_action *a)
{
	struct gdb_cpu *c = &t->cpu[i];

	gdb_regs_forget(&c->regs);
	c->action = *a;
	c->stepping = a->run != GDB_CONTINUE || t->points.nr_stepped;
	c->steps = 0;
	look_ahead(t, c);
	set_debug(t, c, false);
	vcpu_resume(c->v);
}

static void target_resume(void *arg, const struct gdb_action *action)
{
	struct gdb_x86 *t = arg;
	bool crashed = false;

	t->running = t->ran = true;
	for (unsigned i = 0; i < t->m.nr_vcpus; i++) {
		if (worth_telling(&t->cpu[i])) {
			/* Something else happened at the last stop: nothing runs before it is told. */
			ring(t);
			return;
		}
		crashed |= t->cpu[i].event == CRASH_EVENT;
	}
	if (crashed && let_crash(t))
		return;
	for (unsigned i = 0; i < t->m.nr_vcpus; i++)
		if (action[i].run != GDB_STAY)
			resume_cpu(t, i, &action[i]);
}

static void target_release(void *arg, bool detached)
{
	struct gdb_x86 *t = arg;
	static const struct gdb_action go = { .run = GDB_CONTINUE };

	pause_all(t);
	points_clear(&t->points);
	t->attached = false;
	if (let_crash(t))
		return;
	for (unsigned i = 0; i < t->m.nr_vcpus; i++) {
		t->cpu[i].event = NO_EVENT;
		if (detached || t->ran)
			resume_cpu(t, i, &go);
	}
	t->ran |= detached;
}

static void target_kill(void *arg)
{
	struct gdb_x86 *t = arg;

	t->m.kill(t->m.arg);
}

void gdb_x86_was_reset(struct gdb_x86 *t)
{
	for (unsigned i = 0; i < t->m.nr_vcpus; i++) {
		struct gdb_cpu *c = &t->cpu[i];

		gdb_regs_forget(&c->regs);
		c->ahead.nr = 0;
		/* What has not been told is told as a stop: its CPU waits to be resumed. */
		if (!t->running)
			c->event = NO_EVENT;
		else if (c->event == CRASH_EVENT)
			c->event = STOP_EVENT;
	}
	if (t->points.nr && !gdb_regs_fetch(&t->cpu[0].regs))
		points_renew(&t->points, &t->cpu[0].regs.sregs);
	/* A CPU that goes on by itself takes the debug registers as they are now. */
	for (unsigned i = 0; t->running && i < t->m.nr_vcpus; i++) {
		gdb_regs_forget(&t->cpu[i].regs);
		set_debug(t, &t->cpu[i], false);
	}
}

static int target_reset(void *arg, struct gdb_text *out)
{
	struct gdb_x86 *t = arg;
	struct error e;
	int err = t->m.reset(t->m.arg, &e);

	if (err)
		gdb_text(out, "%s\n", e.text);
	t->last = 0;
	return err;
}

/* ---- state -------------------------------------------------------------------------------------- */

static const char *target_features(void *arg)
{
	return ((struct gdb_x86 *)arg)->features;
}

static unsigned target_nr_cpus(void *arg)
{
	return ((struct gdb_x86 *)arg)->m.nr_vcpus;
}

static size_t target_regs_read(void *arg, unsigned cpu, u8 *buf, size_t size)
{
	return gdb_regs_get_all(&((struct gdb_x86 *)arg)->cpu[cpu].regs, buf, size);
}

static int target_regs_write(void *arg, unsigned cpu, const u8 *buf, size_t n)
{
	return gdb_regs_set_all(&((struct gdb_x86 *)arg)->cpu[cpu].regs, buf, n);
}

static int target_reg_read(void *arg, unsigned cpu, unsigned reg, u8 buf[GDB_MAX_REG])
{
	return gdb_regs_get(&((struct gdb_x86 *)arg)->cpu[cpu].regs, reg, buf);
}

static int target_reg_write(void *arg, unsigned cpu, unsigned reg, const u8 *buf, size_t n)
{
	return gdb_regs_set(&((struct gdb_x86 *)arg)->cpu[cpu].regs, reg, buf, n);
}

static int target_insert(void *arg, unsigned cpu, enum gdb_point_type type, u64 addr, u64 len)
{
	struct gdb_x86 *t = arg;
	struct gdb_regs *r = &t->cpu[cpu].regs;
	int err = gdb_regs_fetch(r);

	return err ? err : points_insert(&t->points, &r->sregs, type, addr, len);
}

static int target_remove(void *arg, enum gdb_point_type type, u64 addr, u64 len)
{
	return points_remove(&((struct gdb_x86 *)arg)->points, type, addr, len);
}

/* ---- life ---------------------------------------------------------------------------------------- */

int gdb_x86_create(const struct gdb_machine *m,
		   void (*on_stop)(void *arg, const struct gdb_stop *stop), void *arg,
		   struct gdb_x86 **out, struct error *e)
{
	struct gdb_x86 *t = calloc(1, sizeof(*t) + m->nr_vcpus * sizeof(t->cpu[0]));
	bool avx = guest_has_avx(m->cpuid);
	int err;

	if (!t)
		return error_sys(e, -ENOMEM, "--gdb");
	t->m = *m;
	t->on_stop = on_stop;
	t->on_stop_arg = arg;
	t->ran = !m->paused;
	points_init(&t->points, m->mem);
	gdb_regs_describe(avx, t->features);
	for (unsigned i = 0; i < m->nr_vcpus; i++) {
		t->cpu[i].v = t->cpu[i].regs.v = &m->vcpu[i];
		t->cpu[i].regs.avx = avx;
	}
	t->bell = loop_timer_create(m->loop, on_bell, t);
	err = t->bell ? gdb_probe(m->kvm, m->run_size, &t->points.support, e)
		      : error_sys(e, -ENOMEM, "--gdb");
	if (err) {
		gdb_x86_destroy(t);
		return err;
	}
	*out = t;
	return 0;
}

void gdb_x86_destroy(struct gdb_x86 *t)
{
	if (!t)
		return;
	loop_timer_destroy(t->bell);
	points_destroy(&t->points);
	free(t);
}

const struct gdb_target_ops gdb_x86_ops = {
	.features = target_features,
	.nr_cpus = target_nr_cpus,
	.cpu_state = gdb_x86_cpu_state,
	.regs_read = target_regs_read,
	.regs_write = target_regs_write,
	.reg_read = target_reg_read,
	.reg_write = target_reg_write,
	.mem_read = gdb_x86_mem_read,
	.mem_write = gdb_x86_mem_write,
	.insert = target_insert,
	.remove = target_remove,
	.halt = target_halt,
	.resume = target_resume,
	.release = target_release,
	.kill = target_kill,
	.reset = target_reset,
	.monitor = gdb_x86_monitor,
};
