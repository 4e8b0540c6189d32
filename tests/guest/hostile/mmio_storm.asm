; SPDX-License-Identifier: MIT
; mmio_storm.asm - ROUNDS pseudo-random dwords into the IOAPIC: index, then window, every register.
%include "guest.inc"
start:
	mov esp, stack

	mov ebx, SEED
	mov ebp, ROUNDS
	mov edi, 0xfec00000
next:	imul ebx, ebx, 1664525
	add ebx, 1013904223
	mov eax, ebx
	shr eax, 16
	mov [edi], al
	mov [edi + 0x10], ebx
	mov eax, [edi + 0x10]
	mov eax, ebx
	shr eax, 20
	mov [edi + 0x40], eax		; EOI, where there is one
	and eax, 0xffc
	mov ecx, [edi + eax]
	mov [edi + eax], ebx
	dec ebp
	jnz next
	finish 0

image_end
