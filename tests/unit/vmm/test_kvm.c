/* SPDX-License-Identifier: MIT */
/* test_kvm.c - what the VMM asks of KVM itself, tried on the host's /dev/kvm; skips without one. */
#include "vmm/kvm.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/abi/pc.h"
#include "vmm/irqchip.h"
#include "vmm/quirks.h"

#define CODE	 0x1000
#define DOORBELL 0x500

/* A VM with one page-sized real-mode program. */
struct tiny {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	size_t run_size;
	u8 *mem;
	struct irqchip irqchip;
};

#define TINY_MEM 0x10000UL

static void tiny_open(struct tiny *t, enum irqchip_mode mode, const u8 *code, size_t len)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = 0x8000, .rflags = 2 };
	struct kvm_sregs sregs;
	struct kvm_cpuid2 *cpuid;
	struct error e;

	t->kvm = kvm_open("/dev/kvm", &e);
	ck_assert_int_ge(t->kvm, 0);
	t->vm = kvm_create_vm(t->kvm);
	ck_assert_int_ge(t->vm, 0);
	ck_assert_int_eq(kvm_set_tss_addr(t->vm, 0xfffbd000), 0);
	ck_assert_int_eq(irqchip_init(&t->irqchip, t->vm, mode, &e), 0);
	t->mem = mmap(NULL, TINY_MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(t->mem, MAP_FAILED);
	ck_assert_int_eq(kvm_set_memory(t->vm, 0, 0, TINY_MEM, t->mem, 0), 0);
	memcpy(t->mem + CODE, code, len);
	t->vcpu = kvm_create_vcpu(t->vm, 0);
	ck_assert_int_ge(t->vcpu, 0);
	t->run_size = (size_t)kvm_run_size(t->kvm);
	t->run = mmap(NULL, t->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
	ck_assert_ptr_ne(t->run, MAP_FAILED);
	cpuid = kvm_supported_cpuid(t->kvm);
	ck_assert_ptr_nonnull(cpuid);
	ck_assert_int_eq(kvm_set_cpuid(t->vcpu, cpuid), 0);
	free(cpuid);
	ck_assert_int_eq(kvm_get_sregs(t->vcpu, &sregs), 0);
	sregs.cs.base = sregs.cs.selector = 0;
	ck_assert_int_eq(kvm_set_sregs(t->vcpu, &sregs), 0);
	ck_assert_int_eq(kvm_set_regs(t->vcpu, &regs), 0);
}

static void tiny_close(struct tiny *t)
{
	munmap(t->run, t->run_size);
	close(t->vcpu);
	irqchip_destroy(&t->irqchip);
	close(t->vm);
	close(t->kvm);
	munmap(t->mem, TINY_MEM);
}

START_TEST(a_doorbell_rings_without_an_exit)
{
	/* mov dx, DOORBELL; out dx, al (twice); out EXIT, al */
	static const u8 code[] = { 0xba, 0x00, 0x05, 0xee, 0xee, 0xe6, PC_EXIT_PORT };
	int efd = eventfd(0, EFD_NONBLOCK);
	struct tiny t;
	u64 rings = 0;

	tiny_open(&t, IRQCHIP_KERNEL, code, sizeof(code));
	ck_assert_int_eq(kvm_ioeventfd(t.vm, efd, DOORBELL, 1, true, true), 0);
	ck_assert_int_eq(kvm_run(t.vcpu), 0);
	ck_assert_uint_eq(t.run->exit_reason, KVM_EXIT_IO);
	ck_assert_uint_eq(t.run->io.port, PC_EXIT_PORT);
	ck_assert_int_eq(read(efd, &rings, sizeof(rings)), sizeof(rings));
	ck_assert_uint_eq(rings, 2);
	ck_assert_int_eq(kvm_ioeventfd(t.vm, efd, DOORBELL, 1, true, false), 0);
	close(efd);
	tiny_close(&t);
}
END_TEST

START_TEST(an_eventfd_interrupts_the_guest)
{
	static const u8 code[] = {
		0xb0, 0x11,	    0xe6, 0x20, /* PIC: ICW1 */
		0xb0, 0x08,	    0xe6, 0x21, /* vectors from 8 */
		0xb0, 0x04,	    0xe6, 0x21, 0xb0, 0x01,
		0xe6, 0x21,	    0xb0, 0xef, 0xe6, 0x21, /* all masked but input 4 */
		0xe6, PC_EXIT_PORT,			    /* ready */
		0xfb,					    /* sti */
		0xf4, 0xeb,	    0xfd,		    /* hlt; jmp back to it */
	};
	static const u8 handler[] = { 0xb0, 0x2a, 0xe6, PC_EXIT_PORT };
	const u64 one = 1;
	int efd = eventfd(0, EFD_NONBLOCK);
	struct tiny t;

	tiny_open(&t, IRQCHIP_KERNEL, code, sizeof(code));
	memcpy(t.mem + 0x2000, handler, sizeof(handler));
	t.mem[(8 + 4) * 4 + 1] = 0x20; /* IVT entry: 0000:2000 */
	ck_assert_int_eq(irqchip_irqfd(&t.irqchip, efd, 4, true), 0);
	ck_assert_int_eq(kvm_run(t.vcpu), 0);
	ck_assert_uint_eq(t.run->exit_reason, KVM_EXIT_IO);
	ck_assert_int_eq(write(efd, &one, sizeof(one)), sizeof(one));
	ck_assert_int_eq(kvm_run(t.vcpu), 0);
	ck_assert_uint_eq(t.run->exit_reason, KVM_EXIT_IO);
	ck_assert_uint_eq(((u8 *)t.run)[t.run->io.data_offset], 0x2a);
	ck_assert_int_eq(irqchip_irqfd(&t.irqchip, efd, 4, false), 0);
	close(efd);
	tiny_close(&t);
}
END_TEST

START_TEST(split_pins_take_irqfds)
{
	static const u8 code[] = { 0xf4 };
	int efd = eventfd(0, EFD_NONBLOCK);
	struct tiny t;

	tiny_open(&t, IRQCHIP_SPLIT, code, sizeof(code));
	ck_assert_int_eq(irqchip_irqfd(&t.irqchip, efd, 5, true), 0);
	irqchip_msi_route(&t.irqchip, 5, 0xfee00000, 0x4030);
	ck_assert_int_eq(irqchip_irqfd(&t.irqchip, efd, 5, false), 0);
	ck_assert_int_lt(irqchip_irqfd(&t.irqchip, efd, PC_IOAPIC_PINS, true), 0);
	close(efd);
	tiny_close(&t);
}
END_TEST

/* What the launch path infers from the CPU is what the instructions themselves show. */
START_TEST(probes_confirm_the_quirks)
{
	struct probe_result r[QUIRK_MAX_PROBES];
	struct kvm_quirks q;
	struct error e;
	int kvm = kvm_open("/dev/kvm", &e), n;
	bool hypercall = false;

	ck_assert_int_ge(kvm, 0);
	quirks_detect(&q);
	n = quirks_probe(kvm, r, &e);
	close(kvm);
	if (n == -ENOTSUP)
		return; /* too old a KVM to probe safely, as it says */
	ck_assert_int_gt(n, 0);
	for (int i = 0; i < n; i++) {
		if (!strcmp(r[i].what, "vmcall") || !strcmp(r[i].what, "vmmcall"))
			hypercall |= r[i].outcome == PROBE_WORKS;
		if (!strcmp(r[i].what, "cpuid"))
			ck_assert_int_eq(r[i].outcome, PROBE_WORKS);
	}
	ck_assert_int_eq(q.no_hypercall, !hypercall);
}
END_TEST

static void count_stat(void *arg, const char *name, u64 value)
{
	(void)value;
	*(int *)arg += !strcmp(name, "exits");
}

START_TEST(statistics_have_names)
{
	static const u8 code[] = { 0xf4 };
	struct tiny t;
	int fd, seen = 0;

	tiny_open(&t, IRQCHIP_SPLIT, code, sizeof(code));
	fd = kvm_stats_fd(t.vcpu);
	if (fd >= 0) {
		ck_assert_int_eq(kvm_stats_read(fd, count_stat, &seen), 0);
		ck_assert_int_eq(seen, 1);
		close(fd);
	}
	tiny_close(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvm");
	TCase *t = tcase_create("kvm");
	SRunner *r = srunner_create(s);
	int failed;

	if (access("/dev/kvm", R_OK | W_OK)) {
		puts("SKIP vmm/kvm: /dev/kvm cannot be opened");
		srunner_free(r);
		return EXIT_SUCCESS;
	}
	tcase_add_test(t, a_doorbell_rings_without_an_exit);
	tcase_add_test(t, an_eventfd_interrupts_the_guest);
	tcase_add_test(t, split_pins_take_irqfds);
	tcase_add_test(t, probes_confirm_the_quirks);
	tcase_add_test(t, statistics_have_names);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
