/* SPDX-License-Identifier: MIT */
/* random.h - unpredictable enough for a teaching kernel: not for keys. */
#ifndef GUEST_KERNEL_RANDOM_H
#define GUEST_KERNEL_RANDOM_H

#include "guest/lib/types.h"

/* Seeds the generator from the clock, and from the CPU's own if there is one. Boot. */
void random_init(void);

/* Any context. */
void random_bytes(void *buf, size_t n);

#endif
