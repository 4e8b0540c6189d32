#!/bin/bash
# SPDX-License-Identifier: MIT
# selftest.sh - checks that the testbed keeps its promises. Status 0, 1 (a promise is broken) or 77.
# shellcheck disable=SC2016,SC2317 # quoted text is expanded in the guest; ok() calls functions
set -u

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.." || exit 1
run=$here/run-in-testbed
failed=0
count=0

"$here/build.py" || exit $?
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

ok() # ok DESCRIPTION COMMAND...: TAP, one line per promise
{
	local what=$1
	shift
	count=$((count + 1))
	if "$@"; then
		echo "ok $count - $what"
	else
		echo "not ok $count - $what"
		failed=1
	fi
}

status_of() # the status that the batch reported for command NAME
{
	awk -v name="$1" '$1 == "===" && $2 == "END" && $3 == name { print $4 }' "$work/out"
}

${CC:-gcc} -O2 -Wall -Wextra -Werror -static "$here/kvm_probe.c" -o "$work/kvm_probe" || exit 1
# A program that needs libraries: what carry.py finds for it is all there is in the guest.
printf '#include <math.h>\n#include <stdio.h>\nint main(int c, char **v)\n{ (void)v; printf("%%.3f\\n", cos(c - 1)); }\n' \
	>"$work/dynamic.c"
${CC:-gcc} "$work/dynamic.c" -o "$work/dynamic" -lm || exit 1
head -c 65536 /dev/urandom >"$work/random"
printf '#!/bin/sh\necho "script runs in $PWD"\n' >"$work/script"
chmod +x "$work/script"

# ---- one boot, many commands --------------------------------------------------------------------
{
	printf 'zero\t10\ttrue\n'
	printf 'three\t10\texit 3\n'
	printf 'signal\t10\tkill -TERM $$\n'
	printf 'missing\t10\t/no/such/program\n'
	printf 'slow\t2\techo before; sleep 60; echo after\n'
	printf 'spinner\t2\ttrap "" TERM; while :; do :; done\n'
	printf 'daemon\t10\tsleep 1000 & echo left-behind; touch /dev/shm/x $TMPDIR/y\n'
	printf 'alone\t10\t! pgrep sleep && [ ! -e /dev/shm/x ] && [ ! -e $TMPDIR/y ]\n'
	printf 'kvm\t20\t%s 100\n' "$work/kvm_probe"
	printf 'library\t10\t%s\n' "$work/dynamic"
	printf 'script\t10\t%s\n' "$work/script"
	printf 'hugepages\t10\tgrep -q "HugePages_Free: *16$" /proc/meminfo && truncate -s 32M /dev/hugepages/f\n'
	printf 'root\t10\t[ "$(id -u)" = 0 ] && [ -w /dev/kvm ] && ip link show lo | grep -q UP\n'
	printf 'keep\t10\tmkdir /var/k && cp %s /var/k/copy\n' "$work/random"
	printf 'noeol\t10\tprintf no-newline\n'
} >"$work/batch"
"$run" --hugepages 16 --add "$work/random" --keep "/var/k:$work/kept" --batch "$work/batch" \
	>"$work/out" 2>"$work/err"
ok "a batch with failing commands returns 1" [ $? = 1 ]
while read -r name status what; do
	ok "$what" [ "$(status_of "$name")" = "$status" ]
done <<'TABLE'
zero 0 status 0
three 3 status 3
signal 143 a command ended by a signal gives 128 + its number
missing 127 a program that is not there gives 127
slow 124 a command is ended at its timeout
spinner 124 also one that computes and ignores signals
alone 0 nothing is left of the command before
kvm 0 /dev/kvm runs a guest
library 0 a program comes with its libraries
script 0 a script comes with its interpreter
hugepages 0 the pool of huge pages is there, and usable
root 0 commands are root, can open /dev/kvm, have a loopback interface
TABLE
ok "the probe saw each exit" grep -q '^KVM-PROBE-OK exits=101 ' "$work/out"
ok "output before a timeout arrives, none after" \
	sh -c 'grep -q "^before$" "$1" && ! grep -q "^after$" "$1"' sh "$work/out"
ok "framing begins on a line of its own" grep -q '^=== END noeol 0 ' "$work/out"
ok "no carriage return in the output" sh -c '! grep -q "$(printf "\r")" "$1"' sh "$work/out"
ok "the commands run in the current folder" grep -q "^script runs in $PWD\$" "$work/out"
ok "kept files come back as they were" cmp "$work/random" "$work/kept/keep/k/copy"

# ---- single commands ------------------------------------------------------------------------------
"$run" --add "$work/random" -- sh -c "cat $work/random; echo to-stderr >&2; exit 7" \
	>"$work/out" 2>"$work/err"
ok "a single command's status is returned" [ $? = 7 ]
ok "64 KiB of random bytes arrive unchanged" cmp "$work/random" "$work/out"
ok "stderr is apart from stdout" [ "$(cat "$work/err")" = to-stderr ]
"$run" --timeout 2 -- sleep 60 2>"$work/err"
ok "a single command's timeout gives 124" [ $? = 124 ]
"$run" -- sh -c 'echo c >/proc/sysrq-trigger; sleep 20' 2>"$work/err"
ok "a dead outer kernel gives 126" [ $? = 126 ]
ok "and shows its last words" grep -q 'sysrq triggered crash' "$work/err"
printf 'one\t20\techo c >/proc/sysrq-trigger; sleep 20\ntwo\t20\techo alive\n' >"$work/batch"
"$run" --batch "$work/batch" >"$work/out" 2>"$work/err"
ok "the commands after a dead kernel still run" \
	[ "$(status_of one) $(status_of two)" = "126 0" ]
printf 'echo typed; exit 5\n' | "$here/shell" >"$work/out" 2>"$work/err"
ok "the shell returns its status" [ $? = 5 ]
ok "the shell shows what is typed there" grep -q typed "$work/out"

# ---- instruction counting -------------------------------------------------------------------------
for i in 1 2; do
	"$run" --icount --timeout 120 -- "$work/kvm_probe" 1000 >"$work/count$i" || echo failed >>"$work/count$i"
done
ok "--icount runs the probe" grep -q '^KVM-PROBE-OK exits=1001 ns=[0-9]*$' "$work/count1"
ok "--icount gives the same clock figures twice ($(cat "$work/count1"))" cmp "$work/count1" "$work/count2"

# ---- bad cases --------------------------------------------------------------------------------------
python=$(python3 -c 'import sys; print(sys.executable)')
PATH=$work/no-programs "$python" "$run" -- true 2>"$work/err"
ok "no QEMU: one line and status 77" [ "$? $(wc -l <"$work/err")" = "77 1" ]
"$run" --add /no/such/file -- true 2>"$work/err"
ok "a missing file: one line and status 125" [ "$? $(wc -l <"$work/err")" = "125 1" ]
# An empty cache and a mirror that is not there: nothing outside $work is touched.
printf 'Dir::Etc::SourceList "%s/none.list";\nDir::Etc::SourceParts "/dev/null";\nDir::State "%s/state";\n' \
	"$work" "$work" >"$work/apt.conf"
mkdir -p "$work/state/lists/partial"
printf 'deb http://127.0.0.1:9/debian none main\n' >"$work/none.list"
APT_CONFIG=$work/apt.conf B=$work/empty "$run" -- true 2>"$work/err"
ok "no mirror and no cache: one line and status 77" [ "$? $(wc -l <"$work/err")" = "77 1" ]

"$run" -- sh -c 'echo up; sleep 60' >"$work/out" 2>&1 &
launcher=$!
for _ in $(seq 300); do
	grep -q up "$work/out" && break
	sleep 0.1
done
read -r qemu <"/proc/$launcher/task/$launcher/children"
# A process that nobody has reaped yet has no command line any more.
alive() { [ -n "$(tr -d '\0' 2>/dev/null <"/proc/$qemu/cmdline")" ]; }
ended()
{
	for _ in $(seq 50); do
		alive || return 0
		sleep 0.1
	done
	return 1
}
ok "QEMU runs as long as its launcher" alive
kill -KILL "$launcher"
wait "$launcher" 2>/dev/null
ok "and ends with it, however that ends" ended

echo "1..$count"
exit $failed
