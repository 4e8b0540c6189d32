#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what building and testing need, as Debian 12 packages by name. Does nothing when all is
# there. `deps.sh --check build|check` only answers whether something is missing for that purpose.
set -eu

build_packages="gcc make binutils libc6-dev libfdt-dev libjansson-dev liburing-dev libslirp-dev libzydis-dev python3-minimal \
    busybox-static"
check_packages="check clang clang-format clang-tidy cppcheck libclang-rt-14-dev \
    libjemalloc-dev libmimalloc-dev zlib1g-dev valgrind qemu-system-x86 seabios cpio musl-tools gdb strace python3 nasm \
    libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients python3-libvirt virtinst iproute2 e2fsprogs"

missing() {
    for p in "$@"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$p"
    done
}

want="$build_packages $check_packages"
if [ "${1:-}" = --check ]; then
    [ "${2:-check}" = build ] && want=$build_packages
    # shellcheck disable=SC2086
    [ -z "$(missing $want)" ]
    exit
fi
[ "${1:-}" = build ] && want=$build_packages

# shellcheck disable=SC2086
todo=$(missing $want)
[ -n "$todo" ] || exit 0
command -v apt-get >/dev/null || {
    echo "deps: no apt-get here; install the equivalents of: $todo" >&2
    exit 1
}
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "deps: installing $todo"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$sudo apt-get install -y -q --no-install-recommends $todo >/dev/null 2>&1 || {
    # An old package list is the usual reason.
    $sudo apt-get update -q >/dev/null
    $sudo apt-get install -y -q --no-install-recommends $todo
}
