/* SPDX-License-Identifier: MIT */
/* hold_keys.h - keeps the outer kernel from rewriting its own code while commands run. */
#pragma once

/*
 * Creates two small virtual machines that exist until the testbed ends. KVM turns static keys on with
 * its first VM, its first vCPU without a local APIC, its first vCPU whose APIC is off, and turns them off
 * with the last: each time the kernel rewrites instructions while the other CPU runs them. The emulator
 * may keep a translation of the old ones (before QEMU 8.1, with a thread for each CPU), and then a guest
 * triple-faults or the machine hangs, now and then. With these machines no key ever changes.
 * Returns NULL, or what could not be done, with errno.
 */
const char *hold_static_keys(void);
