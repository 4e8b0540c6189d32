; SPDX-License-Identifier: MIT
; multiboot.asm - checks what the Multiboot specification promises at entry, then prints the command line.
%include "guest.inc"
start:
	mov esp, stack

	cmp eax, 0x2badb002
	jne bad
	mov ebp, ebx
	test dword [ebp], 1 << 2
	jz bad
	test dword [ebp], 1 << 6
	jz bad
	mov eax, cr0
	and eax, 0x80000001		; PE set, PG clear
	cmp eax, 1
	jne bad
	mov esi, [ebp + 16]
	call put_string
	say 10
	cmp dword [ebp + 20], 0		; modules
	je done
	mov ecx, [ebp + 24]
	mov esi, [ecx]
	call put_string			; the test's initrd is a string
done:	finish 0
bad:	finish 1

image_end
