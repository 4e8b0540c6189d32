/* SPDX-License-Identifier: MIT */
/*
 * guest_mem.h - guest-physical memory on the host: layout, backing, and the one checked door to it.
 *
 * Rule M1: nothing outside mm/ turns a guest-physical address into a host pointer except through
 * guest_mem_range(), which fails unless the whole range lies inside one region.
 * Rule M2: regions are sorted by gpa, never overlap, and never change after guest_mem_create().
 */
#ifndef MM_GUEST_MEM_H
#define MM_GUEST_MEM_H

#include <sys/types.h>

#include "base/error.h"
#include "base/types.h"

/*
 * The PC memory map that layout.c lays RAM into:
 *
 *   0x0000_0000 .. 0x0009_ffff   RAM (the last KiB is the EBDA, reserved in the e820)
 *   0x000a_0000 .. 0x000b_ffff   hole: legacy VGA window; it hides 128 KiB of the RAM's size
 *   0x000c_0000 .. 0x000f_ffff   RAM-backed, reserved in the e820 (ACPI tables live here)
 *   0x0010_0000 .. RAM_LOW_END   RAM
 *   RAM_LOW_END .. 0xffff_ffff   hole: MMIO (virtio-mmio, IOAPIC 0xfec00000, LAPIC 0xfee00000 ...)
 *   0x1_0000_0000 ..             the rest of RAM
 */
#define GPA_VGA_HOLE	 0xa0000UL
#define GPA_VGA_HOLE_END 0xc0000UL
#define GPA_EBDA	 0x9fc00UL
#define GPA_BIOS_AREA	 0xc0000UL
#define GPA_HIGH_RAM	 0x100000UL
#define GPA_RAM_LOW_END	 0xc0000000UL
#define GPA_RAM_ABOVE_4G 0x100000000UL

enum mem_backing {
	MEM_BACKING_4K,	 /* --hugepages off: anonymous memory, MADV_NOHUGEPAGE */
	MEM_BACKING_THP, /* anonymous memory, MADV_HUGEPAGE */
	MEM_BACKING_2M,	 /* hugetlb through memfd, 2 MiB pages */
	MEM_BACKING_1G,	 /* hugetlb through memfd, 1 GiB pages */
};

/* "off", "thp", "2M", "1G". */
const char *mem_backing_name(enum mem_backing backing);

/* Returns true and sets *out for one of the four names above ("4k" means off as well). */
bool mem_backing_parse(const char *name, enum mem_backing *out);

#define MEM_MAX_NODES	8
#define MEM_MAX_REGIONS (2 + 2 * MEM_MAX_NODES)
#define MEM_MIN_SIZE	(1 * MiB)
#define MEM_MAX_SIZE	(16 * TiB)

struct mem_config {
	u64 size; /* bytes of RAM, a multiple of 4 KiB, MEM_MIN_SIZE..MEM_MAX_SIZE */
	enum mem_backing backing;
	bool prealloc;	   /* populate every page before the guest starts */
	bool no_dump;	   /* leave it out of this process's core dumps */
	unsigned nr_nodes; /* guest NUMA nodes, 1..MEM_MAX_NODES; RAM is split evenly */
	u64 phys_addr_limit; /* first gpa that the vCPU cannot address (1 << MAXPHYADDR); 0: unknown */
};

/*
 * One piece of RAM, contiguous in gpa and in the host's address space, on one node, and small
 * enough (4 TiB) for one KVM memory slot. gpa and host agree modulo 2 MiB (1 GiB with 1 GiB pages).
 */
struct mem_region {
	gpa_t gpa;
	u64 size;
	u8 *host;
	unsigned node;
};

struct guest_mem;

/*
 * Checks the configuration alone (no allocation), so that --dry-run and the CLI refuse bad values
 * with the same words. Returns 0, or -EINVAL/-E2BIG with e filled.
 */
int mem_config_check(const struct mem_config *cfg, struct error *e);

/*
 * Reserves and (with prealloc) populates guest RAM. Memory is lazily backed otherwise: terabytes
 * cost only address space. hugetlb backing that the pool cannot serve fails here with -ENOMEM and
 * a line that names the sysctl file and the number of pages it needs (-ENODEV: the host has no such
 * page size). With nr_nodes > 1 the RAM of guest node n is bound to host node n % host_nodes with
 * mbind where the host has several nodes (not an error where it has one); huge pages that are not
 * preallocated are only preferred from there. On success *out is owned by the caller:
 * guest_mem_destroy().
 */
int guest_mem_create(const struct mem_config *cfg, struct guest_mem **out, struct error *e);
void guest_mem_destroy(struct guest_mem *gm); /* NULL is fine */

/*
 * All of it zero again, and given back to the host (populated anew where it was preallocated); host
 * addresses stay. Nobody else uses the memory meanwhile. 0 or -errno.
 */
int guest_mem_clear(struct guest_mem *gm);

/* The regions, sorted by gpa; for memory slots, the e820 and the device tree. */
size_t guest_mem_regions(const struct guest_mem *gm, const struct mem_region **out);

/* Total RAM in bytes, as configured; the regions add up to this less the VGA hole. */
u64 guest_mem_size(const struct guest_mem *gm);

/* First gpa above all RAM at or above 4 GiB, or 4 GiB itself when no RAM lies there. */
u64 guest_mem_end_above_4g(const struct guest_mem *gm);

/* End of the RAM that starts at 1 MiB (at most GPA_RAM_LOW_END); GPA_HIGH_RAM if there is none. */
u64 guest_mem_low_end(const struct guest_mem *gm);

/*
 * The checked door: the host address of [gpa, gpa + len), or NULL unless all of it is RAM in one
 * region. len 0 is valid inside a region. Any thread; no lock; O(log regions).
 */
void *guest_mem_range(const struct guest_mem *gm, gpa_t gpa, u64 len);

/* Copy in or out; may span adjacent regions. 0, or -EFAULT with nothing copied. */
int guest_mem_read(const struct guest_mem *gm, gpa_t gpa, void *buf, u64 len) must_check;
int guest_mem_write(const struct guest_mem *gm, gpa_t gpa, const void *buf, u64 len) must_check;

/* Zero-fills; same failure form. */
int guest_mem_zero(const struct guest_mem *gm, gpa_t gpa, u64 len) must_check;

/* Reads up to len bytes of fd (from offset) straight into guest memory; -EFAULT, -EIO on a short
 * file, or the read's -errno. */
int guest_mem_load_fd(const struct guest_mem *gm, gpa_t gpa, int fd, u64 offset,
		      u64 len) must_check;

#endif
