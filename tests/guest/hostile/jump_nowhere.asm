; SPDX-License-Identifier: MIT
; jump_nowhere.asm - jumps to TARGET, where there is no memory.
%include "guest.inc"
start:
	mov esp, stack

	lidt [empty]
	mov eax, TARGET
	jmp eax
empty:	dw 0
	dd 0

image_end
