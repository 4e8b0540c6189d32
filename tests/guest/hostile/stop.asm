; SPDX-License-Identifier: MIT
; stop.asm - interrupts off, halted for ever.
%include "guest.inc"
start:
	mov esp, stack
	cli
again:	hlt
	jmp again
image_end
