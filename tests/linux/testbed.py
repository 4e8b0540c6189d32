# SPDX-License-Identifier: MIT
"""testbed.py - what needs hardware virtualization: all of it in one boot of the testbed, and the
testbed's own promises. See tests/testbed/README.md."""

import bisect
import collections
import json
import os
import re
import shlex
import time
from dataclasses import dataclass
from typing import Callable

from harness import tap
from harness.assemble import NEEDS as ASM
from harness.assemble import assemble
from harness.core import FAIL, PASS, ROOT, SKIP, Failed, Job, Result, shorten
from user import places

TESTBED = ROOT / "tests" / "testbed"
CANNOT = 77  # the testbed's status for "something is not installed"
POOL = 96  # 2 MiB pages
ALL_TESTS = 30
MEMORY_TESTS = 26
BEGIN = re.compile(r"^=== BEGIN (\S+)$")
# QEMU's SVM does not intercept XSETBV, so the outer KVM never learns what XCR0 holds, and CPUID leaf 0xd
# reports the size for its reset value. Linux sees that, says so once and goes on.
XSAVE_WARNING = re.compile(r"^.*cut here.*\n.*XSAVE consistency problem(?:.*\n)*?.*end trace.*$", re.M)
END = re.compile(r"^=== END (\S+) (\d+) ([\d.]+)$")


@dataclass
class Case:
    name: str
    command: str
    judge: Callable  # (status, text) -> None, or raises Failed
    seconds: int = 180  # long before that an idle machine is through
    guest: tuple = ()  # tests/guest/hostile/NAME.asm and its defines, at @GUEST in the command
    programs: tuple = ()  # of tests/user, with their arguments, as an initramfs at @IMAGE


# Guests of ../guest/hostile.py whose end depends on the hardware: under the VMM with ASan and UBSan. KVM
# resets an AMD CPU that triple-faults before it tells the VMM, so a report cannot show that guest's
# registers; and it tries for ever to deliver an exception through an IDT that is not there.
# name | source | defines | words of `run` | status | what the report must hold
HOSTILE = """
triple-fault     | triple_fault       |                                     | --timeout 150 | 126 | triple fault
jump-nowhere     | jump_nowhere       | TARGET=0xd0000000                   | --timeout 150 | 126 | d0000000
jump-into-ioapic | jump_nowhere       | TARGET=0xfec00000                   | --timeout 150 | 126 | fec00000
idt-nowhere      | bad_idt            |                                     | --timeout 3  | 124 | still ran; mov ds
cr3-nowhere      | bad_page_tables    |                                     | --timeout 150 | 126 | triple fault
long-mode-zeroes | long_mode_nonsense |                                     | --timeout 150 | 126 | triple fault
unmapped         | unmapped           |                                     | --timeout 150 | 0   |
string-nowhere   | string_nowhere     |                                     | --timeout 150 | 0   |
ports-low        | ports              | FIRST=0 LAST=0xfff VALUE=0xffffffff | --timeout 150 | 0   |
uart-storm       | storm              | PORT=0x3f8 COUNT=8 SEED=1 ROUNDS=20000 | --timeout 150 | 0 |
ioapic-storm     | mmio_storm         | SEED=1 ROUNDS=3000                  | --timeout 150 | 0   |
rep-outs-ins     | string_io          | PORT=0x3f8 WIDTH=2 COUNT=4096 ROUNDS=2 | --timeout 150 | 0 |
"""


def expect(status, text, want, *fragments):
    if status != want:
        raise Failed(f"status: got {status}, want {want}")
    for fragment in fragments:
        if fragment not in text:
            raise Failed(f"{fragment!r} is not in the output")


def selftest(status, text):
    expect(status, text, 0)
    tap.sound(text, ALL_TESTS)


def memory(status, text):
    expect(status, text, 0)
    tap.sound(text, MEMORY_TESTS)


def exit_status(want):
    return lambda status, text: expect(status, text, want)


def hostile(want, fragments):
    def judge(status, text):
        expect(status, text, want, *fragments)
        if want == 126 and "has reset the CPU already" not in text:
            expect(status, text, 126, "guest crashed: CPU 0", "  at 0x", "rip ", "rax ", "cr2 ", "efer ")
        if any(mark in text for mark in ("Sanitizer", "runtime error:")):
            raise Failed("a sanitizer reports a bug")
    return judge


def doctor(status, text):
    expect(status, text, 0, "hardware virtualization", "vmmcall works", "PV IPI")
    if re.search(r"^BAD ", text, re.M):
        raise Failed("something is BAD")


def linux(mode):
    def judge(status, text):
        text = XSAVE_WARNING.sub("", text)
        expect(status, text, 0, "INNER-INIT-OK cpus=2")
        seen = "Hypervisor detected: KVM" in text
        if seen != (mode == "para"):
            raise Failed("Linux detected KVM" if seen else "Linux did not detect KVM")
        for words in ("BUG:", "Call Trace:", "WARNING:", "Kernel panic"):
            if words in text:
                raise Failed(f"the kernel says {words!r}")
    return judge


# What an emulated machine on a busy host does to a Linux guest now and then, and not because of the
# VMM: Linux waits 40 ms of its own time for four ticks of the PIT and panics without them, which the
# outer kernel may not have delivered by then; and one boot in some sixty ends in a triple fault.
EMULATED = "IO-APIC + timer doesn't work|triple fault"


def patient(command, tries=3):
    """The command again, when it met one of these; a cause in the VMM would meet it every time."""
    return (f"n=1; while {command} >$TMPDIR/out 2>&1; s=$?; [ $n -lt {tries} ] && "
            f'grep -Eq "{EMULATED}" $TMPDIR/out; do n=$((n + 1)); done; cat $TMPDIR/out; exit $s')


def in_linux(*fragments):
    return lambda status, text: expect(status, text, 0, "INNER-DO-STATUS 0", *fragments)


# The paravirtual devices, driven by Debian's modules. The disk gets busybox's own bytes, which are
# compared by the guest after its cache was dropped, and by the host after its end.
VIRTIO_DO = """
modprobe -a virtio_console virtio_rng virtio_blk virtio_balloon
test $(cat /sys/block/vda/serial) = a-disk && test $(cat /sys/block/vda/size) = 65536 && echo DISK-SEEN
test $(ls /sys/block/vda/mq | wc -l) = 2 && echo DISK-QUEUES
dd if=/bin/busybox of=/dev/vda bs=4k conv=fsync; echo 3 >/proc/sys/vm/drop_caches
head -c $(stat -c %s /bin/busybox) /dev/vda | cmp - /bin/busybox && echo DISK-SAME
dd if=/dev/zero of=/dev/vdb count=1 2>/dev/null || echo DISK-READ-ONLY
blkdiscard -o 4194304 -l 4194304 /dev/vda && echo DISK-DISCARD
test $(head -c 64 /dev/hwrng | wc -c) = 64 && echo RNG-READ
seq 1 2000 >/dev/hvc0
for i in $(seq 30)
do grep -q balloon_inflate.8192 /proc/vmstat && break
sleep 1
done
""".strip().replace("\n", "; ").replace("; do grep", "; do grep")


def virtio(debian):
    disk = "$TMPDIR/disk"
    options = (f"--disk {disk},serial=a-disk --disk $TMPDIR/read,ro --console file:$TMPDIR/hvc0 --rng "
               "--balloon=32M --stats=json")
    return (f"truncate -s 32M {disk} $TMPDIR/read; {debian} {options} --append 'console=ttyS0 quiet "
            f"mods=virtio_mmio do=\"{VIRTIO_DO}\" do=poweroff'; "
            "test $(tail -n 1 $TMPDIR/hvc0 | tr -cd 0-9) = 2000 && echo CONSOLE-ALL; "
            f"head -c $(stat -c %s /bin/busybox) {disk} | cmp - /bin/busybox && echo DISK-ON-HOST")


def virtio_judge(status, text):
    expect(status, text, 0, "INNER-DO-STATUS 0", "DISK-SEEN", "DISK-QUEUES", "DISK-SAME", "DISK-READ-ONLY",
           "DISK-DISCARD", "DISK-ON-HOST", "RNG-READ", "CONSOLE-ALL")
    stats = stats_of(text)
    if stats["balloon"]["inflated"] < 32 << 20:
        raise Failed(f"balloon: {stats['balloon']}, want 32 MiB")
    notified = [p for p in stats["places"] if p["address"] & 0xfff == 0x50 and "virtio" in p["device"]]
    if notified:
        raise Failed(f"doorbells reach the VMM: {notified}")


# DHCP, then TCP both ways with the outer machine, which is the guest's host: each side serves a file and
# the other compares what it got. The user-mode network first, a tap in a second card.
NET_DO = r"""
ifconfig lo up; ifconfig eth0 up
echo test -n \$ip \&\& ifconfig eth0 \$ip netmask \$subnet \&\& route add default gw \$router >/u
sed -i 1i#!/bin/sh /u; chmod +x /u; udhcpc -i eth0 -n -q -s /u && echo DHCP-LEASE
ping -c 2 10.0.2.2 >/dev/null && echo PING-GATEWAY
httpd -h /bin; wget -q -O /f http://10.0.2.2:8000/f; echo $(sha256sum </f) from-user
ifconfig eth1 10.9.0.2 netmask 255.255.255.0; wget -q -O /t http://10.9.0.1:8000/f; echo $(sha256sum </t) from-tap
timeout 60 nc -l -p 81 </dev/null
""".strip().replace("\n", "; ")


def net(debian):
    options = "--net user,hostfwd=tcp::5555-:80,hostfwd=tcp:127.0.0.1:5556-:81 --net tap=tap0,mac=52:54:00:aa:bb:cc"
    return ("ip link set lo up; modprobe tun; tunctl -t tap0 >/dev/null; ifconfig tap0 10.9.0.1 up; "
            "head -c 3000000 /dev/urandom >$TMPDIR/f; httpd -p 8000 -h $TMPDIR; sha256sum <$TMPDIR/f; "
            "(until wget -q -O $TMPDIR/back http://127.0.0.1:5555/busybox; do sleep 1; done; "
            "cmp $TMPDIR/back /bin/busybox && echo HOST-GOT-SAME; "
            "while sleep 1; do nc 127.0.0.1 5556 </dev/null; done) & "
            f"{debian} {options} --append 'console=ttyS0 quiet mods=virtio_mmio,virtio_net do=\"{NET_DO}\" do=poweroff'; "
            "s=$?; killall httpd; tunctl -d tap0 >/dev/null; exit $s")


def net_judge(status, text):
    expect(status, text, 0, "DHCP-LEASE", "PING-GATEWAY", "HOST-GOT-SAME")
    want = re.search(r"^([0-9a-f]{64})  -$", text, re.M)
    for way in ("user", "tap"):
        if not want or f"{want[1]} - from-{way}" not in text:
            raise Failed(f"the file that came over the {way} network differs")


UDHCPD = r"interface tap1\nstart 10.9.1.2\nend 10.9.1.9\nopt router 10.9.1.1\nopt subnet 255.255.255.0\nlease_file $TMPDIR/l\n"


def bridged(tiny, mode):
    """Frames of any size by a tap, for the tiny kernel's card of either side; the lease is the host's udhcpd's."""
    return ("modprobe tun; tunctl -t tap1 >/dev/null; ifconfig tap1 10.9.1.1 up; "
            f'printf "{UDHCPD}" >$TMPDIR/c; : >$TMPDIR/l; udhcpd -f $TMPDIR/c & '
            f"for size in 1 1472; do {tiny} --virt {mode} --net tap=tap1 --append \"quiet demo=net count=12 size=$size\"; "
            "s=$?; done; kill $!; tunctl -d tap1 >/dev/null; exit $s")


def tap_judge(status, text):
    expect(status, text, 0, "eth0: 10.9.1.")
    if text.count("ping 10.9.1.1: 12 of 12 answered") != 2:
        raise Failed("echoes were lost")


def stats_of(text):
    """The --stats=json line, which follows the guest's output."""
    return json.loads(next(line for line in reversed(text.splitlines()) if line.startswith("{")))


def huge_mappings(status, text):
    expect(status, text, 0)
    stats = stats_of(text)
    if stats["backing"] != "2M" or stats["kvm"]["pages_2m"] < 1:
        raise Failed(f"backing {stats['backing']}, pages_2m {stats['kvm']['pages_2m']}")


def small_mappings(status, text):
    expect(status, text, 0)
    kvm = stats_of(text)["kvm"]
    if kvm["pages_2m"] or not kvm["pages_4k"]:
        raise Failed(f"pages_4k {kvm['pages_4k']}, pages_2m {kvm['pages_2m']}")


def pool_too_small(status, text):
    expect(status, text, 125, "nr_hugepages", f"{POOL} free")
    if len(text.splitlines()) != 1:
        raise Failed("more than one line")


def control(env, guest):
    """Debian in the background: reset by the host once it is up, then powered off by the button."""
    guest = guest.replace(" run ", " run --detach --name d ", 1)
    return "; ".join((
        f"p={shlex.quote(str(env.parallax))}",
        'up() { n=0; until [ "$($p console --recent d | grep -c INNER-INIT-OK)" = "$1" ]; do '
        'n=$((n + 1)); [ $n -gt 80 ] && return 1; sleep 1; done; }',
        f"{guest} --append 'console=ttyS0 quiet mods=button,evdev do=button do=poweroff'",
        "up 1 && $p reset d && up 2 && echo UP-AGAIN || $p console --recent d",
        "$p events --json d >/tmp/events & sleep 3",
        "$p stop --timeout 60 d; status=$?; wait; cat /tmp/events; $p ps; (exit $status)"))


def controlled(status, text):
    expect(status, text, 0, "UP-AGAIN", '"event": "POWERDOWN"', '"reason": "guest-shutdown"')


def contrasted(status, text):
    """With an APIC in hardware's place, ends of interrupt are exits, and PV EOI spares them."""
    flat = " ".join(text.split())
    expect(status, flat, 0, "accesses to the 16550 0 against 1,152", "accesses to the ATA disk 0 against 16,496",
           "accesses to the NE2000 0 against ", "fork full", "ends of interrupt.")
    spared = re.findall(r"PV EOI spared ([0-9,]+) of ([0-9,]+) ends", flat)
    if not spared or any(2 * int(a.replace(",", "")) < int(b.replace(",", "")) for a, b in spared):
        raise Failed(f"PV EOI spared {spared}")
    if flat.count("para wins") < 3:
        raise Failed("para does not win where it must")


def cases(env):
    run = shlex.join([str(env.parallax), "run"])
    images = env.build / "testbed"
    tiny = f"{run} --timeout 150"
    for mode in ("full", "para"):
        for cpus in (1, 2):
            yield Case(f"selftest-{mode}-{cpus}", f"{tiny} --virt {mode} --cpus {cpus} --append 'selftest=all quiet'",
                       selftest)
        yield Case(f"demo-{mode}", f"{tiny} --virt {mode} --cpus 2", lambda s, t: expect(s, t, 0, "spin-D"))
    yield Case("selftest-4-cpus", f"{tiny} --cpus 4 --append 'selftest=all quiet'", selftest)
    yield Case("selftest-5G", f"{tiny} --mem 5G --append 'selftest=all quiet'", selftest)
    yield Case("selftest-2-nodes", f"{tiny} --mem 256M --numa 2 --cpus 2 --append 'selftest=all quiet'", selftest)
    yield Case("memory-64G-slab", f"{tiny} --mem 64G --append 'selftest=mm quiet slab=slab memmodel=sparse'", memory)
    yield Case("memory-highmem-slob", f"{tiny} --append 'selftest=mm quiet highmem=64M slab=slob'", memory)
    yield Case("five-levels", f"{tiny} --append 'exit=0'", lambda s, t: expect(s, t, 0, "; 5 levels"))
    yield Case("selftest-4K-pages", f"{tiny} --hugepages off --append 'selftest=all quiet'", selftest)
    yield Case("exit-7", f"{tiny} --append exit=7", exit_status(7))
    yield Case("panic", f"{tiny} --append panic=null", exit_status(99))
    yield Case("timeout", f"{run} --timeout 2 --append 'loop quiet'",
               lambda s, t: expect(s, t, 124, "still ran", "running", "jmp"))
    yield Case("contrast", f"{shlex.quote(str(env.parallax))} contrast --timeout 80",
               lambda s, t: expect(s, t, 0, "para/full", "answered by uart16550"))
    yield Case("contrast-workloads",
               f"{shlex.quote(str(env.parallax))} contrast --workload console,disk-write,net,fork,tick-250,idle --count 16 --timeout 60",
               contrasted, 120)
    for mode in ("full", "para"):
        yield Case(f"tap-{mode}", bridged(tiny, mode), tap_judge)
    yield Case("doctor", f"{shlex.quote(str(env.parallax))} doctor", doctor)
    yield Case("2M-pages", f"{tiny} --hugepages 2M --mem 128M --stats=json --append 'selftest=all quiet'",
               huge_mappings)
    yield Case("4K-pages", f"{tiny} --hugepages off --mem 128M --stats=json --append 'exit=0 quiet'", small_mappings)
    yield Case("2M-prealloc", f"{tiny} --hugepages 2M --mem 128M --prealloc --stats=json --append 'exit=0 quiet'",
               huge_mappings)
    yield Case("2M-pool-too-small", f"{tiny} --hugepages 2M --mem 512M", pool_too_small)
    for line in HOSTILE.strip().splitlines():
        name, source, defines, words, status, fragments = (field.strip() for field in line.split("|"))
        yield Case(f"hostile-{name}", f"{shlex.quote(str(env.parallax_san))} run {words} --virt full @GUEST",
                   hostile(int(status), [f.strip() for f in fragments.split(";") if f.strip()]),
                   guest=(f"hostile/{source}.asm", defines))
    debian = (f"{run} --no-reboot --timeout 300 --cpus 2 --mem 160M --initrd {shlex.quote(str(images / 'inner-initrd.gz'))} "
              f"{shlex.quote(str(images / 'vmlinuz'))}")
    for mode in ("full", "para"):
        for what in ("poweroff", "reboot"):
            command = f"{debian} --virt {mode} --append 'console=ttyS0 panic=-1 do={what}'"
            yield Case(f"debian-{what}-{mode}", patient(command), linux(mode), 360)
    yield Case("debian-2M-pages", patient(f"{debian} --hugepages 2M --stats=json --append 'console=ttyS0 do=poweroff'"),
               huge_mappings, 360)
    yield Case("debian-kernel-irqchip", patient(f"{debian} --irqchip kernel --append 'console=ttyS0 do=poweroff'"),
               linux("para"), 360)
    yield Case("debian-sees-its-machine",
               patient(f"""{debian} --append 'console=ttyS0 quiet do="cat /proc/interrupts /proc/cpuinfo; """
               """grep -q acpi /proc/interrupts && test -d /sys/firmware/acpi/tables && hwclock -u" do=poweroff'"""),
               in_linux("Parallax", "IO-APIC", "ttyS0"), 360)
    yield Case("debian-virtio", patient(f"({virtio(debian)})"), virtio_judge, 360)
    for mode in ("full", "para"):
        yield Case(f"debian-control-{mode}", control(env, f"{debian} --virt {mode}".replace(" --no-reboot", "")),
                   controlled, 360)
    yield Case("debian-net", patient(f"({net(debian)})"), net_judge, 360)
    yield Case("debian-panics",
               patient(f"{debian} --append 'console=ttyS0 panic=-1 do=\"echo c >/proc/sysrq-trigger\"'"),
               lambda s, t: expect(s, t, 0, "sysrq triggered crash"), 360)
    yield from disk_cases(run, debian)
    yield from session_cases(env, images)
    yield from user_cases(env, run)


# Zeroes with a mark, and what the tests of the drivers may then write to.
SCRATCH = "truncate -s 4M $TMPDIR/d && printf 'PARALLAX SCRATCH DISK' | dd of=$TMPDIR/d conv=notrunc 2>/dev/null"
# A disk whose sectors all differ; the guest reads all of it, changes 20 KiB, and so does the host.
ATA_DISK = "seq 1 700000 | head -c 4194304 >$TMPDIR/d && cp $TMPDIR/d $TMPDIR/e"
ATA_CHANGE = "dd if=/dev/zero of={} bs=4k seek=3 count=5 conv=notrunc,fsync 2>/dev/null"


def ata_disk(status, text):
    expect(status, text, 0, "INNER-DO-STATUS 0", "Parallax ATA", "SAME-ON-THE-HOST")
    sums = re.findall(r"^([0-9a-f]{32})  \S*(?:sda|/d)$", text, re.M)
    if len(sums) != 2 or sums[0] != sums[1]:
        raise Failed(f"checksums of the disk: {sums}")


def drivers_tests(skipped):
    def judge(status, text):
        expect(status, text, 0)
        tap.sound(text, 4)
        if text.count("# SKIP") != skipped:
            raise Failed(f"{text.count('# SKIP')} tests were skipped")
    return judge


def disk_cases(run, debian):
    for mode, words, skipped in (("full", "--virt full", 1), ("para", "--console stdio --rng", 0)):
        yield Case(f"drivers-{mode}", f"{SCRATCH} && {run} --timeout 150 --cpus 2 {words} --disk $TMPDIR/d "
                   "--append 'selftest=drivers quiet'", drivers_tests(skipped))
    linux_words = ('console=ttyS0 quiet panic=-1 mods=pata_legacy,sd_mod do=\\"md5sum /dev/sda; cat /sys/block/sda/device/model; '
                   + ATA_CHANGE.format("/dev/sda") + '\\" do=poweroff')
    yield Case("debian-ata-disk",
               f"{ATA_DISK} && md5sum $TMPDIR/d && "
               + "(" + patient(f"{debian} --virt full --disk $TMPDIR/d --append \"{linux_words}\"")
               + f") && {ATA_CHANGE.format('$TMPDIR/e')} && cmp $TMPDIR/d $TMPDIR/e && echo SAME-ON-THE-HOST",
               ata_disk, 360)


SWAP = ROOT / "tests" / "linux" / "swap.sh"


def swapped(status, text):
    """Memory holds, whatever the host swaps; and the guest is told of that, unless it does not want to be."""
    expect(status, text, 0, "@swapped.memory is what was written", "pswpin")
    told = [int(n) for n in re.findall(r"@swapped.host told of (\d+) pages", text)]
    if len(told) != 2 or not told[0] or told[1]:
        raise Failed(f"pages that the guest was told of, with and without asynchronous page faults: {told}")


def inside(status, text):
    """`trace --kvm`: each exit to the VMM lies in one that the hardware made, on the same vCPU; no two overlap."""
    expect(status, text, 0, '"traceEvents"')
    events = json.loads(text[text.index('{"traceEvents"'):text.rindex("]}") + 2])["traceEvents"]
    all_exits, seen = collections.defaultdict(list), set()
    for e in events:
        if e.get("cat") == "kvm":
            all_exits[e["tid"]].append((e["ts"], e["ts"] + e["dur"], e["name"]))
            seen.add(e["name"])
    for lane in all_exits.values():
        lane.sort()
        if any(a[1] > b[0] for a, b in zip(lane, lane[1:])):
            raise Failed("two exits of one vCPU at once")
    for e in events:
        lane = all_exits[e["tid"]]
        around = lane[bisect.bisect_right(lane, (e["ts"], float("inf"))) - 1] if e.get("cat") == "exit" else None
        if around and not around[0] <= e["ts"] <= e["ts"] + e["dur"] <= around[1]:
            raise Failed(f"not inside {around}: {e}")
    if len(all_exits) != 2 or not {"io", "npf", "msr", "hlt"} <= seen:
        raise Failed(f"exits of {len(all_exits)} vCPUs: {sorted(seen)}")


def crowded(status, text):
    """More virtual CPUs than CPUs: flushes and locks of vCPUs that do not run."""
    expect(status, text, 0, "PV TLB flush, PV kick, PV yield", "@shootdown.closed_door late = 0", "@fuzz.calls all made",
           "@fuzz.memory came back", "@fuzz.stacks came back", "@@ done")


def user_cases(env, run):
    yield Case("swapped", shlex.join(["sh", str(SWAP), str(env.parallax), "@IMAGE"]), swapped, 300,
               programs=("stress/swapped 50 3",))
    trace = f"{env.parallax} trace --kvm -o $TMPDIR/t.json --cpus 2 --timeout 60 --append 'quiet demo=switch'"
    yield Case("trace-kvm", f"mount -t tracefs none /sys/kernel/tracing && {trace} && cat $TMPDIR/t.json", inside, 120)
    yield Case("crowded", f"{run} --timeout 200 --cpus 4 --initrd @IMAGE", crowded, 240,
               programs=("musl/shootdown", "stress/fuzz -n 20000 -s 3 -p 4"))


SESSION = ROOT / "tests" / "linux" / "session.sh"
BOTH = ("LOGGED-IN", "DISK-SAME", "REBOOTED", "STILL-SAME", "CLEAN", "POWERED-OFF")
PARA = ("DHCP-LEASE", "TCP-OUT", "TCP-IN", "BALLOON-GAVE", "BALLOON-BACK")


def session_judge(words):
    def judge(status, text):
        expect(status, text, 0)
        lines = text.splitlines()
        missing = [w for w in words if w not in lines]
        if missing or "COMPLAINTS" in lines:
            raise Failed(f"not seen: {' '.join(missing)}" if missing else "the kernel complained")
    return judge


def session_cases(env, images):
    """Debian's kernel with a system of its own on a disk; see session.sh."""
    for mode, words in (("para", BOTH + PARA), ("full", BOTH)):
        files = (SESSION, mode, env.parallax, images / "vmlinuz", images / "inner-initrd.gz", images / "inner-root.gz")
        yield Case(f"debian-session-{mode}", patient("sh " + shlex.join(map(str, files)), tries=2), session_judge(words), 400)


class Verdicts:
    """Turns the batch's output into results while it comes."""

    def __init__(self, chosen, log):
        self.left = {c.name: c for c in chosen}
        self.log, self.name, self.text = log, None, []
        self.died = []  # cases in whose time the emulated machine itself ended

    def line(self, line):
        if match := BEGIN.match(line):
            self.name, self.text = match[1], []
        elif (match := END.match(line)) and match[1] == self.name:
            return self.verdict(int(match[2]), float(match[3]))
        else:
            self.text.append(line)
        return None

    def verdict(self, status, seconds):
        case = self.left.pop(self.name)
        text = "\n".join(line.rstrip("\r") for line in self.text)
        name = f"testbed/{case.name}"
        if status == MACHINE_DIED and not text.strip():
            self.died.append(case)
            return None
        try:
            case.judge(status, text)
        except (Failed, ValueError, KeyError, StopIteration) as err:
            self.log[:] = [f"$ {case.command}", shorten(text), f"--- status {status}"]
            return Result(name, FAIL, str(err) or type(err).__name__, seconds)
        return Result(name, PASS, seconds=seconds)


def with_guest(ctx, case, adds):
    """The case's command; its guest, assembled, or its user programs are added to what is carried."""
    if case.programs:
        image = places.image(ctx.env.build, case.programs, ctx.tmp / f"{case.name}.cpio")
        adds += ["--add", image]
        return case.command.replace("@IMAGE", str(image))
    if not case.guest:
        return case.command
    image = assemble(ctx, case.guest[0], **dict(d.split("=") for d in case.guest[1].split()))
    image = image.rename(ctx.tmp / f"{case.name}.bin")
    adds += ["--add", image]
    return case.command.replace("@GUEST", str(image))


MACHINE_DIED = 126  # run-in-testbed's word, without a line of the command's


def batch(ctx, chosen, again=True):
    """Runs the cases in one boot. Those in whose time the emulator gave up have one more chance."""
    images = [ctx.env.build / "testbed" / f for f in ("vmlinuz", "inner-initrd.gz", "inner-root.gz")]
    env = {"B": str(ctx.env.build)}
    built = ctx.run([TESTBED / "build.py"], env=env)
    reason = (built.errors.splitlines() or ["?"])[-1]
    if built.status:
        for case in chosen:
            yield Result(f"testbed/{case.name}", SKIP if built.status == CANNOT else FAIL, reason)
        return
    adds = [w for p in (ctx.env.parallax, ctx.env.kernel, SESSION, SWAP, *images) for w in ("--add", p)]
    # The crash report's disassembler and the user-mode network are opened at run time.
    adds += [w for lib in (*zydis(), *libraries("libslirp.so")) for w in ("--add", lib)]
    path = ctx.tmp / "batch"
    path.write_text("".join(f"{c.name}\t{c.seconds}\t{with_guest(ctx, c, adds)}\n" for c in chosen))
    p = ctx.start([TESTBED / "run-in-testbed", "--hugepages", POOL, "--mem", 1536, *adds, "--batch", path], env=env)
    verdicts = Verdicts(chosen, ctx.log)
    for raw in p.popen.stdout:
        result = verdicts.line(raw.decode(errors="replace").rstrip("\n"))
        if result:
            yield result
    ctx.log[:] = []
    done = ctx.finish(p)
    if verdicts.died and again:
        yield from batch(ctx, verdicts.died, again=False)
    elif verdicts.died:
        for case in verdicts.died:
            yield Result(f"testbed/{case.name}", FAIL, "the emulated machine died twice in it")
    for case in verdicts.left.values():
        text = f"the testbed ended with {done.status} before it: {done.errors[-300:]}"
        yield Result(f"testbed/{case.name}", FAIL, text)


def libraries(*names):
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"):
        if os.path.isdir(folder):
            yield from (os.path.join(folder, f) for f in sorted(os.listdir(folder)) if f.startswith(names))


def zydis():
    return libraries("libZydis.so", "libZycore.so")


def promises(ctx, _cases):
    """The testbed's own self-test; each of its promises counts."""
    began = time.monotonic()
    p = ctx.start(["bash", TESTBED / "selftest.sh"], env={"B": str(ctx.env.build)})
    done = ctx.finish(p)
    if done.status == CANNOT:
        yield Result("testbed/promises", SKIP, (done.errors.splitlines() or ["?"])[-1])
        return
    lines = tap.LINE.findall(done.text)
    share = (time.monotonic() - began) / max(1, len(lines))
    for verdict, number, words in lines:
        yield Result(f"testbed/promise {number}{words}", PASS if verdict == "ok" else FAIL, done.errors[-500:], share)
    plan = tap.PLAN.search(done.text)
    if not plan or int(plan[1]) != len(lines):
        yield Result("testbed/promises", FAIL, f"{len(lines)} verdicts, plan {plan and plan[0]}")


def jobs(env):
    chosen = list(cases(env))
    seconds = 180 + sum(c.seconds for c in chosen)
    yield Job("testbed/batch", batch, timeout=seconds, needs=("qemu", *ASM), lane="testbed", cases=chosen)
    yield Job("testbed/promises", promises, timeout=600, needs=("qemu",), lane="testbed",
              cases=[Case("promises", "", None)])
