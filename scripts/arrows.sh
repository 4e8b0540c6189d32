#!/bin/sh
# SPDX-License-Identifier: MIT
# arrows.sh - holds the include direction: vmm -> devices -> mm -> base, and the guest takes nothing
# of the host but devices/abi. Prints each #include that points the wrong way; status 1 when one does.
set -eu
cd "$(dirname "$0")/.."
broken=0

arrow() { # arrow ROOM TARGETS: files of ROOM include "..." only from TARGETS (a regular expression)
    [ -d "$1" ] || return 0
    if grep -rnE --include='*.[chS]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$1" |
        grep -vE "include[[:space:]]*\"($2)/"; then
        echo "arrows: the lines above leave what $1 may include: $2" >&2
        broken=1
    fi
}

arrow base base
arrow mm 'mm|base'
arrow devices 'devices|mm|base'
arrow devices/abi devices/abi
# The simulator is a library of the host that happens to run guest code: one header without types.
arrow vmm 'vmm|devices|mm|base|guest/env'
arrow guest 'guest|devices/abi'
for room in lib sched locking mm time defer; do
    arrow guest/$room 'guest/(lib|sched|locking|mm|time|defer)|devices/abi'
done
# Packets know of nothing else.
arrow guest/net 'guest/(lib|net)'
# File systems stand on the other portable rooms, which know nothing of them.
arrow guest/fs 'guest/(lib|sched|locking|mm|time|defer|fs)|devices/abi'
exit $broken
