; SPDX-License-Identifier: MIT
; ports.asm - reads, then writes VALUE to, each port from FIRST to LAST at widths 1, 2 and 4; but not
; a port from which the access would end the machine.
%include "guest.inc"
start:
	mov esp, stack

	mov edx, FIRST
next:	mov ebx, endings
skip:	movzx eax, word [ebx]
	test eax, eax
	jz clear
	movzx ecx, word [ebx + 2]
	add ebx, 4
	lea edi, [edx + 3]		; an access of 4 bytes ends here
	cmp edi, eax
	jb skip
	cmp edx, ecx
	jbe over
	jmp skip
clear:	in al, dx
	in ax, dx
	in eax, dx
	mov eax, VALUE
	out dx, al
	out dx, ax
	out dx, eax
over:	inc edx
	cmp edx, LAST
	jbe next
	finish 0
; first and last port of what ends the machine: i8042 command, exit device, reset register, PM1 control
endings: dw 0x64, 0x64, 0xf4, 0xf7, 0xcf9, 0xcf9, 0x604, 0x605, 0

image_end
