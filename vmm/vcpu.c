/* SPDX-License-Identifier: MIT */
/* vcpu.c - see vcpu.h. */
#include "vmm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vmm/kvm.h"
#include "vmm/loop.h"
#include "vmm/trace.h"

#define KICK_SIGNAL SIGUSR1

/* Exits are handled on this stack; nothing below needs more, and every vCPU pays for it. */
#define VCPU_STACK (128 * KiB)

int vcpu_init(struct vcpu *v, int vm, u32 run_size, unsigned id, bool detailed_stats,
	      struct error *e)
{
	int err = exit_stats_init(&v->stats, detailed_stats);

	if (err)
		return error_sys(e, err, "CPU %u: statistics", id);
	v->id = id;
	v->run_size = run_size;
	v->fd = kvm_create_vcpu(vm, id);
	if (v->fd < 0)
		return error_sys(e, v->fd, "CPU %u: KVM_CREATE_VCPU", id);
	v->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		return error_sys(e, -errno, "CPU %u: mapping its kvm_run page", id);
	}
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->cond, NULL);
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	if (v->run) {
		munmap(v->run, v->run_size);
		pthread_mutex_destroy(&v->lock);
		pthread_cond_destroy(&v->cond);
	}
	if (v->fd > 0)
		close(v->fd);
	exit_stats_free(&v->stats);
}

/* --- register state at power-on -------------------------------------------------------------- */

static struct kvm_segment flat_segment(u16 selector, u8 type, enum boot_cpu_mode mode)
{
	struct kvm_segment s = {
		.selector = selector,
		.limit = mode == BOOT_REAL16 ? 0xffff : 0xffffffff,
		.type = type,
		.present = 1,
		.s = 1,
	};

	if (mode != BOOT_REAL16) {
		s.g = 1;
		s.db = 1;
	}
	if (mode == BOOT_LONG64 && (type & 8)) {
		s.l = 1;
		s.db = 0;
	}
	return s;
}

static void boot_sregs(struct kvm_sregs *s, const struct boot_state *st)
{
	struct kvm_segment data = flat_segment(st->ds, 3, st->mode);

	s->cs = flat_segment(st->cs, 11, st->mode);
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = (struct kvm_segment){ .type = 11, .present = 1, .limit = 0x67 };
	s->ldt = (struct kvm_segment){ .type = 2, .present = 1, .limit = 0xffff };
	s->gdt = (struct kvm_dtable){ .base = st->gdt.v, .limit = st->gdt_limit };
	/* Before paging and its own IDT a kernel cannot take an interrupt; real mode has the IVT. */
	s->idt = (struct kvm_dtable){ .base = 0, .limit = st->mode == BOOT_REAL16 ? 0x3ff : 0 };
	s->cr0 = 0x10; /* ET, hardwired */
	s->cr3 = s->cr4 = s->efer = 0;
	if (st->mode != BOOT_REAL16)
		s->cr0 |= 1; /* PE */
	if (st->mode == BOOT_LONG64) {
		s->cr0 |= 1u << 31; /* PG */
		s->cr3 = st->cr3;
		s->cr4 = 1u << 5;		  /* PAE */
		s->efer = (1u << 8) | (1u << 10); /* LME, LMA */
	}
}

int vcpu_set_boot_state(struct vcpu *v, const struct boot_state *st, struct error *e)
{
	struct kvm_regs *r = &v->run->s.regs.regs;
	struct kvm_sregs *s = &v->run->s.regs.sregs;
	int err = kvm_get_sregs(v->fd, s);

	if (err)
		return error_sys(e, err, "CPU %u: KVM_GET_SREGS", v->id);
	boot_sregs(s, st);
	*r = (struct kvm_regs){
		.rip = st->entry,
		.rax = st->rax,
		.rbx = st->rbx,
		.rsi = st->rsi,
		.rsp = st->rsp,
		.rflags = 2,
	};
	if (st->mode == BOOT_REAL16) {
		s->cs.base = (u64)st->cs << 4;
		s->ds.base = s->es.base = s->fs.base = s->gs.base = s->ss.base = (u64)st->ds << 4;
		r->rip = st->entry - s->cs.base;
	}
	/* Taken over by the next KVM_RUN: no further ioctl (api.rst, "Synchronized registers"). */
	v->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	return 0;
}

/* --- the run loop ---------------------------------------------------------------------------- */

/* Books one port or MMIO access of a detailed run. */
static __attribute__((cold)) void account_place(struct vcpu *v, u64 addr, bool mmio, bool write,
						const struct bus_entry *hit, u64 start)
{
	const char *name = hit ? hit->dev->class->name : NULL;
	struct exit_place *p = exit_stats_place(&v->stats, addr, mmio, write, name);
	u64 ns = loop_now() - start;

	v->stats.ns[mmio ? KVM_EXIT_MMIO : KVM_EXIT_IO] += ns;
	if (p) {
		p->count++;
		p->ns += ns;
	}
}

static void handle_io(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	u8 *data = (u8 *)run + run->io.data_offset;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	u64 start = v->stats.detailed ? loop_now() : 0;
	const struct bus_entry *hit = NULL;

	/* `rep ins/outs` arrive as one exit with a count; KVM bounds it to a page of data. */
	for (u32 i = 0; i < run->io.count; i++, data += run->io.size)
		hit = bus_access(v->pio, &v->pio_hint, run->io.port, run->io.size, write, data);
	if (v->stats.detailed)
		account_place(v, run->io.port, false, write, hit, start);
}

static void handle_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	u64 start = v->stats.detailed ? loop_now() : 0;
	const struct bus_entry *hit = bus_access(v->mmio, &v->mmio_hint, run->mmio.phys_addr,
						 run->mmio.len, run->mmio.is_write, run->mmio.data);

	if (v->stats.detailed)
		account_place(v, run->mmio.phys_addr, true, run->mmio.is_write, hit, start);
}

/* Handles one exit; false when the vCPU is finished. */
static bool handle_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	enum vcpu_end why;

	exit_stats_reason(&v->stats, run->exit_reason);
	/* Ahead of the switch, whose jump table would be one page more to touch. */
	if (__builtin_expect(run->exit_reason == KVM_EXIT_IO, 1)) {
		handle_io(v);
		return true;
	}
	if (__builtin_expect(run->exit_reason == KVM_EXIT_MMIO, 1)) {
		handle_mmio(v);
		return true;
	}
	switch (run->exit_reason) {
	case KVM_EXIT_IOAPIC_EOI:
		v->ops->ioapic_eoi(v->ops_arg, run->eoi.vector);
		return true;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_SET_TPR:
		return true;
	case KVM_EXIT_SHUTDOWN:
		why = VCPU_END_SHUTDOWN;
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		why = VCPU_END_INTERNAL_ERROR;
		break;
	case KVM_EXIT_FAIL_ENTRY:
		why = VCPU_END_ENTRY_FAILED;
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		why = VCPU_END_RESET;
		break;
	default:
		why = VCPU_END_UNKNOWN_EXIT;
		break;
	}
	if (v->ops->debug(v->ops_arg, v, why))
		return true;
	v->ops->ended(v->ops_arg, v, why);
	return false;
}

/* For whoever watches; before and after an exit is handled. */
static __attribute__((cold, noinline)) void trace_begin(struct vcpu *v, struct trace_exit *x)
{
	*x = (struct trace_exit){ .start = loop_now(), .reason = v->run->exit_reason };
	if (x->reason == KVM_EXIT_IO) {
		x->addr = v->run->io.port;
		x->size = v->run->io.size;
		x->write = v->run->io.direction == KVM_EXIT_IO_OUT;
	} else if (x->reason == KVM_EXIT_MMIO) {
		x->addr = v->run->mmio.phys_addr;
		x->size = (u8)v->run->mmio.len;
		x->write = v->run->mmio.is_write;
	}
}

static __attribute__((cold, noinline)) void trace_end(struct vcpu *v, struct trace_exit *x)
{
	const struct bus_hint *hint = x->reason == KVM_EXIT_IO	   ? &v->pio_hint
				      : x->reason == KVM_EXIT_MMIO ? &v->mmio_hint
								   : NULL;

	x->end = loop_now();
	/* The access has just been there. */
	if (hint && hint->entry && x->addr >= hint->base && x->addr < hint->end)
		x->device = hint->entry->dev->class->name;
	trace_exit(v->trace, v->id, x);
}

/* Acts on requests from other threads; false when told to stop. */
static __attribute__((cold)) bool handle_requests(struct vcpu *v)
{
	unsigned req;

	pthread_mutex_lock(&v->lock);
	for (;;) {
		req = atomic_load(&v->request);
		if (!(req & (VCPU_REQ_PAUSE | VCPU_REQ_HOLD)) || (req & VCPU_REQ_STOP))
			break;
		v->paused = true;
		pthread_cond_broadcast(&v->cond);
		pthread_cond_wait(&v->cond, &v->lock);
	}
	v->paused = false;
	pthread_mutex_unlock(&v->lock);
	return !(req & VCPU_REQ_STOP);
}

/* By the thread itself it is one system call; from outside it goes through /proc. */
static void set_own_name(unsigned id)
{
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", id);
	prctl(PR_SET_NAME, name);
}

static __attribute__((hot)) void *vcpu_main(void *arg)
{
	struct vcpu *v = arg;
	struct trace_exit x = { 0 };

	atomic_store(&v->tid, gettid());
	set_own_name(v->id);
	if (v->trace)
		trace_vcpu(v->trace, v->id);
	for (;;) {
		bool go_on;
		int r;

		/* A stop is at once; a pause comes after what is under way: see below. */
		if (atomic_load_explicit(&v->request, memory_order_acquire) & VCPU_REQ_STOP)
			break;
		r = kvm_run(v->fd);
		if (r < 0 && r != -EINTR && r != -EAGAIN) {
			v->run_errno = -r;
			v->ops->ended(v->ops_arg, v, VCPU_END_RUN_FAILED);
			break;
		}
		if (r < 0) {
			/*
			 * Every access is complete now and the registers are consistent, which KVM
			 * promises only after a KVM_RUN that did not exit (api.rst, 4.10).
			 * Cleared before the requests are read, so that none is missed.
			 */
			__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
			if (atomic_load(&v->request) && !handle_requests(v))
				break;
			continue;
		}
		/* The only call of handle_exit(), which thereby needs none. */
		if (__builtin_expect(v->stats.traced, 0))
			trace_begin(v, &x);
		go_on = handle_exit(v);
		if (__builtin_expect(v->stats.traced, 0))
			trace_end(v, &x);
		if (!go_on)
			break;
	}
	pthread_mutex_lock(&v->lock);
	v->gone = true;
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

int vcpu_start(struct vcpu *v, struct error *e)
{
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, VCPU_STACK);
	err = pthread_create(&v->thread, &attr, vcpu_main, v);
	pthread_attr_destroy(&attr);
	if (err)
		return error_sys(e, -err, "CPU %u: starting its thread", v->id);
	v->started = true;
	return 0;
}

int vcpu_restart(struct vcpu *v, struct error *e)
{
	if (!v->gone)
		return 0;
	vcpu_join(v);
	v->gone = false;
	atomic_fetch_or(&v->request, VCPU_REQ_HOLD);
	v->run->immediate_exit = 1;
	return vcpu_start(v, e);
}

/* --- control from other threads --------------------------------------------------------------- */

static void on_kick(int sig)
{
	(void)sig; /* its arrival makes KVM_RUN return; there is nothing else to do */
}

int vcpu_setup_signal(void)
{
	struct sigaction sa = { .sa_handler = on_kick };

	return sigaction(KICK_SIGNAL, &sa, NULL) ? -errno : 0;
}

static void vcpu_ask(struct vcpu *v, unsigned req)
{
	atomic_fetch_or(&v->request, req);
	/* For a thread that is on its way into the guest; the signal is for one that is inside. */
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&v->lock);
	pthread_cond_broadcast(&v->cond);
	/* A vCPU that asks itself (its guest powers off) is not inside the guest. */
	if (v->started && !v->gone && !pthread_equal(v->thread, pthread_self()))
		pthread_kill(v->thread, KICK_SIGNAL);
	pthread_mutex_unlock(&v->lock);
}

void vcpu_request_stop(struct vcpu *v)
{
	vcpu_ask(v, VCPU_REQ_STOP);
}

void vcpu_join(struct vcpu *v)
{
	if (v->started)
		pthread_join(v->thread, NULL);
	v->started = false;
}

void vcpu_request_pause(struct vcpu *v)
{
	vcpu_ask(v, VCPU_REQ_PAUSE);
}

void vcpu_request_hold(struct vcpu *v)
{
	vcpu_ask(v, VCPU_REQ_HOLD);
}

void vcpu_wait_still(struct vcpu *v)
{
	pthread_mutex_lock(&v->lock);
	while (v->started && !v->paused && !v->gone)
		pthread_cond_wait(&v->cond, &v->lock);
	pthread_mutex_unlock(&v->lock);
}

void vcpu_pause(struct vcpu *v)
{
	vcpu_ask(v, VCPU_REQ_PAUSE);
	vcpu_wait_still(v);
}

static void vcpu_let_go(struct vcpu *v, unsigned req)
{
	pthread_mutex_lock(&v->lock);
	atomic_fetch_and(&v->request, ~req);
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
}

void vcpu_resume(struct vcpu *v)
{
	vcpu_let_go(v, VCPU_REQ_PAUSE);
}

void vcpu_release(struct vcpu *v)
{
	vcpu_let_go(v, VCPU_REQ_HOLD);
}
