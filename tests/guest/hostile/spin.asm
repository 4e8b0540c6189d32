; SPDX-License-Identifier: MIT
; spin.asm - computes for ever.
%include "guest.inc"
start:
	mov esp, stack
again:	pause
	jmp again
image_end
