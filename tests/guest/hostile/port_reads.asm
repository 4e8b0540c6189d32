; SPDX-License-Identifier: MIT
; port_reads.asm - reads every port from FIRST to LAST at widths 1, 2 and 4: reading ends no machine.
%include "guest.inc"
start:
	mov esp, stack

	mov edx, FIRST
next:	in al, dx
	in ax, dx
	in eax, dx
	inc edx
	cmp edx, LAST
	jbe next
	finish 0

image_end
