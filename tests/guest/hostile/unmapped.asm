; SPDX-License-Identifier: MIT
; unmapped.asm - writes and reads where nothing is, at every width: writes vanish, reads give ones.
%include "guest.inc"
start:
	mov esp, stack

	mov ebx, places
next:	mov edi, [ebx]
	test edi, edi
	jz done
	mov dword [edi], 0
	mov word [edi], 0
	mov byte [edi], 0
	cmp dword [edi], -1
	jne bad
	cmp word [edi + 1], -1
	jne bad
	cmp byte [edi + 3], -1
	jne bad
	mov dword [edi + 0xffe], 0	; over the end of a page
	add ebx, 4
	jmp next
done:	finish 0
bad:	finish 1
places:	dd 0x000a0000, 0xc0000000, 0xd0001000, 0xe0000ffd, 0xf0000000, 0xfe000000, 0xfed00000, 0

image_end
