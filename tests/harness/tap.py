# SPDX-License-Identifier: MIT
"""tap.py - TAP as the tiny kernel's self-tests print it, judged as a whole."""

import re

from .core import Failed

LINE = re.compile(r"^(not ok|ok) (\d+)\b(.*)$", re.M)
PLAN = re.compile(r"^1\.\.(\d+)\s*$", re.M)


def sound(text, least=1):
    """Every test that the plan announces has passed; returns how many. `least`: fewer is a failure."""
    text = text.replace("\r", "")
    plan = PLAN.search(text)
    if not plan:
        raise Failed("no TAP plan in the output")
    lines = LINE.findall(text)
    bad = [f"{verdict} {number}{words}" for verdict, number, words in lines if verdict != "ok"]
    if bad:
        raise Failed("; ".join(bad))
    if [int(number) for _, number, _ in lines] != list(range(1, int(plan[1]) + 1)):
        raise Failed(f"plan {plan[0].strip()}, but {len(lines)} verdicts")
    if len(lines) < least:
        raise Failed(f"only {len(lines)} tests ran")
    return len(lines)
