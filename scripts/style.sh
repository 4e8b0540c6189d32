#!/bin/sh
# SPDX-License-Identifier: MIT
# style.sh - what nobody should have to review: layout by clang-format, the licence line, no loose ends
# marked in comments. Long files are named, but do not fail. Status 1 when something has to change.
set -eu
cd "$(dirname "$0")/.."
bad=0

list() { # list PATTERN...: our own files, tracked or new, not ignored; a tree without git is searched
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -co --exclude-standard -- "$@" | while read -r f; do [ ! -f "$f" ] || echo "$f"; done
    else
        for p in "$@"; do find . -path './build*' -prune -o -name "$p" -type f -print; done | sed 's,^\./,,'
    fi
}

c_files=$(list '*.c' '*.h')
all_files="$c_files $(list '*.S' '*.asm' '*.inc' '*.py' '*.sh' '*.mk' Makefile)"

if command -v clang-format >/dev/null; then
    # shellcheck disable=SC2086 # no blanks in our names
    layout=$(clang-format --dry-run -Werror $c_files 2>&1 |
        sed -n 's/^\([^ :]*\):[0-9:]* error:.*/\1/p' | sort | uniq -c)
    if [ -n "$layout" ]; then
        echo "$layout" | while read -r n f; do echo "$f: $n places are laid out differently; clang-format -i $f"; done
        bad=1
    fi
else
    echo "style: clang-format is not installed; layout not checked" >&2
fi
for f in $all_files; do
    head -n 2 "$f" | grep -q 'SPDX-License-Identifier: MIT' || {
        echo "$f:1: no SPDX line first"
        bad=1
    }
    lines=$(wc -l <"$f")
    [ "$lines" -le 600 ] || echo "$f: notice: $lines lines; one concept a file, below 600"
done
# The words are put together so that this file does not find itself.
# shellcheck disable=SC2086
if grep -nwE 'TO''DO|FIX''ME|X''XX' $all_files; then
    echo "style: finish it or file it; no such marks in the tree" >&2
    bad=1
fi
exit $bad
