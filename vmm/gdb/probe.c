/* SPDX-License-Identifier: MIT */
/* probe.c - see probe.h. */
#include "vmm/gdb/probe.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mm/guest_mem.h"
#include "vmm/kvm.h"

/* The scratch guest: one page, flat 32-bit protected mode without paging, no interrupt table. */
#define CODE	 0x100u
#define DATA	 0x800u
#define MOST_RUN 8 /* entries until the final hlt; each test needs one or two */

struct scratch {
	int vm, vcpu;
	u8 *page;
	struct kvm_run *run;
	u32 run_size;
	struct kvm_sregs sregs;
};

static struct kvm_segment flat(u8 type)
{
	return (struct kvm_segment){ .limit = 0xffffffff,
				     .selector = 8,
				     .type = type,
				     .present = 1,
				     .db = 1,
				     .s = 1,
				     .g = 1 };
}

static int scratch_create(struct scratch *s, int kvm, u32 run_size)
{
	int err;

	*s = (struct scratch){ .vm = -1, .vcpu = -1, .run_size = run_size, .run = MAP_FAILED };
	s->page = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (s->page == MAP_FAILED)
		return -errno;
	s->vm = kvm_create_vm(kvm);
	if (s->vm < 0)
		return s->vm;
	kvm_set_identity_map(s->vm, 0xfffbc000);
	kvm_set_tss_addr(s->vm, 0xfffbd000);
	err = kvm_set_memory(s->vm, 0, 0, GUEST_PAGE_SIZE, s->page, 0);
	if (err)
		return err;
	s->vcpu = kvm_create_vcpu(s->vm, 0);
	if (s->vcpu < 0)
		return s->vcpu;
	s->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, s->vcpu, 0);
	if (s->run == MAP_FAILED)
		return -errno;
	err = kvm_get_sregs(s->vcpu, &s->sregs);
	s->sregs.cs = flat(11);
	s->sregs.ds = s->sregs.es = s->sregs.fs = s->sregs.gs = s->sregs.ss = flat(3);
	s->sregs.cr0 = 0x11;
	s->sregs.idt.limit = 0;
	return err;
}

static void scratch_destroy(struct scratch *s)
{
	if (s->run != MAP_FAILED)
		munmap(s->run, s->run_size);
	if (s->vcpu >= 0)
		close(s->vcpu);
	if (s->vm >= 0)
		close(s->vm);
	if (s->page != MAP_FAILED)
		munmap(s->page, GUEST_PAGE_SIZE);
}

/* Runs code under dbg; the reason of the first exit that is not an interrupted entry, or -errno. */
static int first_exit(struct scratch *s, const u8 *code, size_t n, struct kvm_guest_debug *dbg)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = 0xf00, .rflags = 2 };
	int err;

	memset(s->page, 0xf4, GUEST_PAGE_SIZE); /* hlt */
	memcpy(s->page + CODE, code, n);
	err = kvm_set_sregs(s->vcpu, &s->sregs);
	if (!err)
		err = kvm_set_regs(s->vcpu, &regs);
	if (!err)
		err = kvm_set_guest_debug(s->vcpu, dbg);
	if (err)
		return err;
	for (int i = 0; i < MOST_RUN; i++) {
		err = kvm_run(s->vcpu);
		if (!err)
			return (int)s->run->exit_reason;
		if (err != -EINTR && err != -EAGAIN)
			return err;
	}
	return -EINTR;
}

static bool stops_at_debug_register(struct scratch *s, const u8 *code, size_t n, u64 addr, u64 dr7)
{
	struct kvm_guest_debug dbg = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP };

	dbg.arch.debugreg[0] = addr;
	dbg.arch.debugreg[7] = dr7;
	return first_exit(s, code, n, &dbg) == KVM_EXIT_DEBUG;
}

static enum gdb_int3 int3_outcome(struct scratch *s)
{
	static const u8 int3[] = { 0xcc };
	struct kvm_guest_debug dbg = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP };
	struct kvm_regs regs;

	switch (first_exit(s, int3, sizeof(int3), &dbg)) {
	case KVM_EXIT_DEBUG:
		return GDB_INT3_REPORTED;
	case KVM_EXIT_INTERNAL_ERROR:
		if (!kvm_get_regs(s->vcpu, &regs) && regs.rip == CODE)
			return GDB_INT3_NOT_EMULATED;
		return GDB_INT3_TO_GUEST;
	default:
		return GDB_INT3_TO_GUEST;
	}
}

int gdb_probe(int kvm, u32 run_size, struct gdb_support *out, struct error *e)
{
	static const u8 nops[] = { 0x90, 0x90 };
	static const u8 store[] = { 0xa2, DATA & 0xff, DATA >> 8, 0, 0 }; /* mov %al, DATA */
	struct scratch s;
	int err = scratch_create(&s, kvm, run_size);

	if (!err) {
		/* DR7: G0 and GE; R/W0 01 is a store, LEN0 00 one byte (SDM volume 3, 17.2.4). */
		out->execute = stops_at_debug_register(&s, nops, sizeof(nops), CODE + 1, 0x202);
		out->data = stops_at_debug_register(&s, store, sizeof(store), DATA, 0x10202);
		out->int3 = int3_outcome(&s);
		out->block_irq = kvm_check(s.vm, KVM_CAP_SET_GUEST_DEBUG2) & KVM_GUESTDBG_BLOCKIRQ;
	}
	scratch_destroy(&s);
	return err ? error_sys(e, err, "--gdb: scratch guest to try the host's debugging") : 0;
}
