/* SPDX-License-Identifier: MIT */
#include "quirks.h"

#include <fcntl.h>
#include <linux/hpet.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define APIC_BASE_ENABLE \
	(1ull << 11) /* AMD64 manual, volume 2, 16.3.1: APIC Base Address Register */

/* Two vCPUs with APICs: one off as it is after reset (spurious vector register), one by its base register. */
static const char *with_apics(int kvm)
{
	struct kvm_sregs sregs;
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	int vcpu;

	if (vm < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		return "a VM with interrupt controllers";
	if (ioctl(vm, KVM_CREATE_VCPU, 0) < 0)
		return "a vCPU with an APIC";
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 1);
	if (vcpu < 0 || ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return "a second vCPU with an APIC";
	sregs.apic_base &= ~APIC_BASE_ENABLE;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) ? "an APIC that is off" : NULL;
}

static const char *without_apic(int kvm)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	return vm < 0 || ioctl(vm, KVM_CREATE_VCPU, 0) < 0 ? "a vCPU without an APIC" : NULL;
}

const char *hold_static_keys(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	const char *failed;

	if (kvm < 0)
		return "/dev/kvm";
	failed = with_apics(kvm);
	if (!failed)
		failed = without_apic(kvm);
	close(kvm);
	return failed;
}

const char *keep_beating(const char *frequency)
{
	int hpet = frequency ? open("/dev/hpet", O_RDONLY | O_CLOEXEC) : -1;

	if (!frequency)
		return NULL;
	if (hpet < 0)
		return "/dev/hpet";
	if (ioctl(hpet, HPET_IRQFREQ, strtoul(frequency, NULL, 10)) || ioctl(hpet, HPET_EPI, 0) ||
	    ioctl(hpet, HPET_IE_ON, 0))
		return "a periodic interrupt of the HPET";
	return NULL; /* it beats as long as the file is open */
}
