; SPDX-License-Identifier: MIT
; bad_page_tables.asm - turns paging on with tables that are not there.
%include "guest.inc"
start:
	mov esp, stack

	lidt [empty]
	mov eax, 0xd0000000
	mov cr3, eax
	mov eax, cr0
	or eax, 1 << 31
	mov cr0, eax
	finish 1
empty:	dw 0
	dd 0

image_end
