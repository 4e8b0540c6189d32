#!/bin/sh
# SPDX-License-Identifier: MIT
# The kernel's symbol table (format: guest/lib/kallsyms.h).
#   kallsyms.sh table FILE      reads `nm -n` output (- for stdin), prints assembly
#   kallsyms.sh compare A B     fails unless both ELF files have the same functions at the same places
set -eu

functions() {
	nm -n "$1" | awk '$2 ~ /^[tTwW]$/ || $3 == "_etext"'
}

case $1 in
table)
	awk '
	BEGIN { n = 0 }
	($2 ~ /^[tTwW]$/ || $3 == "_etext") && !done {
		# Of symbols at one address the first stays; _etext is the last of all.
		if ($3 == "_etext") {
			done = 1
			if ($1 == last) n--
		} else if ($1 == last)
			next
		last = addr[n] = $1
		name[n++] = $3
	}
	END {
		print "\t.section .kallsyms, \"a\""
		print "\t.balign 8\n\t.globl kernel_symbols\nkernel_symbols:"
		print "\t.quad addr_offsets, name_offsets, names"
		printf "\t.long %d, 0\n\t.quad 0x%s\n", n, (n ? addr[0] : "0")
		print "addr_offsets:"
		for (i = 0; i < n; i++)
			printf "\t.long 0x%s - 0x%s\n", addr[i], addr[0]
		print "name_offsets:"
		at = 0
		for (i = 0; i < n; i++) {
			printf "\t.long %d\n", at
			at += length(name[i]) + 1
		}
		print "names:"
		for (i = 0; i < n; i++)
			printf "\t.asciz \"%s\"\n", name[i]
		print "\t.section .note.GNU-stack, \"\", @progbits"
	}' "$2"
	;;
compare)
	a=$(functions "$2")
	b=$(functions "$3")
	if [ "$a" != "$b" ]; then
		echo "kallsyms.sh: functions moved between $2 and $3; the symbol table would lie" >&2
		exit 1
	fi
	;;
*)
	echo "usage: kallsyms.sh table FILE | compare A B" >&2
	exit 2
	;;
esac
