# SPDX-License-Identifier: MIT
"""daemon.py - a libvirtd of one's own: session mode, every file in one folder that is removed with it.

Root becomes another user for it (as root libvirtd would be the system's), in a mount namespace where
that user may open /dev/kvm; nothing outside the folder changes.
"""

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from harness.core import Failed

NOBODY = 65534
KVM_MAJOR_MINOR = "10 232"
URI = "qemu:///session"
PROMPT = "parallax> "

ENTER = """set -e
mknod -m 666 "$1/kvm" c {numbers}
mount --bind "$1/kvm" /dev/kvm
shift
exec setpriv --reuid {user} --regid {user} --clear-groups "$@"
"""

LIBVIRTD_CONF = """log_filters="1:qemu.qemu_monitor 1:qemu.qemu_process 1:util.command 3:*"
log_outputs="1:file:{root}/libvirtd.log"
auth_unix_rw = "none"
"""




class Reaper(threading.Thread):
    """Guests are nobody's children, and so become check.py's, which adopts orphans. libvirt waits for their
    process ids to be free, which a zombie's is not. Children of other tests are let alone: none of those is
    called parallax-qemu, and a QEMU of theirs leads its session or is in ours."""

    def __init__(self):
        super().__init__(daemon=True)
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(0.02):
            for task in os.listdir("/proc/self/task"):
                with contextlib.suppress(OSError):
                    for pid in Path(f"/proc/self/task/{task}/children").read_text().split():
                        self.reap(int(pid))

    @staticmethod
    def reap(pid):
        with contextlib.suppress(OSError):
            head, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")
            name, session = head.partition("(")[2], int(rest.split()[3])
            ours = name == "parallax-qemu" or (name == "qemu-system-x86" and session not in (pid, os.getsid(0)))
            if rest.startswith("Z") and ours:
                os.waitpid(pid, os.WNOHANG)


class Done:
    def __init__(self, argv, status, out, err):
        self.argv, self.status, self.out, self.err = argv, status, out, err


class Daemon:
    """One libvirtd, its virsh, and copies of the programs it is to run."""

    def __init__(self, ctx):
        self.ctx = ctx
        self.root = Path(tempfile.mkdtemp(prefix="plx-", dir="/tmp"))  # socket paths are short
        self.process = None
        self.reaper = Reaper()
        self.reaper.start()
        self.as_root = os.geteuid() == 0
        for name in ("run", "cfg/libvirt", "cache", "data", "home", "bin"):
            (self.root / name).mkdir(parents=True)
        (self.root / "run").chmod(0o700)
        (self.root / "cfg/libvirt/qemu.conf").write_text('stdio_handler = "file"\n')
        (self.root / "cfg/libvirt/libvirtd.conf").write_text(LIBVIRTD_CONF.format(root=self.root))
        shutil.copy(ctx.env.parallax, self.root / "bin/parallax")
        (self.root / "bin/parallax-qemu").symlink_to("parallax")
        # The default emulator. No link: its processes are to be called parallax-qemu (see Reaper).
        default = self.root / "bin/qemu-system-x86_64"
        default.write_text(f'#!/bin/sh\nexec {self.root}/bin/parallax-qemu "$@"\n')
        default.chmod(0o755)
        shutil.copy(ctx.env.kernel, self.root / "bin/parallax.elf")
        self.emulator = self.root / "bin/parallax-qemu"
        self.kernel = self.root / "bin/parallax.elf"
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(self.root / "home"), "LC_ALL": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.root / "run"), "XDG_CONFIG_HOME": str(self.root / "cfg"),
            "XDG_CACHE_HOME": str(self.root / "cache"), "XDG_DATA_HOME": str(self.root / "data"),
            "LIBVIRT_DEFAULT_URI": URI, "TERM": "dumb",
        }
        if self.as_root:
            for path in [self.root, *self.root.rglob("*")]:
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def command(self, *argv):
        """ARGV as the user that owns the daemon."""
        argv = [str(a) for a in argv]
        if not self.as_root:
            return argv
        return ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", *argv]

    # ---- the daemon -----------------------------------------------------------------------------------

    def start(self):
        # No other emulator in its path, which libvirtd would examine first.
        env = {**self.env, "PATH": str(self.root / "bin")}
        program = shutil.which("libvirtd") or "/usr/sbin/libvirtd"
        daemon = ["env", "-i", *(f"{k}={v}" for k, v in env.items()), program, "--timeout", "600",
                  "-p", str(self.root / "run/libvirtd.pid")]
        if self.as_root:
            script = ENTER.format(numbers=KVM_MAJOR_MINOR, user=NOBODY)
            daemon = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", str(self.root), *daemon]
        with contextlib.suppress(FileNotFoundError):
            (self.root / "kvm").unlink()
        with open(self.root / "libvirtd.out", "ab") as out:
            self.process = subprocess.Popen(daemon, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            cwd="/", start_new_session=True)
        at = self.root / "run/libvirt/libvirt-sock"
        self.wait(lambda: at.exists() and self.virsh("list", check=False).status == 0, "libvirtd to answer")
        return self

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    uri = URI

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def wait(self, condition, what, timeout=40):
        end = time.monotonic() + timeout
        while not condition():
            if self.process.poll() is not None:
                raise Failed(f"libvirtd has ended with {self.process.returncode}: {self.log_tail()}")
            if time.monotonic() > end:
                raise Failed(f"waited {timeout} s for {what}\n{self.log_tail()}")
            time.sleep(0.02)

    def log_tail(self):
        with contextlib.suppress(OSError):
            text = (self.root / "libvirtd.log").read_text(errors="replace")
            lines = [re.sub(r"^\S+ \S+ ", "", line)[:300] for line in text.splitlines() if " : " in line]
            return "\n".join(lines[-12:])
        return ""

    def guest_log(self, name):
        with contextlib.suppress(OSError):
            return (self.root / f"cache/libvirt/qemu/log/{name}.log").read_text(errors="replace")[-600:]
        return ""

    def guests(self):
        """{pid: command line} of every emulator that runs from our folder."""
        found = {}
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError):
                words = Path(f"/proc/{int(entry)}/cmdline").read_bytes().split(b"\0")
                if any(str(self.root).encode() in w for w in words) and b"-uuid" in words:
                    found[int(entry)] = words
        return found

    def close(self):
        """No guest, no daemon, no folder."""
        with contextlib.suppress(Failed, subprocess.TimeoutExpired):
            if self.alive():
                for name in self.virsh("list", "--name", check=False).out.split():
                    self.virsh("destroy", name, check=False)
        self.stop()
        for pid in self.guests():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.reaper.done.set()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # ---- its clients -------------------------------------------------------------------------------------

    def run(self, *argv, check=True, timeout=60, stdin=subprocess.DEVNULL, quiet=False):
        argv = [str(a) for a in argv]
        log = [] if quiet else self.ctx.log
        log.append("$ " + " ".join(argv))
        p = subprocess.run(self.command(*argv), env=self.env, stdin=stdin, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=min(timeout, self.ctx.left()), cwd="/", check=False)
        done = Done(argv, p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace"))
        for text in (done.out, done.err):
            if text.strip():
                log.append(text.rstrip())
        if check and done.status:
            raise Failed(f"{' '.join(argv)}: status {done.status}: {done.err.strip()}\n{self.log_tail()}")
        return done

    def virsh(self, *words, **kw):
        return self.run("virsh", "-q", *words, **kw)

    def state(self, name):
        """'running (booted)'."""
        return self.virsh("domstate", "--reason", name).out.strip()

    def wait_state(self, name, want, timeout=40):
        last = ""

        def reached():
            nonlocal last
            last = self.virsh("domstate", "--reason", name, quiet=True).out.strip()
            return last == want or last.startswith("shut off") and not want.startswith("shut off") or time.sleep(0.1)
        try:
            self.wait(reached, want, timeout)
            self.ctx.equal(last, want, f"state of {name}")
        except Failed as err:
            raise Failed(f"{name} is {last!r}, not {want!r}: {err}\n{self.guest_log(name)}") from None

    def define(self, xml):
        path = self.root / "domain.xml"
        path.write_text(xml)
        path.chmod(0o644)
        return self.virsh("define", path)

    def define_or_refuse(self, xml):
        path = self.root / "domain.xml"
        path.write_text(xml)
        return self.virsh("define", path, check=False)

    def start_virsh(self, *words):
        """A virsh that runs on; its caller ends it."""
        argv = ["virsh", "-q", *map(str, words)]
        self.ctx.log.append("$ " + " ".join(argv) + " &")
        return subprocess.Popen(self.command(*argv), env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, cwd="/")

    def talk(self, path, words, want, timeout=20):
        """WORDS into a stream socket, until WANT comes out."""
        seen, end = b"", time.monotonic() + timeout
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
            s.sendall(words.encode())
            while want.encode() not in seen:
                s.settimeout(max(0.1, end - time.monotonic()))
                try:
                    data = s.recv(4096)
                except TimeoutError:
                    data = b""
                if not data:
                    raise Failed(f"{want!r} does not come from {path}, but {seen!r}")
                seen += data

    def folder(self, name):
        """A folder that the daemon's user may write to."""
        path = self.root / name
        path.mkdir(exist_ok=True)
        if self.as_root:
            os.chown(path, NOBODY, NOBODY)
        return path

    def give(self, path):
        """To the daemon's user."""
        if self.as_root:
            os.chown(path, NOBODY, NOBODY)

    def pid(self):
        return int((self.root / "run/libvirtd.pid").read_text())

    def leftovers(self):
        """What a domain's process and libvirt leave in the run-time folders."""
        keep = ("libvirt-sock", "libvirt-admin-sock", "libvirtd.pid")
        return sorted(str(p) for where in ("run", "cfg/libvirt/qemu/lib") for p in (self.root / where).rglob("*")
                      if not p.is_dir() and not p.name.startswith(keep))

    def sweep(self):
        """After a test, however it went: no domain runs or is defined."""
        with contextlib.suppress(Failed, subprocess.TimeoutExpired):
            if not self.alive():
                self.process = None
                self.start()
            for name in self.virsh("list", "--name", check=False, quiet=True).out.split():
                self.virsh("destroy", name, check=False, quiet=True)
            for name in self.virsh("list", "--all", "--name", check=False, quiet=True).out.split():
                self.virsh("undefine", name, check=False, quiet=True)

    def console(self, name, prompt=PROMPT):
        """Connected, and at the guest's prompt if it is to have one. virsh throws away what is typed too early,
        and does not say when it is ready."""
        c = Console(self, "virsh", "console", name)
        c.read_until("Escape character is ^]")
        end = time.monotonic() + 30
        while prompt and prompt.encode() not in c.seen:
            if time.monotonic() > end:
                raise Failed(f"no {prompt!r} on the console; it shows {c.seen!r}\n{self.guest_log(name)}")
            c.type("\r")
            c.look(0.3)
        if not prompt:
            c.look(0.3)
        c.seen = b""
        return c


class Console:
    """A program on a terminal: what it shows, and typing into it."""

    def __init__(self, daemon, *argv):
        self.daemon, self.seen = daemon, b""
        daemon.ctx.log.append("$ " + " ".join(argv))
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ.clear()
            os.environ.update(daemon.env)
            command = daemon.command(*argv)
            os.execvp(command[0], command)
        self.pid = pid

    def read_until(self, text, timeout=30):
        """Everything up to text, which must come."""
        end = time.monotonic() + timeout
        want = text.encode()
        while want not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise Failed(f"waited {timeout} s for {text!r} on the console; it shows {self.seen!r}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                raise Failed(f"the console ended before {text!r}; it shows {self.seen!r}")
            self.seen += data
        before, _, self.seen = self.seen.partition(want)
        return before.decode(errors="replace")

    def look(self, seconds):
        """Takes in what comes within that time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and select.select([self.fd], [], [], left)[0]:
            try:
                self.seen += os.read(self.fd, 65536)
            except OSError:
                return

    def type(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        with contextlib.suppress(OSError, ProcessLookupError):
            os.write(self.fd, b"\x1d")  # ^]
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
            with contextlib.suppress(OSError):
                if select.select([self.fd], [], [], 0.05)[0]:
                    os.read(self.fd, 65536)
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
