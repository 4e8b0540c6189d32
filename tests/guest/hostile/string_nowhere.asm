; SPDX-License-Identifier: MIT
; string_nowhere.asm - string I/O from and to addresses without memory.
%include "guest.inc"
start:
	mov esp, stack

	lidt [empty]
	cld
	mov edx, 0x80
	mov esi, 0xd0000000
	mov ecx, 4096
	rep outsb
	mov edi, 0xd0000000
	mov ecx, 4096
	rep insb
	finish 0
empty:	dw 0
	dd 0

image_end
