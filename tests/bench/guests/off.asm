; SPDX-License-Identifier: MIT
; off.asm - powers off at once: what is left is the VMM's own start and end.
%include "guest.inc"
	START
	POWER_OFF
	FINISH
