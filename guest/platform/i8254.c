/* SPDX-License-Identifier: MIT */
/* i8254.c - see i8254.h. */
#include "guest/platform/i8254.h"
#include "guest/arch/x86/asm.h"
#include "devices/abi/pc.h"

#define CHANNEL0	  PC_PIT_PORT
#define CONTROL		  (PC_PIT_PORT + 3)

#define CH0_LATCH	  0x00
#define CH0_WORD_ONE_SHOT 0x30 /* mode 0, low byte then high byte */
#define CH0_WORD_PERIODIC 0x34 /* mode 2 */

static void load(u8 control, u16 count)
{
	outb(CONTROL, control);
	outb(CHANNEL0, (u8)count);
	outb(CHANNEL0, (u8)(count >> 8));
}

void i8254_one_shot(u16 ticks)
{
	load(CH0_WORD_ONE_SHOT, ticks);
}

u16 i8254_read(void)
{
	u8 low;

	outb(CONTROL, CH0_LATCH);
	low = inb(CHANNEL0);
	return (u16)(low | inb(CHANNEL0) << 8);
}

bool i8254_present(void)
{
	i8254_one_shot(0xffff);
	for (unsigned i = 0; i < 1000; i++) {
		u16 now = i8254_read();

		if (now != 0xffff && now != 0)
			return true;
	}
	return false;
}

void i8254_periodic(unsigned hz)
{
	load(CH0_WORD_PERIODIC, (u16)(PC_PIT_HZ / hz));
}
