; SPDX-License-Identifier: MIT
; end.asm - asks for the end of the machine in one of many ways: writes VALUE to PORT, WIDTH bytes wide.
%include "guest.inc"
start:
	mov esp, stack

	mov edx, PORT
	mov eax, VALUE
%if WIDTH == 1
	out dx, al
%elif WIDTH == 2
	out dx, ax
%else
	out dx, eax
%endif
	cli
stop:	hlt
	jmp stop

image_end
