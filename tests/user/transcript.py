# SPDX-License-Identifier: MIT
"""transcript.py - a person at the guest's shell: commands typed one by one, and what must come back. The same
transcript is held with the tiny kernel and with Debian's, busybox above both."""

import argparse
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from conversation import Conversation, Silent

PROMPT = r"^(?:~|/\S*) # $"
BOOT_SECONDS, SECONDS, PAUSE = 120, 40, 2


@dataclass
class Line:
    type: str  # what is typed; a newline is added
    expect: str  # a regular expression of what comes before the next prompt ("" for anything)
    needs: str = ""  # "tiny": only the tiny kernel answers so


# What a shell needs, then the commands of the scheduler's and the allocators' notes, letter by letter.
TRANSCRIPT = (
    Line("echo $((6 * 7)) $0", r"^42 -(?:/bin/)?sh$"),
    Line("tty", r"^/dev/console$"),
    Line("uname -s -m", r"^Linux x86_64$"),
    Line("id", r"^uid=0\(root\) gid=0\(root\)"),
    Line("pwd; cd /tmp; pwd; cd", r"^/root\n/tmp$"),
    Line("ls -d /proc /sys /dev /etc", r"^/dev\s+/etc\s+/proc\s+/sys$"),
    Line("mount", r"(?s)proc on /proc type proc.*tmpfs on /tmp type tmpfs"),
    Line("df -k /tmp", r"(?m)^tmpfs +\d+ +\d+ +\d+ +\d+% /tmp$"),
    Line("free", r"(?m)^Mem: +\d+ +\d+ +\d+ +\d+ +\d+ +\d+$"),
    Line("uptime", r"load average: \d"),
    Line("ps", r"(?m)^ +1 root .*init"),
    Line("ps -o pid,ppid,pgid,sid,comm | head -2", r"(?m)^ +1 +0 +1 +1 \S+"),
    Line("cat /proc/1/comm", r"^\S+$"),
    Line("sleep 0.2 & wait $!; echo ended $?", r"ended 0"),
    Line("(exit 7); echo $?", r"^7$"),
    Line("sh -c 'kill -SEGV $$'; echo $?", r"(?s)139$"),
    Line("echo a b c | wc -w; seq 1000 | tail -1", r"^3\n1000$"),
    Line("yes | head -1000 | md5sum", r"^[0-9a-f]{32}  -$"),
    Line("echo one >/tmp/f; echo two >>/tmp/f; cat /tmp/f; wc -c </tmp/f", r"^one\ntwo\n8$"),
    Line("mkdir -p /tmp/a/b && touch /tmp/a/b/c && find /tmp/a | sort", r"^/tmp/a\n/tmp/a/b\n/tmp/a/b/c$"),
    Line("ln -s b /tmp/a/l; readlink /tmp/a/l; rm -r /tmp/a; ls /tmp/a", r"(?s)^b\n.*No such file"),
    Line("mkfifo /tmp/p; (echo through >/tmp/p &); cat /tmp/p; rm /tmp/p", r"^through$"),
    Line("dmesg | tail -1 | grep -c .", r"^1$"),
    Line("cat /etc/inittab | gzip | gunzip | cmp - /etc/inittab && echo same", r"^same$"),
    Line("tar c /etc 2>/dev/null | tar t | grep -c etc/", r"^[5-9]$"),
    Line("awk 'BEGIN { for (i = 0; i < 1000; i++) s += i; print s }'", r"^499500$"),
    Line("time true", r"real.*0m"),
    Line("stty -a | head -1", r"speed \d+ baud"),
    Line("hostname", r"^parallax$"),
    # The notes' own.
    Line("taskset -p 1", r"pid 1's current affinity mask: [0-9a-f]+"),
    Line("taskset -p 1 $$", r"(?s)current affinity mask: .*new affinity mask: 1"),
    Line("sleep 30 & renice -n 7 -p $! && awk '{print $19}' /proc/$!/stat; kill $!", r"(?m)^7$"),
    Line("cat /proc/buddyinfo", r"(?m)^Node 0, zone +\w+( +\d+){11} *$"),
    Line("head -3 /proc/vmallocinfo", r"(?m)^0x[0-9a-f]{16}-0x[0-9a-f]{16} +\d+ \S+"),
    Line("head -3 /proc/slabinfo", r"(?s)^slabinfo - version: 2\.1\n# name +<active_objs>.*\n\S+ +\d+ +\d+"),
    Line("head -1 /proc/zoneinfo; grep -m 1 'pages free' /proc/zoneinfo", r"(?s)^Node 0, zone +\w+\n +pages free +\d+$"),
    Line("cat /proc/interrupts | head -1", r"CPU0"),
    Line("cat /proc/meminfo | head -2", r"^MemTotal: +\d+ kB\nMemFree: +\d+ kB$"),
    Line("echo 1 > /proc/sys/kernel/sched_schedstats; cat /proc/sys/kernel/sched_schedstats", r"^1$"),
    Line("cat /proc/schedstat | head -3", r"^version \d+\ntimestamp \d+\ncpu0( \d+)+$"),
    Line("head -20 /proc/self/sched", r"(?s)^head \(\d+, #threads: 1\)\n-+\nse\.exec_start +: +[\d.]+"),
    Line("top -b -n 1 | head -5", r"(?s)^Mem: \d+K used, \d+K free.*CPU: +[\d.]+% usr.*PID"),
    Line("dd if=/dev/zero of=/dev/null bs=1k count=100", r"100\+0 records out"),
    Line("dd if=/dev/zero of=/dev/null & sleep 1; kill $!; wait $!; echo status $?", r"status 143"),
    Line("cat /proc/loadavg", r"^[\d.]+ [\d.]+ [\d.]+ \d+/\d+ \d+$"),
    Line("head -1 /proc/stat", r"^cpu( +\d+){10}$"),
    Line("cat /proc/self/maps | tail -3", r"(?s)\[stack\]"),
    Line("cat /proc/cmdline", r"\S"),
    Line("ls -l /proc/self/fd | grep -c ' 0 -> /dev/console'", r"^1$"),
    Line("lsof -p 1 2>/dev/null | head -2 >/dev/null; echo $?", r"^0$"),
    Line("cat /proc/pagetypeinfo | head -1", r"^Page block order: \d+$"),
    Line("cat /proc/iomem | grep -c 'System RAM'", r"^[1-9]\d*$"),
    Line("cat /proc/softirqs | head -1", r"CPU0"),
)

# Typed keys and not commands: (keys, what must come). A leading SLOWLY: not before the program has the terminal.
SLOWLY = "\0"
KEYS = (
    ("sleep 100\n", r"sleep 100\n"),
    (SLOWLY + "\x1a", r"\[1\]\+ +Stopped"),
    ("jobs\n", r"\[1\]\+ +Stopped +sleep 100"),
    ("bg\n", r"\[1\] +sleep 100"),
    ("jobs\n", r"\[1\]\+ +Running +sleep 100"),
    ("fg\n", r"sleep 100\n"),
    (SLOWLY + "\x03", PROMPT),
    ("cat\n", r"cat\n"),
    (SLOWLY + "typed\n", r"typed\ntyped\n"),
    (SLOWLY + "\x04", PROMPT),
    ("echo wrong\x15echo right\n", r"^right\n"),
    ("ech\x01\x05o joi\x7fined\n", r"^joined\n"),
    ("echo first\n", r"^first\n"),
    ("\x1b[A\n", r"^first\n"),
)


class Guest:
    def __init__(self, argv, tiny):
        self.talk, self.tiny = Conversation(argv), tiny

    def boot(self):
        self.talk.wait(r"^Parallax +(full|para), CPUs: \d+, memory: \d+ MiB", BOOT_SECONDS)
        self.talk.wait(PROMPT, SECONDS)

    def say(self, line):
        """None, or what is wrong with the answer."""
        self.talk.type(line.type + "\n")
        try:
            self.talk.wait(r"^(?:~|/\S*) # .*\n|\n", SECONDS)  # the echo
            begin = self.talk.mark
            self.talk.wait(PROMPT, SECONDS)
        except Silent as err:
            return f"{err}; it said {self.talk.seen[self.talk.mark:][-200:]!r}"
        answer = self.talk.seen[begin:self.talk.mark]
        answer = answer[:answer.rstrip().rfind("\n") + 1].rstrip("\n") if "\n" in answer else ""
        return None if matches(line.expect, answer) else f"answered {answer[-400:]!r}, want {line.expect!r}"

    def press(self, keys, expect):
        if keys.startswith(SLOWLY):
            time.sleep(PAUSE)
        self.talk.type(keys.lstrip(SLOWLY))
        try:
            self.talk.wait(expect, SECONDS)
        except Silent as err:
            return f"{err}; it said {self.talk.seen[self.talk.mark:][-200:]!r}"
        return None


def matches(pattern, answer):
    return re.search(pattern, answer, re.M) is not None


def hold(argv, tiny, end="poweroff"):
    """The transcript: yields (command, None or what was wrong)."""
    guest = Guest(argv, tiny)
    with guest.talk:
        try:
            guest.boot()
        except Silent as err:
            yield "boot", f"{err}; it said {guest.talk.seen[-400:]!r}"
            return
        yield "boot", None
        for line in TRANSCRIPT:
            if not line.needs or tiny:
                yield line.type, guest.say(line)
        for keys, expect in KEYS:
            yield repr(keys.lstrip(SLOWLY)), guest.press(keys, expect)
        guest.talk.type(end + "\n")
        try:
            status = guest.talk.ended(SECONDS)
            yield end, None if status == 0 else f"status {status}"
        except Silent as err:
            yield end, str(err)


def commands(build, kernel=None):
    """name -> (argv, whether it is the tiny kernel)"""
    image = build / "images/busybox.cpio.gz"
    qemu = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max,la57=off", "-smp", 2, "-m", 256, "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", build / "testbed/vmlinuz",
            "-initrd", image, "-append", "console=ttyS0 quiet loglevel=1 panic=-1"]
    tiny = [build / "parallax", "run", "--no-reboot", "--mem", "128M", "--cpus", 2, "--initrd", image.with_suffix("")]
    tail = ["--append", "quiet", *([kernel] if kernel else [])]
    return {"debian": (qemu, False), "para": ([*tiny, "--virt", "para", *tail], True),
            "full": ([*tiny, "--virt", "full", *tail], True)}


def main():
    parser = argparse.ArgumentParser(prog="tests/user/transcript.py", description=__doc__)
    parser.add_argument("--build", default=os.environ.get("B", "build"), metavar="DIR")
    parser.add_argument("--kernel", metavar="FILE", help="another tiny kernel than the build's")
    parser.add_argument("on", choices=("debian", "para", "full"))
    args = parser.parse_args()
    argv, tiny = commands(Path(args.build).resolve(), args.kernel)[args.on]
    bad = 0
    for name, wrong in hold(argv, tiny):
        print(f"{'ok  ' if not wrong else 'FAIL'} {name}" + (f": {wrong}" if wrong else ""), flush=True)
        bad += bool(wrong)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
