/* SPDX-License-Identifier: MIT */
/* quirks.h - what the outer Linux does so that the emulator's defects do not show (README.md). */
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

/*
 * Lets the HPET interrupt `frequency` times a second, a decimal number; NULL: not at all. The emulator can
 * lose an interrupt that comes while VMRUN loads a guest's pending one (it changes the CPU's requests
 * without its lock); the APIC still has it, and offers it again with the next one, whichever that is. The
 * kernel's own timer is one-shot: without a next one the machine would hang. Returns as above.
 */
const char *keep_beating(const char *frequency);
