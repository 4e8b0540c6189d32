/* SPDX-License-Identifier: MIT */
/* disk.h - a disk as the user describes it: --disk FILE[,ro][,direct][,serial=TEXT]. */
#ifndef VMM_DISK_H
#define VMM_DISK_H

#include "base/error.h"
#include "base/types.h"

#define DISK_SERIAL_MAX 20

struct disk_spec {
	char path[4096];
	bool read_only, direct;
	char serial[DISK_SERIAL_MAX + 1];
};

/* The words alone; opens nothing. out may be NULL. 0 or -EINVAL with e filled. */
int disk_parse(const char *spec, struct disk_spec *out, struct error *e);

#endif
