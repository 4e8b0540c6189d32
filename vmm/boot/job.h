/* SPDX-License-Identifier: MIT */
/*
 * job.h - one boot in progress: what the protocols in this folder share. Private to vmm/boot.
 *
 * Functions return 0 or a -errno of boot_load() with e filled.
 */
#ifndef VMM_BOOT_JOB_H
#define VMM_BOOT_JOB_H

#include "vmm/boot/boot.h"
#include "vmm/boot/place.h"

struct boot_job {
	struct guest_mem *gm;
	const struct boot_request *req;
	struct boot_state *st; /* zeroed, protocol set */
	struct place place;
};

/* A protocol is data; boot.c holds the table. */
struct boot_protocol {
	const char *name;
	/* Whether the file is this protocol's to load or to refuse. Reads the file only. */
	bool (*match)(const struct boot_file *f);
	int (*load)(struct boot_job *job, struct error *e);
};

extern const struct boot_protocol boot_protocol_pvh;
extern const struct boot_protocol boot_protocol_linux;
extern const struct boot_protocol boot_protocol_multiboot;
extern const struct boot_protocol boot_protocol_linux_elf;
extern const struct boot_protocol boot_protocol_flat;

/* Whether there is an initrd with at least one byte. */
bool job_has_initrd(const struct boot_job *job);

/* Copies bytes of the kernel file to memory taken before. The caller has checked the file range. */
int job_copy_kernel(struct boot_job *job, gpa_t to, u64 offset, u64 len, struct error *e);

/* Finds a place for len bytes of the loader's own data and writes them there. */
int job_put(struct boot_job *job, const void *data, u64 len, u64 align, const char *what,
	    gpa_t *out, struct error *e);

/*
 * Puts "prefix cmdline" (prefix NULL: the command line alone) with its NUL. -E2BIG when the
 * command line has more than limit bytes, the NUL not counted.
 */
int job_put_cmdline(struct boot_job *job, const char *prefix, u64 limit, gpa_t *out,
		    struct error *e);

/* Command lines of protocols that set no limit of their own. */
#define BOOT_CMDLINE_MAX 65535

/* Loads the initrd below `limit` (0: none). There must be one. */
int job_put_initrd(struct boot_job *job, u64 limit, gpa_t *out, struct error *e);

/* A GDT with flat 4 GiB segments at the selectors of the Linux boot protocol, into job->st. */
int job_put_gdt(struct boot_job *job, bool long_mode, struct error *e);
#define BOOT_GDT_CS 0x10
#define BOOT_GDT_DS 0x18

/* Page tables that map the first 4 GiB to themselves with 2 MiB pages; their root into *cr3. */
int boot_identity_map(struct boot_job *job, u64 *cr3, struct error *e);

#endif
