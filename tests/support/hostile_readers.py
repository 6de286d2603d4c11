"""Readers that do to their process what hostile files do to real parsers; for the worker alone."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import time

from waypoint.formats.registry import Format, ParsedDocument
from waypoint.models import Block, Heading

TEXT = "# Title\n\nText with an é.\n"

_kept: list[bytearray] = []


class HostileReader:
    """Does what the file says."""

    def read(self, source: str, data: bytes) -> ParsedDocument | list[ParsedDocument]:
        word, _, argument = data.decode().partition(" ")
        match word:
            case "segfault":
                ctypes.string_at(0)
            case "exit":
                os._exit(int(argument))
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "sleep":
                time.sleep(600)
            case "backtrack":
                re.match(r"(a+)+$", "a" * 60 + "b")  # a parser that never comes back to Python
            case "eat":
                _kept.append(bytearray(int(argument)))
            case "print":
                print("noise " * 10_000, flush=True)
                print("noise", file=sys.stderr, flush=True)
            case "surrogate":
                return ParsedDocument("\ud800")
            case "environment":
                return ParsedDocument(" ".join(sorted(os.environ)) + f" {os.getsid(0)}")
            case "records":
                return [ParsedDocument(f"text {n}", record=str(n)) for n in range(int(argument))]
        return ParsedDocument(
            text=TEXT,
            headings=(Heading(1, "Title", 0),),
            metadata={"year": 2031, "draft": True, "ratio": 0.5},
            warnings=("odd",),
            pages=(0, 9),
            blocks=(Block("table", 9, 12, 10),),
        )


FORMATS = (
    Format("hostile", (".bad",), f"{__name__}:HostileReader", untrusted=True),
    Format("text", (".txt",), "waypoint.formats.plain.plaintext:PlainTextReader", untrusted=True),
)
