; SPDX-License-Identifier: MIT
; bad_msr.asm - a WRMSR that no CPU knows, without an IDT.
%include "guest.inc"
start:
	mov esp, stack

	lidt [empty]
	mov ecx, 0xdeadbeef
	wrmsr
	finish 1
empty:	dw 0
	dd 0

image_end
