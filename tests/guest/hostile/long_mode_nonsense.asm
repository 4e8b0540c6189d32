; SPDX-License-Identifier: MIT
; long_mode_nonsense.asm - long mode without page tables worth the name: CR3 on zeroes.
%include "guest.inc"
start:
	mov esp, stack

	lidt [empty]
	mov eax, 0x200000
	mov cr3, eax
	mov eax, 1 << 5
	mov cr4, eax
	mov ecx, 0xc0000080
	rdmsr
	or eax, 1 << 8
	wrmsr
	mov eax, cr0
	or eax, 1 << 31
	mov cr0, eax
	finish 1
empty:	dw 0
	dd 0

image_end
