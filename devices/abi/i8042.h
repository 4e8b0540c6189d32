/* SPDX-License-Identifier: MIT */
/*
 * i8042.h - the PC's keyboard controller; shared by VMM and guest. Freestanding numbers.
 * Ports: PC_I8042_DATA, PC_I8042_CMD (read: status, write: command).
 */
#ifndef DEVICES_ABI_I8042_H
#define DEVICES_ABI_I8042_H

#define I8042_STATUS_OBF	 0x01 /* a byte waits at the data port */
#define I8042_STATUS_IBF	 0x02 /* the controller is still busy with the last write */
#define I8042_STATUS_SYS	 0x04 /* command byte bit 2: self test passed */
#define I8042_STATUS_CMD	 0x08 /* the last write was a command */
#define I8042_STATUS_UNLOCKED	 0x10
#define I8042_STATUS_AUX	 0x20 /* the waiting byte is from the second port */
#define I8042_STATUS_TIMEOUT	 0x40
#define I8042_STATUS_PARITY	 0x80

#define I8042_CMD_READ_RAM	 0x20 /* 0x20..0x3f; 0x20 is the command byte */
#define I8042_CMD_WRITE_RAM	 0x60 /* 0x60..0x7f; the value follows at the data port */
#define I8042_CMD_AUX_DISABLE	 0xa7
#define I8042_CMD_AUX_ENABLE	 0xa8
#define I8042_CMD_AUX_TEST	 0xa9
#define I8042_CMD_SELF_TEST	 0xaa
#define I8042_CMD_KBD_TEST	 0xab
#define I8042_CMD_KBD_DISABLE	 0xad
#define I8042_CMD_KBD_ENABLE	 0xae
#define I8042_CMD_READ_INPUT	 0xc0
#define I8042_CMD_READ_OUTPUT	 0xd0
#define I8042_CMD_WRITE_OUTPUT	 0xd1
#define I8042_CMD_WRITE_KBD_OBUF 0xd2
#define I8042_CMD_WRITE_AUX_OBUF 0xd3
#define I8042_CMD_WRITE_AUX	 0xd4
#define I8042_CMD_A20_OFF	 0xdd
#define I8042_CMD_A20_ON	 0xdf
#define I8042_CMD_PULSE		 0xf0 /* 0xf0..0xff: pulses output port bits 0..3 that are 0 */
#define I8042_CMD_RESET		 0xfe /* pulses bit 0, the processor's reset line */

#define I8042_SELF_TEST_OK	 0x55
#define I8042_PORT_TEST_OK	 0x00
#define I8042_PORT_TEST_CLOCK_HI 0x02 /* clock line stuck high: nothing is connected */
#define I8042_NO_ANSWER		 0xfe /* data byte after a keyboard time-out */

#define I8042_CTR_KBD_INT	 0x01
#define I8042_CTR_AUX_INT	 0x02
#define I8042_CTR_SYS		 0x04
#define I8042_CTR_KBD_DISABLED	 0x10
#define I8042_CTR_AUX_DISABLED	 0x20
#define I8042_CTR_TRANSLATE	 0x40

#define I8042_OUT_NOT_RESET	 0x01 /* 0 resets the processor */
#define I8042_OUT_A20		 0x02
#define I8042_OUT_KBD_OBF	 0x10 /* mirrors of the output buffer state */

#endif
