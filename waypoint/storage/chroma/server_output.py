"""What the private Chroma server prints: kept in its log, as far as that can be written.

The server dies of a write to its output that fails. So it writes into a pipe, which is read here:
a log on a full disk costs lines of the log, and nothing else.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

from waypoint.files import open_to_append

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_MOST_KEPT = 8_192
"""Bytes of its last words that are kept in memory."""
_MOST_TOLD = 300
"""Characters of them that an error quotes."""


class ServerOutput:
    """The output of one server process.

    ``ours`` is for the server to hold as well: a pipe that nobody holds any more when we die
    would be the end of it, in the middle of its own.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._kept = b""
        self.failure: OSError | None = None
        """Why the log could not be written."""
        self.ours, self.theirs = os.pipe()
        self._thread = threading.Thread(target=self._read, name="chroma log", daemon=True)

    def start(self) -> None:
        """Read until the server has ended; it has been started, or never will be."""
        os.close(self.theirs)
        self._thread.start()

    def last_words(self) -> str:
        """The last line of a server that has ended; empty if it said nothing."""
        if self._thread.ident is not None:  # else no thread could be started
            self._thread.join(timeout=5)
        lines = _COLOURS.sub("", self._kept.decode(errors="replace")).splitlines()
        words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return "".join(c for c in words if c.isprintable())[:_MOST_TOLD]

    def _read(self) -> None:
        log = -1
        try:
            log = open_to_append(self._log)
        except OSError as error:
            self.failure = error
        while said := os.read(self.ours, _MOST_KEPT):
            self._kept = (self._kept + said)[-_MOST_KEPT:]
            if self.failure is None:
                try:
                    os.write(log, said)
                except OSError as error:
                    self.failure = error
        os.close(self.ours)
        if log >= 0:
            os.close(log)
