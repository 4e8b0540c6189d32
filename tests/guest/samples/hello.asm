; SPDX-License-Identifier: MIT
; hello.asm - says hello and ends with status STATUS.
%include "guest.inc"
start:
	mov esp, stack
	say "hello from multiboot", 10
	finish STATUS
image_end
