; SPDX-License-Identifier: MIT
; holes.asm - reads and writes the MMIO space from BASE on, STEPS times STRIDE bytes apart, at widths
; 1, 2, 4 and (two at once) 8, aligned and not, over the ends of devices.
%include "guest.inc"
start:
	mov esp, stack

	fninit
	mov edi, BASE
	mov ebx, STEPS
next:	mov al, [edi]
	mov ax, [edi]
	mov eax, [edi]
	mov eax, [edi + 1]
	mov ax, [edi + 3]
	mov eax, VALUE
	mov [edi], al
	mov [edi], ax
	mov [edi], eax
	mov [edi + 1], eax
	mov [edi + 2], ax
	mov [edi - 1], ax
	mov [edi - 3], eax
	lea esi, [edi]
	push edi
	mov edi, buffer
	mov ecx, 3
	cld
	rep movsd			; device to memory
	pop edi
	mov esi, buffer
	push edi
	mov ecx, 3
	rep movsd			; and back
	pop edi
	add edi, STRIDE
	dec ebx
	jnz next
	finish 0
buffer:	times 4 dd 0

image_end
