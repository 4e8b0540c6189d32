/* SPDX-License-Identifier: MIT */
/*
 * boot.h - puts a kernel image into guest memory and says in which state the first vCPU starts.
 *
 * One file per protocol; boot_load() tries them in the order of the visible table in boot.c.
 * Every byte of the image and of the initrd is hostile: a loader checks each header field against
 * the file's size and each destination against guest memory, and fails with one clear line.
 */
#ifndef VMM_BOOT_BOOT_H
#define VMM_BOOT_BOOT_H

#include "base/error.h"
#include "base/types.h"
#include "mm/guest_mem.h"

/* A file mapped read-only. data is NULL for an absent file. */
struct boot_file {
	const char *path;
	int fd;
	const u8 *data;
	u64 size;
};

/* Opens and maps path. 0, or -errno with e naming the file (missing, empty, a directory ...). */
int boot_file_open(struct boot_file *f, const char *path, struct error *e);
void boot_file_close(struct boot_file *f);
/* Maps the open file anew, as long as it is now: it may have been cut since. 0, or -errno with e. */
int boot_file_refresh(struct boot_file *f, struct error *e);

enum boot_cpu_mode {
	BOOT_REAL16, /* CS:IP = 0:entry style real mode */
	BOOT_PROT32, /* flat 32-bit protected mode, paging off */
	BOOT_LONG64, /* 64-bit, identity page tables at cr3 */
};

/* Where and how vCPU 0 starts. Other vCPUs wait for INIT/SIPI. */
struct boot_state {
	const char *protocol; /* "pvh", "linux", "linux-elf", "multiboot", "flat" */
	enum boot_cpu_mode mode;
	u64 entry; /* rip; BOOT_REAL16: the linear address, ip = entry - cs * 16 */
	u64 rax, rbx, rsi, rsp;
	u64 cr3;   /* BOOT_LONG64 only */
	gpa_t gdt; /* where the protocol's GDT lies; limit 0: none, flat segments only */
	u16 gdt_limit;
	u16 cs, ds; /* selectors inside that GDT; BOOT_REAL16: real-mode segment values (0 for
		       an entry below 64 KiB), ss = ds */
};

/* One entry of the memory map handed to the guest (e820 type numbers, ACPI 6.5 section 15). */
struct boot_e820 {
	u64 addr;
	u64 size;
	u32 type;
};
#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ACPI     3

#define BOOT_MAX_E820 (MEM_MAX_REGIONS + 8)

/* Fills out[] from the memory layout (RAM, EBDA and BIOS area reserved); returns the count. */
size_t boot_e820(const struct guest_mem *gm, struct boot_e820 out[BOOT_MAX_E820]);

#define BOOT_FLAT_ADDR 0x7c00ULL

/* What the guest is told; everything but kernel may be absent (data == NULL / NULL). */
struct boot_request {
	const struct boot_file *kernel;
	const struct boot_file *initrd;
	const char *cmdline; /* never NULL; "" for none */
	const void *fdt;     /* a finished blob for PVH module / Linux setup_data, or NULL */
	size_t fdt_size;
	gpa_t rsdp;	 /* 0 when there are no ACPI tables */
	bool used_ram;	 /* RAM was used before: .bss is cleared by hand. A fresh guest_mem is
			    all zero, and not touching it keeps it unbacked. */
	bool force_flat; /* --flat[=ADDR]: take the file as a raw image */
	u64 flat_addr;	 /* with force_flat: where, 0 included (--flat alone: BOOT_FLAT_ADDR) */
};

/*
 * Recognises the image and loads it. 0 with *st filled, or -ENOEXEC (not an image any protocol
 * knows), -EINVAL (a damaged one), -E2BIG / -ENOSPC (does not fit), -ENOTSUP (wrong machine, e.g.
 * an aarch64 ELF or a 32-bit ELF without multiboot), with e filled. Guest memory may have been
 * written on failure.
 */
int boot_load(struct guest_mem *gm, const struct boot_request *req, struct boot_state *st,
	      struct error *e);

/* --- descriptions of the machine, built before boot_load() ------------------------------- */

#define BOOT_MAX_CPUS 255

struct device;

/* What the FDT and the ACPI tables describe. */
struct boot_machine {
	const struct guest_mem *gm;
	unsigned nr_cpus;  /* APIC ids 0 .. nr_cpus - 1 */
	unsigned nr_nodes; /* CPUs are spread over nodes in equal consecutive runs */
	const char *cmdline;
	const char *virt; /* "full" or "para", for /chosen */
	/* Words, "" for none: CPU features that CPUID may still show to the guest although it has not
	 * got them. */
	const char *hidden_features;
	bool has_pic;	    /* full irqchip: 8259 pair and 8254 present */
	u64 tsc_khz;	    /* 0: unknown */
	u64 lapic_khz;	    /* 0: unknown */
	gpa_t initrd_start; /* v == 0: none */
	u64 initrd_size;
	struct device *const *devices; /* each describes itself through its class */
	size_t nr_devices;
};

/* The node of a CPU: equal consecutive runs, node n starting at CPU ceil(n * cpus / nodes). */
static inline unsigned boot_cpu_node(unsigned nr_cpus, unsigned nr_nodes, unsigned cpu)
{
	return nr_nodes > 1 ? cpu * nr_nodes / nr_cpus : 0;
}

/*
 * Builds the flattened device tree (Devicetree Specification 0.4) into a malloc'd blob owned by
 * the caller. The initrd range is /chosen linux,initrd-start/end; memory nodes carry
 * numa-node-id and a numa-distance-map-v1 node describes distances when nr_nodes > 1.
 * 0 or -ENOMEM with e filled.
 */
int boot_fdt_build(const struct boot_machine *bm, void **blob, size_t *size, struct error *e);

/*
 * Writes RSDP, XSDT, FADT (reset register 0xcf9, PM1/PM timer blocks, SCI), FACS, MADT, SRAT and
 * SLIT (when nr_nodes > 1), DSDT (S5, processors, devices) into the BIOS area. *rsdp receives the
 * RSDP's gpa. 0, or -ENOSPC with e filled. ACPI 6.5 chapter 5.
 */
int boot_acpi_build(const struct boot_machine *bm, struct guest_mem *gm, gpa_t *rsdp,
		    struct error *e);

/*
 * The initrd's place: as high as possible below low RAM's end (and below `limit`; 0: no limit),
 * page aligned. 0 or -E2BIG with e filled. boot_load() uses the same function: with limit 0 for
 * PVH, multiboot and vmlinux, so that the FDT agrees; with the header's initrd_addr_max for a
 * bzImage, which learns the place from its zero page.
 */
int boot_initrd_place(const struct guest_mem *gm, u64 initrd_size, u64 limit, gpa_t *out,
		      struct error *e);

#endif
