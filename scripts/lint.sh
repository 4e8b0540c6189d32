#!/bin/sh
# SPDX-License-Identifier: MIT
# Static analysis of the host code: cppcheck, gcc -fanalyzer, clang-tidy. Prints findings only.
#   lint.sh         everything
#   lint.sh FILE    gcc and clang-tidy over one file
set -u
cd "$(dirname "$0")/.."

one() {
    set -- "$1" -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 '-DPARALLAX_VERSION="lint"' -I.
    file=$1
    shift
    bad=0
    gcc "$@" -O1 -Wall -Wextra -Werror -fanalyzer -c "$file" -o /dev/null || bad=1
    clang-tidy --quiet --warnings-as-errors='*' "$file" -- "$@" 2>/dev/null || bad=1
    return $bad
}

if [ $# -gt 0 ]; then
    one "$1"
    exit
fi
files=$(find base mm devices vmm -name '*.c' | sort)
bad=0
# internalAstError: cppcheck 2.10 cannot parse statement expressions inside initialisers.
# shellcheck disable=SC2086
cppcheck -q -j "$(nproc)" --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
    --suppress=missingIncludeSystem --suppress=internalAstError --std=c11 \
    -D_GNU_SOURCE '-DPARALLAX_VERSION="lint"' --include=/usr/include/jansson.h -I. $files || bad=1
echo "$files" | xargs -P "$(nproc)" -n 1 "$0" || bad=1
exit $bad
