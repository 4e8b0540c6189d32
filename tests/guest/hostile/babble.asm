; SPDX-License-Identifier: MIT
; babble.asm - writes its console for ever.
%include "guest.inc"
start:
	mov esp, stack

	mov edx, COM1
	mov al, 'x'
again:	out dx, al
	jmp again

image_end
