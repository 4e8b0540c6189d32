/* SPDX-License-Identifier: MIT */
/*
 * post.h - the POST diagnostic port, where a PC's firmware says how far it has come; shared by VMM and
 * guest. Freestanding.
 *
 * Here a guest says when something worth measuring begins and ends. On a machine without the port (and on
 * a real PC) such a write does nothing.
 */
#ifndef DEVICES_ABI_POST_H
#define DEVICES_ABI_POST_H

#define PC_POST_PORT 0x80
#define PC_POST_LEN  1

#define POST_BEGIN   0xb0
#define POST_END     0xe0

#endif
