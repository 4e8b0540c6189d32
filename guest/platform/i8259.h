/* SPDX-License-Identifier: MIT */
/* i8259.h - the PC's two 8259A interrupt controllers (Intel 8259A data sheet). */
#ifndef GUEST_PLATFORM_I8259_H
#define GUEST_PLATFORM_I8259_H

/* Moves their vectors to VECTOR_PIC.. (they power up on top of the exceptions), all masked. */
void i8259_init(void);

void i8259_unmask(unsigned irq);
void i8259_eoi(unsigned irq);

#endif
