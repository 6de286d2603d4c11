"""Processes that may end while they are asked."""

from __future__ import annotations

import psutil


def is_alive(process: psutil.Process) -> bool:
    """Not ended; what has ended but was not waited for yet is still listed by the system."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command_line(process: psutil.Process) -> list[str]:
    """Empty if it has ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
