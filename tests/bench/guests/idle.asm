; SPDX-License-Identifier: MIT
; idle.asm - a CPU that waits for an interrupt which never comes.
%include "guest.inc"
	START
	cli
stay:
	hlt
	jmp stay
	FINISH
