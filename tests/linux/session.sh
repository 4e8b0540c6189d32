#!/bin/sh
# SPDX-License-Identifier: MIT
# session.sh - MODE PARALLAX VMLINUZ INITRD ROOT.gz: somebody uses Debian's kernel and a system on an ext4
# disk as a person would: logs in on the serial console, looks around, reboots, logs in again, powers off.
# Runs in the testbed. Each thing that went well is one line in capitals; the judge knows which must be there.
mode=$1 parallax=$2 vmlinuz=$3 initrd=$4 root=$5
t=$TMPDIR
export XDG_RUNTIME_DIR="$t/run"
mkdir -p -m 700 "$XDG_RUNTIME_DIR"
gunzip -c "$root" >"$t/disk"
head -c 300000 /dev/urandom >"$t/file"
want=$(sha256sum <"$t/file")
mkfifo "$t/keys"

fail()
{
	echo "FAILED $1; the console's end:"
	tail -n 30 "$t/console"
	kill "$pid" 2>/dev/null
	exit 1
}

saw() # TEXT COUNT: waits until the console has shown TEXT as often
{
	n=0
	until [ "$(grep -c "$1" "$t/console")" -ge "$2" ]; do
		kill -0 "$pid" 2>/dev/null || fail "the guest ended before \"$1\""
		n=$((n + 1))
		[ $n -lt 100 ] || fail "\"$1\" never came"
		sleep 1
	done
}

# The end of a command is seen by a word that the echo of its line, the first one's, does not hold.
number=0
do_in_guest()
{
	number=$((number + 1))
	echo "$1; echo END''-$number" >&3
	saw "^END-$number" 1
}

log_in() # COUNT
{
	saw 'login:' "$1"
	sleep 1 # getty flushes what was typed before, and so does the shell
	echo root >&3
	saw '^/root # ' "$1"
	sleep 1
	do_in_guest 'PS1=; stty -echo; echo HERE-$(nproc)-$(mount | grep -c "on / type ext4 (rw")'
}

case $mode in
para)
	disk=/dev/vda modules=virtio_mmio,virtio_blk
	set -- --net user,hostfwd=tcp:127.0.0.1:5555-:7777 --rng --balloon
	ip link set lo up
	httpd -p 8000 -h "$t"
	;;
full)
	disk=/dev/sda modules=pata_legacy,sd_mod
	set --
	;;
esac
"$parallax" run --virt "$mode" --name d --cpus 2 --mem 192M --timeout 500 --disk "$t/disk,serial=ROOT" "$@" \
	--initrd "$initrd" --append "console=ttyS0 quiet panic=-1 mods=$modules root=$disk" "$vmlinuz" \
	<"$t/keys" >"$t/console" 2>&1 &
pid=$!
exec 3>"$t/keys"

log_in 1
saw '^HERE-2-1' 1 && echo "LOGGED-IN"

# Disk: random bytes that must be the same after the caches were dropped, and after the reboot.
do_in_guest 'head -c 200000 /dev/urandom >/root/r; sha256sum /root/r >/root/sum; sync; echo 3 >/proc/sys/vm/drop_caches'
do_in_guest 'sha256sum -c /root/sum && echo DISK-SAME'
saw '^DISK-SAME' 1 && echo "DISK-SAME"

if [ "$mode" = para ]; then
	# DHCP was the system's own affair; TCP in both directions.
	do_in_guest 'ifconfig eth0'
	saw '10.0.2.15' 1 && echo "DHCP-LEASE"
	do_in_guest 'wget -q -O /root/f http://10.0.2.2:8000/file; echo "OUT-$(sha256sum </root/f)"'
	saw "^OUT-$want" 1 && echo "TCP-OUT"
	do_in_guest 'httpd -p 7777 -h /root'
	wget -q -O "$t/back" http://127.0.0.1:5555/f
	cmp "$t/back" "$t/file" && echo "TCP-IN"

	# The balloon: the host gets back what the guest had touched.
	do_in_guest 'dd if=/dev/zero of=/tmp/big bs=1M count=60 2>/dev/null; rm /tmp/big'
	before=$(sed -n 's/VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
	"$parallax" balloon d 128M
	n=0
	until [ "$("$parallax" balloon d)" = 128M ] || [ $n -gt 60 ]; do
		n=$((n + 1))
		sleep 1
	done
	after=$(sed -n 's/VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
	echo "balloon: $before KiB were resident, then $after"
	[ "$("$parallax" balloon d)" = 128M ] && [ "$after" -lt $((before - 20000)) ] && echo "BALLOON-GAVE"
	do_in_guest 'grep -q balloon_inflate.16384 /proc/vmstat && echo BALLOON-COUNTED'
	saw '^BALLOON-COUNTED' 1
	"$parallax" balloon d 192M
	n=0
	until [ "$("$parallax" balloon d)" = 192M ] || [ $n -gt 60 ]; do
		n=$((n + 1))
		sleep 1
	done
	[ "$("$parallax" balloon d)" = 192M ] && echo "BALLOON-BACK"
fi

echo reboot >&3
log_in 2
saw '^HERE-2-1' 2 && echo "REBOOTED"
do_in_guest 'sha256sum -c /root/sum && echo STILL-SAME'
saw '^STILL-SAME' 1 && echo "STILL-SAME"
echo poweroff >&3
wait "$pid"
status=$?
grep -E 'BUG:|Call Trace:|WARNING:|Kernel panic|I/O error|EXT4-fs (error|warning)|recovery' "$t/console" && echo "COMPLAINTS"
# Byte 58 of the superblock: unmounted cleanly; byte 96: no journal to be replayed.
state=$(dd if="$t/disk" bs=1 skip=1082 count=1 2>/dev/null | od -An -tu1)
incompat=$(dd if="$t/disk" bs=1 skip=1120 count=1 2>/dev/null | od -An -tu1)
[ $((state & 1)) = 1 ] && [ $((incompat & 4)) = 0 ] && echo "CLEAN"
[ $status = 0 ] && echo "POWERED-OFF"
[ "$mode" != para ] || killall httpd
exit $status
