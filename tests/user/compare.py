# SPDX-License-Identifier: MIT
"""compare.py - the lines of one program on two kernels: which differ, and which may.

differences.txt names the questions that two Linux kernels answer differently, each with its reason; such
a line is compared with the stored answer where there is one, and otherwise left out. "on PLACE " before
the pattern: only there.
"""

import difflib
import fnmatch
from dataclasses import dataclass, field
from pathlib import Path

ALLOWED = Path(__file__).resolve().parent / "differences.txt"


@dataclass
class Verdict:
    name: str
    answers: int
    differences: list = field(default_factory=list)
    allowed: int = 0

    def summary(self):
        text = f"{'ok  ' if not self.differences else 'DIFF'} {self.name}: {self.answers} answers"
        if self.differences:
            text += f", {sum(1 for d in self.differences if d.startswith('got'))} other"
        return text + (f", {self.allowed} left out" if self.allowed else "")


def read_allowed(path=ALLOWED):
    """[(pattern of a line, reason)] in the file's order."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        if line.strip() and not line.startswith("#"):
            pattern, _, reason = line.partition(" | ")
            rows.append((pattern.strip(), reason.strip()))
    return rows


def _left_out(line, allowed, places):
    for pattern, _ in allowed:
        if pattern.startswith("on "):
            _, place, pattern = pattern.split(" ", 2)
            if place not in places:
                continue
        if fnmatch.fnmatchcase(line, "@" + pattern):
            return True
    return False


def program(name, got, want, got_name, want_name):
    """The Verdict on one program of two Answers."""
    allowed = read_allowed()
    mine, theirs = got.get(name), want.get(name)
    verdict = Verdict(name, len(mine or ()))
    if mine is None or theirs is None:
        verdict.differences.append(f"never began on {got_name if mine is None else want_name}")
        return verdict
    kept = [[line for line in lines if not _left_out(line, allowed, (got_name, want_name))] for lines in (mine, theirs)]
    verdict.allowed = len(mine) - len(kept[0])
    for line in difflib.unified_diff(kept[1], kept[0], n=0, lineterm=""):
        if line.startswith(("---", "+++", "@@")):
            continue
        verdict.differences.append(("got  " if line[0] == "+" else "want ") + line[1:])
    return verdict
