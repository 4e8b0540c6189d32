# SPDX-License-Identifier: MIT
"""Disks that must keep what they promised: a VMM that is killed, hosts that fail."""

from . import failing, killed


def jobs(env):
    yield from failing.jobs(env)
    yield from killed.jobs(env)
