# SPDX-License-Identifier: MIT
"""conversation.py - talks to a guest's console: types, and waits for what should come. The guest is any
process whose stdin and stdout are that console (parallax run, QEMU with -serial stdio)."""

import os
import re
import select
import signal
import subprocess
import time


# Line editing asks a terminal where its cursor is, and moves it.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Silent(Exception):
    """What should have come did not, in time; or the guest ended."""


class Conversation:
    def __init__(self, argv, cwd=None):
        self.raw = b""
        self.seen = ""  # all that the guest has said, as a person would read it
        self.mark = 0  # up to here it has been used
        # A session of its own: what it starts ends with it.
        self.process = subprocess.Popen([str(a) for a in argv], cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, pattern, seconds):
        """The match of PATTERN in what came since the last wait; the text up to its end counts as used."""
        deadline, regex = time.monotonic() + seconds, re.compile(pattern, re.M)
        while True:
            match = regex.search(self.seen, self.mark)
            if match:
                self.mark = match.end()
                return match
            if not self._more(deadline):
                raise Silent(f"{pattern!r} did not come within {seconds} s")

    def ended(self, seconds):
        """The guest's exit status, once it has ended by itself."""
        deadline = time.monotonic() + seconds
        while self._more(deadline, eof_is_fine=True):
            pass
        try:
            return self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Silent(f"the guest did not end within {seconds} s") from None

    def _more(self, deadline, eof_is_fine=False):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
            return False
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        if not data:
            if eof_is_fine:
                return False
            raise Silent("the guest ended")
        self.raw += data
        self.seen = ESCAPES.sub("", self.raw.decode(errors="replace").replace("\r", ""))
        return True
