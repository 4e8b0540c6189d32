; SPDX-License-Identifier: MIT
; echo.asm - sends back what COM1 receives, in upper case; a q ends it with status 7, a break
; prints "<break>".
%include "guest.inc"
start:
	mov esp, stack

	say "ready", 10
next:	mov edx, COM1 + 5
	in al, dx
	test al, 0x10
	jnz break
	test al, 1
	jz next
	mov edx, COM1
	in al, dx
	cmp al, 'q'
	je quit
	cmp al, 'a'
	jb put
	cmp al, 'z'
	ja put
	sub al, 32
put:	call put_byte
	jmp next
break:	mov edx, COM1
	in al, dx
	say "<break>", 10
	jmp next
quit:	say 10, "bye", 10
	finish 7

image_end
