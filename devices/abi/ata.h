/* SPDX-License-Identifier: MIT */
/*
 * ata.h - the ATA disk interface (ATA/ATAPI-6, T13/1410D) as a PC's primary IDE channel has it;
 * shared by VMM and guest. Freestanding: plain numbers only.
 */
#ifndef DEVICES_ABI_ATA_H
#define DEVICES_ABI_ATA_H

#define ATA_SECTOR 512

/* Command block registers: offsets from PC_ATA_PORT. */
#define ATA_DATA     0 /* 16 bits, or 32 */
#define ATA_ERROR    1 /* read */
#define ATA_FEATURES 1 /* write */
#define ATA_COUNT    2
#define ATA_LBA_LOW  3
#define ATA_LBA_MID  4
#define ATA_LBA_HIGH 5
#define ATA_DEVICE   6
#define ATA_STATUS   7 /* read: acknowledges the interrupt */
#define ATA_COMMAND  7 /* write */

/* The one register of the control block, at PC_ATA_CONTROL. */
#define ATA_CTL_NIEN 0x02 /* no interrupts */
#define ATA_CTL_SRST 0x04 /* software reset while set */
#define ATA_CTL_HOB  0x80 /* reads give the previous byte of 48-bit registers */

/* Status. */
#define ATA_SR_ERR  0x01
#define ATA_SR_DRQ  0x08 /* the data register is to be read or written */
#define ATA_SR_DSC  0x10
#define ATA_SR_DF   0x20 /* device fault */
#define ATA_SR_DRDY 0x40
#define ATA_SR_BSY  0x80 /* nothing else means anything */

/* Error. */
#define ATA_ER_ABRT	0x04 /* unknown command, wrong parameter, write-protected */
#define ATA_ER_IDNF	0x10 /* no such sector */
#define ATA_ER_UNC	0x40 /* cannot be read */
#define ATA_DIAG_PASSED 0x01

/* Device register: bits 3:0 are LBA 27:24. */
#define ATA_DEV_LBA	 0x40
#define ATA_DEV_1	 0x10 /* the second device of the channel */
#define ATA_DEV_OBSOLETE 0xa0 /* always set by old drivers */

/* Commands. */
#define ATA_READ_SECTORS    0x20
#define ATA_READ_EXT	    0x24
#define ATA_READ_MULTI_EXT  0x29
#define ATA_WRITE_SECTORS   0x30
#define ATA_WRITE_EXT	    0x34
#define ATA_WRITE_MULTI_EXT 0x39
#define ATA_VERIFY	    0x40
#define ATA_VERIFY_EXT	    0x42
#define ATA_DIAGNOSTIC	    0x90
#define ATA_INIT_PARAMETERS 0x91
#define ATA_READ_MULTI	    0xc4
#define ATA_WRITE_MULTI	    0xc5
#define ATA_SET_MULTI	    0xc6
#define ATA_STANDBY_NOW	    0xe0
#define ATA_IDLE_NOW	    0xe1
#define ATA_STANDBY	    0xe2
#define ATA_IDLE	    0xe3
#define ATA_CHECK_POWER	    0xe5
#define ATA_SLEEP	    0xe6
#define ATA_FLUSH	    0xe7
#define ATA_FLUSH_EXT	    0xea
#define ATA_IDENTIFY	    0xec
#define ATA_SET_FEATURES    0xef

/* SET FEATURES: subcommands in the features register. */
#define ATA_FEAT_WCACHE_ON  0x02
#define ATA_FEAT_XFER_MODE  0x03
#define ATA_FEAT_AHEAD_OFF  0x55
#define ATA_FEAT_WCACHE_OFF 0x82
#define ATA_FEAT_AHEAD_ON   0xaa

#define ATA_POWER_ACTIVE    0xff /* CHECK POWER MODE's answer in the count register */

/* IDENTIFY DEVICE: 256 words of 16 bits; texts have the first of two characters in the high byte. */
#define ATA_ID_CONFIG	    0
#define ATA_ID_SERIAL	    10 /* 20 characters */
#define ATA_ID_FIRMWARE	    23 /* 8 */
#define ATA_ID_MODEL	    27 /* 40 */
#define ATA_ID_MAX_MULTI    47 /* 0x8000 | sectors */
#define ATA_ID_CAPABILITY   49
#define ATA_ID_VALID	    53
#define ATA_ID_MULTI	    59 /* 0x100 | sectors, as it is set */
#define ATA_ID_SECTORS_28   60 /* 2 words */
#define ATA_ID_PIO_MODES    64
#define ATA_ID_PIO_CYCLE    67 /* ns, and with IORDY in the next word */
#define ATA_ID_VERSION	    80
#define ATA_ID_SUPPORTED    82 /* 3 words */
#define ATA_ID_ENABLED	    85 /* 3 words */
#define ATA_ID_RESET_RESULT 93
#define ATA_ID_SECTORS_48   100 /* 4 words */
#define ATA_ID_INTEGRITY    255

#define ATA_CAP_LBA	    0x0200
#define ATA_CAP_IORDY	    0x0c00 /* has it, and it may be disabled */
#define ATA_SUP_WCACHE	    0x0020 /* word 82 */
#define ATA_SUP_LOOK_AHEAD  0x0040
#define ATA_SUP_LBA48	    0x0400 /* word 83 */
#define ATA_SUP_FLUSH	    0x1000
#define ATA_SUP_FLUSH_EXT   0x2000
#define ATA_SUP_VALID	    0x4000 /* words 83, 84, 87: these bits mean something */

#endif
