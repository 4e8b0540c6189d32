/* SPDX-License-Identifier: MIT */
/*
 * bare.c - the physical floor: the least that a program must do to run a flat image under KVM.
 *
 * One VM, memory slots as a PC has them, one vCPU, one loop around KVM_RUN. No CPUID, no threads, no
 * devices; every access is dropped, and reads find what was there before. It is what the other VMMs'
 * start-up and exits are divided by. A write to port 0xf4 ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOAD_ADDR   0x7c00
#define VGA_HOLE    0xa0000UL
#define HIGH_START  0xc0000UL
#define LOW_END	    0xc0000000UL /* of RAM below the hole for devices */
#define ABOVE_4G    0x100000000UL
#define TSS_ADDR    0xfffbd000UL
#define EXIT_PORT   0xf4
#define SERIAL_PORT 0x3f8

struct options {
	uint64_t mem;
	int split_irqchip, kernel_irqchip;
	int serial; /* fd for one write(2) per serial byte; -1: none */
	const char *image;
};

static void die(const char *what)
{
	fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int check(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "mem", required_argument, NULL, 'm' },
		{ "irqchip", required_argument, NULL, 'i' },
		{ "serial", required_argument, NULL, 's' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .mem = 128, .serial = -1 };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'm')
			o->mem = strtoull(optarg, NULL, 10);
		else if (c == 'i' && !strcmp(optarg, "split"))
			o->split_irqchip = 1;
		else if (c == 'i' && !strcmp(optarg, "kernel"))
			o->kernel_irqchip = 1;
		else if (c == 's')
			o->serial = check(open(optarg, O_WRONLY | O_CREAT | O_TRUNC, 0644), optarg);
		else
			exit(2);
	}
	o->mem <<= 20;
	if (optind != argc - 1 || o->mem <= HIGH_START) {
		fprintf(stderr, "usage: bare [--mem MIB] [--irqchip split|kernel] [--serial FILE] "
				"IMAGE\n");
		exit(2);
	}
	o->image = argv[optind];
}

static void slot(int vm, uint32_t nr, uint64_t gpa, uint64_t size, uint8_t *host)
{
	struct kvm_userspace_memory_region r = {
		.slot = nr,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r), "memory slot");
}

static void memory(const struct options *o, int vm)
{
	uint64_t low = o->mem < LOW_END ? o->mem : LOW_END;
	uint8_t *ram = mmap(NULL, o->mem, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd = check(open(o->image, O_RDONLY), o->image);

	if (ram == MAP_FAILED)
		die("guest memory");
	check((int)read(fd, ram + LOAD_ADDR, 0x10000), o->image);
	close(fd);
	slot(vm, 0, 0, VGA_HOLE, ram);
	slot(vm, 1, HIGH_START, low - HIGH_START, ram + HIGH_START);
	if (o->mem > low)
		slot(vm, 2, ABOVE_4G, o->mem - low, ram + low);
}

static void irqchip(const struct options *o, int vm)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };
	struct kvm_pit_config pit = { 0 };

	if (o->split_irqchip)
		check(ioctl(vm, KVM_ENABLE_CAP, &split), "split irqchip");
	if (o->kernel_irqchip) {
		check(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "irqchip");
		check(ioctl(vm, KVM_CREATE_PIT2, &pit), "PIT");
	}
}

static void registers(int vcpu)
{
	struct kvm_regs regs = { .rip = LOAD_ADDR, .rflags = 2 };
	struct kvm_sregs sregs;

	check(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	check(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	check(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static int loop(const struct options *o, int vcpu, struct kvm_run *run)
{
	for (;;) {
		check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			if (run->io.port == EXIT_PORT)
				return 0;
			if (run->io.port == SERIAL_PORT && o->serial >= 0)
				check((int)write(o->serial, (char *)run + run->io.data_offset, 1),
				      "serial");
			break;
		case KVM_EXIT_MMIO:
			break;
		case KVM_EXIT_HLT:
			pause();
			break;
		default:
			fprintf(stderr, "bare: exit reason %u\n", run->exit_reason);
			return 1;
		}
	}
}

int main(int argc, char **argv)
{
	struct kvm_run *run;
	struct options o;
	int kvm, vm, vcpu, size;

	parse(&o, argc, argv);
	kvm = check(open("/dev/kvm", O_RDWR), "/dev/kvm");
	vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	check(ioctl(vm, KVM_SET_TSS_ADDR, TSS_ADDR), "KVM_SET_TSS_ADDR");
	memory(&o, vm);
	irqchip(&o, vm);
	vcpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	size = check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		die("kvm_run");
	registers(vcpu);
	return loop(&o, vcpu, run);
}
