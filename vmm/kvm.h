/* SPDX-License-Identifier: MIT */
/*
 * kvm.h - the KVM API, typed: one function for each ioctl that the VMM uses.
 *
 * kvm.c and this header are the only files that issue KVM ioctls (Documentation/virt/kvm/api.rst).
 * File descriptors are plain ints owned by the caller. Every function returns 0 (or what it says)
 * or -errno and retries nothing; kvm_run() is the only one on the hot path.
 */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include <linux/kvm.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/types.h"

/* Opens the KVM device: an fd, or -errno with e saying what to do (missing, no permission, ...). */
int kvm_open(const char *path, struct error *e);

/* Value of a capability on the system or VM fd: 0 absent, > 0 present; never fails. */
int kvm_check(int fd, int cap);
int kvm_run_size(int kvm);

/*
 * CPUID leaves that KVM can give a guest, malloc'd with room for KVM_CPUID_SPARE more; NULL with
 * errno set.
 */
#define KVM_CPUID_SPARE 16
struct kvm_cpuid2 *kvm_supported_cpuid(int kvm);

/* The MSRs that KVM keeps for a vCPU, malloc'd; NULL with errno set. */
struct kvm_msr_list *kvm_msr_indices(int kvm);

/* --- VM ------------------------------------------------------------------------------------ */
int kvm_create_vm(int kvm); /* fd */
int kvm_enable_cap(int vm_or_vcpu, u32 cap, u64 arg0);
int kvm_set_memory(int vm, u32 slot, u64 gpa, u64 size, const void *host, u32 flags);
int kvm_set_tss_addr(int vm, u64 addr);
int kvm_set_identity_map(int vm, u64 addr);
int kvm_create_irqchip(int vm);
int kvm_create_pit2(int vm);
int kvm_get_irqchip(int vm, struct kvm_irqchip *c);
int kvm_set_irqchip(int vm, const struct kvm_irqchip *c);
int kvm_get_pit2(int vm, struct kvm_pit_state2 *p);
int kvm_set_pit2(int vm, const struct kvm_pit_state2 *p);
int kvm_irq_line(int vm, u32 gsi, int level);
int kvm_signal_msi(int vm, u64 addr, u32 data);
/* Replaces the whole table; nr is at most KVM_MAX_ROUTES. */
#define KVM_MAX_ROUTES 64
int kvm_set_gsi_routing(int vm, const struct kvm_irq_routing_entry *entries, u32 nr);
/* Kernel-side doorbells: eventfd -> interrupt, and guest write -> eventfd. */
int kvm_irqfd(int vm, int eventfd, u32 gsi, bool attach);
int kvm_ioeventfd(int vm, int eventfd, u64 addr, u32 len, bool pio, bool attach);

/* --- vCPU ---------------------------------------------------------------------------------- */
int kvm_create_vcpu(int vm, u32 id); /* fd */

/*
 * KVM_RUN, not through ioctl(): KVM leaves little of the TLB behind, and each page that is touched
 * on the way through the PLT and libc costs more than the instructions on it.
 */
static inline int kvm_run(int vcpu)
{
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"((long)SYS_ioctl), "D"((long)vcpu), "S"(KVM_RUN), "d"(0L)
			 : "rcx", "r11", "memory");
	return (int)r;
}

int kvm_set_cpuid(int vcpu, const struct kvm_cpuid2 *cpuid);
int kvm_get_regs(int vcpu, struct kvm_regs *r);
int kvm_set_regs(int vcpu, const struct kvm_regs *r);
int kvm_get_sregs(int vcpu, struct kvm_sregs *s);
int kvm_set_sregs(int vcpu, const struct kvm_sregs *s);
int kvm_get_mp_state(int vcpu, struct kvm_mp_state *s);
int kvm_set_mp_state(int vcpu, u32 state);
int kvm_set_msr(int vcpu, u32 index, u64 value);
int kvm_get_msr(int vcpu, u32 index, u64 *value);
int kvm_get_xsave(int vcpu, struct kvm_xsave *x);
int kvm_set_xsave(int vcpu, const struct kvm_xsave *x);
int kvm_get_events(int vcpu, struct kvm_vcpu_events *ev);
int kvm_set_events(int vcpu, const struct kvm_vcpu_events *ev);
int kvm_get_lapic(int vcpu, struct kvm_lapic_state *s);
int kvm_set_lapic(int vcpu, const struct kvm_lapic_state *s);
int kvm_get_debugregs(int vcpu, struct kvm_debugregs *d);
int kvm_set_debugregs(int vcpu, const struct kvm_debugregs *d);
int kvm_get_xcrs(int vcpu, struct kvm_xcrs *x);
int kvm_set_xcrs(int vcpu, const struct kvm_xcrs *x);
/* Tells a guest with kvmclock that it was stopped on purpose; -EINVAL when it has none. */
int kvm_clock_paused(int vcpu);
int kvm_get_tsc_khz(int vcpu); /* kHz, or -errno */
int kvm_set_guest_debug(int vcpu, const struct kvm_guest_debug *dbg);
int kvm_inject_nmi(int vcpu);
/* Guest-virtual to guest-physical by the vCPU's paging; -EFAULT when it is not mapped. */
int kvm_translate(int vcpu, u64 gva, u64 *gpa);

/* --- binary statistics (api.rst 4.133) -------------------------------------------------------- */

/* An fd for a VM or a vCPU, or -errno. */
int kvm_stats_fd(int vm_or_vcpu);

/* Calls fn for every scalar statistic of the fd, by KVM's name. 0 or -errno. */
int kvm_stats_read(int stats_fd, void (*fn)(void *arg, const char *name, u64 value), void *arg);

/* The same with the descriptor (flags: KVM_STATS_TYPE_*, _UNIT_*, _BASE_*). */
typedef void (*kvm_stats_fn)(void *arg, const struct kvm_stats_desc *d, u64 value);
int kvm_stats_walk(int stats_fd, kvm_stats_fn fn, void *arg);

#endif
