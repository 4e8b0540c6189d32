; SPDX-License-Identifier: MIT
; storm.asm - ROUNDS pseudo-random accesses to the COUNT ports from PORT on, a value and a width each time.
%include "guest.inc"
start:
	mov esp, stack

	mov ebx, SEED
	mov ebp, ROUNDS
next:	imul ebx, ebx, 1664525
	add ebx, 1013904223
	mov eax, ebx
	shr eax, 8
	xor edx, edx
	mov ecx, COUNT
	div ecx
	add edx, PORT
	mov eax, ebx
	shr eax, 3
	test ebx, 1 << 30
	jz read
	test ebx, 1 << 29
	jz b8
	test ebx, 1 << 28
	jz b16
	out dx, eax
	jmp done
b16:	out dx, ax
	jmp done
b8:	out dx, al
	jmp done
read:	in al, dx
	in ax, dx
	in eax, dx
done:	dec ebp
	jnz next
	finish 0

image_end
