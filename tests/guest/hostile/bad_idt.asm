; SPDX-License-Identifier: MIT
; bad_idt.asm - an IDT that points where there is no memory, then a fault.
%include "guest.inc"
start:
	mov esp, stack

	lidt [far_away]
	xor eax, eax
	mov ds, [selector]		; beyond the GDT: #GP
	finish 1
selector: dw 0xfff8
far_away: dw 0x7ff
	dd 0xd0000000

image_end
