/* SPDX-License-Identifier: MIT */
/* i8259.c - see i8259.h. */
#include "guest/platform/i8259.h"
#include "guest/arch/x86/asm.h"
#include "guest/kernel/irq.h"
#include "devices/abi/pc.h"

#define CMD(pic)	  (pic)
#define DATA(pic)	  ((pic) + 1)

#define ICW1_INIT	  0x11 /* edge, cascaded, ICW4 follows */
#define ICW4_8086	  0x01
#define OCW2_SPECIFIC_EOI 0x60
#define CASCADE_IRQ	  2

static u16 mask = 0xffff & ~(1u << CASCADE_IRQ); /* one bit for each input; 1: masked */

static void write_mask(void)
{
	outb(DATA(PC_PIC1_PORT), (u8)mask);
	outb(DATA(PC_PIC2_PORT), (u8)(mask >> 8));
}

void i8259_init(void)
{
	outb(CMD(PC_PIC1_PORT), ICW1_INIT);
	outb(CMD(PC_PIC2_PORT), ICW1_INIT);
	outb(DATA(PC_PIC1_PORT), VECTOR_PIC);
	outb(DATA(PC_PIC2_PORT), VECTOR_PIC + 8);
	outb(DATA(PC_PIC1_PORT), 1 << CASCADE_IRQ);
	outb(DATA(PC_PIC2_PORT), CASCADE_IRQ);
	outb(DATA(PC_PIC1_PORT), ICW4_8086);
	outb(DATA(PC_PIC2_PORT), ICW4_8086);
	write_mask();
}

void i8259_unmask(unsigned irq)
{
	mask &= (u16) ~(1u << irq);
	write_mask();
}

void i8259_eoi(unsigned irq)
{
	if (irq >= 8) {
		outb(CMD(PC_PIC2_PORT), (u8)(OCW2_SPECIFIC_EOI | (irq - 8)));
		irq = CASCADE_IRQ;
	}
	outb(CMD(PC_PIC1_PORT), (u8)(OCW2_SPECIFIC_EOI | irq));
}
