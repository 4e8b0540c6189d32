; SPDX-License-Identifier: MIT
; flood.asm - writes BYTES bytes of a counting pattern to COM1, with the FIFO on, as a driver does:
; sixteen bytes whenever the transmitter is empty. Byte i is (i * 7 + i / 256) mod 256.
%include "guest.inc"
start:
	mov esp, stack

	mov edx, COM1 + 2
	mov al, 1
	out dx, al
	xor ebx, ebx
more:	mov edx, COM1 + 5
poll:	in al, dx
	test al, 0x20
	jz poll
	mov edx, COM1
	mov ecx, 16
next:	imul eax, ebx, 7
	mov esi, ebx
	shr esi, 8
	add eax, esi
	out dx, al
	inc ebx
	dec ecx
	jnz next
	cmp ebx, BYTES
	jb more
	finish 0

image_end
