/* SPDX-License-Identifier: MIT */
/*
 * kvm_probe.c - the smallest use of /dev/kvm that proves it works: one vCPU in real mode writes 0x2a to
 * port 0xf4 a number of times (argument 1, default 1) and halts. Every exit is checked. Prints what the
 * run took by the guest's clock: under --icount that is a count of instructions, the same in each run.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

static int checked(int value, const char *what)
{
	if (value < 0)
		err(1, "%s", what);
	return value;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void expect_out(int vcpu, const struct kvm_run *run)
{
	checked(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT ||
	    run->io.port != 0xf4 || ((const uint8_t *)run)[run->io.data_offset] != 0x2a)
		errx(1, "expected out 0x2a to port 0xf4, got exit reason %u", run->exit_reason);
}

int main(int argc, char **argv)
{
	/* mov cx, N; mov al, 0x2a; again: out 0xf4, al; loop again; hlt */
	uint8_t code[] = { 0xb9, 0, 0, 0xb0, 0x2a, 0xe6, 0xf4, 0xe2, 0xfc, 0xf4 };
	unsigned int times = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 1;
	int kvm = checked(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	int vm = checked(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	int vcpu,
		run_size = checked(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	uint8_t *ram = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = { .memory_size = PAGE,
						      .userspace_addr = (uintptr_t)ram };
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;
	struct kvm_run *run;
	uint64_t begin;

	if (ram == MAP_FAILED || times < 1 || times > 0xffff)
		errx(1, "no memory, or a count that is not 1..65535");
	code[1] = (uint8_t)times;
	code[2] = (uint8_t)(times >> 8);
	memcpy(ram, code, sizeof(code));
	checked(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
	vcpu = checked(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(1, "mmap of the vCPU");
	checked(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	checked(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	checked(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");

	begin = now_ns();
	for (unsigned int i = 0; i < times; i++)
		expect_out(vcpu, run);
	checked(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_HLT)
		errx(1, "expected hlt, got exit reason %u", run->exit_reason);
	printf("KVM-PROBE-OK exits=%u ns=%llu\n", times + 1,
	       (unsigned long long)(now_ns() - begin));
	return 0;
}
