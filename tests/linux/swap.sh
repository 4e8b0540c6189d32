#!/bin/sh
# SPDX-License-Identifier: MIT
# swap.sh PARALLAX IMAGE - a guest whose memory the host has to swap, for tests/linux/testbed.py: with and
# without asynchronous page faults. IMAGE runs stress/swapped.
set -eu

cleanup()
{
	echo $$ >/sys/fs/cgroup/cgroup.procs
	swapoff /dev/loop0 || true
	losetup -d /dev/loop0
	rmdir /sys/fs/cgroup/small
	umount /sys/fs/cgroup
}

modprobe loop
truncate -s 200M "$TMPDIR/swap"
losetup /dev/loop0 "$TMPDIR/swap"
mkswap /dev/loop0 >/dev/null
swapon /dev/loop0
mount -t cgroup2 none /sys/fs/cgroup
trap cleanup EXIT
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/small
echo 40M >/sys/fs/cgroup/small/memory.max
echo $$ >/sys/fs/cgroup/small/cgroup.procs
for words in "quiet" "quiet pv=-apf"; do
	"$1" run --hugepages off --mem 128M --timeout 120 --initrd "$2" --append "$words"
done
grep pswpin /proc/vmstat
