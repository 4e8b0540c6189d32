; SPDX-License-Identifier: MIT
; flat.asm - a raw real-mode image: writes its CS:IP base as 5 hex digits and ends with status 5.
bits 16
start:
	call here
here:	pop bx
	sub bx, here - start
	mov ax, cs
	movzx eax, ax
	shl eax, 4
	movzx ebx, bx
	add eax, ebx
	mov cx, 5
	shl eax, 12
digit:	rol eax, 4
	push eax
	and al, 15
	add al, '0'
	cmp al, '9'
	jbe put
	add al, 'a' - '0' - 10
put:	mov dx, 0x3f8
	out dx, al
	pop eax
	loop digit
	mov al, 5
	out 0xf4, al
	hlt
%ifdef SECTOR
	times 510 - ($ - $$) db 0
	dw 0xaa55
%endif
