; SPDX-License-Identifier: MIT
; triple_fault.asm - an undefined instruction, and no IDT to take it.
%include "guest.inc"
start:
	mov esp, stack

	mov ebx, 0xfeedface
	lidt [empty]
	ud2
	finish 1
empty:	dw 0
	dd 0

image_end
