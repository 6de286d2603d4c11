"""The real command on a terminal: what it writes there, byte for byte."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

from tests.support.command import RUN_TIMEOUT, Workspace

_OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\r")
"""What rich sends: colours, the cursor shown and hidden, a line up, a line erased."""


def on_a_terminal(workspace: Workspace, *command: str, width: int = 100) -> tuple[int, str]:
    """The exit code of ``python -m waypoint <command>`` and all that reached its terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "waypoint", *command],
        cwd=workspace.folder,
        env={**workspace.environment, "TERM": "xterm-256color", "COLUMNS": str(width)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        parts = []
        # At the other side's end Linux gives EIO.
        with suppress(OSError):
            while part := os.read(ours, 65_536):
                parts.append(part)
        os.close(ours)
        return process.wait(RUN_TIMEOUT), b"".join(parts).decode()


def without_own_sequences(shown: str) -> str:
    """Less what the display itself needs."""
    return _OWN.sub("", shown)
