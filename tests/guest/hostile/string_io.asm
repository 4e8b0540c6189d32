; SPDX-License-Identifier: MIT
; string_io.asm - `rep` string input and output of COUNT units of WIDTH bytes at PORT, ROUNDS times.
%include "guest.inc"
start:
	mov esp, stack

	cld
	mov ebp, ROUNDS
again:	mov edx, PORT
	mov esi, 0x400000
	mov ecx, COUNT
%if WIDTH == 1
	rep outsb
%elif WIDTH == 2
	rep outsw
%else
	rep outsd
%endif
	mov edi, 0x800000
	mov ecx, COUNT
%if WIDTH == 1
	rep insb
%elif WIDTH == 2
	rep insw
%else
	rep insd
%endif
	std				; and once with the pages in the other order
	mov edi, 0x80fffc
	mov ecx, 64
	rep insb
	mov esi, 0x40fffc
	mov ecx, 64
	rep outsb
	cld
	dec ebp
	jnz again
	finish 0

image_end
