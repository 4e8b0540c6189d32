/* SPDX-License-Identifier: MIT */
/*
 * ne2000.h - the NE2000 network card: a DP8390 controller (National Semiconductor's data sheet) with 16 KiB of
 * memory of its own behind a data port; shared by VMM and guest. Freestanding.
 *
 * The first 16 ports are the controller's registers, in pages that the command register chooses; then come
 * the data port (8 or 16 bits at a time) and the reset port, whose reading resets the card.
 */
#ifndef DEVICES_ABI_NE2000_H
#define DEVICES_ABI_NE2000_H

#define NE_DATA	 0x10
#define NE_RESET 0x18

/* The card's memory as remote and local DMA see it, and by pages of 256 bytes. */
#define NE_PROM_LEN   32 /* at 0: each byte twice; the station address, and 'W' in the last two */
#define NE_RAM_BASE   0x4000
#define NE_RAM_LEN    0x4000
#define NE_PAGE	      256
#define NE_PAGE_FIRST 0x40
#define NE_PAGE_END   0x80

/* Registers: in every page. */
#define NE_CR	       0
#define NE_CR_STP      0x01 /* stop */
#define NE_CR_STA      0x02 /* start */
#define NE_CR_TXP      0x04 /* transmit; stays set while that lasts */
#define NE_CR_RD_MASK  0x38
#define NE_CR_RD_READ  0x08
#define NE_CR_RD_WRITE 0x10
#define NE_CR_RD_SEND  0x18
#define NE_CR_RD_NONE  0x20 /* abort or complete remote DMA */
#define NE_CR_PAGE(n)  ((n) << 6)

/* Page 0, both ways; reads stand right of writes where they differ. */
#define NE_PSTART 1 /* first page of the receive ring */
#define NE_CLDA0  1 /* local DMA address */
#define NE_PSTOP  2 /* page behind the ring */
#define NE_CLDA1  2
#define NE_BNRY	  3 /* the receiver does not go into this page */
#define NE_TPSR	  4 /* first page of the frame to send */
#define NE_TSR	  4
#define NE_TBCR0  5 /* its bytes */
#define NE_NCR	  5 /* collisions */
#define NE_TBCR1  6
#define NE_FIFO	  6
#define NE_ISR	  7 /* a 1 that is written clears */
#define NE_RSAR0  8 /* remote DMA address */
#define NE_CRDA0  8
#define NE_RSAR1  9
#define NE_CRDA1  9
#define NE_RBCR0  10 /* remote DMA bytes */
#define NE_RBCR1  11
#define NE_RCR	  12
#define NE_RSR	  12
#define NE_TCR	  13
#define NE_CNTR0  13 /* frames misaligned, with a bad checksum, missed; reading clears */
#define NE_DCR	  14
#define NE_CNTR1  14
#define NE_IMR	  15
#define NE_CNTR2  15

/* Page 1. */
#define NE_PAR0 1 /* station address, 6 bytes */
#define NE_CURR 7 /* where the next frame goes */
#define NE_MAR0 8 /* multicast hash, 8 bytes */

/* ISR and IMR */
#define NE_ISR_PRX 0x01 /* received */
#define NE_ISR_PTX 0x02 /* sent */
#define NE_ISR_RXE 0x04
#define NE_ISR_TXE 0x08
#define NE_ISR_OVW 0x10 /* the ring was full */
#define NE_ISR_CNT 0x20 /* a counter is at 128 or more */
#define NE_ISR_RDC 0x40 /* remote DMA complete */
#define NE_ISR_RST 0x80 /* stopped, or the ring is full; not an interrupt */

#define NE_DCR_WTS 0x01 /* words, not bytes, through the data port */
#define NE_DCR_LAS 0x04
#define NE_DCR_LS  0x08 /* no loopback */
#define NE_DCR_FT1 0x40 /* FIFO threshold: 8 bytes */

#define NE_TCR_CRC 0x01 /* the frame brings its checksum */
#define NE_TCR_LB  0x06 /* loopback mode, 1 to 3 */
#define NE_TCR_LB1 0x02 /* mode 1: in the controller itself */

#define NE_RCR_AB  0x04 /* take broadcasts */
#define NE_RCR_AM  0x08 /* take multicasts that the hash lets pass */
#define NE_RCR_PRO 0x10 /* take every station's */
#define NE_RCR_MON 0x20 /* count, but do not store */

#define NE_TSR_PTX 0x01
#define NE_TSR_ABT 0x08
#define NE_TSR_CRS 0x10 /* no carrier seen */
#define NE_TSR_CDH 0x40 /* no heartbeat seen */

#define NE_RSR_PRX 0x01
#define NE_RSR_CRC 0x02
#define NE_RSR_MPA 0x10 /* missed */
#define NE_RSR_PHY 0x20 /* broadcast or multicast */
#define NE_RSR_DIS 0x40 /* monitor mode */

/*
 * Each received frame begins a page with four bytes: RSR, the page of the next one, and how many bytes follow
 * (16 bits, least first): the frame, filled up to 60, and its checksum.
 */
#define NE_HEADER    4
#define NE_CRC_LEN   4
#define NE_FRAME_MIN 60
#define NE_FRAME_MAX 1514

#endif
