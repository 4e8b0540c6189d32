#!/bin/sh
# SPDX-License-Identifier: MIT
# Static analysis of the host code: cppcheck, gcc -fanalyzer, clang-tidy. Prints findings only.
set -eu
cd "$(dirname "$0")/.."
flags='-std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DPARALLAX_VERSION="lint" -I.'
files=$(find base mm devices vmm -name '*.c')
bad=0

# internalAstError: cppcheck 2.10 cannot parse statement expressions inside initialisers.
# shellcheck disable=SC2086
cppcheck -q --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
    --suppress=missingIncludeSystem --suppress=internalAstError --std=c11 \
    -D_GNU_SOURCE '-DPARALLAX_VERSION="lint"' \
    --include=/usr/include/jansson.h -I. $files || bad=1
for f in $files; do
    # shellcheck disable=SC2086
    gcc $flags -O1 -Wall -Wextra -Werror -fanalyzer -c "$f" -o /dev/null || bad=1
    # shellcheck disable=SC2086
    clang-tidy --quiet --warnings-as-errors='*' "$f" -- $flags 2>/dev/null || bad=1
done
exit $bad
