; SPDX-License-Identifier: MIT
; count_input.asm - reads COM1 until a byte 0xff comes, adding up number and sum of the bytes before
; it; ends with 0 when there were BYTES and the sum is SUM mod 2^32.
%include "guest.inc"
start:
	mov esp, stack

	xor ebx, ebx
	xor edi, edi
next:	mov edx, COM1 + 5
	in al, dx
	test al, 2			; overrun: a byte was lost
	jnz lost
	test al, 1
	jz next
	mov edx, COM1
	in al, dx
	cmp al, 0xff
	je end
	movzx eax, al
	add edi, eax
	inc ebx
	jmp next
end:	cmp ebx, BYTES
	jne wrong
	cmp edi, SUM
	jne wrong
	finish 0
lost:	finish 2
wrong:	finish 1

image_end
