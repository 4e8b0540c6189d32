; SPDX-License-Identifier: MIT
; bad_sipi.asm - starts every other CPU on vector VECTOR, where no code is, many times over; with
; WAIT it then stops, else it ends with 0.
%include "guest.inc"
start:
	mov esp, stack

	mov edi, 0xfee00000
	mov dword [edi + 0xf0], 0x1ff	; software enable
	mov ebx, 8
again:	mov dword [edi + 0x300], 0x000c4500	; INIT, all but self
	mov dword [edi + 0x300], 0x000c4600 + VECTOR
	mov dword [edi + 0x300], 0x000c4600 + VECTOR
	dec ebx
	jnz again
%ifdef WAIT
stop:	cli
	hlt
	jmp stop
%else
	finish 0
%endif

image_end
