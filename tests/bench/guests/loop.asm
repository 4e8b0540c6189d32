; SPDX-License-Identifier: MIT
; loop.asm - COUNT times one access, then power-off. OP is one of out, in, mmior, mmiow, serial, lsr.
; The loop is 32-bit protected mode for every OP, so that the guest's own share is the same.
%include "guest.inc"

%define UNUSED_PORT 0x2e0
%define UNUSED_MMIO 0xe0000000
%define COM1	    0x3f8
%define LSR	    0x3fd

%macro access_out 0
	out dx, al
%endmacro
%macro access_in 0
	in al, dx
%endmacro
%macro access_mmior 0
	mov eax, [ebx]
%endmacro
%macro access_mmiow 0
	mov [ebx], eax
%endmacro

%define port_out    UNUSED_PORT
%define port_in	    UNUSED_PORT
%define port_mmior  0
%define port_mmiow  0
%define port_serial COM1
%define port_lsr    LSR
%macro access_serial 0
	out dx, al
%endmacro
%macro access_lsr 0
	in al, dx
%endmacro

%define GLUE(a, b) a %+ b
%define PORT GLUE(port_, OP)

	START
	cli
	mov ax, SEGMENT
	mov ds, ax
	lgdt [gdt_pointer]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	jmp dword 8:LINEAR(protected)
bits 32
protected:
	mov ax, 16
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov ecx, COUNT
	mov edx, PORT
	mov ebx, UNUSED_MMIO
	mov al, '.'
again:
	access_%+ OP
	dec ecx
	jnz again
	POWER_OFF

	align 8
gdt:
	dq 0
	dq 0x00cf9b000000ffff	; code, flat 4 GiB
	dq 0x00cf93000000ffff	; data, flat 4 GiB
gdt_pointer:
	dw gdt_pointer - gdt - 1
	dd LINEAR(gdt)
bits 16
	FINISH
