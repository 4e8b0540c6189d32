/* SPDX-License-Identifier: MIT */
/*
 * zero_page.h - Linux's struct boot_params ("zero page"), shared by bzImage and vmlinux.
 * Linux Documentation/arch/x86/boot.rst and zero-page.rst. Private to vmm/boot.
 */
#ifndef VMM_BOOT_ZERO_PAGE_H
#define VMM_BOOT_ZERO_PAGE_H

#include <asm/bootparam.h>

#include "vmm/boot/job.h"

#define LINUX_HDR_MAGIC	   0x53726448 /* "HdrS" */
#define LINUX_BOOT_FLAG	   0xaa55
#define LINUX_CMDLINE_SIZE 2047 /* x86 COMMAND_LINE_SIZE less the NUL, since 2.6.30 */

/*
 * Loads initrd and command line, and writes a zero page around hdr (the image's own header, or
 * one made up for a vmlinux): e820, RSDP, loader type. The kernel's own memory has been taken.
 */
int zero_page_put(struct boot_job *job, const struct setup_header *hdr, gpa_t *out,
		  struct error *e);

#endif
