; SPDX-License-Identifier: MIT
; memory.asm - writes and reads the last dword below ADDRESS + 1 MiB, and one at ADDRESS.
%include "guest.inc"
start:
	mov esp, stack

	mov edi, ADDRESS
	mov dword [edi], 0x12345678
	mov dword [edi + 0xffffc], 0x9abcdef0
	cmp dword [edi], 0x12345678
	jne bad
	cmp dword [edi + 0xffffc], 0x9abcdef0
	jne bad
	finish 0
bad:	finish 1

image_end
