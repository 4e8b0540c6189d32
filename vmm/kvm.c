/* SPDX-License-Identifier: MIT */
/* kvm.c - the only file that issues KVM ioctls; see kvm.h. */
#include "vmm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int kvm_ioctl(int fd, unsigned long request, const void *arg)
{
	int r = ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

static int kvm_ioctl_long(int fd, unsigned long request, unsigned long arg)
{
	int r = ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

int kvm_open(const char *path, struct error *e)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int version;

	if (fd < 0) {
		int err = -errno;

		if (err == -ENOENT)
			return error_set(
				e, err,
				"%s: not there; load the KVM module (modprobe kvm_intel or "
				"kvm_amd) and see `parallax doctor`",
				path);
		if (err == -EACCES || err == -EPERM)
			return error_set(
				e, err,
				"%s: no permission; add yourself to its group (usermod -aG "
				"kvm $USER, then log in again)",
				path);
		if (err == -ENODEV || err == -ENXIO)
			return error_set(
				e, err,
				"%s: no KVM behind it; is virtualization switched on in the "
				"firmware?",
				path);
		return error_sys(e, err, "%s: cannot open", path);
	}
	version = kvm_ioctl(fd, KVM_GET_API_VERSION, NULL);
	if (version != KVM_API_VERSION) {
		close(fd);
		if (version < 0)
			return error_set(e, -ENOTTY, "%s: not a KVM device", path);
		return error_set(e, -ENOTSUP, "%s: KVM API version %d, %d is needed", path, version,
				 KVM_API_VERSION);
	}
	return fd;
}

int kvm_check(int fd, int cap)
{
	int r = kvm_ioctl_long(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return r < 0 ? 0 : r;
}

int kvm_run_size(int kvm)
{
	return kvm_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
}

struct kvm_cpuid2 *kvm_supported_cpuid(int kvm)
{
	/* Hosts answer with 30 to 60 leaves; each call costs most of a millisecond on some hosts,
	 * so the first guess is generous. */
	for (u32 n = 128; n <= 4096; n *= 2) {
		struct kvm_cpuid2 *c =
			calloc(1, sizeof(*c) + (n + KVM_CPUID_SPARE) * sizeof(c->entries[0]));
		int err;

		if (!c)
			return NULL;
		c->nent = n;
		err = kvm_ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c);
		if (!err)
			return c;
		free(c);
		if (err != -E2BIG) {
			errno = -err;
			return NULL;
		}
	}
	errno = E2BIG;
	return NULL;
}

struct kvm_msr_list *kvm_msr_indices(int kvm)
{
	struct kvm_msr_list none = { .nmsrs = 0 }, *list;
	int err = kvm_ioctl(kvm, KVM_GET_MSR_INDEX_LIST, &none);

	if (err != -E2BIG) {
		errno = err ? -err : ENOTSUP;
		return NULL;
	}
	list = calloc(1, sizeof(*list) + none.nmsrs * sizeof(list->indices[0]));
	if (!list)
		return NULL;
	list->nmsrs = none.nmsrs;
	err = kvm_ioctl(kvm, KVM_GET_MSR_INDEX_LIST, list);
	if (!err)
		return list;
	free(list);
	errno = -err;
	return NULL;
}

int kvm_create_vm(int kvm)
{
	int r;

	/* EINTR: a signal that came while KVM set up the VM; trying again is what KVM asks for. */
	do
		r = kvm_ioctl_long(kvm, KVM_CREATE_VM, 0);
	while (r == -EINTR);
	return r;
}

int kvm_enable_cap(int vm_or_vcpu, u32 cap, u64 arg0)
{
	struct kvm_enable_cap ec = { .cap = cap, .args = { arg0 } };

	return kvm_ioctl(vm_or_vcpu, KVM_ENABLE_CAP, &ec);
}

int kvm_set_memory(int vm, u32 slot, u64 gpa, u64 size, const void *host, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	return kvm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r);
}

int kvm_set_tss_addr(int vm, u64 addr)
{
	return kvm_ioctl_long(vm, KVM_SET_TSS_ADDR, addr);
}

int kvm_set_identity_map(int vm, u64 addr)
{
	return kvm_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &addr);
}

int kvm_create_irqchip(int vm)
{
	return kvm_ioctl(vm, KVM_CREATE_IRQCHIP, NULL);
}

int kvm_create_pit2(int vm)
{
	struct kvm_pit_config cfg = { .flags = KVM_PIT_SPEAKER_DUMMY };

	return kvm_ioctl(vm, KVM_CREATE_PIT2, &cfg);
}

int kvm_get_irqchip(int vm, struct kvm_irqchip *c)
{
	return kvm_ioctl(vm, KVM_GET_IRQCHIP, c);
}

int kvm_set_irqchip(int vm, const struct kvm_irqchip *c)
{
	return kvm_ioctl(vm, KVM_SET_IRQCHIP, c);
}

int kvm_get_pit2(int vm, struct kvm_pit_state2 *p)
{
	return kvm_ioctl(vm, KVM_GET_PIT2, p);
}

int kvm_set_pit2(int vm, const struct kvm_pit_state2 *p)
{
	return kvm_ioctl(vm, KVM_SET_PIT2, p);
}

int kvm_irq_line(int vm, u32 gsi, int level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = (u32)level };

	return kvm_ioctl(vm, KVM_IRQ_LINE, &l);
}

int kvm_signal_msi(int vm, u64 addr, u32 data)
{
	struct kvm_msi msi = {
		.address_lo = (u32)addr,
		.address_hi = (u32)(addr >> 32),
		.data = data,
	};

	return kvm_ioctl(vm, KVM_SIGNAL_MSI, &msi);
}

int kvm_set_gsi_routing(int vm, const struct kvm_irq_routing_entry *entries, u32 nr)
{
	union {
		struct kvm_irq_routing table;
		u8 room[sizeof(struct kvm_irq_routing) + KVM_MAX_ROUTES * sizeof(*entries)];
	} u;

	if (nr > KVM_MAX_ROUTES)
		return -E2BIG;
	memset(&u.table, 0, sizeof(u.table));
	u.table.nr = nr;
	memcpy(u.table.entries, entries, nr * sizeof(*entries));
	return kvm_ioctl(vm, KVM_SET_GSI_ROUTING, &u.table);
}

int kvm_irqfd(int vm, int eventfd, u32 gsi, bool attach)
{
	struct kvm_irqfd irqfd = {
		.fd = (u32)eventfd,
		.gsi = gsi,
		.flags = attach ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return kvm_ioctl(vm, KVM_IRQFD, &irqfd);
}

int kvm_ioeventfd(int vm, int eventfd, u64 addr, u32 len, bool pio, bool attach)
{
	struct kvm_ioeventfd io = {
		.addr = addr,
		.len = len,
		.fd = eventfd,
		.flags = (pio ? KVM_IOEVENTFD_FLAG_PIO : 0) |
			 (attach ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return kvm_ioctl(vm, KVM_IOEVENTFD, &io);
}

int kvm_create_vcpu(int vm, u32 id)
{
	return kvm_ioctl_long(vm, KVM_CREATE_VCPU, id);
}

int kvm_set_cpuid(int vcpu, const struct kvm_cpuid2 *cpuid)
{
	return kvm_ioctl(vcpu, KVM_SET_CPUID2, cpuid);
}

int kvm_get_regs(int vcpu, struct kvm_regs *r)
{
	return kvm_ioctl(vcpu, KVM_GET_REGS, r);
}

int kvm_set_regs(int vcpu, const struct kvm_regs *r)
{
	return kvm_ioctl(vcpu, KVM_SET_REGS, r);
}

int kvm_get_sregs(int vcpu, struct kvm_sregs *s)
{
	return kvm_ioctl(vcpu, KVM_GET_SREGS, s);
}

int kvm_set_sregs(int vcpu, const struct kvm_sregs *s)
{
	return kvm_ioctl(vcpu, KVM_SET_SREGS, s);
}

int kvm_get_mp_state(int vcpu, struct kvm_mp_state *s)
{
	return kvm_ioctl(vcpu, KVM_GET_MP_STATE, s);
}

int kvm_set_mp_state(int vcpu, u32 state)
{
	struct kvm_mp_state s = { .mp_state = state };

	return kvm_ioctl(vcpu, KVM_SET_MP_STATE, &s);
}

static int one_msr(int vcpu, unsigned long request, u32 index, u64 *value)
{
	union {
		struct kvm_msrs msrs;
		u8 room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} u;
	int r;

	memset(&u, 0, sizeof(u));
	u.msrs.nmsrs = 1;
	u.msrs.entries[0].index = index;
	u.msrs.entries[0].data = *value;
	r = kvm_ioctl(vcpu, request, &u);
	*value = u.msrs.entries[0].data;
	/* KVM answers with the number of MSRs that it took. */
	return r == 1 ? 0 : r < 0 ? r : -EINVAL;
}

int kvm_set_msr(int vcpu, u32 index, u64 value)
{
	return one_msr(vcpu, KVM_SET_MSRS, index, &value);
}

int kvm_get_msr(int vcpu, u32 index, u64 *value)
{
	*value = 0;
	return one_msr(vcpu, KVM_GET_MSRS, index, value);
}

int kvm_get_xsave(int vcpu, struct kvm_xsave *x)
{
	return kvm_ioctl(vcpu, KVM_GET_XSAVE, x);
}

int kvm_set_xsave(int vcpu, const struct kvm_xsave *x)
{
	return kvm_ioctl(vcpu, KVM_SET_XSAVE, x);
}

int kvm_get_events(int vcpu, struct kvm_vcpu_events *ev)
{
	return kvm_ioctl(vcpu, KVM_GET_VCPU_EVENTS, ev);
}

int kvm_set_events(int vcpu, const struct kvm_vcpu_events *ev)
{
	return kvm_ioctl(vcpu, KVM_SET_VCPU_EVENTS, ev);
}

int kvm_get_lapic(int vcpu, struct kvm_lapic_state *s)
{
	return kvm_ioctl(vcpu, KVM_GET_LAPIC, s);
}

int kvm_set_lapic(int vcpu, const struct kvm_lapic_state *s)
{
	return kvm_ioctl(vcpu, KVM_SET_LAPIC, s);
}

int kvm_get_debugregs(int vcpu, struct kvm_debugregs *d)
{
	return kvm_ioctl(vcpu, KVM_GET_DEBUGREGS, d);
}

int kvm_set_debugregs(int vcpu, const struct kvm_debugregs *d)
{
	return kvm_ioctl(vcpu, KVM_SET_DEBUGREGS, d);
}

int kvm_get_xcrs(int vcpu, struct kvm_xcrs *x)
{
	return kvm_ioctl(vcpu, KVM_GET_XCRS, x);
}

int kvm_set_xcrs(int vcpu, const struct kvm_xcrs *x)
{
	return kvm_ioctl(vcpu, KVM_SET_XCRS, x);
}

int kvm_clock_paused(int vcpu)
{
	return kvm_ioctl(vcpu, KVM_KVMCLOCK_CTRL, NULL);
}

int kvm_get_tsc_khz(int vcpu)
{
	return kvm_ioctl(vcpu, KVM_GET_TSC_KHZ, NULL);
}

int kvm_set_guest_debug(int vcpu, const struct kvm_guest_debug *dbg)
{
	return kvm_ioctl(vcpu, KVM_SET_GUEST_DEBUG, dbg);
}

int kvm_inject_nmi(int vcpu)
{
	return kvm_ioctl(vcpu, KVM_NMI, NULL);
}

int kvm_translate(int vcpu, u64 gva, u64 *gpa)
{
	struct kvm_translation t = { .linear_address = gva };
	int err = kvm_ioctl(vcpu, KVM_TRANSLATE, &t);

	if (err)
		return err;
	if (!t.valid)
		return -EFAULT;
	*gpa = t.physical_address;
	return 0;
}

int kvm_stats_fd(int vm_or_vcpu)
{
	return kvm_ioctl(vm_or_vcpu, KVM_GET_STATS_FD, NULL);
}

/* pread(2) in full; 0, -EIO for a short file or -errno. */
static int read_all(int fd, void *buf, size_t len, u64 offset)
{
	u8 *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		offset += (u64)n;
		len -= (size_t)n;
	}
	return 0;
}

int kvm_stats_walk(int stats_fd, kvm_stats_fn fn, void *arg)
{
	struct kvm_stats_header h;
	size_t desc_size, size;
	u8 *descs;
	int err = read_all(stats_fd, &h, sizeof(h), 0);

	if (err)
		return err;
	desc_size = sizeof(struct kvm_stats_desc) + h.name_size;
	size = desc_size * h.num_desc;
	descs = calloc(1, size);
	if (!descs)
		return -ENOMEM;
	err = read_all(stats_fd, descs, size, h.desc_offset);
	for (u32 i = 0; !err && i < h.num_desc; i++) {
		const struct kvm_stats_desc *d = (const void *)(descs + i * desc_size);
		u64 value;

		if (d->size != 1)
			continue; /* histograms: not scalar */
		err = read_all(stats_fd, &value, sizeof(value), h.data_offset + d->offset);
		if (!err)
			fn(arg, d, value);
	}
	free(descs);
	return err;
}

struct named {
	void (*fn)(void *arg, const char *name, u64 value);
	void *arg;
};

static void by_name(void *arg, const struct kvm_stats_desc *d, u64 value)
{
	const struct named *n = arg;

	n->fn(n->arg, d->name, value);
}

int kvm_stats_read(int stats_fd, void (*fn)(void *arg, const char *name, u64 value), void *arg)
{
	struct named n = { fn, arg };

	return kvm_stats_walk(stats_fd, by_name, &n);
}
