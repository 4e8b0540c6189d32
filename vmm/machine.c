/* SPDX-License-Identifier: MIT */
/* machine.c - see machine.h. */
#include "vmm/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "devices/uart16550.h"
#include "vmm/cpuid.h"
#include "vmm/gdb/server.h"
#include "vmm/kvm.h"
#include "vmm/machine_priv.h"
#include "vmm/report.h"

/* Three pages that Intel CPUs without unrestricted guest need, in the hole below 4 GiB. */
#define TSS_ADDR	  0xfffbd000UL
#define IDENTITY_MAP_ADDR 0xfffbc000UL

/* KVM's local APIC timer counts nanoseconds unless told otherwise. */
#define KVM_LAPIC_KHZ	 1000000u

#define FLUSH_TIMEOUT_MS 5000
#define GDB_LAST_WORD_MS 1000

/* --- building ---------------------------------------------------------------------------------- */

static int open_kvm(struct machine *m, struct error *e)
{
	int size;

	m->kvm = kvm_open(m->cfg->kvm_path, e);
	if (m->kvm < 0)
		return m->kvm;
	size = kvm_run_size(m->kvm);
	if (size < (int)sizeof(struct kvm_run))
		return error_set(e, -ENOTSUP, "%s: kvm_run is %d bytes, too old a KVM",
				 m->cfg->kvm_path, size);
	m->run_size = (u32)size;
	m->cpuid = kvm_supported_cpuid(m->kvm);
	if (!m->cpuid)
		return error_sys(e, -errno, "KVM_GET_SUPPORTED_CPUID");
	quirks_detect(&m->quirks);
	return 0;
}

static int open_images(struct machine *m, struct error *e)
{
	int err = boot_file_open(&m->kernel, m->cfg->kernel, e);

	if (!err && m->cfg->initrd)
		err = boot_file_open(&m->initrd, m->cfg->initrd, e);
	return err;
}

/* Bytes of MemAvailable, or 0 when the host does not say. */
static u64 host_available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	unsigned long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %lu kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb * KiB;
}

/*
 * A KVM that shadows page tables keeps a reverse-map word and write-tracking counts for every
 * guest page from the start, backed or not; a slot too large for the host's memory would bring the
 * OOM killer down on whoever is nearest. Hosts with EPT or NPT allocate these as they are used.
 */
#define SHADOW_BYTES_PER_PAGE 12UL

static int check_slot_cost(const struct machine *m, struct error *e)
{
	u64 avail, need = m->cfg->mem.size / GUEST_PAGE_SIZE * SHADOW_BYTES_PER_PAGE;
	char most[SIZE_TEXT];

	if (!m->quirks.ring0_interpreted || need < 64 * MiB)
		return 0;
	avail = host_available();
	if (!avail || need <= avail / 2)
		return 0;
	size_format(ALIGN_DOWN(avail / 2 / SHADOW_BYTES_PER_PAGE * GUEST_PAGE_SIZE, GiB), most);
	return error_set(
		e, -ENOMEM,
		"--mem: this host's KVM needs %lu MiB of its own for so much guest memory, "
		"and %lu MiB are free; at most %s works here",
		need / MiB, avail / MiB, most);
}

static int create_memory(struct machine *m, struct error *e)
{
	struct mem_config cfg = m->cfg->mem;
	const struct mem_region *r;
	size_t n;
	int err;

	cfg.phys_addr_limit = 1UL << cpuid_phys_bits(m->cpuid);
	err = check_slot_cost(m, e);
	if (!err)
		err = guest_mem_create(&cfg, &m->mem, e);
	if (err)
		return err;
	n = guest_mem_regions(m->mem, &r);
	for (size_t i = 0; i < n; i++) {
		err = kvm_set_memory(m->vm, (u32)i, r[i].gpa.v, r[i].size, r[i].host, 0);
		if (err)
			return error_sys(e, err, "memory slot at %#lx, %lu bytes", r[i].gpa.v,
					 r[i].size);
	}
	return 0;
}

static int create_vm(struct machine *m, struct error *e)
{
	int err;

	m->vm = kvm_create_vm(m->kvm);
	if (m->vm < 0)
		return error_sys(e, m->vm, "KVM_CREATE_VM");
	if (m->quirks.no_hypercall)
		kvm_enable_cap(m->vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
	err = kvm_set_identity_map(m->vm, IDENTITY_MAP_ADDR);
	if (!err)
		err = kvm_set_tss_addr(m->vm, TSS_ADDR);
	if (err)
		return error_sys(e, err, "KVM_SET_TSS_ADDR");
	err = create_memory(m, e);
	if (!err)
		err = irqchip_init(&m->irqchip, m->vm, config_irqchip(m->cfg), e);
	return err;
}

static void vcpu_eoi(void *arg, u8 vector)
{
	irqchip_eoi(&((struct machine *)arg)->irqchip, vector);
}

static const struct vcpu_ops machine_vcpu_ops = {
	.ended = machine_vcpu_ended,
	.ioapic_eoi = vcpu_eoi,
	.debug = machine_debug,
};

static int create_vcpus(struct machine *m, struct error *e)
{
	struct cpuid_request req = {
		.virt = m->cfg->virt,
		.cpus = m->cfg->cores ? m->cfg->cores : m->cfg->cpus,
		.quirks = &m->quirks,
		.lapic_khz = KVM_LAPIC_KHZ,
		.tsc_deadline = kvm_check(m->kvm, KVM_CAP_TSC_DEADLINE_TIMER) > 0,
	};
	int most = kvm_check(m->kvm, KVM_CAP_MAX_VCPUS), khz, err;

	if (most && (int)m->cfg->cpus > most)
		return error_set(e, -E2BIG, "--cpus %u: this host's KVM allows %d", m->cfg->cpus,
				 most);
	m->vcpu = aligned_alloc(_Alignof(struct vcpu), m->cfg->cpus * sizeof(*m->vcpu));
	if (!m->vcpu)
		return error_sys(e, -ENOMEM, "%u vCPUs", m->cfg->cpus);
	memset(m->vcpu, 0, m->cfg->cpus * sizeof(*m->vcpu));
	for (unsigned i = 0; i < m->cfg->cpus; i++) {
		struct vcpu *v = &m->vcpu[i];

		v->ops = &machine_vcpu_ops;
		v->ops_arg = m;
		v->pio = &m->pio;
		v->mmio = &m->mmio;
		m->nr_vcpus++;
		err = vcpu_init(v, m->vm, m->run_size, i, m->cfg->stats != STATS_OFF, e);
		if (err)
			return err;
		v->trace = m->cfg->trace;
		v->stats.traced = v->trace != NULL;
	}
	khz = kvm_get_tsc_khz(m->vcpu[0].fd);
	req.tsc_khz = khz > 0 ? (u32)khz : 0;
	if (m->cfg->virt == VIRT_PARA) {
		m->tsc_khz = req.tsc_khz;
		m->lapic_khz = KVM_LAPIC_KHZ;
	}
	cpuid_build(m->cpuid, &req);
	err = cpu_features_apply(m->cpuid, m->cfg->cpu_wish, m->cfg->nr_cpu_wishes, e);
	if (err)
		return err;
	for (unsigned i = 0; i < m->nr_vcpus; i++) {

		/* KVM's own MSRs are there only if CPUID says so: in full mode they fault, as on a PC. */
		kvm_enable_cap(m->vcpu[i].fd, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1);
		cpuid_set_apic_id(m->cpuid, i);
		err = kvm_set_cpuid(m->vcpu[i].fd, m->cpuid);
		if (err)
			return error_sys(e, err, "CPU %u: KVM_SET_CPUID2", i);
	}
	return 0;
}

static int open_serials(struct machine *m, struct error *e)
{
	for (int i = 0; i < MACHINE_LINES; i++) {
		bool virtio = i >= CONFIG_MAX_SERIALS;
		int port = virtio ? i - CONFIG_MAX_SERIALS : i, err;

		if (virtio && m->cfg->virt != VIRT_PARA)
			break;
		err = serial_open(&m->serial[i],
				  virtio ? m->cfg->console[port] : m->cfg->serial[port], e);
		if (err)
			return err;
		if (m->serial[i].path[0])
			fprintf(stderr, "parallax: %s port %d on %s\n",
				virtio ? "console" : "serial", port, m->serial[i].path);
	}
	return 0;
}

static int write_dtb(struct machine *m, struct error *e)
{
	FILE *f = fopen(m->cfg->dump_dtb, "we");
	bool bad;

	if (!f)
		return error_sys(e, -errno, "--dump-dtb %s", m->cfg->dump_dtb);
	bad = fwrite(m->fdt, 1, m->fdt_size, f) != m->fdt_size;
	bad |= fclose(f) != 0;
	return bad ? error_sys(e, -errno, "--dump-dtb %s", m->cfg->dump_dtb) : 0;
}

int machine_load_images(struct machine *m, struct error *e)
{
	const struct machine_config *cfg = m->cfg;
	char hidden[QUIRK_NAMES_MAX];
	struct boot_machine bm = {
		.hidden_features = quirks_hidden_names(&m->quirks, hidden),
		.gm = m->mem,
		.nr_cpus = cfg->cpus,
		.nr_nodes = cfg->mem.nr_nodes,
		.cmdline = cfg->append,
		.virt = virt_mode_name(cfg->virt),
		.has_pic = m->irqchip.mode == IRQCHIP_KERNEL,
		.tsc_khz = m->tsc_khz,
		.lapic_khz = m->lapic_khz,
		.devices = m->device,
		.nr_devices = m->nr_devices,
	};
	struct boot_request req = {
		.kernel = &m->kernel,
		.initrd = cfg->initrd ? &m->initrd : NULL,
		.cmdline = cfg->append,
		.force_flat = cfg->flat,
		.flat_addr = cfg->flat_addr,
	};
	int err;

	if (cfg->initrd) {
		struct error why;

		err = boot_initrd_place(m->mem, m->initrd.size, 0, &bm.initrd_start, &why);
		if (err)
			return error_set(e, err, "%s: %s", cfg->initrd, why.text);
		bm.initrd_size = m->initrd.size;
	}
	free(m->fdt);
	m->fdt = NULL;
	err = boot_fdt_build(&bm, &m->fdt, &m->fdt_size, e);
	if (!err && !cfg->no_acpi)
		err = boot_acpi_build(&bm, m->mem, &m->rsdp, e);
	if (!err && cfg->dump_dtb)
		err = write_dtb(m, e);
	if (err)
		return err;
	req.fdt = m->fdt;
	req.fdt_size = m->fdt_size;
	req.rsdp = m->rsdp;
	return boot_load(m->mem, &req, &m->boot, e);
}

static void key_quit(void *arg)
{
	machine_end(arg, MACHINE_END_USER, EXIT_GUEST_OFF);
}

static void key_break(void *arg)
{
	struct machine *m = arg;

	for (int i = 0; i < CONFIG_MAX_SERIALS; i++)
		if (m->serial[i].terminal && m->com[i])
			uart16550_break(m->com[i]);
}

static void on_timeout(void *arg)
{
	machine_end(arg, MACHINE_END_TIMEOUT, EXIT_TIMEOUT);
}

static int build(struct machine *m, struct error *e)
{
	int err = config_check(m->cfg, e);

	if (!err)
		err = open_images(m, e);
	if (!err)
		err = open_kvm(m, e);
	if (err)
		return err;
	m->loop = loop_create();
	m->timeout = m->loop ? loop_timer_create(m->loop, on_timeout, m) : NULL;
	if (!m->timeout || machine_control_init(m))
		return error_sys(e, -errno, "event loop");
	err = create_vm(m, e);
	if (!err)
		err = create_vcpus(m, e);
	if (!err)
		err = open_serials(m, e);
	if (err)
		return err;
	machine_init_env(m);
	for (int i = 0; i < MACHINE_LINES; i++)
		if (m->serial[i].terminal)
			console_init(&m->console, &(struct console_keys){ m, key_quit, key_break });
	err = machine_add_devices(m, e);
	if (!err)
		err = machine_load_images(m, e);
	if (!err)
		err = vcpu_set_boot_state(&m->vcpu[0], &m->boot, e);
	if (!err)
		err = machine_add_gdb(m, e);
	if (!err)
		err = machine_add_control(m, e);
	return err;
}

int machine_create(const struct machine_config *cfg, struct machine **out, struct error *e)
{
	struct machine *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return error_sys(e, -ENOMEM, "machine");
	m->cfg = cfg;
	m->kvm = m->vm = -1;
	m->kernel.fd = m->initrd.fd = -1;
	for (int i = 0; i < MACHINE_LINES; i++)
		serial_open(&m->serial[i], NULL, NULL);
	machine_stats_start(m);
	err = build(m, e);
	if (err) {
		machine_destroy(m);
		return err;
	}
	*out = m;
	return 0;
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	console_restore(&m->console);
	machine_remove_control(m);
	machine_stats_close(m);
	gdb_server_destroy(m->gdb);
	machine_remove_devices(m);
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_destroy(&m->vcpu[i]);
	free(m->vcpu);
	if (m->vm >= 0) {
		irqchip_destroy(&m->irqchip);
		close(m->vm);
	}
	guest_mem_destroy(m->mem);
	boot_file_close(&m->kernel);
	boot_file_close(&m->initrd);
	free(m->fdt);
	free(m->cpuid);
	loop_timer_destroy(m->trace_timer);
	loop_timer_destroy(m->timeout);
	loop_timer_destroy(m->pending_timer);
	loop_timer_destroy(m->balloon_timer);
	loop_destroy(m->loop);
	if (m->kvm >= 0)
		close(m->kvm);
	machine_moments_free(m);
	exit_stats_free(&m->result.stats.exits);
	free(m->result.stats.kvm);
	free(m);
}

/* --- running ----------------------------------------------------------------------------------- */

static int start(struct machine *m, struct error *e)
{
	int err = vcpu_setup_signal();

	if (err)
		return error_sys(e, err, "signal handler");
	console_enter(&m->console);
	for (int i = 0; i < MACHINE_LINES; i++) {
		err = m->chardev[i] ? chardev_start(m->chardev[i]) : 0;
		if (!err)
			err = serial_start(&m->serial[i], m->loop);
		if (err)
			return error_sys(e, err, "port %d: watching its input", i);
	}
	if (m->cfg->timeout_s)
		loop_timer_arm(m->timeout, loop_now() + m->cfg->timeout_s * 1000000000UL);
	machine_moments_start(m);
	if (machine_trace_start(m))
		return error_sys(e, -ENOMEM, "the trace's timer");
	for (unsigned i = 0; i < m->nr_vcpus; i++) {
		if (m->cfg->paused)
			vcpu_request_pause(&m->vcpu[i]);
		if (m->state != RUN_RUNNING)
			vcpu_request_hold(&m->vcpu[i]);
		err = vcpu_start(&m->vcpu[i], e);
		if (err)
			return err;
	}
	return 0;
}

static void write_report(struct machine *m)
{
	struct machine_result *r = &m->result;

	if (r->end == MACHINE_END_CRASH && m->crashed) {
		report_crash(r->report, sizeof(r->report), m->crashed, m->crash_why, m->mem);
	} else if (r->end == MACHINE_END_TIMEOUT) {
		size_t used = (size_t)snprintf(r->report, sizeof(r->report),
					       "timeout: the guest still ran after %u s\n",
					       m->cfg->timeout_s);

		for (unsigned i = 0; i < m->nr_vcpus && used < sizeof(r->report) - 256; i++) {
			report_where(r->report + used, sizeof(r->report) - used, &m->vcpu[i],
				     m->mem);
			used += strlen(r->report + used);
		}
	}
}

const struct machine_result *machine_run(struct machine *m)
{
	struct machine_result *r = &m->result;
	struct machine_signals signals;
	struct error e;

	machine_signals_take(&signals, m);
	if (start(m, &e)) {
		snprintf(r->report, sizeof(r->report), "%s\n", e.text);
		machine_end(m, MACHINE_END_CRASH, EXIT_NO_START);
	} else {
		machine_tell(m, MACHINE_STARTED, CAUSE_NONE);
	}
	loop_run(m->loop);
	for (unsigned i = 0; i < m->nr_vcpus; i++)
		vcpu_join(&m->vcpu[i]);
	machine_trace_end(m);
	r->end = (enum machine_end)atomic_load(&m->ended);
	machine_finish_consoles(m, FLUSH_TIMEOUT_MS);
	for (int i = 0; i < MACHINE_LINES; i++)
		if (m->chardev[i]) {
			chardev_flush(m->chardev[i], FLUSH_TIMEOUT_MS);
			serial_drain(&m->serial[i]);
		}
	machine_tell_end(m);
	gdb_server_ended(m->gdb, r->status, r->end == MACHINE_END_USER ? 0 : GDB_LAST_WORD_MS);
	machine_signals_release(&signals);
	console_restore(&m->console);
	write_report(m);
	machine_stats_collect(m);
	return r;
}
