/* SPDX-License-Identifier: MIT */
/* uts.h - what uname(2) says: struct new_utsname. The release is a Linux one, for programs that look. */
#ifndef GUEST_PROCESS_UTS_H
#define GUEST_PROCESS_UTS_H

struct uts {
	char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};

extern struct uts kernel_uts;

#endif
